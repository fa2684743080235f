//! What does the thread of a microphone do while somebody speaks?
//!
//! ```text
//!  a connection ─ base::talk ─► Mouth: media::Microphone ─► FeedTx ══► engine
//!  control ◄── Event ─────────────┘
//! ```
//!
//! Each has a thread of its own, which waits for frames and for the moment when the feed runs dry.
//! There are few at a time: who speaks over a connection holds down a button.

use std::io;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::base::{CallId, FeedRx, FeedTx, Talk, TalkRx, feed};
use crate::media::{Microphone, SenderReport};
use crate::net::Event;
use crate::net::idle::Idle;
use crate::net::loud::Loud;
use crate::net::priority;

/// Starts the thread of a voice, which ends when the other end of `talk` does or when nobody wants
/// to hear it any more. The feed is held: what comes before it is released is for nobody.
///
/// `Event::Sounds`, `Event::Silent` and `Event::LetGo` tell of it, and in the end `Event::Closed`.
///
/// # Errors
/// The system has no thread to give.
pub fn listen(call: CallId, talk: TalkRx, events: UnboundedSender<Event>) -> io::Result<FeedRx> {
    let rate = talk.rate();
    let (tx, rx) = feed(rate, rate.frames_in(LONGEST_FEED));
    rx.hold();
    let mouth = Mouth {
        call,
        voice: Microphone::new(rate),
        feed: tx,
        idle: Idle::default(),
        loud: Loud::default(),
        heard_at: None,
        events,
    };
    std::thread::Builder::new()
        .name("microphone".to_owned())
        .spawn(move || mouth.run(&talk))?;
    Ok(rx)
}

struct Mouth {
    call: CallId,
    voice: Microphone,
    feed: FeedTx,
    idle: Idle,
    loud: Loud,
    /// The last sound since somebody listens, or when that was; `None` once silence was told.
    heard_at: Option<Instant>,
    events: UnboundedSender<Event>,
}

impl Mouth {
    fn run(mut self, talk: &TalkRx) {
        tracing::debug!(realtime = priority::raise(), "thread of a microphone runs");
        let mut was_held = true;
        while !self.feed.is_abandoned() {
            let end = match talk.wait(self.wait(Instant::now())) {
                Some(Talk::Sound { at, pcm }) => {
                    self.voice.handle(&pcm, at);
                    self.heard_at = Some(at);
                    None
                }
                Some(Talk::End { how }) => Some(how),
                Some(Talk::Gone) => Some("the connection broke".to_owned()),
                None => None,
            };
            let now = Instant::now();
            let is_held = self.feed.is_held();
            if is_held || was_held {
                self.heard_at = Some(now);
            }
            was_held = is_held;
            self.pump(now);
            if let Some(how) = end {
                self.let_go(how);
                break;
            }
            self.watch(now);
        }
        // Nobody may be there to hear it while the daemon ends.
        let _ = self.events.send(Event::Closed {
            call: self.call,
            report: self.voice.report(),
            sent: SenderReport::default(),
            n_foreign: 0,
            n_unproven: 0,
            round_trip: None,
        });
    }

    /// How long there is nothing to do but to wait for sound.
    fn wait(&self, now: Instant) -> Duration {
        let due = self.voice.poll_timeout().map(|(at, _)| at);
        let silent = self.heard_at.map(|at| at + SILENT_AFTER);
        let due = due.into_iter().chain(silent).min();
        due.map_or(LONGEST_WAIT, |at| at.saturating_duration_since(now))
            .min(LONGEST_WAIT)
    }

    fn pump(&mut self, now: Instant) {
        for _ in 0..MOST_BLOCKS {
            let fill = self.idle.fill(&mut self.feed, now);
            let Some(frames) = self.voice.poll(now, fill) else {
                break;
            };
            self.loud.listen(frames);
            self.idle.push(&mut self.feed, frames);
        }
        self.feed.set_target(self.voice.target());
    }

    /// Tells that there is sound, or that there has been none for too long.
    fn watch(&mut self, now: Instant) {
        let call = self.call;
        if self.loud.is_news(now) {
            let _ = self.events.send(Event::Sounds { call });
        }
        if let Some(since) = self.heard_at.take_if(|at| now >= *at + SILENT_AFTER) {
            let _ = self.events.send(Event::Silent { call, since });
        }
    }

    /// What was said last is still to be heard.
    fn let_go(&mut self, how: String) {
        let until = Instant::now() + LAST_WORD;
        while self.feed.fill() > 0 && !self.feed.is_abandoned() && Instant::now() < until {
            std::thread::sleep(LOOK);
        }
        let call = self.call;
        let _ = self.events.send(Event::LetGo { call, how });
    }
}

/// Blocks of sound that go into a feed at a time; far fewer fill it.
const MOST_BLOCKS: usize = 64;
/// As long as the feed of a call.
const LONGEST_FEED: Duration = Duration::from_secs(1);
/// A page that nobody is heard in holds up all others; a bad radio link is back by then.
const SILENT_AFTER: Duration = Duration::from_secs(5);
/// So soon the thread notices that nobody wants to hear it.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// More than the delay of any voice that can be understood.
const LAST_WORD: Duration = Duration::from_millis(300);
const LOOK: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::base::{SampleRate, TalkTx, talk};

    const CALL: CallId = CallId(7);

    fn begin() -> (TalkTx, FeedRx, UnboundedReceiver<Event>) {
        let (tx, rx) = talk(SampleRate::HZ_16000);
        let (events, told) = unbounded_channel();
        (tx, listen(CALL, rx, events).unwrap(), told)
    }

    fn wait_for(told: &mut UnboundedReceiver<Event>, is_it: impl Fn(&Event) -> bool) -> Event {
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            match told.try_recv() {
                Ok(event) if is_it(&event) => return event,
                Ok(_) => {}
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        panic!("it was not told");
    }

    #[test]
    fn a_voice_is_heard_once_somebody_listens_and_ends_with_its_last_word() {
        let (talk, mut heard, mut told) = begin();
        let loud = [0, 64].repeat(320);
        for _ in 0..10 {
            assert!(talk.offer(loud.clone(), Instant::now()));
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(heard.fill(), 0, "nobody listens yet");
        heard.release();
        let mut n_heard = 0;
        let mut block = [0.0; 80];
        for _ in 0..60 {
            talk.offer(loud.clone(), Instant::now());
            std::thread::sleep(Duration::from_millis(20));
            while heard.fill() >= block.len() {
                n_heard += heard.pop(&mut block);
            }
            if n_heard > 3_200 {
                break;
            }
        }
        assert!(n_heard > 3_200, "only {n_heard} frames were heard");
        wait_for(&mut told, |event| {
            matches!(event, Event::Sounds { call: CALL })
        });
        talk.end("the speaker let go");
        let gone = |event: &Event| matches!(event, Event::LetGo { how, .. } if how == "the speaker let go");
        wait_for(&mut told, gone);
        wait_for(&mut told, |event| {
            matches!(event, Event::Closed { call: CALL, .. })
        });
    }

    #[test]
    fn a_broken_connection_ends_it_and_so_does_nobody_listening() {
        let (talk, _heard, mut told) = begin();
        drop(talk);
        let broke = |event: &Event| matches!(event, Event::LetGo { how, .. } if how == "the connection broke");
        wait_for(&mut told, broke);
        let (talk, heard, mut told) = begin();
        drop(heard);
        wait_for(&mut told, |event| matches!(event, Event::Closed { .. }));
        while talk.offer(vec![0, 0], Instant::now()) {}
    }
}

//! What does the test phone do from dialling to the end of one call?
//!
//! ```text
//!  dialled ─► ringing ─► answered ─► keys ─► sound ─► a breath ─► hung up ─► figures
//!     └────────┴── refused · nobody answers · asked to stop ───────────────────┘
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::{sleep_until, timeout};

use crate::base::{CallId, FeedRx, SampleRate};
use crate::daemon::call::phone::{End, Heard, Moment, Outcome, Phone, Script, Step};
use crate::daemon::legs::{feed_for, new_feed, receiver, redirect, renewed, sender};
use crate::dsp;
use crate::media::{self, Key, Receiver};
use crate::net::{self, Leg, PortPair, Repeat};
use crate::sdp::{self, Agreed, Direction, Ours};
use crate::sip::{self, HowEnded};

/// A phone that rings so long has nobody beside it; also the patience of proxies (timer C of
/// RFC 3261 section 16.6).
const RING_FOR: Duration = Duration::from_secs(180);
/// How long a call without sound to play lasts when nothing is said about it.
pub(super) const DEFAULT_DURATION: Duration = Duration::from_secs(10);
/// From the end of the sound to hanging up, so that the last word leaves the peer's buffers.
const BREATH: Duration = Duration::from_millis(300);
/// From the answer to the first key: the peer may still be opening its ears.
const BEFORE_KEYS: Duration = Duration::from_millis(300);
/// What a comma among the keys waits.
const COMMA: Duration = Duration::from_secs(1);
/// How long a key is held; with the pause behind it a person's fast pressing.
const KEY: Duration = Duration::from_millis(100);
/// From the start of a key to the start of the next, at most.
const KEY_AND_PAUSE: Duration = Duration::from_millis(240);
/// How long the two sides of the program may take to say that a call is over.
const FAREWELL: Duration = Duration::from_secs(2);

/// One call under way.
pub(super) struct Talk<'a, F> {
    phone: &'a Phone,
    script: &'a Script,
    call: CallId,
    inbox: mpsc::UnboundedReceiver<Heard>,
    tell: F,
    steps: Vec<Step>,
    /// What we offered; `None` before.
    ours: Option<Ours>,
    /// What the last descriptions came to.
    agreed: Option<Agreed>,
    /// Until the answer.
    sockets: Option<PortPair>,
    /// Groups of keys with a wait before each.
    keys: VecDeque<(Duration, Vec<Key>)>,
    keys_at: Option<Instant>,
    hang_up_at: Instant,
    /// Of the sound in this call.
    rate: SampleRate,
    is_open: bool,
    is_played: bool,
    /// When the first packet of the sound left.
    began: Option<Instant>,
    /// Why we hung up, once we have.
    closing: Option<End>,
    tap: mpsc::UnboundedReceiver<Vec<f32>>,
    tap_tx: mpsc::UnboundedSender<Vec<f32>>,
    heard: Vec<f32>,
}

impl<'a, F: Fn(&Step)> Talk<'a, F> {
    pub(super) fn new(
        phone: &'a Phone,
        script: &'a Script,
        call: CallId,
        inbox: mpsc::UnboundedReceiver<Heard>,
        tell: F,
    ) -> Self {
        let (tap_tx, tap) = mpsc::unbounded_channel();
        Self {
            phone,
            script,
            call,
            inbox,
            tell,
            steps: Vec::new(),
            ours: None,
            agreed: None,
            sockets: None,
            keys: groups(&script.keys),
            keys_at: None,
            hang_up_at: Instant::now() + RING_FOR,
            rate: SampleRate::HZ_8000,
            is_open: false,
            is_played: script.play.is_none(),
            began: None,
            closing: None,
            tap,
            tap_tx,
            heard: Vec::new(),
        }
    }

    /// The whole call.
    pub(super) async fn run(mut self, stop: watch::Receiver<bool>) -> Outcome {
        let end = match self.dial() {
            Ok(()) => self.talk(stop).await,
            Err(why) => End::Failed(why),
        };
        self.step(Moment::Ended);
        self.sum_up(end).await
    }

    fn step(&mut self, what: Moment) {
        let step = Step {
            at: Instant::now(),
            what,
        };
        (self.tell)(&step);
        self.steps.push(step);
    }

    fn dial(&mut self) -> Result<(), String> {
        self.step(Moment::Dialled);
        let bound = self.phone.ports.bind(self.phone.local);
        let sockets = bound.map_err(|e| e.to_string())?;
        let ours = self.phone.ours(sockets.rtp_port());
        let wish = if self.script.auto_answer {
            sip::Wish::PickUp
        } else {
            sip::Wish::Ring
        };
        self.phone.endpoint.dial_with(
            self.call,
            &self.script.target,
            self.phone.account.as_deref(),
            sdp::offer(&ours),
            wish,
        );
        self.ours = Some(ours);
        self.sockets = Some(sockets);
        Ok(())
    }

    async fn talk(&mut self, mut stop: watch::Receiver<bool>) -> End {
        loop {
            let hang_up_at = self.hang_up_at.into();
            let keys_at = self.keys_at;
            tokio::select! {
                heard = self.inbox.recv() => match heard {
                    Some(Heard::Sip(event)) => if let Some(end) = self.hear_sip(event) {
                        return end;
                    },
                    Some(Heard::Net(event)) => self.hear_net(&event),
                    None => return End::Failed("the phone is gone".to_owned()),
                },
                Some(block) = self.tap.recv() => self.heard.extend(block),
                () = sleep_until(hang_up_at) => if let Some(end) = self.time_is_up() {
                    return end;
                },
                () = sleep_until(keys_at.unwrap_or(self.hang_up_at).into()), if keys_at.is_some() => {
                    self.press();
                }
                _ = stop.wait_for(|stop| *stop), if self.closing.is_none() => {
                    let end = if self.is_open { End::Done } else { End::GivenUp };
                    self.hang_up(end);
                }
            }
        }
    }

    fn hear_sip(&mut self, event: sip::Event) -> Option<End> {
        match event {
            sip::Event::Ringing { .. } | sip::Event::EarlyMedia { .. } => {
                self.step(Moment::Ringing);
            }
            sip::Event::Answered { answer, .. } => {
                self.step(Moment::Answered);
                if let Err(why) = self.answered(answer.as_deref()) {
                    self.hang_up(End::Failed(why));
                }
            }
            sip::Event::Refused {
                status,
                reason,
                retry_after,
                ..
            } => {
                let reason = match retry_after {
                    Some(wait) => format!("{reason}, to be tried again in {} s", wait.as_secs()),
                    None => reason,
                };
                return Some(End::Refused { status, reason });
            }
            sip::Event::Ended { how, .. } => return Some(self.ended(how)),
            sip::Event::Reoffer { offer, .. } => self.reoffered(offer.as_deref()),
            sip::Event::Confirmed { answer, .. } => self.confirmed(answer.as_deref()),
            sip::Event::Reanswered { answer, .. } => self.confirmed(answer.ok().as_deref()),
            sip::Event::Key { digit, .. } => self.step(Moment::Key(digit)),
            sip::Event::KeyRefused { digit, status, .. } => {
                let why = format!("the other side does not take the key {digit} ({status})");
                self.hang_up(End::Failed(why));
            }
            sip::Event::Replaced { .. }
            | sip::Event::Incoming { .. }
            | sip::Event::Reached { .. }
            | sip::Event::Account { .. }
            | sip::Event::User { .. }
            | sip::Event::Guard(_) => {}
        }
        None
    }

    fn hear_net(&mut self, event: &net::Event) {
        match event {
            net::Event::FirstPacket { .. } => self.step(Moment::FirstSound),
            net::Event::Key { key, .. } => self.step(Moment::Key(key.digit)),
            net::Event::Played { began, .. } => {
                self.began = Some(*began);
                self.step(Moment::Played);
                self.is_played = true;
                if self.script.duration.is_none() && self.closing.is_none() {
                    self.hang_up_at = Instant::now() + BREATH;
                }
            }
            net::Event::Sounds { .. }
            | net::Event::Silent { .. }
            | net::Event::LetGo { .. }
            | net::Event::Said { .. }
            | net::Event::Left { .. }
            | net::Event::Closed { .. } => {}
        }
    }

    fn answered(&mut self, answer: Option<&str>) -> Result<(), String> {
        let answer = answer.ok_or("the answer brought no session description")?;
        let (Some(ours), Some(sockets)) = (&self.ours, self.sockets.take()) else {
            return Err("the call was answered twice".to_owned());
        };
        let agreed = sdp::accept(ours, answer).map_err(|e| e.to_string())?;
        let (tx, rx) = feed_for(agreed.encoding);
        self.phone.media.open(Leg {
            call: self.call,
            sockets,
            remote: agreed.remote,
            receiver: Receiver::new(receiver(&agreed)),
            feed: tx,
            sender: Some(sender(&agreed)),
            srtp: agreed.srtp,
        });
        self.agreed = Some(agreed);
        self.is_open = true;
        self.listen(rx);
        self.rate = agreed.encoding.audio_rate();
        self.hang_up_at = Instant::now() + self.longest();
        if agreed.direction != Direction::SendRecv {
            self.phone.media.redirect(self.call, redirect(&agreed));
        }
        if self.keys.is_empty() {
            self.play();
        } else {
            self.wait_for_keys(BEFORE_KEYS);
        }
        Ok(())
    }

    /// From the answer to hanging up, if nothing else ends the call.
    fn longest(&self) -> Duration {
        match (self.script.duration, &self.script.play) {
            (Some(duration), _) => duration,
            // The sound's end ends the call; this is for a media thread that never says so.
            (None, Some(play)) => play.duration() + RING_FOR,
            (None, None) => DEFAULT_DURATION,
        }
    }

    /// Sets when the next group of keys is pressed, `earliest` or later; behind the last one the
    /// sound begins.
    fn wait_for_keys(&mut self, earliest: Duration) {
        self.keys_at = match self.keys.front() {
            Some((wait, _)) => Some(Instant::now() + earliest + *wait),
            None => {
                self.play();
                None
            }
        };
    }

    fn press(&mut self) {
        let Some((_, keys)) = self.keys.pop_front() else {
            return;
        };
        let lasts_for = KEY_AND_PAUSE * keys.len() as u32;
        if self.script.duration.is_none() {
            self.hang_up_at = self.hang_up_at.max(Instant::now() + lasts_for + COMMA);
        }
        if self
            .agreed
            .is_some_and(|agreed| agreed.tx_event_payload_type.is_some())
        {
            self.phone.media.send_keys(self.call, keys);
        } else {
            // It does not know keys in the sound.
            for key in keys {
                self.phone
                    .endpoint
                    .press(self.call, key.digit, key.duration);
            }
        }
        self.wait_for_keys(lasts_for);
    }

    fn play(&self) {
        let Some(pcm) = &self.script.play else {
            return;
        };
        self.phone.media.play(self.call, pcm.clone(), Repeat::Once);
    }

    /// The peer wants another session: a hold, another address or codec.
    fn reoffered(&mut self, offer: Option<&str>) {
        let Some(ours) = &mut self.ours else {
            return;
        };
        *ours = renewed(ours, self.agreed.as_ref(), offer);
        let answer = match offer {
            None => Ok((sdp::offer(ours), None)),
            Some(offer) => sdp::answer(offer, ours)
                .map(|(text, agreed)| (text, Some(agreed)))
                .map_err(|refusal| refusal.status()),
        };
        let answer = answer.map(|(text, agreed)| {
            if let Some(agreed) = agreed {
                self.turn_to(agreed);
            }
            text
        });
        self.phone.endpoint.answer_offer(self.call, answer);
    }

    /// Sends and hears as is now agreed; what was recorded follows the rate.
    fn turn_to(&mut self, agreed: Agreed) {
        let mut to = redirect(&agreed);
        if let Some((tx, rx)) = self.agreed.and_then(|before| new_feed(&before, &agreed)) {
            to.feed = Some(tx);
            let rate = agreed.encoding.audio_rate();
            while let Ok(block) = self.tap.try_recv() {
                self.heard.extend(block);
            }
            self.heard = dsp::convert(&self.heard, self.rate, rate);
            self.rate = rate;
            self.listen(rx);
        }
        self.phone.media.redirect(self.call, to);
        self.agreed = Some(agreed);
    }

    /// Hears what comes through the feed, and records it if that is wanted.
    fn listen(&mut self, feed: FeedRx) {
        // What is still on its way from another feed is of another rate.
        (self.tap_tx, self.tap) = mpsc::unbounded_channel();
        let tap = self.script.record.then(|| self.tap_tx.clone());
        self.phone.media.listen(self.call, feed, tap);
    }

    /// The peer's answer to an offer of ours within the call.
    fn confirmed(&mut self, answer: Option<&str>) {
        let agreed = self
            .ours
            .as_ref()
            .zip(answer)
            .and_then(|(ours, answer)| sdp::accept(ours, answer).ok());
        if let Some(agreed) = agreed {
            self.turn_to(agreed);
        }
    }

    fn time_is_up(&mut self) -> Option<End> {
        if self.closing.is_some() {
            return self.closing.take();
        }
        let end = if self.is_open {
            End::Done
        } else {
            End::NotAnswered
        };
        self.hang_up(end);
        None
    }

    /// The end of the call follows as an event.
    fn hang_up(&mut self, why: End) {
        self.step(Moment::HungUp);
        self.closing = Some(why);
        self.keys_at = None;
        self.hang_up_at = Instant::now() + FAREWELL;
        self.phone.endpoint.hang_up(self.call, "");
    }

    fn ended(&mut self, how: HowEnded) -> End {
        if let Some(end) = self.closing.take() {
            return end;
        }
        match how {
            HowEnded::HungUp if self.is_played => End::HungUp,
            HowEnded::HungUp => End::CutShort,
            HowEnded::Failed(why) => End::Failed(why),
            HowEnded::Cancelled | HowEnded::NoAck | HowEnded::ByUs => {
                End::Failed("the call was given up".to_owned())
            }
        }
    }

    /// Closes the sound and adds its figures.
    async fn sum_up(mut self, end: End) -> Outcome {
        let mut outcome = Outcome {
            steps: std::mem::take(&mut self.steps),
            end,
            received: None,
            sent: media::SenderReport::default(),
            round_trip: None,
            began: self.began,
            heard: Vec::new(),
            rate: self.rate,
        };
        if self.is_open {
            self.phone.media.close(self.call);
            if let Ok(Some(net::Event::Closed {
                report,
                sent,
                round_trip,
                ..
            })) = timeout(FAREWELL, self.closed()).await
            {
                outcome.received = Some(report);
                outcome.sent = sent;
                outcome.round_trip = round_trip;
            }
        }
        while let Ok(block) = self.tap.try_recv() {
            self.heard.extend(block);
        }
        outcome.heard = std::mem::take(&mut self.heard);
        outcome
    }

    async fn closed(&mut self) -> Option<net::Event> {
        loop {
            match self.inbox.recv().await? {
                Heard::Net(event @ net::Event::Closed { .. }) => return Some(event),
                Heard::Net(_) | Heard::Sip(_) => {}
            }
        }
    }
}

/// Keys between commas; each comma waits a second.
fn groups(keys: &str) -> VecDeque<(Duration, Vec<Key>)> {
    let mut wait = Duration::ZERO;
    let mut groups = VecDeque::new();
    for group in keys.split(',') {
        if !group.is_empty() {
            let keys = group.chars().map(|digit| Key {
                digit,
                duration: KEY,
            });
            groups.push_back((std::mem::take(&mut wait), keys.collect()));
        }
        wait += COMMA;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_among_the_keys_wait_a_second_each() {
        let told: Vec<(u64, String)> = groups(",12#,,5,")
            .into_iter()
            .map(|(wait, keys)| (wait.as_secs(), keys.iter().map(|k| k.digit).collect()))
            .collect();
        assert_eq!(told, [(1, "12#".to_owned()), (2, "5".to_owned())]);
        assert!(groups("").is_empty() && groups(",").is_empty());
    }
}

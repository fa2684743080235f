//! How does the sound of some zones reach one group?

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedSender;

use crate::base::FeedRx;
use crate::media::Announcer;
use crate::net::group::sockets::speaking;
use crate::net::group::{Event, Spoken};

/// A group that is spoken to.
pub(super) struct Mouth {
    settings: Spoken,
    announcer: Option<Announcer>,
    feed: Option<FeedRx>,
    socket: Option<UdpSocket>,
    retry_at: Instant,
    /// As it was told last; nothing was told yet if there is no text at all.
    told: Option<Option<String>>,
    is_held: bool,
    frames: Vec<f32>,
}

impl Mouth {
    pub(super) fn new(settings: Spoken, now: Instant) -> Self {
        Self {
            settings,
            announcer: None,
            feed: None,
            socket: None,
            retry_at: now,
            told: None,
            is_held: false,
            frames: Vec::new(),
        }
    }

    /// The stream stays the same when only the ring is another.
    pub(super) fn set_feed(&mut self, feed: FeedRx) {
        let rate = feed.rate();
        match &mut self.announcer {
            Some(announcer) => announcer.set_rate(rate),
            None => self.announcer = Some(Announcer::new(self.settings.announcer, rate)),
        }
        self.feed = Some(feed);
    }

    pub(super) fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    /// Whether packets go out.
    pub(super) fn is_live(&self) -> bool {
        self.announcer.as_ref().is_some_and(Announcer::is_live)
    }

    /// Sends what has come since the last time.
    pub(super) fn tick(&mut self, now: Instant, events: &UnboundedSender<Event>) {
        self.open(now, events);
        let (Some(feed), Some(announcer)) = (&mut self.feed, &mut self.announcer) else {
            return;
        };
        announcer.hold(self.is_held);
        self.frames.resize(feed.fill(), 0.0);
        let n = feed.pop(&mut self.frames);
        announcer.push(&self.frames[..n]);
        let mut sent = None;
        while let Some(datagram) = announcer.poll() {
            // Without a socket the time passes all the same.
            if let Some(socket) = &self.socket {
                sent = Some(socket.send(datagram));
            }
        }
        match sent {
            Some(Err(why)) if is_lasting(&why) => self.fail(&why, now, events),
            Some(Ok(_)) => self.tell(None, events),
            Some(Err(_)) | None => {}
        }
    }

    fn open(&mut self, now: Instant, events: &UnboundedSender<Event>) {
        if self.socket.is_some() || now < self.retry_at {
            return;
        }
        match speaking(&self.settings) {
            Ok(socket) => {
                self.socket = Some(socket);
                // That packets leave shows only when some do.
                if self.told.as_ref().is_none_or(Option::is_some) {
                    self.tell(None, events);
                }
            }
            Err(why) => self.fail(&why, now, events),
        }
    }

    fn fail(&mut self, why: &io::Error, now: Instant, events: &UnboundedSender<Event>) {
        self.socket = None;
        self.retry_at = now + RETRY;
        self.tell(Some(why.to_string()), events);
    }

    fn tell(&mut self, fault: Option<String>, events: &UnboundedSender<Event>) {
        if self.told.as_ref() == Some(&fault) {
            return;
        }
        self.told = Some(fault.clone());
        let group = self.settings.name.clone();
        // Nobody listens any more only when the program ends.
        let _ = events.send(Event::State { group, fault });
    }
}

/// Whether it is more than one packet that a full queue did not take, or one that came back
/// because nobody was there.
fn is_lasting(why: &io::Error) -> bool {
    let passing = [
        io::ErrorKind::WouldBlock,
        io::ErrorKind::Interrupted,
        io::ErrorKind::ConnectionRefused,
    ];
    !passing.contains(&why.kind()) && why.raw_os_error() != Some(libc::ENOBUFS)
}

/// Between two attempts.
const RETRY: Duration = Duration::from_secs(1);

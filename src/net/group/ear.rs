//! Who speaks in a group that is listened to, and what do they say?
//!
//! The first that sends two packets in a row, from an address that may, has the group until it has
//! been silent for a while; who else speaks meanwhile is passed over.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use mio::{Registry, Token};
use tokio::sync::mpsc::UnboundedSender;

use crate::base::{Encoding, FeedTx, feed};
use crate::media::{Receiver, ReceiverSettings, Report};
use crate::net::group::sockets::{hearing, join_again};
use crate::net::group::{Event, Heard, HeardForm, StreamId};
use crate::net::inlet::{Buffer, Inlet};
use crate::rtp::polycom::{Hearing, Packet as Paged};
use crate::rtp::{Malformed, Packet};

/// A group that is listened to.
pub(super) struct Ear {
    settings: Heard,
    token: Token,
    joined: Option<Joined>,
    /// When to join, or to see that we still are.
    look_at: Instant,
    /// As it was told last; nothing was told yet if there is no text at all.
    told: Option<Option<String>>,
    speaker: Option<Speaker>,
    /// Somebody was told of as passed over, since when nothing else came of that.
    is_told_of: bool,
    n_foreign: u64,
}

struct Joined {
    inlet: Inlet,
    /// For what `Inlet` does not do.
    socket: UdpSocket,
}

/// Somebody who sends to the group.
struct Speaker {
    from: SocketAddr,
    ssrc: u32,
    caller: Option<String>,
    receiver: Receiver,
    /// What makes RTP of group pages.
    pages: Hearing,
    encoding: Encoding,
    heard_at: Instant,
    /// Known to the control side; `None` until a second packet has come.
    live: Option<Live>,
}

struct Live {
    stream: StreamId,
    /// `None` once nobody wants to hear it.
    feed: Option<FeedTx>,
}

/// What the thread lends to an ear for a moment.
pub(super) struct Room<'a> {
    pub(super) registry: &'a Registry,
    pub(super) buffer: &'a mut Buffer,
    pub(super) events: &'a UnboundedSender<Event>,
    /// The last that was given.
    pub(super) n_streams: &'a mut u64,
}

impl Ear {
    pub(super) fn new(settings: Heard, token: Token, now: Instant) -> Self {
        Self {
            settings,
            token,
            joined: None,
            look_at: now,
            told: None,
            speaker: None,
            is_told_of: false,
            n_foreign: 0,
        }
    }

    /// Takes what waits at the socket.
    pub(super) fn read(&mut self, now: Instant, room: &mut Room<'_>) {
        let Some(Joined { mut inlet, socket }) = self.joined.take() else {
            return;
        };
        let (events, n_streams) = (room.events, &mut *room.n_streams);
        inlet.read(now, room.registry, room.buffer, |datagram, from| {
            self.take(datagram, from, now, events, n_streams);
        });
        self.joined = Some(Joined { inlet, socket });
    }

    /// Does all that is due.
    pub(super) fn tick(&mut self, now: Instant, room: &mut Room<'_>) {
        if self.look_at <= now {
            self.look(now, room);
        }
        let paused = self.joined.as_ref().and_then(|it| it.inlet.due_at());
        if paused.is_some_and(|at| at <= now) {
            self.read(now, room);
        }
        if self.silent_at().is_some_and(|at| at <= now) {
            self.end(room.events);
        }
        if let Some(speaker) = &mut self.speaker {
            speaker.pump(now);
        }
    }

    /// When the next thing is due.
    pub(super) fn due_at(&self) -> Instant {
        let paused = self.joined.as_ref().and_then(|it| it.inlet.due_at());
        let speaker = self.speaker.as_ref();
        let heard = speaker.filter(|it| it.live.as_ref().is_some_and(|live| live.feed.is_some()));
        let sound = heard.and_then(|it| it.receiver.poll_timeout());
        [paused, sound.map(|(at, _)| at), self.silent_at()]
            .into_iter()
            .flatten()
            .fold(self.look_at, Instant::min)
    }

    /// Nobody wants to hear the stream; false if it is not here.
    pub(super) fn release(&mut self, stream: StreamId) -> bool {
        let live = self.speaker.as_mut().and_then(|it| it.live.as_mut());
        let live = live.filter(|live| live.stream == stream);
        live.map(|live| live.feed = None).is_some()
    }

    /// Leaves the group.
    pub(super) fn close(mut self, room: &mut Room<'_>) {
        self.end(room.events);
        if let Some(joined) = self.joined {
            joined.inlet.close(room.registry);
        }
    }

    fn take(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        now: Instant,
        events: &UnboundedSender<Event>,
        n_streams: &mut u64,
    ) {
        let sources = &self.settings.sources;
        if !sources.is_empty() && !sources.iter().any(|it| it.contains(from.ip())) {
            return self.pass_over(from, "is not one of the sources".to_owned(), events);
        }
        match self.settings.form {
            HeardForm::Rtp { .. } => self.take_rtp(datagram, from, None, now, events),
            HeardForm::Polycom { channel } => self.take_page(datagram, from, channel, now, events),
        }
        self.begin(now, events, n_streams);
    }

    fn take_page(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        wanted: Option<u8>,
        now: Instant,
        events: &UnboundedSender<Event>,
    ) {
        let Ok(packet) = Paged::parse(datagram) else {
            self.n_foreign += 1;
            return;
        };
        let sign = packet.sign();
        if wanted.is_some_and(|wanted| wanted != sign.channel) {
            return;
        }
        match packet {
            Paged::Alert(_) => {}
            Paged::Audio(sign, audio) => {
                let known = self.speaker.as_mut().filter(|it| it.from == from);
                let mut pages = known.map_or_else(Hearing::new, |it| std::mem::take(&mut it.pages));
                let caller = sign.caller_text();
                pages.handle(sign, audio, |packet| {
                    self.take_rtp(packet, from, Some(&caller), now, events);
                });
                if let Some(speaker) = self.speaker.as_mut().filter(|it| it.from == from) {
                    speaker.pages = pages;
                }
            }
            Paged::End(sign) => {
                let is_theirs = |it: &Speaker| it.from == from && it.ssrc == sign.serial;
                if self.speaker.as_ref().is_some_and(is_theirs) {
                    self.end(events);
                }
            }
        }
    }

    fn take_rtp(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        caller: Option<&str>,
        now: Instant,
        events: &UnboundedSender<Event>,
    ) {
        let packet = match Packet::parse(datagram) {
            Ok(packet) => packet,
            // Some send reports to the group; they are of no use here.
            Err(Malformed::Rtcp) => return,
            Err(_) => {
                self.n_foreign += 1;
                return;
            }
        };
        let Some(encoding) = self.encoding_of(packet.payload_type) else {
            let why = format!(
                "sends payload type {}, which is not known; name its codec",
                packet.payload_type
            );
            return self.pass_over(from, why, events);
        };
        match &mut self.speaker {
            Some(speaker) if speaker.from == from => speaker.hear(datagram, &packet, now),
            Some(speaker) if speaker.is_there(now) => {
                let why = format!("speaks while {} does", speaker.from);
                self.pass_over(from, why, events);
            }
            Some(_) | None => {
                let caller = caller.filter(|name| !name.is_empty()).map(str::to_owned);
                let mut speaker = Speaker::new(from, &packet, caller, encoding, now);
                speaker.hear(datagram, &packet, now);
                self.speaker = Some(speaker);
            }
        }
    }

    /// Tells of a speaker who has sent a second packet.
    fn begin(&mut self, now: Instant, events: &UnboundedSender<Event>, n_streams: &mut u64) {
        let Some(speaker) = &mut self.speaker else {
            return;
        };
        if speaker.live.is_none() && speaker.receiver.report().received > 1 {
            let rate = speaker.encoding.audio_rate();
            let (tx, rx) = feed(rate, rate.frames_in(LONGEST_FEED));
            *n_streams += 1;
            let stream = StreamId(*n_streams);
            speaker.live = Some(Live {
                stream,
                feed: Some(tx),
            });
            self.is_told_of = false;
            let _ = events.send(Event::Begun {
                group: self.settings.name.clone(),
                stream,
                from: speaker.from,
                caller: speaker.caller.clone(),
                feed: rx,
            });
        }
        speaker.pump(now);
    }

    fn end(&mut self, events: &UnboundedSender<Event>) {
        let Some(speaker) = self.speaker.take() else {
            return;
        };
        let n_foreign = std::mem::take(&mut self.n_foreign);
        self.is_told_of = false;
        if let Some(live) = speaker.live {
            let _ = events.send(Event::Over {
                stream: live.stream,
                report: speaker.receiver.report(),
                n_foreign,
            });
        }
    }

    fn encoding_of(&self, payload_type: u8) -> Option<Encoding> {
        let assigned = Encoding::ALL.into_iter();
        let mut assigned = assigned.filter(|it| it.static_payload_type() == Some(payload_type));
        let dynamic = match self.settings.form {
            HeardForm::Rtp { dynamic } => dynamic.filter(|_| payload_type >= FIRST_DYNAMIC),
            HeardForm::Polycom { .. } => None,
        };
        assigned.next().or(dynamic)
    }

    fn pass_over(&mut self, from: SocketAddr, why: String, events: &UnboundedSender<Event>) {
        self.n_foreign += 1;
        if !std::mem::replace(&mut self.is_told_of, true) {
            let group = self.settings.name.clone();
            let _ = events.send(Event::PassedOver { group, from, why });
        }
    }

    fn silent_at(&self) -> Option<Instant> {
        let speaker = self.speaker.as_ref()?;
        let after = match speaker.live {
            Some(_) => self.settings.silent_after,
            None => CANDIDATE,
        };
        Some(speaker.heard_at + after)
    }

    /// Joins, or sees that we still are where we have joined.
    fn look(&mut self, now: Instant, room: &mut Room<'_>) {
        self.look_at = now + RETRY;
        let joined = match &self.joined {
            Some(joined) => join_again(&joined.socket, &self.settings.place),
            None => self.join(room.registry),
        };
        let fault = joined.err().map(|why| why.to_string());
        if fault.is_some()
            && let Some(joined) = self.joined.take()
        {
            joined.inlet.close(room.registry);
        }
        if self.told.as_ref() != Some(&fault) {
            self.told = Some(fault.clone());
            let group = self.settings.name.clone();
            let _ = room.events.send(Event::State { group, fault });
        }
    }

    fn join(&mut self, registry: &Registry) -> io::Result<()> {
        let socket = hearing(&self.settings.place)?;
        let inlet = Inlet::new(socket.try_clone()?, self.token, registry)?;
        self.joined = Some(Joined { inlet, socket });
        Ok(())
    }
}

impl Speaker {
    fn new(
        from: SocketAddr,
        first: &Packet<'_>,
        caller: Option<String>,
        encoding: Encoding,
        now: Instant,
    ) -> Self {
        Self {
            from,
            ssrc: first.ssrc,
            caller,
            receiver: Receiver::new(ReceiverSettings {
                encoding,
                payload_type: first.payload_type,
                event_payload_type: Some(NO_PAYLOAD_TYPE),
                event_clock_rate: encoding.clock_rate(),
            }),
            pages: Hearing::new(),
            encoding,
            heard_at: now,
            live: None,
        }
    }

    /// Whether others have to wait.
    fn is_there(&self, now: Instant) -> bool {
        self.live.is_some() || now.saturating_duration_since(self.heard_at) < CANDIDATE
    }

    fn hear(&mut self, datagram: &[u8], packet: &Packet<'_>, now: Instant) {
        let n_before = self.receiver.report().received;
        self.receiver.handle_rtp(datagram, now);
        if self.receiver.report().received > n_before {
            self.heard_at = now;
            self.ssrc = packet.ssrc;
        }
    }

    fn pump(&mut self, now: Instant) {
        let Some(feed) = self.live.as_mut().and_then(|live| live.feed.as_mut()) else {
            return;
        };
        for _ in 0..MOST_BLOCKS {
            let Some(frames) = self.receiver.poll(now, feed.fill()) else {
                break;
            };
            feed.push(frames);
        }
        feed.set_target(self.receiver.target());
    }
}

impl Event {
    /// The figures of a stream that is over; for tests and for the log.
    pub fn report(&self) -> Option<&Report> {
        match self {
            Self::Over { report, .. } => Some(report),
            Self::State { .. } | Self::Begun { .. } | Self::PassedOver { .. } => None,
        }
    }
}

/// Blocks of sound that go into a feed at a time; the receiver fills it with far fewer.
const MOST_BLOCKS: usize = 64;
/// As long as the feed of a call.
const LONGEST_FEED: Duration = Duration::from_secs(1);
/// Who has sent one packet and then nothing was a mistake.
const CANDIDATE: Duration = Duration::from_millis(200);
/// Between two attempts to join, and two looks whether we still are.
const RETRY: Duration = Duration::from_secs(5);
/// Numbers below are assigned, or not to be used (RFC 3551 §6).
const FIRST_DYNAMIC: u8 = 96;
/// One that no packet has: nobody sends keys to a group, so nobody need listen for them.
const NO_PAYLOAD_TYPE: u8 = 255;

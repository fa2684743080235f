//! What happens in one call on the media thread?
//!
//! ```text
//!  RTP socket ─► latch ─► (Srtp) ─► Receiver ─► FeedTx ══► engine, or our own Listener or Notebook
//!  RTP socket ◄── Outgoing: keys, sound, silence, each ptime
//!  RTCP socket ◄─► Reports, each few seconds
//! ```

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Registry, Token};
use tokio::sync::mpsc::UnboundedSender;

use crate::base::{CallId, FeedRx, FeedTx, Pcm, SrtpKeys};
use crate::media::{Key, Receiver};
use crate::net::idle::Idle;
use crate::net::inlet::{Buffer, Inlet};
use crate::net::latch::Latch;
use crate::net::listener::Listener;
use crate::net::loud::Loud;
use crate::net::notebook::Notebook;
use crate::net::outgoing::Outgoing;
use crate::net::reports::{Reports, wall_clock};
use crate::net::{Event, Leg, Redirect, Repeat, Rx};
use crate::rtp::{self, Srtp, Unusable};

/// Blocks of sound that go into a feed at a time; the receiver fills it with far fewer.
const MOST_BLOCKS: usize = 64;

/// A call whose sockets are in the poll.
pub(super) struct Running {
    call: CallId,
    rtp: Inlet,
    rtcp: Inlet,
    latch: Latch,
    /// Where RTCP came from last; until then it goes to the port after the RTP port.
    rtcp_from: Option<SocketAddr>,
    receiver: Receiver,
    feed: FeedTx,
    idle: Idle,
    outgoing: Option<Outgoing>,
    listener: Option<Listener>,
    notebook: Option<Notebook>,
    reports: Reports,
    /// Since when the peer is silent: its last packet, or when we began to expect one.
    quiet_since: Instant,
    /// Whether that has been told, or need not be told.
    quiet_is_known: bool,
    rx: Rx,
    has_heard: bool,
    loud: Loud,
    n_foreign: u64,
    /// The protection, if the call has one.
    srtp: Option<Srtp>,
    n_unproven: u64,
}

/// What the thread lends to a call for a moment.
pub(super) struct Room<'a> {
    pub(super) registry: &'a Registry,
    pub(super) buffer: &'a mut Buffer,
    pub(super) events: &'a UnboundedSender<Event>,
    pub(super) timeout: Option<Duration>,
}

impl Running {
    /// Puts the sockets of `leg` into the poll under `tokens`: RTP, RTCP.
    pub(super) fn new(
        leg: Leg,
        tokens: [Token; 2],
        registry: &Registry,
        now: Instant,
        epoch: Instant,
    ) -> io::Result<Self> {
        let random = RandomState::new().hash_one(leg.call.0) as u32;
        let ssrc = leg.sender.map_or(random, |s| s.ssrc);
        let srtp = leg.srtp.as_ref().map(Srtp::new).transpose();
        let srtp = srtp.map_err(io::Error::other)?;
        let rtp = Inlet::new(leg.sockets.rtp, tokens[0], registry)?;
        Ok(Self {
            call: leg.call,
            rtp,
            rtcp: Inlet::new(leg.sockets.rtcp, tokens[1], registry)?,
            latch: Latch::new(leg.remote),
            rtcp_from: None,
            receiver: leg.receiver,
            feed: leg.feed,
            idle: Idle::default(),
            outgoing: leg.sender.map(|s| Outgoing::new(s, now, epoch)),
            listener: None,
            notebook: None,
            reports: Reports::new(ssrc, now),
            quiet_since: now,
            quiet_is_known: false,
            rx: Rx::Expected,
            has_heard: false,
            loud: Loud::default(),
            n_foreign: 0,
            srtp,
            n_unproven: 0,
        })
    }

    /// Takes what waits at the RTP socket, from the peer only.
    pub(super) fn read_rtp(&mut self, now: Instant, room: &mut Room<'_>) {
        let Self {
            call,
            rtp,
            latch,
            receiver,
            reports,
            quiet_since,
            quiet_is_known,
            has_heard,
            n_foreign,
            srtp,
            n_unproven,
            ..
        } = self;
        let events = room.events;
        rtp.read(now, room.registry, room.buffer, |datagram, from| {
            let ssrc = ssrc_of(datagram);
            if !latch.admits(from, ssrc, now) {
                *n_foreign += 1;
                return;
            }
            let Some(datagram) = opened(srtp, datagram, rtp::is_rtcp(datagram)) else {
                *n_unproven += 1;
                return;
            };
            if rtp::is_rtcp(&datagram) && latch.is_peer(from) {
                // RTCP on the RTP port (RFC 5761): not agreed, but harmless.
                reports.handle(&datagram, now);
            }
            let n_before = receiver.report().received;
            receiver.handle_rtp(&datagram, now);
            if receiver.report().received == n_before {
                return;
            }
            latch.accept(from, ssrc, now);
            (*quiet_since, *quiet_is_known) = (now, false);
            if !std::mem::replace(has_heard, true) {
                let first = Event::FirstPacket {
                    call: *call,
                    at: now,
                    from,
                };
                let _ = events.send(first);
            }
        });
    }

    /// Takes what waits at the RTCP socket, from the peer's host only.
    pub(super) fn read_rtcp(&mut self, now: Instant, room: &mut Room<'_>) {
        let Self {
            rtcp,
            latch,
            rtcp_from,
            reports,
            n_foreign,
            srtp,
            n_unproven,
            ..
        } = self;
        rtcp.read(now, room.registry, room.buffer, |datagram, from| {
            match latch.is_host(from.ip()) {
                Some(true) => {}
                Some(false) => {
                    *n_foreign += 1;
                    return;
                }
                None => return,
            }
            let Some(datagram) = opened(srtp, datagram, true) else {
                *n_unproven += 1;
                return;
            };
            if reports.handle(&datagram, now) {
                *rtcp_from = Some(from);
            }
        });
    }

    /// Does all that is due.
    pub(super) fn tick(&mut self, now: Instant, room: &mut Room<'_>) {
        if self.rtp.due_at().is_some_and(|at| at <= now) {
            self.read_rtp(now, room);
        }
        if self.rtcp.due_at().is_some_and(|at| at <= now) {
            self.read_rtcp(now, room);
        }
        self.pump(now);
        if let Some(listener) = &mut self.listener {
            listener.tick(now);
            self.pump(now);
        }
        if let Some(notebook) = &mut self.notebook {
            notebook.tick(now);
            self.pump(now);
        }
        while let Some(key) = self.receiver.poll_key() {
            let _ = room.events.send(Event::Key {
                call: self.call,
                key,
            });
        }
        self.tell_sound(now, room.events);
        self.send(now, room.events);
        if self.reports.due_at() <= now {
            self.report(now);
        }
        self.watch(now, room);
    }

    /// When the next thing is due.
    pub(super) fn due_at(&self, timeout: Option<Duration>) -> Option<Instant> {
        [
            self.rtp.due_at(),
            self.rtcp.due_at(),
            self.receiver.poll_timeout().map(|(at, _)| at),
            self.listener.as_ref().map(Listener::due_at),
            self.notebook.as_ref().map(Notebook::due_at),
            self.outgoing.as_ref().and_then(Outgoing::due_at),
            Some(self.reports.due_at()),
            self.silent_at(timeout),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    pub(super) fn redirect(&mut self, to: Redirect, now: Instant) {
        self.latch.redirect(to.remote);
        self.receiver.set_settings(to.receiver);
        if let Some(feed) = to.feed {
            self.feed = feed;
        }
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.redirect(to.tx, now);
        }
        self.rx = to.rx;
        if let Err(why) = protect(&mut self.srtp, to.srtp.as_ref()) {
            tracing::error!(call = %self.call, "call keeps its old keys: {why}");
        }
        (self.quiet_since, self.quiet_is_known) = (now, false);
    }

    pub(super) fn play(&mut self, pcm: Arc<Pcm>, repeat: Repeat) {
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.play(pcm, repeat);
        }
    }

    pub(super) fn speak(&mut self, feed: FeedRx) {
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.speak(feed);
        }
    }

    pub(super) fn send_keys(&mut self, keys: &[Key]) {
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.press(keys);
        }
    }

    pub(super) fn listen(
        &mut self,
        feed: FeedRx,
        tap: Option<UnboundedSender<Vec<f32>>>,
        now: Instant,
    ) {
        self.listener = Some(Listener::new(feed, tap, now));
    }

    pub(super) fn note(&mut self, feed: FeedRx, now: Instant) {
        match &mut self.notebook {
            Some(notebook) => notebook.turn_to(feed),
            None => self.notebook = Some(Notebook::new(feed, now)),
        }
    }

    pub(super) fn take_down(&mut self, from: Instant, longest: Duration) {
        if let Some(notebook) = &mut self.notebook {
            notebook.begin(from, longest);
        }
    }

    pub(super) fn said(&mut self, now: Instant) -> Vec<Pcm> {
        let Some(notebook) = &mut self.notebook else {
            return Vec::new();
        };
        notebook.tick(now);
        notebook.end()
    }

    /// Says goodbye, frees the ports and sums up.
    pub(super) fn close(mut self, registry: &Registry) -> Event {
        if let Some(to) = self.rtcp_remote() {
            let mut goodbye = Vec::new();
            self.reports.compose_goodbye(&mut goodbye);
            self.send_rtcp(&goodbye, to);
        }
        self.rtp.close(registry);
        self.rtcp.close(registry);
        Event::Closed {
            call: self.call,
            report: self.receiver.report(),
            sent: self.outgoing.map(|o| o.report()).unwrap_or_default(),
            n_foreign: self.n_foreign,
            n_unproven: self.n_unproven,
            round_trip: self.reports.round_trip(),
        }
    }

    fn pump(&mut self, now: Instant) {
        for _ in 0..MOST_BLOCKS {
            let fill = self.idle.fill(&mut self.feed, now);
            let Some(frames) = self.receiver.poll(now, fill) else {
                break;
            };
            self.loud.listen(frames);
            self.idle.push(&mut self.feed, frames);
        }
        self.feed.set_target(self.receiver.target());
    }

    fn tell_sound(&mut self, now: Instant, events: &UnboundedSender<Event>) {
        if self.loud.is_news(now) {
            let call = self.call;
            let _ = events.send(Event::Sounds { call });
        }
    }

    fn send(&mut self, now: Instant, events: &UnboundedSender<Event>) {
        let Some(outgoing) = &mut self.outgoing else {
            return;
        };
        let remote = self.latch.remote();
        let ended = outgoing.tick(now, |packet| {
            let Some(to) = remote else {
                return;
            };
            // A packet that the system does not take is lost like one on the way.
            let _ = match &mut self.srtp {
                None => self.rtp.send(packet, to).ok(),
                Some(srtp) => srtp
                    .seal_rtp(packet)
                    .and_then(|sealed| self.rtp.send(sealed.as_ref(), to).ok()),
            };
        });
        if let Some(began) = ended {
            let call = self.call;
            let _ = events.send(Event::Played { call, began });
        }
    }

    fn report(&mut self, now: Instant) {
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.expect_loss(self.reports.lost());
        }
        let (last_sr, age) = self.reports.last_sr(now);
        let block = self
            .receiver
            .source()
            .map(|(ssrc, source)| source.report_block(ssrc, last_sr, age));
        let sent = self
            .outgoing
            .as_ref()
            .map(|o| (o.sender().ssrc(), o.sender().sent(wall_clock())));
        let mut out = Vec::new();
        self.reports.compose(sent, block, now, &mut out);
        if let Some(to) = self.rtcp_remote() {
            self.send_rtcp(&out, to);
        }
    }

    fn send_rtcp(&mut self, packet: &[u8], to: SocketAddr) {
        // One that is lost is made up for by the next.
        let _ = match &mut self.srtp {
            None => self.rtcp.send(packet, to).ok(),
            Some(srtp) => srtp
                .seal_rtcp(packet)
                .and_then(|sealed| self.rtcp.send(sealed.as_ref(), to).ok()),
        };
    }

    fn rtcp_remote(&self) -> Option<SocketAddr> {
        let next_port = |rtp: SocketAddr| {
            let port = rtp.port().checked_add(1)?;
            Some(SocketAddr::new(rtp.ip(), port))
        };
        self.rtcp_from
            .or_else(|| self.latch.remote().and_then(next_port))
    }

    /// Tells once that the peer has been silent for too long.
    fn watch(&mut self, now: Instant, room: &Room<'_>) {
        if self.silent_at(room.timeout).is_some_and(|at| at <= now) {
            self.quiet_is_known = true;
            let _ = room.events.send(Event::Silent {
                call: self.call,
                since: self.quiet_since,
            });
        }
    }

    fn silent_at(&self, timeout: Option<Duration>) -> Option<Instant> {
        let is_watched = self.rx == Rx::Expected && !self.quiet_is_known;
        timeout
            .filter(|_| is_watched)
            .map(|timeout| self.quiet_since + timeout)
    }
}

/// Follows new keys, or none.
pub(super) fn protect(srtp: &mut Option<Srtp>, keys: Option<&SrtpKeys>) -> Result<(), Unusable> {
    match (keys, &mut *srtp) {
        (Some(keys), Some(old)) => old.rekey(keys)?,
        (Some(keys), None) => *srtp = Some(Srtp::new(keys)?),
        (None, _) => *srtp = None,
    }
    Ok(())
}

/// Where RTP has the number of its stream (RFC 3550 section 5.1), protected or not; 0 of what is
/// too short for it.
pub(super) fn ssrc_of(datagram: &[u8]) -> u32 {
    let field = datagram.get(8..12).and_then(|field| field.try_into().ok());
    field.map_or(0, u32::from_be_bytes)
}

/// What a datagram says once its protection is taken off; `None` if that does not hold.
pub(super) fn opened<'a>(
    srtp: &mut Option<Srtp>,
    datagram: &'a [u8],
    is_rtcp: bool,
) -> Option<Cow<'a, [u8]>> {
    let Some(srtp) = srtp else {
        return Some(datagram.into());
    };
    if is_rtcp {
        return Some(srtp.open_rtcp(datagram)?.as_ref().to_vec().into());
    }
    Some(srtp.open_rtp(datagram)?.as_ref().to_vec().into())
}

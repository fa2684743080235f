//! What do we know of one who listens, and what of that which it sends counts?

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Instant;

use crate::base::CallId;
use crate::media::SenderReport;
use crate::net::Event;
use crate::net::hall::Hearing;
use crate::net::latch::Latch;
use crate::net::reports::Reports;
use crate::net::running::{opened, protect, ssrc_of};
use crate::rtp::{self, EventRx, Packet, Sent, Srtp, Unusable, Unwrap};

/// The network side of a call that only listens.
pub(super) struct Listener {
    call: CallId,
    latch: Latch,
    /// Where RTCP came from last; until then it goes to the port after the RTP port.
    rtcp_from: Option<SocketAddr>,
    reports: Reports,
    srtp: Option<Srtp>,
    payload_type: u8,
    event_payload_type: Option<u8>,
    keys: EventRx,
    timestamps: Unwrap,
    n_received: u64,
    n_foreign: u64,
    n_unproven: u64,
}

impl Listener {
    /// # Errors
    /// Keys that cannot be used.
    pub(super) fn new(call: CallId, hearing: &Hearing, now: Instant) -> Result<Self, Unusable> {
        Ok(Self {
            call,
            latch: Latch::new(hearing.remote),
            rtcp_from: None,
            reports: Reports::new(hearing.sender.ssrc, now),
            srtp: hearing.srtp.as_ref().map(Srtp::new).transpose()?,
            payload_type: hearing.payload_type,
            event_payload_type: hearing.event_payload_type,
            keys: EventRx::new(hearing.sender.event_clock_rate),
            timestamps: Unwrap::default(),
            n_received: 0,
            n_foreign: 0,
            n_unproven: 0,
        })
    }

    /// Follows a new agreement.
    pub(super) fn redirect(&mut self, to: &Hearing) {
        self.latch.redirect(to.remote);
        self.payload_type = to.payload_type;
        self.event_payload_type = to.event_payload_type;
        self.keys.set_clock_rate(to.sender.event_clock_rate);
        if let Err(why) = protect(&mut self.srtp, to.srtp.as_ref()) {
            tracing::error!(call = %self.call, "call keeps its old keys: {why}");
        }
    }

    /// Where its packets go.
    pub(super) fn remote(&self) -> Option<SocketAddr> {
        self.latch.remote()
    }

    /// The datagram as it goes out; `None` if it cannot be protected.
    pub(super) fn sealed<'a>(&mut self, datagram: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let Some(srtp) = &mut self.srtp else {
            return Some(datagram.into());
        };
        let sealed = srtp.seal_rtp(datagram)?;
        Some(sealed.as_ref().to_vec().into())
    }

    /// Takes a datagram that came to the RTP port; true if it came from a new place.
    pub(super) fn take(
        &mut self,
        datagram: &[u8],
        from: SocketAddr,
        now: Instant,
        mut tell: impl FnMut(Event),
    ) -> bool {
        let ssrc = ssrc_of(datagram);
        if !self.latch.admits(from, ssrc, now) {
            self.n_foreign += 1;
            return false;
        }
        let is_rtcp = rtp::is_rtcp(datagram);
        let Some(datagram) = opened(&mut self.srtp, datagram, is_rtcp) else {
            self.n_unproven += 1;
            return false;
        };
        if is_rtcp {
            // RTCP on the RTP port (RFC 5761): not agreed, but harmless.
            self.reports.handle(&datagram, now);
            return false;
        }
        let Some(packet) = self.expected(&datagram) else {
            return false;
        };
        if self.n_received == 0 {
            let call = self.call;
            tell(Event::FirstPacket {
                call,
                at: now,
                from,
            });
        }
        self.n_received += 1;
        if Some(packet.payload_type) == self.event_payload_type {
            self.press(&packet, now);
        }
        let call = self.call;
        while let Some(key) = self.keys.poll() {
            tell(Event::Key { call, key });
        }
        self.latch.accept(from, ssrc, now)
    }

    /// A packet that the peer may send; its sound is of no interest.
    fn expected<'a>(&self, datagram: &'a [u8]) -> Option<Packet<'a>> {
        let packet = Packet::parse(datagram).ok()?;
        let is_agreed = packet.payload_type == self.payload_type
            || Some(packet.payload_type) == self.event_payload_type;
        is_agreed.then_some(packet)
    }

    fn press(&mut self, packet: &Packet<'_>, now: Instant) {
        if let Some(event) = rtp::Event::parse(packet.payload) {
            let timestamp = self.timestamps.timestamp(packet.timestamp);
            self.keys.handle(event, packet.marker, timestamp, now);
        }
    }

    /// Takes a datagram that came to the RTCP port.
    pub(super) fn take_report(&mut self, datagram: &[u8], from: SocketAddr, now: Instant) {
        if self.latch.remote().is_none_or(|r| r.ip() != from.ip()) {
            self.n_foreign += 1;
            return;
        }
        let Some(datagram) = opened(&mut self.srtp, datagram, true) else {
            self.n_unproven += 1;
            return;
        };
        if self.reports.handle(&datagram, now) {
            self.rtcp_from = Some(from);
        }
    }

    /// When our next report is due.
    pub(super) fn due_at(&self) -> Instant {
        self.reports.due_at()
    }

    /// Our report on the stream, protected, and where it goes.
    pub(super) fn report(
        &mut self,
        stream: Option<(u32, Sent)>,
        now: Instant,
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let mut out = Vec::new();
        self.reports.compose(stream, None, now, &mut out);
        self.addressed(out)
    }

    /// Our goodbye, protected, and where it goes.
    pub(super) fn goodbye(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let mut out = Vec::new();
        self.reports.compose_goodbye(&mut out);
        self.addressed(out)
    }

    fn addressed(&mut self, report: Vec<u8>) -> Option<(SocketAddr, Vec<u8>)> {
        let next_port = |rtp: SocketAddr| {
            let port = rtp.port().checked_add(1)?;
            Some(SocketAddr::new(rtp.ip(), port))
        };
        let to = self
            .rtcp_from
            .or_else(|| self.latch.remote().and_then(next_port))?;
        let Some(srtp) = &mut self.srtp else {
            return Some((to, report));
        };
        let sealed = srtp.seal_rtcp(&report)?;
        Some((to, sealed.as_ref().to_vec()))
    }

    /// The last word about it.
    pub(super) fn closed(self, sent: SenderReport) -> Event {
        Event::Left {
            call: self.call,
            sent,
            n_received: self.n_received,
            n_foreign: self.n_foreign,
            n_unproven: self.n_unproven,
            round_trip: self.reports.round_trip(),
        }
    }
}

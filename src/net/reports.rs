//! What do we tell the peer of its stream and ours, and it us? (RTCP, RFC 3550 section 6)

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::rtp::{self, NtpTime, Report, ReportBlock, Rtcp, Sent};

/// The mean time between reports of ours (RFC 3550 section 6.2).
const INTERVAL: Duration = Duration::from_secs(5);

/// What is left of an earlier loss with each report of none.
const LASTING: f32 = 0.7;

/// The RTCP side of one call.
pub(super) struct Reports {
    ssrc: u32,
    cname: String,
    due_at: Instant,
    /// The middle of the time in the peer's last sender report, and when that came.
    last_sr: Option<(u32, Instant)>,
    round_trip: Option<Duration>,
    /// Of what we send, 0.0 to 1.0.
    lost: f32,
}

impl Reports {
    /// `ssrc` is that of our stream, or any number if we send none.
    pub(super) fn new(ssrc: u32, now: Instant) -> Self {
        Self {
            ssrc,
            // A name that tells nothing and is never used again (RFC 7022 section 4.2).
            cname: format!("{:016x}", RandomState::new().hash_one(ssrc)),
            // The first comes early, so that short calls have figures too.
            due_at: now + INTERVAL / 2,
            last_sr: None,
            round_trip: None,
            lost: 0.0,
        }
    }

    /// Takes a datagram of the peer; false if it is no RTCP.
    pub(super) fn handle(&mut self, datagram: &[u8], now: Instant) -> bool {
        let (ssrc, clock) = (self.ssrc, wall_clock());
        let parsed = Rtcp::parse(datagram, |part| match part {
            Rtcp::Sender { sent, .. } => self.last_sr = Some((sent.ntp.middle(), now)),
            Rtcp::Block { block, .. } if block.ssrc == ssrc => {
                self.round_trip = block.round_trip(clock).or(self.round_trip);
                // Loss comes in bursts: one good report is not the end of it.
                let lost = f32::from(block.fraction_lost) / 256.0;
                self.lost = lost.max(self.lost * LASTING);
            }
            Rtcp::Block { .. } | Rtcp::Cname { .. } | Rtcp::Bye { .. } => {}
        });
        parsed.is_ok()
    }

    pub(super) fn due_at(&self) -> Instant {
        self.due_at
    }

    /// The last time that a packet took to the peer and back.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// How much of what we send is lost, as the peer has reported, 0.0 to 1.0.
    pub(super) fn lost(&self) -> f32 {
        self.lost
    }

    /// What a block of ours must say of the peer's last sender report: its time and its age, both
    /// as RFC 3550 section 6.4.1 counts them.
    pub(super) fn last_sr(&self, now: Instant) -> (u32, u32) {
        self.last_sr.map_or((0, 0), |(middle, at)| {
            let age = now.saturating_duration_since(at).as_secs_f64() * 65_536.0;
            (middle, age as u32)
        })
    }

    /// Appends a report on `stream`, which is the SSRC and the figures of what we send, and on
    /// `block`, what we receive. Sets when the next is due: half to one and a half intervals
    /// later, so that many calls do not report at once.
    pub(super) fn compose(
        &mut self,
        stream: Option<(u32, Sent)>,
        block: Option<ReportBlock>,
        now: Instant,
        out: &mut Vec<u8>,
    ) {
        if let Some((ssrc, _)) = stream {
            self.ssrc = ssrc;
        }
        let spread = RandomState::new().hash_one(self.ssrc) % 1_000;
        self.due_at = now + INTERVAL / 2 + INTERVAL.mul_f64(spread as f64 / 1_000.0);
        rtp::compose_report(
            &Report {
                ssrc: self.ssrc,
                sent: stream.map(|(_, sent)| sent),
                block,
                cname: &self.cname,
            },
            out,
        );
    }

    /// Appends a last report and a goodbye (RFC 3550 section 6.6).
    pub(super) fn compose_goodbye(&self, out: &mut Vec<u8>) {
        let report = Report {
            ssrc: self.ssrc,
            cname: &self.cname,
            ..Report::default()
        };
        rtp::compose_report(&report, out);
        rtp::compose_bye(self.ssrc, out);
    }
}

/// The time that sender reports carry.
pub(super) fn wall_clock() -> NtpTime {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    NtpTime::from_unix(since_1970.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_peer_has_lost_is_kept_in_mind_for_some_reports() {
        let now = Instant::now();
        let mut reports = Reports::new(7, now);
        let mut told = |ssrc, fraction_lost| {
            let block = ReportBlock {
                ssrc,
                fraction_lost,
                ..ReportBlock::default()
            };
            let mut datagram = Vec::new();
            Reports::new(8, now).compose(None, Some(block), now, &mut datagram);
            assert!(reports.handle(&datagram, now));
            reports.lost()
        };
        assert_eq!(told(7, 0), 0.0);
        assert_eq!(told(9, 200), 0.0);
        assert_eq!(told(7, 64), 0.25);
        let faded = told(7, 0);
        assert!((0.1..0.25).contains(&faded), "{faded}");
        assert!(
            std::iter::repeat_with(|| told(7, 0))
                .take(12)
                .last()
                .unwrap()
                < 0.005
        );
    }
}

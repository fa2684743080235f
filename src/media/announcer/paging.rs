//! When does which packet of a group page go out?
//!
//! ```text
//!  Rest ─► Alerting, 31 × 30 ms ─► Talking ─► Ending, 50 ms and 12 × 30 ms ─► Rest
//! ```
//!
//! What is said while telephones are alerted waits, so that no first word is lost.

use std::collections::VecDeque;
use std::time::Duration;

use crate::codec::Encoder;
use crate::media::SenderReport;
use crate::media::announcer::Datagrams;
use crate::rtp::polycom::{Audio, Packet, Sign};

/// The pages to one group.
pub(super) struct Paging {
    sign: Sign,
    codec: u8,
    encoder: Encoder,
    ptime: Duration,
    phase: Phase,
    /// Frames that are encoded and wait.
    waiting: VecDeque<Vec<u8>>,
    /// The frame that was sent last, for the next packet to repeat.
    before: Vec<u8>,
    /// Of the page, as RTP counts.
    samples: u32,
    report: SenderReport,
}

/// Where a page is; `since` it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Rest,
    Alerting { since: Duration, n_sent: u32 },
    Talking,
    Ending { since: Duration, n_sent: u32 },
}

impl Paging {
    /// Packets hold `ptime` of sound each.
    pub(super) fn new(sign: Sign, codec: u8, encoder: Encoder, ptime: Duration) -> Self {
        Self {
            sign,
            codec,
            encoder,
            ptime,
            phase: Phase::Rest,
            waiting: VecDeque::new(),
            before: Vec::new(),
            samples: 0,
            report: SenderReport::default(),
        }
    }

    /// Whether a page is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.phase != Phase::Rest
    }

    pub(super) fn report(&self) -> SenderReport {
        self.report
    }

    /// The time of one packet passes, in which `pcm` is to be heard, if anything is.
    pub(super) fn step(&mut self, pcm: Option<&[f32]>, out: &mut Datagrams) {
        if let Some(pcm) = pcm {
            let mut frame = Vec::new();
            self.encoder.encode(pcm, &mut frame);
            self.waiting.push_back(frame);
        }
        if self.phase == Phase::Rest && !self.waiting.is_empty() {
            let since = Duration::ZERO;
            self.phase = Phase::Alerting { since, n_sent: 0 };
            self.samples = 0;
            self.before.clear();
        }
        self.phase = match self.phase {
            Phase::Rest => Phase::Rest,
            Phase::Alerting { since, n_sent } => self.alert(since, n_sent, out),
            Phase::Talking => self.talk(out),
            Phase::Ending { since, n_sent } => self.end(since, n_sent, out),
        };
    }

    fn alert(&self, since: Duration, mut n_sent: u32, out: &mut Datagrams) -> Phase {
        while n_sent < N_ALERTS && INTERVAL * n_sent <= since {
            out.push(|bytes| Packet::Alert(self.sign).write(bytes));
            n_sent += 1;
        }
        let since = since + self.ptime;
        if since >= INTERVAL * N_ALERTS {
            return Phase::Talking;
        }
        Phase::Alerting { since, n_sent }
    }

    fn talk(&mut self, out: &mut Datagrams) -> Phase {
        let Some(frame) = self.waiting.pop_front() else {
            let since = Duration::ZERO;
            return Phase::Ending { since, n_sent: 0 };
        };
        let ticks = frame.len() as u32;
        self.before.extend_from_slice(&frame);
        let audio = Audio {
            codec: self.codec,
            flags: 0,
            samples: self.samples,
            frames: &self.before,
        };
        out.push(|bytes| Packet::Audio(self.sign, audio).write(bytes));
        self.report.packets += 1;
        self.report.octets += u64::from(ticks);
        // PCMU, PCMA and G.722 all have a byte for each tick of RTP (RFC 3551 §4.5.2).
        self.samples = self.samples.wrapping_add(ticks);
        self.before = frame;
        Phase::Talking
    }

    fn end(&self, since: Duration, mut n_sent: u32, out: &mut Datagrams) -> Phase {
        while n_sent < N_ENDS && SILENCE + INTERVAL * n_sent <= since {
            out.push(|bytes| Packet::End(self.sign).write(bytes));
            n_sent += 1;
        }
        if n_sent == N_ENDS {
            return Phase::Rest;
        }
        Phase::Ending {
            since: since + self.ptime,
            n_sent,
        }
    }
}

/// As telephones send them.
const N_ALERTS: u32 = 31;
const N_ENDS: u32 = 12;
/// Between two alerts, and between two ends.
const INTERVAL: Duration = Duration::from_millis(30);
/// Between the last audio packet and the first end.
const SILENCE: Duration = Duration::from_millis(50);

//! How well does a source reach us? (RFC 3550 appendix A.1, A.3, A.8)

use crate::rtp::ReportBlock;

/// What a packet's sequence number says about its source (RFC 3550 A.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Within reach of the packets before it.
    Valid,
    /// Far off; believed only if its successor comes next.
    Suspect,
    /// The successor of a suspect: the source counts anew, and so do the figures here.
    Restarted,
}

/// Counts for one SSRC.
#[derive(Clone, Debug, Default)]
pub struct Source {
    started: bool,
    base: u32,
    highest: u16,
    /// Wraps so far, times 2^16.
    cycles: u32,
    bad: Option<u16>,
    received: u64,
    expected_before: u64,
    received_before: u64,
    transit: Option<i64>,
    /// In timestamp units, times 16 as A.8 keeps it.
    jitter16: u32,
}

impl Source {
    /// A source of which nothing has come.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of a packet; duplicates count as received, as the RFC wants.
    pub fn update(&mut self, sequence: u16) -> Arrival {
        if !self.started {
            self.restart(sequence);
            return Arrival::Valid;
        }
        let ahead = sequence.wrapping_sub(self.highest);
        if ahead < MAX_DROPOUT {
            if sequence < self.highest {
                self.cycles = self.cycles.wrapping_add(1 << 16);
            }
            self.highest = sequence;
        } else if ahead <= u16::MAX - MAX_MISORDER {
            if self.bad != Some(sequence) {
                self.bad = Some(sequence.wrapping_add(1));
                return Arrival::Suspect;
            }
            self.restart(sequence);
            return Arrival::Restarted;
        }
        self.bad = None;
        self.received += 1;
        Arrival::Valid
    }

    /// Takes note of when a packet came: both in timestamp units, any origin (A.8).
    pub fn update_jitter(&mut self, arrival: u64, timestamp: u64) {
        let transit = arrival.wrapping_sub(timestamp) as i64;
        if let Some(before) = self.transit.replace(transit) {
            let d = transit.abs_diff(before).min(u64::from(u32::MAX / 32)) as u32;
            self.jitter16 = (self.jitter16 + d).saturating_sub((self.jitter16 + 8) >> 4);
        }
    }

    /// Takes the next packet as the first for the jitter: its timestamps count anew.
    pub fn reset_jitter(&mut self) {
        self.transit = None;
    }

    /// Interarrival jitter in timestamp units.
    pub fn jitter(&self) -> u32 {
        self.jitter16 >> 4
    }

    /// The highest sequence number with its wraps, for a reception report.
    pub fn highest(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.highest))
    }

    /// Packets that came, duplicates too.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets that were sent, as far as the sequence numbers tell.
    pub fn expected(&self) -> u64 {
        if !self.started {
            return 0;
        }
        u64::from(self.highest().wrapping_sub(self.base)) + 1
    }

    /// Expected less received; duplicates can make it negative (A.3).
    pub fn lost(&self) -> i64 {
        self.expected() as i64 - self.received as i64
    }

    /// The report block for this source, and starts the next interval of its fraction lost.
    /// `last_sr` and `delay_since` come from the last sender report (RFC 3550 §6.4.1).
    pub fn report_block(&mut self, ssrc: u32, last_sr: u32, delay_since: u32) -> ReportBlock {
        let (expected, received) = (self.expected(), self.received);
        let expected_now = expected.saturating_sub(self.expected_before);
        let lost_now = expected_now.saturating_sub(received - self.received_before);
        self.expected_before = expected;
        self.received_before = received;
        ReportBlock {
            ssrc,
            fraction_lost: (lost_now * 256)
                .checked_div(expected_now)
                .map_or(0, |f| f.min(255) as u8),
            lost: self.lost().clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest: self.highest(),
            jitter: self.jitter(),
            last_sr,
            delay_since,
        }
    }

    fn restart(&mut self, sequence: u16) {
        *self = Self {
            started: true,
            base: u32::from(sequence),
            highest: sequence,
            received: 1,
            jitter16: self.jitter16,
            ..Self::default()
        };
    }
}

/// More than this missing at once is a restart rather than a loss (A.1).
const MAX_DROPOUT: u16 = 3_000;
/// Less than this behind is reordering rather than a restart (A.1).
const MAX_MISORDER: u16 = 100;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn loss_is_what_was_expected_less_what_came() {
        let mut source = Source::new();
        for sequence in (65_500..65_536).chain(0..64).filter(|s| s % 10 != 4) {
            assert_eq!(source.update(sequence as u16), Arrival::Valid);
        }
        assert_eq!((source.expected(), source.received()), (100, 90));
        let block = source.report_block(7, 0, 0);
        assert_eq!((block.lost, block.fraction_lost), (10, 25));
        assert_eq!(block.highest, 65_536 + 63);
        // Nothing in the next interval.
        assert_eq!(source.report_block(7, 0, 0).fraction_lost, 0);
    }

    #[test]
    fn duplicates_make_the_loss_negative_and_the_fraction_zero() {
        let mut source = Source::new();
        for sequence in [5, 5, 6, 6] {
            source.update(sequence);
        }
        assert_eq!(source.lost(), -2);
        assert_eq!(source.report_block(1, 0, 0).fraction_lost, 0);
    }

    #[test]
    fn a_jump_is_believed_at_its_second_packet() {
        let mut source = Source::new();
        source.update(100);
        assert_eq!(source.update(20_000), Arrival::Suspect);
        assert_eq!(source.update(101), Arrival::Valid);
        assert_eq!(source.update(20_000), Arrival::Suspect);
        assert_eq!(source.update(20_001), Arrival::Restarted);
        assert_eq!((source.expected(), source.lost()), (1, 0));
    }

    #[test]
    fn jitter_is_a_sixteenth_of_each_deviation() {
        let mut source = Source::new();
        // A packet every 160 ticks that arrives 80 ticks early or late: |D| is 160 always.
        for i in 0..200u64 {
            let off = if i % 2 == 0 { 0 } else { 160 };
            source.update_jitter(1_000_000 + i * 160 + off, i * 160);
        }
        assert!((150..=160).contains(&source.jitter()));
        for i in 200..400u64 {
            source.update_jitter(1_000_000 + i * 160, i * 160);
        }
        assert!(source.jitter() <= 1);
    }

    proptest! {
        #[test]
        fn arbitrary_packets_never_panic(
            packets in proptest::collection::vec(any::<(u16, u64, u64)>(), 0..200),
        ) {
            let mut source = Source::new();
            for (sequence, arrival, timestamp) in packets {
                source.update(sequence);
                source.update_jitter(arrival, timestamp);
                source.report_block(1, 0, 0);
            }
        }
    }
}

//! What do many calls add up to?

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::daemon::call::phone::{End, Outcome};

/// The sums over calls that are over.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    n_calls: usize,
    n_answered: usize,
    n_failed: usize,
    n_given_up: usize,
    /// Why calls failed, and how many did so.
    reasons: BTreeMap<String, usize>,
    set_ups: Vec<Duration>,
    jitters: Vec<Duration>,
    round_trips: Vec<Duration>,
    /// RTP packets.
    sent: u64,
    received: u64,
    lost: u64,
    late: u64,
    /// Frames of sound, and those of them that were made up.
    frames: u64,
    concealed: u64,
}

impl Tally {
    /// Adds a call that is over.
    pub fn add(&mut self, outcome: &Outcome) {
        let set_up = outcome.set_up();
        self.n_calls += 1;
        self.n_answered += usize::from(set_up.is_some());
        self.set_ups.extend(set_up);
        self.sent += outcome.sent.packets;
        self.round_trips.extend(outcome.round_trip);
        if let Some(received) = &outcome.received {
            self.received += received.received;
            self.lost += received.lost;
            self.late += received.late;
            self.frames += received.frames;
            self.concealed += received.concealed;
            self.jitters.push(received.jitter);
        }
        if outcome.end == End::GivenUp {
            self.n_given_up += 1;
        } else if !outcome.is_success() {
            self.n_failed += 1;
            *self.reasons.entry(outcome.end.to_string()).or_default() += 1;
        }
    }

    /// Calls that are over.
    pub fn n_calls(&self) -> usize {
        self.n_calls
    }

    /// Calls that were answered, however they ended.
    pub fn n_answered(&self) -> usize {
        self.n_answered
    }

    /// Calls that did not go as they should; calls that we gave up do not count.
    pub fn n_failed(&self) -> usize {
        self.n_failed
    }
}

impl fmt::Display for Tally {
    /// A table of a few lines.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "calls       {}", self.n_calls)?;
        write!(
            f,
            ", answered {}, failed {}",
            self.n_answered, self.n_failed
        )?;
        if self.n_given_up > 0 {
            write!(f, ", given up {}", self.n_given_up)?;
        }
        for (reason, n) in &self.reasons {
            write!(f, "\n  {n:>8}  {reason}")?;
        }
        spread(f, "set-up", &self.set_ups)?;
        if self.n_answered == 0 {
            return Ok(());
        }
        let expected = self.received + self.lost;
        write!(
            f,
            "\nrtp packets sent {}, received {}",
            self.sent, self.received
        )?;
        write!(f, "\nloss        {} of {expected}", self.lost)?;
        write!(
            f,
            " ({:.2} %), late {}",
            percent(self.lost, expected),
            self.late
        )?;
        let concealed = percent(self.concealed, self.frames);
        write!(f, ", {concealed:.2} % of the sound made up")?;
        spread(f, "jitter", &self.jitters)?;
        spread(f, "round trip", &self.round_trips)
    }
}

/// A line with the least, the middle and the worst of `all`; nothing if there is none.
pub(super) fn spread(f: &mut fmt::Formatter<'_>, name: &str, all: &[Duration]) -> fmt::Result {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else {
        return Ok(());
    };
    write!(
        f,
        "\n{name:<11} min {}, median {}, p95 {}, max {}",
        Ms(*min),
        Ms(quantile(&sorted, 50)),
        Ms(quantile(&sorted, 95)),
        Ms(*max)
    )
}

/// The smallest of `sorted`, which is not empty, that `percent` of them do not exceed.
fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted[rank - 1]
}

fn percent(part: u64, whole: u64) -> f64 {
    100.0 * part as f64 / whole.max(1) as f64
}

/// A span in milliseconds with as many digits as tell something.
struct Ms(Duration);

impl fmt::Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.as_secs_f64() * 1_000.0;
        match ms {
            ..10.0 => write!(f, "{ms:.2} ms"),
            ..100.0 => write!(f, "{ms:.1} ms"),
            _ => write!(f, "{ms:.0} ms"),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => f.write_str("hung up by us"),
            Self::HungUp => f.write_str("hung up by the other side"),
            Self::CutShort => f.write_str("hung up by the other side before the sound had ended"),
            Self::Refused { status, reason } => write!(f, "refused: {status} {reason}"),
            Self::GivenUp => f.write_str("given up before an answer"),
            Self::NotAnswered => f.write_str("rang without an answer"),
            Self::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::base::SampleRate;
    use crate::daemon::call::phone::{Moment, Step};
    use crate::media;

    const MS: Duration = Duration::from_millis(1);

    fn outcome(set_up: Option<Duration>, end: End) -> Outcome {
        let at = Instant::now();
        let dialled = (at, Moment::Dialled);
        let answered = set_up.map(|set_up| (at + set_up, Moment::Answered));
        Outcome {
            steps: [Some(dialled), answered]
                .into_iter()
                .flatten()
                .map(|(at, what)| Step { at, what })
                .collect(),
            end,
            received: set_up.map(|_| media::Report {
                received: 98,
                lost: 2,
                frames: 1_000,
                concealed: 10,
                jitter: 2 * MS,
                ..media::Report::default()
            }),
            sent: media::SenderReport::default(),
            round_trip: None,
            began: None,
            heard: Vec::new(),
            rate: SampleRate::HZ_8000,
        }
    }

    fn refused(status: u16, reason: &str) -> Outcome {
        let reason = reason.to_owned();
        outcome(None, End::Refused { status, reason })
    }

    #[test]
    fn figures_are_added_up_and_failures_sorted_by_reason() {
        let mut tally = Tally::default();
        for ms in 1..=20 {
            tally.add(&outcome(Some(ms * MS), End::Done));
        }
        tally.add(&refused(486, "Busy Here"));
        tally.add(&refused(486, "Busy Here"));
        tally.add(&refused(503, "No Sound"));
        assert_eq!((tally.n_calls(), tally.n_failed()), (23, 3));
        assert_eq!(
            tally.to_string(),
            "calls       23, answered 20, failed 3\n\
             \x20        2  refused: 486 Busy Here\n\
             \x20        1  refused: 503 No Sound\n\
             set-up      min 1.00 ms, median 10.0 ms, p95 19.0 ms, max 20.0 ms\n\
             rtp packets sent 0, received 1960\n\
             loss        40 of 2000 (2.00 %), late 0, 1.00 % of the sound made up\n\
             jitter      min 2.00 ms, median 2.00 ms, p95 2.00 ms, max 2.00 ms"
        );
    }

    #[test]
    fn calls_that_were_given_up_are_no_failures() {
        let mut tally = Tally::default();
        tally.add(&outcome(None, End::GivenUp));
        tally.add(&outcome(Some(150 * MS), End::HungUp));
        tally.add(&outcome(Some(150 * MS), End::CutShort));
        assert_eq!(tally.n_failed(), 1);
        assert_eq!(tally.n_answered(), 2);
    }

    #[test]
    fn no_call_has_no_figures() {
        assert_eq!(
            Tally::default().to_string(),
            "calls       0, answered 0, failed 0"
        );
    }
}

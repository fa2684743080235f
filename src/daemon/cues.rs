//! Which tones tell a caller how things stand?

use std::time::Duration;

use crate::base::{Pcm, SampleRate};
use crate::control::{Asked, Cue};
use crate::dsp;

/// What the caller hears: beeps of so many hertz and milliseconds, 0 Hz for a rest.
///
/// As many low beeps as the place in the queue, a high one to speak, two for an end that is near,
/// a fall for zones that are lost, a rise for what is done; one that rings twice asks for a PIN,
/// three times for the code of zones, a low buzz says that it was wrong, a question asks for what is
/// to be decided, and a faster fall tells what was cancelled.
pub(super) fn sound(cue: Cue) -> Pcm {
    let notes: Vec<(f64, u64)> = match cue {
        Cue::Queued { n_before } => (0..n_before.clamp(1, MOST_BEEPS))
            .flat_map(|_| [(440.0, 120), (0.0, 180)])
            .collect(),
        Cue::Enter { what: Asked::Pin } => vec![(760.0, 120), (0.0, 60), (760.0, 120)],
        Cue::Enter { what: Asked::Zones } => {
            vec![
                (760.0, 120),
                (0.0, 60),
                (760.0, 120),
                (0.0, 60),
                (760.0, 120),
            ]
        }
        Cue::Wrong => vec![(200.0, 500)],
        Cue::SpeakNow => vec![(1_000.0, 150)],
        Cue::NearlyOver => vec![(1_000.0, 80), (0.0, 80), (1_000.0, 80)],
        Cue::Displaced => vec![(620.0, 150), (440.0, 150), (310.0, 250)],
        Cue::Accepted => vec![(660.0, 120), (880.0, 200)],
        Cue::Decide => vec![(880.0, 100), (0.0, 60), (880.0, 100), (660.0, 160)],
        Cue::Cancelled => vec![(880.0, 120), (660.0, 120), (440.0, 250)],
    };
    let frames = notes.into_iter().flat_map(|(hz, ms)| {
        let span = Duration::from_millis(ms);
        if hz == 0.0 {
            return vec![0.0; RATE.frames_in(span)];
        }
        dsp::tones::note(hz, RATE, span)
    });
    Pcm::mono(RATE, frames.collect())
}

/// Nobody counts more.
const MOST_BEEPS: usize = 6;
/// Enough for beeps on any phone.
const RATE: SampleRate = SampleRate::HZ_16000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cue_can_be_heard_and_is_short() {
        let queued = |n_before| Cue::Queued { n_before };
        for cue in [
            queued(0),
            queued(3),
            queued(500),
            Cue::Enter { what: Asked::Pin },
            Cue::Enter { what: Asked::Zones },
            Cue::Wrong,
            Cue::SpeakNow,
            Cue::NearlyOver,
            Cue::Displaced,
            Cue::Accepted,
            Cue::Decide,
            Cue::Cancelled,
        ] {
            let pcm = sound(cue);
            assert!(dsp::peak(&pcm.samples) > 0.2, "{cue:?}");
            assert!(pcm.duration() < Duration::from_secs(2), "{cue:?}");
        }
        assert_eq!(sound(queued(3)).duration(), 3 * sound(queued(1)).duration());
    }
}

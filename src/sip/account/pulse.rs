//! Does the registrar still hear us between two refreshes? (RFC 5626 §3.5, §4.4.1)
//!
//! Many never answer what is asked here. So silence only means something from one that has
//! answered before; the others get the line ends that keep a NAT open, and no more.

/// What is sent to the registrar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beat {
    /// Line ends that want no answer.
    LineEnds,
    /// Line ends that want one back, along a stream.
    Ping,
    /// An OPTIONS, which any answer will do for.
    Options,
}

/// What to send next, as the answers so far tell.
#[derive(Debug)]
pub(crate) struct Pulse {
    asking: Beat,
    has_answered: bool,
    n_beats: u32,
}

impl Pulse {
    pub(crate) fn new(is_stream: bool) -> Self {
        Self {
            asking: match is_stream {
                true => Beat::Ping,
                false => Beat::Options,
            },
            has_answered: false,
            n_beats: 0,
        }
    }

    /// What to send now that it is time for a beat.
    pub(crate) fn poll_beat(&mut self) -> Beat {
        let n = self.n_beats;
        self.n_beats = n.wrapping_add(1);
        let is_asked = self.asking != Beat::Options || n.is_multiple_of(OPTIONS_EVERY);
        if is_asked {
            self.asking
        } else {
            Beat::LineEnds
        }
    }

    pub(crate) fn handle_answer(&mut self) {
        self.has_answered = true;
    }

    /// Whether an answer that did not come means that the registrar is gone.
    ///
    /// If it proves to be there all the same, it is asked in another way from now on.
    pub(crate) fn handle_silence(&mut self) -> bool {
        self.asking = match self.asking {
            Beat::Ping => Beat::Options,
            Beat::Options | Beat::LineEnds => Beat::LineEnds,
        };
        self.n_beats = 0;
        std::mem::take(&mut self.has_answered)
    }
}

/// An OPTIONS costs the registrar more than line ends; a minute, with the usual beat, is soon
/// enough to find out.
const OPTIONS_EVERY: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn beats(pulse: &mut Pulse, n: usize) -> Vec<Beat> {
        (0..n).map(|_| pulse.poll_beat()).collect()
    }

    #[test]
    fn datagrams_keep_the_nat_open_and_ask_now_and_then() {
        let mut pulse = Pulse::new(false);
        let (ask, line) = (Beat::Options, Beat::LineEnds);
        assert_eq!(beats(&mut pulse, 4), [ask, line, line, ask]);
    }

    #[test]
    fn silence_of_one_that_never_answered_means_nothing() {
        let mut pulse = Pulse::new(true);
        assert_eq!(beats(&mut pulse, 2), [Beat::Ping; 2]);
        assert!(!pulse.handle_silence());
        assert_eq!(pulse.poll_beat(), Beat::Options);
        assert!(!pulse.handle_silence());
        assert_eq!(beats(&mut pulse, 9), [Beat::LineEnds; 9]);
    }

    #[test]
    fn silence_of_one_that_has_answered_means_that_it_is_gone() {
        let mut pulse = Pulse::new(false);
        pulse.poll_beat();
        pulse.handle_answer();
        assert!(pulse.handle_silence());
        // It is there all the same, and only tired of the question.
        assert!(!pulse.handle_silence());
        assert_eq!(beats(&mut pulse, 4), [Beat::LineEnds; 4]);
    }
}

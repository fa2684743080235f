//! How late and how surely does what we say come out of the loudspeakers?
//!
//! ```text
//!  marks ─► call ─► whoever answers ─► port of the JACK graph
//!    │ when each was sent                     │ Ear, on a thread
//!    └───────────────► Findings ◄─────────────┘ Heard
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use regex::Regex;

use crate::base::{Pcm, SampleRate};
use crate::daemon::call::marks::{Heard, marked};
use crate::daemon::call::tally::spread;
use crate::output::jack::Ear;

/// Enough for a p95, in twelve seconds.
const N_MARKS: usize = 20;
/// The ear is emptied so often.
const LOOK: Duration = Duration::from_millis(50);
/// The last mark may be this late.
const TAIL: Duration = Duration::from_millis(600);

/// Listening at a port.
pub(super) struct Measurement {
    port: String,
    is_over: Arc<AtomicBool>,
    listening: JoinHandle<Heard>,
}

/// How late the marks were.
pub(super) struct Findings {
    port: String,
    late: Vec<Option<Duration>>,
}

/// The sound to send.
pub(super) fn sound() -> Arc<Pcm> {
    let rate = SampleRate::HZ_8000;
    Arc::new(Pcm::mono(rate, marked(rate, N_MARKS)))
}

impl Measurement {
    /// Listens at the first port of the usual JACK server that takes sound and matches `pattern`.
    pub(super) fn start(pattern: &str) -> anyhow::Result<Self> {
        let mut ear = Ear::open(None, &Regex::new(pattern)?)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let port = ear.port().to_owned();
        let listening = std::thread::Builder::new()
            .name("ear".to_owned())
            .spawn(move || {
                let mut heard = Heard::new(ear.rate());
                while !over.load(Ordering::Relaxed) {
                    std::thread::sleep(LOOK);
                    ear.take(|at, frames| heard.add(at, frames));
                }
                heard
            })
            .context("no thread for listening")?;
        Ok(Self {
            port,
            is_over,
            listening,
        })
    }

    /// What became of the marks, the first of which was sent at `began`; blocks for the search.
    pub(super) fn finish(self, began: Option<Instant>) -> anyhow::Result<Findings> {
        std::thread::sleep(TAIL);
        self.is_over.store(true, Ordering::Relaxed);
        let heard = self.listening.join();
        let heard = heard.map_err(|_| anyhow!("listening at {} broke down", self.port))?;
        let late = began.map_or(Vec::new(), |began| heard.late(began, N_MARKS));
        Ok(Findings {
            port: self.port,
            late,
        })
    }
}

impl Findings {
    /// Whether anything of what was said came out.
    pub(super) fn is_audible(&self) -> bool {
        self.late.iter().any(Option::is_some)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let late: Vec<Duration> = self.late.iter().copied().flatten().collect();
        let (n, sent) = (late.len(), self.late.len());
        write!(f, "marks       {n} of {sent} heard at {}", self.port)?;
        spread(f, "delay", &late)?;
        if n > 0 {
            write!(
                f,
                "\n            from sending a packet to the port; from mouth to port its length more"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_tell_how_many_marks_came_and_how_late() {
        let ms = Duration::from_millis;
        let findings = Findings {
            port: "system:playback_1".to_owned(),
            late: vec![Some(ms(12)), None, Some(ms(14)), Some(ms(16))],
        };
        assert!(findings.is_audible());
        let text = findings.to_string();
        assert!(text.starts_with(
            "marks       3 of 4 heard at system:playback_1\n\
             delay       min 12.0 ms, median 14.0 ms"
        ));
        let nothing = Findings {
            port: "x".to_owned(),
            late: vec![None; 3],
        };
        assert!(!nothing.is_audible());
        assert_eq!(nothing.to_string(), "marks       0 of 3 heard at x");
    }
}

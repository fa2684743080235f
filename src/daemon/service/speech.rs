//! How does the loop go on while a program speaks the texts of a new configuration?

use super::Service;
use crate::config::{Config, Mistake};
use crate::daemon::speech::{self, Spoken};

/// A configuration whose texts were spoken, or could not be.
pub(super) struct Rehearsed {
    number: u64,
    config: Box<Config>,
    spoken: Result<Spoken, Vec<Mistake>>,
}

/// Speaks the texts on another thread.
///
/// # Errors
/// The thread failed, which is our fault; within, a text that cannot be spoken.
pub(super) async fn beside(config: &Config) -> anyhow::Result<Result<Spoken, Vec<Mistake>>> {
    if !speech::is_wanted(config) {
        return Ok(Ok(Spoken::default()));
    }
    let config = config.clone();
    Ok(tokio::task::spawn_blocking(move || speech::speak(&config)).await?)
}

impl Service {
    /// Takes the configuration over once its texts are spoken; of several only the last counts.
    pub(super) fn rehearse(&mut self, config: Box<Config>) {
        self.n_rehearsals += 1;
        if !speech::is_wanted(&config) {
            return self.reconfigure(*config, Spoken::default());
        }
        let (number, done) = (self.n_rehearsals, self.rehearsals.clone());
        tokio::task::spawn_blocking(move || {
            let spoken = speech::speak(&config);
            // Nobody waits for it when the program ends.
            let _ = done.send(Rehearsed {
                number,
                config,
                spoken,
            });
        });
    }

    pub(super) fn rehearsed(&mut self, rehearsed: Rehearsed) {
        if rehearsed.number != self.n_rehearsals {
            return;
        }
        match rehearsed.spoken {
            Ok(spoken) => self.reconfigure(*rehearsed.config, spoken),
            Err(mistakes) => {
                for mistake in &mistakes {
                    tracing::error!("{mistake}");
                }
                tracing::error!("the new configuration is not used; the old one goes on");
            }
        }
    }
}

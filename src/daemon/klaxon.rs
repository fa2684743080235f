//! Which sound warns the listeners, and which tells the caller?

use std::sync::Arc;
use std::time::Duration;

use crate::base::Pcm;
use crate::config::{AnnounceToCaller, Config, Mistake};
use crate::sounds;

/// Decodes the configured klaxon; `None` when none is configured.
///
/// # Errors
/// A file that is not there or is no sound, told with the line that names it.
pub(super) fn load(config: &Config) -> Result<Option<Arc<Pcm>>, Mistake> {
    let Some(path) = &config.audio.klaxon else {
        return Ok(None);
    };
    match sounds::load(path) {
        Ok(pcm) => Ok(Some(Arc::new(pcm))),
        Err(error) => Err(config.mistake("audio", "klaxon", error.to_string())),
    }
}

/// The sound that a caller hears when its page begins, cut as the klaxon is if it is the klaxon;
/// `None` when callers are to hear none.
///
/// # Errors
/// A file that is not there or is no sound, told with the line that names it.
pub(super) fn for_callers(
    config: &Config,
    klaxon: Option<&Arc<Pcm>>,
) -> Result<Option<Arc<Pcm>>, Mistake> {
    match &config.calls.announce_to_caller {
        AnnounceToCaller::Nothing => Ok(None),
        AnnounceToCaller::Klaxon => {
            let longest = config.audio.klaxon_max_length;
            Ok(klaxon.map(|pcm| longest.map_or_else(|| pcm.clone(), |most| cut(pcm, most))))
        }
        AnnounceToCaller::File(path) => match sounds::load(path) {
            Ok(pcm) => Ok(Some(Arc::new(pcm))),
            Err(error) => Err(config.mistake("calls", "announce-to-caller", error.to_string())),
        },
    }
}

/// What is wrong with the sound files that the configuration names, if anything.
pub(super) fn mistake(config: &Config) -> Option<Mistake> {
    match load(config) {
        Ok(klaxon) => for_callers(config, klaxon.as_ref()).err(),
        Err(mistake) => Some(mistake),
    }
}

fn cut(pcm: &Arc<Pcm>, longest: Duration) -> Arc<Pcm> {
    if pcm.duration() <= longest {
        return pcm.clone();
    }
    let n_samples = pcm.rate.frames_in(longest) * pcm.channels;
    Arc::new(Pcm {
        samples: pcm.samples[..n_samples].to_vec(),
        ..Pcm::clone(pcm)
    })
}

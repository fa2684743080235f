//! Which sound warns the listeners?

use std::sync::Arc;

use crate::base::Pcm;
use crate::config::{Config, Mistake};
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

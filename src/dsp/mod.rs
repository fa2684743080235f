//! Sound as numbers: everything that changes, measures or makes samples and knows nothing else.
//!
//! Nothing here allocates, locks or panics once it is made, unless its docstring says so; the
//! sound callback may call all of it.

mod agc;
mod biquad;
mod clean;
mod crossover;
mod delay;
mod drift;
mod dtmf;
mod dynamics;
mod eq;
mod howl;
mod limiter;
pub mod loudness;
mod lowest;
mod meter;
mod oversample;
mod passage;
mod ramp;
mod resampler;
mod spectrum;
mod speech;
pub mod tones;
mod trim;

#[cfg(test)]
mod measure;

pub use agc::{Agc, USUAL_TARGET};
pub use biquad::{Biquad, Coefficients, Curve, FLAT_Q};
pub use clean::clean;
pub use crossover::Crossover;
pub use delay::Delay;
pub use drift::{Drift, FASTEST, SLOWEST};
pub use dtmf::{Dtmf, Pressed};
pub use dynamics::{Compression, Compressor, Gate, Gating};
pub use eq::{Curves, Eq, FLAT, N_BANDS};
pub use howl::{Cure, Howl, HowlGuard};
pub use limiter::Limiter;
pub use meter::{Meter, peak};
pub use passage::Passage;
pub use ramp::{Ramp, Shape, ease};
pub use resampler::{Resampler, convert};
pub use speech::{Speech, SpeechFilter};
pub use trim::{before_key, words};

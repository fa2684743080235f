//! Sound as numbers: everything that changes, measures or makes samples and knows nothing else.
//!
//! Nothing here allocates, locks or panics once it is made, unless its docstring says so; the
//! sound callback may call all of it.

mod clean;
mod drift;
mod limiter;
mod lowest;
mod meter;
mod oversample;
mod ramp;
mod resampler;
pub mod tones;

pub use clean::clean;
pub use drift::{Drift, FASTEST, SLOWEST};
pub use limiter::Limiter;
pub use meter::{Meter, peak};
pub use ramp::{Ramp, Shape, ease};
pub use resampler::{Resampler, convert};

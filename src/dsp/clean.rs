//! What must never reach the arithmetic?

/// Below this a sample is silence: −300 dBFS, far under any converter and far above the denormal
/// numbers (1e-38) that make a processor crawl.
const FAINTEST: f32 = 1e-15;
/// Above this a source is broken: +24 dBFS.
const LOUDEST: f32 = 16.0;

/// Turns NaN and denormals into silence and keeps the rest within ±16; sound passes bit-exact.
///
/// By value, and not by the processor's flush-to-zero mode: Rust compiles for the usual
/// floating-point environment, and to change it is undefined behaviour (`_mm_setcsr`).
pub fn clean(frames: &mut [f32]) {
    for x in frames {
        // NaN compares false and becomes silence too.
        *x = if x.abs() >= FAINTEST {
            x.clamp(-LOUDEST, LOUDEST)
        } else {
            0.0
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_sound_becomes_silence_and_sound_is_untouched() {
        let mut frames = [
            f32::NAN,
            -1e-39,
            f32::INFINITY,
            f32::NEG_INFINITY,
            0.3,
            -1.0,
            1e-9,
        ];
        clean(&mut frames);
        assert_eq!(frames, [0.0, 0.0, 16.0, -16.0, 0.3, -1.0, 1e-9]);
    }
}

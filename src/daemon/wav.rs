//! How is sound written into a WAV file?

use std::path::Path;

use anyhow::Context;

use crate::base::{Pcm, SampleRate};

/// Writes 16-bit samples; what exceeds full scale is clipped.
fn write(path: &Path, pcm: &Pcm) -> anyhow::Result<()> {
    let spec = hound::WavSpec {
        channels: pcm.channels as u16,
        sample_rate: pcm.rate.hz(),
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let about = || format!("cannot write {}", path.display());
    let mut writer = hound::WavWriter::create(path, spec).with_context(about)?;
    for &sample in &pcm.samples {
        writer.write_sample(level(sample)).with_context(about)?;
    }
    writer.finalize().with_context(about)
}

/// Writes mono sound.
pub(super) fn write_mono(path: &Path, rate: SampleRate, samples: Vec<f32>) -> anyhow::Result<()> {
    write(path, &Pcm::mono(rate, samples))
}

/// `as` saturates, and makes silence of what is no number.
fn level(sample: f32) -> i16 {
    (sample * 32_767.0).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_scaled_and_clipped() {
        let levels = [0.0, 1.0, -1.0, 2.0, -2.0, f32::NAN].map(level);
        assert_eq!(levels, [0, 32_767, -32_767, 32_767, -32_768, 0]);
    }

    #[test]
    fn a_path_that_cannot_be_written_is_named() {
        let path = Path::new("/nowhere/at/all.wav");
        let error = write_mono(path, SampleRate::HZ_8000, Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "cannot write /nowhere/at/all.wav");
    }
}

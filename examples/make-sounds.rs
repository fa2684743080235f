//! Where do the shipped sounds come from? `cargo run --example make-sounds` writes them anew.

use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use paging::base::SampleRate;
use paging::dsp::tones;

/// Enough for tones whose highest partial lies below 3 kHz.
const RATE: SampleRate = SampleRate::HZ_16000;

/// Long enough to turn heads, short enough to wait for.
const KLAXON: Duration = Duration::from_millis(1_600);

/// The files of the folder `sounds`, byte for byte.
pub(crate) fn files() -> [(&'static str, Vec<u8>); 3] {
    [
        ("klaxon.wav", wav(&tones::klaxon(RATE, KLAXON))),
        ("chime.wav", wav(&tones::chime(RATE))),
        ("speak-now.wav", wav(&tones::beep(RATE))),
    ]
}

/// Mono, 16 bits.
fn wav(frames: &[f32]) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE.hz(),
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).expect("memory takes what we write");
    for frame in frames {
        let sample = (frame * f32::from(i16::MAX)).round() as i16;
        writer
            .write_sample(sample)
            .expect("memory takes what we write");
    }
    writer.finalize().expect("memory takes what we write");
    file.into_inner()
}

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sounds");
    for (name, bytes) in files() {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

//! Do files of every kind load, and does every bad one say what is wrong?

use std::fs;
use std::path::PathBuf;

use super::*;

/// A folder of its own for one test, gone when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("paging-sounds-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn wav(&self, name: &str, spec: hound::WavSpec, frames: usize) -> PathBuf {
        let path = self.0.join(name);
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for frame in 0..frames {
            for channel in 0..spec.channels {
                let level = if channel == 0 { 0.5 } else { -0.25 };
                let on = if frame % 2 == 0 { 1.0 } else { 0.0 };
                match spec.sample_format {
                    hound::SampleFormat::Float => writer.write_sample(level * on).unwrap(),
                    hound::SampleFormat::Int => {
                        let full = (1i64 << (spec.bits_per_sample - 1)) as f32;
                        writer.write_sample((level * on * full) as i32).unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn spec(channels: u16, sample_rate: u32, bits_per_sample: u16) -> hound::WavSpec {
    let sample_format = match bits_per_sample {
        32 => hound::SampleFormat::Float,
        _ => hound::SampleFormat::Int,
    };
    hound::WavSpec {
        channels,
        sample_rate,
        bits_per_sample,
        sample_format,
    }
}

fn shipped(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/sounds")
        .join(name)
}

fn complaint(path: &Path) -> String {
    load(path).unwrap_err().to_string()
}

#[test]
fn wav_of_every_width_comes_back_as_it_was_written() {
    let folder = Folder::new("widths");
    for bits in [8, 16, 24, 32] {
        let path = folder.wav("a.wav", spec(2, 16_000, bits), 1_000);
        let pcm = load(&path).unwrap();
        assert_eq!(
            (pcm.rate.hz(), pcm.channels, pcm.frames()),
            (16_000, 2, 1_000)
        );
        for (i, frame) in pcm.samples.chunks(2).enumerate() {
            let want = if i % 2 == 0 { [0.5, -0.25] } else { [0.0, 0.0] };
            assert!(
                (frame[0] - want[0]).abs() < 0.01,
                "{bits} bits, frame {i}: {frame:?}"
            );
            assert!(
                (frame[1] - want[1]).abs() < 0.01,
                "{bits} bits, frame {i}: {frame:?}"
            );
        }
    }
}

#[test]
fn every_common_container_holds_the_tone_that_went_in() {
    for name in ["tone.flac", "tone.mp3", "tone.ogg", "tone.m4a"] {
        let pcm = load(&shipped(name)).unwrap();
        assert_eq!((pcm.rate.hz(), pcm.channels), (44_100, 1), "{name}");
        // 0.5 s; AAC keeps its priming.
        assert!(
            (22_000..25_000).contains(&pcm.frames()),
            "{name}: {}",
            pcm.frames()
        );
        let (middle, hz) = (&pcm.samples[8_000..16_000], 1_000.0);
        let (mut re, mut im) = (0.0f64, 0.0f64);
        for (i, sample) in middle.iter().enumerate() {
            let phase = std::f64::consts::TAU * hz * i as f64 / 44_100.0;
            re += f64::from(*sample) * phase.cos();
            im += f64::from(*sample) * phase.sin();
        }
        let amplitude = re.hypot(im) * 2.0 / middle.len() as f64;
        assert!(
            (0.4..0.6).contains(&amplitude),
            "{name}: amplitude {amplitude}"
        );
    }
}

#[test]
fn the_name_need_not_fit_the_content() {
    let folder = Folder::new("names");
    let mp3_called_wav = folder.file("tone.wav", &fs::read(shipped("tone.mp3")).unwrap());
    let nameless = folder.file("tone", &fs::read(shipped("tone.flac")).unwrap());
    assert!(load(&mp3_called_wav).unwrap().frames() > 20_000);
    assert_eq!(load(&nameless).unwrap().frames(), 22_050);
}

#[test]
fn every_bad_file_says_what_is_wrong() {
    let folder = Folder::new("bad");
    let said = |path: &Path, what: &str| {
        let complaint = complaint(path);
        assert!(complaint.contains(what), "{complaint:?} lacks {what:?}");
        assert!(
            complaint.contains(path.to_str().unwrap()),
            "{complaint:?} names no file"
        );
    };
    said(&folder.0.join("nothing.wav"), "does not exist");
    said(&folder.0, "is not a regular file");
    said(&folder.file("empty.wav", b""), "holds no audio");
    said(
        &folder.wav("silent.wav", spec(1, 8_000, 16), 0),
        "holds no audio",
    );
    said(
        &folder.file("notes.txt", b"call the electrician\n"),
        "not an audio file",
    );
    said(&folder.file("short.wav", b"RIFF\x10"), "not an audio file");
    said(
        &folder.file("noise.bin", &noise(100_000)),
        "not an audio file",
    );
    said(&shipped("tone.opus"), "Opus, which is not supported yet");
}

#[test]
fn a_folder_where_a_file_is_meant_is_not_a_missing_file() {
    let folder = Folder::new("nested");
    let file = folder.file("klaxon.wav", b"x");
    assert!(complaint(&file.join("more.wav")).contains("cannot be read"));
}

#[test]
fn a_device_that_never_ends_is_refused() {
    assert!(complaint(Path::new("/dev/zero")).contains("is not a regular file"));
}

#[test]
fn a_file_cut_short_plays_as_far_as_it_goes() {
    let folder = Folder::new("cut");
    for name in ["tone.flac", "tone.mp3"] {
        let whole = fs::read(shipped(name)).unwrap();
        let cut = folder.file(name, &whole[..whole.len() * 2 / 3]);
        let frames = load(&cut).unwrap().frames();
        assert!((4_000..22_050).contains(&frames), "{name}: {frames}");
    }
}

#[test]
fn eleven_minutes_are_too_long() {
    let folder = Folder::new("long");
    let path = folder.wav("long.wav", spec(1, 1_000, 8), 660_000);
    assert!(complaint(&path).contains("longer than 10 minutes"));
}

#[test]
fn what_is_not_a_number_is_silence_and_what_is_too_loud_is_full_scale() {
    let folder = Folder::new("wild");
    let path = folder.0.join("wild.wav");
    let mut writer = hound::WavWriter::create(&path, spec(1, 8_000, 32)).unwrap();
    for sample in [f32::NAN, f32::INFINITY, 7.5, -7.5, 0.25] {
        writer.write_sample(sample).unwrap();
    }
    writer.finalize().unwrap();
    let samples = load(&path).unwrap().samples;
    assert_eq!(samples, [0.0, 0.0, 1.0, -1.0, 0.25]);
}

#[test]
fn damaged_bytes_never_panic() {
    let folder = Folder::new("fuzz");
    for name in ["tone.flac", "tone.mp3", "tone.ogg", "tone.m4a", "tone.opus"] {
        let whole = fs::read(shipped(name)).unwrap();
        for round in 0..40 {
            let mut bytes = whole.clone();
            for (i, salt) in noise(12).into_iter().enumerate() {
                let at = (usize::from(salt) * 977 + round * 131 + i * 61) % bytes.len();
                bytes[at] = bytes[at].wrapping_add(salt | 1);
            }
            let _ = load(&folder.file(name, &bytes));
        }
    }
}

fn noise(n: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9u32;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}

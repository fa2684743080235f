//! Are the shipped sounds what the program's own generator makes, and fit to be played?
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

#[allow(
    dead_code,
    reason = "its main is for `cargo run --example make-sounds`"
)]
#[path = "../examples/make-sounds.rs"]
mod make_sounds;

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("sounds")
        .join(name)
}

#[test]
fn shipped_sounds_are_what_the_generator_makes() {
    for (name, made) in make_sounds::files() {
        let file = std::fs::read(shipped(name)).unwrap();
        assert_eq!(
            file.len(),
            made.len(),
            "{name}: run `cargo run --example make-sounds`"
        );
        let (header, made_header) = (&file[..44], &made[..44]);
        assert_eq!(header, made_header, "{name}");
        let samples = |bytes: &[u8]| -> Vec<i16> {
            let pairs = bytes[44..].chunks_exact(2);
            pairs
                .map(|b| i16::from_le_bytes(b.try_into().unwrap()))
                .collect()
        };
        // The sine of another processor's library may round its last bit the other way.
        for (i, (a, b)) in samples(&file).into_iter().zip(samples(&made)).enumerate() {
            assert!(a.abs_diff(b) <= 1, "{name}, frame {i}: {a} is not {b}");
        }
    }
}

#[test]
fn shipped_sounds_load_and_have_their_length() {
    for (name, millis) in [
        ("klaxon.wav", 1_600),
        ("chime.wav", 2_300),
        ("speak-now.wav", 150),
    ] {
        let pcm = paging::sounds::load(&shipped(name)).unwrap();
        assert_eq!(pcm.duration().as_millis(), millis, "{name}");
        let peak = pcm.samples.iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
        assert!((0.2..0.6).contains(&peak), "{name} peaks at {peak}");
    }
}

#[test]
fn no_other_sound_is_shipped() {
    let made: Vec<&str> = make_sounds::files().iter().map(|(name, _)| *name).collect();
    for entry in std::fs::read_dir(shipped("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            name == "README.md" || made.contains(&name.as_str()),
            "where is {name} from?"
        );
    }
}

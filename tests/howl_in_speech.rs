//! Is speech taken for a howl?
#![allow(clippy::unwrap_used)]

use std::process::Command;

use paging::base::SampleRate;
use paging::dsp::{Cure, HowlGuard, convert};

/// About what announcements say, with long vowels, which are the purest of all that is said.
const TEXT: &str = "Attention please. Who moved the blue moon through the cool room soon? We need \
    three green seats, please. All of you go home now: the office closes in ten minutes. Oh no, \
    who knew you owe me two? Aye aye, we agree: every evening Emily eats eleven eels. Will the \
    owner of the car number four two seven come to the main gate? Mmm. Ooooh. Hello hello hello.";

fn said(voice: &str, pitch: u32, speed: u32) -> (SampleRate, Vec<f32>) {
    let (pitch, speed) = (pitch.to_string(), speed.to_string());
    let mut espeak = Command::new("espeak-ng");
    espeak.args(["--stdout", "-v", voice, "-p", &pitch, "-s", &speed, TEXT]);
    let wav = espeak.output().unwrap().stdout;
    // Its header does not know the length; 16 bits and one channel it always has.
    let (header, samples) = wav.split_at(44);
    let hz = u32::from_le_bytes(header[24..28].try_into().unwrap());
    let (pairs, _) = samples.as_chunks::<2>();
    let frames = pairs
        .iter()
        .map(|x| f32::from(i16::from_le_bytes(*x)) / 32_768.0);
    (SampleRate::new(hz).unwrap(), frames.collect())
}

#[test]
fn minutes_of_speech_pass_as_they_are() {
    let mut seconds = 0;
    for voice in ["en", "en+f3", "en+m5", "en+whisper", "de", "fr+f2", "it"] {
        for (pitch, speed) in [(20, 140), (60, 170), (99, 110)] {
            let (from, frames) = said(voice, pitch, speed);
            for to in [SampleRate::HZ_8000, SampleRate::HZ_16000] {
                let plain = convert(&frames, from, to);
                seconds += plain.len() / to.hz() as usize;
                let pressed = plain.iter().map(|x| (3.0 * x).tanh()).collect();
                for voice_or_pressed in [plain, pressed] {
                    let mut guarded: Vec<f32> = voice_or_pressed;
                    let before = guarded.clone();
                    let mut guard = HowlGuard::new(Cure::Notch, to);
                    guarded
                        .chunks_mut(333)
                        .for_each(|frames| guard.process(frames));
                    assert_eq!(guard.howls(), (0, None), "{voice} {pitch} {to}");
                    assert!(guarded == before, "{voice} {pitch} {to}");
                }
            }
        }
    }
    assert!(seconds > 600, "{seconds} s are too few to tell");
}

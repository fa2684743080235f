//! Does speech press keys that nobody pressed?
#![allow(clippy::unwrap_used)]

use std::process::Command;

use paging::base::SampleRate;
use paging::dsp::{Dtmf, convert};

/// About what announcements say, with many vowels at the pitch of the tones.
const TEXT: &str = "Attention please. The train to platform nine, seven, five and three is \
    delayed by one hundred and eleven minutes. Would Mister Ooi and Miss Eaton please come to the \
    information desk? Fire drill at two o'clock. Oh no, who knew you owe me two? Aye aye, we \
    agree: every evening Emily eats eleven eels. Your car with the number A one B two C three D \
    four blocks the entrance. Zero zero seven, nought nought nought. Peep peep, beep beep, boo.";

fn said(voice: &str, pitch: u32, speed: u32) -> Vec<f32> {
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
    let frames: Vec<f32> = frames.collect();
    convert(&frames, SampleRate::new(hz).unwrap(), SampleRate::HZ_8000)
}

#[test]
fn minutes_of_speech_press_no_key() {
    let (mut pressed, mut seconds) = (vec![], 0);
    for voice in [
        "en",
        "en+f3",
        "en+m5",
        "en+croak",
        "en+whisper",
        "de",
        "fr+f2",
        "it",
    ] {
        for (pitch, speed) in [(20, 140), (60, 170), (99, 120)] {
            let frames = said(voice, pitch, speed);
            seconds += frames.len() / 8_000;
            let mut dtmf = Dtmf::new(SampleRate::HZ_8000);
            let mut rest = &frames[..];
            while !rest.is_empty() {
                let (n, key) = dtmf.listen(rest);
                pressed.extend(key.map(|key| (voice, pitch, key)));
                rest = &rest[n..];
            }
        }
    }
    assert!(seconds > 500, "{seconds} s are too few to tell");
    assert!(pressed.is_empty(), "in {seconds} s: {pressed:?}");
}

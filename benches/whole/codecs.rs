//! What of the clearness of a wide codec arrives at the speakers?
//!
//! ```text
//!  16 kHz ─► codec ─────────────────────────────────────────────► PESQ, wide-band: alone
//!        └─► paging call --codec ─► Daemon ─► JACK ─► Recorder ─► PESQ, wide-band: whole path
//! ```

use std::path::Path;
use std::time::Duration;

use paging::base::{Encoding, OpusWish, SampleRate};
use paging::codec::{Decoder, Encoder};
use paging::dsp::convert;

use crate::clear::{Band, PESQ_PYTHON, SENTENCES, pesq, speak};
use crate::common::daemon::{self, Daemon};
use crate::common::folder::Folder;
use crate::common::jack_client::Recorder;
use crate::common::jackd::Jackd;
use crate::common::measure::{arrival, median, rms};
use crate::common::signal::write_wav;
use crate::figures::{Effort, SOON, open, pause};
use crate::report::Report;

/// By the names of the command line.
const CODECS: [(&str, Encoding); 2] = [("g722", Encoding::G722), ("opus", Encoding::Opus)];

/// A quarter of a second at 8 kHz.
const PIECE: usize = 2_000;

/// What the whole path may cost.
const MOST: f64 = 0.1;

/// Each codec on a quiet network.
pub fn codecs(effort: Effort, report: &mut Report) {
    let folder = Folder::new("codecs");
    let jackd = Jackd::start(48_000, 256);
    let daemon = Daemon::start(&open(&jackd));
    jackd.wait_until_fed("system:playback_1", "paging:", SOON);
    for (name, encoding) in CODECS {
        let (mut alone, mut whole) = (Vec::new(), Vec::new());
        for text in &SENTENCES[..effort.pick(8, 2)] {
            let said = speak(&folder, text, Band::Wide.rate());
            alone.push(pesq(&folder, Band::Wide, &said, &coded(encoding, &said)));
            let heard = over_all(&folder, &jackd, &daemon, name, &said);
            whole.push(pesq(&folder, Band::Wide, &said, &heard));
        }
        let what = format!("{name}: clearness (PESQ, wide-band)");
        let judged = |all: Vec<Option<f64>>| all.into_iter().collect::<Option<Vec<f64>>>();
        let Some((alone, whole)) = judged(alone).zip(judged(whole)) else {
            let note = format!("there is no {PESQ_PYTHON}; scripts/measure makes it");
            report.seen(&what, "not measured", note);
            continue;
        };
        let (alone, whole) = (median(&alone), median(&whole));
        let note = format!("the codec alone: {alone:.2}");
        report.at_least(&what, whole, alone - MOST, "", note);
    }
}

/// Through encoder and decoder and nothing else.
fn coded(encoding: Encoding, said: &[f32]) -> Vec<f32> {
    let (wide, rate) = (SampleRate::HZ_16000, encoding.audio_rate());
    let sound = convert(said, wide, rate);
    let mut encoder = Encoder::new(encoding, OpusWish::default());
    let mut decoder = Decoder::new(encoding);
    let mut heard = Vec::new();
    for packet in sound.chunks_exact(rate.hz() as usize / 50) {
        let mut payload = Vec::new();
        encoder.encode(packet, &mut payload);
        decoder.decode(&payload, &mut heard);
    }
    convert(&heard, rate, wide)
}

/// By a call of our own command line to the speakers, cut to where the voice is.
fn over_all(
    folder: &Folder,
    jackd: &Jackd,
    daemon: &Daemon,
    codec: &str,
    said: &[f32],
) -> Vec<f32> {
    let file = folder.join("call.wav");
    write_wav(&file, Band::Wide.rate(), &[said]);
    let recorder = Recorder::start(jackd);
    pause(Duration::from_millis(300));
    call(folder, daemon, codec, &file);
    pause(Duration::from_millis(400));
    let heard = recorder.stop();
    let low = convert(said, SampleRate::HZ_16000, SampleRate::HZ_8000);
    // Not the whole: while the delay is adapted, it is nowhere alike.
    let mut pieces = low.chunks_exact(PIECE).enumerate();
    let loud = pieces.find(|(_, piece)| rms(piece) > 0.05);
    let (n, piece) = loud.expect("somebody speaks");
    let found = arrival(piece, &heard.left, heard.rate, 0, heard.left.len());
    assert!(found.alike > 0.5, "the voice is not in the recording");
    let from = SampleRate::new(heard.rate).expect("JACK runs");
    let said_before = n * PIECE * heard.rate as usize / 8_000;
    let rest = &heard.left[found.frame.saturating_sub(said_before)..];
    convert(rest, from, SampleRate::HZ_16000)
}

fn call(folder: &Folder, daemon: &Daemon, codec: &str, file: &Path) {
    let to = format!("sip:100@{}", daemon.sip);
    let file = file.to_str().expect("a plain path");
    let arguments = ["call", &to, "--codec", codec, "--play", file];
    let (code, log) = daemon::run(folder, &arguments, Duration::from_secs(30));
    assert_eq!(code, Some(0), "{log}");
}

//! Do we decode what ffmpeg and libopus encode, and the other way round?
//!
//! The reference vectors are made in the run, of speech by espeak-ng or of a voice made here.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::{Command, Stdio};

use common::folder::Folder;
use common::ogg;
use paging::base::{Channels, Encoding, L16, OpusWish, SampleRate};
use paging::codec::{Decoder, Encoder, Restored};

/// A voice that glides, in words with pauses between; 3 s.
fn speech(rate: SampleRate) -> Vec<f32> {
    let hz = f64::from(rate.hz());
    let mut phase = 0.0f64;
    (0..3 * rate.hz())
        .map(|i| {
            let t = f64::from(i) / hz;
            let pitch = 140.0 + 45.0 * (t * 2.3).sin();
            phase += pitch / hz;
            let word = (t * 1.7).fract() / 0.8;
            let level = if word < 1.0 {
                (word * std::f64::consts::PI).sin()
            } else {
                0.0
            };
            let formants = [
                600.0 + 300.0 * (t * 5.1).sin(),
                2_300.0 + 600.0 * (t * 3.7).sin(),
            ];
            let tone: f64 = (1..24)
                .map(|k| {
                    let k = f64::from(k);
                    let near: f64 = formants
                        .iter()
                        .map(|f| 1.0 / (1.0 + ((k * pitch - f) / 250.0).powi(2)))
                        .sum();
                    (phase * k * std::f64::consts::TAU).sin() * (0.03 + near)
                })
                .sum();
            (tone * level * 0.18) as f32
        })
        .collect()
}

fn to_bytes(pcm: &[f32]) -> Vec<u8> {
    let samples = pcm.iter().map(|s| (s * 32_768.0).round() as i16);
    samples.flat_map(i16::to_le_bytes).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    let pairs = bytes.chunks_exact(2);
    pairs
        .map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0)
        .collect()
}

/// Runs ffmpeg from the file `input` to the file `output` and reads that.
fn ffmpeg(folder: &Folder, input: (&[&str], &[u8]), output: (&[&str], &str)) -> Vec<u8> {
    let from = folder.join("input");
    let to = folder.join(output.1);
    std::fs::write(&from, input.1).unwrap();
    let run = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"])
        .args(input.0)
        .arg("-i")
        .arg(&from)
        .args(output.0)
        .arg(&to)
        .stdout(Stdio::null())
        .output()
        .expect("ffmpeg is installed: scripts/packages.sh names it");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    std::fs::read(to).unwrap()
}

fn raw(rate: SampleRate) -> Vec<String> {
    let rate = rate.hz().to_string();
    ["-f", "s16le", "-ac", "1", "-ar", &rate]
        .map(str::to_owned)
        .to_vec()
}

fn words(all: &[String]) -> Vec<&str> {
    all.iter().map(String::as_str).collect()
}

/// All of `pcm` in packets of 20 ms.
fn encoded(encoding: Encoding, wish: OpusWish, pcm: &[f32]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(encoding, wish);
    encoder.expect_loss(0.15);
    let n = encoding.audio_rate().hz() as usize / 50;
    pcm.chunks_exact(n)
        .map(|pcm| {
            let mut out = Vec::new();
            encoder.encode(pcm, &mut out);
            out
        })
        .collect()
}

fn decoded(encoding: Encoding, packets: &[Vec<u8>]) -> Vec<f32> {
    let mut decoder = Decoder::new(encoding);
    let mut out = Vec::new();
    for packet in packets {
        decoder.decode(packet, &mut out);
    }
    out
}

/// Signal to noise in dB, with `got` up to `most` frames later or earlier than `want`; and by how
/// many.
fn snr(want: &[f32], got: &[f32], most: usize) -> (f32, i64) {
    let heard = |i: usize, delay: i64| {
        let at = usize::try_from(i as i64 + delay).ok();
        f64::from(at.and_then(|at| got.get(at)).copied().unwrap_or(0.0))
    };
    // A stretch of it is enough to find the delay.
    let stretch = || want.iter().enumerate().skip(want.len() / 5).take(6_000);
    let likeness = |delay| -> f64 {
        let (cross, energy) = stretch().fold((0.0, 1e-9), |(cross, energy), (i, &w)| {
            let h = heard(i, delay);
            (cross + f64::from(w) * h, energy + h * h)
        });
        cross / energy.sqrt()
    };
    let most = most as i64;
    let delay = (-most..=most).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b)));
    let delay = delay.unwrap();
    let (mut signal, mut noise) = (0.0, 0.0);
    let edge = most as usize;
    for (i, &w) in want[..want.len() - edge].iter().enumerate().skip(edge) {
        signal += f64::from(w).powi(2);
        noise += (f64::from(w) - heard(i, delay)).powi(2);
    }
    ((10.0 * (signal / noise.max(1e-12)).log10()) as f32, delay)
}

#[test]
fn g722_is_bit_exact_with_ffmpeg_both_ways() {
    let folder = Folder::new("codecs-g722");
    let rate = SampleRate::HZ_16000;
    let mut pcm = speech(rate);
    // Everything that can be quantized: full scale and noise too.
    let mut seed = 1u32;
    pcm.extend((0..16_000).map(|i| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 16) as f32 / 32_768.0 * (i as f32 / 16_000.0) * 2.0 - (i as f32 / 16_000.0)
    }));
    let pcm = from_bytes(&to_bytes(&pcm));
    let raw = raw(rate);
    let theirs = ffmpeg(
        &folder,
        (&words(&raw), &to_bytes(&pcm)),
        (&["-c:a", "g722", "-f", "g722"], "theirs.g722"),
    );
    let ours = encoded(Encoding::G722, OpusWish::default(), &pcm).concat();
    assert_eq!(ours.len(), theirs.len());
    assert_eq!(first_difference(&ours, &theirs), None);

    let theirs = ffmpeg(
        &folder,
        (&["-f", "g722"], &ours),
        (&words(&raw), "theirs.raw"),
    );
    let sound = to_bytes(&decoded(Encoding::G722, &[ours]));
    assert_eq!(sound.len(), theirs.len());
    assert_eq!(first_difference(&sound, &theirs), None);

    // And what comes back is what was said, 22 samples later.
    let (snr, delay) = snr(&pcm[..48_000], &from_bytes(&sound)[..48_000], 30);
    assert!(snr > 20.0 && delay == 22, "{snr} dB at {delay}");
}

fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    a.iter().zip(b).position(|(a, b)| a != b)
}

#[test]
fn g711_and_l16_are_bit_exact_with_ffmpeg() {
    let folder = Folder::new("codecs-pcm");
    let rows = [
        (Encoding::Pcmu, "mulaw"),
        (Encoding::Pcma, "alaw"),
        (l16(16_000, Channels::Mono), "s16be"),
        (l16(44_100, Channels::Mono), "s16be"),
        (l16(48_000, Channels::Mono), "s16be"),
    ];
    for (encoding, format) in rows {
        let rate = encoding.audio_rate();
        let pcm = from_bytes(&to_bytes(&speech(rate)));
        let raw = raw(rate);
        let theirs = ffmpeg(
            &folder,
            (&words(&raw), &to_bytes(&pcm)),
            (&["-f", format], "theirs"),
        );
        let ours = encoded(encoding, OpusWish::default(), &pcm).concat();
        // G.711 leaves open to which step the middle between two belongs.
        let n_unlike = ours.iter().zip(&theirs).filter(|(a, b)| a != b).count();
        let is_g711 = matches!(encoding, Encoding::Pcmu | Encoding::Pcma);
        let most = if is_g711 { ours.len() / 10 } else { 0 };
        assert!(
            n_unlike <= most,
            "{encoding:?}: {n_unlike} of {}",
            ours.len()
        );
        let rate = rate.hz().to_string();
        let back = ffmpeg(
            &folder,
            (&["-f", format, "-ac", "1", "-ar", &rate], &ours),
            (&words(&raw), "back"),
        );
        let sound = to_bytes(&decoded(encoding, &[ours]));
        assert_eq!(first_difference(&sound, &back), None, "{encoding:?}");
    }
}

fn l16(hz: u32, channels: Channels) -> Encoding {
    let rate = SampleRate::new(hz).unwrap();
    Encoding::L16(L16 { rate, channels })
}

#[test]
fn stereo_is_folded_and_made_of_one_voice() {
    let stereo = l16(48_000, Channels::Stereo);
    let packets = encoded(stereo, OpusWish::default(), &[0.5; 960]);
    assert_eq!(packets[0].len(), 3_840);
    assert_eq!(decoded(stereo, &packets), [0.5; 960]);
    let unlike = [0x40, 0x00, 0xC0, 0x00, 0x20, 0x00, 0x00, 0x00, 0x7F];
    assert_eq!(decoded(stereo, &[unlike.to_vec()]), [0.0, 0.125]);
}

/// What libopus makes of the voice, with `options`, and how libopus itself decodes it.
fn by_libopus(folder: &Folder, options: &[&str], channels: usize) -> (Vec<Vec<u8>>, Vec<f32>) {
    let rate = SampleRate::HZ_48000;
    let input = raw(rate);
    let channels = channels.to_string();
    let mut output = vec!["-c:a", "libopus", "-ac", &channels];
    output.extend(options);
    output.extend(["-f", "ogg"]);
    let file = ffmpeg(
        folder,
        (&words(&input), &to_bytes(&speech(rate))),
        (&output, "theirs.ogg"),
    );
    let packets = ogg::packets(&file);
    (packets, libopus_decodes(folder, &file))
}

fn libopus_decodes(folder: &Folder, file: &[u8]) -> Vec<f32> {
    let output = raw(SampleRate::HZ_48000);
    from_bytes(&ffmpeg(
        folder,
        (&["-c:a", "libopus", "-f", "ogg"], file),
        (&words(&output), "decoded.raw"),
    ))
}

#[test]
fn opus_decodes_as_libopus_does() {
    let folder = Folder::new("codecs-opus-rx");
    let rows: [(&[&str], usize, f32); 9] = [
        // SILK narrow to wide, hybrid, CELT; all lengths of a packet; stereo.
        (&["-b:a", "8k", "-application", "voip"], 1, 35.0),
        (&["-b:a", "16k", "-application", "voip"], 1, 35.0),
        (&["-b:a", "32k", "-application", "voip"], 1, 35.0),
        (&["-b:a", "64k", "-application", "audio"], 1, 35.0),
        (&["-b:a", "96k", "-application", "lowdelay"], 1, 35.0),
        (
            &[
                "-b:a",
                "24k",
                "-application",
                "voip",
                "-frame_duration",
                "10",
            ],
            1,
            35.0,
        ),
        (
            &[
                "-b:a",
                "24k",
                "-application",
                "voip",
                "-frame_duration",
                "60",
            ],
            1,
            35.0,
        ),
        (
            &[
                "-b:a",
                "64k",
                "-application",
                "audio",
                "-frame_duration",
                "2.5",
            ],
            1,
            35.0,
        ),
        (&["-b:a", "64k", "-application", "voip"], 2, 35.0),
    ];
    for (options, channels, at_least) in rows {
        let (packets, theirs) = by_libopus(&folder, options, channels);
        let ours = decoded(Encoding::Opus, &packets);
        // The file says that its first frames are not to be heard.
        let (snr, _) = snr(&theirs, &ours, 1_000);
        assert!(snr > at_least, "{options:?}: {snr} dB");
    }
}

#[test]
fn libopus_decodes_what_we_encode() {
    let folder = Folder::new("codecs-opus-tx");
    let rate = SampleRate::HZ_48000;
    let mut said = speech(rate);
    said.extend(vec![0.0; 24_000]);
    said.extend(speech(rate));
    let fec = OpusWish {
        fec: true,
        ..OpusWish::default()
    };
    let cbr = OpusWish {
        cbr: true,
        max_bitrate: Some(24_000),
        ..OpusWish::default()
    };
    for wish in [OpusWish::default(), fec, cbr] {
        for ms in [10, 20, 40, 60] {
            let mut encoder = Encoder::new(Encoding::Opus, wish);
            encoder.expect_loss(0.1);
            let n = 48 * ms;
            let packets: Vec<Vec<u8>> = said
                .chunks_exact(n)
                .map(|pcm| {
                    let mut out = Vec::new();
                    encoder.encode(pcm, &mut out);
                    assert!(!out.is_empty());
                    out
                })
                .collect();
            let theirs = libopus_decodes(&folder, &ogg::file(&packets, n));
            let ours = decoded(Encoding::Opus, &packets);
            let (same, _) = snr(&theirs, &ours, 400);
            assert!(same > 45.0, "{wish:?} {ms}: {same} dB between the decoders");
            let (good, _) = snr(&said, &theirs, 1_200);
            assert!(good > 5.0, "{wish:?} {ms}: {good} dB");
            let bytes: usize = packets.iter().map(Vec::len).sum();
            let kbps = bytes * 8 / (said.len() / 48);
            let most = if wish.fec { 50 } else { 34 };
            assert!((10..=most).contains(&kbps), "{wish:?} {ms}: {kbps} kbit/s");
        }
    }
}

#[test]
fn a_lost_packet_is_told_by_the_next() {
    let folder = Folder::new("codecs-opus-fec");
    let options = [
        "-b:a",
        "32k",
        "-application",
        "voip",
        "-fec",
        "1",
        "-packet_loss",
        "15",
    ];
    let (theirs, _) = by_libopus(&folder, &options, 1);
    let fec = OpusWish {
        fec: true,
        ..OpusWish::default()
    };
    let ours = encoded(Encoding::Opus, fec, &speech(SampleRate::HZ_48000));
    for (who, packets) in [("libopus", theirs), ("we", ours)] {
        let whole = decoded(Encoding::Opus, &packets);
        let mut decoder = Decoder::new(Encoding::Opus);
        let (mut holed, mut n_told, mut n_lost) = (Vec::new(), 0, 0);
        let mut guessed = Vec::new();
        let mut guesser = Decoder::new(Encoding::Opus);
        for (i, packet) in packets.iter().enumerate() {
            if i % 7 == 5 {
                continue;
            }
            if i % 7 == 6 {
                n_lost += 1;
                let restored = decoder.restore(960, packet, &mut holed);
                n_told += u32::from(restored == Restored::Told);
                guessed.resize(guessed.len() + 960, 0.0);
            }
            decoder.decode(packet, &mut holed);
            guesser.decode(packet, &mut guessed);
        }
        let n = holed.len().min(whole.len());
        let (with, _) = snr(&whole[..n], &holed[..n], 10);
        let (without, _) = snr(&whole[..n], &guessed[..n], 10);
        assert!(n_told * 10 > n_lost * 7, "{who}: {n_told} of {n_lost}");
        assert!(
            with > without + 3.0,
            "{who}: {with} dB, {without} dB without"
        );
    }
}

#[test]
fn silence_is_three_bytes_and_to_those_who_want_none_it_is_not_sent() {
    let silent = vec![0.0; 960 * 100];
    let packets = encoded(Encoding::Opus, OpusWish::default(), &silent);
    assert!(packets[3..].iter().all(|p| p == &[0xF8, 0xFF, 0xFE]));
    let dtx = OpusWish {
        dtx: true,
        ..OpusWish::default()
    };
    let packets = encoded(Encoding::Opus, dtx, &silent);
    let n_sent = packets.iter().filter(|p| !p.is_empty()).count();
    assert!((7..=8).contains(&n_sent), "{n_sent}");
    let heard = decoded(
        Encoding::Opus,
        &encoded(Encoding::Opus, dtx, &silent[..9_600]),
    );
    assert!(heard.iter().all(|&x| x.abs() < 1e-4));
}

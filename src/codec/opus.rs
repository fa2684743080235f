//! How does Opus carry a voice? (RFC 6716, RFC 7587)
//!
//! The codec itself is opus-rs, at 48 kHz and mono in both directions: stereo is folded by the
//! decoder. What a packet says of itself is read here.

use opus_rs::{Application, OpusDecoder, OpusEncoder};

use crate::base::OpusWish;
use crate::codec::Restored;

/// Sound from packets.
pub(super) struct Decoder {
    inner: OpusDecoder,
    sound: Vec<f32>,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            inner: OpusDecoder::new(RATE as i32, 1).expect("Opus knows 48 kHz and mono"),
            sound: vec![0.0; LONGEST],
        }
    }

    /// A packet that is none adds nothing.
    pub(super) fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) {
        if payload.is_empty() {
            return;
        }
        if let Ok(n) = self.inner.decode(payload, LONGEST, &mut self.sound) {
            out.extend(self.sound[..n].iter().map(|&x| finite(x)));
        }
    }

    /// The sound of the `frames` before `next`, which carries them along if it was so agreed.
    pub(super) fn restore(&mut self, frames: usize, next: &[u8], out: &mut Vec<f32>) -> Restored {
        let frames = frames.min(LONGEST) / STEP * STEP;
        if frames == 0 {
            return Restored::Nothing;
        }
        let Ok(n) = self.inner.decode_fec(next, frames, &mut self.sound) else {
            return Restored::Nothing;
        };
        out.extend(self.sound[..n].iter().map(|&x| finite(x)));
        if carries_the_last(next) {
            Restored::Told
        } else {
            Restored::Guessed
        }
    }
}

/// Whether the packet holds the one before it a second time: the LBRR flag of SILK, behind a flag
/// of voice for each of its frames (RFC 6716 §4.2.3 and 4.2.4).
fn carries_the_last(packet: &[u8]) -> bool {
    let &[toc, flags, ..] = packet else {
        return false;
    };
    // Modes 0 to 15 have SILK; packets with several frames are not sent with it by anyone.
    let (mode, is_single) = (toc >> 3, toc & 3 == 0);
    if mode >= 16 || !is_single {
        return false;
    }
    let n_frames = match (mode, mode & 3) {
        (0..12, 2) => 2,
        (0..12, 3) => 3,
        _ => 1,
    };
    flags >> (7 - n_frames) & 1 == 1
}

/// Packets from sound.
pub(super) struct Encoder {
    inner: OpusEncoder,
    wish: OpusWish,
    /// To the rate that the peer can render.
    thinner: Thinner,
    thin: Vec<f32>,
    packet: Vec<u8>,
    /// Packets of digital silence in a row.
    n_silent: u32,
    /// Of a hundred packets, as the peer reports it.
    n_lost: i32,
}

impl Encoder {
    pub(super) fn new(wish: OpusWish) -> Self {
        Self {
            inner: made_for(wish, 0),
            wish,
            n_lost: 0,
            thinner: Thinner::new(RATE / rate_for(wish)),
            thin: Vec::new(),
            packet: vec![0; MOST_BYTES],
            n_silent: 0,
        }
    }

    /// So much is lost on the way, 0.0 to 1.0. A copy of each packet in the next costs clearness,
    /// so it goes along only while it is of use.
    pub(super) fn expect_loss(&mut self, lost: f32) {
        self.n_lost = (lost * 100.0).round() as i32;
        prepare(&mut self.inner, self.wish, self.n_lost);
    }

    /// Adds nothing if nothing need be sent: silence, to a peer who wants none.
    pub(super) fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) {
        if self.is_long_silent(pcm) {
            if !self.wish.dtx || self.n_silent.is_multiple_of(DTX_EVERY) {
                write_silence(pcm.len(), out);
            }
            return;
        }
        self.thin.clear();
        self.thinner.take(pcm, &mut self.thin);
        let (thin, n) = (&self.thin, self.thin.len());
        if let Ok(n) = self.inner.encode(thin, n, &mut self.packet) {
            out.extend_from_slice(&self.packet[..n]);
        }
    }

    /// Whether this is silence, and before it was. What comes after that starts afresh, since the
    /// peer's decoder knows nothing of what we had before.
    fn is_long_silent(&mut self, pcm: &[f32]) -> bool {
        let is_silent = pcm.iter().all(|&x| x == 0.0);
        if !is_silent {
            if self.n_silent > LAST_WORD {
                self.inner = made_for(self.wish, self.n_lost);
            }
            self.n_silent = 0;
            return false;
        }
        self.n_silent = self.n_silent.saturating_add(1);
        self.n_silent > LAST_WORD
    }
}

fn made_for(wish: OpusWish, n_lost: i32) -> OpusEncoder {
    let rate = rate_for(wish);
    let mut inner = OpusEncoder::new(rate as i32, 1, Application::Voip)
        .expect("Opus knows these rates and mono");
    inner.use_cbr = wish.cbr;
    inner.complexity = COMPLEXITY;
    prepare(&mut inner, wish, n_lost);
    inner
}

/// Sets what follows from the loss of so many packets in a hundred.
fn prepare(inner: &mut OpusEncoder, wish: OpusWish, n_lost: i32) {
    let has_copy = wish.fec && n_lost > 0;
    let usual = bitrate_at(rate_for(wish));
    let wanted = if has_copy { usual * 3 / 2 } else { usual };
    let most = wish.max_bitrate.unwrap_or(wanted).max(LEAST_BITRATE);
    inner.bitrate_bps = wanted.min(most) as i32;
    inner.use_inband_fec = has_copy;
    inner.packet_loss_perc = if has_copy {
        n_lost.clamp(LEAST_LOSS, MOST_LOSS)
    } else {
        0
    };
}

/// At which rate to encode: sound that the peer cannot render is not worth its bits (RFC 7587
/// §6.1).
fn rate_for(wish: OpusWish) -> usize {
    match wish.max_rate {
        Some(..12_000) => 8_000,
        Some(..16_000) => 12_000,
        Some(..24_000) => 16_000,
        Some(..48_000) => 24_000,
        Some(_) | None => RATE,
    }
}

/// What RFC 7587 §3.1.1 recommends for speech in that band.
fn bitrate_at(rate: usize) -> u32 {
    match rate {
        8_000 => 12_000,
        12_000 => 16_000,
        16_000 => 20_000,
        24_000 => 28_000,
        _ => BITRATE,
    }
}

/// Lowers a rate by a whole factor.
struct Thinner {
    factor: usize,
    /// A low-pass below half the lower rate.
    taps: Vec<f32>,
    /// The end of what came before, one frame shorter than the filter.
    past: Vec<f32>,
}

impl Thinner {
    /// Of factor 1 it changes nothing.
    fn new(factor: usize) -> Self {
        let n = if factor == 1 { 1 } else { TAPS * factor + 1 };
        let taps: Vec<f32> = (0..n).map(|i| tap(i, n, factor)).collect();
        let sum: f32 = taps.iter().sum();
        Self {
            factor,
            taps: taps.into_iter().map(|tap| tap / sum).collect(),
            past: vec![0.0; n - 1],
        }
    }

    /// Appends what is left of `frames`, a multiple of the factor.
    fn take(&mut self, frames: &[f32], out: &mut Vec<f32>) {
        self.past.extend_from_slice(frames);
        let windows = self.past.windows(self.taps.len()).step_by(self.factor);
        out.extend(windows.map(|heard| {
            heard
                .iter()
                .zip(&self.taps)
                .map(|(x, tap)| x * tap)
                .sum::<f32>()
        }));
        self.past.drain(..frames.len());
    }
}

/// Of a sinc in a Hann window.
fn tap(i: usize, n: usize, factor: usize) -> f32 {
    use std::f32::consts::PI;
    let off = i as f32 - (n - 1) as f32 / 2.0;
    let x = PI * off * CUTOFF / factor as f32;
    let sinc = if off == 0.0 { 1.0 } else { x.sin() / x };
    sinc * (0.5 + 0.5 * (2.0 * PI * off / (n + 1) as f32).cos())
}

/// Packets that say "silence" in the fullband CELT mode: three bytes, and no work for anyone.
fn write_silence(frames: usize, out: &mut Vec<u8>) {
    match frames {
        480 => out.extend([0xF0, 0xFF, 0xFE]),
        960 => out.extend([0xF8, 0xFF, 0xFE]),
        // Code 3: so many frames of 20 ms, all of one length (RFC 6716 §3.2.5).
        _ => {
            let n = (frames / 960) as u8;
            out.extend([0xFB, n]);
            for _ in 0..n {
                out.extend([0xFF, 0xFE]);
            }
        }
    }
}

/// A bitstream gone wrong must not poison the filters behind us.
fn finite(x: f32) -> f32 {
    if x.is_finite() {
        x.clamp(-1.0, 1.0)
    } else {
        0.0
    }
}

const RATE: usize = 48_000;
/// Frames of the lower rate that the low-pass sees, and where it begins to fall.
const TAPS: usize = 32;
const CUTOFF: f32 = 0.92;
/// 120 ms, the most that a packet may hold.
const LONGEST: usize = RATE * 120 / 1_000;
/// 2.5 ms: what is made up comes in multiples of this.
const STEP: usize = RATE / 400;
const MOST_BYTES: usize = 1_276;
/// Speech in full band (RFC 7587 §3.1.1); the copy of the last packet comes on top.
const BITRATE: u32 = 32_000;
const LEAST_BITRATE: u32 = 6_000;
/// From here on the encoder spends enough on the copy to be of use, in hundredths.
const LEAST_LOSS: i32 = 10;
/// Beyond this the copy gets more than the packet itself can spare.
const MOST_LOSS: i32 = 25;
/// Of 0 to 10; beyond this speech sounds no better for twice the work.
const COMPLEXITY: i32 = 5;
/// Packets of silence that still go through the encoder, so that its last word fades.
const LAST_WORD: u32 = 3;
/// 400 ms of 20: how often silence is confirmed to a peer who wants it unsent (RFC 7587 §3.1.3).
const DTX_EVERY: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f32, from: usize) -> Vec<f32> {
        let frame = |i| (std::f32::consts::TAU * hz * i as f32 / RATE as f32).sin() * 0.3;
        (from..from + 960).map(frame).collect()
    }

    /// Harmonics of a voice that swell and fade as syllables do.
    fn vowel(from: usize) -> Vec<f32> {
        let wave = |hz: f32, i: usize| (std::f32::consts::TAU * hz * i as f32 / RATE as f32).sin();
        let tones = |i| (1..20).map(move |n| wave(120.0 * n as f32, i) / n as f32);
        let frame = |i| tones(i).sum::<f32>() * (0.12 + 0.08 * wave(4.0, i));
        (from..from + 960).map(frame).collect()
    }

    fn power(frames: &[f32]) -> f32 {
        frames.iter().map(|x| x * x).sum::<f32>() / frames.len() as f32
    }

    /// What of a tone comes out of a decoder, as power, when the peer renders only `max_rate`.
    fn heard(hz: f32, max_rate: Option<u32>) -> (f32, usize) {
        let wish = OpusWish {
            max_rate,
            ..OpusWish::default()
        };
        let (mut encoder, mut decoder) = (Encoder::new(wish), Decoder::new());
        let (mut heard, mut n_bytes) = (Vec::new(), 0);
        for packet in 0..50 {
            let mut payload = Vec::new();
            encoder.encode(&tone(hz, packet * 960), &mut payload);
            n_bytes += payload.len();
            decoder.decode(&payload, &mut heard);
        }
        assert_eq!(heard.len(), 50 * 960);
        (power(&heard[RATE / 2..]), n_bytes)
    }

    #[test]
    fn what_the_peer_cannot_render_is_not_sent() {
        let whole = power(&tone(1_000.0, 0));
        for max_rate in [8_000, 12_000, 16_000, 24_000] {
            let (low, n_bytes) = heard(1_000.0, Some(max_rate));
            assert!(low > whole * 0.7, "{max_rate}: {low} of {whole}");
            let band = max_rate as f32 / 2.0;
            let (high, _) = heard(band * 1.3, Some(max_rate));
            assert!(high < whole * 0.01, "{max_rate}: {high} of {whole}");
            let (_, n_usual) = heard(1_000.0, None);
            assert!(
                n_bytes < n_usual,
                "{max_rate}: {n_bytes} of {n_usual} bytes"
            );
        }
    }

    #[test]
    fn a_copy_of_each_packet_goes_along_while_the_peer_loses_some() {
        let wish = OpusWish {
            fec: true,
            ..OpusWish::default()
        };
        let mut encoder = Encoder::new(wish);
        let mut n_copies = |lost: f32| {
            encoder.expect_loss(lost);
            let packets = (0..50).map(|i| {
                let mut payload = Vec::new();
                encoder.encode(&vowel(i * 960), &mut payload);
                carries_the_last(&payload)
            });
            packets.filter(|&has_copy| has_copy).count()
        };
        assert_eq!(n_copies(0.0), 0);
        let n = n_copies(0.02);
        assert!(n >= 20, "{n} of 50, the loud ones");
        // The first after it may still have the last one's copy.
        assert!(n_copies(0.001) <= 1);
    }

    #[test]
    fn a_rate_is_lowered_evenly_over_packets() {
        let mut thinner = Thinner::new(3);
        let mut thin = Vec::new();
        (0..10).for_each(|i| thinner.take(&tone(1_000.0, i * 960), &mut thin));
        assert_eq!(thin.len(), 3_200);
        let steps = thin[100..].windows(2).map(|w| (w[1] - w[0]).abs());
        let largest = steps.fold(0.0, f32::max);
        let most = std::f32::consts::TAU * 1_000.0 / 16_000.0 * 0.3;
        assert!(largest < most * 1.02, "{largest} of {most}");
    }
}

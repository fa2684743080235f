//! How is one sound encoded once for any number of listeners?
//!
//! ```text
//!  Tape ─► (resampler) ─► Encoder ─► payload 0, 1, 2 …   kept; the listener in front makes them,
//!                                    ▲  ▲        ▲        and all behind find them made
//!                                    listeners
//! ```
//!
//! A sound that repeats rarely fills whole packets. So its last packet is followed by a joint, in
//! which what is left of the sound fades into its beginning: no silence and no step, and from there
//! on the packets are those of the first turn again. One of whole packets repeats as it is.

use std::sync::Arc;
use std::time::Duration;

use crate::base::{Encoding, OpusWish, SampleRate, Tape};
use crate::codec::Encoder;
use crate::dsp::Resampler;
use crate::media::{Repeat, SenderSettings};

/// What listeners must have in common to hear the same payloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub encoding: Encoding,
    pub ptime: Duration,
    opus: OpusWish,
}

impl Cut {
    /// What serves a listener with whom this was agreed. Wishes for Opus are rounded, so that few
    /// cuts serve all: a bitrate down to the next step, silence is sent like any sound, all have
    /// the full band, and no packet holds a copy of the last.
    pub fn of(settings: &SenderSettings) -> Self {
        let opus = match settings.encoding {
            Encoding::Opus => rounded(settings.opus),
            Encoding::G722 | Encoding::Pcmu | Encoding::Pcma | Encoding::L16(_) => {
                OpusWish::default()
            }
        };
        Self {
            encoding: settings.encoding,
            ptime: settings.ptime,
            opus,
        }
    }

    /// What Opus is told.
    pub(super) fn opus(&self) -> OpusWish {
        self.opus
    }

    /// Frames at the encoding's audio rate that make one packet.
    pub(super) fn frames(&self) -> usize {
        self.encoding.audio_rate().frames_in(self.ptime).max(1)
    }
}

fn rounded(wish: OpusWish) -> OpusWish {
    let step = |most: u32| BITRATES.into_iter().find(|&step| step <= most);
    let max_bitrate = wish.max_bitrate.filter(|&most| most < BITRATES[0]);
    OpusWish {
        max_bitrate: max_bitrate.map(|most| step(most).unwrap_or(BITRATES[BITRATES.len() - 1])),
        cbr: wish.cbr,
        ..OpusWish::default()
    }
}

/// The payloads of one sound in one cut, made when they are first asked for.
pub struct Reel {
    cut: Cut,
    reading: Reading,
    encoder: Encoder,
    /// Packets of one turn, or of the whole if there is but one.
    n_packets: u64,
    repeat: Repeat,
    /// Packets behind the last of the first turn that stand for the first ones in all later turns.
    n_joint: u64,
    /// Frames behind the last packet of a turn: the joint fades from these to the first.
    n_tail: usize,
    /// The sound of the first packets, as many as the joint has.
    head: Vec<f32>,
    pcm: Vec<f32>,
    bytes: Vec<u8>,
    /// Where each payload ends in `bytes`.
    ends: Vec<usize>,
}

impl Reel {
    /// The sound of `tape` from `begin` on; one that repeats comes round to there.
    pub fn new(tape: Arc<Tape>, cut: Cut, repeat: Repeat, begin: Duration) -> Self {
        let rate = cut.encoding.audio_rate();
        let n_tape = tape.samples.len();
        let at = tape.rate.frames_in(begin) % n_tape.max(1);
        let (from, frames) = (tape.rate, cut.frames());
        let of_tape =
            |n: usize| (n as u64 * u64::from(rate.hz())).div_ceil(u64::from(from.hz())) as usize;
        let (n, n_left) = (of_tape(n_tape), of_tape(n_tape - at));
        let reading = Reading::new(tape, rate, repeat, at);
        let n_packets = match repeat {
            Repeat::Forever if n_tape == 0 => 0,
            Repeat::Forever => (n / frames).max(1),
            Repeat::Once if n_tape == 0 => 0,
            Repeat::Once => (n_left + reading.delay()).div_ceil(frames),
        };
        Self {
            cut,
            reading,
            encoder: Encoder::new(cut.encoding, cut.opus),
            n_packets: n_packets as u64,
            repeat,
            n_joint: joint(cut.encoding).min(n_packets as u64),
            n_tail: n.saturating_sub(n_packets * frames),
            head: Vec::new(),
            pcm: Vec::new(),
            bytes: Vec::new(),
            ends: Vec::new(),
        }
    }

    /// Who can hear it.
    pub fn cut(&self) -> Cut {
        self.cut
    }

    /// The payload of packet `nth`, from 0; `None` behind the end. Whoever comes one further than
    /// all before has it encoded; more than that at once takes its time.
    pub fn payload(&mut self, nth: u64) -> Option<&[u8]> {
        let place = self.place(nth)?;
        while self.ends.len() <= place {
            self.encode_next();
        }
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.bytes[start..self.ends[place]])
    }

    /// Bytes of payload that are kept.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Packets that were encoded; no listener makes it more than one turn and the joint.
    pub fn n_encoded(&self) -> usize {
        self.ends.len()
    }

    /// The joint has the places behind the last packet.
    fn place(&self, nth: u64) -> Option<usize> {
        if nth < self.n_packets {
            return Some(nth as usize);
        }
        if self.repeat == Repeat::Once || self.n_packets == 0 {
            return None;
        }
        let in_turn = nth % self.n_packets;
        let is_joint = in_turn < self.n_joint;
        Some((in_turn + if is_joint { self.n_packets } else { 0 }) as usize)
    }

    fn encode_next(&mut self) {
        let (frames, nth) = (self.cut.frames(), self.ends.len() as u64);
        self.pcm.clear();
        match nth.checked_sub(self.n_packets) {
            None => {
                self.reading.take(frames, &mut self.pcm);
                if nth < self.n_joint {
                    self.head.extend_from_slice(&self.pcm);
                }
            }
            Some(0) => {
                self.reading.take(frames, &mut self.pcm);
                fade(&mut self.pcm, &self.head, self.n_tail);
            }
            Some(in_joint) => {
                let at = in_joint as usize * frames;
                let sound = self.head.get(at..at + frames).unwrap_or_default();
                self.pcm.extend_from_slice(sound);
            }
        }
        self.encoder.encode(&self.pcm, &mut self.bytes);
        self.ends.push(self.bytes.len());
    }
}

/// How many packets of the second turn are encoded anew: a decoder goes on from what it heard, so
/// one with a memory has to come to the state that it had in the first turn.
fn joint(encoding: Encoding) -> u64 {
    match encoding {
        Encoding::Pcmu | Encoding::Pcma | Encoding::L16(_) => 1,
        Encoding::G722 | Encoding::Opus => 25,
    }
}

/// Turns `sound` into `to`, which is as long or longer, within its first `n` frames.
fn fade(sound: &mut [f32], to: &[f32], n: usize) {
    for (i, (x, &y)) in sound.iter_mut().zip(to).enumerate() {
        let share = ((i as f32 + 0.5) / n.max(1) as f32).min(1.0);
        *x += (y - *x) * share;
    }
}

/// A tape on its way to the rate of a codec.
struct Reading {
    tape: Arc<Tape>,
    at: usize,
    repeat: Repeat,
    converter: Option<Resampler>,
    input: Vec<f32>,
    /// Output frames until the last of the tape has come out behind its end.
    delay: usize,
}

impl Reading {
    fn new(tape: Arc<Tape>, rate: SampleRate, repeat: Repeat, at: usize) -> Self {
        let converter = (tape.rate != rate).then(|| Resampler::new(tape.rate, rate, BLOCK));
        let delay = converter.as_ref().map_or(0, |converter| {
            let span = tape.rate.duration_of(converter.delay() as u64);
            rate.frames_in(span)
        });
        let mut reading = Self {
            tape,
            at,
            repeat,
            converter,
            input: Vec::new(),
            delay,
        };
        // What the resampler holds back is not heard as silence, at the beginning or in a joint.
        reading.take(delay, &mut Vec::new());
        reading
    }

    fn delay(&self) -> usize {
        self.delay
    }

    /// Appends `n` frames; behind the end of what plays once comes silence.
    fn take(&mut self, n: usize, out: &mut Vec<f32>) {
        let Some(mut converter) = self.converter.take() else {
            return self.read(n, out);
        };
        let mut input = std::mem::take(&mut self.input);
        let mut left = n;
        while left > 0 {
            let part = left.min(BLOCK);
            input.clear();
            self.read(converter.need(part), &mut input);
            let from = out.len();
            out.resize(from + part, 0.0);
            converter.process(&input, &mut out[from..]);
            left -= part;
        }
        self.input = input;
        self.converter = Some(converter);
    }

    fn read(&mut self, n: usize, out: &mut Vec<f32>) {
        let wanted = out.len() + n;
        while out.len() < wanted {
            let n_read = self.tape.read(self.at, wanted - out.len(), out);
            self.at += n_read;
            if n_read == 0 {
                if self.repeat == Repeat::Once || self.at == 0 {
                    break;
                }
                self.at = 0;
            }
        }
        out.resize(wanted, 0.0);
    }
}

/// Frames that are converted at a time.
const BLOCK: usize = 480;

/// What Opus is cut for, in bits a second; the first is what it has unless the peer wants less.
const BITRATES: [u32; 5] = [32_000, 24_000, 16_000, 12_000, 6_000];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Pcm;
    use crate::codec::Decoder;

    const PTIME: Duration = Duration::from_millis(20);

    fn cut(encoding: Encoding) -> Cut {
        Cut {
            encoding,
            ptime: PTIME,
            opus: OpusWish::default(),
        }
    }

    fn sine(rate: SampleRate, n: usize) -> Arc<Tape> {
        let step = 400.0 * std::f32::consts::TAU / rate.hz() as f32;
        let samples = (0..n).map(|i| (i as f32 * step).sin() * 0.5).collect();
        Arc::new(Tape::of(&Pcm::mono(rate, samples)))
    }

    fn heard(reel: &mut Reel, packets: std::ops::Range<u64>) -> Vec<f32> {
        let mut decoder = Decoder::new(reel.cut.encoding);
        let mut out = Vec::new();
        for nth in packets {
            decoder.decode(reel.payload(nth).unwrap(), &mut out);
        }
        out
    }

    fn largest_step(sound: &[f32]) -> f32 {
        let steps = sound.windows(2).map(|w| (w[1] - w[0]).abs());
        steps.fold(0.0, f32::max)
    }

    #[test]
    fn a_sound_that_repeats_has_neither_gap_nor_step_in_any_codec() {
        let all = [
            Encoding::Pcmu,
            Encoding::Pcma,
            Encoding::G722,
            Encoding::Opus,
        ];
        for (encoding, n) in all.into_iter().flat_map(|e| [(e, 8_000), (e, 8_077)]) {
            let tape = sine(SampleRate::HZ_8000, n);
            let mut reel = Reel::new(tape, cut(encoding), Repeat::Forever, Duration::ZERO);
            let sound = heard(&mut reel, 0..160);
            let rate = encoding.audio_rate().hz() as usize;
            let settled = &sound[rate / 10..];
            let steepest = 0.5 * 400.0 * std::f32::consts::TAU / rate as f32;
            // What the codec makes of the same tone without any joint.
            let whole = sine(SampleRate::HZ_8000, 160 * 160);
            let mut whole = Reel::new(whole, cut(encoding), Repeat::Once, Duration::ZERO);
            let usual = largest_step(&heard(&mut whole, 0..160)[rate / 10..]);
            let most = (usual * 1.3).max(steepest * 2.0);
            let step = largest_step(settled);
            assert!(step < most, "{encoding:?} {n}: {step}, usually {usual}");
            // Nowhere is it silent, the joint included.
            let quietest = settled
                .chunks_exact(rate / 200)
                .map(|block| block.iter().fold(0.0, |a: f32, x| a.max(x.abs())))
                .fold(1.0, f32::min);
            assert!(quietest > 0.1, "{encoding:?} {n}: {quietest}");
            let n_joint = joint(encoding) as usize;
            assert_eq!(reel.n_encoded(), 50 + n_joint, "one turn and the joint");
        }
    }

    #[test]
    fn a_sound_of_whole_packets_repeats_bit_by_bit() {
        let tape = sine(SampleRate::HZ_8000, 1_600);
        let mut reel = Reel::new(tape, cut(Encoding::Pcmu), Repeat::Forever, Duration::ZERO);
        let first: Vec<_> = (0..10).map(|n| reel.payload(n).unwrap().to_vec()).collect();
        let third: Vec<_> = (20..30)
            .map(|n| reel.payload(n).unwrap().to_vec())
            .collect();
        assert_eq!(first, third);
        assert_eq!((reel.n_encoded(), reel.size()), (11, 11 * 160));
    }

    #[test]
    fn a_sound_that_plays_once_ends_with_its_last_sample() {
        let tape = sine(SampleRate::HZ_8000, 1_700);
        let mut reel = Reel::new(tape, cut(Encoding::Pcma), Repeat::Once, Duration::ZERO);
        assert!(reel.payload(10).is_some());
        assert_eq!(reel.payload(11), None);
        let last = heard(&mut reel, 10..11);
        assert!(last[90..100].iter().any(|x| x.abs() > 0.1));
        assert!(last[100..].iter().all(|x| x.abs() < 0.01));
    }

    #[test]
    fn a_sound_at_another_rate_comes_whole() {
        let tape = sine(SampleRate::HZ_48000, 48_000);
        let mut reel = Reel::new(tape, cut(Encoding::Pcmu), Repeat::Once, Duration::ZERO);
        let n = (0..).take_while(|&nth| reel.payload(nth).is_some()).count() as u64;
        assert!((50..=51).contains(&n), "{n}");
        let sound = heard(&mut reel, 0..n);
        let crossings = sound.windows(2).filter(|w| w[0] < 0.0 && w[1] >= 0.0);
        let n_loud = crossings.filter(|w| w[1] - w[0] > 0.05).count();
        assert!((397..=400).contains(&n_loud), "{n_loud}");
    }

    #[test]
    fn one_that_begins_in_the_middle_goes_round_to_there() {
        let samples = (0..1_600)
            .map(|i| if i < 800 { 0.1 } else { 0.4 })
            .collect();
        let tape = Arc::new(Tape::of(&Pcm::mono(SampleRate::HZ_8000, samples)));
        let begin = Duration::from_millis(100);
        let mut reel = Reel::new(tape, cut(Encoding::Pcmu), Repeat::Forever, begin);
        let sound = heard(&mut reel, 0..20);
        assert!(sound[..800].iter().all(|&x| x > 0.35));
        assert!(sound[800..1_600].iter().all(|&x| x < 0.15));
        assert!(sound[1_600..2_400].iter().all(|&x| x > 0.35));
    }

    #[test]
    fn an_empty_sound_has_no_packet() {
        let tape = sine(SampleRate::HZ_8000, 0);
        for repeat in [Repeat::Once, Repeat::Forever] {
            let mut reel = Reel::new(tape.clone(), cut(Encoding::G722), repeat, PTIME);
            assert_eq!(reel.payload(0), None);
        }
    }

    #[test]
    fn few_cuts_serve_all_wishes() {
        let asked = |max_bitrate| {
            let wish = OpusWish {
                max_bitrate,
                fec: true,
                dtx: true,
                cbr: false,
                max_rate: None,
            };
            rounded(wish)
        };
        assert_eq!(asked(None), asked(Some(64_000)));
        assert_eq!(asked(Some(20_000)), asked(Some(16_000)));
        assert_eq!(asked(Some(1)).max_bitrate, Some(6_000));
        assert!(!asked(None).dtx && !asked(None).fec);
    }
}

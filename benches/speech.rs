//! What does it cost to make a voice fit for loudspeakers, and to receive one?
//!
//! `cargo bench --bench speech`. Blocks are of 20 ms, so 20,000 µs is all the time there is for
//! one voice.

use std::time::{Duration, Instant};

use divan::{Bencher, black_box};
use paging::base::{Db, Encoding, OpusWish, SampleRate};
use paging::codec::{Decoder, Encoder};
use paging::dsp::{
    Agc, Crossover, Cure, Curve, Delay, Dtmf, Eq, FLAT, FLAT_Q, HowlGuard, Speech, SpeechFilter,
};
use paging::dsp::{USUAL_TARGET, loudness::Loudness};
use paging::media::{Receiver, ReceiverSettings, Sender, SenderSettings};

const RATES: [u32; 2] = [8_000, 48_000];
const CODECS: [Encoding; 4] = [
    Encoding::Pcmu,
    Encoding::Pcma,
    Encoding::G722,
    Encoding::Opus,
];

fn main() {
    divan::main();
}

fn rate(hz: u32) -> SampleRate {
    SampleRate::new(hz).expect("not zero")
}

/// 20 ms with the ups and downs of speech.
fn words(hz: u32) -> Vec<f32> {
    let n = hz / 50;
    (0..n)
        .map(|i| 0.2 * (i as f32 * 0.05).sin() * (i as f32 / n as f32))
        .collect()
}

/// Lets `process` change a block again and again.
fn in_place(bencher: Bencher<'_, '_>, hz: u32, mut process: impl FnMut(&mut [f32])) {
    let words = words(hz);
    let mut block = words.clone();
    bencher.bench_local(|| {
        block.copy_from_slice(&words);
        process(&mut block);
        black_box(block[0])
    });
}

#[divan::bench(args = RATES)]
fn agc(bencher: Bencher<'_, '_>, hz: u32) {
    let mut agc = Agc::new(Some(USUAL_TARGET), rate(hz));
    in_place(bencher, hz, |block| agc.process(block));
}

#[divan::bench(args = RATES)]
fn howl_guard(bencher: Bencher<'_, '_>, hz: u32) {
    let mut guard = HowlGuard::new(Cure::Notch, rate(hz));
    in_place(bencher, hz, |block| guard.process(block));
}

#[divan::bench(args = RATES)]
fn speech_filter(bencher: Bencher<'_, '_>, hz: u32) {
    let mut filter = SpeechFilter::new(Some(Speech::default()), rate(hz));
    in_place(bencher, hz, |block| filter.process(block));
}

#[divan::bench(args = RATES)]
fn crossover(bencher: Bencher<'_, '_>, hz: u32) {
    let mut crossover = Crossover::new([800.0, 2_500.0], rate(hz));
    let (mut middle, mut high) = (words(hz), words(hz));
    in_place(bencher, hz, |block| {
        crossover.split(block, &mut middle, &mut high)
    });
}

/// Of an output, with so many bands.
#[divan::bench(args = [0, 1, 5, 10])]
fn eq(bencher: Bencher<'_, '_>, n_bands: usize) {
    let mut curves = FLAT;
    for (i, curve) in curves.iter_mut().take(n_bands).enumerate() {
        *curve = Some(Curve::Peak {
            hz: 100.0 * (i + 1) as f32,
            gain: Db(3.0),
            q: FLAT_Q,
        });
    }
    let mut eq = Eq::new(SampleRate::HZ_48000);
    eq.jump(&curves);
    in_place(bencher, 48_000, |block| eq.process(block));
}

#[divan::bench]
fn delay(bencher: Bencher<'_, '_>) {
    let mut delay = Delay::new(Duration::from_secs(1), SampleRate::HZ_48000);
    delay.jump(24_000);
    in_place(bencher, 48_000, |block| delay.process(block));
}

#[divan::bench]
fn loudness(bencher: Bencher<'_, '_>) {
    let mut meter = Loudness::new(SampleRate::HZ_48000);
    in_place(bencher, 48_000, |block| meter.measure(block));
}

#[divan::bench(args = RATES)]
fn keys_in_the_sound(bencher: Bencher<'_, '_>, hz: u32) {
    let mut dtmf = Dtmf::new(rate(hz));
    let words = words(hz);
    bencher.bench_local(|| {
        let mut rest = &words[..];
        while !rest.is_empty() {
            let (n, key) = dtmf.listen(rest);
            black_box(key);
            rest = &rest[n..];
        }
    });
}

#[divan::bench(args = CODECS)]
fn encode(bencher: Bencher<'_, '_>, encoding: Encoding) {
    let mut encoder = Encoder::new(encoding, OpusWish::default());
    let (words, mut bytes) = (words(encoding.audio_rate().hz()), vec![]);
    bencher.bench_local(|| {
        bytes.clear();
        encoder.encode(&words, &mut bytes);
        bytes.len()
    });
}

#[divan::bench(args = CODECS)]
fn decode(bencher: Bencher<'_, '_>, encoding: Encoding) {
    let (mut bytes, mut frames) = (vec![], vec![]);
    Encoder::new(encoding, OpusWish::default())
        .encode(&words(encoding.audio_rate().hz()), &mut bytes);
    let mut decoder = Decoder::new(encoding);
    bencher.bench_local(|| {
        frames.clear();
        decoder.decode(&bytes, &mut frames);
        frames.len()
    });
}

/// A packet through the jitter buffer, every so many of them lost.
#[divan::bench(args = [0, 100, 20, 5])]
fn receive(bencher: Bencher<'_, '_>, lost_each: u64) {
    let (encoding, payload_type, event_payload_type) = (Encoding::Pcmu, 0, Some(101));
    let mut receiver = Receiver::new(ReceiverSettings {
        encoding,
        payload_type,
        event_payload_type,
        event_clock_rate: 8_000,
    });
    let ptime = Duration::from_millis(20);
    let mut sender = Sender::new(SenderSettings {
        encoding,
        payload_type,
        event_payload_type,
        event_clock_rate: 8_000,
        opus: OpusWish::default(),
        ptime,
        ssrc: 1,
        first_sequence: 0,
        first_timestamp: 0,
    });
    let (words, mut now, mut n, mut fill) = (words(8_000), Instant::now(), 0u64, 0usize);
    bencher.bench_local(|| {
        let datagram = sender.packet(&words);
        n += 1;
        if lost_each == 0 || n % lost_each > 0 {
            receiver.handle_rtp(datagram, now);
        }
        // The card takes 10 ms at a time.
        for _ in 0..2 {
            while let Some(frames) = receiver.poll(now, fill) {
                fill += frames.len();
            }
            fill = fill.saturating_sub(80);
            now += ptime / 2;
        }
    });
}

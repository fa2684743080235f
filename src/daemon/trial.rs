//! What is heard at numbers by which a telephone is tried: its own voice, or a tone of known level?

use std::f64::consts::TAU;
use std::time::Duration;

use crate::base::{Db, FeedRx, FeedTx, feed};
use crate::config::{Config, TestNumber};
use crate::control::{Answering, Desk, DeskKind};
use crate::daemon::desks::RATE;
use crate::page::Entry;

/// The numbers, as the core knows them.
pub(super) fn desks(config: &Config) -> impl Iterator<Item = Desk> {
    let longest = config.calls.hang_up_after.unwrap_or(LONGEST);
    let desk = move |from: &TestNumber| Desk {
        name: from.section(),
        kind: DeskKind::Test,
        entry: Entry {
            extensions: from.extensions.clone(),
            ..Entry::default()
        },
        answering: Answering::AtOnce,
        greeting: None,
        records: false,
        most: MOST,
        longest: Some(longest),
    };
    config.tests.iter().map(desk)
}

/// By what a caller hears itself: what comes in by the one end goes back by the other.
pub(super) fn echo() -> (FeedTx, FeedRx) {
    feed(RATE, RATE.frames_in(ROOM))
}

/// The tone, until the reader is gone.
pub(super) fn milliwatt() -> FeedRx {
    let (mut tx, rx) = feed(RATE, RATE.frames_in(AHEAD));
    tokio::spawn(async move {
        let turn = turn();
        let mut at = 0;
        while !tx.is_abandoned() {
            at = top_up(&mut tx, &turn, at);
            tokio::time::sleep(AHEAD / 4).await;
        }
    });
    rx
}

/// Fills the feed with a sound that goes round, from that place on; where it goes on.
fn top_up(tx: &mut FeedTx, turn: &[f32], mut at: usize) -> usize {
    loop {
        let n = tx.push(&turn[at..]);
        if n < turn.len() - at {
            return at + n;
        }
        at = 0;
    }
}

/// A quarter of a second of 1004 Hz, after which it begins again: 251 waves.
fn turn() -> Vec<f32> {
    let step = TAU * MILLIWATT_HZ / f64::from(RATE.hz());
    let gain = f64::from(MILLIWATT.gain());
    let frame = |n: usize| (gain * (step * n as f64).sin()) as f32;
    (0..RATE.frames_in(Duration::from_millis(250)))
        .map(frame)
        .collect()
}

/// Next to 1000 Hz, but no part of the sampling rate, so that it passes all steps of a codec.
const MILLIWATT_HZ: f64 = 1_004.0;

/// 0 dBm0 of G.711, whose full scale is 3.14 dBm0 in A-law and 3.17 in µ-law, and in µ-law ends 0.04 dB
/// below ours: this lies between the two, within 0.05 dB of each.
const MILLIWATT: Db = Db(-3.18);

/// More wait in the echo only after a burst; what is beyond is left out.
const ROOM: Duration = Duration::from_millis(400);

/// So much of the tone is made ahead, more than a busy machine keeps us waiting.
const AHEAD: Duration = Duration::from_secs(1);

/// Who tries a telephone does not need it longer; unless hang-up-after-minutes says something.
const LONGEST: Duration = Duration::from_secs(300);

/// At one number at the same time: more is no test.
const MOST: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Encoding, OpusWish};
    use crate::codec::{Decoder, Encoder};

    fn decoded(encoding: Encoding, bytes: &[u8]) -> Vec<f32> {
        let mut frames = Vec::new();
        Decoder::new(encoding).decode(bytes, &mut frames);
        frames
    }

    fn power(frames: &[f32]) -> f32 {
        let sum: f32 = frames.iter().map(|it| it * it).sum();
        10.0 * (sum / frames.len() as f32).log10()
    }

    /// The periodic sequences of ITU-T G.711, tables 5 and 6, which define 0 dBm0.
    #[test]
    fn the_tone_is_as_loud_as_the_digital_milliwatt_of_both_laws() {
        let mu = [0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e];
        let a = [0x34, 0x21, 0x21, 0x34, 0xb4, 0xa1, 0xa1, 0xb4];
        for (encoding, sequence) in [(Encoding::Pcmu, mu), (Encoding::Pcma, a)] {
            let mut bytes = Vec::new();
            Encoder::new(encoding, OpusWish::default()).encode(&turn(), &mut bytes);
            let tone = power(&decoded(encoding, &bytes));
            let zero = power(&decoded(encoding, &sequence));
            assert!((tone - zero).abs() < 0.05, "{encoding:?}: {tone} {zero}");
        }
    }

    #[test]
    fn the_tone_goes_round_without_a_step_and_never_beyond_its_room() {
        let turn = turn();
        assert_eq!(turn.len(), 2_000);
        let (mut tx, mut rx) = feed(RATE, 3_000);
        let mut heard = Vec::new();
        let mut at = 0;
        for _ in 0..4 {
            at = top_up(&mut tx, &turn, at);
            assert_eq!(tx.fill(), 3_000);
            let mut frames = vec![0.0; 2_500];
            let n = rx.pop(&mut frames);
            heard.extend_from_slice(&frames[..n]);
        }
        let steepest = (TAU * MILLIWATT_HZ / 8_000.0) as f32 * MILLIWATT.gain();
        let step = |pair: &[f32]| (pair[1] - pair[0]).abs();
        let largest = heard.windows(2).map(step).fold(0.0, f32::max);
        assert!(largest <= steepest * 1.001, "{largest} {steepest}");
        let power: f32 = turn.iter().map(|it| it * it).sum::<f32>() / 2_000.0;
        assert!((10.0 * (2.0 * power).log10() + 3.18).abs() < 1e-3);
    }

    #[test]
    fn an_echo_that_nobody_takes_stays_short() {
        let (mut tx, mut rx) = echo();
        for n in 0..100 {
            tx.push(&[n as f32; 160]);
        }
        assert_eq!(tx.fill(), RATE.frames_in(ROOM));
        let mut frames = [9.0; 160];
        rx.pop(&mut frames);
        assert_eq!(frames[0], 0.0);
    }
}

//! Are keys heard within the limits of Q.24, and only keys?

use super::*;
use crate::dsp::measure::{babble, noise};

const RATE: SampleRate = SampleRate::HZ_8000;

/// What is sent.
#[derive(Clone, Copy)]
struct Sent {
    digit: char,
    /// Of the row, in dBm0, and how much louder the column is.
    level: f32,
    twist: f32,
    /// In parts of the frequencies.
    off: [f64; 2],
    ms: u64,
    rate: SampleRate,
}

const SENT: Sent = Sent {
    digit: '5',
    level: -10.0,
    twist: 0.0,
    off: [0.0; 2],
    ms: 60,
    rate: RATE,
};

impl Sent {
    fn frames(self) -> Vec<f32> {
        let place = |(row, digits): (usize, &[char; 4])| {
            let column = digits.iter().position(|&d| d == self.digit)?;
            Some((row, column + 4))
        };
        let (row, column) = DIGITS.iter().enumerate().find_map(place).unwrap();
        let step = |i: usize, off: f64| TAU * TONES_HZ[i] * (1.0 + off) / f64::from(self.rate.hz());
        let (low, high) = (step(row, self.off[0]), step(column, self.off[1]));
        let level = |dbm0: f32| f64::from(Db(dbm0 - 3.17).gain());
        let (a, b) = (level(self.level), level(self.level + self.twist));
        (0..self.rate.frames_in(Duration::from_millis(self.ms)))
            .map(|i| (a * (low * i as f64).sin() + b * (high * i as f64 + 1.0).sin()) as f32)
            .collect()
    }
}

fn silence(ms: u64) -> Vec<f32> {
    vec![0.0; RATE.frames_in(Duration::from_millis(ms))]
}

fn heard_at(rate: SampleRate, frames: &[f32]) -> Vec<Pressed> {
    let mut dtmf = Dtmf::new(rate);
    let mut all = vec![];
    for mut block in frames.chunks(53) {
        while !block.is_empty() {
            let (n, pressed) = dtmf.listen(block);
            all.extend(pressed);
            block = &block[n..];
        }
    }
    all
}

fn digits(frames: &[f32]) -> String {
    heard_at(RATE, frames).iter().map(|key| key.digit).collect()
}

/// The key after silences of several lengths, so that it falls anywhere in the steps.
fn n_heard(sent: Sent) -> usize {
    (0..16)
        .filter(|&early| {
            let mut frames = vec![0.0; 400 + early * 2];
            frames.extend(sent.frames());
            frames.extend(silence(60));
            digits(&frames) == sent.digit.to_string()
        })
        .count()
}

fn is_always_heard(sent: Sent) {
    assert_eq!(n_heard(sent), 16, "{:?} {} dB", sent.off, sent.twist);
}

fn is_never_heard(sent: Sent) {
    assert_eq!(n_heard(sent), 0, "{:?} {} dB", sent.off, sent.twist);
}

#[test]
fn every_key_is_heard_once_with_its_duration_at_every_rate() {
    for rate in [8_000, 16_000, 48_000] {
        let rate = SampleRate::new(rate).unwrap();
        for digit in DIGITS.into_iter().flatten() {
            for ms in [40, 100, 1_000] {
                let sent = Sent {
                    digit,
                    ms,
                    rate,
                    ..SENT
                };
                let mut frames = sent.frames();
                frames.resize(frames.len() + rate.hz() as usize / 10, 0.0);
                let heard = heard_at(rate, &frames);
                let [key] = heard[..] else {
                    panic!("{digit} {ms} ms at {rate}: {heard:?}")
                };
                assert_eq!(key.digit, digit);
                let off = key.duration.as_millis().abs_diff(u128::from(ms));
                assert!(off <= 6, "{digit} {ms} ms: {:?}", key.duration);
            }
        }
    }
}

#[test]
fn tones_of_40_ms_are_keys_and_those_of_23_ms_are_not() {
    for digit in DIGITS.into_iter().flatten() {
        is_always_heard(Sent {
            digit,
            ms: 40,
            ..SENT
        });
        is_never_heard(Sent {
            digit,
            ms: 23,
            ..SENT
        });
    }
}

#[test]
fn tones_off_by_1_5_percent_are_taken_and_those_off_by_3_5_are_not() {
    for digit in DIGITS.into_iter().flatten() {
        for sign in [-1.0, 1.0] {
            let near = [[0.015, 0.015], [0.015, -0.015], [0.015, 0.0], [0.0, 0.015]];
            for off in near.map(|off| off.map(|o: f64| o * sign)) {
                is_always_heard(Sent {
                    digit,
                    off,
                    ms: 50,
                    ..SENT
                });
            }
            for off in [[0.035, 0.0], [0.0, 0.035], [0.035, 0.035]] {
                let off = off.map(|o: f64| o * sign);
                is_never_heard(Sent {
                    digit,
                    off,
                    ms: 200,
                    ..SENT
                });
            }
        }
    }
}

#[test]
fn twist_is_borne_within_its_limits() {
    for digit in ['1', '5', '9', 'D', '*'] {
        for twist in [-8.0, -4.0, 4.0] {
            is_always_heard(Sent {
                digit,
                twist,
                ..SENT
            });
        }
        for twist in [-12.0, 8.0] {
            is_never_heard(Sent {
                digit,
                twist,
                ..SENT
            });
        }
    }
}

#[test]
fn levels_are_taken_from_the_loudest_to_minus_25_and_not_from_minus_32_on() {
    for level in [-3.0, -10.0, -25.0] {
        is_always_heard(Sent {
            level,
            ms: 40,
            ..SENT
        });
    }
    is_never_heard(Sent {
        level: -32.0,
        ..SENT
    });
}

#[test]
fn noise_fifteen_db_below_does_no_harm() {
    for digit in DIGITS.into_iter().flatten() {
        for off in [[0.0; 2], [0.015, -0.015]] {
            let sent = Sent {
                digit,
                off,
                ms: 50,
                ..SENT
            };
            // The pair has a power of −10 − 3.17 dBFS; even noise of amplitude a has a²/3.
            let hiss = Db(-10.0 - 3.17 - 15.0 + 4.77).gain();
            let missed = (0..20)
                .filter(|&seed| {
                    let mut frames = silence(50);
                    frames.extend(sent.frames());
                    frames.extend(silence(60));
                    let noise = noise(seed + 1, hiss, frames.len());
                    frames.iter_mut().zip(noise).for_each(|(x, n)| *x += n);
                    digits(&frames) != digit.to_string()
                })
                .count();
            assert_eq!(missed, 0, "{digit}");
        }
    }
}

#[test]
fn a_break_of_10_ms_is_one_key_and_a_pause_of_40_ms_two() {
    for early in 0..16 {
        let with_gap = |ms: u64| {
            let mut frames = vec![0.0; 400 + early * 2];
            for _ in 0..2 {
                frames.extend(SENT.frames());
                frames.extend(silence(ms));
            }
            frames.extend(silence(60));
            digits(&frames)
        };
        assert_eq!(with_gap(10), "5", "{early}");
        assert_eq!(with_gap(40), "55", "{early}");
    }
}

#[test]
fn fast_dialling_loses_nothing() {
    let number = "1234567890*#ABCD11";
    let mut frames = silence(33);
    for digit in number.chars() {
        frames.extend(
            Sent {
                digit,
                ms: 45,
                ..SENT
            }
            .frames(),
        );
        frames.extend(silence(45));
    }
    assert_eq!(digits(&frames), number);
}

#[test]
fn one_tone_three_tones_and_dial_tone_are_no_keys() {
    let tone =
        |hz: f64, amplitude: f64, i: usize| amplitude * (TAU * hz * i as f64 / 8_000.0).sin();
    let with = |tones: &[(f64, f64)]| -> Vec<f32> {
        let sum = |i| tones.iter().map(|&(hz, a)| tone(hz, a, i)).sum::<f64>() as f32;
        (0..16_000).map(sum).collect()
    };
    for tones in [
        &[(697.0, 0.3)][..],
        &[(697.0, 0.3), (770.0, 0.3)],
        &[(697.0, 0.3), (1_209.0, 0.3), (440.0, 0.3)],
        &[(350.0, 0.2), (440.0, 0.2)],
        &[(1_000.0, 0.3)],
    ] {
        assert_eq!(digits(&with(tones)), "", "{tones:?}");
    }
}

#[test]
fn voices_and_noise_press_no_keys() {
    for seed in 0..10 {
        assert_eq!(digits(&babble(seed, RATE, 0.5, 30)), "");
        assert_eq!(digits(&noise(seed, 0.3, 240_000)), "");
    }
}

//! How does what a station sends keep pace with the sound card that plays it?
//!
//! ```text
//!  station's clock ─► radio ─► Stage (resampled at `speed`) ─► ring ─► the sound card's clock
//!                       └── what waits here and there ──┘
//!                                   └─► music::Follow ─► speed
//! ```

use std::time::{Duration, Instant};

use crate::base::StereoTx;
use crate::music::Follow;

/// What nobody has heard for so long stands still: a pause in a page, a zone that plays another
/// source.
const STILL: Duration = Duration::from_secs(2);
/// The most that shall wait; of what a station gives in advance beyond it, some is worked off.
const MOST: Duration = Duration::from_secs(20);

/// Steers the reading of one station.
#[derive(Default)]
pub(super) struct Chase {
    follow: Follow,
    /// Of the ring, in frames.
    n_taken: u64,
    moved_at: Option<Instant>,
}

impl Chase {
    /// The station is another connection.
    pub(super) fn restart(&mut self) {
        self.follow.restart();
    }

    /// How fast to read from now on, if there is news: `waiting` is what has come and was not
    /// heard yet.
    pub(super) fn look(&mut self, waiting: Duration, ring: &StereoTx, now: Instant) -> Option<f64> {
        let n_taken = ring.n_taken();
        let n = n_taken.checked_sub(std::mem::replace(&mut self.n_taken, n_taken));
        match n {
            Some(0) => {
                let is_still = |at: &mut Instant| now.saturating_duration_since(*at) > STILL;
                if self.moved_at.take_if(is_still).is_some() {
                    self.follow.restart();
                }
                None
            }
            Some(n) => {
                self.moved_at = Some(now);
                let (span, most) = (ring.rate().duration_of(n), MOST.as_secs_f64());
                let (waiting, span) = (waiting.as_secs_f64(), span.as_secs_f64());
                Some(self.follow.speed(waiting, span, most))
            }
            // Another ring.
            None => {
                self.follow.restart();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::base::{Db, Frame, SampleRate, stereo};
    use crate::sounds::music::stage::{Clock, Stage};

    /// Low, so that an hour of sound is made in seconds.
    const RATE: SampleRate = SampleRate::new(2_000).unwrap();
    const TICK: Duration = Duration::from_millis(96);
    const HOUR: Duration = Duration::from_secs(3_600);

    /// A station that is so much too fast, in the packets of an MP3 of 24 ms, heard for an hour
    /// by the stage and the ring of the player. Returns what waited after five minutes and at the
    /// end, in seconds, how often nothing came in time, and the largest step in the sound.
    fn hear(ppm: f64) -> (f64, f64, u32, f32) {
        let packet = RATE.frames_in(Duration::from_millis(24));
        let (mut ring, mut card) = stereo(RATE, RATE.frames_in(Duration::from_secs(2)));
        let mut stage = Stage::new(RATE, Duration::ZERO);
        stage.begin(RATE, Db::UNITY, Clock::Foreign);
        let (mut chase, t0) = (Chase::default(), Instant::now());
        let mut queue: VecDeque<Vec<Frame>> = VecDeque::new();
        let (mut n_sent, mut n_dry, mut waiting_at) = (0, 0, [0.0; 2]);
        let (mut last, mut step) = (None, 0.0_f32);
        let mut heard = vec![[0.0; 2]; RATE.frames_in(TICK)];
        for i in 0..(HOUR.as_millis() / TICK.as_millis()) as u32 {
            let now = t0 + i * TICK;
            // Three seconds in advance, as stations give them.
            let on_air = (i * TICK).as_secs_f64() * (1.0 + ppm * 1e-6) + 3.0;
            while (n_sent as f64) < on_air * f64::from(RATE.hz()) {
                let tone =
                    |at: usize| (at as f32 % 40.0 * std::f32::consts::TAU / 40.0).sin() * 0.5;
                queue.push_back((n_sent..n_sent + packet).map(|at| [tone(at); 2]).collect());
                n_sent += packet;
            }
            stage.pour(&mut ring);
            while ring.room() > 0
                && let Some(frames) = queue.pop_front()
            {
                stage.push(RATE, &frames);
                stage.pour(&mut ring);
            }
            let n_waiting = queue.len() * packet + stage.n_ready() + ring.fill();
            let waiting = RATE.duration_of(n_waiting as u64);
            if let Some(speed) = chase.look(waiting, &ring, now) {
                stage.set_speed(speed);
            }
            n_dry += u32::from(card.pop(&mut heard) < heard.len());
            for [x, _] in &heard {
                step = step.max(last.map_or(0.0, |last: f32| (x - last).abs()));
                last = Some(*x);
            }
            waiting_at[usize::from(i * TICK > HOUR / 12)] = waiting.as_secs_f64();
        }
        (waiting_at[0], waiting_at[1], n_dry, step)
    }

    #[test]
    fn for_an_hour_a_station_by_another_clock_is_heard_without_a_gap() {
        for ppm in [-200.0, 200.0] {
            let (early, late, n_dry, step) = hear(ppm);
            assert_eq!(n_dry, 0, "{ppm} ppm");
            // Without following, 0.72 s would be missing or too much by now.
            assert!((late - early).abs() < 0.15, "{ppm} ppm: {early} {late}");
            assert!(step < 0.085, "{ppm} ppm: {step}");
        }
    }

    #[test]
    fn what_stands_still_and_another_ring_are_learnt_anew() {
        let (mut chase, t0) = (Chase::default(), Instant::now());
        let (mut ring, mut card) = stereo(RATE, 4_000);
        let seconds = Duration::from_secs;
        ring.push(&[[0.1; 2]; 4_000]);
        let mut one = [[0.0; 2]; 1];
        card.pop(&mut one);
        assert_eq!(chase.look(seconds(3), &ring, t0), Some(1.0));
        assert_eq!(chase.look(seconds(3), &ring, t0), None);
        card.pop(&mut one);
        assert_eq!(chase.look(seconds(30), &ring, t0 + seconds(9)), Some(1.0));
        let (ring, _card) = stereo(RATE, 4_000);
        assert_eq!(chase.look(seconds(3), &ring, t0), None);
    }
}

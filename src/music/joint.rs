//! How does one piece of music follow another?
//!
//! ```text
//!  piece A ─ push ─► [held: the last `fade` frames] ─► ready ─► out
//!             end ─► tail of A ─┐ × cos
//!  piece B ─ push ─► × sin ─────┴─► held ─► ready ─► out
//! ```
//!
//! Nobody has to know how long a piece is: what may become its end is held back until more comes.
//! Without a fade, pieces are joined to the sample and pass bit by bit.

use std::collections::VecDeque;
use std::f32::consts::FRAC_PI_2;

use crate::base::Frame;

/// Joins pieces of music, all at one rate.
#[derive(Debug, Default)]
pub struct Joint {
    /// Frames of a crossfade; 0 joins without one.
    fade: usize,
    /// The end of the piece that plays, as far as it may have to be faded.
    held: VecDeque<Frame>,
    /// What is left of the piece before, and how much of its fade is over.
    tail: VecDeque<Frame>,
    n_faded: usize,
    n_fade: usize,
    /// The piece that plays is the first: nothing is there to fade from.
    ready: VecDeque<Frame>,
}

impl Joint {
    /// Crossfades over `fade` frames.
    pub fn new(fade: usize) -> Self {
        Self {
            fade,
            ..Self::default()
        }
    }

    /// More of the piece that plays.
    pub fn push(&mut self, frames: &[Frame]) {
        for &frame in frames {
            let frame = self.joined(frame);
            self.held.push_back(frame);
        }
        self.release();
    }

    /// The piece is over; what is pushed next belongs to the one after it.
    pub fn end(&mut self) {
        // A piece shorter than the fade of its predecessor: that one still ends in order.
        while !self.tail.is_empty() {
            let frame = self.joined([0.0; 2]);
            self.held.push_back(frame);
        }
        self.release();
        self.tail = std::mem::take(&mut self.held);
        (self.n_fade, self.n_faded) = (self.tail.len(), 0);
    }

    /// Nothing follows: the last piece is played to its very end.
    pub fn finish(&mut self) {
        self.ready.append(&mut self.held);
        // Unfaded, for it fades into nothing.
        self.ready.append(&mut self.tail);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new(self.fade);
    }

    /// Frames that can be taken.
    pub fn n_ready(&self) -> usize {
        self.ready.len()
    }

    /// The next frames, at most `most`.
    pub fn take(&mut self, most: usize) -> impl Iterator<Item = Frame> + '_ {
        let n = most.min(self.ready.len());
        self.ready.drain(..n)
    }

    fn joined(&mut self, frame: Frame) -> Frame {
        let Some(old) = self.tail.pop_front() else {
            return frame;
        };
        let (out, inn) = gains(self.n_faded, self.n_fade);
        self.n_faded += 1;
        std::array::from_fn(|side| old[side] * out + frame[side] * inn)
    }

    fn release(&mut self) {
        let over = self.held.len().saturating_sub(self.fade);
        self.ready.extend(self.held.drain(..over));
    }
}

/// What the old and the new piece are multiplied with at frame `at` of a crossfade over `n`: their
/// squares add up to one, so that two pieces that have nothing to do with each other keep their
/// power.
pub fn gains(at: usize, n: usize) -> (f32, f32) {
    let angle = FRAC_PI_2 * (at as f32 + 0.5) / n.max(1) as f32;
    (angle.cos(), angle.sin())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(joint: &mut Joint) -> Vec<Frame> {
        joint.take(usize::MAX).collect()
    }

    fn piece(from: usize, n: usize) -> Vec<Frame> {
        (from..from + n).map(|i| [i as f32, -(i as f32)]).collect()
    }

    #[test]
    fn without_a_fade_pieces_pass_bit_by_bit() {
        let mut joint = Joint::new(0);
        joint.push(&piece(0, 1_000));
        joint.end();
        joint.push(&piece(1_000, 500));
        joint.end();
        joint.finish();
        assert_eq!(all(&mut joint), piece(0, 1_500));
    }

    #[test]
    fn the_gains_of_a_crossfade_keep_the_power() {
        for n in [1, 7, 480, 48_000] {
            let mut last = (1.0, 0.0);
            for at in 0..n {
                let (out, inn) = gains(at, n);
                assert!((out * out + inn * inn - 1.0).abs() < 1e-5, "{at} of {n}");
                assert!(out <= last.0 && inn >= last.1);
                last = (out, inn);
            }
        }
    }

    #[test]
    fn a_crossfade_overlaps_the_end_with_the_beginning() {
        let mut joint = Joint::new(100);
        joint.push(&[[1.0, 0.0]; 1_000]);
        assert_eq!(joint.n_ready(), 900);
        joint.end();
        joint.push(&[[0.0, 1.0]; 1_000]);
        joint.end();
        joint.finish();
        let out = all(&mut joint);
        assert_eq!(out.len(), 1_900);
        assert!(out[..900].iter().all(|f| *f == [1.0, 0.0]));
        for (i, frame) in out[900..1_000].iter().enumerate() {
            let (old, new) = gains(i, 100);
            assert_eq!(*frame, [old, new]);
        }
        assert!(out[1_000..].iter().all(|f| *f == [0.0, 1.0]));
    }

    #[test]
    fn a_piece_shorter_than_the_fade_lets_its_predecessor_end() {
        let mut joint = Joint::new(100);
        joint.push(&[[1.0; 2]; 300]);
        joint.end();
        joint.push(&[[0.0; 2]; 10]);
        joint.end();
        joint.push(&[[0.0; 2]; 300]);
        joint.end();
        joint.finish();
        let out = all(&mut joint);
        assert_eq!(out.len(), 500);
        let steps = out.windows(2).map(|w| (w[1][0] - w[0][0]).abs());
        assert!(steps.fold(0.0, f32::max) < 0.05);
    }

    #[test]
    fn what_is_held_is_forgotten_when_told_so() {
        let mut joint = Joint::new(100);
        joint.push(&[[1.0; 2]; 50]);
        joint.clear();
        joint.push(&[[2.0; 2]; 1]);
        joint.end();
        joint.finish();
        assert_eq!(all(&mut joint), [[2.0; 2]]);
    }

    proptest! {
        /// No frame is lost or added, whatever the pieces and however they come.
        #[test]
        fn the_length_is_that_of_the_pieces_less_the_overlaps(
            fade in 0usize..50,
            lengths in prop::collection::vec(1usize..200, 1..8),
            step in 1usize..64,
        ) {
            let mut joint = Joint::new(fade);
            for &n in &lengths {
                piece(0, n).chunks(step).for_each(|chunk| joint.push(chunk));
                joint.end();
            }
            joint.finish();
            let n = all(&mut joint).len();
            let sum: usize = lengths.iter().sum();
            let most = fade * (lengths.len() - 1);
            prop_assert!(n <= sum && n + most >= sum);
            if lengths.iter().all(|&n| n >= fade) {
                prop_assert_eq!(n, sum - most);
            }
        }
    }
}

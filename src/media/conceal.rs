//! What is played when nothing came?
//!
//! ```text
//!  heard ── continued ──►░░░░░ not known yet what comes: it fades
//!  heard ── continued ──►▒▒▒◄── continued backwards ── heard    the gap's end is known
//! ```
//!
//! Nothing is held back for this, as ITU-T G.711 appendix I does: sound that is there is played.

use crate::media::continuation::Continuation;
use crate::media::noise::Noise;

/// Remembers the last sound of one stream and fills the gaps in it.
pub(super) struct Concealer {
    rate: usize,
    /// The last frames that were played; the newest at the end.
    history: Vec<f32>,
    concealing: bool,
    forward: Continuation,
    backward: Continuation,
    reversed: Vec<f32>,
    noise: Noise,
    /// The sound did not break off: the peer is silent, and has said how its silence sounds.
    is_quiet: bool,
}

impl Concealer {
    /// A concealer for sound at `rate` frames a second that has heard silence so far.
    pub(super) fn new(rate: usize) -> Self {
        Self {
            rate,
            history: vec![0.0; Continuation::longest(rate)],
            concealing: false,
            forward: Continuation::new(rate),
            backward: Continuation::new(rate),
            reversed: Vec::new(),
            noise: Noise::new(rate),
            is_quiet: false,
        }
    }

    /// Whether the last that went out was made up.
    pub(super) fn is_concealing(&self) -> bool {
        self.concealing
    }

    /// How many frames at the end of what went out were made up.
    pub(super) fn n_made_up(&self) -> usize {
        if self.concealing {
            self.forward.produced()
        } else {
            0
        }
    }

    /// Whether a concealment has gone on until nothing is left of the sound.
    pub(super) fn is_silent(&self) -> bool {
        self.concealing && self.forward.is_silent()
    }

    /// The peer speaks no more: from here on its noise, as a comfort noise packet describes it, is
    /// what continues the sound.
    pub(super) fn quieten(&mut self, payload: &[u8]) {
        if !self.is_quiet {
            self.noise.restart();
        }
        self.noise.set(payload);
        self.is_quiet = true;
    }

    /// Whether the peer has said that it is silent.
    pub(super) fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Appends `n` frames that continue the sound.
    pub(super) fn conceal(&mut self, n: usize, out: &mut Vec<f32>) {
        let start = out.len();
        self.go_on(n, out);
        self.remember(&out[start..]);
    }

    /// Appends `n` frames that lead from what was played to `sound`, and then `sound`. Behind a
    /// part of the gap that was played without knowing its end, a few frames are too few to come
    /// back in: then the first of `sound` are blended too.
    pub(super) fn bridge(&mut self, n: usize, sound: &mut [f32], out: &mut Vec<f32>) {
        if sound.len() < Continuation::shortest(self.rate) {
            self.conceal(n, out);
            self.play(sound, Joint::Broken, out);
            return;
        }
        let is_begun = self.concealing;
        if !is_begun {
            self.begin();
        }
        let least = if is_begun { self.overlap() } else { 0 };
        let blended = n.max(least).min(n + sound.len());
        let start = out.len();
        self.lead_in(n, sound, out);
        out.extend_from_slice(sound);
        for (i, frame) in out[start..start + blended].iter_mut().enumerate() {
            let rise = (i + 1) as f32 / (blended as f32 + 1.0);
            let before = self.next();
            *frame = before + (*frame - before) * rise;
        }
        self.end();
        self.remember(&out[start..]);
    }

    /// Appends `n` frames that continue `sound` backwards.
    fn lead_in(&mut self, n: usize, sound: &[f32], out: &mut Vec<f32>) {
        let known = sound.len().min(Continuation::longest(self.rate));
        self.reversed.clear();
        self.reversed.extend(sound[..known].iter().rev());
        self.backward.begin(&self.reversed);
        let start = out.len();
        out.resize(start + n, 0.0);
        for frame in out[start..].iter_mut().rev() {
            *frame = self.backward.next();
        }
    }

    /// Appends `sound`. If it follows a concealment, or `joint` says that it does not continue
    /// what was before, its start is blended with the continuation of that.
    pub(super) fn play(&mut self, sound: &mut [f32], joint: Joint, out: &mut Vec<f32>) {
        if joint == Joint::Broken && !self.concealing {
            self.begin();
        }
        if self.concealing {
            let n = self.overlap().min(sound.len());
            for (i, frame) in sound[..n].iter_mut().enumerate() {
                let rise = (i as f32 + 0.5) / n as f32;
                let before = self.next();
                *frame = before + (*frame - before) * rise;
            }
        }
        self.end();
        out.extend_from_slice(sound);
        self.remember(sound);
    }

    fn begin(&mut self) {
        self.forward.begin(&self.history);
        self.concealing = true;
    }

    fn go_on(&mut self, n: usize, out: &mut Vec<f32>) {
        if !self.concealing && n > 0 {
            self.begin();
        }
        for _ in 0..n {
            let frame = self.next();
            out.push(frame);
        }
    }

    fn next(&mut self) -> f32 {
        let frame = self.forward.next();
        if self.is_quiet {
            frame + self.noise.next()
        } else {
            frame
        }
    }

    fn end(&mut self) {
        self.concealing = false;
        self.is_quiet = false;
    }

    /// A quarter period, and more the longer the gap.
    fn overlap(&self) -> usize {
        let longer = self.forward.produced() * 2 / 5;
        let most = self.rate * LONGEST_OVERLAP_MS / 1_000;
        (self.forward.lag() / 4 + longer).min(most)
    }

    fn remember(&mut self, sound: &[f32]) {
        let keep = self.history.len();
        if sound.len() >= keep {
            self.history.copy_from_slice(&sound[sound.len() - keep..]);
            return;
        }
        self.history.copy_within(sound.len().., 0);
        self.history[keep - sound.len()..].copy_from_slice(sound);
    }
}

/// How new sound stands to what was played before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joint {
    Smooth,
    Broken,
}

/// Longer, two voices would be heard at once.
const LONGEST_OVERLAP_MS: usize = 5;

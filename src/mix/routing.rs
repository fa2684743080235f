//! How do routes change under running sound?
//!
//! A new table is swapped in whole. For the length of a fade every output is made by both tables
//! and crossfaded, so that no change of routes can click, whatever it is.

use crate::base::ZoneSet;
use crate::dsp::{Ramp, Shape};
use crate::mix::engine::{Block, MAX_BLOCK};
use crate::mix::routes::{Row, Table};

/// The table in force, and the one on its way out or in.
pub(super) struct Routing {
    now: Box<Table>,
    before: Option<Box<Table>>,
    next: Option<Box<Table>>,
    fade: Ramp,
    /// The weight of `now` against `before` in this block.
    weights: Block,
}

impl Routing {
    pub(super) fn new() -> Self {
        Self {
            now: Box::default(),
            before: None,
            next: None,
            fade: Ramp::resting(1.0),
            weights: [1.0; MAX_BLOCK],
        }
    }

    // == realtime below ==

    /// Takes the next table, and gives one back that it replaced before it was ever heard.
    pub(super) fn set(&mut self, table: Box<Table>) -> Option<Box<Table>> {
        self.next.replace(table)
    }

    /// Begins a block of `n` frames; a change that waits starts if none is under way.
    pub(super) fn begin(&mut self, n: usize, fade_frames: usize) {
        if self.before.is_none()
            && let Some(next) = self.next.take()
        {
            self.before = Some(std::mem::replace(&mut self.now, next));
            self.fade.jump(0.0);
            self.fade.go(1.0, fade_frames, Shape::Smooth);
        }
        if self.before.is_some() {
            self.fade.fill(&mut self.weights[..n]);
        }
    }

    /// The table that has faded out.
    pub(super) fn take_spent(&mut self) -> Option<Box<Table>> {
        self.fade.at_rest().and_then(|_| self.before.take())
    }

    /// Ends a fade at once; only while nothing sounds.
    pub(super) fn settle(&mut self) {
        self.fade.jump(1.0);
    }

    /// What the output carries now.
    pub(super) fn row(&self, output: usize) -> Option<&Row> {
        self.now.row(output)
    }

    /// While a change fades in: what the output carried before, and the weights of what it
    /// carries now.
    pub(super) fn before(&self, output: usize, n: usize) -> Option<(Option<&Row>, &[f32])> {
        let before = self.before.as_ref()?;
        Some((before.row(output), &self.weights[..n]))
    }

    /// The sets of zones of the outputs that play a music source which rests in pages.
    pub(super) fn audience(&self, music: usize) -> &[ZoneSet] {
        self.now.audience(music)
    }

    /// Whether any output needs this music input.
    pub(super) fn wants(&self, input: usize) -> bool {
        self.now.wants(input) || self.before.as_ref().is_some_and(|table| table.wants(input))
    }
}

//! What must outlive a restart, so that each bell rings once?

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::occurrence::seconds_later;

/// For each bell: what has been dealt with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    bells: BTreeMap<String, Dealt>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Dealt {
    /// Everything up to here has been rung, missed or silenced.
    until: Timestamp,
    /// What was rung of late: it counts if the clock goes back.
    rung: BTreeSet<Timestamp>,
}

impl Memory {
    /// How far a bell has been dealt with; one that is new has nothing behind it.
    pub(super) fn dealt_until(&self, bell: &str) -> Option<Timestamp> {
        self.bells.get(bell).map(|dealt| dealt.until)
    }

    pub(super) fn has_rung(&self, bell: &str, at: Timestamp) -> bool {
        self.bells
            .get(bell)
            .is_some_and(|dealt| dealt.rung.contains(&at))
    }

    pub(super) fn deal(&mut self, bell: &str, until: Timestamp) {
        let rung = BTreeSet::new();
        let dealt = Dealt { until, rung };
        self.bells.entry(bell.to_owned()).or_insert(dealt).until = until;
    }

    pub(super) fn ring(&mut self, bell: &str, at: Timestamp) {
        if let Some(dealt) = self.bells.get_mut(bell) {
            dealt.rung.insert(at);
        }
    }

    /// Forgets bells that are no more, and rings so far away that no clock is set so wrong.
    pub(super) fn forget(&mut self, is_known: impl Fn(&str) -> bool, now: Timestamp) {
        self.bells.retain(|name, _| is_known(name));
        let near = seconds_later(now, -KEPT_S)..=seconds_later(now, KEPT_S);
        for dealt in self.bells.values_mut() {
            dealt.rung.retain(|at| near.contains(at));
        }
    }

    /// One bell a line, as `parse` reads it: how far it has been dealt with, how many rings
    /// follow, the rings, its name.
    pub fn to_text(&self) -> String {
        let line = |(name, dealt): (&String, &Dealt)| {
            let rung: String = dealt.rung.iter().map(|at| format!(" {at}")).collect();
            format!("{} {}{rung} {name}\n", dealt.until, dealt.rung.len())
        };
        let lines: String = self.bells.iter().map(line).collect();
        format!("{TITLE}\n{lines}{END}\n")
    }

    /// Reads what `to_text` wrote.
    ///
    /// # Errors
    /// A text that is not, or not all, of a memory.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            return Err(format!("does not begin with \"{TITLE}\""));
        }
        let mut memory = Self::default();
        for line in lines {
            if line == END {
                return Ok(memory);
            }
            let (name, dealt) = read(line).ok_or_else(|| format!("\"{line}\" is no bell"))?;
            memory.bells.insert(name, dealt);
        }
        Err("ends too early".to_owned())
    }
}

fn read(line: &str) -> Option<(String, Dealt)> {
    let (until, rest) = line.split_once(' ')?;
    let (n_rung, mut rest) = rest.split_once(' ')?;
    let mut rung = BTreeSet::new();
    for _ in 0..n_rung.parse::<u32>().ok()? {
        let (at, after) = rest.split_once(' ')?;
        rung.insert(at.parse().ok()?);
        rest = after;
    }
    let until = until.parse().ok()?;
    Some((rest.to_owned(), Dealt { until, rung }))
}

const TITLE: &str = "bells that have been dealt with";
const END: &str = "end";

/// Clocks are wrong by an hour or a time zone, not by more than two days, unless they were never
/// set; then another day's bells are other bells.
const KEPT_S: i64 = 2 * 86_400;

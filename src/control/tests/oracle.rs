//! Is everybody served at the millisecond that plain arithmetic says?

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::site::{Site, ms, policy};
use crate::control::{Klaxon, Policy};

/// All times are milliseconds and, but for arrivals, multiples of this. Caller n arrives n after
/// a multiple, so no two callers' events ever meet by chance.
const GRID: u64 = 16;

#[derive(Clone, Debug)]
struct Caller {
    arrives_at: u64,
    gives_up_after: u64,
    talks_for: u64,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    klaxon: u64,
    padding: i64,
    answer_delay: u64,
    limit: u64,
    klaxon_first: bool,
    in_turn: bool,
}

/// What becomes of a caller.
#[derive(Debug, PartialEq)]
struct Fate {
    start: u64,
    first_sound: u64,
    answered_at: Option<u64>,
    over_at: u64,
}

impl Times {
    fn policy(&self) -> Policy {
        let duration = ms(self.klaxon);
        Policy {
            max_calls: 1000,
            hold_concurrent: self.in_turn,
            klaxon: (self.klaxon > 0).then_some(Klaxon { duration }),
            klaxon_padding: self.padding as f64 / 1000.0,
            klaxon_before_answer: self.klaxon_first,
            answer_delay: ms(self.answer_delay),
            hang_up_after: Some(ms(self.limit)),
            ..policy()
        }
    }

    fn fates(&self, callers: &[Caller]) -> Vec<Fate> {
        let mut free_at = 0;
        let mut fates = Vec::new();
        for caller in callers {
            let turn = if self.in_turn { free_at } else { 0 };
            let fate = self.fate(caller, turn.max(caller.arrives_at));
            free_at = free_at.max(fate.over_at);
            fates.push(fate);
        }
        fates
    }

    fn fate(&self, caller: &Caller, start: u64) -> Fate {
        let warning = match self.klaxon {
            0 => 0,
            klaxon => klaxon.saturating_add_signed(self.padding),
        };
        let before_answer = if self.klaxon_first { warning } else { 0 };
        let answer_at = start + before_answer + self.answer_delay;
        let sounds_at_start = self.klaxon_first && self.klaxon > 0;
        let gives_up_at = caller.arrives_at + caller.gives_up_after;
        let answered = answer_at <= gives_up_at;
        Fate {
            start,
            first_sound: if sounds_at_start { start } else { answer_at },
            answered_at: answered.then_some(answer_at),
            over_at: if answered {
                answer_at + caller.talks_for.min(self.limit)
            } else {
                gives_up_at
            },
        }
    }
}

/// When music goes down and when it returns: down while anybody sounds, and on while the zones
/// are held.
fn changes_of_music(fates: &[Fate]) -> Vec<u64> {
    let mut times: Vec<_> = fates
        .iter()
        .flat_map(|it| [it.start, it.first_sound, it.over_at])
        .collect();
    times.sort_unstable();
    let mut down = false;
    let mut changes = Vec::new();
    for t in times {
        let held = fates.iter().any(|it| it.start <= t && t < it.over_at);
        let heard = fates.iter().any(|it| it.first_sound <= t && t < it.over_at);
        let is_down = heard || (down && held);
        if is_down != down {
            changes.push(t);
        }
        down = is_down;
    }
    changes
}

#[derive(Clone, Copy, Debug)]
enum Act {
    Arrive,
    GiveUp,
    HangUp,
}

/// The callers at a real core; who gives up does so only while unanswered.
struct Run<'a> {
    site: Site,
    callers: &'a [Caller],
    acts: BTreeMap<(u64, usize), Act>,
    answered: BTreeMap<usize, u64>,
    changes: Vec<u64>,
}

impl<'a> Run<'a> {
    fn new(times: &Times, callers: &'a [Caller]) -> Self {
        let arrive = |(i, it): (usize, &Caller)| ((it.arrives_at, i), Act::Arrive);
        Self {
            site: Site::new(times.policy()),
            callers,
            acts: callers.iter().enumerate().map(arrive).collect(),
            answered: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    fn run(&mut self) {
        while let Some((&(at, i), &act)) = self.acts.first_key_value() {
            if !self.site.step(self.site.start + ms(at)) {
                self.acts.pop_first();
                self.site.now = self.site.start + ms(at);
                self.act(i, act, at);
            }
            self.look();
        }
        // The last words: limits, and acknowledgements that come late.
        while self.site.step(self.site.now + ms(3_600_000)) {
            self.look();
        }
    }

    fn act(&mut self, i: usize, act: Act, at: u64) {
        let call = i as u64 + 1;
        match act {
            Act::Arrive => {
                self.site.arrives(call);
                let gives_up_at = at + self.callers[i].gives_up_after;
                self.acts.insert((gives_up_at, i), Act::GiveUp);
            }
            Act::GiveUp if self.answered.contains_key(&i) => {}
            Act::GiveUp | Act::HangUp => self.site.ends(call, "the caller's wish"),
        }
    }

    fn look(&mut self) {
        let now = self.now();
        for (call, _) in &self.site.world.answered[self.answered.len()..] {
            let i = call.0 as usize - 1;
            self.answered.insert(i, now);
            let hangs_up_at = now + self.callers[i].talks_for;
            // A talk that outlasts the patience just replaces it.
            self.acts.retain(|(_, other), _| *other != i);
            self.acts.insert((hangs_up_at, i), Act::HangUp);
        }
        if self.site.world.ducked.is_empty() == (self.changes.len() % 2 == 1) {
            self.changes.push(now);
        }
    }

    fn now(&self) -> u64 {
        (self.site.now - self.site.start).as_millis() as u64
    }
}

fn grid(range: std::ops::Range<u64>) -> impl Strategy<Value = u64> {
    range.prop_map(|n| n * GRID)
}

fn callers() -> impl Strategy<Value = Vec<Caller>> {
    let caller = (grid(0..400), grid(1..2_000), grid(1..1_000));
    vec(caller, 1..GRID as usize).prop_map(|all| {
        let mut at = 0;
        let mut callers = Vec::new();
        for (i, (after, gives_up_after, talks_for)) in all.into_iter().enumerate() {
            at += after;
            callers.push(Caller {
                arrives_at: at + i as u64,
                gives_up_after,
                talks_for,
            });
        }
        callers
    })
}

fn times() -> impl Strategy<Value = Times> {
    let klaxon = prop_oneof![Just(0), grid(1..300)];
    let padding = prop_oneof![Just(0), (-100i64..100).prop_map(|n| n * GRID as i64)];
    let answer_delay = prop_oneof![Just(0), grid(1..100)];
    let limit = grid(1..1_000);
    (
        klaxon,
        padding,
        answer_delay,
        limit,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(klaxon, padding, answer_delay, limit, klaxon_first, in_turn)| Times {
                klaxon,
                padding,
                answer_delay,
                limit,
                klaxon_first,
                in_turn,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_caller_is_answered_when_arithmetic_says_so(
        times in times(),
        callers in callers(),
    ) {
        let fates = times.fates(&callers);
        let mut run = Run::new(&times, &callers);
        run.run();
        run.site.assert_quiet();
        let answered: Vec<_> = (0..callers.len()).map(|i| run.answered.get(&i).copied()).collect();
        let expected: Vec<_> = fates.iter().map(|it| it.answered_at).collect();
        prop_assert_eq!(answered, expected);
        prop_assert_eq!(run.changes, changes_of_music(&fates));
    }
}

//! Does every page of a random site end in exactly one way, whoever calls, starts and cancels?

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::gate::digits;
use super::plan::rule;
use super::ranks::clip;
use super::site::{Site, ms, policy};
use super::speech::speech;
use crate::base::{CallId, Db, PlayId, ZoneId, ZoneSet};
use crate::control::call::Stage;
use crate::control::{
    Alert, Cues, Delayed, Input, KeyWay, Policy, Rights, Rule, Side, Start, Stops,
};
use crate::page::{Busy, Extent, PageId, Priority};

const N_ZONES: u16 = 6;

#[derive(Clone, Debug)]
enum Step {
    /// The rule at this place, or a number that nobody has.
    Dial(usize),
    /// What follows picks one of the calls so far, over or not.
    End(usize),
    Silent(usize),
    Press(usize, &'static str),
    Sounds(usize),
    Start(Start),
    /// By the rule at this place, if there is one.
    Speak(usize),
    /// One of the pages so far, over or not, or one that never was.
    Cancel(u64),
    Measured(ZoneSet),
    PlayEnded(u64),
    SoundUp,
    SoundDown,
    Configure(Vec<Rule>),
    Pass(u64),
    Shutdown,
}

#[derive(Clone, Debug)]
struct Story {
    rules: Vec<Rule>,
    klaxon_before_answer: bool,
    max_calls: usize,
    silence: Option<u64>,
    engine_lag: Option<u64>,
    ack_lag: Option<u64>,
    steps: Vec<Step>,
}

/// A site, and the pages that were asked for there.
struct Run {
    site: Site,
    rules: Vec<Rule>,
    calls: BTreeMap<CallId, Busy>,
    /// What they have pressed.
    typed: BTreeMap<CallId, String>,
    n_pages: u64,
    /// Of calls that were turned away at once there is no page.
    asked: BTreeSet<PageId>,
}

impl Run {
    fn new(story: &Story) -> Self {
        let mut site = Site::new(Policy {
            zones: ZoneSet::first(usize::from(N_ZONES)),
            max_calls: story.max_calls,
            silence_hang_up: story.silence.map(ms),
            klaxon_before_answer: story.klaxon_before_answer,
            pages: story.rules.clone(),
            ..policy()
        });
        site.engine_lag = story.engine_lag.map(ms);
        site.ack_lag = story.ack_lag.map(ms);
        Self {
            site,
            rules: story.rules.clone(),
            calls: BTreeMap::new(),
            typed: BTreeMap::new(),
            n_pages: 0,
            asked: BTreeSet::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        self.act(step);
        self.look();
    }

    /// What a number asks first, its page is asked for later, if ever.
    fn look(&mut self) {
        self.asked.extend(self.site.core.records.keys());
        self.asked.extend(self.site.outcomes.keys());
        let calls = self.site.core.calls.values();
        let speaking = calls.filter(|call| call.stage == Stage::Dictating);
        self.asked.extend(speaking.map(|call| call.page));
    }

    fn press(&mut self, call: CallId, keys: &str) {
        self.typed.entry(call).or_default().push_str(keys);
        for key in keys.chars() {
            self.site.feed(Input::Key {
                call,
                key,
                way: KeyWay::Sound,
            });
        }
    }

    fn act(&mut self, step: &Step) {
        let n = self.calls.len().max(1);
        let pick = |i: usize| i as u64 % n as u64 + 1;
        match step.clone() {
            Step::Dial(at) => self.dial(at),
            Step::End(i) => self.site.ends(pick(i), "caller hung up"),
            Step::Silent(i) => self.site.feed(Input::CallSilent {
                call: CallId(pick(i)),
            }),
            Step::Press(i, keys) => self.press(CallId(pick(i)), keys),
            Step::Sounds(i) => self.site.feed(Input::CallSounds {
                call: CallId(pick(i)),
            }),
            Step::Start(start) => {
                self.n_pages += 1;
                self.asked.insert(PageId(self.n_pages));
                self.site.feed(Input::Start(start));
            }
            Step::Speak(at) => self.speak(at),
            Step::Cancel(page) => self.site.feed(Input::Cancel { page: PageId(page) }),
            Step::Measured(zones) => self.site.feed(Input::Measured { zones }),
            Step::PlayEnded(play) => self.site.feed(Input::PlayEnded { play: PlayId(play) }),
            Step::SoundUp => self.site.feed(Input::SoundUp),
            Step::SoundDown => self.site.loses_sound(),
            Step::Configure(rules) => {
                let pages = rules.clone();
                self.rules = rules;
                self.site.feed(Input::Configure(Policy {
                    zones: ZoneSet::first(usize::from(N_ZONES)),
                    pages,
                    ..policy()
                }));
            }
            Step::Pass(span) => self.site.pass(ms(span)),
            Step::Shutdown => self.site.feed(Input::Shutdown),
        }
    }

    fn dial(&mut self, at: usize) {
        let call = CallId(self.calls.len() as u64 + 1);
        let busy = self.rules.get(at).map_or(Busy::Queue, |it| it.busy);
        self.calls.insert(call, busy);
        self.n_pages += 1;
        let n_before = self.site.notes.len();
        self.site.dials(call.0, &number(at));
        let turned_away = |text: &str| AT_THE_DOOR.iter().any(|why| text.contains(why));
        let mut new = self.site.notes[n_before..].iter();
        let is_plain = self
            .rules
            .get(at)
            .is_none_or(|it| it.pin.is_none() && it.codes.is_empty() && it.stops.is_none());
        if is_plain && !new.any(|it| it.call == Some(call) && turned_away(&it.text)) {
            self.asked.insert(PageId(self.n_pages));
        }
    }

    /// Somebody at a microphone asks for a page.
    fn speak(&mut self, at: usize) {
        let Some(rule) = self.rules.get(at).cloned() else {
            return;
        };
        let call = CallId(self.calls.len() as u64 + 1);
        self.calls.insert(call, rule.busy);
        self.site.feed(speech(call, rule, Rights::ALL));
        let mut said = self.site.timeline.iter().rev();
        let answer = said.find(|line| line.contains(" order ")).unwrap();
        if answer.contains("Ok(") || answer.contains("Busy") {
            self.n_pages += 1;
            self.asked.insert(PageId(self.n_pages));
        }
    }

    /// Everybody hangs up, and time does the rest.
    fn end(&mut self) {
        self.site.feed(Input::SoundUp);
        self.look();
        for call in self.site.world.open() {
            self.site.ends(call.0, "caller hung up");
        }
        let end = self.site.now + ms(24 * 3_600_000);
        let n_steps = (0..5_000).take_while(|_| self.site.step(end)).count();
        assert!(n_steps < 5_000, "time alone never settles it");
    }
}

/// Why a call is refused before it has a page.
const AT_THE_DOOR: [&str; 4] = [
    "no page has the number",
    "there are ",
    "there is no sound",
    "shutting down",
];

fn number(at: usize) -> String {
    format!("70{at}")
}

fn zones() -> impl Strategy<Value = Vec<u16>> {
    vec(0..N_ZONES, 1..5)
}

fn busy() -> impl Strategy<Value = Busy> {
    prop_oneof![3 => Just(Busy::Queue), 1 => Just(Busy::Mix), 1 => Just(Busy::Reject)]
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![Just(50u8), Just(100), Just(150), Just(200), Just(255)].prop_map(Priority)
}

/// The PIN and the codes among them.
fn keys() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "1", "2", "3", "#", "*", "12", "4711", "4711", "4711", "4712",
    ])
}

/// What is asked of callers, and what their numbers end.
type Gate = (bool, Vec<Vec<u16>>, Option<Stops>);

fn gate() -> impl Strategy<Value = Gate> {
    let codes = prop_oneof![2 => Just(Vec::new()), 1 => vec(zones(), 1..4)];
    let names = vec(0usize..5, 0..3);
    let names = names.prop_map(|all| all.into_iter().map(|at| format!("page{at}")).collect());
    let stops = prop_oneof![
        6 => Just(None),
        1 => Just(Some(Stops::All)),
        1 => names.prop_map(|it| Some(Stops::Named(it))),
    ];
    (prop::bool::weighted(0.3), codes, stops)
}

fn at_gate(rule: Rule, (has_pin, codes, stops): Gate) -> Rule {
    let code = |(at, ids): (usize, Vec<u16>)| {
        let zones: ZoneSet = ids.into_iter().map(ZoneId).collect();
        (digits(&(at + 1).to_string()), zones)
    };
    Rule {
        pin: has_pin.then(|| digits("4711")),
        codes: codes.into_iter().enumerate().map(code).collect(),
        stops,
        ..rule
    }
}

fn extent() -> impl Strategy<Value = Extent> {
    prop_oneof![Just(Extent::Whole), Just(Extent::Partial)]
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let tones = (
        prop::option::of(1u32..3_000),
        prop::option::of(1u32..1_000),
        prop::option::of((1u32..3_000, 1u32..4)),
        any::<bool>(),
    );
    let limits = (
        prop::option::of(1u64..60_000),
        prop::option::of(1u64..60_000),
        1u64..20_000,
    );
    let one = (zones(), priority(), busy(), extent(), tones, limits);
    let one = one.prop_map(|(zones, priority, busy, extent, tones, limits)| Rule {
        priority,
        busy,
        extent,
        klaxon: tones.0.map(clip),
        end_tone: tones.1.map(clip),
        message: tones.2.map(|(span, times)| (clip(span), times)),
        delayed: (limits.2 % 3 == 0).then(|| Delayed {
            longest: ms(limits.1.unwrap_or(20_000)),
            warning: tones.3.then(|| ms(limits.2)),
            times: 2,
        }),
        queue_timeout: limits.0.map(ms),
        max_duration: limits.1.map(ms),
        warning: Some(Alert {
            before: ms(limits.2),
            clip: tones.3.then(|| clip(300)),
        }),
        cues: if tones.3 { Cues::Told } else { Cues::Silent },
        record: [None, Some(Side::Caller), Some(Side::Page)][(limits.2 % 3) as usize],
        greeting: limits.2.is_multiple_of(5).then(|| clip(700)),
        ..rule("", &[], &zones)
    });
    let one = (one, gate()).prop_map(|(rule, gate)| at_gate(rule, gate));
    vec(one, 1..5).prop_map(|mut rules| {
        for (at, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("page{at}");
            rule.entry.extensions = vec![number(at).parse().unwrap()];
        }
        rules
    })
}

fn start() -> impl Strategy<Value = Start> {
    let tones = (prop::option::of(1u32..2_000), prop::option::of(1u32..1_000));
    let patience = prop::option::of(1u64..60_000);
    let message = (1u32..5_000, 0u32..4);
    (
        zones(),
        priority(),
        busy(),
        extent(),
        message,
        tones,
        patience,
    )
        .prop_map(
            |(zones, priority, busy, extent, (span, times), (klaxon, end_tone), patience)| Start {
                name: "bell".to_owned(),
                zones: zones.into_iter().map(ZoneId).collect(),
                priority,
                busy,
                extent,
                clip: clip(span),
                times,
                gain: Db(-6.0),
                pre_roll: Duration::ZERO,
                klaxon: klaxon.map(clip),
                end_tone: end_tone.map(clip),
                queue_timeout: patience.map(ms),
            },
        )
}

/// What happens while the rules and the sound stay.
fn plain_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0usize..5).prop_map(Step::Dial),
        3 => any::<usize>().prop_map(Step::End),
        1 => any::<usize>().prop_map(Step::Silent),
        4 => (any::<usize>(), keys()).prop_map(|(i, keys)| Step::Press(i, keys)),
        1 => any::<usize>().prop_map(Step::Sounds),
        3 => start().prop_map(Step::Start),
        2 => (0usize..5).prop_map(Step::Speak),
        2 => (1u64..30).prop_map(Step::Cancel),
        2 => zones().prop_map(|it| Step::Measured(it.into_iter().map(ZoneId).collect())),
        5 => prop_oneof![0u64..50, 0u64..5_000, 0u64..120_000].prop_map(Step::Pass),
    ]
}

fn wild_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        30 => plain_step(),
        2 => (0u64..30).prop_map(Step::PlayEnded),
        2 => Just(Step::SoundUp),
        2 => Just(Step::SoundDown),
        2 => rules().prop_map(Step::Configure),
        1 => Just(Step::Shutdown),
    ]
}

fn stories<S: Strategy<Value = Step>>(step: S) -> impl Strategy<Value = Story> {
    let lag = || prop_oneof![Just(None), Just(Some(0)), (0u64..900).prop_map(Some)];
    (
        rules(),
        any::<bool>(),
        (1usize..8, prop::option::of(1u64..60_000)),
        lag(),
        lag(),
        vec(step, 1..60),
    )
        .prop_map(
            |(rules, klaxon_before_answer, (max_calls, silence), engine_lag, ack_lag, steps)| {
                Story {
                    rules,
                    klaxon_before_answer,
                    max_calls,
                    silence,
                    engine_lag,
                    ack_lag,
                    steps,
                }
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
    fn every_page_ends_in_exactly_one_way(story in stories(wild_step())) {
        let mut run = Run::new(&story);
        for step in &story.steps {
            run.take(step);
        }
        run.end();
        // That none ends twice the site sees by itself.
        let ended: BTreeSet<_> = run.site.outcomes.keys().copied().collect();
        prop_assert_eq!(ended, run.asked);
        // Nothing that was said stays in memory.
        prop_assert_eq!(run.site.world.forgotten.len(), run.site.n_said as usize);
        run.site.assert_quiet();
    }

    #[test]
    fn voices_that_do_not_mix_never_share_a_zone(story in stories(plain_step())) {
        let mut run = Run::new(&story);
        for step in &story.steps {
            run.take(step);
            let voices = run.site.world.voices.iter();
            let alone: Vec<_> = voices.filter(|(call, _)| run.calls[call] != Busy::Mix).collect();
            let n_zones: usize = alone.iter().map(|(_, zones)| zones.len()).sum();
            let all = alone.iter().fold(ZoneSet::EMPTY, |all, (_, zones)| all.union(zones));
            prop_assert_eq!(n_zones, all.len(), "{:?}", alone);
        }
    }

    #[test]
    fn nobody_speaks_behind_a_pin_without_it(story in stories(plain_step())) {
        let mut run = Run::new(&story);
        for step in &story.steps {
            run.take(step);
            let pages = run.site.core.records.iter();
            let calls = pages.filter_map(|(_, record)| record.call);
            for call in calls.filter(|call| run.site.core.calls.contains_key(call)) {
                let wish = run.site.core.calls[&call].wish.clone();
                let rule = run.site.core.policy.rule(&wish);
                let is_guarded = rule.is_ok_and(|it| it.is_some_and(|it| it.pin.is_some()));
                let typed = run.typed.get(&call).is_some_and(|it| it.contains("4711"));
                prop_assert!(typed || !is_guarded, "{:?}", call);
            }
        }
    }
}

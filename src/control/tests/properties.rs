//! Do the rules hold whatever happens in whatever order? `World::check` looks after every input.

use proptest::collection::vec;
use proptest::prelude::*;

use super::site::{Site, ms, policy};
use crate::base::{CallId, PlayId, ZoneSet};
use crate::control::{CallState, Input, Klaxon, KlaxonFor, Policy};

#[derive(Clone, Debug)]
enum Step {
    Arrive,
    /// What follows picks one of the calls so far, over or not.
    End(usize),
    Confirm(usize),
    Hear(usize),
    Silent(usize),
    PlayEnded(u64),
    SoundUp,
    SoundDown,
    Configure(Box<Policy>),
    Pass(u64),
    /// Time passes, and nobody ticks until the next input.
    Sleep(u64),
    Shutdown,
}

#[derive(Clone, Debug)]
struct Story {
    policy: Policy,
    engine_lag: Option<u64>,
    ack_lag: Option<u64>,
    steps: Vec<Step>,
}

impl Story {
    fn play(&self) -> Site {
        let mut site = Site::new(self.policy.clone());
        site.engine_lag = self.engine_lag.map(ms);
        site.ack_lag = self.ack_lag.map(ms);
        let mut n_calls = 0;
        for step in &self.steps {
            take(&mut site, step, &mut n_calls);
        }
        site
    }
}

fn take(site: &mut Site, step: &Step, n_calls: &mut u64) {
    let n = (*n_calls).max(1);
    let pick = |i: usize| CallId(i as u64 % n + 1);
    match step.clone() {
        Step::Arrive => {
            *n_calls += 1;
            site.arrives(*n_calls);
        }
        Step::End(i) => site.ends(pick(i).0, "caller hung up"),
        Step::Confirm(i) => site.feed(Input::CallConfirmed { call: pick(i) }),
        Step::Hear(i) => site.feed(Input::CallHeard { call: pick(i) }),
        Step::Silent(i) => site.feed(Input::CallSilent { call: pick(i) }),
        Step::PlayEnded(play) => site.feed(Input::PlayEnded { play: PlayId(play) }),
        Step::SoundUp => site.feed(Input::SoundUp),
        Step::SoundDown => site.loses_sound(),
        Step::Configure(policy) => site.feed(Input::Configure(*policy)),
        Step::Pass(span) => site.pass(ms(span)),
        Step::Sleep(span) => site.now += ms(span),
        Step::Shutdown => site.feed(Input::Shutdown),
    }
}

fn span() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..50, 0u64..5_000, 0u64..120_000]
}

fn policies() -> impl Strategy<Value = Policy> {
    let klaxon = prop_oneof![Just(None), (0u64..6_000).prop_map(|n| Some(ms(n)))];
    let max = prop_oneof![Just(None), (1u64..4_000).prop_map(|n| Some(ms(n)))];
    let limit = prop_oneof![Just(None), (1u64..200_000).prop_map(|n| Some(ms(n)))];
    let padding = prop_oneof![Just(0.0), -3.0..3.0];
    let delay = prop_oneof![Just(0), 0u64..3_000];
    let rules = (
        1usize..4,
        0usize..8,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    (klaxon, max, limit, padding, delay, rules).prop_map(
        |(klaxon, klaxon_max, hang_up_after, klaxon_padding, delay, rules)| Policy {
            zones: ZoneSet::first(rules.0),
            max_calls: rules.1,
            hold_concurrent: rules.2,
            klaxon_before_answer: rules.3,
            announce: rules.4,
            klaxon: klaxon.map(|duration| Klaxon { duration }),
            klaxon_for: KlaxonFor::All,
            klaxon_max,
            hang_up_after,
            klaxon_padding,
            answer_delay: ms(delay),
            ..policy()
        },
    )
}

/// Arrivals, departures and time.
fn plain_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Arrive),
        3 => any::<usize>().prop_map(Step::End),
        4 => span().prop_map(Step::Pass),
        1 => span().prop_map(Step::Sleep),
        1 => any::<usize>().prop_map(Step::Silent),
    ]
}

fn wild_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => plain_step(),
        3 => any::<usize>().prop_map(Step::Confirm),
        3 => any::<usize>().prop_map(Step::Hear),
        3 => (0u64..20).prop_map(Step::PlayEnded),
        4 => Just(Step::SoundUp),
        4 => Just(Step::SoundDown),
        4 => policies().prop_map(|policy| Step::Configure(Box::new(policy))),
        1 => Just(Step::Shutdown),
    ]
}

fn stories<S: Strategy<Value = Step>>(step: S) -> impl Strategy<Value = Story> {
    let lag = || prop_oneof![Just(None), Just(Some(0)), (0u64..2_000).prop_map(Some)];
    (policies(), lag(), lag(), vec(step, 1..80)).prop_map(|(policy, engine_lag, ack_lag, steps)| {
        Story {
            policy,
            engine_lag,
            ack_lag,
            steps,
        }
    })
}

/// Lets time alone decide; more steps than this would be a busy loop.
fn settle(site: &mut Site) {
    let end = site.now + ms(24 * 3_600_000);
    let n_steps = (0..5_000).take_while(|_| site.step(end)).count();
    assert!(n_steps < 5_000, "time alone never settles it");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nobody_waits_for_ever_and_nothing_is_left_in_the_end(
        story in stories(wild_step()),
        sound_returns in any::<bool>(),
    ) {
        let mut site = story.play();
        if sound_returns {
            site.feed(Input::SoundUp);
        }
        settle(&mut site);
        let calls = site.snapshot().calls;
        prop_assert!(calls.iter().all(|it| it.state == CallState::Live), "{:?}", calls);
        for it in calls {
            site.ends(it.call.0, "caller hung up");
        }
        settle(&mut site);
        site.assert_quiet();
    }

    #[test]
    fn a_shutdown_at_any_moment_leaves_nothing(story in stories(wild_step())) {
        let mut site = story.play();
        site.feed(Input::Shutdown);
        prop_assert!(site.world.stopped);
        site.assert_quiet();
    }

    #[test]
    fn pages_in_turn_are_heard_one_at_a_time_and_answered_in_the_order_of_arrival(
        story in stories(plain_step()),
    ) {
        let mut site = Site::new(Policy { hold_concurrent: true, ..story.policy.clone() });
        let mut n_calls = 0;
        for step in &story.steps {
            take(&mut site, step, &mut n_calls);
            let under_way = site.snapshot().calls.into_iter().filter(|it| it.state != CallState::Queued);
            prop_assert!(under_way.count() <= 1);
            prop_assert!(site.world.voices.len() <= 1 && site.world.plays.len() <= 1);
        }
        settle(&mut site);
        let order: Vec<_> = site.world.answered.iter().map(|it| it.0).collect();
        prop_assert!(order.is_sorted(), "{:?}", order);
    }

    #[test]
    fn pages_that_mix_never_queue(story in stories(plain_step())) {
        let mut site = Site::new(Policy { hold_concurrent: false, ..story.policy.clone() });
        let mut n_calls = 0;
        for step in &story.steps {
            take(&mut site, step, &mut n_calls);
            let calls = site.snapshot().calls;
            prop_assert!(calls.iter().all(|it| it.state != CallState::Queued));
        }
    }

    #[test]
    fn music_is_down_exactly_while_somebody_is_heard(story in stories(plain_step())) {
        // Without gaps between tone, answer and voice there is nothing to bridge.
        let policy = Policy {
            klaxon_padding: story.policy.klaxon_padding.min(0.0),
            answer_delay: ms(0),
            ..story.policy
        };
        let mut site = Site::new(policy);
        let mut n_calls = 0;
        for step in &story.steps {
            take(&mut site, step, &mut n_calls);
            prop_assert_eq!(site.world.ducked, site.world.heard());
        }
    }

    #[test]
    fn the_same_story_gives_the_same_effects(story in stories(wild_step())) {
        let (first, second) = (story.play(), story.play());
        prop_assert_eq!(first.timeline, second.timeline);
        prop_assert_eq!(first.notes, second.notes);
    }

    #[test]
    fn every_caller_has_one_last_line_in_the_log(story in stories(wild_step())) {
        let mut site = story.play();
        site.feed(Input::Shutdown);
        let last_words = [": ended", ": hung up: ", ": refused, "];
        let n_calls = story.steps.iter().filter(|it| matches!(it, Step::Arrive)).count();
        for call in 1..=n_calls as u64 {
            let of_call = site.notes.iter().filter(|it| it.call == Some(CallId(call)));
            let last = of_call.filter(|it| last_words.iter().any(|words| it.text.contains(words)));
            prop_assert_eq!(last.count(), 1);
        }
    }
}

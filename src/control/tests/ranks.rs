//! What do callers of different pages meet, one scenario a sentence.

use std::time::Duration;

use super::plan::rule;
use super::site::{Site, ms, policy, without_klaxon};
use crate::base::{CallId, SoundId, ZoneId, ZoneSet};
use crate::control::{
    About, Alert, Clip, Cue, Cues, Input, Level, Note, Policy, Rule, Sound, Start,
};
use crate::page::{Busy, Extent, Outcome, PageId, Priority};

pub(super) fn clip(span: u32) -> Clip {
    Clip {
        sound: Sound::Stored(SoundId(span)),
        duration: ms(u64::from(span)),
    }
}

fn urgent(name: &str, extension: &str, zones: &[u16], priority: u8) -> Rule {
    Rule {
        priority: Priority(priority),
        ..rule(name, &[extension], zones)
    }
}

fn site(pages: Vec<Rule>) -> Site {
    Site::new(Policy {
        zones: ZoneSet::first(3),
        pages,
        ..without_klaxon()
    })
}

pub(super) fn start(name: &str, zones: &[u16], times: u32) -> Start {
    Start {
        name: name.to_owned(),
        zones: zones.iter().map(|id| ZoneId(*id)).collect::<ZoneSet>(),
        priority: Priority(100),
        busy: Busy::Queue,
        extent: Extent::Whole,
        clip: clip(2_000),
        times,
        gain: crate::base::Db(-6.0),
        pre_roll: Duration::ZERO,
        klaxon: None,
        end_tone: None,
        queue_timeout: None,
    }
}

#[test]
fn an_emergency_takes_its_zones_at_once_and_gives_them_back() {
    let all = urgent("all", "700", &[0, 1, 2], 100);
    let mut site = site(vec![
        Rule {
            cues: Cues::Told,
            ..all
        },
        urgent("alarm", "112", &[0], 200),
    ]);
    site.dials(1, "700");
    site.pass(ms(1_000));
    site.seen();
    site.dials(2, "112");
    site.pass(ms(1_000));
    site.ends(2, "caller hung up");
    site.pass(ms(1_000));
    site.ends(1, "caller hung up");
    assert_eq!(
        site.seen(),
        [
            "1.0 connect #1 in 1,2",
            "1.0 tell #1 SpeakNow",
            "1.0 answer #2",
            "1.0 connect #2",
            "2.0 disconnect #2",
            "2.0 connect #1 in 0,1,2",
            "2.0 tell #1 SpeakNow",
            "3.0 disconnect #1",
            "3.0 music back in 0,1,2",
        ]
    );
    assert_eq!(
        site.fates(),
        [
            "page \"alarm\" of call #2 from alice <sip:2@pbx> to 112: heard in hall, 1.0 s",
            "page \"all\" of call #1 from alice <sip:1@pbx> to 700: partly heard, in 3 of 3 zones, \
             not all the time in hall, 3.0 s",
        ]
    );
}

#[test]
fn a_caller_whose_zones_are_all_taken_before_the_answer_rings_on_and_has_its_klaxon_again() {
    let hall = urgent("hall", "700", &[0], 100);
    let klaxon = Some(clip(2_000));
    let mut site = site(vec![
        Rule { klaxon, ..hall },
        urgent("alarm", "112", &[0], 200),
    ]);
    site.dials(1, "700");
    site.pass(ms(1_000));
    site.dials(2, "112");
    site.pass(ms(3_000));
    site.seen();
    site.ends(2, "caller hung up");
    site.pass(ms(2_000));
    assert_eq!(
        site.seen(),
        [
            "4.0 disconnect #2",
            "4.0 play 2",
            "6.0 answer #1",
            "6.0 connect #1",
        ]
    );
}

#[test]
fn an_emergency_has_no_room_or_time_that_is_short() {
    let mut site = Site::new(Policy {
        max_calls: 1,
        answer_delay: ms(5_000),
        hang_up_after: Some(ms(10_000)),
        zones: ZoneSet::first(3),
        pages: vec![
            urgent("hall", "700", &[0], 199),
            urgent("alarm", "112", &[0], 200),
        ],
        ..without_klaxon()
    });
    site.dials(1, "700");
    site.dials(2, "112");
    assert_eq!(site.world.answered.len(), 1);
    site.pass(ms(3_600_000));
    assert!(site.world.voices.contains_key(&CallId(2)));
}

#[test]
fn a_partial_page_says_with_how_many_zones_it_begins() {
    let all = urgent("all", "700", &[0, 1, 2], 100);
    let extent = Extent::Partial;
    let mut site = site(vec![
        Rule { extent, ..all },
        urgent("yard", "701", &[1], 100),
    ]);
    site.dials(1, "701");
    site.dials(2, "700");
    let texts = site.texts();
    let said = texts
        .iter()
        .filter(|it| it.contains("begins in 2 of 3 zones, not in yard"));
    assert_eq!(said.count(), 1, "{texts:?}");
}

#[test]
fn a_page_ends_as_expired_refused_or_cancelled_when_it_was_never_live() {
    let hall = || urgent("hall", "700", &[0], 100);
    let mut site = site(vec![
        hall(),
        Rule {
            busy: Busy::Reject,
            ..urgent("now", "701", &[0], 100)
        },
        Rule {
            queue_timeout: Some(ms(4_000)),
            ..urgent("soon", "702", &[0], 100)
        },
    ]);
    for (call, number) in [(1, "700"), (2, "701"), (3, "702"), (4, "700")] {
        site.dials(call, number);
    }
    site.pass(ms(4_000));
    site.ends(4, "cancelled");
    let outcomes: Vec<_> = site.outcomes.values().copied().collect();
    assert_eq!(
        outcomes,
        [Outcome::Refused, Outcome::Expired, Outcome::Cancelled]
    );
    assert_eq!(
        site.fates()[1],
        "page \"soon\" of call #3 from alice <sip:3@pbx> to 702: expired after 4.0 s, not heard \
         in hall"
    );
    assert!(site.timeline.contains(&"0.0 refuse #2 486".to_owned()));
    assert!(site.timeline.contains(&"4.0 refuse #3 486".to_owned()));
}

#[test]
fn a_page_that_is_too_long_is_warned_then_ended_with_its_end_tone() {
    let hall = urgent("hall", "700", &[0], 100);
    let mut site = site(vec![Rule {
        max_duration: Some(ms(10_000)),
        warning: Some(Alert {
            before: ms(2_000),
            clip: Some(clip(500)),
        }),
        end_tone: Some(clip(1_000)),
        cues: Cues::Told,
        ..hall
    }]);
    site.dials(1, "700");
    site.pass(ms(1_000));
    site.seen();
    site.pass(ms(20_000));
    assert_eq!(
        site.seen(),
        [
            "8.0 tell #1 NearlyOver",
            "8.0 play 1",
            "10.0 hang up #1: page duration limit",
            "10.0 disconnect #1",
            "10.0 play 2",
            "11.0 music back",
        ]
    );
    assert_eq!(site.outcomes[&PageId(1)], Outcome::Heard);
}

#[test]
fn a_number_for_a_message_plays_it_so_often_after_its_caller_has_gone() {
    let gong = urgent("gong", "750", &[0, 1], 100);
    let mut site = site(vec![Rule {
        message: Some((clip(2_000), 3)),
        ..gong
    }]);
    site.dials(1, "750");
    site.pass(ms(1_000));
    site.seen();
    site.pass(ms(10_000));
    assert_eq!(
        site.seen(),
        [
            "2.0 hang up #1: done as asked",
            "2.0 play 2 in 0,1",
            "4.0 play 3 in 0,1",
            "6.0 music back in 0,1",
        ]
    );
    assert_eq!(site.outcomes[&PageId(1)], Outcome::Heard);
    site.assert_quiet();
}

#[test]
fn a_bell_is_a_page_like_any_other() {
    let mut site = site(vec![urgent("hall", "700", &[0], 100)]);
    site.dials(1, "700");
    site.feed(Input::Start(start("bell \"break\"", &[0, 1], 1)));
    site.feed(Input::Start(start("bell \"yard\"", &[1], 1)));
    site.pass(ms(1_000));
    // Nobody overtakes.
    assert!(site.world.plays.is_empty());
    site.ends(1, "caller hung up");
    site.pass(ms(10_000));
    assert_eq!(
        site.fates()[1..],
        [
            "page bell \"break\": heard in hall, yard, 2.0 s",
            "page bell \"yard\": heard in yard, 2.0 s",
        ]
    );
    site.assert_quiet();
}

#[test]
fn a_cancelled_page_is_silent_at_once_whoever_speaks() {
    let mut site = site(vec![urgent("hall", "700", &[0], 100)]);
    site.dials(1, "700");
    site.feed(Input::Start(start("gong", &[1], 9)));
    site.pass(ms(1_000));
    for page in [PageId(1), PageId(2), PageId(77)] {
        site.feed(Input::Cancel { page });
    }
    assert!(site.world.plays.is_empty() && site.world.voices.is_empty());
    let outcomes: Vec<_> = site.outcomes.values().copied().collect();
    assert_eq!(outcomes, [Outcome::PartlyHeard; 2]);
    assert_eq!(
        site.fates()[1],
        "page gong: partly heard, cut after 1.0 s in yard"
    );
    site.pass(ms(1_000));
    site.assert_quiet();
}

#[test]
fn only_what_was_measured_counts_as_heard() {
    let mut site = site(vec![urgent("all", "700", &[0, 1], 100)]);
    let measured = |ids: &[u16]| Input::Measured {
        zones: ids.iter().map(|id| ZoneId(*id)).collect(),
    };
    for (call, heard, want) in [
        (1, &[0, 1][..], Outcome::Heard),
        (2, &[0, 2], Outcome::PartlyHeard),
        (3, &[], Outcome::NotHeard),
    ] {
        site.dials(call, "700");
        site.feed(Input::CallSounds { call: CallId(call) });
        site.pass(ms(500));
        site.feed(measured(heard));
        site.pass(ms(500));
        site.ends(call, "caller hung up");
        assert_eq!(site.outcomes[&PageId(call)], want, "{call}");
    }
    assert_eq!(
        site.fates()[1],
        "page \"all\" of call #2 from alice <sip:2@pbx> to 700: partly heard, in 1 of 2 zones, \
         not all the time in yard, 1.0 s"
    );
    assert_eq!(
        site.fates()[2],
        "page \"all\" of call #3 from alice <sip:3@pbx> to 700: not heard: nothing came out of its \
         zones, 1.0 s"
    );
}

#[test]
fn a_caller_who_sends_no_sound_or_only_silence_is_not_heard_whatever_the_klaxon_says() {
    let klaxon = Some(clip(2_000));
    let all = urgent("all", "700", &[0, 1], 100);
    let mut site = site(vec![Rule { klaxon, ..all }]);
    let zones = ZoneSet::first(2);
    site.feed(Input::Measured {
        zones: ZoneSet::EMPTY,
    });
    for call in 1..=3 {
        site.dials(call, "700");
        site.pass(ms(1_000));
        site.feed(Input::Measured { zones });
        site.pass(ms(1_000));
        let id = CallId(call);
        if call > 1 {
            site.feed(Input::CallHeard { call: id });
        }
        if call > 2 {
            site.feed(Input::CallSounds { call: id });
        }
        site.pass(ms(4_000));
        site.ends(call, "caller hung up");
    }
    let end = |fate: &str| fate.split_once(" to 700: ").unwrap().1.to_owned();
    let fates: Vec<String> = site.fates().into_iter().map(end).collect();
    assert_eq!(
        fates,
        [
            "not heard: the caller sent no sound, 4.0 s",
            "not heard: the caller sent only silence, 4.0 s",
            "heard in hall, yard, 4.0 s",
        ]
    );
    let warned = |note: &Note| note.level == Level::Warn;
    assert_eq!(site.endings.iter().filter(|it| warned(it)).count(), 2);
    let missed = |note: &Note| {
        let About::Page(end) = &note.about else {
            panic!("{note:?}");
        };
        end.missed
    };
    let all: Vec<ZoneSet> = site.endings.iter().map(missed).collect();
    assert_eq!(all, [zones, zones, ZoneSet::EMPTY]);
}

#[test]
fn who_waits_is_told_its_place_and_then_when_to_speak() {
    let hall = urgent("hall", "700", &[0], 100);
    let cues = Cues::Told;
    let mut site = site(vec![Rule { cues, ..hall }]);
    site.dials(1, "700");
    site.dials(2, "700");
    site.dials(3, "700");
    let told: Vec<_> = site
        .seen()
        .into_iter()
        .filter(|it| it.contains("tell"))
        .collect();
    let queued = |n_before| Cue::Queued { n_before };
    assert_eq!(
        told,
        [
            "0.0 tell #1 SpeakNow".to_owned(),
            format!("0.0 tell #2 {:?}", queued(1)),
            format!("0.0 tell #3 {:?}", queued(2)),
        ]
    );
    // Again after a while, and when it changes.
    site.pass(ms(20_000));
    site.ends(1, "caller hung up");
    site.pass(ms(16_000));
    let told = site.seen().into_iter().filter(|it| it.contains("Queued"));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            format!("15.0 tell #2 {:?}", queued(1)),
            format!("15.0 tell #3 {:?}", queued(2)),
            format!("20.0 tell #3 {:?}", queued(1)),
            format!("35.0 tell #3 {:?}", queued(1)),
        ]
    );
}

#[test]
fn without_sound_a_message_waits_and_is_played_when_it_returns() {
    let mut site = Site::silent(policy());
    site.feed(Input::Start(start("gong", &[0], 1)));
    site.pass(ms(5_000));
    assert!(site.world.plays.is_empty());
    site.feed(Input::SoundUp);
    assert_eq!(site.world.plays.len(), 1);
    site.loses_sound();
    site.pass(ms(5_000));
    site.feed(Input::SoundUp);
    site.pass(ms(5_000));
    assert_eq!(site.outcomes[&PageId(1)], Outcome::PartlyHeard);
    site.assert_quiet();
}

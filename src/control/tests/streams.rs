//! Is a page that comes by a multicast group a page like any other?

use super::plan::rule;
use super::ranks::clip;
use super::site::{Site, ms, policy, without_klaxon};
use crate::base::{CallId, ZoneId, ZoneSet};
use crate::control::{Input, Part, Policy, Rule};
use crate::page::{Busy, Extent, Priority};

/// A group that is heard in these zones.
fn group(name: &str, zones: &[u16], priority: u8) -> Rule {
    Rule {
        priority: Priority(priority),
        extent: Extent::Partial,
        ..rule(name, &[], zones)
    }
}

fn with(streams: Vec<Rule>) -> Policy {
    Policy {
        zones: ZoneSet::first(3),
        streams,
        ..without_klaxon()
    }
}

fn begins(site: &mut Site, call: u64, group: &str) {
    site.feed(Input::StreamBegan {
        call: CallId(call),
        group: group.to_owned(),
        speaker: "10.0.0.9:5004".to_owned(),
    });
}

fn heard(site: &Site, call: u64) -> Vec<u16> {
    let zones = site.world.voices.get(&CallId(call));
    zones.map_or_else(Vec::new, |zones| zones.iter().map(|ZoneId(n)| n).collect())
}

#[test]
fn it_is_heard_from_its_first_word_without_ringing_or_answer() {
    let mut site = Site::new(with(vec![group("office", &[0], 100)]));
    begins(&mut site, 1, "office");
    assert_eq!(site.seen(), ["0.0 music -20dB", "0.0 connect #1"]);
    site.pass(ms(90_000));
    assert_eq!(site.seen(), [""; 0]);
    site.ends(1, "the sender fell silent");
    assert_eq!(site.seen(), ["90.0 disconnect #1", "90.0 music back"]);
    let who = "stream #1 from 10.0.0.9:5004 to office";
    assert_eq!(
        site.fates(),
        [format!("page \"office\" of {who}: heard in hall, 90.0 s")]
    );
    assert!(site.texts()[0].starts_with(who), "{:?}", site.texts());
    site.assert_quiet();
}

#[test]
fn groups_of_three_priorities_take_their_zones_and_give_them_back() {
    let mut site = Site::new(with(vec![
        group("low", &[0, 1, 2], 50),
        group("middle", &[0, 1], 120),
        group("alarm", &[0], 210),
    ]));
    begins(&mut site, 1, "low");
    assert_eq!(heard(&site, 1), [0, 1, 2]);
    begins(&mut site, 2, "middle");
    assert_eq!((heard(&site, 1), heard(&site, 2)), (vec![2], vec![0, 1]));
    begins(&mut site, 3, "alarm");
    assert_eq!((heard(&site, 2), heard(&site, 3)), (vec![1], vec![0]));
    site.pass(ms(5_000));
    site.ends(3, "the sender fell silent");
    assert_eq!(heard(&site, 2), [0, 1]);
    site.ends(2, "the sender fell silent");
    assert_eq!(heard(&site, 1), [0, 1, 2]);
    site.ends(1, "the sender fell silent");
    site.assert_quiet();
}

#[test]
fn it_waits_mixes_or_is_not_heard_at_all_as_its_group_says() {
    for (busy, at_once, later) in [
        (Busy::Queue, vec![], vec![0]),
        (Busy::Mix, vec![0], vec![0]),
        (Busy::Reject, vec![], vec![]),
    ] {
        let office = Rule {
            busy,
            extent: Extent::Whole,
            ..group("office", &[0], 100)
        };
        let mut site = Site::new(with(vec![group("shop", &[0], 100), office]));
        begins(&mut site, 1, "shop");
        site.seen();
        begins(&mut site, 2, "office");
        assert_eq!(heard(&site, 2), at_once, "{busy:?}");
        let is_refused = site.seen().iter().any(|line| line.contains("hang up #2"));
        assert_eq!(is_refused, busy == Busy::Reject);
        site.pass(ms(2_000));
        site.ends(1, "the sender fell silent");
        assert_eq!(heard(&site, 2), later, "{busy:?}");
        site.ends(2, "the sender fell silent");
        site.assert_quiet();
    }
}

#[test]
fn tones_and_limits_are_those_of_pages() {
    let office = Rule {
        klaxon: Some(clip(500)),
        end_tone: Some(clip(300)),
        max_duration: Some(ms(10_000)),
        ..group("office", &[0], 100)
    };
    let mut site = Site::new(with(vec![office]));
    begins(&mut site, 1, "office");
    site.pass(ms(20_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 music -20dB",
            "0.0 play 1",
            "0.5 connect #1",
            "10.5 hang up #1: page duration limit",
            "10.5 disconnect #1",
            "10.5 play 2",
            "10.8 music back",
        ]
    );
    let text = "not heard any more: page duration limit after 10.5 s";
    assert!(site.texts().iter().any(|it| it.ends_with(text)));
    site.assert_quiet();
}

#[test]
fn a_reload_changes_what_waits_and_streams_are_no_calls() {
    let few = Policy {
        max_calls: 1,
        ..with(vec![group("shop", &[0], 100), group("office", &[0], 100)])
    };
    let mut site = Site::new(few.clone());
    begins(&mut site, 1, "shop");
    begins(&mut site, 2, "office");
    assert_eq!(heard(&site, 2), [0_u16; 0]);
    // A number that catches all calls is nothing for a stream.
    let other = Policy {
        pages: vec![rule("all", &["_."], &[2])],
        streams: vec![group("shop", &[0], 100), group("office", &[0], 130)],
        ..few
    };
    site.feed(Input::Configure(other));
    assert_eq!((heard(&site, 1), heard(&site, 2)), (vec![], vec![0]));
    site.arrives(3);
    assert_eq!(heard(&site, 3), [2]);
    assert!(!site.seen().iter().any(|line| line.contains("refuse #3")));
    begins(&mut site, 4, "nowhere");
    assert!(site.seen().iter().any(|line| line.contains("hang up #4")));
    site.feed(Input::Shutdown);
    site.pass(ms(60_000));
    site.assert_quiet();
}

#[test]
fn a_group_that_cannot_be_reached_is_told_once_and_shown() {
    let mut site = Site::new(policy());
    let told = |site: &mut Site, ok: bool, text: &str| {
        site.feed(Input::GroupChanged {
            name: "multicast-out:phones".to_owned(),
            ok,
            text: text.to_owned(),
        });
    };
    told(&mut site, false, "Network is unreachable");
    told(&mut site, false, "Network is unreachable");
    assert_eq!(
        site.texts(),
        ["multicast-out:phones: Network is unreachable"]
    );
    let summary = site.snapshot().summary(site.now);
    assert!(summary.contains("multicast-out:phones Network is unreachable"));
    told(&mut site, true, "speaks to 239.1.2.3:5004");
    let shown = site.snapshot().groups;
    assert!(matches!(
        shown["multicast-out:phones"],
        Part { ok: true, .. }
    ));
    site.feed(Input::GroupGone {
        name: "multicast-out:phones".to_owned(),
    });
    assert!(site.snapshot().groups.is_empty());
    assert_eq!(site.texts().len(), 2);
}

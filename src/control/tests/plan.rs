//! Which page does a call get?

use super::site::{Site, ms, policy, without_klaxon};
use crate::base::{ZoneId, ZoneSet};
use crate::control::{Cues, Policy, Rule};
use crate::page::{Busy, Entry, Extent, Priority};

pub(super) fn rule(name: &str, extensions: &[&str], zones: &[u16]) -> Rule {
    Rule {
        name: name.to_owned(),
        entry: Entry {
            extensions: extensions.iter().map(|it| it.parse().unwrap()).collect(),
            ..Entry::default()
        },
        zones: zones.iter().map(|id| ZoneId(*id)).collect::<ZoneSet>(),
        priority: Priority::default(),
        busy: Busy::Queue,
        extent: Extent::Whole,
        klaxon: None,
        pre_roll: ms(0),
        end_tone: None,
        queue_timeout: None,
        max_duration: None,
        warning: None,
        message: None,
        delayed: None,
        cues: Cues::Silent,
        record: None,
        greeting: None,
        pin: None,
        codes: Vec::new(),
        stops: None,
    }
}

fn site(rules: Vec<Rule>) -> Site {
    Site::new(Policy {
        zones: ZoneSet::first(4),
        pages: rules,
        ..without_klaxon()
    })
}

#[test]
fn callers_in_different_zones_speak_at_once_and_those_in_the_same_in_turn() {
    let mut site = site(vec![
        rule("hall", &["_70X"], &[0, 1]),
        rule("yard", &["710"], &[2]),
    ]);
    site.dials(1, "700");
    site.dials(2, "710");
    site.dials(3, "705");
    assert_eq!(site.world.answered.len(), 2);
    site.ends(1, "caller hung up");
    site.pass(ms(1));
    assert_eq!(site.world.answered.len(), 3);
}

#[test]
fn a_number_that_no_page_has_is_refused_as_such() {
    let mut yard = rule("yard", &["710"], &[2]);
    yard.entry.callers = vec!["_2XX".parse().unwrap()];
    let mut site = site(vec![rule("hall", &["700"], &[0]), yard]);
    site.dials(1, "799");
    site.dials(2, "710");
    assert_eq!(
        site.texts(),
        [
            "call #1 from alice <sip:1@pbx> to 799: refused, 404 Not Found: no page has the number",
            "call #2 from alice <sip:2@pbx> to 710: refused, 403 Forbidden: not one of its callers",
        ]
    );
}

#[test]
fn a_page_that_waits_follows_a_new_configuration() {
    let rules = vec![rule("hall", &["700"], &[0])];
    let mut site = site(rules);
    site.dials(1, "700");
    site.dials(2, "700");
    assert_eq!(site.world.answered.len(), 1);
    site.feed(crate::control::Input::Configure(Policy {
        zones: ZoneSet::first(4),
        pages: vec![rule("hall", &["700"], &[1])],
        klaxon: None,
        ..policy()
    }));
    site.pass(ms(1));
    assert_eq!(site.world.answered.len(), 2);
}

#[test]
fn who_waits_to_speak_is_not_served_by_the_message_that_the_number_means_since() {
    let hall = || rule("hall", &["700"], &[0]);
    let mut site = site(vec![hall()]);
    site.dials(1, "700");
    site.dials(2, "700");
    let message = (super::ranks::clip(1_000), 3);
    site.feed(crate::control::Input::Configure(Policy {
        zones: ZoneSet::first(4),
        pages: vec![Rule {
            message: Some(message),
            max_duration: Some(ms(1)),
            ..hall()
        }],
        klaxon: None,
        ..policy()
    }));
    site.ends(1, "caller hung up");
    site.pass(ms(10));
    assert_eq!(site.world.answered.len(), 2);
    assert_eq!(site.world.voices.len(), 1);
}

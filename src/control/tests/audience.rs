//! What becomes of callers who want to hear something?

use std::time::Duration;

use super::site::{Site, ms, policy};
use crate::base::CallId;
use crate::control::{Input, Player, Policy};
use crate::page::Entry;

fn player(name: &str, number: &str) -> Player {
    Player {
        name: name.to_owned(),
        entry: Entry {
            extensions: vec![number.parse().unwrap()],
            ..Entry::default()
        },
        answer_delay: Duration::ZERO,
        duration: None,
        most: 2,
    }
}

/// Music on hold at 123, and a message at 124 that is answered after a second and heard for
/// thirty.
fn players() -> Vec<Player> {
    let message = Player {
        answer_delay: ms(1_000),
        duration: Some(ms(30_000)),
        ..player("play:message", "124")
    };
    vec![player("moh:lobby", "123"), message]
}

fn site() -> Site {
    let mut site = Site::silent(Policy {
        players: players(),
        max_calls: 0,
        ..policy()
    });
    for it in players() {
        site.feed(Input::PlayerLoaded {
            player: it.name,
            is_there: true,
        });
    }
    site
}

#[test]
fn a_caller_on_hold_is_answered_at_once_and_hears_music_with_the_ack() {
    // No loudspeaker is there, and no further page is let in: neither matters.
    let mut site = site();
    site.dials(1, "123");
    site.pass(ms(3_600_000));
    site.ends(1, "caller hung up");
    assert_eq!(
        site.seen(),
        ["0.0 welcome #1 to moh:lobby", "0.0 perform moh:lobby to #1"]
    );
    let texts = site.texts();
    assert_eq!(
        texts[0],
        "call #1 from alice <sip:1@pbx> to 123: hears moh:lobby"
    );
    let last = texts[texts.len() - 1];
    assert!(last.contains("ended: caller hung up after 3600"), "{last}");
}

#[test]
fn a_message_is_answered_after_its_delay_and_hung_up_after_its_duration() {
    let mut site = site();
    site.dials(1, "124");
    site.pass(ms(60_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 ring #1",
            "1.0 welcome #1 to play:message",
            "1.0 perform play:message to #1",
            "31.0 hang up #1: heard for as long as it may",
        ]
    );
    assert_eq!(site.snapshot().n_listeners, 0);
}

#[test]
fn one_who_has_heard_it_all_is_hung_up() {
    let mut site = site();
    site.dials(1, "124");
    site.later(ms(5_000), Input::Performed { call: CallId(1) });
    site.pass(ms(60_000));
    let seen = site.seen();
    assert_eq!(seen[seen.len() - 1], "5.0 hang up #1: heard to its end");
}

#[test]
fn every_half_minute_the_log_counts_listeners_while_there_are_any() {
    let mut site = site();
    site.dials(1, "123");
    site.dials(2, "123");
    site.dials(3, "123");
    site.pass(ms(70_000));
    site.ends(1, "caller hung up");
    site.ends(2, "caller hung up");
    site.pass(ms(3_600_000));
    let counts: Vec<_> = site
        .texts()
        .into_iter()
        .filter(|text| text.starts_with("listeners: "))
        .collect();
    assert_eq!(
        counts,
        [
            "listeners: 3 total, 2 active, 2 answered, 1 failed",
            "listeners: 3 total, 2 active, 2 answered, 1 failed",
            "listeners: 3 total, 0 active, 2 answered, 1 failed",
        ]
    );
    assert_eq!(site.core.poll_timeout(), None);
}

#[test]
fn too_many_and_those_whose_sound_is_not_there_are_refused() {
    let mut site = site();
    site.dials(1, "123");
    site.dials(2, "123");
    site.dials(3, "123");
    site.feed(Input::PlayerLoaded {
        player: "play:message".to_owned(),
        is_there: false,
    });
    site.dials(4, "124");
    let seen = site.seen();
    assert_eq!(seen[2..], ["0.0 refuse #3 486", "0.0 refuse #4 503"]);
}

#[test]
fn who_never_acknowledges_is_given_up() {
    let mut site = site();
    site.ack_lag = None;
    site.dials(1, "123");
    site.pass(ms(40_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 welcome #1 to moh:lobby",
            "35.0 hang up #1: answer not acknowledged"
        ]
    );
}

#[test]
fn a_shutdown_ends_those_who_listen_and_those_who_wait() {
    let mut site = site();
    site.dials(1, "123");
    site.dials(2, "124");
    site.pass(ms(500));
    site.feed(Input::Shutdown);
    let seen = site.seen();
    assert_eq!(
        seen[seen.len() - 3..],
        [
            "0.5 hang up #1: shutting down",
            "0.5 refuse #2 503",
            "0.5 stopped"
        ]
    );
}

#[test]
fn a_reload_leaves_those_who_listen_alone() {
    let mut site = site();
    site.dials(1, "123");
    site.pass(ms(100));
    site.feed(Input::Configure(Policy {
        players: Vec::new(),
        ..policy()
    }));
    site.pass(ms(1_000));
    assert_eq!(site.snapshot().n_listeners, 1);
    site.ends(1, "caller hung up");
    assert_eq!(site.snapshot().n_listeners, 0);
}

//! Do `[moh:NAME]` and `[play:NAME]` become what callers hear, and does every mistake in them tell
//! its line and remedy?
#![allow(clippy::unwrap_used)]

#[path = "config/written.rs"]
mod written;

use std::time::Duration;

use paging::config::{Part, PlayerKind, Secrets, Title, diff, dump};
use written::{good, says};

const SITE: &str = "\
[moh:lobby]
extensions = 123 _12[4-6]
source = /srv/music
start = beginning
codecs = opus pcmu
loudness = -20dB
max-listeners = 200
[play:news]
extensions = 700
file = https://example.net/news.mp3
duration = 30
answer-delay = 1
speech-filter = yes
loop = yes
";

#[test]
fn a_player_is_what_is_written() {
    let config = good(SITE);
    let [lobby, news] = &config.players[..] else {
        panic!("two players");
    };
    assert_eq!(
        (lobby.kind, lobby.name.as_str()),
        (PlayerKind::Hold, "lobby")
    );
    assert!(lobby.from_beginning && lobby.repeats);
    assert!(lobby.extensions[1].matches("125"));
    assert_eq!(lobby.codecs.len(), 2);
    assert_eq!(lobby.loudness.map(|it| it.0), Some(-20.0));
    assert_eq!(lobby.max_listeners, 200);
    assert_eq!(
        (news.kind, news.section().as_str()),
        (PlayerKind::Message, "play:news")
    );
    assert_eq!(news.source, "https://example.net/news.mp3");
    assert_eq!(news.duration, Some(Duration::from_secs(30)));
    assert_eq!(news.answer_delay, Duration::from_secs(1));
    assert!(news.speech_filter.is_some() && news.repeats && news.from_beginning);
}

#[test]
fn music_that_plays_can_be_heard_on_hold_and_nothing_else() {
    let music = "[music:radio]\nurl = http://x/y\n";
    let written = format!("[moh:lobby]\nextensions = 1\nsource = music:radio\n{music}");
    assert_eq!(good(&written).players[0].music(), Some("radio"));
    says(
        "[moh:lobby]\nextensions = 1\nsource = music:radio\n",
        "paging.conf:3: [moh:lobby] source = music:radio: there is no [music:radio]; write that section, or the \
         name of one that is there",
    );
    says(
        &format!("[moh:lobby]\nextensions = 1\nsource = music:radio\nstart = beginning\n{music}"),
        "paging.conf:4: [moh:lobby] start = beginning: cannot be: the music goes on for all who hear it; \
         write start = joined, or name the folder itself as source",
    );
    says(
        &format!("[play:news]\nextensions = 1\nfile = music:radio\n{music}"),
        "paging.conf:3: [play:news] file = music:radio: is music, which has neither beginning nor end; write the \
         path of a file, or have it heard by [moh:NAME]",
    );
}

#[test]
fn little_need_be_written_and_a_dump_is_the_same_again() {
    let config = good("[moh:lobby]\nextensions = 123\nsource = /srv/music.mp3\n");
    let lobby = &config.players[0];
    assert!(!lobby.from_beginning && lobby.repeats);
    assert_eq!((lobby.codecs.len(), lobby.max_listeners), (3, 5_000));
    assert!(lobby.loudness.is_some());
    let config = good(SITE);
    let again = good(&dump(&config, Title::Current, Secrets::Hidden));
    assert_eq!(again, config);
    assert!(diff(&config, &again).is_empty());
}

#[test]
fn a_change_concerns_what_callers_hear_and_nothing_else() {
    let (old, new) = (good(SITE), good(&SITE.replace("/srv/music", "/srv/other")));
    let changes = diff(&old, &new);
    assert_eq!(
        changes.parts.into_iter().collect::<Vec<_>>(),
        [Part::Players]
    );
    assert_eq!(changes.keys, ["[moh:lobby]"]);
    assert_eq!(diff(&old, &good("")).keys, ["[moh:lobby]", "[play:news]"]);
}

#[test]
fn a_number_that_two_have_is_told_with_both_lines() {
    says(
        "[moh:lobby]\nextensions = 123\nsource = a.wav\n\
         [play:news]\nfile = b.wav\nextensions = 9 _12X\n",
        "paging.conf:6: [play:news] extensions = 9 _12X: _12X is a number of [moh:lobby] too, as \
         123 (paging.conf:2); a call can be for one only",
    );
}

#[test]
fn every_mistake_has_its_line_and_remedy() {
    says(
        "[moh:lobby]\nsource = a.wav\n",
        "paging.conf:1: [moh:lobby]: has no number to call it by; write e.g. extensions = 123",
    );
    says(
        "[play:news]\nextensions = 1\n",
        "paging.conf:1: [play:news]: has no sound; write e.g. file = /srv/music.mp3",
    );
    says(
        "[moh:]\nextensions = 1\nsource = a.wav\n",
        "paging.conf:1: [moh:]: needs a name after the colon; write e.g. [moh:lobby]",
    );
    says(
        "[moh:lobby]\nextensions = 1\nsource = a.wav\nstart = now\n",
        "paging.conf:4: [moh:lobby] start = now: no such start; write joined or beginning",
    );
    says(
        "[moh:lobby]\nextensions = 1\nsource = a.wav\nfile = b.wav\n",
        "paging.conf:4: warning: [moh:lobby] file: unknown key, ignored",
    );
}

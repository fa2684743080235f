//! Do sections `[page:NAME]` become pages, and does every mistake in them tell its line and remedy?
#![allow(clippy::unwrap_used)]

#[path = "config/written.rs"]
mod written;

use std::time::Duration;

use paging::config::{Chime, Mode, Part, Secrets, Title, Tone, diff, dump};
use paging::page::{Busy, Extension};
use proptest::prelude::*;
use std::path::Path;
use written::{good, says, text};

const SITE: &str = "\
[sip:office]
domain = pbx.example.com
user = 700
[zone:hall]
outputs = a
[zone:yard]
outputs = b
[page:alarm]
extensions = 112
priority = 220
klaxon = siren.wav
message = evacuate.wav
repeat = 3
[page:everywhere]
[page:school]
extensions = 700, _71X
accounts = office
callers = _1XX 9
zones = hall yard
priority = 50
busy = reject
partial = yes
queue-timeout = 2m
max-duration = 90s
warning = 5
warning-tone = klaxon
pre-roll = 250ms
klaxon = nothing
end-tone = gong.wav
announce-to-caller = yes
";

fn numbers(extensions: &[Extension]) -> Vec<&str> {
    extensions.iter().map(Extension::as_str).collect()
}

#[test]
fn a_page_is_what_is_written() {
    let config = good(SITE);
    let [alarm, everywhere, school] = &config.pages[..] else {
        panic!("three pages");
    };
    assert_eq!(
        (alarm.name.as_str(), alarm.priority, alarm.repeat),
        ("alarm", 220, 3)
    );
    assert_eq!(alarm.klaxon, Tone::File("siren.wav".into()));
    assert_eq!(alarm.message.as_deref(), Some(Path::new("evacuate.wav")));
    assert_eq!(numbers(&school.extensions), ["700", "_71X"]);
    assert_eq!(numbers(&school.callers), ["_1XX", "9"]);
    assert_eq!(
        (&school.accounts[..], &school.zones[..]),
        (
            &["office".to_owned()][..],
            &["hall".to_owned(), "yard".to_owned()][..],
        )
    );
    assert_eq!(
        (school.priority, school.busy, school.partial),
        (50, Busy::Reject, true)
    );
    let seconds = Duration::from_secs;
    assert_eq!(
        (school.queue_timeout, school.max_duration),
        (Some(Duration::from_secs(120)), Some(seconds(90)))
    );
    assert_eq!(
        (school.warning, &school.warning_tone),
        (seconds(5), &Tone::Klaxon)
    );
    assert_eq!(school.pre_roll, Duration::from_millis(250));
    assert_eq!(
        (&school.klaxon, &school.end_tone),
        (&Tone::Nothing, &Tone::File("gong.wav".into()))
    );
    assert!(school.announce_to_caller);
    // What is not written is as usual.
    assert!(everywhere.extensions.is_empty() && everywhere.callers.is_empty());
    assert!(everywhere.accounts.is_empty() && everywhere.zones.is_empty());
    assert_eq!(
        (everywhere.priority, everywhere.busy, everywhere.partial),
        (100, Busy::Queue, false)
    );
    assert_eq!(
        (everywhere.queue_timeout, everywhere.max_duration),
        (None, None)
    );
    assert_eq!(
        (&everywhere.klaxon, &everywhere.end_tone),
        (&Tone::Klaxon, &Tone::Nothing)
    );
    assert_eq!(
        (everywhere.message.is_none(), everywhere.announce_to_caller),
        (true, false)
    );
    assert!(good("[audio]\nbackend = timer").pages.is_empty());
}

#[test]
fn every_mistake_has_its_line_and_what_to_write() {
    let rows = [
        (
            "[page:]\nzones = all",
            "paging.conf:1: [page:]: needs a name after the colon, without blanks and commas; write \
             e.g. [page:yard]",
        ),
        (
            "[zone:yard]\noutputs = x\n[page:a]\nzones = yrad",
            "paging.conf:4: [page:a] zones = yrad: there is no zone \"yrad\"; did you mean yard? \
             Else write a section [zone:yrad], or zones = all",
        ),
        (
            "[page:a]\npriority = 256",
            "paging.conf:2: [page:a] priority = 256: not a whole number from 0 to 255; write e.g. 100",
        ),
        (
            "[page:a]\nextensions = _",
            "paging.conf:2: [page:a] extensions = _: in \"_\": nothing follows _; write e.g. _70X for \
             700 to 709",
        ),
        (
            "[page:a]\nextensions = 700 _71X\n\n[page:b]\nextensions = 9 715",
            "paging.conf:5: [page:b] extensions = 9 715: 715 has numbers that _71X of [page:a] at \
             paging.conf:2 has too; write others, or callers or accounts that tell them apart",
        ),
        (
            "[page:a]\nextensions = 700\n[page:b]\nextensions = 700",
            "paging.conf:4: [page:b] extensions = 700: 700 is also a number of [page:a] at \
             paging.conf:2; remove it from one of them, or write callers or accounts that tell them \
             apart",
        ),
        (
            "[page:a]\n[page:b]\nzones = all",
            "paging.conf:2: [page:b]: takes every number that no other page has, and so does \
             [page:a] at paging.conf:1; write extensions, callers or accounts that tell them apart",
        ),
        (
            "[sip:office]\ndomain = x\nuser = 1\n[page:a]\naccounts = ofice",
            "paging.conf:5: [page:a] accounts = ofice: there is no account \"ofice\"; did you mean \
             office? Else write a section [sip:ofice]; that of [sip] is sip",
        ),
        (
            "[page:a]\nextensions = 700\n[play:b]\nextensions = _70X\nfile = x.wav",
            "paging.conf:4: [play:b] extensions = _70X: _70X is a number of [page:a] too, as 700 \
             (paging.conf:2); a call can be for one only",
        ),
        (
            "[page:a]\nbusy = wait",
            "paging.conf:2: [page:a] busy = wait: no such choice; write queue, mix or reject",
        ),
        (
            "[page:a]\nmax-duration = 20s\nwarning = 30s",
            "paging.conf:3: [page:a] warning = 30s: not shorter than max-duration; write e.g. 10s, \
             or 0 for none",
        ),
        (
            "[page:a]\nmessage = x.wav\nrecord = caller",
            "paging.conf:3: [page:a] record = caller: a message has no caller to record; write \
             record = page",
        ),
        (
            "[page:a]\nrecord-greeting = told.wav",
            "paging.conf:2: [page:a] record-greeting = told.wav: nothing of this page is recorded; \
             write record = caller, or remove the greeting",
        ),
        (
            "[page:a]\npriority = 200\nrecord = page\nrecord-greeting = told.wav",
            "paging.conf:4: [page:a] record-greeting = told.wav: would delay an emergency; remove \
             it, or write a priority below 200",
        ),
        (
            "[page:a]\nrecord = yes",
            "paging.conf:2: [page:a] record = yes: no such choice; write no, caller or page",
        ),
        (
            "[zone:a]\noutputs = x\nrecord = page",
            "paging.conf:3: [zone:a] record = page: no such choice; write no or pages",
        ),
        (
            "[server]\nrecordings-max-size = 10",
            "paging.conf:2: [server] recordings-max-size = 10: not a size; write e.g. 500M or 10G, \
             or 0 for no limit",
        ),
        (
            "[server]\nrecordings-format = mp3",
            "paging.conf:2: [server] recordings-format = mp3: no such format; write wav, flac or \
             opus",
        ),
        (
            "[server]\nretention-days = a month",
            "paging.conf:2: [server] retention-days = a month: not a whole number from 0 to 36500; \
             write e.g. 30",
        ),
        (
            "[page:a]\npre-roll = 3",
            "paging.conf:2: [page:a] pre-roll = 3: has no unit; write e.g. 150ms or 1.5s",
        ),
        (
            "[page:a]\nrepeat = 0",
            "paging.conf:2: [page:a] repeat = 0: not a whole number from 1 to 100; write e.g. 2",
        ),
        (
            "[page:a]\nmode = later",
            "paging.conf:2: [page:a] mode = later: no such choice; write live or delayed",
        ),
        (
            "[page:a]\nmode = delayed\nmessage = a.wav",
            "paging.conf:2: [page:a] mode = delayed: there is a message to play, so nobody speaks; \
             remove one of them",
        ),
        (
            "[page:a]\nmode = delayed\nmax-duration = 11m",
            "paging.conf:3: [page:a] max-duration = 11m: longer than a delayed page can be; write \
             10m or less",
        ),
        (
            "[page:a]\nmessage = a.wav\nsay = We close.",
            "paging.conf:3: [page:a] say = We close.: there is a message too; remove one of them",
        ),
        (
            "[schedule:a]\nwhen = daily 12:00\nplay = gong.wav\nsay = Noon.",
            "paging.conf:4: [schedule:a] say = Noon.: there is something to play too; remove one of \
             them",
        ),
        (
            "[audio]\nspeech-command = say 'it",
            "paging.conf:2: [audio] speech-command = say 'it: a ' has no end; write another one there",
        ),
        (
            "[page:a]\npriorty = 5",
            "paging.conf:2: warning: [page:a] priorty: unknown key, ignored; did you mean priority?",
        ),
    ];
    for (written, want) in rows {
        says(written, want);
    }
}

#[test]
fn what_callers_enter_is_told_when_it_cannot_be_entered() {
    let zones = "[zone:hall]\noutputs = a\n[zone:yard]\noutputs = b\n[page:a]\n";
    let rows = [
        (
            "pin = 12a4",
            "paging.conf:6: [page:a] pin = ****: not 4 to 16 digits; write e.g. 4711",
        ),
        (
            "pin = 123",
            "paging.conf:6: [page:a] pin = ****: not 4 to 16 digits; write e.g. 4711",
        ),
        (
            "codes = hall",
            "paging.conf:6: [page:a] codes = hall: in \"hall\": write CODE:ZONE, CODE:ZONE+ZONE or \
             CODE:all, e.g. 1:hall 2:yard+rooms 9:all",
        ),
        (
            "codes = 1x:hall",
            "paging.conf:6: [page:a] codes = 1x:hall: in \"1x:hall\": the code is not 1 to 16 \
             digits; write CODE:ZONE, CODE:ZONE+ZONE or CODE:all, e.g. 1:hall 2:yard+rooms 9:all",
        ),
        (
            "codes = 1:hall 12:yard",
            "paging.conf:6: [page:a] codes = 1:hall 12:yard: who enters 12 would have entered 1 \
             before; write codes that do not begin alike",
        ),
        (
            "codes = 1:hall 1:yard",
            "paging.conf:6: [page:a] codes = 1:hall 1:yard: the code 1 stands there twice; write \
             its zones together, e.g. 1:hall+yard",
        ),
        (
            "codes = 1:hall 2:hall+yard+hall",
            "paging.conf:6: [page:a] codes = 1:hall 2:hall+yard+hall: in \"2:hall+yard+hall\": \
             names hall twice; write it once",
        ),
        (
            "codes = 1:hall 2:yrad",
            "paging.conf:6: [page:a] codes = 1:hall 2:yrad: there is no zone \"yrad\"; did you mean \
             yard? Else write a section [zone:yrad]",
        ),
        (
            "codes = 1:hall+all",
            "paging.conf:6: [page:a] codes = 1:hall+all: in \"1:hall+all\": names zones beside all; \
             write all, or only the names",
        ),
        (
            "codes = 1:hall\nzones = yard",
            "paging.conf:7: [page:a] zones = yard: callers choose the zones by codes; remove zones, \
             or codes",
        ),
        (
            "stops = fire",
            "paging.conf:6: [page:a] stops = fire: there is no page \"fire\"; write a section [page:fire], \
             or stops = all",
        ),
        (
            "stops = all a",
            "paging.conf:6: [page:a] stops = all a: names pages beside all; write all, or only the \
             names",
        ),
        (
            "stops = all\ncodes = 1:hall",
            "paging.conf:6: [page:a] stops = all: nothing is said to zones that codes choose; write \
             a message, or remove codes",
        ),
    ];
    for (written, want) in rows {
        says(&format!("{zones}{written}"), want);
    }
}

#[test]
fn codes_and_stops_are_what_is_written_and_a_pin_is_kept_from_view() {
    let config = good(
        "[zone:hall]\noutputs = a\n[zone:yard]\noutputs = b\n\
         [page:a]\nextensions = 1\npin = 0471\ncodes = 1:hall, 23:yard+hall 9:ALL\n\
         [page:b]\nextensions = 2\nstops = a c\n[page:c]\nextensions = 3\nstops = All\n",
    );
    let [a, b, c] = &config.pages[..] else {
        panic!("three pages");
    };
    assert_eq!(a.pin.as_ref().unwrap().reveal(), "0471");
    let codes = a.codes.iter();
    let codes: Vec<_> = codes
        .map(|it| (it.digits.as_str(), it.zones.join(" ")))
        .collect();
    let wanted = [("1", "hall"), ("23", "yard hall"), ("9", "")];
    assert_eq!(codes, wanted.map(|(code, zones)| (code, zones.to_owned())));
    assert_eq!((b.stops.join(" ").as_str(), b.stops_all()), ("a c", false));
    assert!(c.stops_all());
    let shown = dump(&config, Title::Current, Secrets::Shown);
    assert_eq!(text(&shown).config.unwrap(), config, "{shown}");
    let hidden = dump(&config, Title::Current, Secrets::Hidden);
    assert!(!hidden.contains("0471") && !format!("{config:?}").contains("0471"));
}

#[test]
fn a_text_to_say_is_taken_as_it_stands_and_dumped() {
    let written = "[page:a]\nextensions = 1\nsay = It's \"noon\", 100%% {text} $(id)\nrepeat = 2\n\
                   [schedule:b]\nwhen = daily 12:00\nsay = Lunch\n";
    let config = good(written);
    let text_of_a = config.pages[0].say.as_deref();
    assert_eq!(text_of_a, Some("It's \"noon\", 100% {text} $(id)"));
    assert_eq!(config.bells[0].chime(), Chime::Words("Lunch".to_owned()));
    let dumped = dump(&config, Title::Current, Secrets::Shown);
    assert_eq!(text(&dumped).config.unwrap(), config, "{dumped}");
    let other = good(&written.replace("Lunch", "Dinner"));
    let parts: Vec<Part> = diff(&config, &other).parts.into_iter().collect();
    assert_eq!(parts, [Part::Bells]);
}

#[test]
fn a_delayed_page_has_a_longest_length_of_its_own() {
    let config = good("[page:a]\nextensions = 1\nmode = Delayed\n");
    let page = &config.pages[0];
    assert_eq!(
        (page.mode, page.longest()),
        (Mode::Delayed, Some(Duration::from_secs(120)))
    );
    let config = good("[page:a]\nextensions = 1\nmode = delayed\nmax-duration = 30s\n");
    assert_eq!(config.pages[0].longest(), Some(Duration::from_secs(30)));
    let dumped = dump(&config, Title::Current, Secrets::Shown);
    assert_eq!(text(&dumped).config.unwrap(), config, "{dumped}");
}

#[test]
fn callers_and_accounts_tell_pages_of_the_same_number_apart() {
    let config = good(
        "[sip:office]\ndomain = x\nuser = 1\n[sip:home]\ndomain = y\nuser = 1\n\
         [page:a]\nextensions = 700\naccounts = office\n\
         [page:b]\nextensions = 700\naccounts = home\ncallers = _1X\n\
         [page:c]\nextensions = 700\naccounts = home\ncallers = _2X\n",
    );
    assert_eq!(config.pages.len(), 3);
}

#[test]
fn a_reload_is_told_what_changed() {
    let old = good(SITE);
    assert!(diff(&old, &old).is_empty());
    let told = |new: &str| {
        let changes = diff(&old, &good(new));
        let parts: Vec<Part> = changes.parts.iter().copied().collect();
        (parts, changes.to_string())
    };
    let school = SITE.replace("priority = 50", "priority = 60");
    assert_eq!(
        told(&school),
        (vec![Part::Policy], "[page:school]".to_owned())
    );
    let renamed = SITE.replace("page:alarm", "page:fire");
    let both = "[page:fire], [page:alarm]".to_owned();
    assert_eq!(told(&renamed), (vec![Part::Policy], both));
}

/// Values of each key, none of them its default; numbers of pages are made apart.
const VALUES: &[(&str, &[&str])] = &[
    ("callers", &["_1XX, 9", "alice _[2-4]Z."]),
    ("zones", &["hall", "yard, hall"]),
    ("priority", &["0", "255"]),
    ("busy", &["mix", "Reject"]),
    ("partial", &["yes"]),
    ("mode", &["live", "LIVE"]),
    ("queue-timeout", &["2m", "0.5"]),
    ("max-duration", &["90s", "1h"]),
    ("warning", &["0", "2.5s"]),
    ("warning-tone", &["klaxon", "a b;c.wav"]),
    ("pre-roll", &["250ms", "1.5s"]),
    ("klaxon", &["nothing", "50%%.wav"]),
    ("end-tone", &["Klaxon", "end.wav"]),
    ("message", &["fire drill.wav"]),
    ("repeat", &["3", "100"]),
    ("announce-to-caller", &["yes"]),
    ("record", &["page"]),
    ("pin", &["0471", "1234567890123456"]),
    ("stops", &["all", "p0"]),
];

const ZONES: &str = "[zone:hall]\noutputs = a\n[zone:yard]\noutputs = b\n";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_dumped_reads_as_the_same(
        pages in prop::collection::vec(
            prop::collection::vec(prop::option::of(0..3usize), VALUES.len()),
            0..4,
        ),
    ) {
        let mut written = ZONES.to_owned();
        for (n, picks) in pages.iter().enumerate() {
            written += &format!("[page:p{n}]\nextensions = 70{n} _8{n}XX\n");
            for ((key, values), pick) in VALUES.iter().zip(picks) {
                if let Some(pick) = pick {
                    written += &format!("{key} = {}\n", values[pick % values.len()]);
                }
            }
        }
        let config = text(&written).config.unwrap();
        let dumped = dump(&config, Title::Current, Secrets::Shown);
        prop_assert_eq!(text(&dumped).config.unwrap(), config, "{}", dumped);
    }

    #[test]
    fn any_value_is_read_without_panic(at in 0..VALUES.len(), value in "\\PC{0,40}|[ -~]{0,20}") {
        for key in [VALUES[at].0, "extensions"] {
            let written = format!("{ZONES}[page:a]\n{key} = {value}");
            if let Some(config) = text(&written).config {
                let dumped = dump(&config, Title::Current, Secrets::Shown);
                prop_assert_eq!(text(&dumped).config.unwrap(), config, "{}", dumped);
            }
        }
    }
}

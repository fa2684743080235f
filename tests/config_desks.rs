//! Do `[relay:NAME]`, `[line:NAME]` and `[test:NAME]` become what is called, and does every mistake in
//! them tell its line and remedy?
#![allow(clippy::unwrap_used)]

#[path = "config/written.rs"]
mod written;

use paging::config::{Part, Secrets, TestKind, Title, diff, dump};
use written::{good, says};

const SITE: &str = "\
[sip:mobile]
domain = gsm.example
user = 700
[user:kitchen]
pass = secret
[relay:office]
extensions = 500 _51X
trunk = mobile
greeting = /srv/greeting.wav
record = yes
answer = by-program
rtp-ports = 31000-31010
rtp-spacing = 4
max-calls = 3
[relay:out]
trunk = 192.0.2.1:5060
[line:kitchen]
ring-pattern = Bellcore-dr2
extensions = 9
[test:tone]
extensions = 7197
kind = milliwatt
";

#[test]
fn relays_and_lines_are_what_is_written() {
    let config = good(SITE);
    let [office, out] = &config.relays[..] else {
        panic!("two relays");
    };
    assert_eq!(office.section(), "relay:office");
    assert!(office.extensions[1].matches("515"));
    assert_eq!(office.trunk.as_deref(), Some("mobile"));
    assert!(office.record && office.asks);
    assert_eq!(office.rtp_ports, Some(31_000..=31_010));
    assert_eq!((office.rtp_spacing, office.max_calls), (4, 3));
    assert!(out.extensions.is_empty() && out.rtp_ports.is_none() && !out.asks);
    assert_eq!((out.rtp_spacing, out.max_calls), (4, 100));
    let [kitchen] = &config.lines[..] else {
        panic!("one line");
    };
    assert_eq!(
        (kitchen.user.as_str(), kitchen.section().as_str()),
        ("kitchen", "line:kitchen")
    );
    assert_eq!(kitchen.ring_pattern, "Bellcore-dr2".parse().ok());
    let text = SITE.replace("Bellcore-dr2", "0.4s, 200ms 400ms, 2s");
    let rhythm = good(&text).lines[0].ring_pattern.clone().unwrap();
    assert_eq!(rhythm.to_string(), "400ms 200ms 400ms 2s");
    let [tone] = &config.tests[..] else {
        panic!("one test");
    };
    assert_eq!(
        (tone.section().as_str(), tone.kind),
        ("test:tone", TestKind::Milliwatt)
    );
}

#[test]
fn what_is_dumped_is_read_again() {
    let config = good(SITE);
    let text = dump(&config, Title::Current, Secrets::Shown);
    assert!(
        text.contains("[relay:office]") && text.contains("[line:kitchen]"),
        "{text}"
    );
    assert_eq!(written::text(&text).config.unwrap(), config);
}

#[test]
fn every_mistake_tells_its_line_and_remedy() {
    for (text, want) in [
        (
            "[relay:a b]\nextensions = 1\n",
            "paging.conf:1: [relay:a b]: needs a name of letters, digits, dots and dashes after the \
             colon; write e.g. [relay:office]",
        ),
        (
            "[sip:mobile]\ndomain = x\nuser = y\n[relay:a]\ntrunk = mobil\n",
            "paging.conf:5: [relay:a] trunk = mobil: there is no such account; did you mean mobile? \
             Else write the NAME of a [sip:NAME], or an address as 192.0.2.1:5060",
        ),
        (
            "[relay:a]\nextensions = 500\n[relay:b]\nextensions = _50X\n",
            "paging.conf:4: [relay:b] extensions = _50X: _50X is a number of [relay:a] too, as 500 \
             (paging.conf:2); a call can be for one only",
        ),
        (
            "[page:a]\nextensions = 500\n[relay:b]\nextensions = 500\n",
            "paging.conf:4: [relay:b] extensions = 500: 500 is a number of [page:a] too, as 500 \
             (paging.conf:2); a call can be for one only",
        ),
        (
            "[relay:a]\nrtp-ports = 31000-31010\nrtp-spacing = 3\n",
            "paging.conf:3: [relay:a] rtp-spacing = 3: not even; write e.g. 4",
        ),
        (
            "[test:a]\nkind = echo\n",
            "paging.conf:1: [test:a]: has no number to call it by; write e.g. extensions = 9196",
        ),
        (
            "[test:a]\nextensions = 1\nkind = noise\n",
            "paging.conf:3: [test:a] kind = noise: no such test; write echo or milliwatt",
        ),
        (
            "[page:a]\nextensions = 500\n[test:b]\nextensions = 500\n",
            "paging.conf:4: [test:b] extensions = 500: 500 is a number of [page:a] too, as 500 \
             (paging.conf:2); a call can be for one only",
        ),
        (
            "[relay:a]\nanswer = never\n",
            "paging.conf:2: [relay:a] answer = never: no such choice; write at-once or by-program",
        ),
        (
            "[line:kitchen]\n",
            "[line:kitchen] user: there is no user kitchen with a password; write a section \
             [user:kitchen] with pass = SECRET",
        ),
        (
            "[user:kitchen]\npass = x\n[line:a]\nuser = kitchn\n",
            "paging.conf:4: [line:a] user = kitchn: there is no user kitchn with a password; did you \
             mean kitchen? Else write a section [user:kitchn] with pass = SECRET",
        ),
        (
            "[user:kitchen]\npass = x\n[line:a]\nuser = kitchen\n[line:b]\nuser = kitchen\n",
            "paging.conf:6: [line:b] user = kitchen: kitchen is the user of [line:a] too; each \
             telephone needs one of its own",
        ),
        (
            "[user:a]\npass = x\n[line:a]\nring-pattern = ring 3\n",
            "paging.conf:4: [line:a] ring-pattern = ring 3: \"ring\" is no length of time from 200ms \
             to 60s; write e.g. Bellcore-dr2, or ring and silence in turn: 400ms 200ms 400ms 2s",
        ),
    ] {
        says(text, want);
    }
}

#[test]
fn a_change_concerns_those_who_hold_calls_and_ports_and_passwords() {
    let old = good(SITE);
    let changed = |from: &str, to: &str| diff(&old, &good(&SITE.replace(from, to)));
    let changes = changed("max-calls = 3", "max-calls = 4");
    assert_eq!(changes.keys, ["[relay:office]"]);
    assert!(
        [Part::Policy, Part::Media, Part::Http]
            .iter()
            .all(|it| changes.concern(*it))
    );
    let changes = changed("extensions = 9", "extensions = 8");
    assert_eq!(changes.keys, ["[line:kitchen]"]);
    assert!(changes.concern(Part::Callers));
    let changes = changed("milliwatt", "echo");
    assert_eq!(changes.keys, ["[test:tone]"]);
    assert!(changes.concern(Part::Policy));
}

//! Is a written-out configuration the same when read again, and what does a change concern?
#![allow(clippy::unwrap_used)]

#[path = "config/samples.rs"]
mod samples;

use std::path::Path;

use paging::config::{
    AccountChange, Config, Loaded, Part, Secrets, Title, diff, dump, keys, read_texts,
};
use proptest::prelude::*;

use samples::{SAMPLES, sample_file};

fn text(text: &str) -> Loaded {
    read_texts([(Path::new("paging.conf"), text.as_bytes())], &[])
}

#[track_caller]
fn good(written: &str) -> Config {
    let loaded = text(written);
    assert_eq!(loaded.mistakes, [], "{written}");
    loaded.config.unwrap()
}

#[test]
fn the_dump_of_the_defaults_is_as_recorded() {
    let text = dump(&Config::default(), Title::Defaults, Secrets::Hidden);
    assert_eq!(text, include_str!("data/config/defaults.conf"));
    let loaded = self::text(&text);
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.unwrap(), Config::default());
}

#[test]
fn a_dump_without_secrets_leaves_those_of_the_file_before_it() {
    let original = "[sip]\ndomain = pbx\nuser = 1\npass = hunter2\n[server]\n\
                    sentry_dsn = https://hunter2@example.com/1";
    let config = good(original);
    let dumped = dump(&config, Title::Current, Secrets::Hidden);
    assert!(!dumped.contains("hunter2"), "{dumped}");
    assert!(dumped.contains("\n;pass = ****"), "{dumped}");
    assert_eq!(
        good(&dumped)
            .sip
            .accounts()
            .next()
            .unwrap()
            .password
            .reveal(),
        ""
    );
    let both = [
        (Path::new("a.conf"), original.as_bytes()),
        (Path::new("b.conf"), dumped.as_bytes()),
    ];
    assert_eq!(read_texts(both, &[]).config.unwrap(), config);
}

#[test]
fn the_samples_know_every_key() {
    let all: Vec<_> = keys().map(|key| (key.section, key.name)).collect();
    let sampled: Vec<_> = SAMPLES.iter().map(|s| (s.section, s.key)).collect();
    assert_eq!(all, sampled);
}

#[test]
fn a_changed_key_concerns_its_part_and_no_other() {
    let old = good("[sip]\ndomain = pbx\nuser = 1");
    for key in keys() {
        let sample = SAMPLES
            .iter()
            .find(|s| (s.section, s.key) == (key.section, key.name))
            .unwrap();
        for value in sample.values {
            let section = key.section;
            let new = good(&format!(
                "[sip]\ndomain = pbx\nuser = 1\n[{section}]\n{} = {value}",
                key.name
            ));
            let changes = diff(&old, &new);
            let parts: Vec<Part> = changes.parts.iter().copied().collect();
            assert_eq!(parts, [key.part], "[{section}] {} = {value}", key.name);
            assert!(changes.concern(key.part) && !changes.is_empty());
            assert!(diff(&new, &new.clone()).is_empty());
        }
    }
}

#[test]
fn accounts_come_go_and_change() {
    let old = good("[sip]\ndomain = a\nuser = 1\n[sip:x]\ndomain = b\nuser = 2");
    let new = good("[sip]\ndomain = a\nuser = 1\npass = p\n[sip:y]\ndomain = c\nuser = 3");
    let changes = diff(&old, &new);
    let accounts: Vec<_> = changes
        .accounts
        .iter()
        .map(|(n, c)| (n.as_str(), *c))
        .collect();
    assert_eq!(
        accounts,
        [
            ("x", AccountChange::Removed),
            ("sip", AccountChange::Changed),
            ("y", AccountChange::Added)
        ]
    );
    assert_eq!(changes.to_string(), "[sip:x], [sip], [sip:y]");
    assert_eq!(diff(&old, &old).to_string(), "nothing changed");
}

#[test]
fn codecs_of_an_account_come_back_from_a_dump_and_concern_its_calls() {
    let text =
        |codecs: &str| format!("[sip]\ncodecs = pcma\n[sip:x]\ndomain = b\nuser = 2\n{codecs}");
    let (own, shared) = (good(&text("codecs = g722 pcmu")), good(&text("")));
    for config in [&own, &shared] {
        let dumped = dump(config, Title::Current, Secrets::Shown);
        assert_eq!(good(&dumped), *config, "{dumped}");
    }
    for (old, new) in [(&own, &shared), (&shared, &own)] {
        let changes = diff(old, new);
        assert_eq!(changes.accounts, [("x".to_owned(), AccountChange::Changed)]);
        assert!(changes.concern(Part::Media));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_dumped_reads_as_the_same(picks in samples::picks()) {
        let config = good(&sample_file(&picks));
        let dumped = dump(&config, Title::Current, Secrets::Shown);
        prop_assert_eq!(good(&dumped), config, "{}", dumped);
    }

    #[test]
    fn every_password_survives_the_dump(pass in "[ -~äß€]{0,12}", name in "[ -~]{0,9}") {
        let pass = pass.replace('%', "%%");
        let name = name.replace('%', "%%");
        let config = good(&format!("[sip]\npass =\n  x{pass}\ndisplay-name = {name}"));
        let dumped = dump(&config, Title::Current, Secrets::Shown);
        prop_assert_eq!(good(&dumped), config, "{}", dumped);
    }

    #[test]
    fn any_value_is_read_without_panic(at in 0..SAMPLES.len(), value in "\\PC{0,40}|[ -~]{0,20}") {
        let sample = &SAMPLES[at];
        let written = format!("[{}]\n{} = {value}", sample.section, sample.key);
        let loaded = text(&written);
        if let Some(config) = &loaded.config {
            let dumped = dump(config, Title::Current, Secrets::Shown);
            prop_assert_eq!(&good(&dumped), config, "{}", dumped);
        }
    }
}

#[test]
fn users_come_back_from_a_dump_and_their_changes_are_seen() {
    let one = good("[user:door]\npass = a;b %\n");
    let dumped = dump(&one, Title::Current, Secrets::Shown);
    assert_eq!(good(&dumped), one);
    assert!(!dump(&one, Title::Current, Secrets::Hidden).contains("a;b"));
    assert_eq!(one.sip.users[0].password.reveal(), "a;b %");
    assert!(!format!("{one:?}").contains("a;b"));

    let other = good("[user:door]\npass = other\n[user:yard]\npass = x\n");
    let changes = diff(&one, &other);
    assert_eq!(changes.keys, ["[user:door]", "[user:yard]"]);
    assert!(changes.concern(Part::Callers));
    assert_eq!(diff(&other, &one).keys.len(), 2);
    assert!(diff(&one, &one).is_empty());
}

//! Does the configuration do what old files, the contract and a tired technician expect?
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use paging::base::{Db, Encoding};
use paging::config::{
    Backend, Config, Device, Loaded, Override, Source, Transport, load, read, read_texts, report,
};
use proptest::prelude::*;

fn text(text: &str) -> Loaded {
    read_texts([(Path::new("paging.conf"), text.as_bytes())], &[])
}

#[track_caller]
fn good(written: &str) -> Config {
    let loaded = text(written);
    assert_eq!(loaded.mistakes, [], "{written}");
    loaded.config.unwrap()
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/config")
        .join(name)
}

/// Reads a file of tests/data/config under its bare name.
fn file(name: &str) -> Loaded {
    let bytes = std::fs::read(data(name)).unwrap();
    read_texts([(Path::new(name), bytes.as_slice())], &[])
}

/// Compares with a file of tests/data/config, and shows the whole text if they differ.
#[track_caller]
fn is_as_recorded(name: &str, got: &str) {
    let want = std::fs::read_to_string(data(name)).unwrap_or_default();
    assert!(got == want, "not as in {name}:\n{got}");
}

fn remarks(loaded: &Loaded) -> Vec<String> {
    let mistakes = loaded.mistakes.iter().map(ToString::to_string);
    let warnings = loaded.warnings.iter().map(ToString::to_string);
    mistakes.chain(warnings).collect()
}

#[track_caller]
fn says(written: &str, want: &str) {
    assert_eq!(remarks(&text(written)), [want], "{written}");
}

#[test]
fn three_lines_are_a_configuration() {
    let loaded = text("[sip]\ndomain = pbx.example.com\nuser = 100\npass = s%cret\n");
    assert_eq!(remarks(&loaded), [""; 0]);
    let config = loaded.config.unwrap();
    let account = config.sip.accounts().next().unwrap();
    assert_eq!(account.name, "sip");
    assert_eq!(account.domain, ["pbx.example.com"]);
    assert_eq!(
        (account.user.as_str(), account.auth_user.as_str()),
        ("100", "100")
    );
    assert_eq!(account.password.reveal(), "s%cret");
    assert_eq!(config.sip.listen.len(), 2);
    let by_default = [
        Encoding::Opus,
        Encoding::G722,
        Encoding::Pcmu,
        Encoding::Pcma,
    ];
    assert_eq!(config.sip.codecs, by_default);
}

#[test]
fn an_account_has_codecs_and_a_realm_of_its_own() {
    let config = good(
        "[sip]\ndomain = a\nuser = 1\ncodecs = pcma\nrealm = *\n\
         [sip:b]\ndomain = b\nuser = 2\ncodecs = g722 ulaw\nrealm = house of B\n\
         [sip:c]\ndomain = c\nuser = 3\n[sip:d]\ndomain = d\nuser = 4\ncodecs =",
    );
    let wanted = [
        (&[Encoding::Pcma][..], ""),
        (&[Encoding::G722, Encoding::Pcmu], "house of B"),
        (&[Encoding::Pcma], ""),
        (&[Encoding::Pcma], ""),
    ];
    let found = config.sip.accounts();
    let found = found.map(|account| (config.sip.codecs_of(account), account.realm.as_str()));
    assert_eq!(found.collect::<Vec<_>>(), wanted);
}

#[test]
fn defaults_are_those_of_the_contract() {
    let config = Config::default();
    assert_eq!(config.sip.accounts().count(), 0);
    assert_eq!(config.sip.rtp_ports, 10_000..=20_000);
    assert_eq!(config.sip.max_calls, 100);
    assert_eq!(config.audio.backend, Backend::Auto);
    assert_eq!(config.audio.klaxon, None);
    assert_eq!(
        config.audio.klaxon_max_length,
        Some(Duration::from_secs(10))
    );
    assert_eq!(config.audio.klaxon_padding_s, 0.0);
    assert_eq!(config.audio.duck, Db(-20.0));
    assert_eq!(config.audio.duck_attack, Duration::from_millis(150));
    assert_eq!(config.audio.duck_release, Duration::from_millis(800));
    assert_eq!(config.audio.volume_call.level(), Db::UNITY);
    assert_eq!(config.audio.jack.client_name, "paging");
    assert_eq!(config.audio.jack.music_links.len(), 2);
    assert_eq!(config.calls.hang_up_after, Some(Duration::from_secs(300)));
    assert!(config.calls.hold_concurrent && config.calls.klaxon_before_answer);
    assert_eq!(text("").config.unwrap(), config);
}

/// What the old program crashed on or dropped in silence, and what is said now.
#[test]
fn every_slip_of_the_old_dialect_is_told_with_its_line() {
    for (written, want) in [
        (
            "[audio]\nklaxon",
            "paging.conf:2: [audio] klaxon: has no '='; write key = value, or an empty value \
             after '=' if none is meant",
        ),
        (
            "[audio]\nklaxon-max-length =",
            "paging.conf:2: [audio] klaxon-max-length =: not a number of seconds; write e.g. \
             10.0, 1.5s or 500ms",
        ),
        (
            "[audio]\n\nklaxon_max_length = abc",
            "paging.conf:3: [audio] klaxon_max_length = abc: not a number of seconds; write e.g. \
             10.0, 1.5s or 500ms",
        ),
        (
            "[server]\npjsua-log-level = 4.5",
            "paging.conf:2: [server] pjsua-log-level = 4.5: not a whole number from 0 to 10; \
             write e.g. 3",
        ),
        (
            "[calls]\nhold-concurrent = maybe",
            "paging.conf:2: [calls] hold-concurrent = maybe: neither yes nor no; write yes or no",
        ),
        (
            "[sip]\ndomain = <sip server>",
            "paging.conf:2: [sip] domain = <sip server>: still the placeholder of the example; \
             write the address of your PBX, or nothing to go without",
        ),
        (
            "[sip]\npass = %(nope)s",
            "paging.conf:2: [sip] pass: quotes a key by %(name)s that cannot be used; write %%( \
             where %( itself is meant",
        ),
        (
            "[sip]\nuser = %(nope)s",
            "paging.conf:2: [sip] user: there is no key \"nope\" in [sip] or [DEFAULT]; write \
             %%(nope)s if the text itself is meant",
        ),
        (
            "[sip]\npass = abc\n  user = 5",
            "paging.conf:2: [sip] pass = ****: runs over several lines, since an indented line \
             continues the one above; write it on one line, and begin the next key at the left \
             edge",
        ),
        (
            "user = 5\n[sip]",
            "paging.conf:1: user: stands before any section; write a section such as [sip] \
             above it",
        ),
        (
            "[SIP]\nuser = 5",
            "paging.conf:1: warning: [SIP]: unknown section, ignored; did you mean [sip]?",
        ),
        (
            "[audio]\nklaxon_max-length = 5",
            "paging.conf:2: warning: [audio] klaxon_max-length: unknown key, ignored; did you \
             mean klaxon-max-length?",
        ),
        (
            "[audio]\nhold-concurrent = yes",
            "paging.conf:2: warning: [audio] hold-concurrent: unknown here, ignored; it belongs \
             into [calls]",
        ),
        (
            "[audio]\nwhatever = yes",
            "paging.conf:2: warning: [audio] whatever: unknown key, ignored",
        ),
        (
            "[audio]\nklaxon_max_length = 5\nklaxon-max-length = 6",
            "paging.conf:2: warning: [audio] klaxon_max_length: is also set as klaxon-max-length \
             at paging.conf:3, which counts",
        ),
        (
            "[calls]\nanswer-delay = 1\nanswer-delay = 2",
            "paging.conf:2: warning: [calls] answer-delay: is set again in line 3, which counts",
        ),
        (
            "[DEFAULT]\nuser = 5",
            "paging.conf:2: warning: [DEFAULT] user: counts only for sections that are there; \
             write [sip] on a line of its own",
        ),
        (
            "[DEFAULT]\nvolume-musik = 5\n[audio]",
            "paging.conf:2: warning: [DEFAULT] volume-musik: unknown key, ignored; did you mean \
             volume-music?",
        ),
    ] {
        says(written, want);
    }
}

#[test]
fn settings_that_do_not_fit_together_are_told() {
    for (written, want) in [
        (
            "[sip]\nuser = 5",
            "paging.conf:2: warning: [sip] user = 5: there is no domain, so nothing registers; \
             write domain = HOST",
        ),
        (
            "[sip]\ndomain = pbx",
            "paging.conf:2: warning: [sip] domain = pbx: there is no user, so it registers \
             without a name; write user = EXTENSION",
        ),
        (
            "[sip]\nrtp-ports = 4000-4009",
            "paging.conf:2: warning: [sip] rtp-ports = 4000-4009: has room for 5 calls, but \
             max-calls allows 100; write a wider range",
        ),
        (
            "[sip]\ntls-verify-clients = yes",
            "paging.conf:2: warning: [sip] tls-verify-clients = yes: nobody could prove anything; \
             write tls-ca = FILE, the authority of the phones",
        ),
        (
            "[sip]\ncodecs = opus G722 Opus",
            "paging.conf:2: [sip] codecs = opus G722 Opus: names opus twice; write each codec once",
        ),
        (
            "[sip:a]\ndomain = pbx\nuser = 1\ncodecs = g722 g722",
            "paging.conf:4: [sip:a] codecs = g722 g722: names g722 twice; write each codec once",
        ),
        (
            "[sip]\ncodecs =",
            "paging.conf:2: [sip] codecs =: leaves no codec; write some of opus, g722, pcmu, pcma, \
             l16",
        ),
        (
            "[sip]\nrealm = \"pbx",
            "paging.conf:2: [sip] realm = \"pbx: begins with a quotation mark; write what stands \
             between the marks of realm=\"…\" in the PBX's answer, e.g. asterisk",
        ),
        (
            "[sip]\nmax-calls = many",
            "paging.conf:2: [sip] max-calls = many: not a whole number from 1 to 10000; write \
             e.g. 100",
        ),
        (
            "[sip]\ncodecs = g729",
            "paging.conf:2: [sip] codecs = g729: no such codec: g729; write some of opus, g722, \
             pcmu, pcma, l16",
        ),
        (
            "[sip]\nlisten = tls:0.0.0.0:5061",
            "paging.conf:2: warning: [sip] listen = tls:0.0.0.0:5061: tls: needs a certificate; \
             write tls-cert = FILE and tls-key = FILE",
        ),
        (
            "[sip]\nsrtp = maybe",
            "paging.conf:2: [sip] srtp = maybe: no such choice; write off, optional or required",
        ),
        (
            "[sip]\ndisplay-name = \"Hall\"",
            "paging.conf:2: warning: [sip] display-name = \"Hall\": the quotes are part of the \
             value; remove them if not meant",
        ),
        (
            "[sip: office]\ndomain = pbx",
            "paging.conf:1: [sip: office]: needs another name after the colon; write e.g. \
             [sip:office]",
        ),
        (
            "[sip:office]\nuser = 5",
            "paging.conf:1: [sip:office]: has no domain; write domain = HOST into it",
        ),
        (
            "[sip:sip]\ndomain = pbx\nuser = 5",
            "paging.conf:1: [sip:sip]: needs another name after the colon; write e.g. [sip:office]",
        ),
        (
            "[sip:office]\ndomain = pbx\nuser = 5\nlisten = 0.0.0.0",
            "paging.conf:4: warning: [sip:office] listen: counts for all accounts, ignored here; \
             write it into [sip]",
        ),
        (
            "[audio]\nklaxon = ~/a.wav",
            "paging.conf:2: warning: [audio] klaxon = ~/a.wav: ~ is taken as it stands here; \
             write the whole path",
        ),
        (
            "[audio]\njack-music-client-name =",
            "paging.conf:2: warning: [audio] jack-music-client-name =: an empty expression \
             matches every port that gives sound; write ^$ if there is no music",
        ),
        (
            "[audio]\njack-output-ports = a(?=b)",
            "paging.conf:2: [audio] jack-output-ports = a(?=b): look-around such as (?=x) or \
             (?!x) is not supported; name what shall match, with | between the choices",
        ),
        (
            "[audio]\nmusic-fade-in-duration = 3\nduck-release = 1s",
            "paging.conf:3: warning: [audio] duck-release = 1s: music-fade-in-duration is also \
             set and counts; remove one of them",
        ),
        (
            "[sip]\nextensions = 100 sip:101@x",
            "paging.conf:2: [sip] extensions = 100 sip:101@x: not a user name; write only what \
             stands before the @ of the SIP address, e.g. 100",
        ),
        (
            "[sip]\nallow = 10.0.0.0/8 lan",
            "paging.conf:2: [sip] allow = 10.0.0.0/8 lan: \"lan\" is not an address; write \
             e.g. 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32",
        ),
        (
            "[sip]\nrequire-auth = yes",
            "paging.conf:2: warning: [sip] require-auth = yes: there is no user, so only a PBX \
             that we register at can call; write a section [user:NAME] with pass = PASSWORD",
        ),
        (
            "[user:a b]\npass = x",
            "paging.conf:1: [user:a b]: needs a name after the colon, as it stands before the @; \
             write e.g. [user:door]",
        ),
        (
            "[user:door]",
            "paging.conf:1: [user:door]: has no password; write pass = SECRET into it, or \
             token = HASH for HTTP alone",
        ),
        (
            "[user:door]\npass = x\nrole = admin",
            "paging.conf:3: warning: [user:door] role = admin: it has no token, so the role counts \
             for nothing; run paging token NAME",
        ),
        (
            "[user:door]\npas = x",
            "paging.conf:1: [user:door]: has no password; write pass = SECRET into it, or \
             token = HASH for HTTP alone",
        ),
        (
            "[pa]\nfile = x.wav",
            "paging.conf:1: warning: [pa]: is of an early version, ignored; write klaxon in \
             [audio]",
        ),
    ] {
        let got = remarks(&text(written));
        assert_eq!(got.first().map(String::as_str), Some(want), "{written}");
    }
}

#[test]
fn all_mistakes_come_at_once_in_the_order_of_the_file() {
    let loaded = file("mistakes.conf");
    assert!(loaded.config.is_none());
    is_as_recorded("mistakes.txt", &report(&loaded));
}

#[test]
fn files_of_every_generation_are_taken_as_they_are() {
    for name in ["jack-generation", "pulse-generation", "first-generation"] {
        let loaded = file(&format!("{name}.conf"));
        is_as_recorded(&format!("{name}.txt"), &report(&loaded));
        assert!(loaded.config.is_some(), "{name}");
    }
}

#[test]
fn the_jack_generation_means_what_it_meant() {
    let config = file("jack-generation.conf").config.unwrap();
    let account = config.sip.accounts().next().unwrap();
    assert_eq!(account.domain, ["pbx.example.com:5080"]);
    assert_eq!(account.password.reveal(), "50%of;all");
    assert_eq!(
        config.audio.klaxon.as_deref(),
        Some(Path::new("/srv/paging/klaxon.mp3"))
    );
    assert!(!config.audio.jack.autostart);
    let outputs = config.audio.jack.output_ports.unwrap();
    assert!(outputs.regex().is_match("alsa_out:playback_1"));
    let links: Vec<(&str, Option<&str>)> = config
        .audio
        .jack
        .music_links
        .iter()
        .map(|link| (link.from.as_str(), link.to.as_ref().map(|to| to.as_str())))
        .collect();
    assert_eq!(links, [("hall:left", Some("^hall")), ("yard", None)]);
    assert_eq!(config.audio.device, None);
}

#[test]
fn the_pulse_generation_means_what_it_meant() {
    let config = file("pulse-generation.conf").config.unwrap();
    assert_eq!(config.audio.duck_attack, Duration::from_millis(1_500));
    assert_eq!(config.audio.duck_release, Duration::from_secs(4));
    assert_eq!(config.audio.duck, Db::SILENCE);
    assert_eq!(config.audio.klaxon_padding_s, -0.5);
    assert_eq!(config.audio.volume_klaxon.level(), Db::SILENCE);
    assert_eq!(config.audio.volume_music.level(), Db::UNITY);
    assert_eq!(config.calls.hang_up_after, None);
    assert!(!config.calls.hold_concurrent);
    assert!(
        matches!(config.audio.device, Some(Device::Named(name)) if name.as_str() == "sysdefault")
    );
}

#[test]
fn further_accounts_have_their_own_sections_and_shared_defaults() {
    let config = good(
        "[DEFAULT]\ndomain = pbx\n[sip]\nuser = 1\n[sip:office]\nuser = 2\npass = x\n\
         auth-user = two\n[sip:annex]\ndomain = other:5080\nuser = 3\ntransport = tcp",
    );
    let accounts: Vec<_> = config
        .sip
        .accounts()
        .map(|a| {
            (
                a.name.as_str(),
                a.domain.join(" "),
                a.auth_user.as_str(),
                a.transport,
            )
        })
        .collect();
    assert_eq!(
        accounts,
        [
            ("sip", "pbx".to_owned(), "1", None),
            ("annex", "other:5080".to_owned(), "3", Some(Transport::Tcp)),
            ("office", "pbx".to_owned(), "two", None),
        ]
    );
    assert_eq!(config.place("sip:office", "pass").unwrap().line(), Some(7));
}

#[test]
fn keys_quoted_by_others_are_not_unknown() {
    let loaded =
        text("[DEFAULT]\nsite = hall\n[sip]\nhost = pbx\ndomain = %(site)s.%(host)s\nuser = 1");
    assert_eq!(remarks(&loaded), [""; 0]);
    let config = loaded.config.unwrap();
    assert_eq!(config.sip.accounts().next().unwrap().domain, ["hall.pbx"]);
}

#[test]
fn options_count_before_files() {
    let over = |value: &str| {
        [Override {
            section: "server",
            key: "pjsua-log-level",
            value: value.to_owned(),
            option: "--pjsua-log-level",
        }]
    };
    let files = [(Path::new("p.conf"), &b"[server]\nsip-log-level = 7"[..])];
    let level = |overrides: &[Override]| read_texts(files, overrides).config.unwrap();
    assert_eq!(level(&[]).server.sip_log_level, 7);
    let zero = level(&over("0"));
    assert_eq!(zero.server.sip_log_level, 0);
    let place = zero.place("server", "pjsua-log-level").unwrap();
    assert_eq!(place.to_string(), "command line --pjsua-log-level");
    assert_eq!(
        remarks(&read_texts(files, &over("99"))),
        [
            "command line --pjsua-log-level: [server] pjsua-log-level = 99: not a whole number \
             from 0 to 10; write e.g. 3"
        ]
    );
}

#[test]
fn a_mistake_found_later_names_the_line_too() {
    let config = good("[audio]\n# the horn\nklaxon = horn.wav");
    let mistake = config.mistake("audio", "klaxon", "no such file");
    assert_eq!(
        mistake.to_string(),
        "paging.conf:3: [audio] klaxon = horn.wav: no such file"
    );
    let unset = Config::default().mistake("sip", "listen", "address in use");
    assert_eq!(unset.to_string(), "[sip] listen: address in use");
}

#[test]
fn files_that_are_not_there_matter_only_if_named() {
    let source = |path: &str, is_required| Source {
        path: data(path),
        is_required,
    };
    let none = [source("none.conf", false), source("mistakes.conf/x", false)];
    assert_eq!(load(&none, &[]).unwrap().0, Config::default());
    let loaded = read(&[source("none.conf", true)], &[]);
    let want = format!(
        "Specified config file does not exists: {}",
        data("none.conf").display()
    );
    assert_eq!(remarks(&loaded), [want]);
}

#[test]
fn files_that_cannot_be_read_always_matter() {
    let source = Source {
        path: data("."),
        is_required: false,
    };
    let mistakes = load(&[source], &[]).unwrap_err();
    assert_eq!(mistakes.len(), 1);
    let text = mistakes[0].to_string();
    assert!(text.ends_with(": is a directory; name a file"), "{text}");
}

#[test]
fn later_files_count_and_are_named() {
    let files = [
        (
            Path::new("a.conf"),
            &b"[sip]\nexpires = 60\nmax-calls = x"[..],
        ),
        (
            Path::new("b.conf"),
            &b"[sip]\nmax-calls = 7\nlisten = y"[..],
        ),
    ];
    let loaded = read_texts(files, &[]);
    let remarks = remarks(&loaded);
    assert_eq!(remarks.len(), 1);
    assert!(
        remarks[0].starts_with("b.conf:3: [sip] listen = y: "),
        "{remarks:?}"
    );
    assert_eq!(loaded.files, [Path::new("a.conf"), Path::new("b.conf")]);
}

#[test]
fn no_secret_is_told_by_accident() {
    let loaded = text(
        "[sip]\ndomain = pbx\nuser = 1\npass = hunter2\n  hunter2\n\
         [sip:b]\ndomain = x\npass = hunter2\0\n\
         [sip:c]\ndomain = x\npass = %(hunter2)s\n[server]\nsentry-dsn = hunter2",
    );
    assert_eq!(loaded.mistakes.len(), 4);
    let told = format!(
        "{:?} {} {:?}",
        loaded.mistakes,
        report(&loaded),
        loaded.warnings
    );
    assert!(!told.contains("hunter2"), "{told}");
    let config = good("[sip]\npass = hunter2\n[server]\nsentry-dsn = https://hunter2@h/1");
    let told = format!("{config:?}");
    assert!(!told.contains("hunter2"), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let loaded = read_texts([(Path::new("p.conf"), bytes.as_slice())], &[]);
        prop_assert_eq!(loaded.config.is_some(), loaded.mistakes.is_empty());
        report(&loaded);
    }
}

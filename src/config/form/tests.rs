//! Which texts are values, and what is said about those that are not?

use std::fmt::Debug;
use std::time::Duration;

use super::*;
use crate::base::Db;
use crate::config::model::{Listen, Transport, Volume};

#[track_caller]
fn reads<T: PartialEq + Debug>(form: &Form<T>, text: &str, want: T) {
    let got = (form.parse)(text);
    assert_eq!(got.as_ref(), Ok(&want), "{text:?}");
    let shown = (form.show)(&want);
    assert_eq!((form.parse)(&shown), got, "{text:?} written as {shown:?}");
}

#[track_caller]
fn refuses<T: Debug>(form: &Form<T>, texts: &[&str], hint: &str) {
    for text in texts {
        let why = (form.parse)(text).expect_err(text);
        assert!(why.contains(hint), "{text:?}: {why}");
    }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn yes_and_no_have_four_spellings_each() {
    for text in ["1", "yes", "true", "on", "YES", "True", "oN"] {
        reads(&BOOL, text, true);
    }
    for text in ["0", "no", "false", "off", "NO", "False"] {
        reads(&BOOL, text, false);
    }
    refuses(
        &BOOL,
        &["", "2", "y", "yes no", "enabled"],
        "write yes or no",
    );
}

#[test]
fn times_have_units_or_the_one_of_their_key() {
    reads(&SECONDS, "10", ms(10_000));
    reads(&SECONDS, "10.0", ms(10_000));
    reads(&SECONDS, "1.5s", ms(1_500));
    reads(&SECONDS, "150ms", ms(150));
    reads(&SECONDS, "150 ms", ms(150));
    reads(&SECONDS, "5m", ms(300_000));
    reads(&SECONDS, "1e1", ms(10_000));
    reads(&SECONDS, "+1", ms(1_000));
    reads(&SECONDS, "-3", ms(0));
    reads(&SECONDS, "250us", Duration::from_micros(250));
    reads(&SECONDS_LIMIT, "0", None);
    reads(&SECONDS_LIMIT, "-1", None);
    reads(&SECONDS_LIMIT, "0.5", Some(ms(500)));
    reads(&MINUTES_LIMIT, "5.0", Some(ms(300_000)));
    reads(&MINUTES_LIMIT, "90s", Some(ms(90_000)));
    reads(&MINUTES_LIMIT, "100s", Some(ms(100_000)));
    reads(&MINUTES_LIMIT, "0", None);
    reads(&RAMP, "150ms", ms(150));
    reads(&RAMP, "1.5s", ms(1_500));
    reads(&RAMP, "0", ms(0));
    reads(&RAMP, "0.25ms", Duration::from_micros(250));
    reads(&SIGNED_SECONDS, "-0.5", -0.5);
    reads(&SIGNED_SECONDS, "-500ms", -0.5);
    reads(&EXPIRES, "5m", ms(300_000));
    let wrong = [
        "", "abc", "1,5", "nan", "inf", "1e999", "5 apples", "s", "1 2",
    ];
    refuses(&SECONDS, &wrong, "not a number of seconds");
    refuses(&MINUTES_LIMIT, &wrong, "not a number of minutes");
    refuses(&RAMP, &["150"], "no unit");
    refuses(&SECONDS, &["1e18"], "ten years");
    refuses(&EXPIRES, &["0", "5", "8000000"], "out of range");
    refuses(&SIGNED_SECONDS, &["5000"], "out of range");
}

#[test]
fn times_are_written_as_the_old_program_wrote_them() {
    assert_eq!((SECONDS.show)(&ms(10_000)), "10.0");
    assert_eq!((SECONDS.show)(&ms(250)), "0.25");
    assert_eq!((MINUTES_LIMIT.show)(&Some(ms(300_000))), "5.0");
    assert_eq!((MINUTES_LIMIT.show)(&Some(ms(270_000))), "4.5");
    assert_eq!((SECONDS_LIMIT.show)(&None), "0.0");
    assert_eq!((RAMP.show)(&ms(1_500)), "1500ms");
}

#[test]
fn levels_are_decibels() {
    reads(&DUCK, "-20dB", Db(-20.0));
    reads(&DUCK, "-20 db", Db(-20.0));
    reads(&DUCK, "-20.5", Db(-20.5));
    reads(&DUCK, "0", Db(0.0));
    reads(&DUCK, "-infdB", Db::SILENCE);
    refuses(&DUCK, &["6dB"], "louder");
    refuses(
        &DUCK,
        &["", "dB", "loud", "nan", "infdB", "50%"],
        "decibels",
    );
}

#[test]
fn volumes_are_those_of_pulseaudio() {
    reads(&VOLUME, "-1", Volume::Untouched);
    reads(&VOLUME, "-0.5", Volume::Untouched);
    reads(&VOLUME, "0", Volume::Percent(0.0));
    reads(&VOLUME, "150%", Volume::Percent(150.0));
    reads(&VOLUME, "-6dB", Volume::Level(Db(-6.0)));
    assert_eq!(Volume::Untouched.level(), Db::UNITY);
    assert_eq!(Volume::Percent(0.0).level(), Db::SILENCE);
    assert_eq!(Volume::Percent(100.0).level(), Db::UNITY);
    assert!((Volume::Percent(50.0).level().0 + 18.06).abs() < 0.01);
    refuses(
        &VOLUME,
        &["", "loud", "1000", "60dB", "nan", "inf"],
        "not a volume",
    );
}

#[test]
fn numbers_are_whole_and_in_range() {
    reads(&SIP_LOG_LEVEL, "0", 0);
    reads(&SIP_LOG_LEVEL, "+10", 10);
    reads(&MAX_CALLS, "1", 1);
    refuses(
        &SIP_LOG_LEVEL,
        &["", "4.5", "11", "-1", "x"],
        "whole number from 0 to 10",
    );
    refuses(&MAX_CALLS, &["0", "99999"], "from 1 to 10000");
    reads(&PERIOD, "", None);
    reads(&PERIOD, "256", Some(256));
    refuses(&PERIOD, &["8", "10000", "x"], "whole number");
    assert_eq!((SAMPLE_RATE.parse)("48000").unwrap().unwrap().hz(), 48_000);
    reads(&KEEP_ALIVE, "0", Duration::ZERO);
    reads(&KEEP_ALIVE, "30s", Duration::from_secs(30));
    refuses(&KEEP_ALIVE, &["1", "2h"], "5 to 3600");
    refuses(&SAMPLE_RATE, &["48", "48k"], "whole number");
}

#[test]
fn hosts_are_hosts() {
    for host in [
        "pbx",
        "pbx.example.com",
        "pbx.example.com:5080",
        "192.0.2.1",
        "[2001:db8::1]",
        "[2001:db8::1]:5060",
        "bücher.example",
    ] {
        reads(&DOMAINS, host, vec![host.to_owned()]);
    }
    let two = vec!["pbx".to_owned(), "192.0.2.1:5080".to_owned()];
    reads(&DOMAINS, "pbx, 192.0.2.1:5080", two);
    reads(&DOMAINS, "", Vec::new());
    for (text, hint) in [
        ("<sip server>", "placeholder"),
        ("sip:pbx", "scheme"),
        ("100@pbx", "user"),
        ("pbx;transport=tcp", "transport = tcp"),
        ("pbx:0", "port"),
        ("pbx:99999", "port"),
        ("pbx:sip", "port"),
        ("pbx /b", "not a host"),
        ("2001:db8::1", "not a host"),
        ("[2001:db8::1", "not a host"),
        ("[::1]x", "not a host"),
        ("\"pbx\"", "not a host"),
        ("pbx\npbx", "twice"),
    ] {
        refuses(&DOMAINS, &[text], hint);
    }
    let two = vec!["proxy:5060".to_owned(), "b".to_owned()];
    reads(&PROXIES, "sip:proxy:5060;lr b", two);
    reads(&PROXIES, "", Vec::new());
    reads(&AUTO_TRANSPORT, "TLS", Some(Transport::Tls));
    reads(&AUTO_TRANSPORT, "auto", None);
    reads(&USER, "100", "100".to_owned());
    refuses(&USER, &["100@pbx", "sip:100", "a b", "<x>"], "before the @");
    refuses(&ADDRESS, &["pbx", "1.2.3"], "not an IP address");
}

#[test]
fn port_ranges_hold_a_pair() {
    reads(&PORTS, "10000-20000", 10_000..=20_000);
    reads(&PORTS, "10000 - 10001", 10_000..=10_001);
    refuses(
        &PORTS,
        &["10001-10002", "10001-10001", "2-1", "0-9"],
        "no pair",
    );
    refuses(
        &PORTS,
        &["", "10000", "a-b", "1-99999", "-5"],
        "not a range",
    );
    for (range, n) in [
        (10_000..=20_000, 5_000),
        (10_000..=10_003, 2),
        (10_001..=10_003, 1),
        (65_534..=65_535, 1),
        (1..=65_535, 32_767),
    ] {
        assert_eq!(pairs(&range), n, "{range:?}");
    }
}

#[test]
fn a_plain_address_listens_on_both_transports() {
    let listen = |transport, address: &str| Listen {
        transport,
        address: address.parse().unwrap(),
    };
    let (udp, tcp) = (Transport::Udp, Transport::Tcp);
    let any = "0.0.0.0:5060";
    reads(&LISTEN, any, vec![listen(udp, any), listen(tcp, any)]);
    reads(&LISTEN, "udp:0.0.0.0:5060", vec![listen(udp, any)]);
    reads(&LISTEN, "tcp:0.0.0.0", vec![listen(tcp, any)]);
    reads(
        &LISTEN,
        "tcp:[::]:5070, udp:127.0.0.1:0",
        vec![listen(tcp, "[::]:5070"), listen(udp, "127.0.0.1:0")],
    );
    reads(
        &LISTEN,
        "[::1]",
        vec![listen(udp, "[::1]:5060"), listen(tcp, "[::1]:5060")],
    );
    assert_eq!((LISTEN.show)(&(LISTEN.parse)(any).unwrap()), any);
    refuses(&LISTEN, &["", " , "], "no address");
    let tls = Transport::Tls;
    reads(
        &LISTEN,
        "tls:0.0.0.0 tls:[::]:443",
        vec![listen(tls, "0.0.0.0:5061"), listen(tls, "[::]:443")],
    );
    refuses(&LISTEN, &["udp:1.2.3.4:5060 1.2.3.4:5060"], "twice");
    refuses(
        &LISTEN,
        &["pbx:5060", "5060", ":5060", "sctp:1.2.3.4:1"],
        "not an address",
    );
}

#[test]
fn links_are_parted_by_blanks_and_split_at_the_first_dashes() {
    let texts = |text: &str| -> Vec<(String, Option<String>)> {
        let links = (LINKS.parse)(text).unwrap();
        links
            .iter()
            .map(|link| {
                let to = link.to.as_ref().map(|to| to.as_str().to_owned());
                (link.from.as_str().to_owned(), to)
            })
            .collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        texts("left---(left|playback_1)\nright---a---b x---"),
        [
            ("left".to_owned(), some("(left|playback_1)")),
            ("right".to_owned(), some("a---b")),
            ("x".to_owned(), None),
        ]
    );
    assert_eq!(texts(""), []);
    refuses(&LINKS, &["left", "left--right", "a b---c"], "has no ---");
    refuses(
        &LINKS,
        &["a(---b"],
        "in \"a(---b\": not a regular expression",
    );
}

#[test]
fn text_stays_on_its_line() {
    refuses(&TEXT, &["a\nb"], "several lines");
    refuses(&TEXT, &["a\0b", "a\rb"], "control character");
    reads(&TEXT, "päss\tx", "päss\tx".to_owned());
    refuses(
        &DSN,
        &["none", "sentry.example.com", "https://example.com/1"],
        "not a DSN",
    );
    reads(
        &DSN,
        "https://k@example.com/1",
        Secret::new("https://k@example.com/1"),
    );
}

#[test]
fn a_device_is_a_number_or_a_name() {
    reads(&DEVICE, "", None);
    let device = (DEVICE.parse)("usb").unwrap().unwrap();
    assert_eq!((DEVICE.show)(&Some(device)), "usb");
    assert_eq!((DEVICE.show)(&(DEVICE.parse)("3").unwrap()), "3");
    refuses(&DEVICE, &["99999999999999999999999"], "no such device");
    refuses(&DEVICE, &["usb("], "not a regular expression");
}

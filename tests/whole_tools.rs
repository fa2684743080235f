//! Do the other things that the program can do work: dumps, lists, test phone, demo?
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::daemon::{Conf, Daemon, run, run_with};
use common::folder::{Folder, in_repository};
use common::jackd::{Jackd, client_environment};
use common::{measure, signal};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn the_defaults_as_dumped_are_valid_input_and_dump_to_themselves() {
    let folder = Folder::new("dump");
    let (code, defaults) = run(&folder, &["--dump-conf-defaults"], SOON);
    assert_eq!(code, Some(0), "{defaults}");
    assert!(
        defaults.starts_with(";; Default configuration options"),
        "{defaults}"
    );
    assert!(defaults.contains("hold_concurrent = yes"), "{defaults}");
    let file = folder.write("again.conf", &defaults);
    let (code, again) = run(&folder, &["--dump-conf", file.to_str().unwrap()], SOON);
    assert_eq!(code, Some(0), "{again}");
    let body = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(body(&again), body(&defaults));
}

#[test]
fn a_dumped_password_is_hidden_unless_asked_for() {
    let folder = Folder::new("secret");
    let file = folder.write("a.conf", "[sip]\ndomain = pbx\nuser = me\npass = hush%1\n");
    let file = file.to_str().unwrap();
    let (_, hidden) = run(&folder, &["--dump-conf", file], SOON);
    assert!(!hidden.contains("hush"), "{hidden}");
    let (_, shown) = run(&folder, &["--dump-conf", "--show-secrets", file], SOON);
    assert!(shown.contains("hush"), "{shown}");
}

#[test]
fn the_example_configuration_checks_without_a_word() {
    let folder = Folder::new("example");
    let example = in_repository("paging.example.conf");
    let (code, log) = run(&folder, &["--check", example.to_str().unwrap()], SOON);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("0 mistakes, 0 warnings"), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
}

#[test]
fn a_log_file_has_each_line_and_standard_error_has_none() {
    let folder = Folder::new("log");
    let file = folder.join("paging.log");
    let lines = format!(
        "[server]\nlog-file = {}\nlog-format = json\n",
        file.display()
    );
    let mut daemon = Daemon::start(&Conf::timer().more(&lines));
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    phone.hang_up();
    assert_eq!(daemon.stop().0, Some(0));
    let text = std::fs::read_to_string(&file).unwrap();
    let is_json = |line: &str| line.starts_with("{\"") && line.ends_with('}');
    assert!(text.lines().all(is_json), "{text}");
    for words in ["answering calls at", "caller hung up", "stopped"] {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
    assert_eq!(daemon.process.log(), "");
}

#[test]
fn what_helps_somebody_far_away_is_in_one_file_without_secrets() {
    let folder = Folder::new("support");
    let text = "[sip]\ndomain = pbx.invalid\nuser = me\npass = hush%1\n[audio]\nbackend = timer\n\
                [user:door]\npass = sesame-open\n[http]\nlisten = 127.0.0.1:9\n\
                [server]\nlog-file = paging.log\n";
    let conf = folder.write("site.conf", text);
    folder.write("paging.log", "the last words, hush%1 among them\n");
    let file = folder.join("report.txt");
    let output = format!("--output={}", file.display());
    let words = ["support", output.as_str(), conf.to_str().unwrap()];
    let (code, told) = run(&folder, &words, 3 * SOON);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("report.txt") && told.contains("left out"),
        "{told}"
    );
    let report = std::fs::read_to_string(&file).unwrap();
    for part in [
        env!("CARGO_PKG_VERSION"),
        "== health\n(nobody answers at 127.0.0.1:9",
        "0 mistakes",
        "domain = pbx.invalid",
        "the last words, (secret) among them",
        "== history",
        "== disks",
    ] {
        assert!(report.contains(part), "{part:?} is not in:\n{report}");
    }
    assert!(
        !report.contains("hush%1") && !report.contains("sesame"),
        "{report}"
    );
    let (code, again) = run(&folder, &words, 3 * SOON);
    assert_eq!(code, Some(1), "{again}");
    assert!(again.contains("cannot write"), "{again}");
}

#[test]
fn the_version_is_told() {
    let folder = Folder::new("version");
    let (code, text) = run(&folder, &["--version"], SOON);
    assert_eq!(
        (code, text.contains(env!("CARGO_PKG_VERSION"))),
        (Some(0), true),
        "{text}"
    );
}

#[test]
fn jack_ports_are_listed_as_they_always_were() {
    let jackd = Jackd::start(48_000, 256);
    let folder = Folder::new("ports");
    let server = client_environment(&jackd.name);
    let (code, text) = run_with(&folder, &["--dump-jack-ports"], SOON, &server);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Detected jack ports:"), "{text}");
    assert!(text.contains("system:playback_1"), "{text}");
    assert!(
        text.contains("type: output (speakers, audio card or such)"),
        "{text}"
    );
    assert!(
        text.contains("type: input (player or other sound source)"),
        "{text}"
    );
}

#[test]
fn the_test_phone_calls_plays_and_counts() {
    let daemon = Daemon::start(&Conf::timer().calls("hold-concurrent = no"));
    let folder = Folder::new("caller");
    let wav = folder.join("hello.wav");
    signal::write_wav(&wav, 8_000, &[&signal::speech(8_000, 1.0)]);
    let target = format!("sip:100@{}", daemon.sip);
    let (code, text) = run(
        &folder,
        &[
            "call",
            &target,
            "--play",
            wav.to_str().unwrap(),
            "--record",
            "heard.wav",
        ],
        SOON,
    );
    assert_eq!(code, Some(0), "{text}");
    assert!(folder.join("heard.wav").exists(), "{text}");

    let many = [
        "call",
        &target,
        "--calls",
        "20",
        "--concurrent",
        "5",
        "--duration",
        "0.3",
    ];
    let (code, text) = run(&folder, &many, SOON * 3);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("20"), "{text}");
}

#[test]
fn the_test_phone_measures_how_late_it_is_heard_at_the_speakers() {
    let jackd = Jackd::start(48_000, 256);
    let folder = Folder::new("measure");
    let daemon = Daemon::start(&Conf::jack(&jackd));
    jackd.wait_until_fed("system:playback_1", "paging:", SOON);
    let target = format!("sip:100@{}", daemon.sip);
    let environment = client_environment(&jackd.name);
    let measure = |argument: &str| {
        let arguments = ["call", &target, argument];
        run_with(&folder, &arguments, 4 * SOON, &environment)
    };
    let (code, log) = measure("--measure");
    assert_eq!(code, Some(0), "{log}");
    let found = log.split("marks ").nth(1).unwrap().trim_start();
    let n_heard: u32 = found.split(' ').next().unwrap().parse().unwrap();
    assert!(n_heard >= 15, "{log}");
    assert!(log.contains("heard at system:playback_1"), "{log}");
    let median = log.split("delay ").nth(1).unwrap();
    let median = median.split("median ").nth(1).unwrap();
    let ms: f32 = median.split(' ').next().unwrap().parse().unwrap();
    // No packet arrives before it is sent and played; the rest depends on the machine.
    assert!((3.0..150.0).contains(&ms), "{log}");

    let (code, log) = measure("--measure=no-such-port");
    assert_eq!(code, Some(1), "{log}");
    assert!(
        log.contains("no port that takes sound matches no-such-port"),
        "{log}"
    );
}

#[test]
fn the_test_phone_fails_when_nobody_answers() {
    let folder = Folder::new("nobody");
    let nobody = format!("sip:100@{}", common::ports::free_address());
    let (code, text) = run(&folder, &["call", &nobody], Duration::from_secs(40));
    assert_eq!(code, Some(1), "{text}");
}

#[test]
fn a_sound_file_plays_through_the_call_path() {
    let folder = Folder::new("play");
    let wav = folder.join("chime.wav");
    signal::write_wav(&wav, 8_000, &[&signal::sine(8_000, 700.0, 0.3, 0.5)]);
    let conf = folder.write("a.conf", "[audio]\nbackend = timer\n");
    let arguments = [
        "--test-audio-file",
        wav.to_str().unwrap(),
        conf.to_str().unwrap(),
    ];
    let (code, text) = run(&folder, &arguments, SOON);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run(&folder, &["--test-audio-file", "/nowhere.wav"], SOON);
    assert_eq!(code, Some(2), "{text}");
}

#[test]
fn the_demo_runs_the_whole_job_and_leaves_sound_and_picture() {
    let folder = Folder::new("demo");
    let (code, text) = run(&folder, &["demo"], Duration::from_secs(60));
    assert_eq!(code, Some(0), "{text}");
    let (rate, sound) = signal::read_wav(&folder.join("demo.wav"));
    let seconds = sound.len() as f32 / rate as f32;
    assert!((3.0..60.0).contains(&seconds), "the demo lasts {seconds} s");
    assert!(measure::rms(&sound) > 0.01, "the demo is silent");
    let picture = ["demo.svg", "demo.png"].map(|name| folder.join(name));
    assert!(
        picture.iter().any(|path| path.exists()),
        "no picture:\n{text}"
    );
    for word in ["klaxon", "speakers", "music after"] {
        assert!(
            text.to_lowercase().contains(word),
            "{word} is not in the timeline:\n{text}"
        );
    }
}

//! Is every option understood, old spellings included?

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::*;

fn args(line: &str) -> Args {
    try_args(line).unwrap()
}

fn try_args(line: &str) -> Result<Args, clap::Error> {
    Args::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_holds_together() {
    Args::command().debug_assert();
}

#[test]
fn a_call_is_a_command_and_a_file_beside_one_is_a_file() {
    let call = args("paging call sip:100@192.0.2.1 --calls 500 --concurrent 50 --rate 20.5");
    let Task::Call(call) = call.task() else {
        panic!("{call:?}");
    };
    assert_eq!(
        (call.calls, call.concurrent, call.rate, call.local_port),
        (500, 50, 20.5, 0)
    );
    assert_eq!(args("paging ./call").conf, [PathBuf::from("./call")]);
    let two = args("paging a.conf call");
    assert_eq!(two.conf, [PathBuf::from("a.conf"), PathBuf::from("call")]);
    assert_eq!(two.task(), Task::Run);
    assert_eq!(args("paging -d -- demo").conf, [PathBuf::from("demo")]);
}

#[test]
fn of_several_questions_the_first_in_the_old_order_is_answered() {
    let rest = [
        ("--dump-conf-defaults", Task::DumpConfDefaults),
        ("--dump-conf", Task::DumpConf),
        ("--check", Task::Check),
        ("--dump-pjsua-devices", Task::DumpDevices),
        ("--dump-pjsua-conf-ports", Task::DumpConfPorts),
        ("--dump-jack-ports", Task::DumpJackPorts),
        (
            "--test-audio-file=x.wav",
            Task::TestAudioFile(Path::new("x.wav")),
        ),
    ];
    for from in 0..rest.len() {
        let mut options: Vec<&str> = rest[from..].iter().map(|(option, _)| *option).collect();
        options.reverse();
        let args = args(&format!("paging {}", options.join(" ")));
        assert_eq!(args.task(), rest[from].1);
    }
    assert_eq!(args("paging --dump-devices").task(), Task::DumpDevices);
    assert_eq!(args("paging").task(), Task::Run);
}

#[test]
fn options_become_values_before_those_of_files() {
    let told = |line: &str| -> Vec<String> {
        let overrides = args(line).overrides();
        let text = |over: &Override| format!("{} {}={}", over.option, over.key, over.value);
        overrides.iter().map(text).collect()
    };
    assert_eq!(told("paging"), Vec::<String>::new());
    assert_eq!(told("paging -d"), ["--debug debug=yes"]);
    assert_eq!(
        told("paging --sip-log-level 0 --log-format json --sentry-dsn="),
        [
            "--pjsua-log-level pjsua-log-level=0",
            "--log-format log-format=json",
            "--sentry-dsn sentry_dsn="
        ]
    );
    for key in args("paging -d --sip-log-level 1 --log-format text --sentry-dsn x").overrides() {
        let is_it = |row: &&crate::config::Key| row.section == key.section && row.name == key.key;
        assert!(crate::config::keys().any(|row| is_it(&row)), "{key:?}");
    }
}

#[test]
fn long_options_may_be_shortened_as_before() {
    assert!(args("paging --deb").debug);
    assert!(args("paging --dump-conf").dump_conf);
    assert!(!args("paging --dump-conf").dump_conf_defaults);
    assert!(args("paging --dump-conf-d").dump_conf_defaults);
    assert_eq!(args("paging --pjsua 3").pjsua_log_level, Some(3));
}

#[test]
fn wrong_command_lines_are_refused_with_2() {
    for line in [
        "paging --no-such-thing",
        "paging --pjsua-log-level 11",
        "paging --pjsua-log-level x",
        "paging --log-format xml",
        "paging --test-audio-file",
        "paging call",
        "paging call 100",
        "paging call sip:",
        "paging call sip:1@h --dtmf 12x",
        "paging call sip:1@h --calls 0",
        "paging call sip:1@h --rate 0",
        "paging call sip:1@h --rate nan",
        "paging call sip:1@h --duration -1",
        "paging call sip:1@h --pass x",
        "paging call sip:1@h --account a --user b",
        "paging --debug call sip:1@h extra --calls",
        "paging demo --seconds 0",
    ] {
        let error = try_args(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{line}");
    }
}

#[test]
fn version_and_help_go_to_stdout_and_end_well() {
    let version = try_args("paging --version").unwrap_err();
    assert_eq!(
        (version.kind(), version.exit_code()),
        (ErrorKind::DisplayVersion, 0)
    );
    assert!(!version.use_stderr());
    let help = try_args("paging --help").unwrap_err();
    assert!(!help.use_stderr());
    let text = help.to_string();
    for taught in [
        "paging demo",
        "domain = pbx.example.com",
        "Exit codes",
        "--show-secrets",
    ] {
        assert!(text.contains(taught), "{taught}");
    }
}

#[test]
fn named_files_come_last_and_must_be_there() {
    let sources = args("paging a.conf").sources();
    let paths: Vec<_> = sources.iter().map(|s| s.path.to_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "paging.conf",
            "/etc/paging.conf",
            "callpipe.conf",
            "/etc/callpipe.conf",
            "a.conf"
        ]
    );
    let required: Vec<bool> = sources.iter().map(|s| s.is_required).collect();
    assert_eq!(required, [false, false, false, false, true]);
}

#[test]
fn a_tilde_is_the_home_directory() {
    let home = Some(Path::new("/home/p"));
    for (path, meant) in [
        ("~/a.conf", "/home/p/a.conf"),
        ("~", "/home/p/"),
        ("a~/b", "a~/b"),
        ("~other/a", "~other/a"),
        ("/x", "/x"),
    ] {
        assert_eq!(in_home(Path::new(path), home), Path::new(meant), "{path}");
    }
    assert_eq!(in_home(Path::new("~/a"), None), Path::new("~/a"));
}

#[test]
fn keys_and_times_of_a_call_are_understood() {
    let args = args("paging call sip:1@h;transport=tcp --dtmf 1,2#a --duration 1.5s");
    let Task::Call(call) = args.task() else {
        panic!("{args:?}");
    };
    assert_eq!(call.dtmf.as_deref(), Some("1,2#A"));
    assert_eq!(call.duration, Some(Duration::from_millis(1_500)));
}

//! Does every mistake of the operator get one clear line and the right exit code?
#![allow(clippy::unwrap_used)]

mod common;

use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use common::daemon::{Conf, run, run_with};
use common::folder::{Folder, in_repository};
use common::ports::{free_address, free_block};

const SOON: Duration = Duration::from_secs(10);

/// Runs the daemon with `conf` to its end, which must come by itself.
fn fails(conf: &Conf) -> (Option<i32>, String) {
    let folder = Folder::new("mistake");
    let text = conf.text(free_address(), free_block(300));
    let file = folder.write("bad.conf", text);
    run(&folder, &[file.to_str().unwrap()], SOON)
}

#[track_caller]
fn exits(conf: &Conf, code: i32, words: &[&str]) {
    let (exit, log) = fails(conf);
    assert_eq!(exit, Some(code), "{log}");
    for word in words {
        assert!(log.contains(word), "{word:?} is not in:\n{log}");
    }
    assert!(!log.contains("panicked"), "{log}");
}

#[test]
fn a_klaxon_that_cannot_be_played_is_named_with_its_line() {
    let missing = Conf::timer().audio("klaxon = /nowhere/klaxon.wav");
    exits(
        &missing,
        2,
        &[
            "bad.conf:",
            "klaxon",
            "/nowhere/klaxon.wav",
            "does not exist",
        ],
    );
    exits(
        &Conf::timer().audio("klaxon = /etc"),
        2,
        &["/etc", "not a regular file"],
    );
    let text = in_repository("Cargo.toml");
    let not_audio = Conf::timer().audio(&format!("klaxon = {}", text.display()));
    exits(&not_audio, 2, &["Cargo.toml", "not an audio file"]);
}

#[test]
fn a_log_file_that_cannot_be_written_is_named_with_its_line() {
    let nowhere = Conf::timer().more("[server]\nlog-file = /nowhere/paging.log\n");
    let words = [
        "bad.conf:",
        "log-file",
        "/nowhere/paging.log",
        "this user may write",
    ];
    exits(&nowhere, 2, &words);
}

#[test]
fn a_regexp_that_does_not_compile_is_shown() {
    exits(
        &Conf::timer().audio("jack-output-ports = system:(play"),
        2,
        &["jack-output-ports", "system:(play"],
    );
    exits(
        &Conf::timer().audio("jack-music-client-name = *x"),
        2,
        &["jack-music-client-name"],
    );
}

#[test]
fn all_mistakes_come_at_once_each_with_its_line() {
    let folder = Folder::new("all");
    let file = folder.write(
        "bad.conf",
        "[sip]\nmax-calls = many\n[audio]\nduck = loud\nklaxon = /nowhere.wav\n\
         [calls]\nhold-concurrent = perhaps\n",
    );
    let (code, log) = run(&folder, &["--check", file.to_str().unwrap()], SOON);
    assert_eq!(code, Some(2), "{log}");
    for place in ["bad.conf:2", "bad.conf:4", "bad.conf:5", "bad.conf:7"] {
        assert!(log.contains(place), "{place} is not in:\n{log}");
    }
}

#[test]
fn an_unknown_key_is_a_warning_with_the_nearest_name() {
    let folder = Folder::new("unknown");
    let file = folder.write("odd.conf", "[audio]\nklaxxon = x.wav\n[adio]\n");
    let (code, log) = run(&folder, &["--check", file.to_str().unwrap()], SOON);
    assert_eq!(code, Some(0), "{log}");
    assert!(
        log.contains("odd.conf:2") && log.contains("klaxon"),
        "{log}"
    );
    assert!(log.contains("odd.conf:3") && log.contains("audio"), "{log}");
}

#[test]
fn a_device_that_is_not_there_is_named() {
    let conf = Conf {
        audio: "backend = device\ndevice = no-such-card-anywhere\n".into(),
        ..Conf::default()
    };
    exits(&conf, 1, &["no-such-card-anywhere"]);
}

#[test]
fn two_devices_that_match_are_both_named() {
    let folder = Folder::new("devices");
    let alsa = folder.write(
        "asound.conf",
        "pcm.hall { type null hint { show on description \"The hall\" } }\n\
         pcm.hallway { type null hint { show on description \"The hallway\" } }\n",
    );
    let conf = Conf {
        audio: "backend = device\ndevice = hall\n".into(),
        ..Conf::default()
    };
    let file = folder.write("two.conf", conf.text(free_address(), free_block(300)));
    let environment = [("ALSA_CONFIG_PATH", alsa.to_str().unwrap().to_owned())];
    let (code, log) = run_with(&folder, &[file.to_str().unwrap()], SOON, &environment);
    assert_eq!(code, Some(2), "{log}");
    let complaints = log.lines().filter(|line| line.starts_with("paging: "));
    let complaints: Vec<&str> = complaints.collect();
    assert_eq!(complaints.len(), 1, "one clear line:\n{log}");
    for word in ["hall", "hallway"] {
        assert!(complaints[0].contains(word), "{log}");
    }
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_half_started() {
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    let taken_tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let registrar = UdpSocket::bind("127.0.0.1:0").unwrap();
    registrar
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let account = format!(
        "domain = {}\nuser = me\npass = secret",
        registrar.local_addr().unwrap()
    );
    for address in [taken.local_addr(), taken_tcp.local_addr()] {
        let address = address.unwrap();
        let folder = Folder::new("taken");
        let conf = Conf::timer().sip(&account).text(address, free_block(300));
        let file = folder.write("taken.conf", conf);
        let (code, log) = run(&folder, &[file.to_str().unwrap()], SOON);
        assert_eq!(code, Some(1), "{log}");
        let complaints: Vec<&str> = log.lines().filter(|l| l.starts_with("paging: ")).collect();
        assert_eq!(complaints.len(), 1, "one clear line:\n{log}");
        let named = complaints[0].contains(&address.to_string());
        assert!(named && complaints[0].contains("in use"), "{log}");
        assert!(registrar.recv(&mut [0; 2_000]).is_err(), "it registered");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = Folder::new("unreadable");
    let place = folder.path().to_str().unwrap();
    let (code, log) = run(&folder, &[place], SOON);
    assert_eq!(code, Some(2), "{log}");
    assert!(
        log.contains(place) && log.contains("is a directory"),
        "{log}"
    );

    let locked = folder.write("locked.conf", "[sip]\n");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&locked).is_ok() {
        return; // The administrator may read everything.
    }
    let (code, log) = run(&folder, &[locked.to_str().unwrap()], SOON);
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("locked.conf"), "{log}");
}

#[test]
fn a_configuration_file_that_is_not_there_ends_with_2() {
    let folder = Folder::new("none");
    let (code, log) = run(&folder, &["/nowhere/paging.conf"], SOON);
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("/nowhere/paging.conf"), "{log}");
    let (code, log) = run(&folder, &["--no-such-option"], SOON);
    assert_eq!(code, Some(2), "{log}");
}

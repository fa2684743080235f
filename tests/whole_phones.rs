//! Do phones that others wrote register with the daemon, and call it with their password?
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::baresip::Baresip;
use common::daemon::{Conf, Daemon, run};
use common::folder::{Folder, in_repository};
use common::jack_client::Recorder;
use common::jackd::Jackd;
use common::linphone::Linphone;
use common::ports::free_address;
use common::process::Process;
use common::sipp::Sipp;
use common::{measure, signal};

const LONG: Duration = Duration::from_secs(30);

fn daemon() -> Daemon {
    let conf = Conf::timer().sip("require-auth = yes");
    Daemon::start(&conf.more("[user:desk]\npass = hush1\n[user:yard]\npass = hush2"))
}

/// Every phone has the name and password of a user, registers, calls and leaves.
fn has_registered_and_called(daemon: &Daemon) {
    daemon
        .process
        .wait_for("user desk has registered from 127.0.0.1", LONG);
    daemon.process.wait_for("on the speakers", LONG);
    assert!(!daemon.process.log().contains("hush1"));
}

#[test]
fn baresip_registers_and_calls() {
    let daemon = daemon();
    let mut phone = Baresip::registered(daemon.sip, "desk", "hush1", 4);
    phone.wait_established(LONG);
    has_registered_and_called(&daemon);
    phone.finish(LONG);
    daemon
        .process
        .wait_for("user desk is not registered any more", LONG);
}

#[test]
fn linphone_registers_and_calls() {
    let daemon = daemon();
    let sip = daemon.sip;
    let mut phone = Linphone::start(&format!(
        "default_proxy=0\n\
         [proxy_0]\nreg_proxy=<sip:{sip};transport=udp>\nreg_identity=<sip:desk@{sip}>\n\
         reg_expires=60\nreg_sendregister=1\n\
         [auth_info_0]\nusername=desk\npasswd=hush1\nrealm=paging\n"
    ));
    let phone = &mut phone.process;
    daemon.process.wait_for("user desk has registered", LONG);
    phone.say(&format!("call sip:100@{sip}"));
    phone.wait_for("connected", LONG);
    has_registered_and_called(&daemon);
    phone.say("terminate");
    daemon.process.wait_for("ended: caller hung up", LONG);
    phone.say("quit");
    daemon
        .process
        .wait_for("user desk is not registered any more", LONG);
}

#[test]
fn linphone_is_heard_with_srtp() {
    let jackd = Jackd::start(48_000, 256);
    let daemon = Daemon::start(&Conf::jack(&jackd).sip("srtp = required"));
    let folder = Folder::new("linphone-sound");
    let wav = folder.join("tone.wav");
    signal::write_wav(&wav, 8_000, &[&signal::sine(8_000, 1_000.0, 0.3, 3.0)]);
    let mut phone =
        Linphone::start("default_proxy=-1\nmedia_encryption=srtp\nmedia_encryption_mandatory=1");
    let phone = &mut phone.process;
    phone.say("soundcard use files");
    phone.wait_for("Using wav files", LONG);
    let recorder = Recorder::start(&jackd);
    phone.say(&format!("call sip:100@{}", daemon.sip));
    phone.wait_for("Media streams established", LONG);
    phone.say(&format!("play {}", wav.display()));
    std::thread::sleep(Duration::from_millis(3_500));
    let heard = recorder.stop();
    phone.say("terminate");
    daemon.process.wait_for("ended: caller hung up", LONG);
    let n = measure::n_tenths(&heard.left, 48_000, 1_000.0);
    assert!(n >= 12, "heard for {n} tenths\n{}", phone.log());
    daemon.process.wait_for("packets received", LONG);
    assert!(!daemon.process.log().contains("malformed"));
}

/// PCMU as a file of bare bytes.
fn bytes_of(sound: &[f32]) -> Vec<u8> {
    sound.iter().map(|&sample| signal::ulaw(sample)).collect()
}

/// Net::SIP of Perl, which shares no code with any other peer here.
fn net_sip(arguments: &[&str]) -> Process {
    let script = in_repository("tests/data/net-sip.pl");
    Process::spawn("perl", |command| {
        command.arg(script).args(arguments);
    })
}

#[test]
fn net_sip_registers_calls_with_its_password_and_is_heard() {
    let jackd = Jackd::start(48_000, 256);
    let conf = Conf::jack(&jackd).sip("require-auth = yes");
    let daemon = Daemon::start(&conf.more("[user:desk]\npass = hush1"));
    let folder = Folder::new("net-sip");
    let sound = folder.write("sound", bytes_of(&signal::sine(8_000, 1_000.0, 0.3, 3.0)));
    let heard = folder.join("heard");
    let recorder = Recorder::start(&jackd);
    let mut phone = net_sip(&[
        "call",
        &daemon.sip.to_string(),
        &free_address().port().to_string(),
        sound.to_str().unwrap(),
        heard.to_str().unwrap(),
        "desk",
        "hush1",
    ]);
    for what in ["registered", "answered", "spoken", "hung up", "gone"] {
        phone.wait_for(what, LONG);
    }
    let recording = recorder.stop();
    assert_eq!(phone.wait(LONG).and_then(|status| status.code()), Some(0));
    has_registered_and_called(&daemon);
    daemon.process.wait_for("ended: caller hung up", LONG);
    daemon
        .process
        .wait_for("user desk is not registered any more", LONG);
    let n = measure::n_tenths(&recording.left, 48_000, 1_000.0);
    assert!(n >= 15, "heard for {n} tenths\n{}", phone.log());
    // It gets our packets too: silence, as nobody plays anything to it.
    assert!(std::fs::read(heard).unwrap().len() > 8_000);
}

#[test]
fn net_sip_answers_a_call_of_ours_and_both_are_heard() {
    let folder = Folder::new("net-sip");
    let (heard, recorded) = (folder.join("heard"), folder.join("recorded.wav"));
    let wav = folder.join("tone.wav");
    signal::write_wav(&wav, 8_000, &[&signal::sine(8_000, 1_000.0, 0.3, 2.0)]);
    let port = free_address().port().to_string();
    let phone = net_sip(&["answer", &port, heard.to_str().unwrap()]);
    phone.wait_for("listening", LONG);
    let (code, text) = run(
        &folder,
        &[
            "call",
            &format!("sip:100@127.0.0.1:{port}"),
            "--codec",
            "pcmu",
            "--play",
            wav.to_str().unwrap(),
            "--record",
            recorded.to_str().unwrap(),
        ],
        LONG,
    );
    assert_eq!(code, Some(0), "{text}");
    phone.wait_for("they hung up", LONG);
    let heard: Vec<f32> = std::fs::read(heard)
        .unwrap()
        .into_iter()
        .map(signal::from_ulaw)
        .collect();
    let n = measure::n_tenths(&heard, 8_000, 1_000.0);
    assert!(n >= 18, "it heard {n} tenths of 20");
    // It sends back what it hears.
    let (rate, recorded) = signal::read_wav(&recorded);
    let n = measure::n_tenths(&recorded, rate, 1_000.0);
    assert!(n >= 15, "we heard {n} tenths of 20\n{text}");
}

#[test]
fn sipp_registers_a_hundred_times() {
    let daemon = daemon();
    let arguments = ["-m", "100", "-r", "50", "-au", "desk", "-ap", "hush1"];
    let run = Sipp::start("register.xml", daemon.sip, &arguments, &[]);
    let score = run.finish(LONG);
    assert_eq!((score.n_succeeded, score.n_failed), (100, 0), "{score:?}");
    let is_told = |status: &str| status.contains("1 user registered");
    daemon.notify.wait_status(is_told, LONG).unwrap();
}

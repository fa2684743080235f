//! Do phones that others wrote register with the daemon, and call it with their password?
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::baresip::Baresip;
use common::daemon::{Conf, Daemon};
use common::folder::Folder;
use common::ports::free_address;
use common::process::Process;
use common::sipp::Sipp;

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
    let folder = Folder::new("linphone");
    std::fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
    let (sip, own) = (daemon.sip, free_address().port());
    let settings = format!(
        "[sip]\nsip_port={own}\nsip_tcp_port=-1\nsip_tls_port=-1\nuse_ipv6=0\ndefault_proxy=0\n\
         [proxy_0]\nreg_proxy=<sip:{sip};transport=udp>\nreg_identity=<sip:desk@{sip}>\n\
         reg_expires=60\nreg_sendregister=1\n\
         [auth_info_0]\nusername=desk\npasswd=hush1\nrealm=paging\n"
    );
    let file = folder.write("linphonerc", settings);
    let mut phone = Process::spawn("linphonec", |command| {
        command.arg("-b").arg(&file).arg("-c").arg(&file);
        command.env("HOME", folder.path()).env("TERM", "dumb");
    });
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
fn sipp_registers_a_hundred_times() {
    let daemon = daemon();
    let arguments = ["-m", "100", "-r", "50", "-au", "desk", "-ap", "hush1"];
    let run = Sipp::start("register.xml", daemon.sip, &arguments, &[]);
    let score = run.finish(LONG);
    assert_eq!((score.n_succeeded, score.n_failed), (100, 0), "{score:?}");
    let is_told = |status: &str| status.contains("1 user registered");
    daemon.notify.wait_status(is_told, LONG).unwrap();
}

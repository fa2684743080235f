//! Does the configuration let users in, keep others out, and have messages written down?
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon, run};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn users_register_and_call_strangers_do_not_and_all_is_seen() {
    let conf = Conf::timer()
        .sip("require-auth = yes\ntrace = yes")
        .more("[user:desk]\npass = hush%1");
    let mut daemon = Daemon::start(&conf);
    let phone = Daemon::start(&Conf::timer().sip(&format!(
        "domain = {}\nuser = desk\npass = hush%1",
        daemon.sip
    )));
    daemon
        .process
        .wait_for("user desk has registered from", SOON);

    let uri = format!("sip:100@{}", daemon.sip);
    let call = |more: &[&str]| {
        let arguments = [&["call", &uri, "--duration", "0.5"], more].concat();
        run(&daemon.folder, &arguments, SOON * 2)
    };
    let (code, text) = call(&["--user", "desk", "--pass", "hush%1"]);
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = call(&[]);
    assert!(code == Some(1) && text.contains("401"), "{text}");

    let file = daemon.folder.join("sip-trace.pcap");
    let trace = std::fs::read(&file).unwrap();
    let text = String::from_utf8_lossy(&trace).into_owned();
    assert!(text.contains("REGISTER sip:") && text.contains("INVITE sip:100@"));
    assert!(text.contains("response=*") && !text.contains("hush"));

    // Without a trace and for other networks only, from now on.
    daemon.write_conf(&Conf::timer().sip("allow = 192.0.2.0/24"));
    daemon.reload();
    daemon.process.wait_for("[sip] allow", SOON);
    let begun = Instant::now();
    while daemon.phone().options(Duration::from_millis(500)).is_some() {
        assert!(begun.elapsed() < SOON, "still heard");
    }
    assert_eq!(daemon.stop().0, Some(0));
    assert!(!daemon.process.log().contains("hush"));
    drop(phone);
}

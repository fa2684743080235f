//! Does the daemon stay registered, whatever its registrar does? With a real one, kamailio.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::time::{Duration, Instant};

use common::baresip::Baresip;
use common::daemon::{Conf, Daemon};
use common::kamailio::Kamailio;
use common::phone::Phone;
use common::signal;
use common::sipp::Sipp;

const SOON: Duration = Duration::from_secs(5);

fn account(kamailio: &Kamailio, pass: &str) -> Conf {
    let account = format!(
        "domain = {}\nuser = speakers\npass = {pass}\nexpires = 60",
        kamailio.address
    );
    Conf::timer().sip(&account)
}

#[test]
fn it_registers_with_md5_and_with_sha_256_and_leaves_at_the_end() {
    // A lone per cent sign stopped the old program from knowing its password.
    for algorithm in ["MD5", "SHA-256"] {
        let kamailio = Kamailio::start(algorithm, "100%secret");
        let mut daemon = Daemon::start(&account(&kamailio, "100%secret"));
        kamailio.wait_for("REGISTERED speakers", SOON);
        let log = daemon.process.log();
        assert!(
            !log.contains("100%secret"),
            "the password is in the log:\n{log}"
        );
        let (code, took) = daemon.stop();
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(2), "stopping took {took:?}");
        kamailio.wait_for("RELEASED speakers", SOON);
    }
}

#[test]
fn calls_through_the_proxy_arrive_and_end() {
    let kamailio = Kamailio::start("MD5", "secret");
    let daemon = Daemon::start(&account(&kamailio, "secret").calls("hold-concurrent = no"));
    kamailio.wait_for("REGISTERED speakers", SOON);

    let speech = signal::speech(8_000, 1.0);
    let arguments = ["-m", "20", "-r", "10", "-d", "300", "-s", "speakers"];
    let sounds: [(&str, &[f32]); 1] = [("speech.ulaw", &speech)];
    let run = Sipp::start("call.xml", kamailio.address, &arguments, &sounds);
    let score = run.finish(Duration::from_secs(20));
    assert_eq!((score.n_succeeded, score.n_failed), (20, 0), "{score:?}");

    let mut baresip = Baresip::call(kamailio.address, "speakers", &speech, 3);
    baresip.wait_established(SOON);
    baresip.finish(SOON * 2);
    assert!(daemon.phone().options(SOON).is_some());
}

#[test]
fn a_registrar_that_reboots_needs_no_restart_of_ours() {
    let mut kamailio = Kamailio::start("MD5", "secret");
    let mut daemon = Daemon::start(&account(&kamailio, "secret"));
    kamailio.wait_for("REGISTERED speakers", SOON);
    kamailio.kill();
    // Longer than the ten seconds that it grants, so that the loss is noticed.
    let noticed = daemon
        .process
        .line_with("does not answer", Duration::from_secs(60));
    assert!(noticed.is_some(), "{}", daemon.process.log());
    assert!(daemon.process.is_running());
    let mut direct = daemon.phone();
    direct.call("100", SOON);
    direct.hang_up();
    kamailio.restart();
    let back = Instant::now();
    kamailio.wait_for("REGISTERED speakers", Duration::from_secs(65));
    println!(
        "registered {:?} after the registrar was back",
        back.elapsed()
    );
    let mut phone = Phone::new(kamailio.address);
    phone.invite("speakers");
    assert_eq!(phone.expect_final(SOON).status(), 200);
}

#[test]
fn a_wrong_password_is_one_clear_line_and_calls_still_work() {
    let kamailio = Kamailio::start("MD5", "secret");
    let mut daemon = Daemon::start(&account(&kamailio, "guess"));
    daemon.process.wait_for("the registrar refuses us", SOON);
    std::thread::sleep(Duration::from_millis(1_500));
    let log = daemon.process.log();
    let complaints: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("401") || line.contains("403"))
        .collect();
    assert_eq!(complaints.len(), 1, "one clear line:\n{log}");
    for word in ["account sip", "refuses", "check user and pass"] {
        assert!(
            complaints[0].contains(word),
            "{word} is not in {complaints:?}"
        );
    }
    assert!(!log.contains("guess"), "the password is in the log:\n{log}");
    assert!(daemon.process.is_running());
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    phone.hang_up();
}

//! Is the daemon's sound protected with phones that others wrote, and its signalling by TLS?
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;
use std::time::Duration;

use common::baresip::Baresip;
use common::daemon::{Conf, Daemon};
use common::ports::free_address;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

const LONG: Duration = Duration::from_secs(20);

fn tone() -> Vec<f32> {
    let hz_440 = |i| (i as f32 * 440.0 / 8_000.0 * std::f32::consts::TAU).sin() * 0.3;
    (0..16_000).map(hz_440).collect()
}

/// What the daemon says about the sound of a call that is over.
fn audio_line(daemon: &Daemon) -> String {
    daemon.process.wait_for("packets received", LONG);
    let log = daemon.process.log();
    let line = log.lines().rfind(|line| line.contains("packets received"));
    line.unwrap().to_owned()
}

fn n_received(line: &str) -> u32 {
    n_before(line, " packets received")
}

/// The number in front of these words, 0 if they are not there.
fn n_before(line: &str, words: &str) -> u32 {
    let Some((before, _)) = line.split_once(words) else {
        return 0;
    };
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn baresip_is_heard_with_srtp_in_each_of_its_manners() {
    for protection in ["srtp", "srtp-mand", "srtp-mandf"] {
        let daemon = Daemon::start(&Conf::timer().sip("srtp = required"));
        let mut phone = Baresip::call_protected(daemon.sip, "100", &tone(), 3, protection);
        phone.wait_established(LONG);
        phone.finish(LONG);
        let line = audio_line(&daemon);
        assert!(n_received(&line) > 50, "{protection}: {line}");
        // The first packets of baresip, which shall open a firewall, are not protected.
        let n_unproven = n_before(&line, " that failed the SRTP check");
        assert!(n_unproven <= 4 && !line.contains("malformed"), "{line}");
        let log = phone.process.log();
        assert!(!log.contains("unprotect"), "{protection}: {log}");
    }
}

#[test]
fn a_phone_without_srtp_is_heard_or_refused_as_configured() {
    let daemon = Daemon::start(&Conf::timer());
    let mut phone = Baresip::call(daemon.sip, "100", &tone(), 3);
    phone.wait_established(LONG);
    phone.finish(LONG);
    assert!(n_received(&audio_line(&daemon)) > 50);

    let daemon = Daemon::start(&Conf::timer().sip("srtp = required"));
    let phone = Baresip::call(daemon.sip, "100", &tone(), 3);
    phone.process.wait_for("488", LONG);
    daemon.process.wait_for("SRTP is required here", LONG);
}

#[test]
fn the_test_phone_calls_over_tls_with_srtp() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let pair = KeyPair::generate().unwrap();
    let names = vec!["127.0.0.1".to_owned()];
    let made = CertificateParams::new(names)
        .unwrap()
        .signed_by(&pair, &authority)
        .unwrap();
    let folder = common::folder::Folder::new("tls");
    let cert = folder.write("cert.pem", made.pem());
    let key = folder.write("key.pem", pair.serialize_pem());
    let ca = folder.write("ca.pem", authority.pem());
    let at = free_address();
    let conf = Conf::timer().sip(&format!(
        "listen = tls:{at}\ntls-cert = {}\ntls-key = {}\nsrtp = required",
        cert.display(),
        key.display()
    ));
    let daemon = Daemon::start(&conf);
    let call = |ca: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_paging"))
            .args(["call", &format!("sip:100@{at};transport=tls")])
            .args(["--srtp", "required", "--duration", "2"])
            .args(ca)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), text)
    };
    let (ok, text) = call(&["--tls-ca", ca.to_str().unwrap()]);
    assert!(ok, "{text}\n{}", daemon.process.log());
    let line = audio_line(&daemon);
    assert!(n_received(&line) > 50 && !line.contains("SRTP"), "{line}");
    let (ok, text) = call(&[]);
    assert!(!ok && text.contains("tls-ca"), "{text}");
}

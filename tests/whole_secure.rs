//! Is the daemon's sound protected with phones that others wrote, and its signalling by TLS?
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;
use std::time::Duration;

use common::baresip::Baresip;
use common::certificates::{Authority, NOW, identity};
use common::daemon::{Conf, Daemon};
use common::kamailio::Kamailio;
use common::phone::Phone;
use common::ports::free_address;

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
    let authority = Authority::new("test-phone");
    let files = authority.vouch_for("127.0.0.1", "server", NOW);
    let at = free_address();
    let lines = format!("listen = tls:{at}\nsrtp = required\n{}", identity(&files));
    let conf = Conf::timer().sip(&lines);
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
    let (ok, text) = call(&["--tls-ca", authority.ca.to_str().unwrap()]);
    assert!(ok, "{text}\n{}", daemon.process.log());
    let line = audio_line(&daemon);
    assert!(n_received(&line) > 50 && !line.contains("SRTP"), "{line}");
    let (ok, text) = call(&[]);
    assert!(!ok && text.contains("tls-ca"), "{text}");
}

#[test]
fn baresip_calls_over_tls_with_srtp() {
    let authority = Authority::new("baresip");
    let files = authority.vouch_for("127.0.0.1", "server", NOW);
    let at = free_address();
    let lines = format!("listen = tls:{at}\nsrtp = required\n{}", identity(&files));
    let daemon = Daemon::start(&Conf::timer().sip(&lines));
    let mut phone = Baresip::call_secure(at, "100", &tone(), &authority.ca);
    phone.wait_established(LONG);
    phone.finish(LONG);
    let line = audio_line(&daemon);
    assert!(n_received(&line) > 50, "{line}");
}

#[test]
fn kamailio_is_registrar_and_proxy_over_tls() {
    let authority = Authority::new("kamailio");
    let files = authority.vouch_for("localhost", "kamailio", NOW);
    let secure = free_address();
    let kamailio = Kamailio::start_secure(secure, files, "secret");
    let daemon = Daemon::start(&Conf::timer().sip(&format!(
        "domain = localhost:{}\ntransport = tls\nuser = speakers\npass = secret\ntls-ca = {}\n\
         trace = yes",
        secure.port(),
        authority.ca.display()
    )));
    kamailio.wait_for("REGISTERED speakers", LONG);
    // The caller speaks UDP with the proxy, the proxy TLS with us: two Record-Route fields.
    let mut phone = Phone::new(kamailio.address);
    let answer = phone.call("speakers", LONG);
    assert_eq!(
        answer.text.matches("\nRecord-Route:").count(),
        2,
        "{}",
        answer.text
    );
    phone.talk(&tone()[..4_000], |_| Some(Duration::ZERO));
    phone.hang_up();
    assert!(n_received(&audio_line(&daemon)) > 20);
    let trace = std::fs::read(daemon.folder.join("sip-trace.pcap")).unwrap();
    let text = String::from_utf8_lossy(&trace);
    assert!(text.contains("SIP/2.0/TLS") && text.contains("BYE sip:speakers@"));
    assert!(!text.contains("SIP/2.0/UDP 127.0.0.1:5060"));
}

#[test]
fn each_bad_certificate_is_one_clear_line_within_seconds() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let rows = [
        (
            "untrusted",
            others.vouch_for("localhost", "a", NOW),
            "write the authority's file as tls-ca",
        ),
        (
            "expired",
            ours.vouch_for("localhost", "b", (2001, 2002)),
            "has expired",
        ),
        (
            "misnamed",
            ours.vouch_for("pbx.example.com", "c", NOW),
            "is for other names",
        ),
    ];
    let mut conf = Conf::timer().sip(&format!("tls-ca = {}", ours.ca.display()));
    let mut registrars = Vec::new();
    for (name, files, _) in &rows {
        let at = free_address();
        let listen = format!("listen = tls:{at}\n{}", identity(files));
        registrars.push(Daemon::start(&Conf::timer().sip(&listen)));
        conf = conf.more(&format!(
            "[sip:{name}]\ndomain = localhost:{}\ntransport = tls\nuser = {name}",
            at.port()
        ));
    }
    let daemon = Daemon::start(&conf);
    for (name, _, wanted) in rows {
        daemon.process.wait_for(wanted, Duration::from_secs(10));
        let log = daemon.process.log();
        let is_told = |line: &&str| line.contains(wanted);
        let told: Vec<&str> = log.lines().filter(is_told).collect();
        assert_eq!(told.len(), 1, "{log}");
        assert!(
            told[0].contains(name) && told[0].contains("the certificate of"),
            "{told:?}"
        );
    }
    drop(registrars);
}

#[test]
fn a_pbx_that_wants_a_certificate_gets_ours_or_the_log_says_so() {
    let authority = Authority::new("mutual");
    let ca = format!("tls-ca = {}", authority.ca.display());
    let of = |name, file| identity(&authority.vouch_for(name, file, NOW));
    let at = free_address();
    let lines = format!(
        "listen = tls:{at}\ntls-verify-clients = yes\n{ca}\n{}",
        of("localhost", "a")
    );
    let pbx = Daemon::start(&Conf::timer().sip(&lines).more("[user:desk]\npass = hush"));
    let account = format!(
        "domain = localhost:{}\ntransport = tls\nuser = desk\npass = hush\n{ca}",
        at.port()
    );
    let without = Daemon::start(&Conf::timer().sip(&account));
    without
        .process
        .wait_for("ends TLS with us", Duration::from_secs(10));
    let log = without.process.log();
    assert!(log.contains("CertificateRequired"), "{log}");
    let with = format!("{account}\n{}", of("desk", "b"));
    let with = Daemon::start(&Conf::timer().sip(&with));
    pbx.process.wait_for("user desk has registered from", LONG);
    with.process.wait_for("registered", LONG);
}

//! Is the daemon's sound protected with phones that others wrote, and its signalling by TLS?
#![allow(clippy::unwrap_used)]

mod common;

use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::baresip::Baresip;
use common::certificates::{Authority, NOW, identity};
use common::daemon::{Conf, Daemon};
use common::kamailio::Kamailio;
use common::phone::{Message, Phone, packet};
use common::ports::free_address;
use common::signal;
use paging::base::{SrtpKey, SrtpKeys, SrtpSuite};
use paging::rtp::Srtp;

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
        // Its first report comes before its first sound, and from another address than it named.
        assert!(!line.contains("strangers"), "{line}");
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

/// A phone whose sound is protected by keys that it changes in the middle of a call.
struct Protected {
    phone: Phone,
    rtp: UdpSocket,
    key: SrtpKey,
    /// What the daemon protects by, as it said last.
    theirs: SrtpKey,
    end: Srtp,
    version: u8,
    sequence: u16,
}

impl Protected {
    fn call(daemon: &Daemon, suite: SrtpSuite) -> Self {
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        rtp.set_nonblocking(true).unwrap();
        let key = fresh(suite, 1);
        let mut phone = daemon.phone();
        phone.invite_with(&offer(&rtp, &key, 1));
        let theirs = key_in(&phone.answered(LONG), suite);
        Self {
            phone,
            rtp,
            key,
            theirs,
            end: end(key, theirs),
            version: 1,
            sequence: 0,
        }
    }

    /// Offers another key; the other side has to bring another one, too.
    fn rekey(&mut self, method: &str, suite: SrtpSuite) {
        self.version += 1;
        self.key = fresh(suite, self.version);
        let offer = offer(&self.rtp, &self.key, self.version);
        let answer = self.phone.change_with(method, &offer);
        assert_eq!(answer.status(), 200, "{}", answer.text);
        let theirs = key_in(&answer, suite);
        assert!(theirs != self.theirs, "the old key of ours goes on");
        self.theirs = theirs;
        self.end = end(self.key, theirs);
        // What came while we waited is of before.
        while self.rtp.recv(&mut [0; 2_048]).is_ok() {}
    }

    fn send(&self, bytes: &[u8]) {
        self.rtp.send_to(bytes, self.phone.media()).unwrap();
    }

    /// Speaks for a second; the packets that left, and how many came that the keys of now open
    /// and do not.
    fn talk(&mut self, tone: &[f32]) -> (Vec<Vec<u8>>, usize, usize) {
        let began = Instant::now();
        let (mut sent, mut n_opened, mut n_other) = (Vec::new(), 0, 0);
        for (n, frames) in (1..).zip(tone.chunks(160)) {
            self.sequence += 1;
            let plain = packet(self.sequence, 7, frames);
            let sealed = self.end.seal_rtp(&plain).unwrap().as_ref().to_vec();
            self.send(&sealed);
            sent.push(sealed);
            let mut buffer = [0; 2_048];
            while let Ok((length, _)) = self.rtp.recv_from(&mut buffer) {
                let is_silence = |opened: &[u8]| opened[12..].iter().all(|byte| *byte == 0xff);
                match self.end.open_rtp(&buffer[..length]) {
                    Some(opened) if is_silence(opened.as_ref()) => n_opened += 1,
                    Some(_) | None => n_other += 1,
                }
            }
            let next = began + Duration::from_millis(20) * n;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        (sent, n_opened, n_other)
    }
}

fn fresh(suite: SrtpSuite, version: u8) -> SrtpKey {
    let length = (suite.key_len() + suite.salt_len()) as u8;
    let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(31) ^ version).collect();
    SrtpKey::new(suite, &bytes).unwrap()
}

fn end(tx: SrtpKey, rx: SrtpKey) -> Srtp {
    let keys = SrtpKeys {
        tx,
        rx,
        rx_mki_len: 0,
    };
    Srtp::new(&keys).unwrap()
}

fn offer(rtp: &UdpSocket, key: &SrtpKey, version: u8) -> String {
    let port = rtp.local_addr().unwrap().port();
    let text = STANDARD.encode(key.key_and_salt());
    format!(
        "v=0\r\no=- 7 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/SAVP 0\r\na=crypto:1 {} inline:{text}\r\na=ptime:20\r\n",
        key.suite()
    )
}

/// The key in the answer, which has to be of the offered suite.
fn key_in(answer: &Message, suite: SrtpSuite) -> SrtpKey {
    let start = format!("a=crypto:1 {suite} inline:");
    let text = answer.body().lines().find_map(|l| l.strip_prefix(&start));
    let text = text.unwrap_or_else(|| panic!("no {start} in {}", answer.text));
    SrtpKey::new(suite, &STANDARD.decode(text.trim()).unwrap()).unwrap()
}

/// RFC 4568 §7.1.4: by re-INVITE and by UPDATE, with another suite as well.
#[test]
fn sound_goes_on_both_ways_when_a_phone_changes_its_keys() {
    let daemon = Daemon::start(&Conf::timer().sip("srtp = required"));
    let mut phone = Protected::call(&daemon, SrtpSuite::Aes128Sha1_80);
    let tone = signal::sine(8_000, 1_000.0, 0.4, 1.0);
    let (mut before, n_opened, _) = phone.talk(&tone);
    assert!(n_opened > 10, "{n_opened} packets came");
    let mut n_bad = 0;
    for (method, suite) in [
        ("INVITE", SrtpSuite::Aes256Gcm),
        ("UPDATE", SrtpSuite::Aes128Sha1_80),
        ("INVITE", SrtpSuite::Aes128Sha1_80),
    ] {
        phone.rekey(method, suite);
        let (sent, n_opened, n_other) = phone.talk(&tone);
        // What was on its way when we asked came under the old key.
        assert!(
            n_opened > 10 && n_other < n_opened / 2,
            "{method}: {n_opened}, {n_other}"
        );
        // Neither the new key nor, from now on, the old one opens anything twice.
        for replayed in [&sent[10], &sent[49], &before[20]] {
            for _ in 0..10 {
                phone.send(replayed);
                n_bad += 1;
            }
        }
        before = sent;
    }
    // So that nothing of it is still on its way.
    phone.talk(&tone);
    phone.phone.hang_up();
    let line = audio_line(&daemon);
    assert!(n_received(&line) >= 225, "of 250: {line}");
    let n_found = n_before(&line, " that failed the SRTP check");
    // The first packets under a new key may come before the sound side has it.
    assert!((n_bad..n_bad + 9).contains(&n_found), "{n_bad}: {line}");
}

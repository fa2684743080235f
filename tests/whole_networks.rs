//! Is the daemon at home at every address, and does it give back what it takes?
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use common::baresip::Baresip;
use common::certificates::{Authority, NOW, identity};
use common::daemon::{Conf, Daemon, run};
use common::phone::{Phone, packet};
use common::ports::free_address;

const LONG: Duration = Duration::from_secs(20);

fn tone(seconds: f32) -> Vec<f32> {
    let hz_440 = |i| (i as f32 * 440.0 / 8_000.0 * std::f32::consts::TAU).sin() * 0.3;
    (0..(seconds * 8_000.0) as usize).map(hz_440).collect()
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + LONG;
    while !done() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn sound_and_answers_come_from_the_address_that_was_called() {
    let sip = free_address();
    let listen = format!("listen = 0.0.0.0:{} [::]:{}", sip.port(), sip.port());
    let mut daemon = Daemon::spawn_at(&Conf::timer().sip(&listen), sip);
    daemon.wait_ready();
    for ip in ["127.0.0.5", "127.77.0.1", "127.0.0.1"] {
        let at = SocketAddr::new(ip.parse().unwrap(), sip.port());
        let mut phone = Phone::new(at);
        let answer = phone.call("100", LONG);
        assert_eq!(answer.from, at);
        assert!(answer.header("Contact").contains(&at.to_string()));
        assert_eq!(phone.media().ip(), at.ip(), "{}", answer.text);
        phone.talk(&tone(0.3), |_| Some(Duration::ZERO));
        let mut heard = BTreeSet::new();
        wait("sound from the daemon", || {
            heard.append(&mut phone.heard_from());
            !heard.is_empty()
        });
        assert_eq!(heard, [phone.media()].into());
        phone.hang_up();
    }
}

#[test]
fn a_call_over_ipv6_has_its_sound_over_ipv6() {
    let sip = free_address();
    let listen = format!("listen = 0.0.0.0:{} [::]:{}", sip.port(), sip.port());
    let mut daemon = Daemon::spawn_at(&Conf::timer().sip(&listen).sip("trace = yes"), sip);
    daemon.wait_ready();
    let at = SocketAddr::new("::1".parse().unwrap(), sip.port());
    let mut baresip = Baresip::call(at, "100", &tone(2.0), 3);
    baresip.wait_established(LONG);
    baresip.finish(LONG);
    daemon.process.wait_for("packets received, 0 lost", LONG);
    for transport in ["udp", "tcp"] {
        let uri = format!("sip:100@{at};transport={transport}");
        let arguments = ["call", uri.as_str(), "--duration", "1"];
        let (code, text) = run(&daemon.folder, &arguments, LONG);
        assert_eq!(code, Some(0), "{text}");
    }
    wait("three calls with sound", || {
        let log = daemon.process.log();
        let lines = log
            .lines()
            .filter(|line| line.contains(" packets received"));
        lines.filter(|line| !line.contains(": 0 packets")).count() == 3
    });
    let trace = std::fs::read(daemon.folder.join("sip-trace.pcap")).unwrap();
    let text = String::from_utf8_lossy(&trace);
    assert!(text.contains("c=IN IP6 ::1") && !text.contains("c=IN IP4"));
}

#[test]
fn who_guesses_the_port_of_a_call_is_neither_heard_nor_served() {
    let daemon = Daemon::start(&Conf::timer());
    let mut phone = daemon.phone();
    phone.call("100", LONG);
    let talking = phone.start_talking(tone(3.0));
    wait("sound from the daemon", || phone.n_heard() > 0);
    let strangers: Vec<UdpSocket> = ["127.0.0.66:0", "127.0.0.1:0"]
        .map(|at| UdpSocket::bind(at).unwrap())
        .into();
    let begun = Instant::now();
    let mut n_sent = 0;
    while !talking.is_finished() && begun.elapsed() < Duration::from_secs(2) {
        for stranger in &strangers {
            let guess = packet(n_sent, 4_711, &[0.9; 160]);
            stranger.send_to(&guess, phone.media()).unwrap();
        }
        n_sent += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(phone.n_heard() > 0);
    // A test that stands still for a second is a peer that fell silent: hence not zero.
    for stranger in &strangers {
        stranger.set_nonblocking(true).unwrap();
        let served = std::iter::from_fn(|| stranger.recv_from(&mut [0; 2_048]).ok()).count();
        assert!(served < 25, "a stranger hears {served} packets of the call");
    }
    talking.join().unwrap();
    phone.hang_up();
    daemon.process.wait_for("from strangers", LONG);
    let log = daemon.process.log();
    let line = log.lines().find(|l| l.contains("from strangers")).unwrap();
    let number = |words: &str| -> usize {
        let before = line.split_once(words).unwrap().0;
        before.rsplit(' ').next().unwrap().parse().unwrap()
    };
    // The packets of both strangers, and those of the peer.
    let all = usize::from(n_sent) * 2;
    assert!(
        (all - 25..=all).contains(&number(" from strangers")),
        "{all}: {line}"
    );
    let received = number(" packets received");
    assert!((140..=175).contains(&received), "{line}");
}

/// Descriptors that the daemon has open.
fn n_open(daemon: &Daemon) -> usize {
    let folder = format!("/proc/{}/fd", daemon.process.pid());
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn every_port_comes_back_however_a_call_ends() {
    let conf = Conf::timer()
        .sip("max-calls = 3")
        .calls("hold-concurrent = no\nanswer-delay = 50ms");
    let daemon = Daemon::start(&conf);
    let answered = || {
        let mut phone = daemon.phone();
        phone.call("100", LONG);
        phone
    };
    answered().hang_up();
    wait("the first call to be over", || {
        daemon.process.log().contains("packets received")
    });
    let before = n_open(&daemon);
    for _ in 0..25 {
        let mut phone = answered();
        assert!(phone.reinvite("sendonly").status() == 200);
        phone.hang_up();

        let mut phone = daemon.phone();
        phone.invite("100");
        assert_eq!(phone.cancel().status(), 487);

        let mut phone = answered();
        assert_eq!(phone.change("INVITE", "18", "sendrecv").status(), 488);
        phone.hang_up();

        let mut crowd = [answered(), answered(), answered()];
        let mut refused = daemon.phone();
        refused.invite("100");
        assert_eq!(refused.expect_final(LONG).status(), 486);
        for phone in &mut crowd {
            phone.hang_up();
        }

        // Nothing in common, and no sound at all.
        for body in ["m=audio 9 RTP/AVP 18", "m=video 9 RTP/AVP 96"] {
            let mut phone = daemon.phone();
            phone.invite_with(&format!(
                "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n{body}\r\n"
            ));
            assert_eq!(phone.expect_final(LONG).status(), 488);
        }
    }
    wait("all ports to be free", || n_open(&daemon) <= before);
    // More calls than the range has pairs went through, and the next one does too.
    answered().hang_up();
}

#[test]
fn a_reload_changes_what_it_can_and_drops_no_call() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let tls = free_address();
    let of = |authority: &Authority| {
        let files = authority.vouch_for("127.0.0.1", "server", NOW);
        let listen = format!("listen = udp:127.0.0.1:@ tls:{tls}\n");
        listen + &identity(&files)
    };
    let sip = free_address();
    let conf = |lines: &str| Conf::timer().sip(&lines.replace('@', &sip.port().to_string()));
    let mut daemon = Daemon::spawn_at(&conf(&of(&old)), sip);
    daemon.wait_ready();
    let believes = |authority: &Authority| {
        let uri = format!("sip:100@{tls};transport=tls");
        let ca = authority.ca.to_str().unwrap();
        let arguments = ["call", &uri, "--duration", "0.2", "--tls-ca", ca];
        run(&daemon.folder, &arguments, LONG).0 == Some(0)
    };
    assert!(believes(&old) && !believes(&new));

    let mut phone = daemon.phone();
    let answer = phone.call("100", LONG);
    assert!(answer.header("Session-Expires").starts_with("1800"));
    let talking = phone.start_talking(tone(20.0));
    let more = "session-expires = 600\ntrace = yes\nsip-dscp = 0\nrtp-dscp = af41\n\
                allow = 127.0.0.0/8\n";
    let user = "[user:desk]\npass = hush";
    daemon.write_conf(
        &conf(&(more.to_owned() + &of(&new)))
            .calls("hold-concurrent = no")
            .more(user),
    );
    daemon.reload();
    daemon.process.wait_for("[user:desk]", LONG);
    wait("the new certificate", || believes(&new) && !believes(&old));

    let mut next = daemon.phone();
    let answer = next.call("100", LONG);
    assert!(
        answer.header("Session-Expires").starts_with("600"),
        "{}",
        answer.text
    );
    next.hang_up();
    assert!(daemon.folder.join("sip-trace.pcap").exists());
    assert!(
        !talking.is_finished(),
        "the talk was to outlast all of this"
    );
    phone.n_heard();
    let mut n_heard = 0;
    wait("sound in the call from before", || {
        n_heard += phone.n_heard();
        n_heard > 20
    });
    phone.hang_up();

    // A file that is broken leaves the certificate as it is, and the log says so.
    let (cert, _) = new.vouch_for("127.0.0.1", "server", NOW);
    assert!(believes(&new));
    std::fs::write(&cert, "half a certif").unwrap();
    assert!(believes(&new));
    daemon
        .process
        .wait_for("tls keeps its old certificates: ", LONG);
    let log = daemon.process.log();
    assert!(log.contains("server.pem"), "{log}");
}

#[test]
fn the_address_of_the_other_side_of_a_router_is_told_beyond_this_machine() {
    // Loopback peers are told the truth: they are on this side.
    let conf = Conf::timer().sip("external-address = 203.0.113.7");
    let daemon = Daemon::start(&conf);
    let mut phone = daemon.phone();
    phone.call("100", LONG);
    assert_eq!(phone.media().ip(), IpAddr::from([127, 0, 0, 1]));
    phone.hang_up();
}

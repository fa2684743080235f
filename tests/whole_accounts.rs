//! Do many accounts live side by side on one daemon, each by its own rules?
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::certificates::{Authority, NOW, identity};
use common::daemon::{Conf, Daemon, run};
use common::folder::Folder;
use common::phone::Phone;
use common::ports::free_address;
use common::signal;

const LONG: Duration = Duration::from_secs(40);

const N_ACCOUNTS: usize = 30;

/// The registrars of the many accounts: one by UDP and TCP, one by TLS.
struct Registrars {
    plain: Daemon,
    _secure: Daemon,
    secure_port: u16,
    authority: Authority,
}

impl Registrars {
    fn start() -> Self {
        let users = |from: usize, to: usize| {
            let user = |n| format!("[user:u{n:02}]\npass = p{n:02}\n");
            (from..to).map(user).collect::<String>()
        };
        let authority = Authority::new("accounts");
        let files = authority.vouch_for("localhost", "registrar", NOW);
        let at = free_address();
        let tls = format!("listen = tls:{at}\n{}", identity(&files));
        Self {
            plain: Daemon::start(&Conf::timer().more(&users(0, 20))),
            _secure: Daemon::start(&Conf::timer().sip(&tls).more(&users(20, N_ACCOUNTS))),
            secure_port: at.port(),
            authority,
        }
    }

    /// All accounts, each with its user, transport and registrar; one has these lines more.
    fn accounts(&self, changed: Option<(usize, &str)>) -> Conf {
        let ca = self.authority.ca.display();
        let mut conf = Conf::timer()
            .sip(&format!("tls-ca = {ca}\ntrace = yes"))
            .calls("hold-concurrent = no");
        for n in 0..N_ACCOUNTS {
            let (domain, transport) = match n {
                0..10 => (self.plain.sip.to_string(), "udp"),
                10..20 => (self.plain.sip.to_string(), "tcp"),
                _ => (format!("localhost:{}", self.secure_port), "tls"),
            };
            let more = changed.filter(|(which, _)| *which == n);
            let more = more.map_or("", |(_, lines)| lines);
            conf = conf.more(&format!(
                "[sip:a{n:02}]\ndomain = {domain}\ntransport = {transport}\nuser = u{n:02}\n\
                 pass = p{n:02}\nkeep-alive = 0\n{more}"
            ));
        }
        conf
    }
}

/// How many lines say that the account is registered.
fn n_registered(daemon: &Daemon, n: usize) -> usize {
    let log = daemon.process.log();
    let line = format!("account a{n:02}: registered at");
    log.lines().filter(|l| l.contains(&line)).count()
}

fn wait_all_registered(daemon: &Daemon) {
    let until = Instant::now() + LONG;
    while (0..N_ACCOUNTS).any(|n| n_registered(daemon, n) == 0) {
        assert!(Instant::now() < until, "{}", daemon.process.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// How many REGISTERs of each account have left so far, as the trace tells.
fn n_sent(daemon: &Daemon) -> Vec<usize> {
    let trace = std::fs::read(daemon.folder.join("sip-trace.pcap")).unwrap();
    let text = String::from_utf8_lossy(&trace);
    let requests: Vec<&str> = text.split("REGISTER sip:").skip(1).collect();
    let of = |n: usize| {
        let from = format!("sip:u{n:02}@");
        let is_from = |request: &&&str| {
            let line = request.lines().find(|line| line.starts_with("From:"));
            line.is_some_and(|line| line.contains(&from))
        };
        requests.iter().filter(is_from).count()
    };
    (0..N_ACCOUNTS).map(of).collect()
}

#[test]
fn thirty_accounts_take_calls_and_a_reload_of_one_leaves_the_others_alone() {
    let registrars = Registrars::start();
    let daemon = Daemon::start(&registrars.accounts(None));
    wait_all_registered(&daemon);

    // Each takes its calls, whatever carries its registration.
    for n in 0..N_ACCOUNTS {
        let mut phone = daemon.phone();
        phone.call(&format!("u{n:02}"), LONG);
        phone.hang_up();
    }
    let log = daemon.process.log();
    for n in 0..N_ACCOUNTS {
        let dialled = format!("u{n:02} (a{n:02})");
        assert!(log.contains(&dialled), "{dialled} is not in:\n{log}");
        let account = format!("account a{n:02}:");
        let lines = log.lines().filter(|line| line.contains(&account));
        assert_eq!(lines.count(), 1, "one line for one change:\n{log}");
    }
    let before = n_sent(&daemon);
    assert!(before.iter().all(|n| *n == 2), "asked, proved: {before:?}");

    // One gets another name; a call by its neighbour goes on.
    let mut talker = daemon.phone();
    talker.call("u06", LONG);
    daemon.write_conf(&registrars.accounts(Some((7, "display-name = Hall"))));
    daemon.reload();
    let until = Instant::now() + LONG;
    while n_registered(&daemon, 7) < 2 {
        assert!(Instant::now() < until, "{}", daemon.process.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    let after = n_sent(&daemon);
    for (n, (before, after)) in before.iter().zip(&after).enumerate() {
        match n {
            7 => assert!(after >= &(before + 2), "taken back and made anew: {after}"),
            _ => assert_eq!(after, before, "account {n} was disturbed"),
        }
    }
    talker.n_heard();
    talker.talk(&signal::speech(8_000, 1.0), |_| Some(Duration::ZERO));
    assert!(talker.n_heard() > 20, "the call is lost");

    // Other codecs count from the next call on and need no registrar.
    daemon.write_conf(&registrars.accounts(Some((7, "display-name = Hall\ncodecs = pcma"))));
    daemon.reload();
    let until = Instant::now() + LONG;
    let is_pcma = || {
        let mut phone = daemon.phone();
        let answer = phone.call("u07", LONG);
        phone.hang_up();
        answer.body().contains(" RTP/AVP 8")
    };
    while !is_pcma() {
        assert!(Instant::now() < until, "{}", daemon.process.log());
    }
    assert_eq!(n_sent(&daemon), after);
    talker.hang_up();
}

/// An account of the daemon at another, by which everybody at 127.0.0.1 calls.
fn at_home(lines: &str) -> (Daemon, Conf) {
    let home = Daemon::start(
        &Conf::timer()
            .sip("trace = yes")
            .more("[user:hall]\npass = p"),
    );
    let conf = Conf::timer()
        .sip("codecs = pcmu pcma g722")
        .calls("hold-concurrent = no")
        .more(&format!(
            "[sip:home]\ndomain = {}\nuser = hall\npass = p\n{lines}",
            home.sip
        ));
    (home, conf)
}

/// Payload types of the answer, in order.
fn formats(answer: &str) -> Vec<u8> {
    let line = answer.lines().find(|line| line.starts_with("m=audio "));
    let words = line.unwrap().split_whitespace().skip(3);
    words.map(|word| word.parse().unwrap()).collect()
}

#[test]
fn codecs_of_an_account_decide_its_calls_both_ways() {
    let (home, conf) = at_home("codecs = pcma g722 pcmu");
    let daemon = Daemon::start(&conf);
    daemon.process.wait_for("account home: registered", LONG);

    // The phone prefers PCMU; so does [sip], but not the account.
    let mut phone = daemon.phone();
    let answer = phone.call("hall", LONG);
    assert_eq!(formats(answer.body())[0], 8, "{}", answer.text);
    let changed = phone.change("INVITE", "0 8 101", "sendrecv");
    assert_eq!(formats(changed.body())[0], 8, "{}", changed.text);
    phone.hang_up();
    let mut stranger = Phone::at("127.0.0.9", daemon.sip);
    let answer = stranger.call("hall", LONG);
    assert_eq!(formats(answer.body())[0], 0, "{}", answer.text);
    stranger.hang_up();
    // Our own offer to a caller who brings none.
    phone.invite_with("");
    let offer = phone.expect_final(LONG);
    assert_eq!(formats(offer.body())[..3], [8, 9, 0], "{}", offer.text);

    // The test phone finds the account in the file that lies where it is started.
    let folder = Folder::new("account");
    let conf = std::fs::read(daemon.folder.join("test.conf")).unwrap();
    folder.write("paging.conf", conf);
    let uri = format!("sip:200@{}", home.sip);
    let call = ["call", &uri, "--account", "home", "--duration", "0.3"];
    let (code, text) = run(&folder, &call, LONG);
    assert_eq!(code, Some(0), "{text}");
    let trace = std::fs::read(home.folder.join("sip-trace.pcap")).unwrap();
    let trace = String::from_utf8_lossy(&trace);
    let invite = trace.split("INVITE sip:200@").nth(1).unwrap();
    assert_eq!(formats(invite)[..3], [8, 9, 0], "{invite}");
}

#[test]
fn a_call_without_a_codec_of_its_account_is_refused() {
    let (_home, conf) = at_home("codecs = g722");
    let daemon = Daemon::start(&conf);
    daemon.process.wait_for("account home: registered", LONG);
    let mut phone = daemon.phone();
    phone.invite("hall");
    let answer = phone.expect_final(LONG);
    assert_eq!(answer.status(), 488, "{}", answer.text);
    assert!(!answer.header("Warning").is_empty(), "{}", answer.text);
    let mut stranger = Phone::at("127.0.0.9", daemon.sip);
    stranger.call("hall", LONG);
}

#[test]
fn another_realm_gets_no_proof_and_the_log_says_so_once() {
    let (home, conf) = at_home("realm = asterisk");
    let own = format!(
        "[sip:own]\ndomain = {}\nuser = hall\npass = p\nrealm = paging",
        home.sip
    );
    let daemon = Daemon::start(&conf.more(&own));
    daemon.process.wait_for("account own: registered", LONG);
    let wanted = "account home: the registrar refuses us: 401 Unauthorized; it asks for the \
                  password of the realm \"paging\"; check realm";
    daemon.process.wait_for(wanted, LONG);
    let log = daemon.process.log();
    assert_eq!(log.matches("account home").count(), 1, "{log}");
}

#[test]
fn a_number_that_is_none_of_the_extensions_is_not_found() {
    let (_home, conf) = at_home("extensions = 200 201");
    let daemon = Daemon::start(&conf);
    daemon.process.wait_for("account home: registered", LONG);
    for number in ["hall", "200", "201"] {
        let mut phone = daemon.phone();
        phone.call(number, LONG);
        phone.hang_up();
    }
    let mut phone = daemon.phone();
    phone.invite("300");
    let answer = phone.expect_final(LONG);
    assert_eq!(answer.status(), 404, "{}", answer.text);
    let line = "to 300: refused, 404: not one of the extensions";
    daemon.process.wait_for(line, LONG);
    // Who calls us without the PBX may dial what it likes.
    Phone::at("127.0.0.9", daemon.sip).call("300", LONG);
}

//! Which figures are promised, and how is each taken?

use std::fs::File;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::common::daemon::{Conf, Daemon};
use crate::common::jackd::Jackd;
use crate::common::measure::median;
use crate::common::phone::Phone;
use crate::common::signal;
use crate::common::sipp::Sipp;
use crate::hold;
use crate::meter::{Memory, Span};
use crate::peers::{Baresip, IdleClient};
use crate::report::{Peer, Report};
use crate::{api, codecs, crowds, drift, history, voice};

/// How long to look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    Full,
    /// Once and shortly: whether it can be measured, and whether anything is far off.
    Quick,
}

impl Effort {
    pub fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

type Take = fn(Effort, &mut Report);

/// In the order of the table, by the words that choose one.
pub const ALL: [(&str, Take); 13] = [
    ("start", start),
    ("answer", answer),
    ("idle", idle),
    ("calls", crowds::calls),
    ("xruns", crowds::xruns),
    ("rush", rush),
    ("hold", hold::hold),
    ("delay", voice::delay),
    ("jitter", voice::jitter),
    ("loss", voice::loss),
    ("codecs", codecs::codecs),
    ("api", api::api),
    ("history", history::history),
];

/// Those that take longer than all the others together.
pub const LONG: [(&str, Take); 2] = [("drift-slow", drift::slow), ("drift-fast", drift::fast)];

/// A page of a file that was just built is dirty until the disk has it, and would count as memory
/// that the program has written.
pub fn settle_files() {
    if let Ok(file) = File::open(env!("CARGO_BIN_EXE_paging")) {
        file.sync_all().ok();
    }
}

/// What all of them run on.
fn jackd() -> Jackd {
    Jackd::start(48_000, 256)
}

/// Every caller is let in at once, without a klaxon.
pub fn open(jackd: &Jackd) -> Conf {
    Conf::jack(jackd).calls("hold-concurrent = no")
}

pub fn daemon(jackd: &Jackd) -> Daemon {
    let daemon = Daemon::start(&open(jackd));
    jackd.wait_until_fed("system:playback_2", "paging:", SOON);
    daemon
}

/// From the start of the process to the first answer to OPTIONS.
fn start(effort: Effort, report: &mut Report) {
    let jackd = jackd();
    let starts: Vec<f64> = (0..effort.pick(15, 3))
        .map(|_| {
            let started = Instant::now();
            let daemon = Daemon::spawn(&open(&jackd));
            let mut phone = daemon.phone();
            while phone.options(Duration::from_millis(2)).is_none() {
                assert!(started.elapsed() < SOON, "{}", daemon.process.log());
            }
            ms(started.elapsed())
        })
        .collect();
    let what = "start to the first answered OPTIONS";
    report.below(what, median(&starts), 150.0, "ms", &[]);
}

/// From INVITE to 200 OK, one call after another.
fn answer(effort: Effort, report: &mut Report) {
    let jackd = jackd();
    let daemon = daemon(&jackd);
    let baresip = Baresip::start(&jackd);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..effort.pick(5, 1) {
        ours.extend(set_ups(daemon.sip, "100", effort.pick(100, 20)));
        theirs.extend(set_ups(baresip.sip, "peer", effort.pick(10, 5)));
    }
    let peer = Peer {
        name: "baresip",
        figure: median(&theirs),
    };
    let what = "INVITE to 200 OK, no klaxon (median)";
    report.below(what, median(&ours), 1.0, "ms", &[peer]);
    ours.sort_by(f64::total_cmp);
    let late = ours[ours.len() * 99 / 100];
    report.told("INVITE to 200 OK (99 of 100)", late, "ms", &[]);
}

fn set_ups(server: SocketAddr, user: &str, n: usize) -> Vec<f64> {
    let mut phone = Phone::new(server);
    let call = |_| {
        let invited = phone.invite(user);
        let waited = phone.answered(SOON).at - invited;
        phone.hang_up();
        ms(waited)
    };
    (0..n).map(call).collect()
}

/// What the daemon costs while nobody calls, and in one call, and what others cost. Each is alone
/// at the server: the first client that wakes in a cycle pays for the cold caches of all.
fn idle(effort: Effort, report: &mut Report) {
    let jackd = jackd();
    let (mut ours, mut least, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.pick(3, 1) {
        ours.push(alone(effort, &daemon(&jackd)));
        let floor = IdleClient::start(&jackd);
        least.push(at_rest(effort, floor.process.pid()));
        drop(floor);
        theirs.push(alone(effort, &Baresip::start(&jackd)));
    }
    let middle = |all: &[Alone], of: fn(&Alone) -> f64| {
        let figures: Vec<f64> = all.iter().map(of).collect();
        median(&figures)
    };
    let baresip = |of| Peer {
        name: "baresip",
        figure: middle(&theirs, of),
    };
    let nothing = Peer {
        name: "a JACK client that does nothing",
        figure: median(&least),
    };
    // Baresip joins JACK only in a call, so that its rest is no peer.
    let rest = middle(&ours, |alone| alone.rest);
    let what = "idle, JACK at 256 frames: of one core";
    report.below(what, rest, 0.7, "%", &[nothing]);
    let memory = middle(&ours, |alone| alone.memory);
    let peer = baresip(|alone| alone.memory);
    report.below("idle: own memory (USS)", memory, 15.0, "MB", &[peer]);
    let call = middle(&ours, |alone| alone.call);
    let peer = baresip(|alone| alone.call);
    report.told("one call: of one core", call, "%", &[peer]);
}

/// Percents of a core at rest and in one call, and megabytes at rest.
struct Alone {
    rest: f64,
    memory: f64,
    call: f64,
}

/// Somebody who takes calls.
pub trait Callee {
    fn pid(&self) -> u32;
    fn sip(&self) -> SocketAddr;
    fn user(&self) -> &'static str;
}

impl Callee for Daemon {
    fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn sip(&self) -> SocketAddr {
        self.sip
    }

    fn user(&self) -> &'static str {
        "100"
    }
}

impl Callee for Baresip {
    fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn sip(&self) -> SocketAddr {
        self.sip
    }

    fn user(&self) -> &'static str {
        "peer"
    }
}

fn alone(effort: Effort, callee: &impl Callee) -> Alone {
    let rest = at_rest(effort, callee.pid());
    let memory = Memory::of(callee.pid()).own_mb;
    let span = Duration::from_secs(effort.pick(8, 3));
    let mut phone = Phone::new(callee.sip());
    phone.call(callee.user(), SOON);
    let talking = phone.start_talking(signal::speech(8_000, span.as_secs_f32() + 2.0));
    pause(Duration::from_secs(1));
    let used = Span::begin(&[callee.pid()]);
    pause(span);
    let call = used.percent()[0];
    talking.join().expect("it talks to its end");
    phone.hang_up();
    Alone { rest, memory, call }
}

fn at_rest(effort: Effort, pid: u32) -> f64 {
    pause(Duration::from_secs(2));
    let span = Span::begin(&[pid]);
    pause(Duration::from_secs(effort.pick(15, 4)));
    span.percent()[0]
}

/// SIPp's own caller, 200 calls a second for half a minute, and what is left of it; and again, to
/// tell what stays once from what grows.
fn rush(effort: Effort, report: &mut Report) {
    let jackd = jackd();
    let daemon = daemon(&jackd);
    let pid = daemon.process.pid();
    set_ups(daemon.sip, "100", 1);
    pause(Duration::from_secs(1));
    let fresh = Memory::of(pid).dirty_mb;
    report.told("own written memory: idle", fresh, "MB", &[]);
    rush_once(effort, &daemon, report);
    if effort == Effort::Quick {
        return;
    }
    let once = rested(pid);
    let what = "own written memory: kept after the rush";
    report.below(what, once - fresh, 2.0, "MB", &[]);
    let unseen = &mut Report::default();
    rush_once(effort, &daemon, unseen);
    let what = "own written memory: kept more after another";
    report.below(what, rested(pid) - once, 0.5, "MB", &[]);
    assert_eq!(unseen.n_missed(), 0, "the second rush had failures");
}

fn rush_once(effort: Effort, daemon: &Daemon, report: &mut Report) {
    let pid = daemon.process.pid();
    let n = effort.pick("6000", "400");
    let load = ["-m", n, "-r", "200", "-l", "2000"];
    let (used, began) = (Span::begin(&[pid]), Instant::now());
    let score = Sipp::start("-sn uac", daemon.sip, &load, &[]).finish(Duration::from_secs(120));
    let (percent, lasted) = (used.percent()[0], began.elapsed());
    let at_end = Memory::of(pid).dirty_mb;
    let n_wrong = score.n_failed + n.parse::<u64>().unwrap_or(0).abs_diff(score.n_succeeded);
    let note = format!(
        "{n} calls, {:.0} a second, {} retransmissions",
        score.n_succeeded as f64 / lasted.as_secs_f64(),
        score.n_retransmissions
    );
    report.none("200 calls a second: failures", n_wrong, note);
    report.told("200 calls a second: of one core", percent, "%", &[]);
    let what = "own written memory: at the last call";
    report.told(what, at_end, "MB", &[]);
}

/// Written memory when the rush is over and forgotten.
fn rested(pid: u32) -> f64 {
    eprintln!("   waiting {REST:?} for the memory to come back");
    pause(REST);
    Memory::of(pid).dirty_mb
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

pub fn pause(span: Duration) {
    std::thread::sleep(span);
}

pub const SOON: Duration = Duration::from_secs(5);

/// The daemon gives memory back 35 s after the last call, when the transactions are forgotten
/// (64·T1, RFC 3261 section 17), and looks once a second.
const REST: Duration = Duration::from_secs(40);

//! Which loads are promised to be borne, and how is each laid on?

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::common::daemon::{Conf, Daemon};
use crate::common::jack_client::{Recorder, Recording};
use crate::common::measure::{median, rms};
use crate::common::signal;
use crate::common::sipp::{Score, Sipp};
use crate::flood::Flood;
use crate::meter;
use crate::phones::{N_PHONES, Phones, password, user};
use crate::report::Report;
use crate::site::Site;
use crate::tls;

/// How long to look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Span {
    Full,
    /// Seconds each: whether it can be measured, and whether anything is far off.
    Short,
}

impl Span {
    fn seconds(self, full: u64, short: u64) -> Duration {
        Duration::from_secs(match self {
            Self::Full => full,
            Self::Short => short,
        })
    }
}

type Take = fn(&Site, Span, &mut Report);

/// In the order of the table, by the words that choose one.
pub const ALL: [(&str, Take); 7] = [
    ("udp", udp),
    ("tcp", tcp),
    ("tls", connections),
    ("registrations", registrations),
    ("accounts", accounts),
    ("together", together),
    ("flood", flood),
];

/// SIPp's own caller over datagrams.
fn udp(site: &Site, span: Span, report: &mut Report) {
    let rush = Rush::udp(site.daemon.sip, span.seconds(20, 5));
    told(report, "UDP alone", &rush.run(site));
    site.settle();
}

/// The same over one stream.
fn tcp(site: &Site, span: Span, report: &mut Report) {
    let rush = Rush::tcp(site.daemon.sip, span.seconds(15, 5));
    told(report, "TCP alone", &rush.run(site));
    site.settle();
}

/// A handshake and a call on each of many connections.
fn connections(site: &Site, span: Span, report: &mut Report) {
    let span = span.seconds(15, 5);
    let used = meter::Span::begin(&[site.pid()]);
    let score = tls::run(site.tls, &site.authority, TLS_A_SECOND, span);
    tls_told(report, "TLS alone", &score, Some(used.percent()[0]));
    site.settle();
}

/// Two thousand phones that have to be asked for their passwords, and then stay.
fn registrations(site: &Site, span: Span, report: &mut Report) {
    let phones = Phones::start(site.daemon.sip);
    let all = phones.wait_until_there(Duration::from_secs(40));
    // Two lives and more: each phone has refreshed three times at least.
    watch(span.seconds(100, 5), &phones);
    phones_told(report, "registrations alone", &phones, all);
}

/// Two hundred accounts of one daemon at the other, which is their registrar.
fn accounts(site: &Site, span: Span, report: &mut Report) {
    let mut conf = Conf::timer().sip("trace = yes");
    for n in 0..N_ACCOUNTS {
        let (user, password) = (user(n), password(n));
        conf = conf.more(&format!(
            "[sip:{user}]\ndomain = {}\nuser = {user}\npass = {password}\nexpires = 60",
            site.daemon.sip
        ));
    }
    let began = Instant::now();
    let mut client = Daemon::spawn(&conf);
    let asked = |client: &Daemon| {
        let trace = std::fs::read(client.folder.join("sip-trace.pcap")).unwrap_or_default();
        String::from_utf8_lossy(&trace)
            .matches("REGISTER sip:")
            .count()
    };
    let lines = |client: &Daemon, words: &str| {
        let log = client.process.log();
        log.lines().filter(|line| line.contains(words)).count()
    };
    while lines(&client, ": registered at") < N_ACCOUNTS && began.elapsed() < MOST_WAITED {
        std::thread::sleep(Duration::from_millis(50));
    }
    let took = began.elapsed().as_secs_f64();
    client.wait_ready();
    let n_before = asked(&client);
    let used = meter::Span::begin(&[client.process.pid()]);
    // Long enough for all to refresh once.
    std::thread::sleep(span.seconds(60, 5));
    let cpu = used.percent()[0];
    let (n_there, n_lines) = (
        lines(&client, ": registered at"),
        lines(&client, "account phone"),
    );
    let n_refreshed = asked(&client) - n_before;

    let what = format!("accounts: all {N_ACCOUNTS} of one daemon are registered after");
    report.below(&what, took, 10.0, "s", &[]);
    let n_wrong = N_ACCOUNTS.abs_diff(n_there) + n_lines.abs_diff(N_ACCOUNTS);
    let note = format!("{n_refreshed} refreshes; the client used {cpu:.1} % of a core");
    report.none(
        "accounts: missing, lost or told twice",
        n_wrong as u64,
        note,
    );
    if span == Span::Full {
        let (n, least) = (n_refreshed as f64, N_ACCOUNTS as f64);
        report.at_least("accounts: refreshes", n, least, "", "");
    }
}

/// All of them at once, for as long as 200,000 calls over UDP take.
fn together(site: &Site, span: Span, report: &mut Report) {
    let span = span.seconds(200, 8);
    let phones = Phones::start(site.daemon.sip);
    let all = phones.wait_until_there(Duration::from_secs(40));
    let used = meter::Span::begin(&[site.pid()]);
    let memory = std::sync::Mutex::new(Vec::new());
    let is_over = AtomicBool::new(false);
    let (udp, tcp, tls) = std::thread::scope(|scope| {
        let udp = scope.spawn(|| Rush::udp(site.daemon.sip, span).run(site));
        let tcp = scope.spawn(|| Rush::tcp(site.daemon.sip, span).run(site));
        let tls = scope.spawn(|| tls::run(site.tls, &site.authority, TLS_A_SECOND, span));
        scope.spawn(|| {
            let began = Instant::now();
            while !is_over.load(Ordering::Relaxed) {
                let (at, now) = (began.elapsed(), site.memory_mb());
                memory.lock().unwrap().push((at, now));
                progress(at, now, &phones);
                std::thread::sleep(TELL);
            }
        });
        let all = (
            udp.join().expect("no panic"),
            tcp.join().expect("no panic"),
            tls.join().expect("no panic"),
        );
        is_over.store(true, Ordering::Relaxed);
        all
    });
    told(report, "together: UDP", &udp);
    told(report, "together: TCP", &tcp);
    tls_told(report, "together: TLS", &tls, None);
    phones_told(report, "together: registrations", &phones, all);
    let cpu = used.percent()[0];
    report.told("together: of one core", cpu, "%", &[]);
    flat(report, &memory.into_inner().unwrap(), span, site.fresh_mb);
    if span > REST {
        eprintln!("   waiting {REST:?} for the memory to come back");
        watch(REST, &phones);
        let kept = site.memory_mb() - site.fresh_mb;
        report.told("memory that all of it leaves", kept, "MB", &[]);
    }
    drop(phones);
    site.settle();
}

/// Garbage and invented calls from everywhere, while somebody speaks and others want to.
fn flood(site: &Site, span: Span, report: &mut Report) {
    let span = span.seconds(60, 8);
    let recorder = Recorder::start(&site.jackd);
    let mut talker = site.phone();
    talker.call("100", SOON);
    let tone = signal::sine(8_000, TONE_HZ, 0.3, span.as_secs_f32() + 6.0);
    let talking = talker.start_talking(tone);
    std::thread::sleep(Duration::from_secs(2));
    let used = meter::Span::begin(&[site.pid()]);
    let flood = Flood::start(site.daemon.sip, FLOOD_A_SECOND);
    let (mut waits, mut n_failed) = (Vec::new(), 0_u64);
    let (began, mut n_told) = (Instant::now(), 0);
    while began.elapsed() < span {
        match set_up(site) {
            Some(waited) => waits.push(waited.as_secs_f64() * 1e3),
            None => n_failed += 1,
        }
        if began.elapsed().as_secs() / TELL.as_secs() > n_told {
            n_told += 1;
            let n = waits.len();
            eprintln!("   {:.0?}: {n} set-ups, {n_failed} failed", began.elapsed());
        }
        std::thread::sleep(Duration::from_millis(30));
    }
    let rate = flood.stop();
    let cpu = used.percent()[0];
    // The flood ends before the talk does.
    let (flood_from, flood_to) = (began, began + span);
    let spoke = talking.join().expect("it talks to its end");
    talker.hang_up();
    std::thread::sleep(Duration::from_millis(500));
    let heard = recorder.stop();

    let what = "flood: datagrams a second";
    report.at_least(what, rate, 0.95 * f64::from(FLOOD_A_SECOND), "/s", "");
    let n = waits.len();
    let note = format!("{n} calls were set up meanwhile");
    report.none("flood: set-ups that failed", n_failed, note);
    waits.sort_by(f64::total_cmp);
    let late = waits.get(n * 99 / 100).copied().unwrap_or(f64::INFINITY);
    report.below("flood: INVITE to 200 (99 of 100)", late, 100.0, "ms", &[]);
    let middle = waits.get(n / 2).copied().unwrap_or(f64::INFINITY);
    report.told("flood: INVITE to 200 (median)", middle, "ms", &[]);
    let (n_gaps, n_looked_at) = gaps(&heard, spoke.max(flood_from), flood_to);
    let received = site.logged(&["packets received", "call"]);
    let note = format!(
        "of {n_looked_at} pieces of 20 ms; JACK skipped {} frames; {}",
        heard.n_skipped,
        received.last().map_or("", |line| after_last(line, "INFO"))
    );
    report.none("flood: gaps in the voice", n_gaps, note);
    report.told("flood: of one core", cpu, "%", &[]);
    let told = site.logged(&["is not listened to for"]).len();
    report.seen(
        "flood: lines of the log about silenced sources",
        told as u64,
        "",
    );
}

/// One call: how long the answer took.
fn set_up(site: &Site) -> Option<Duration> {
    let mut phone = site.phone();
    let invited = phone.invite("100");
    let answer = phone.final_response(SOON)?;
    if answer.status() != 200 {
        eprintln!("   a call got {}", answer.status());
        return None;
    }
    phone.acknowledge(200);
    phone.hang_up();
    Some(answer.at - invited)
}

/// Pieces of 20 ms, and those in which the tone is not there.
fn gaps(heard: &Recording, from: Instant, to: Instant) -> (u64, usize) {
    let piece = heard.rate as usize / 50;
    let (from, to) = (heard.frame_at(from), heard.frame_at(to));
    let sound = heard
        .left
        .get(from..to.min(heard.left.len()))
        .unwrap_or(&[]);
    let levels: Vec<f32> = sound.chunks_exact(piece).map(rms).collect();
    if levels.is_empty() {
        return (1, 0);
    }
    let usual = median(&levels);
    let is_gap = |level: &&f32| usual < 0.01 || **level < usual / 2.0;
    (levels.iter().filter(is_gap).count() as u64, levels.len())
}

/// One run of SIPp's own caller.
struct Rush {
    server: SocketAddr,
    transport: &'static str,
    a_second: u32,
    span: Duration,
}

/// What SIPp found, how fast it was, and what the daemon needed for it.
struct Outcome {
    score: Score,
    n_wanted: u64,
    /// Calls a second.
    rate: f64,
    a_second: u32,
    percent: f64,
}

impl Rush {
    fn udp(server: SocketAddr, span: Duration) -> Self {
        Self {
            server,
            transport: "u1",
            a_second: 1_000,
            span,
        }
    }

    fn tcp(server: SocketAddr, span: Duration) -> Self {
        Self {
            server,
            transport: "t1",
            a_second: 300,
            span,
        }
    }

    fn run(&self, site: &Site) -> Outcome {
        let n_wanted = u64::from(self.a_second) * self.span.as_secs();
        let (n, rate) = (n_wanted.to_string(), self.a_second.to_string());
        let load = ["-t", self.transport, "-m", &n, "-r", &rate, "-l", "1500"];
        let (used, began) = (meter::Span::begin(&[site.pid()]), Instant::now());
        let run = Sipp::start("-sn uac", self.server, &load, &[]);
        let score = run.finish(self.span.mul_f32(1.5) + Duration::from_secs(40));
        Outcome {
            n_wanted,
            rate: score.n_succeeded as f64 / began.elapsed().as_secs_f64(),
            a_second: self.a_second,
            percent: used.percent()[0],
            score,
        }
    }
}

fn told(report: &mut Report, what: &str, outcome: &Outcome) {
    let Outcome {
        score,
        n_wanted,
        rate,
        a_second,
        percent,
    } = outcome;
    let n_wrong = score.n_failed + n_wanted.abs_diff(score.n_succeeded);
    let note = format!(
        "{} calls, {} retransmissions; the daemon used {percent:.0} % of a core",
        score.n_succeeded, score.n_retransmissions
    );
    report.none(&format!("{what}: failed calls"), n_wrong, note);
    // SIPp begins and ends within a second or so.
    let least = 0.9 * f64::from(*a_second);
    let what = format!("{what}: calls a second of {a_second}");
    report.at_least(&what, *rate, least, "/s", "");
}

fn tls_told(report: &mut Report, what: &str, score: &tls::Score, percent: Option<f64>) {
    let used = percent.map_or(String::new(), |it| {
        format!("; the daemon used {it:.0} % of a core")
    });
    let note = format!(
        "{} connections, each with a handshake and a call, 99 of 100 answered within {:.0} ms{used} {}",
        score.n_made,
        score.late.as_secs_f64() * 1e3,
        score.first_error.as_deref().unwrap_or("")
    );
    let failed = format!("{what}: failed connections");
    report.none(&failed, score.n_failed, note);
    let rate = score.n_made as f64 / score.lasted.as_secs_f64();
    let least = 0.95 * f64::from(TLS_A_SECOND);
    report.at_least(
        &format!("{what}: connections a second"),
        rate,
        least,
        "/s",
        "",
    );
}

fn phones_told(report: &mut Report, what: &str, phones: &Phones, all: bool) {
    let score = phones.score();
    let missing = N_PHONES - score.n_there + usize::from(!all);
    let note = format!(
        "{} answers, {} requests repeated, slowest {:.0} ms",
        score.n_answered,
        score.n_repeated,
        score.slowest.as_secs_f64() * 1e3
    );
    let what = format!("{what}: of {N_PHONES} lapsed, refused or missing");
    let n_wrong = score.n_lapsed + score.n_refused + missing as u64;
    report.none(&what, n_wrong, note);
}

/// Finished transactions are kept for 32 s, and given back with the next look after that; from a
/// minute on nothing may grow.
fn flat(report: &mut Report, memory: &[(Duration, f64)], span: Duration, fresh: f64) {
    let highest = memory.iter().map(|(_, mb)| *mb).fold(0.0, f64::max);
    report.told("memory before the first call", fresh, "MB", &[]);
    report.told("memory at its highest", highest, "MB", &[]);
    let mean = |from: Duration, to: Duration| {
        let within = memory.iter().filter(|(at, _)| (from..to).contains(at));
        let all: Vec<f64> = within.map(|(_, mb)| *mb).collect();
        all.iter().sum::<f64>() / all.len().max(1) as f64
    };
    let minute = Duration::from_secs(60);
    if span < minute * 3 {
        return;
    }
    let (second, last) = (mean(minute, minute * 2), mean(span - minute, span));
    let growth = 100.0 * (last / second - 1.0);
    let what = "memory: last minute of the calls over the second";
    report.below(what, growth, 5.0, "%", &[]);
}

fn watch(span: Duration, phones: &Phones) {
    let until = Instant::now() + span;
    while Instant::now() < until {
        std::thread::sleep(TELL.min(until.saturating_duration_since(Instant::now())));
        let score = phones.score();
        eprintln!(
            "   {} phones are there, {} answers",
            score.n_there, score.n_answered
        );
    }
}

fn progress(at: Duration, memory: f64, phones: &Phones) {
    let there = phones.score().n_there;
    let load = meter::load();
    eprintln!("   {at:.0?}: {memory:.0} MB, {there} phones are there, load {load:.1}");
}

fn after_last<'a>(line: &'a str, word: &str) -> &'a str {
    line.rsplit(word).next().unwrap_or(line)
}

/// As many as one installation may come to have, and its registrar after a power cut.
const N_ACCOUNTS: usize = 200;
const MOST_WAITED: Duration = Duration::from_secs(60);

const SOON: Duration = Duration::from_secs(5);
const TELL: Duration = Duration::from_secs(10);

const TLS_A_SECOND: u32 = 100;
const FLOOD_A_SECOND: u32 = 10_000;

/// In the middle of the telephone's band.
const TONE_HZ: f32 = 1_000.0;

/// The daemon gives memory back 35 s after the last call.
const REST: Duration = Duration::from_secs(45);

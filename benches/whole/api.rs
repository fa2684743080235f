//! Does the HTTP side stay quick while callers speak and many follow every event?
//!
//! ```text
//!  20 callers ─────────► Daemon ◄── 500 requests a second, each on a connection of its own
//!  5 more a second ──────►  └─────► 200 followers of /v1/events
//! ```

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::common::daemon::Daemon;
use crate::common::http::Http;
use crate::common::jackd::Jackd;
use crate::common::phone::{Phone, Talking};
use crate::common::ports::free_address;
use crate::common::signal;
use crate::figures::{Effort, SOON, open, pause};
use crate::meter::Span;
use crate::report::Report;

const N_CALLERS: usize = 20;
const N_FOLLOWERS: usize = 200;
const N_ASKING: u32 = 5;
const A_SECOND: u32 = 500;
/// Between two calls that come and go beside.
const EACH: Duration = Duration::from_millis(200);
const PATHS: [&str; 5] = ["/v1/zones", "/v1/calls", "/v1/pages", "/health", "/metrics"];

/// How long a request takes at the most, but for one in a hundred.
pub fn api(effort: Effort, report: &mut Report) {
    let jackd = Jackd::start(48_000, 256);
    let at = free_address();
    let daemon = Daemon::start(&open(&jackd).more(&format!("[http]\nlisten = {at}\n")));
    jackd.wait_until_fed("system:playback_2", "paging:", SOON);
    let sound: Arc<[f32]> = signal::speech(8_000, 20.0).into();
    let callers: Vec<(Phone, Talking)> = (0..N_CALLERS).map(|_| caller(&daemon, &sound)).collect();
    let crowd = Crowd::follow(at);
    let restless = Restless::begin(&daemon);
    pause(Duration::from_secs(1));

    let used = Span::begin(&[daemon.process.pid()]);
    let span = Duration::from_secs(effort.pick(20, 4));
    let (before, began) = (crowd.n_events(), Instant::now());
    let asking: Vec<_> = (0..N_ASKING).map(|n| ask(at, n, began, span)).collect();
    let asked: Vec<Option<f64>> = asking.into_iter().flat_map(joined).collect();
    let percent = used.percent()[0];
    let n_events = crowd.n_events() - before;
    let n_calls = restless.end();
    let n_gone = crowd.end();
    drop(callers);

    let n_failed = asked.iter().filter(|took| took.is_none()).count();
    let mut took: Vec<f64> = asked.iter().flatten().copied().collect();
    let what = format!("{A_SECOND} requests a second, {N_CALLERS} calls: failed");
    report.none(&what, n_failed as u64, format!("of {}", asked.len()));
    took.sort_by(f64::total_cmp);
    if let Some(late) = took.get(took.len() * 99 / 100) {
        report.below("99 of 100 are answered within", *late, 20.0, "ms", &[]);
    }
    let what = format!("followers of events that were lost, of {N_FOLLOWERS}");
    report.none(&what, n_gone, "none of them was slow");
    report.told("calls that came and went", n_calls.into(), "", &[]);
    let each = n_events as f64 / N_FOLLOWERS as f64 / span.as_secs_f64();
    report.told("events to each follower", each, "a second", &[]);
    report.told("all of it, of one core", percent, "%", &[]);
}

fn caller(daemon: &Daemon, sound: &Arc<[f32]>) -> (Phone, Talking) {
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    let talking = phone.keep_talking(sound.clone(), 0.0);
    (phone, talking)
}

/// One in `N_ASKING` of all requests, each at its moment; how long each took from then on, in
/// milliseconds.
fn ask(at: SocketAddr, n: u32, began: Instant, span: Duration) -> JoinHandle<Vec<Option<f64>>> {
    let interval = Duration::from_secs(N_ASKING.into()) / A_SECOND;
    let due = move |turn: u32| began + interval * turn + interval * n / N_ASKING;
    let n_turns = span.as_millis() / interval.as_millis();
    thread::spawn(move || {
        let http = Http::new(at);
        let one = |turn: u32| {
            thread::sleep(due(turn).saturating_duration_since(Instant::now()));
            let path = PATHS[(turn + n) as usize % PATHS.len()];
            let reply = http.try_ask("GET", path, "", "").ok()?;
            (reply.status == 200).then(|| due(turn).elapsed().as_secs_f64() * 1e3)
        };
        (0..n_turns as u32).map(one).collect()
    })
}

/// Somebody who calls and hangs up again and again, so that there is something to follow.
struct Restless {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Restless {
    fn begin(daemon: &Daemon) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (mut phone, told) = (daemon.phone(), Arc::clone(&is_over));
        let thread = thread::spawn(move || {
            let mut n_calls = 0;
            while !told.load(Ordering::Relaxed) {
                phone.call("100", SOON);
                pause(EACH / 2);
                phone.hang_up();
                pause(EACH / 2);
                n_calls += 1;
            }
            n_calls
        });
        Self { is_over, thread }
    }

    fn end(self) -> u32 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or(0)
    }
}

fn joined<T>(thread: JoinHandle<Vec<T>>) -> Vec<T> {
    thread.join().unwrap_or_default()
}

/// Those who follow events.
struct Crowd {
    n_events: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<bool>>,
}

impl Crowd {
    fn follow(at: SocketAddr) -> Self {
        let (n_events, is_over) = (Arc::default(), Arc::default());
        let one = |_| {
            let (n_events, is_over) = (Arc::clone(&n_events), Arc::clone(&is_over));
            thread::spawn(move || follow(at, &n_events, &is_over).is_ok())
        };
        let threads = (0..N_FOLLOWERS).map(one).collect();
        Self {
            n_events,
            is_over,
            threads,
        }
    }

    fn n_events(&self) -> u64 {
        self.n_events.load(Ordering::Relaxed)
    }

    /// How many were not there to the end.
    fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        let stayed = self
            .threads
            .into_iter()
            .map(|it| it.join().unwrap_or(false));
        stayed.filter(|stayed| !stayed).count() as u64
    }
}

fn follow(at: SocketAddr, n_events: &AtomicU64, is_over: &AtomicBool) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(at)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write!(
        stream,
        "GET /v1/events HTTP/1.0\r\nhost: {at}\r\naccept: text/event-stream\r\n\r\n"
    )?;
    let mut bytes = [0; 16 << 10];
    while !is_over.load(Ordering::Relaxed) {
        let n = stream.read(&mut bytes)?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let lines = bytes[..n].split(|byte| *byte == b'\n');
        let datas = lines.filter(|line| line.starts_with(b"data: "));
        n_events.fetch_add(datas.count() as u64, Ordering::Relaxed);
    }
    Ok(())
}

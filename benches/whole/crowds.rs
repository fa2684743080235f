//! What do many callers cost who talk at once, and does any of them make the sound late?

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::daemon::{self, Conf, Daemon};
use crate::common::folder::Folder;
use crate::common::jackd::Jackd;
use crate::common::phone::{Phone, Talking};
use crate::common::signal;
use crate::figures::{Callee, Effort, SOON, open, pause};
use crate::meter::{Memory, Span};
use crate::peers::Baresip;
use crate::report::{Peer, Report};

/// So many callers, and the percents of a core that they may cost.
const CROWDS: [(usize, f64); 3] = [(1, 1.2), (50, 12.0), (100, 22.0)];

/// What one, fifty and a hundred callers cost us, and what they cost baresip.
pub fn calls(effort: Effort, report: &mut Report) {
    let ours = {
        let jackd = Jackd::start(48_000, 256);
        let daemon = crate::figures::daemon(&jackd);
        costs(effort, &daemon)
    };
    let theirs = {
        let jackd = Jackd::start(48_000, 256);
        costs(effort, &Baresip::start(&jackd))
    };
    for (n, limit) in CROWDS {
        let what = format!("{n} calls, all talk: of one core");
        let Some(cost) = ours.iter().find(|cost| cost.n_calls == n) else {
            report.none(&what, 1, "not all were answered");
            continue;
        };
        let theirs = theirs.iter().find(|cost| cost.n_calls == n);
        let peer = theirs.map(|cost| Peer {
            name: "baresip",
            figure: cost.percent,
        });
        report.below(&what, cost.percent, limit, "%", peer.as_slice());
    }
    let what = "own memory of one further call";
    let peer = a_further_call(&theirs).map(|figure| Peer {
        name: "baresip",
        figure,
    });
    if let Some(figure) = a_further_call(&ours) {
        report.below(what, figure, 0.10, "MB", peer.as_slice());
    }
}

/// Of so many calls at once.
struct Cost {
    n_calls: usize,
    percent: f64,
    own_mb: f64,
}

/// Ends before a crowd of which one is not answered: baresip takes no more than JACK has places.
fn costs(effort: Effort, callee: &impl Callee) -> Vec<Cost> {
    let sound: Arc<[f32]> = signal::speech(8_000, 20.0).into();
    let (mut callers, mut costs) = (Vec::new(), Vec::new());
    for (n, _) in CROWDS {
        while callers.len() < n {
            let Some(caller) = Caller::new(callee, &sound) else {
                eprintln!("   only {} of {n} calls were answered", callers.len());
                return costs;
            };
            callers.push(caller);
        }
        let called = Instant::now();
        // Until the ring of each voice has been used from end to end.
        pause(Duration::from_secs(3));
        let used = Span::begin(&[callee.pid()]);
        pause(Duration::from_secs(effort.pick(15, 4)));
        let percent = used.percent()[0];
        pause(FORGOTTEN.saturating_sub(called.elapsed()));
        costs.push(Cost {
            n_calls: n,
            percent,
            own_mb: Memory::of(callee.pid()).own_mb,
        });
        eprintln!("   {n} calls: {:.1} %", costs[costs.len() - 1].percent);
    }
    costs
}

/// What set the calls up is remembered for 32 s (64·T1, RFC 3261 §17), which is none of a call's own.
const FORGOTTEN: Duration = Duration::from_secs(35);

fn a_further_call(costs: &[Cost]) -> Option<f64> {
    let (first, last) = (costs.first()?, costs.last()?);
    let further = last.n_calls - first.n_calls;
    (further > 0).then(|| (last.own_mb - first.own_mb) / further as f64)
}

/// Somebody who talks until it is dropped.
struct Caller {
    _talking: Talking,
    _phone: Phone,
}

impl Caller {
    fn new(callee: &impl Callee, sound: &Arc<[f32]>) -> Option<Self> {
        let mut phone = Phone::new(callee.sip());
        phone.invite(callee.user());
        phone.try_answered(SOON)?;
        Some(Self {
            _talking: phone.keep_talking(sound.clone(), 0.0),
            _phone: phone,
        })
    }
}

/// A period of JACK with so many callers into so many zones, where the daemon may never be late.
struct Stress {
    period: u32,
    n_calls: usize,
    n_zones: usize,
}

const STRESSES: [Stress; 2] = [
    Stress {
        period: 128,
        n_calls: 50,
        n_zones: 4,
    },
    Stress {
        period: 64,
        n_calls: 1,
        n_zones: 1,
    },
];

/// JACK's own late wake-ups are told too, with those of as long a span without callers.
pub fn xruns(effort: Effort, report: &mut Report) {
    for stress in STRESSES {
        let n_zones = if stress.n_zones > 1 && !zones_are_known(stress.n_zones) {
            eprintln!("   this build has no zones: all callers go into one");
            1
        } else {
            stress.n_zones
        };
        let late = stress.run(effort, n_zones);
        let (period, n_calls) = (stress.period, stress.n_calls);
        let what = format!("{period} frames, {n_calls} voices, {n_zones} zones: xruns of ours");
        let note = format!(
            "late for any reason: {}; as long before, nobody talking: {}",
            late.n_talking, late.n_before
        );
        report.none(&what, late.n_guilty, note);
    }
}

struct Late {
    /// Cycles that the daemon did not finish in time, so says the server.
    n_guilty: u64,
    /// Cycles that came late for any reason.
    n_talking: u64,
    n_before: u64,
}

impl Stress {
    fn run(&self, effort: Effort, n_zones: usize) -> Late {
        let jackd = Jackd::start(48_000, self.period);
        let conf = open(&jackd).more(&zones(n_zones));
        let daemon = Daemon::start(&conf);
        jackd.wait_until_fed("system:playback_1", "paging:", SOON);
        let span = Duration::from_secs(effort.pick(60, 8));
        // What joining the graph may have cost is told by now.
        pause(Duration::from_secs(2));
        let before = xruns_of(&daemon);
        pause(span);
        let n_before = xruns_of(&daemon) - before;

        let sound: Arc<[f32]> = signal::speech(8_000, 20.0).into();
        let callers: Vec<Caller> = (0..self.n_calls)
            .map(|_| Caller::new(&daemon, &sound).expect("every call is answered"))
            .collect();
        pause(Duration::from_secs(2));
        let (before, unfinished_before) = (xruns_of(&daemon), unfinished(&jackd));
        pause(span);
        let late = Late {
            n_guilty: unfinished(&jackd) - unfinished_before,
            n_talking: xruns_of(&daemon) - before,
            n_before,
        };
        drop(callers);
        late
    }
}

/// Sections for so many zones, each at one of the two speakers; one is there without any.
fn zones(n: usize) -> String {
    if n < 2 {
        return String::new();
    }
    let zone = |i| format!("[zone:z{i}]\noutputs = ^system:playback_{}$\n", 1 + i % 2);
    (0..n).map(zone).collect()
}

fn zones_are_known(n: usize) -> bool {
    let folder = Folder::new("zones");
    let any = ([127, 0, 0, 1], 5060).into();
    let text = Conf::timer().more(&zones(n)).text(any, 20_000);
    let file = folder.write("zones.conf", text);
    let file = file.to_str().expect("a plain path");
    let (code, _) = daemon::run(&folder, &["--check", file], SOON);
    code == Some(0)
}

/// Cycles so far in which the server found that the daemon was not ready. When the server itself
/// woke late, because the machine had other things to do, it names nobody.
fn unfinished(jackd: &Jackd) -> u64 {
    let log = jackd.log();
    let named = log.lines().filter(|line| line.contains("client = paging"));
    named.count() as u64
}

/// What the daemon has said so far of sound that came too late.
fn xruns_of(daemon: &Daemon) -> u64 {
    // The daemon tells within half a second.
    pause(Duration::from_millis(600));
    let log = daemon.process.log();
    let late = log.lines().filter_map(|line| {
        let (_, rest) = line.split_once("sound: late ")?;
        rest.split(' ').next()?.parse::<u64>().ok()
    });
    late.sum()
}

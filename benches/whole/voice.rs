//! How early and how clear does a voice arrive at the speakers, beside baresip?
//!
//! ```text
//!                       ┌─► Daemon ──► system:playback_2 ─┐
//!  speech ─► same fate ─┤                                 ├─► Recorder ─► pieces found again,
//!  (espeak-ng)          └─► baresip ─► system:playback_1 ─┘               PESQ
//! ```
//!
//! Both hear the same packets at the same instants: what the network does to packet *n* is thrown
//! once. The delay counts from the sending of the packet whose first frame it is; from mouth to
//! speaker the time of a packet comes on top.

use std::time::{Duration, Instant};

use crate::clear::{Band, PESQ_PYTHON, SENTENCES, pesq, speak};
use crate::common::daemon::Daemon;
use crate::common::folder::Folder;
use crate::common::jack_client::Recorder;
use crate::common::jackd::Jackd;
use crate::common::measure::{decimate, median, pieces};
use crate::common::phone::Phone;
use crate::common::signal::{Dice, from_ulaw, ulaw};
use crate::figures::{Effort, SOON, open};
use crate::peers::Baresip;
use crate::report::{Peer, Report};

/// Periods of JACK in frames, with the delays in milliseconds that are promised for them.
const PERIODS: [(u32, f64); 3] = [(128, 20.0), (256, 25.0), (1_024, 50.0)];

/// A quiet network, at several periods.
pub fn delay(effort: Effort, report: &mut Report) {
    codec_alone(effort, report);
    for (period, limit) in PERIODS {
        let bench = Bench::new(period);
        let runs = bench.runs(effort, |_| Some(Duration::ZERO));
        let what = format!("packet sent to speaker, {period} frames (median)");
        report.below(&what, runs.ours.delay(), limit, "ms", &[runs.late()]);
        let what = format!("the same, 95 of 100 are within, {period} frames");
        let late = runs.ours.late_share(0.95);
        report.below(&what, late, runs.ours.delay() + 6.0, "ms", &[]);
        report.clear("clean", &runs, 3.9);
    }
}

/// What the best of all receivers could reach with these sentences.
fn codec_alone(effort: Effort, report: &mut Report) {
    let folder = Folder::new("codec");
    let judged: Option<Vec<f64>> = SENTENCES[..effort.pick(8, 2)]
        .iter()
        .map(|text| {
            let said = speak(&folder, text, 8_000);
            let heard: Vec<f32> = said.iter().map(|frame| from_ulaw(ulaw(*frame))).collect();
            pesq(&folder, Band::Narrow, &said, &heard)
        })
        .collect();
    if let Some(judged) = judged {
        report.told(
            "PCMU alone: clearness (PESQ, narrow-band)",
            median(&judged),
            "",
            &[],
        );
    }
}

/// Every packet is late by chance; from one packet's time on, they overtake each other.
pub fn jitter(effort: Effort, report: &mut Report) {
    for (longest, ms, pesq) in [(20.0, 60.0, 3.9), (50.0, 110.0, 3.85)] {
        let bench = Bench::new(128);
        let runs = bench.runs(effort, |dice| {
            Some(Duration::from_secs_f32(dice.between(0.0, longest) / 1e3))
        });
        let what = format!("jitter 0 to {longest} ms: delay");
        report.below(&what, runs.ours.delay(), ms, "ms", &[runs.late()]);
        report.clear(&format!("jitter 0 to {longest} ms"), &runs, pesq);
    }
}

/// Packets are lost one by one, at random.
pub fn loss(effort: Effort, report: &mut Report) {
    for (percent, pesq) in [(1.0, 3.85), (3.0, 3.6), (5.0, 3.4), (10.0, 3.0)] {
        let bench = Bench::new(128);
        let runs = bench.runs(effort, |dice| {
            (dice.between(0.0, 100.0) >= percent).then_some(Duration::ZERO)
        });
        report.clear(&format!("{percent} % lost"), &runs, pesq);
    }
}

/// One JACK server with both at it.
struct Bench {
    jackd: Jackd,
    daemon: Daemon,
    baresip: Baresip,
    folder: Folder,
}

/// What a sentence came to at one of the two.
struct Heard {
    /// Of each piece, in milliseconds.
    late: Vec<f32>,
    /// Narrow-band, 1 to 4.5; `None` where it cannot be measured.
    pesq: Option<f64>,
}

/// All sentences at one of the two.
#[derive(Default)]
struct Side(Vec<Heard>);

struct Runs {
    ours: Side,
    theirs: Side,
}

impl Bench {
    fn new(period: u32) -> Self {
        let jackd = Jackd::start(48_000, period);
        let mut conf = open(&jackd);
        conf.audio = conf.audio.replace("playback_", "playback_2");
        let daemon = Daemon::start(&conf);
        jackd.wait_until_fed("system:playback_2", "paging:", SOON);
        let baresip = Baresip::start(&jackd);
        let folder = Folder::new("voice");
        Self {
            jackd,
            daemon,
            baresip,
            folder,
        }
    }

    /// Says each sentence in a call of its own; `fate` is thrown packet by packet.
    fn runs(&self, effort: Effort, fate: impl Fn(&mut Dice) -> Option<Duration>) -> Runs {
        let (mut ours, mut theirs) = (Side::default(), Side::default());
        for (n, text) in SENTENCES[..effort.pick(8, 2)].iter().enumerate() {
            let speech = speak(&self.folder, text, 8_000);
            let mut dice = Dice::number(n as u64);
            let fates: Vec<Option<Duration>> =
                speech.chunks(PACKET).map(|_| fate(&mut dice)).collect();
            let [a, b] = self.say(&speech, &fates);
            ours.0.push(a);
            theirs.0.push(b);
        }
        Runs { ours, theirs }
    }

    fn say(&self, speech: &[f32], fates: &[Option<Duration>]) -> [Heard; 2] {
        let (mut ours, mut theirs) = (self.daemon.phone(), Phone::new(self.baresip.sip));
        ours.call("100", SOON);
        theirs.call("peer", SOON);
        self.jackd
            .wait_until_fed("system:playback_1", "baresip", SOON);
        // It feeds its one channel to every speaker.
        self.jackd.part("system:playback_2", "baresip");
        let recorder = Recorder::start(&self.jackd);
        std::thread::sleep(Duration::from_millis(300));
        let talk = |phone: &Phone| phone.talk(speech, |i| fates[usize::from(i)]);
        let began: [Instant; 2] = std::thread::scope(|scope| {
            let beside = scope.spawn(|| talk(&theirs));
            [talk(&ours), beside.join().expect("it talks to its end")]
        });
        std::thread::sleep(Duration::from_millis(400));
        let heard = recorder.stop();
        ours.hang_up();
        theirs.hang_up();
        let at = began.map(|at| heard.frame_at(at));
        [
            self.judge(speech, &heard.right, heard.rate, at[0]),
            self.judge(speech, &heard.left, heard.rate, at[1]),
        ]
    }

    fn judge(&self, speech: &[f32], heard: &[f32], rate: u32, from: usize) -> Heard {
        let found = pieces(speech, heard, rate, from);
        let sure = found.iter().filter(|piece| piece.alike > 0.7);
        Heard {
            late: sure.map(|piece| piece.late_ms).collect(),
            pesq: pesq(
                &self.folder,
                Band::Narrow,
                speech,
                &decimate(&heard[from..], rate as usize / 8_000),
            ),
        }
    }
}

impl Side {
    fn delay(&self) -> f64 {
        self.late_share(0.5)
    }

    /// That share of all pieces is not later, in milliseconds.
    fn late_share(&self, share: f64) -> f64 {
        let mut all: Vec<f32> = self.0.iter().flat_map(|heard| heard.late.clone()).collect();
        all.sort_by(f32::total_cmp);
        let at = (all.len() as f64 * share) as usize;
        all.get(at).copied().map_or(f64::INFINITY, f64::from)
    }

    fn pesq(&self) -> Option<f64> {
        let all: Option<Vec<f64>> = self.0.iter().map(|heard| heard.pesq).collect();
        all.map(|all| median(&all))
    }
}

impl Runs {
    fn late(&self) -> Peer {
        Peer {
            name: "baresip",
            figure: self.theirs.delay(),
        }
    }
}

impl Report {
    fn clear(&mut self, when: &str, runs: &Runs, limit: f64) {
        let what = format!("{when}: clearness (PESQ, narrow-band)");
        let Some((ours, theirs)) = runs.ours.pesq().zip(runs.theirs.pesq()) else {
            let note = format!("there is no {PESQ_PYTHON}; scripts/measure makes it");
            self.seen(&what, "not measured", note);
            return;
        };
        let peer = Peer {
            name: "baresip",
            figure: theirs,
        };
        self.above(&what, ours, limit, "", &[peer]);
    }
}

/// Frames of a packet of 20 ms at 8 kHz.
const PACKET: usize = 160;

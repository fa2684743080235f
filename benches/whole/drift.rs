//! Does the delay stay where it is while the caller's clock and the card's run apart?
//!
//! ```text
//!  speech ─► packets by a clock 200 ppm off ─► Daemon ─► Recorder, two seconds in every twenty
//! ```
//!
//! A frame that is dropped or played twice stays in the delay of all that follows. A server that
//! wakes late plays everything later until the receiver has caught up, which says nothing about the
//! clocks: looks in which it did are told apart.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::daemon::Daemon;
use crate::common::jack_client::Recorder;
use crate::common::jackd::Jackd;
use crate::common::measure::{median, pieces};
use crate::common::phone::Talking;
use crate::common::signal;
use crate::figures::{Effort, SOON, open, pause};
use crate::report::Report;

/// The delay may stray by so much, in milliseconds.
const STRAYS: f32 = 5.0;
const PACKET: usize = 160;
/// From the recorder's start to the first of what is judged.
const SETTLING: Duration = Duration::from_secs(4);

/// Twenty minutes of a caller whose clock is behind.
pub fn slow(effort: Effort, report: &mut Report) {
    drift(effort, -200.0, report);
}

/// Twenty minutes of a caller whose clock is ahead.
pub fn fast(effort: Effort, report: &mut Report) {
    drift(effort, 200.0, report);
}

fn drift(effort: Effort, ppm: f64, report: &mut Report) {
    let looks = listen(effort, ppm);
    let n_missed = looks.iter().filter(|look| look.late_ms.is_empty()).count();
    let what = format!("{ppm:+} ppm: looks at which the voice was not found");
    report.none(&what, n_missed as u64, format!("of {}", looks.len()));
    let delays: Vec<f32> = looks.iter().filter_map(Look::middle).collect();
    if delays.is_empty() {
        return;
    }
    let usual = median(&delays);
    let strays = |looks: &[&Look]| {
        let strays = looks.iter().flat_map(|look| look.middle());
        strays.map(|late| (late - usual).abs()).fold(0.0, f32::max)
    };
    let (on_time, late): (Vec<&Look>, Vec<&Look>) = looks.iter().partition(|it| it.n_late == 0);
    report.told(&format!("{ppm:+} ppm: delay"), usual.into(), "ms", &[]);
    let what = format!("{ppm:+} ppm: the delay of a look strays by at most");
    let figure = f64::from(strays(&on_time));
    report.below(&what, figure, STRAYS.into(), "ms", &[]);
    let what = format!("{ppm:+} ppm: the same, where JACK itself was late");
    report.told(&what, strays(&late).into(), "ms", &[]);
    let what = format!("{ppm:+} ppm: looks in which it was");
    report.told(&what, late.len() as f64, "", &[]);
    let all: Vec<f32> = looks.iter().flat_map(|look| look.late_ms.clone()).collect();
    let is_near = |late: &&f32| (**late - usual).abs() <= STRAYS;
    let share = 100.0 * all.iter().filter(is_near).count() as f64 / all.len() as f64;
    let what = format!("{ppm:+} ppm: quarters of a second within the limit, of all looks");
    report.told(&what, share, "%", &[]);
}

/// Two seconds of what was heard.
struct Look {
    /// The delay of each quarter of a second that was found.
    late_ms: Vec<f32>,
    /// Cycles of the server that were late meanwhile.
    n_late: u64,
}

impl Look {
    /// The delay in the middle of what was found, in milliseconds.
    fn middle(&self) -> Option<f32> {
        (!self.late_ms.is_empty()).then(|| median(&self.late_ms))
    }
}

/// Look by look; the first minute is for learning.
fn listen(effort: Effort, ppm: f64) -> Vec<Look> {
    let jackd = Jackd::start(48_000, 256);
    // Nobody is at the phone to renew the session.
    let conf = open(&jackd).sip("session-expires = 0");
    let daemon = Daemon::start(&conf.calls("hang-up-after-minutes = 60"));
    jackd.wait_until_fed("system:playback_1", "paging:", SOON);
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    let sound: Arc<[f32]> = signal::speech(8_000, 60.0).into();
    let talking = phone.keep_talking(sound.clone(), ppm);
    let lasts = Duration::from_secs(effort.pick(1_200, 60));
    let mut next = Duration::from_secs(effort.pick(60, 20));
    let mut looks = Vec::new();
    while next < lasts {
        pause(next.saturating_sub(talking.started.elapsed()));
        let look = look(&jackd, &sound, &talking);
        if look.n_late > 0 {
            eprintln!("   JACK was late: the delay is {:?} ms", look.late_ms);
        }
        looks.push(look);
        if looks.len() % 9 == 0 {
            eprintln!(
                "   {ppm:+} ppm: {} of {} s",
                next.as_secs(),
                lasts.as_secs()
            );
        }
        next += Duration::from_secs(20);
    }
    drop(talking);
    phone.hang_up();
    looks
}

/// Records two seconds and finds what was said in them.
fn look(jackd: &Jackd, sound: &[f32], talking: &Talking) -> Look {
    let recorder = Recorder::start(jackd);
    // That a client has come may itself have kept the server from being on time.
    pause(SETTLING);
    let since = Instant::now().duration_since(talking.started);
    // The first packet that leaves from here on.
    let number = (since.as_secs_f64() / talking.interval.as_secs_f64()).ceil() as u32;
    let sent = talking.started + talking.interval * number;
    pause(Duration::from_millis(2_600));
    let heard = recorder.stop();
    let from = number as usize * PACKET % sound.len();
    let said: Vec<f32> = sound
        .iter()
        .cycle()
        .skip(from)
        .take(16_000)
        .copied()
        .collect();
    let pieces = pieces(&said, &heard.left, heard.rate, heard.frame_at(sent));
    let found = pieces.iter().filter(|piece| piece.alike > 0.7);
    Look {
        late_ms: found.map(|piece| piece.late_ms).collect(),
        n_late: heard.n_xruns,
    }
}

//! Does the delay stay where it is while the caller's clock and the card's run apart?
//!
//! ```text
//!  speech ─► packets by a clock 200 ppm off ─► Daemon ─► Recorder, two seconds in every twenty
//! ```
//!
//! A frame that is dropped or played twice stays in the delay of all that follows.

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
    let all: Vec<f32> = looks.iter().flatten().copied().collect();
    let n_missed = looks.iter().filter(|look| look.is_empty()).count();
    let what = format!("{ppm:+} ppm: looks at which the voice was not found");
    report.none(&what, n_missed as u64, format!("of {}", looks.len()));
    if all.is_empty() {
        return;
    }
    let usual = median(&all);
    let strayed = all.iter().map(|late| (late - usual).abs());
    let farthest = strayed.fold(0.0, f32::max);
    report.told(&format!("{ppm:+} ppm: delay"), usual.into(), "ms", &[]);
    let what = format!("{ppm:+} ppm: the delay strays by at most");
    report.below(&what, farthest.into(), STRAYS.into(), "ms", &[]);
}

/// The delay of each piece that was found, look by look; the first minute is for learning.
fn listen(effort: Effort, ppm: f64) -> Vec<Vec<f32>> {
    let jackd = Jackd::start(48_000, 256);
    let daemon = Daemon::start(&open(&jackd).calls("hang-up-after-minutes = 60"));
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
        looks.push(look(&jackd, &sound, &talking));
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
fn look(jackd: &Jackd, sound: &[f32], talking: &Talking) -> Vec<f32> {
    let recorder = Recorder::start(jackd);
    pause(Duration::from_millis(300));
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
    pieces(&said, &heard.left, heard.rate, heard.frame_at(sent))
        .iter()
        .filter(|piece| piece.alike > 0.7)
        .map(|piece| piece.late_ms)
        .collect()
}

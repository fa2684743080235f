//! What does a device play whose clock and that of the engine run apart? In virtual time.

use std::f64::consts::TAU;

use super::*;
use crate::output::card::line::{LineTx, line};

/// Whoever calls every `period` frames, at `hz` of its own, but not while it stands still.
struct Side {
    hz: f64,
    period: usize,
    n_turns: u64,
    /// How much later everything is since it stood still.
    late: f64,
}

impl Side {
    fn new(hz: f64, period: usize) -> Self {
        Self {
            hz,
            period,
            n_turns: 0,
            late: 0.0,
        }
    }

    fn due(&self) -> f64 {
        self.late + self.frame() as f64 / self.hz
    }

    fn frame(&self) -> u64 {
        self.n_turns * self.period as u64
    }
}

/// What a channel of the clock plays at a frame.
type Signal = Box<dyn Fn(usize, u64) -> f32>;

struct Bench {
    clock: Side,
    device: Side,
    tx: LineTx,
    playout: Playout,
    tally: Arc<Tally>,
    signal: Signal,
}

/// A callback's worth of each channel.
struct Sheet(Vec<Vec<f32>>);

impl Ports for Sheet {
    fn read(&mut self, _: usize, _: usize, into: &mut [f32]) {
        into.fill(0.0);
    }

    fn write(&mut self, output: usize, at: usize, from: &[f32]) {
        self.0[output][at..at + from.len()].copy_from_slice(from);
    }
}

impl Bench {
    /// The clock's rate and period, those of the device, and by how many millionths the clock is
    /// faster than it says.
    fn new(
        clock: (u32, usize),
        device: (u32, usize),
        ppm: f64,
        channels: usize,
        signal: impl Fn(usize, u64) -> f32 + 'static,
    ) -> Self {
        let rate = |hz| SampleRate::new(hz).unwrap();
        let (tx, rx) = line(rate(clock.0), channels, Duration::from_millis(500));
        let tally = Arc::new(Tally::default());
        let playout = Playout::new(rx, clock.1, rate(device.0), device.1, tally.clone());
        Self {
            clock: Side::new(f64::from(clock.0) * (1.0 + ppm * 1e-6), clock.1),
            device: Side::new(f64::from(device.0), device.1),
            tx,
            playout,
            tally,
            signal: Box::new(signal),
        }
    }

    /// Runs for so long and returns what each channel of the device plays.
    fn run(&mut self, seconds: f64) -> Vec<Vec<f32>> {
        let mut heard = vec![Vec::new(); self.tx.channels()];
        self.run_to(seconds, |_, sheet| {
            for (heard, channel) in heard.iter_mut().zip(&sheet.0) {
                heard.extend(channel);
            }
        });
        heard
    }

    /// Runs for so long; what is heard comes with the time of its first frame.
    fn run_to(&mut self, seconds: f64, mut heard: impl FnMut(f64, &Sheet)) {
        let until = self.device.due() + seconds;
        while self.device.due() < until {
            if self.clock.due() <= self.device.due() {
                self.burst();
                continue;
            }
            let mut sheet = Sheet(vec![vec![0.0; self.device.period]; self.tx.channels()]);
            self.playout.process(self.device.period, &mut sheet);
            heard(self.device.due(), &sheet);
            self.device.n_turns += 1;
        }
    }

    /// The device does nothing for a while.
    fn halt_device(&mut self, seconds: f64) {
        self.device.late += seconds;
        while self.clock.due() < self.device.due() {
            self.burst();
        }
    }

    fn burst(&mut self) {
        let frames = self.clock.frame()..self.clock.frame() + self.clock.period as u64;
        let channels = 0..self.tx.channels();
        let samples = frames.flat_map(|at| channels.clone().map(move |channel| (channel, at)));
        let samples = samples.map(|(channel, at)| (self.signal)(channel, at));
        self.tx.push(&samples.collect::<Vec<f32>>());
        self.clock.n_turns += 1;
    }

    fn counts(&self) -> (u64, u64) {
        (self.tally.n_starved(), self.tally.n_skips())
    }
}

/// A hump each second, whose middle is found to a fraction of a frame.
const PEAK: u64 = 2_000;
const HALF: u64 = 40;

fn hump(rate: u64, at: u64) -> f32 {
    let off = (at % rate).abs_diff(PEAK);
    if off >= HALF {
        return 0.0;
    }
    (0.5 + 0.5 * (TAU / 2.0 * off as f64 / HALF as f64).cos()) as f32
}

/// How much later than the clock each hump is heard, in seconds.
fn delays(bench: &mut Bench, rate: u64, seconds: usize) -> Vec<f64> {
    let (hz, step) = (bench.clock.hz, 1.0 / bench.device.hz);
    // Weight and moment of the hump that passes.
    let (mut weight, mut moment, mut middles) = (0.0, 0.0, Vec::new());
    bench.run_to(seconds as f64, |time, sheet| {
        let mut quiet = true;
        for (i, x) in sheet.0[0].iter().enumerate() {
            let x = f64::from(*x);
            quiet &= x.abs() < 1e-3;
            weight += x;
            moment += x * (time + i as f64 * step);
        }
        if quiet {
            if weight > HALF as f64 / 2.0 {
                middles.push(moment / weight);
            }
            (weight, moment) = (0.0, 0.0);
        }
    });
    let first = |middle: f64| ((middle * hz - PEAK as f64) / rate as f64).floor();
    let played = |middle: f64| (first(middle) * rate as f64 + PEAK as f64) / hz;
    middles.iter().map(|it| it - played(*it)).collect()
}

fn wanted(playout: &Playout) -> f64 {
    let filter = playout.resamplers[0].delay() as u64;
    (playout.delay() + playout.rx.rate().duration_of(filter)).as_secs_f64()
}

#[test]
fn an_hour_at_200_ppm_keeps_the_delay_and_neither_drops_nor_doubles() {
    // 10 ms and 8.75 ms, as a clock of 480 and a device of 420 frames at 48 kHz.
    for ppm in [-200.0, 200.0] {
        let mut bench = Bench::new((8_000, 80), (8_000, 70), ppm, 1, |_, at| hump(8_000, at));
        let wanted = wanted(&bench.playout);
        let delays = delays(&mut bench, 8_000, 3_600);
        assert!((3_595..=3_601).contains(&delays.len()), "{}", delays.len());
        for (second, delay) in delays.iter().enumerate().skip(1) {
            let off = (delay - wanted) * 1e3;
            // At first nobody knows how far the clocks are apart, and where in its period the other
            // one is.
            let most = if second < 120 { 8.0 } else { 2.0 };
            assert!(off.abs() < most, "{ppm} ppm, {second} s: {off} ms off");
        }
        let steps = delays
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs() * 1e3);
        let largest = steps.fold(0.0, f64::max);
        assert!(largest < 1.0, "{ppm} ppm: a step of {largest} ms");
        assert_eq!(bench.counts(), (0, 0), "{ppm} ppm");
    }
}

#[test]
fn equal_periods_move_the_delay_by_half_of_one_at_most() {
    let mut bench = Bench::new((8_000, 80), (8_000, 80), 50.0, 1, |_, at| hump(8_000, at));
    let wanted = wanted(&bench.playout);
    let delays = delays(&mut bench, 8_000, 900);
    let furthest = delays.iter().map(|it| (it - wanted).abs() * 1e3);
    let furthest = furthest.fold(0.0, f64::max);
    assert!(furthest < 7.5, "{furthest} ms");
    assert_eq!(bench.counts(), (0, 0));
}

/// A tone of each channel's own.
fn tones(channel: usize, at: u64) -> f32 {
    let hz = [440.0, 1_000.0, 2_500.0][channel];
    (0.5 * (TAU * hz * at as f64 / 48_000.0).sin()) as f32
}

/// The amplitude of a tone, in short windows, since its pitch wavers while its delay is steered.
fn level(frames: &[f32], rate: f64, hz: f64) -> f64 {
    let windows = frames.chunks_exact(rate as usize / 20);
    let levels: Vec<f64> = windows.map(|it| level_of(it, rate, hz)).collect();
    levels.iter().sum::<f64>() / levels.len() as f64
}

fn level_of(frames: &[f32], rate: f64, hz: f64) -> f64 {
    let (mut re, mut im) = (0.0, 0.0);
    for (i, x) in frames.iter().enumerate() {
        let (sin, cos) = (TAU * hz * i as f64 / rate).sin_cos();
        re += f64::from(*x) * cos;
        im += f64::from(*x) * sin;
    }
    2.0 * re.hypot(im) / frames.len() as f64
}

fn steepest(frames: &[f32]) -> f32 {
    let steps = frames.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    steps.fold(0.0, f32::max)
}

#[test]
fn another_rate_and_more_channels_play_each_its_own() {
    for (rate, period) in [(44_100, 448), (48_000, 1_024), (96_000, 100)] {
        let mut bench = Bench::new((48_000, 512), (rate, period), 30.0, 3, tones);
        bench.run(2.0);
        let heard = bench.run(4.0);
        for (channel, frames) in heard.iter().enumerate() {
            for (other, hz) in [440.0, 1_000.0, 2_500.0].into_iter().enumerate() {
                let level = level(frames, f64::from(rate), hz);
                let expected = if other == channel { 0.5 } else { 0.0 };
                let is_near = (level - expected).abs() < 0.02;
                assert!(is_near, "{rate}: {hz} Hz in channel {channel}: {level}");
            }
        }
        assert_eq!(bench.counts(), (0, 0), "{rate}");
    }
}

#[test]
fn a_device_that_stops_and_returns_is_as_late_as_before_and_does_not_click() {
    let mut bench = Bench::new((48_000, 512), (48_000, 448), 100.0, 1, tones);
    let mut heard = bench.run(3.0).remove(0);
    let fill = bench.playout.rx.fill();
    bench.halt_device(3.0);
    heard.extend(bench.run(3.0).remove(0));
    assert_eq!(bench.counts(), (0, 1));
    let off = bench.playout.rx.fill().abs_diff(fill);
    assert!(off < 700, "{off} frames");
    // 440 Hz at 0.5.
    let largest = steepest(&heard);
    assert!(largest < 0.031, "{largest}");
    let last = &heard[heard.len() - 48_000..];
    assert!((level(last, 48_000.0, 440.0) - 0.5).abs() < 0.02);
}

#[test]
fn a_clock_that_stands_still_makes_silence_and_costs_no_delay() {
    let mut bench = Bench::new((48_000, 512), (48_000, 448), -100.0, 1, tones);
    let mut heard = bench.run(3.0).remove(0);
    let delay = bench.playout.delay();
    for n in 1..=5 {
        bench.clock.late += 1.0;
        let silent = bench.run(1.0).remove(0);
        assert_eq!(silent[4_800..40_000], [0.0; 35_200]);
        heard.extend(silent);
        heard.extend(bench.run(1.0).remove(0));
        assert_eq!(bench.counts(), (n, 0));
        assert_eq!(bench.playout.delay(), delay);
    }
    assert!(steepest(&heard) < 0.031, "{}", steepest(&heard));
    let last = &heard[heard.len() - 24_000..];
    assert!((level(last, 48_000.0, 440.0) - 0.5).abs() < 0.02);
}

#[test]
fn callbacks_that_are_late_again_and_again_are_given_more_time() {
    let mut bench = Bench::new((48_000, 512), (48_000, 448), 0.0, 1, tones);
    bench.run(3.0);
    let delay = bench.playout.delay();
    let mut n_starved = 0;
    for _ in 0..20 {
        // Late by 20 ms, and made up for at once.
        bench.clock.late += 0.020;
        bench.run(0.03);
        bench.clock.late -= 0.020;
        bench.run(1.0);
        n_starved = bench.counts().0;
    }
    assert!((1..=5).contains(&n_starved), "{n_starved}");
    let longer = bench.playout.delay() - delay;
    assert!(longer < Duration::from_millis(26), "{longer:?}");
}

#[test]
fn a_rate_that_ends_leaves_silence() {
    let mut bench = Bench::new((48_000, 512), (48_000, 448), 0.0, 1, tones);
    bench.run(1.0);
    let (tx, _) = line(SampleRate::HZ_8000, 1, Duration::from_millis(1));
    bench.tx = tx;
    let heard = bench.run(1.0).remove(0);
    assert!(steepest(&heard) < 0.031);
    assert_eq!(heard[9_600..], vec![0.0; heard.len() - 9_600]);
}

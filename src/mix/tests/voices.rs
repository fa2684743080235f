//! Is a voice unbroken, whatever its clock and its feed do?

use super::*;

const CALL: CallId = CallId(1);

fn tone(at: usize) -> f32 {
    0.5 * sine(400.0, SampleRate::HZ_8000, at)
}

/// The steepest step of the tone at the card's rate, and a quarter for the corners of fades.
const STEEPEST: f32 = 0.5 * 400.0 * TAU as f32 / 48_000.0 * 1.25;

fn stage_with(talker: Talker, rx: crate::base::FeedRx) -> (Stage, Talker) {
    let mut stage = Stage::new(1);
    stage.settle();
    stage
        .console
        .add_voice(CALL, rx, zone(0), Db::UNITY)
        .unwrap();
    let mut talker = talker;
    talker.next_at = stage.now() as f64;
    (stage, talker)
}

fn run(stage: &mut Stage, talker: &mut Talker, ms: u64) {
    let until = stage.now() + RATE.frames_in(Duration::from_millis(ms));
    while stage.now() < until {
        talker.talk(stage.now());
        stage.process(256);
    }
}

#[test]
fn a_voice_is_heard_early_at_its_level_and_without_a_step() {
    let (talker, rx) = Talker::new(0.0, tone);
    let (mut stage, mut talker) = stage_with(talker, rx);
    talker.cushion(48);
    let from = stage.now();
    run(&mut stage, &mut talker, 1_000);
    let out = stage.out(0, from);
    assert!((highest(&out[24_000..]) - 0.5).abs() < 0.01);
    assert!(largest_step(out) < STEEPEST, "{}", largest_step(out));
    // The cushion's 6 ms, the resampler's 1.5 ms, the limiter's 1 ms: nothing else delays.
    let first = out.iter().position(|x| x.abs() > 0.005).unwrap();
    assert!((390..450).contains(&first), "{first}");
    assert_eq!(stage.engine.vitals().starved_frames(), 0);
}

#[test]
fn a_voice_comes_in_and_moves_within_the_time_that_it_was_given() {
    let (mut talker, rx) = Talker::new(0.0, |_| 0.5);
    let mut stage = Stage::new(2);
    stage.settle();
    let fade = Duration::from_millis(300);
    let console = &mut stage.console;
    console
        .add_voice_within(CALL, rx, zone(0), Db::UNITY, fade)
        .unwrap();
    // However late the first word is, it is the voice that comes in, not the silence before it.
    stage.run_ms(500);
    talker.next_at = stage.now() as f64;
    let from = stage.now();
    run(&mut stage, &mut talker, 500);
    let out = stage.out(0, from);
    let first = out.iter().position(|x| x.abs() > 1e-4).unwrap();
    let after = |ms: usize| out[first + 48 * ms];
    assert!(
        after(30) < 0.05 && after(270) > 0.45,
        "{} {}",
        after(30),
        after(270)
    );
    assert!((after(150) - 0.25).abs() < 0.05, "{}", after(150));
    assert!((after(320) - 0.5).abs() < 0.01 && largest_step(out) < 1e-3);

    let from = stage.now();
    stage.console.move_voice(CALL, zone(1)).unwrap();
    run(&mut stage, &mut talker, 500);
    for (left, entered) in stage.out(0, from).iter().zip(stage.out(1, from)) {
        assert!((left + entered - 0.5).abs() < 1e-3, "{left} {entered}");
    }
    let left = |ms: usize| stage.out(0, from)[48 * ms];
    assert!(
        left(30) > 0.45 && left(320) == 0.0,
        "{} {}",
        left(30),
        left(320)
    );
}

#[test]
fn the_start_waits_for_a_whole_callback_but_not_for_ever() {
    let (talker, rx) = Talker::new(0.0, tone);
    let (mut stage, mut talker) = stage_with(talker, rx);
    talker.talk(stage.now());
    let from = stage.now();
    stage.process(2_048);
    assert_eq!(
        highest(stage.out(0, from)),
        0.0,
        "20 ms are not enough for 43"
    );
    stage.process(2_048);
    stage.process(2_048);
    assert!(
        highest(stage.out(0, from)) > 0.1,
        "but what is there is heard at last"
    );
}

#[test]
fn a_voice_that_breaks_off_leaves_no_click_is_counted_and_comes_back() {
    let (talker, rx) = Talker::new(0.0, tone);
    let (mut stage, mut talker) = stage_with(talker, rx);
    let from = stage.now();
    for _ in 0..10 {
        talker.cushion(60);
        run(&mut stage, &mut talker, 100);
        stage.run_ms(73);
        talker.next_at = stage.now() as f64;
    }
    talker.cushion(60);
    run(&mut stage, &mut talker, 200);
    assert!(
        largest_step(stage.out(0, from)) < STEEPEST,
        "{}",
        largest_step(stage.out(0, from))
    );
    let starved = stage.engine.vitals().starved_frames();
    assert!((10 * 48 * 40..10 * 48 * 73).contains(&starved), "{starved}");
    assert!(highest(stage.out(0, stage.now() - 4_800)) > 0.45);
    drop(talker);
    stage.run_ms(200);
    let Some(Event::VoiceGone { report, .. }) = stage.events.last() else {
        panic!("{:?}", stage.events)
    };
    assert_eq!(report.n_starved, 10);
    assert!((report.peak.0 - Db::from_gain(0.5).0).abs() < 0.3);
}

#[test]
fn small_callbacks_starve_as_cleanly() {
    let (talker, rx) = Talker::new(0.0, tone);
    let (mut stage, mut talker) = stage_with(talker, rx);
    let from = stage.now();
    for n in 0..2_000 {
        if (n / 100) % 2 == 0 {
            talker.talk(stage.now());
        } else {
            talker.next_at = stage.now() as f64;
        }
        stage.process(48);
    }
    assert!(
        largest_step(stage.out(0, from)) < STEEPEST,
        "{}",
        largest_step(stage.out(0, from))
    );
}

#[test]
fn after_a_long_pause_of_the_clock_it_skips_to_the_present() {
    let (talker, rx) = Talker::new(0.0, tone);
    let (mut stage, mut talker) = stage_with(talker, rx);
    talker.cushion(120);
    run(&mut stage, &mut talker, 1_000);
    let from = stage.now();
    talker.talk(stage.now() + 24_000);
    assert!(talker.tx.fill() > 3_000);
    talker.next_at = stage.now() as f64;
    run(&mut stage, &mut talker, 500);
    assert!(talker.tx.fill() < 500, "{}", talker.tx.fill());
    assert_eq!(stage.engine.vitals().skips(), 1);
    assert_eq!(stage.engine.vitals().starved_frames(), 0);
    assert!(largest_step(stage.out(0, from)) < STEEPEST * 1.3);
}

#[test]
fn an_abandoned_feed_is_played_out_and_reported() {
    let (talker, rx) = Talker::new(0.0, tone);
    let (mut stage, mut talker) = stage_with(talker, rx);
    talker.cushion(60);
    run(&mut stage, &mut talker, 300);
    let left = talker.tx.fill();
    let from = stage.now();
    drop(talker);
    stage.run_ms(100);
    let out = stage.out(0, from);
    let last = out.iter().rposition(|x| x.abs() > 0.01).unwrap();
    assert!(last >= left * 6, "{last} {left}");
    assert!(largest_step(out) < STEEPEST, "{}", largest_step(out));
    let [Event::VoiceGone { call: CALL, report }] = stage.events[..] else {
        panic!("{:?}", stage.events)
    };
    assert_eq!((report.n_starved, report.n_skips), (0, 0));
    assert_eq!(stage.engine.vitals().starved_frames(), 0);
}

#[test]
fn a_removed_voice_fades_out_and_its_feed_is_dropped() {
    let (talker, rx) = Talker::new(0.0, tone);
    let (mut stage, mut talker) = stage_with(talker, rx);
    run(&mut stage, &mut talker, 300);
    let from = stage.now();
    stage.console.remove_voice(CALL);
    run(&mut stage, &mut talker, 100);
    let out = stage.out(0, from);
    assert!(largest_step(out) < STEEPEST, "{}", largest_step(out));
    assert!(out[LAG + 480..].iter().all(|&x| x == 0.0));
    assert_eq!(stage.n_gone(), 1);
    assert!(talker.tx.is_abandoned());
}

#[test]
fn a_voice_that_never_began_can_be_removed() {
    let (talker, rx) = Talker::new(0.0, tone);
    let (mut stage, talker) = stage_with(talker, rx);
    stage.run_ms(100);
    stage.console.remove_voice(CALL);
    stage.run_ms(10);
    assert_eq!(stage.n_gone(), 1);
    assert!(talker.tx.is_abandoned());
    assert_eq!(stage.engine.vitals().starved_frames(), 0);
}

#[test]
fn a_second_voice_of_a_call_replaces_the_first() {
    let (talker, rx) = Talker::new(0.0, tone);
    let (mut stage, mut talker) = stage_with(talker, rx);
    run(&mut stage, &mut talker, 300);
    let (mut second, rx) = Talker::new(0.0, |_| 0.0);
    second.next_at = stage.now() as f64;
    stage
        .console
        .add_voice(CALL, rx, zone(0), Db::UNITY)
        .unwrap();
    run(&mut stage, &mut second, 300);
    assert!(talker.tx.is_abandoned() && !second.tx.is_abandoned());
    assert_eq!(stage.n_gone(), 0);
    drop(second);
    stage.run_ms(300);
    assert_eq!(stage.n_gone(), 1);
}

/// An hour of virtual time; the caller's clock is off by `ppm`.
fn an_hour_at(ppm: f64) {
    let (mut talker, rx) = Talker::new(ppm, |_| 0.1);
    talker.cushion(120);
    let (mut stage, mut talker) = stage_with(talker, rx);
    stage.wires.keep = false;
    let mut worst = 0f64;
    for second in 0..3_600 {
        let mut sum = 0.0;
        for _ in 0..188 {
            talker.talk(stage.now());
            sum += talker.tx.fill() as f64 / 188.0;
            stage.process(256);
        }
        if second > 0 {
            worst = worst.max((sum - 200.0).abs() / 8.0);
        }
    }
    assert_eq!(talker.tx.n_starved(), 0);
    assert_eq!(talker.tx.n_overrun(), 0);
    assert_eq!(stage.engine.vitals().starved_frames(), 0);
    assert!(worst < 5.0, "{worst} ms off the target");
    drop(talker);
    stage.run_ms(200);
    let Some(Event::VoiceGone { report, .. }) = stage.events.last() else {
        panic!("{:?}", stage.events)
    };
    assert!((report.skew_ppm - ppm).abs() < 20.0, "{}", report.skew_ppm);
    assert_eq!(report.n_skips, 0);
}

#[test]
fn a_caller_whose_clock_is_slow_for_an_hour_is_followed() {
    an_hour_at(-200.0);
}

#[test]
fn a_caller_whose_clock_is_fast_for_an_hour_is_followed() {
    an_hour_at(200.0);
}

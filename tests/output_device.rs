//! Do sound devices and the timer call the engine? ALSA's `null` stands in for a card.
#![allow(clippy::unwrap_used, reason = "a broken bench shall stop the test")]

mod common;

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::folder::Folder;
use common::measure::level;
use paging::base::{Db, Pcm, PlayId, SampleRate, ZoneSet};
use paging::mix::{Console, EngineSettings, engine};
use paging::output::timer::Tap;
use paging::output::{
    Backend, DeviceMatch, Error, Event, N_INPUTS, N_OUTPUTS, Settings, Supervisor, list_devices,
    spawn_tapped,
};
use tokio::sync::mpsc::UnboundedReceiver;

const SOON: Duration = Duration::from_secs(5);

/// Two devices that take everything at once, and one that does not open.
const ALSA: &str = r#"
pcm.!default { type null hint { show on description "What there is" } }
pcm.hall { type null hint { show on description "Speakers in the hall" } }
pcm.broken { type hw card 7 hint { show on description "A card that is not there" } }
"#;

fn start(
    settings: Settings,
    tap: Tap,
) -> Result<(Supervisor, Console, UnboundedReceiver<Event>), Error> {
    let (console, engine) = engine(EngineSettings {
        n_inputs: N_INPUTS,
        n_outputs: N_OUTPUTS,
        ..EngineSettings::default()
    });
    let (events_tx, events) = tokio::sync::mpsc::unbounded_channel();
    let supervisor = spawn_tapped(settings, engine, events_tx, tap)?;
    Ok((supervisor, console, events))
}

fn next(events: &mut UnboundedReceiver<Event>) -> Event {
    let until = Instant::now() + SOON;
    loop {
        match events.try_recv() {
            Ok(Event::Xrun { .. }) => {}
            Ok(event) => return event,
            Err(_) => assert!(Instant::now() < until, "no event"),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The ALSA configuration is a matter of the environment, so another process looks at it.
#[test]
fn alsa_devices_are_listed_matched_and_played_to() {
    let folder = Folder::new("alsa");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "alsa_process", "--ignored", "--nocapture"])
        .env("ALSA_CONFIG_PATH", folder.write("asound.conf", ALSA))
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
    assert!(!printed.contains("ALSA lib"), "{printed}");
}

#[test]
#[ignore = "a process that another test starts"]
fn alsa_process() {
    let list = list_devices().unwrap();
    assert!(
        list.starts_with("Detected sound devices:\n  [0] "),
        "{list}"
    );
    assert!(
        list.contains("] hall\n    description: Speakers in the hall\n"),
        "{list}"
    );

    let device = |wish: &str| Settings {
        backend: Backend::Device,
        device: DeviceMatch::parse(wish).ok(),
        ..Settings::default()
    };
    let refused = |wish| start(device(wish), Tap::none()).err().unwrap();
    assert!(matches!(refused("a"), Error::ManyDevices(_)));
    assert!(matches!(refused("^pulse$"), Error::NoDevice(_)));
    assert!(matches!(refused("99"), Error::NoDevice(_)));

    let (supervisor, console, mut events) = start(device("^HALL$"), Tap::none()).unwrap();
    let up = next(&mut events);
    let Event::Up {
        backend,
        rate,
        described,
        ..
    } = &up
    else {
        panic!("{up:?}");
    };
    assert_eq!((*backend, rate.hz()), ("device", 48_000));
    assert_eq!(described, "sound device \"hall\", 2 channels");
    let routes = next(&mut events);
    let Event::Routes { described, .. } = &routes else {
        panic!("{routes:?}");
    };
    assert_eq!(
        described[..],
        ["pages -> hall channel 1", "pages -> hall channel 2"]
    );
    let until = Instant::now() + SOON;
    while console.vitals().callbacks() < 100 {
        assert!(Instant::now() < until, "{}", console.vitals().callbacks());
        std::thread::sleep(Duration::from_millis(5));
    }
    supervisor.stop();

    let (supervisor, _console, mut events) = start(device("broken"), Tap::none()).unwrap();
    let down = next(&mut events);
    let Event::Down { why } = &down else {
        panic!("{down:?}");
    };
    assert!(why.starts_with("sound device: "), "{why}");
    let after = Duration::from_secs(1);
    assert_eq!(next(&mut events), Event::Retrying { after });
    // New settings need no patience.
    supervisor.reconfigure(device("^hall$"));
    assert!(matches!(next(&mut events), Event::Up { .. }));
    supervisor.stop();
}

#[test]
fn the_timer_keeps_time_plays_and_lets_itself_be_tapped() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (ear, mut phase) = (heard.clone(), 0.0f32);
    let tap = Tap {
        n_outputs: 2,
        n_inputs: 1,
        music: Box::new(move |_, samples| {
            for sample in samples {
                *sample = 0.2 * (phase * std::f32::consts::TAU).sin();
                phase = (phase + 440.0 / 16_000.0).fract();
            }
        }),
        heard: Box::new(move |output, samples| {
            if output == 1 {
                ear.lock().unwrap().extend_from_slice(samples);
            }
        }),
    };
    let settings = Settings {
        backend: Backend::Timer,
        sample_rate: Some(SampleRate::HZ_16000),
        ..Settings::default()
    };
    let (supervisor, mut console, mut events) = start(settings, tap).unwrap();
    let up = next(&mut events);
    let Event::Up {
        backend,
        rate,
        period,
        ..
    } = up
    else {
        panic!("{up:?}");
    };
    assert_eq!(
        (backend, rate, period),
        ("timer", SampleRate::HZ_16000, 160)
    );
    let routes = next(&mut events);
    let Event::Routes {
        routes, described, ..
    } = routes
    else {
        panic!("{routes:?}");
    };
    assert_eq!(
        described[1..],
        [
            "pages -> timer 2",
            "music timer 1 -> timer 1",
            "music timer 1 -> timer 2"
        ]
    );
    console.route(routes).unwrap();
    let tone = common::signal::sine(16_000, 1_000.0, 0.3, 1.0);
    let klaxon = Arc::new(Pcm::mono(SampleRate::HZ_16000, tone));
    console
        .play(PlayId(1), &klaxon, ZoneSet::first(1), Db::UNITY, None)
        .unwrap();
    let started = Instant::now();
    let frames = console.vitals().frames();
    std::thread::sleep(Duration::from_millis(800));
    let passed = (console.vitals().frames() - frames) as f64 / 16_000.0;
    let took = started.elapsed().as_secs_f64();
    assert!((passed - took).abs() < 0.1, "{passed} s in {took} s");
    supervisor.stop();
    let heard = heard.lock().unwrap();
    let late = &heard[heard.len() - 4_000..];
    assert!((level(late, 16_000, 440.0) - 0.2).abs() < 0.01);
    assert!((level(late, 16_000, 1_000.0) - 0.3).abs() < 0.01);
}

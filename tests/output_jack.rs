//! Does the way out find, keep and regain a JACK graph?
#![allow(clippy::unwrap_used, reason = "a broken bench shall stop the test")]

mod common;

use std::time::{Duration, Instant};

use common::jack_client::{Music, Recorder};
use common::jackd::{Jackd, client_environment};
use common::measure::{level_over_time, median};
use paging::base::SampleRate;
use paging::mix::{Console, EngineSettings, engine};
use paging::output::{
    Backend, Event, JackSettings, Link, N_INPUTS, N_OUTPUTS, Settings, Supervisor, spawn,
};
use regex::Regex;
use tokio::sync::mpsc::UnboundedReceiver;

/// The dummy server's speakers, without music.
const PAGES: [&str; 2] = ["pages -> system:playback_1", "pages -> system:playback_2"];

const SOON: Duration = Duration::from_secs(5);

/// An engine on its way out, and all that is told about it.
struct Bench {
    // Before the console, so that the engine is gone when the console is.
    supervisor: Supervisor,
    console: Console,
    events: UnboundedReceiver<Event>,
    told: Vec<Event>,
}

impl Bench {
    fn start(settings: Settings) -> Self {
        let (console, engine) = engine(EngineSettings {
            n_inputs: N_INPUTS,
            n_outputs: N_OUTPUTS,
            ..EngineSettings::default()
        });
        let (events_tx, events) = tokio::sync::mpsc::unbounded_channel();
        Self {
            supervisor: spawn(settings, engine, events_tx).unwrap(),
            console,
            events,
            told: Vec::new(),
        }
    }

    /// Waits for an event; routes go to the engine, as the daemon does it.
    fn wait<T>(&mut self, what: &str, find: impl Fn(&Event) -> Option<T>) -> T {
        let until = Instant::now() + SOON;
        loop {
            while let Ok(event) = self.events.try_recv() {
                if let Event::Routes { routes, .. } = &event {
                    self.console.route(routes.clone()).unwrap();
                }
                let found = find(&event);
                self.told.push(event);
                if let Some(found) = found {
                    return found;
                }
            }
            while self.console.poll().is_some() {}
            assert!(Instant::now() < until, "no {what}: {:?}", self.told);
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_up(&mut self) -> (&'static str, SampleRate, usize) {
        self.wait("up", |event| {
            if let Event::Up {
                backend,
                rate,
                period,
                ..
            } = event
            {
                return Some((*backend, *rate, *period));
            }
            None
        })
    }

    fn wait_down(&mut self) -> String {
        self.wait("down", |event| {
            if let Event::Down { why } = event {
                return Some(why.clone());
            }
            None
        })
    }

    fn wait_routes(&mut self, lines: &[&str]) {
        self.wait(&format!("{lines:?}"), |event| {
            if let Event::Routes { described, .. } = event {
                return (described == lines).then_some(());
            }
            None
        });
    }

    fn wait_called(&self) {
        let before = self.console.vitals().callbacks();
        wait_until("the engine is called", || {
            self.console.vitals().callbacks() > before
        });
    }
}

/// The dummy server's two speakers, and mpd's ports on the like-numbered one.
fn settings(jackd: &Jackd) -> Settings {
    Settings {
        backend: Backend::Jack,
        jack: JackSettings {
            autostart: false,
            server_name: Some(jackd.name.clone()),
            output_ports: Some(Regex::new("^system:").unwrap()),
            music_links: Link::parse_list("left---_1 right---_2").unwrap(),
            ..JackSettings::default()
        },
        ..Settings::default()
    }
}

#[test]
fn speakers_are_found_and_fed() {
    let jackd = Jackd::start(48_000, 256);
    let mut bench = Bench::start(settings(&jackd));
    assert_eq!(bench.wait_up(), ("jack", SampleRate::HZ_48000, 256));
    bench.wait_routes(&PAGES);
    assert!(jackd.is_connected("paging:out_1", "system:playback_1"));
    assert!(jackd.is_connected("paging:out_2", "system:playback_2"));
}

#[test]
fn music_goes_through_us_and_nowhere_else() {
    let jackd = Jackd::start(48_000, 256);
    let mut bench = Bench::start(settings(&jackd));
    bench.wait_up();
    let recorder = Recorder::start(&jackd);
    let music = Music::start(&jackd, "mpd.paging", [440.0, 660.0], 0.2, true);
    bench.wait_routes(&[
        "pages -> system:playback_1",
        "pages -> system:playback_2",
        "music mpd.paging:left -> system:playback_1",
        "music mpd.paging:right -> system:playback_2",
    ]);
    jackd.wait_until_connected("mpd.paging:left", "paging:music_1", SOON);
    jackd.wait_until_connected("mpd.paging:right", "paging:music_2", SOON);
    assert!(!jackd.is_connected("mpd.paging:left", "system:playback_1"));
    assert!(!jackd.is_connected("mpd.paging:right", "system:playback_2"));
    std::thread::sleep(Duration::from_millis(600));
    let heard = recorder.stop();
    assert!((late_level(&heard.left, 440.0) - 0.2).abs() < 0.01);
    assert!((late_level(&heard.right, 660.0) - 0.2).abs() < 0.01);
    assert!(late_level(&heard.left, 660.0) < 0.01);
    assert!(late_level(&heard.right, 440.0) < 0.01);

    music.stop();
    bench.wait_routes(&PAGES);
    wait_until("music ports go", || !jackd.ports().contains("paging:music"));
    let _music = Music::start(&jackd, "mpd.paging", [440.0, 660.0], 0.2, false);
    jackd.wait_until_connected("mpd.paging:right", "paging:music_2", SOON);
}

/// The usual amplitude of a tone in the last half second at 48 kHz; a cycle that the server
/// skips spoils one part of many.
fn late_level(heard: &[f32], hz: f32) -> f32 {
    let late = &heard[heard.len() - 24_000..];
    median(&level_over_time(late, 48_000, hz, 2_400))
}

#[test]
fn music_that_no_link_wants_is_connected_to_nothing() {
    let jackd = Jackd::start(48_000, 256);
    let mut settings = settings(&jackd);
    settings.jack.music_links = Link::parse_list("left---_2").unwrap();
    let mut bench = Bench::start(settings.clone());
    bench.wait_up();
    let _music = Music::start(&jackd, "mpd.paging", [440.0, 660.0], 0.2, true);
    jackd.wait_until_connected("mpd.paging:left", "paging:music_1", SOON);
    wait_until("the right port is cut off", || {
        !jackd.is_connected("mpd.paging:right", "system:playback_2")
    });

    // New links need no new client.
    settings.jack.music_links = Link::parse_list("right---").unwrap();
    bench.supervisor.reconfigure(settings);
    bench.wait_routes(&[
        "pages -> system:playback_1",
        "pages -> system:playback_2",
        "music mpd.paging:right -> system:playback_1",
        "music mpd.paging:right -> system:playback_2",
    ]);
    wait_until("the left port is cut off", || {
        !jackd.ports().contains("paging:music_1") && jackd.ports().contains("paging:music_2")
    });
    let n_ups = bench.told.iter().filter(|e| matches!(e, Event::Up { .. }));
    assert_eq!(n_ups.count(), 1, "{:?}", bench.told);
}

#[test]
fn every_input_port_of_the_graph_is_a_speaker_without_a_filter() {
    let jackd = Jackd::start(48_000, 256);
    let mut settings = settings(&jackd);
    settings.jack.output_ports = None;
    settings.jack.client_name = "page-me".to_owned();
    let mut bench = Bench::start(settings);
    bench.wait_up();
    let recorder = Recorder::start(&jackd);
    let with_recorder = [
        "pages -> system:playback_1",
        "pages -> system:playback_2",
        "pages -> recorder:in_1",
        "pages -> recorder:in_2",
    ];
    bench.wait_routes(&with_recorder);
    jackd.wait_until_connected("page-me:out_4", "recorder:in_2", SOON);
    recorder.stop();
    bench.wait_routes(&PAGES);
    wait_until("our ports go", || !jackd.ports().contains("page-me:out_3"));
}

#[test]
fn sound_is_back_soon_after_the_server_is() {
    let mut jackd = Jackd::start(48_000, 256);
    let mut bench = Bench::start(settings(&jackd));
    bench.wait_up();
    // The last is what boxes of the first generation ran.
    for (rate, period) in [(48_000, 256), (44_100, 1_024), (8_000, 4_096)] {
        let killed = Instant::now();
        jackd.kill();
        assert_eq!(bench.wait_down(), "the JACK server is gone");
        assert!(killed.elapsed() < Duration::from_millis(700));
        bench.wait("retrying", |event| {
            matches!(event, Event::Retrying { .. }).then_some(())
        });
        std::thread::sleep(Duration::from_millis(600));
        (jackd.rate, jackd.period) = (rate, period);
        jackd.restart();
        let returned = Instant::now();
        let rate = SampleRate::new(rate).unwrap();
        assert_eq!(bench.wait_up(), ("jack", rate, period as usize));
        assert_eq!(bench.console.vitals().rate(), rate);
        bench.wait_routes(&PAGES);
        bench.wait_called();
        assert!(returned.elapsed() < Duration::from_secs(3));
        jackd.wait_until_connected("paging:out_2", "system:playback_2", SOON);
    }
    let n_downs = bench
        .told
        .iter()
        .filter(|e| matches!(e, Event::Down { .. }));
    assert_eq!(n_downs.count(), 3, "{:?}", bench.told);
}

#[test]
fn a_server_that_comes_late_is_joined() {
    let mut jackd = Jackd::start(48_000, 256);
    jackd.kill();
    let mut bench = Bench::start(settings(&jackd));
    let why = bench.wait_down();
    assert_eq!(why, format!("jack: no server \"{}\" answers", jackd.name));
    jackd.restart();
    bench.wait_up();
}

#[test]
fn auto_takes_the_timer_and_makes_way_for_a_server_and_then_waits_for_it() {
    let mut jackd = Jackd::start(48_000, 256);
    jackd.kill();
    let settings = Settings {
        backend: Backend::Auto,
        ..settings(&jackd)
    };
    let mut bench = Bench::start(settings);
    assert_eq!(bench.wait_up().0, "timer");
    jackd.restart();
    assert_eq!(bench.wait_up().0, "jack");
    jackd.kill();
    bench.wait_down();
    std::thread::sleep(Duration::from_millis(1_500));
    jackd.restart();
    assert_eq!(bench.wait_up().0, "jack");
}

#[test]
fn a_server_that_hangs_is_noticed_and_cannot_hold_us() {
    let jackd = Jackd::start(48_000, 256);
    let mut bench = Bench::start(settings(&jackd));
    bench.wait_up();
    jackd.wait_until_connected("paging:out_2", "system:playback_2", SOON);
    // Long enough for a last look at the graph.
    std::thread::sleep(Duration::from_millis(500));
    signal(&jackd, "STOP");
    let why = bench.wait_down();
    assert!(
        why.starts_with("jack has not asked for sound for 2."),
        "{why}"
    );
    signal(&jackd, "CONT");
    bench.wait_up();
    bench.wait_called();
    signal(&jackd, "STOP");
    let stopping = Instant::now();
    bench.supervisor.stop();
    assert!(stopping.elapsed() < Duration::from_millis(1_200));
    signal(&jackd, "CONT");
    // What was left behind ends now; libjack knows one server at a time.
    wait_until("our client goes", || !jackd.ports().contains("paging:"));
}

#[test]
fn a_server_that_changes_its_period_is_followed() {
    let jackd = Jackd::start(48_000, 256);
    let mut bench = Bench::start(settings(&jackd));
    bench.wait_up();
    let changed = std::process::Command::new("jack_bufsize")
        .arg("1024")
        .envs(client_environment(&jackd.name))
        .output();
    assert!(changed.unwrap().status.success());
    assert_eq!(bench.wait_up(), ("jack", SampleRate::HZ_48000, 1_024));
    bench.wait_called();
}

#[test]
fn ports_are_listed_as_the_old_program_did() {
    let jackd = Jackd::start(48_000, 256);
    let list = paging::output::list_jack_ports(Some(&jackd.name), &[]).unwrap();
    let lines: Vec<&str> = list.lines().collect();
    assert_eq!(lines[0], "Detected jack ports:");
    assert_eq!(lines[1], "  system:capture_1");
    assert_eq!(lines[2], "    type: input (player or other sound source)");
    assert!(lines[3].starts_with("    uuid: "));
    assert_eq!(lines[7], "  system:playback_1");
    assert_eq!(lines[8], "    type: output (speakers, audio card or such)");
    let nobody = paging::output::list_jack_ports(Some("nobody"), &[]).unwrap_err();
    assert_eq!(nobody.to_string(), "jack: no server \"nobody\" answers");
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < until, "{what}: not so");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn signal(jackd: &Jackd, name: &str) {
    let pid = jackd.pid().to_string();
    let sent = std::process::Command::new("kill")
        .args([&format!("-{name}"), &pid])
        .status();
    assert!(sent.unwrap().success());
}

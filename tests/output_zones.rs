//! Does each loudspeaker of a JACK graph carry the zones that the settings give it?
#![allow(clippy::unwrap_used, reason = "a broken bench shall stop the test")]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::jack_client::{Music, Recorder};
use common::jackd::Jackd;
use common::measure::{level_over_time, median};
use paging::base::{Db, Pcm, PlayId, SampleRate, ZoneId, ZoneSet};
use paging::mix::{Console, EngineSettings, engine};
use paging::output::jack::{Autostart, open};
use paging::output::{
    Backend, Event, JackSettings, Link, N_INPUTS, OutputMatch, Settings, Supervisor, Zone, spawn,
};
use regex::Regex;
use tokio::sync::mpsc::UnboundedReceiver;

const SOON: Duration = Duration::from_secs(20);

struct Bench {
    supervisor: Supervisor,
    console: Console,
    events: UnboundedReceiver<Event>,
}

impl Bench {
    fn start(settings: Settings, n_zones: usize, n_outputs: usize) -> Self {
        let (console, engine) = engine(EngineSettings {
            n_zones,
            n_inputs: N_INPUTS,
            n_outputs,
            ..EngineSettings::default()
        });
        let (events_tx, events) = tokio::sync::mpsc::unbounded_channel();
        Self {
            supervisor: spawn(settings, engine, events_tx).unwrap(),
            console,
            events,
        }
    }

    /// Waits for routes that are described and unheard of as `is_it` says.
    fn wait_routes(&mut self, is_it: impl Fn(&[String], &[String]) -> bool) {
        let until = Instant::now() + SOON;
        let mut last = None;
        loop {
            while let Ok(event) = self.events.try_recv() {
                if let Event::Routes {
                    routes,
                    described,
                    unheard,
                    ..
                } = event
                {
                    self.console.route(routes).unwrap();
                    if is_it(&described, &unheard) {
                        return;
                    }
                    last = Some((described, unheard));
                }
            }
            while self.console.poll().is_some() {}
            assert!(Instant::now() < until, "not so: {last:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn say(&mut self, id: u64, zones: ZoneSet, hz: f64) {
        let tone = |i: usize| 0.2 * (i as f64 * hz / 8_000.0 * std::f64::consts::TAU).sin() as f32;
        let sound = Arc::new(Pcm::mono(
            SampleRate::HZ_8000,
            (0..80_000).map(tone).collect(),
        ));
        let play = PlayId(id);
        self.console
            .play(play, &sound, zones, Db::UNITY, None)
            .unwrap();
    }
}

fn zone(id: u16, name: &str, ports: &[&str]) -> Zone {
    let ports = ports
        .iter()
        .map(|text| OutputMatch::Ports(Regex::new(text).unwrap()));
    Zone {
        id: ZoneId(id),
        name: name.to_owned(),
        outputs: ports.collect(),
    }
}

fn settings(jackd: &Jackd, zones: Vec<Zone>) -> Settings {
    Settings {
        backend: Backend::Jack,
        jack: JackSettings {
            autostart: false,
            server_name: Some(jackd.name.clone()),
            output_ports: Some(Regex::new("^system:").unwrap()),
            music_links: Link::parse_list("left---").unwrap(),
            ..JackSettings::default()
        },
        zones,
        ..Settings::default()
    }
}

/// The amplitude of a tone in the last half second.
fn late(heard: &[f32], hz: f32) -> f32 {
    let late = &heard[heard.len() - 24_000..];
    median(&level_over_time(late, 48_000, hz, 2_400))
}

#[test]
fn speakers_carry_their_zones_under_the_zones_names_and_overlaps_sound_once() {
    let jackd = Jackd::wide(48_000, 256, 4);
    let zones = vec![
        zone(0, "hall", &["_1$", "_2$"]),
        zone(1, "yard:back", &["_2$", "_3$"]),
        zone(5, "attic", &["nowhere"]),
    ];
    let mut bench = Bench::start(settings(&jackd, zones.clone()), 8, 8);
    bench.wait_routes(|described, unheard| {
        unheard == ["attic"]
            && described
                == [
                    "zone hall -> system:playback_1",
                    "zones hall, yard:back -> system:playback_2",
                    "zone yard:back -> system:playback_3",
                ]
    });
    jackd.wait_until_connected("paging:hall_1", "system:playback_1", SOON);
    jackd.wait_until_connected("paging:hall_2", "system:playback_2", SOON);
    jackd.wait_until_connected("paging:yard-back_1", "system:playback_3", SOON);
    let list = paging::output::list_jack_ports(Some(&jackd.name), &zones).unwrap();
    assert_eq!(
        list.matches("\n    zones: hall, yard:back\n").count(),
        1,
        "{list}"
    );
    let recorder = Recorder::start(&jackd);
    bench.say(1, ZoneSet::first(2), 440.0);
    bench.say(2, ZoneId(1).into(), 1_000.0);
    std::thread::sleep(Duration::from_millis(1_500));
    let heard = recorder.stop();
    let levels = |hz| -> Vec<f32> { heard.speakers.iter().map(|s| late(s, hz)).collect() };
    let both = levels(440.0);
    for level in &both[..3] {
        assert!(
            (level - 0.2).abs() < 0.01,
            "heard once everywhere: {both:?}"
        );
    }
    assert!(both[3] < 0.001, "of no zone: {both:?}");
    let one = levels(1_000.0);
    assert!(one[0] < 0.001 && one[3] < 0.001, "{one:?}");
    assert!(
        (one[1] - 0.2).abs() < 0.01 && (one[2] - 0.2).abs() < 0.01,
        "{one:?}"
    );

    // Other zones under a running client: what stays keeps its port, what goes is taken down.
    let mut moved = zones;
    moved[1] = zone(1, "yard:back", &["_4$"]);
    moved[2] = zone(5, "attic", &["_3$"]);
    bench.supervisor.reconfigure(settings(&jackd, moved));
    bench.wait_routes(|_, unheard| unheard.is_empty());
    jackd.wait_until_connected("paging:attic_1", "system:playback_3", SOON);
    jackd.wait_until_connected("paging:hall_2", "system:playback_2", SOON);
    let ports = jackd.ports();
    assert!(ports.contains("paging:yard-back_"), "{ports}");
    assert!(!jackd.is_connected("paging:yard-back_1", "system:playback_3"));
}

#[test]
fn a_zone_whose_client_comes_late_or_returns_is_found_and_music_goes_on_elsewhere() {
    let jackd = Jackd::wide(48_000, 256, 2);
    let zones = vec![
        zone(0, "hall", &["system:playback_"]),
        zone(1, "yard", &["amp:in_"]),
    ];
    let mut settings = settings(&jackd, zones);
    settings.jack.output_ports = None;
    let mut bench = Bench::start(settings, 2, 8);
    bench.wait_routes(|_, unheard| unheard == ["yard"]);
    let _music = Music::start(&jackd, "mpd.paging", [440.0, 660.0], 0.2, false);
    jackd.wait_until_connected("mpd.paging:left", "paging:music_1", SOON);
    let recorder = Recorder::start(&jackd);
    for _ in 0..2 {
        let amplifier = Amplifier::start(&jackd);
        bench.wait_routes(|_, unheard| unheard.is_empty());
        jackd.wait_until_connected("paging:yard_1", "amp:in_1", SOON);
        std::thread::sleep(Duration::from_millis(600));
        drop(amplifier);
        bench.wait_routes(|_, unheard| unheard == ["yard"]);
    }
    let heard = recorder.stop();
    // Past the fade-in, not a single hole in the hall's music.
    let levels = level_over_time(&heard.left[24_000..], 48_000, 440.0, 2_400);
    let worst = levels.iter().fold(1.0f32, |a, b| a.min(*b));
    assert!(heard.n_skipped > 0 || worst > 0.19, "{worst}");
}

/// A client `amp` that takes sound and does nothing with it.
struct Amplifier {
    _active: jack::AsyncClient<(), Deaf>,
}

struct Deaf {
    _input: jack::Port<jack::AudioIn>,
}

impl jack::ProcessHandler for Deaf {
    fn process(&mut self, _: &jack::Client, _: &jack::ProcessScope) -> jack::Control {
        jack::Control::Continue
    }
}

impl Amplifier {
    fn start(jackd: &Jackd) -> Self {
        let client = open("amp", Some(&jackd.name), Autostart::No).unwrap();
        let input = client.register_port("in_1", jack::AudioIn::default());
        let deaf = Deaf {
            _input: input.unwrap(),
        };
        Self {
            _active: client.activate_async((), deaf).unwrap(),
        }
    }
}

#[test]
fn two_hundred_and_fifty_six_zones_are_wired_and_each_is_heard_by_itself() {
    const N: usize = 256;
    let jackd = Jackd::wide(48_000, 1_024, N);
    let zones = (1..=N).map(|n| {
        let pattern = format!("playback_{n}$");
        zone(n as u16 - 1, &format!("room-{n:03}"), &[&pattern])
    });
    let mut bench = Bench::start(settings(&jackd, zones.collect()), N, N);
    bench.wait_routes(|described, unheard| described.len() == N && unheard.is_empty());
    jackd.wait_until_connected("paging:room-256_1", "system:playback_256", SOON);
    let vitals = bench.console.vitals();
    assert_eq!(vitals.take_zone_peak(ZoneId(7)), Db::SILENCE);
    let (one, last) = (ZoneId(7), ZoneId(255));
    bench.say(1, [one, last].into_iter().collect(), 440.0);
    let until = Instant::now() + SOON;
    let vitals = bench.console.vitals();
    let is_heard = |zone| vitals.zone_loudness(zone).0 > -30.0;
    while !(is_heard(one) && is_heard(last)) {
        assert!(Instant::now() < until, "not heard");
        std::thread::sleep(Duration::from_millis(20));
    }
    let others = (0..N as u16)
        .map(ZoneId)
        .filter(|zone| *zone != one && *zone != last);
    for zone in others {
        assert_eq!(vitals.take_zone_peak(zone), Db::SILENCE, "{zone:?}");
    }
}

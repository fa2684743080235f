//! Is each source heard where, when and as loud as the configuration and a hand want it? Days pass
//! in virtual time: the engine is the real one, its music a steady tone of each source's own level.

use std::path::Path;

use super::*;
use crate::base::{Frame, SampleRate, StereoTx, ZoneId, stereo};
use crate::config::read_texts;
use crate::daemon::zones::Tuned;
use crate::mix::{Engine, EngineSettings, Ports, Route, Routes, engine};
use crate::music::Demand;

const RATE: SampleRate = SampleRate::HZ_8000;

const SITE: &str = "\
[audio]
music = lounge
[music:lounge]
path = /srv/music
[music:radio]
url = http://radio.example/
[zone:canteen]
outputs = a
music-at = 11:30 radio, 14:00 off
[zone:hall]
outputs = b
music-volume-at = 08:00 -6dB, 22:00 off
";

/// The level that each source is known by.
fn level(source: &str) -> f32 {
    match source {
        "lounge" => 0.4,
        "radio" => 0.25,
        other => panic!("{other}"),
    }
}

/// Two zones with an output each, and what is heard there last.
struct Site {
    config: Config,
    zones: Zones,
    tuned: Tuned,
    console: Console,
    engine: Box<Engine>,
    rings: Vec<(&'static str, StereoTx)>,
    heard: Heard,
}

#[derive(Default)]
struct Heard([f32; 2]);

impl Ports for Heard {
    fn read(&mut self, _: usize, _: usize, into: &mut [f32]) {
        into.fill(0.0);
    }

    fn write(&mut self, output: usize, _: usize, from: &[f32]) {
        self.0[output] = from.last().copied().unwrap_or_default();
    }
}

impl Site {
    fn new() -> Self {
        let loaded = read_texts([(Path::new("x"), SITE.as_bytes())], &[]);
        let config = loaded.config.unwrap();
        let zones = Zones::new(&config);
        let (mut console, engine) = engine(EngineSettings {
            rate: RATE,
            n_zones: zones.capacity(),
            n_outputs: 2,
            ..EngineSettings::default()
        });
        let route = |zone: &config::Zone| Route {
            zones: zones.id(&zone.name).unwrap().into(),
            music: vec![],
        };
        let outputs = config.zones.iter().map(route).collect();
        console.route(Routes { outputs }).unwrap();
        let mut rings = Vec::new();
        for (source, id) in ["lounge", "radio"].into_iter().zip(0..) {
            let (tx, rx) = stereo(RATE, 8_000);
            console
                .add_music(MusicId(id), rx, Tuning::default())
                .unwrap();
            rings.push((source, tx));
        }
        Self {
            config,
            zones,
            tuned: Tuned::default(),
            console,
            engine,
            rings,
            heard: Heard::default(),
        }
    }

    /// What is heard in the zones half a second after that time came, by source and gain.
    fn at(&mut self, hand: &Hand, now: Moment) -> [f32; 2] {
        let (config, zones) = (&self.config, &self.zones);
        self.tuned
            .follow(config, zones, hand, now, &mut self.console);
        let wanted = wanted(config, zones, hand, now);
        let number = |name: &str| {
            let at = self.rings.iter().position(|(source, _)| *source == name);
            MusicId(at.unwrap() as u16)
        };
        let tuned = wanted.zones.iter();
        let tuned = tuned
            .map(|(zone, music)| (*zone, music.map(number)))
            .collect();
        let usual = wanted.usual.map(number);
        self.console.tune(tuned, usual);
        self.run();
        self.heard.0
    }

    fn run(&mut self) {
        for _ in 0..32 {
            for (source, ring) in &mut self.rings {
                let frames = vec![[level(source); 2] as Frame; ring.room()];
                ring.push(&frames);
            }
            self.engine.process(128, &mut self.heard);
            while self.console.poll().is_some() {}
        }
    }

    fn taken(&self) -> [u64; 2] {
        [self.rings[0].1.n_taken(), self.rings[1].1.n_taken()]
    }
}

fn moment(day: i32, hour: u16, minute: u16) -> Moment {
    let minute = Minute::new(hour, minute).unwrap();
    Moment { day, minute }
}

#[track_caller]
fn assert_heard(heard: [f32; 2], expected: [f32; 2], when: Moment) {
    for (a, b) in heard.into_iter().zip(expected) {
        assert!((a - b).abs() < 1e-3, "{heard:?} {expected:?} {when:?}");
    }
}

const SOFT: f32 = 0.501_187;

#[test]
fn through_three_days_each_zone_plays_what_its_hour_wants_as_loud_as_it_wants() {
    let mut site = Site::new();
    let hand = Hand::default();
    for minutes in (0..3 * 1_440).step_by(30).flat_map(|at| [at, at + 29]) {
        let (day, of_day) = (i32::from(minutes as u16 / 1_440), minutes % 1_440);
        let now = moment(day, of_day as u16 / 60, of_day as u16 % 60);
        let canteen = match of_day {
            690..840 => level("radio"),
            _ => 0.0,
        };
        let hall = match of_day {
            480..1_320 => level("lounge") * SOFT,
            _ => 0.0,
        };
        assert_heard(site.at(&hand, now), [canteen, hall], now);
    }
}

#[test]
fn what_is_set_by_hand_is_heard_until_its_hour_and_the_rest_goes_on() {
    let mut site = Site::new();
    let mut hand = Hand::default();
    let [canteen, hall] = ["canteen", "hall"].map(|name| site.zones.id(name).unwrap());
    let (radio, lounge) = (level("radio"), level("lounge"));
    let steps = [
        (12, 0, None, [radio, lounge * SOFT]),
        (
            12,
            1,
            Some(Demand::Pause {
                zones: canteen.into(),
            }),
            [0.0, lounge * SOFT],
        ),
        (
            12,
            2,
            Some(Demand::Volume {
                zones: hall.into(),
                to: Db(0.0),
            }),
            [0.0, lounge],
        ),
        (
            12,
            3,
            Some(Demand::Resume {
                zones: canteen.into(),
            }),
            [radio, lounge],
        ),
        (
            12,
            4,
            Some(Demand::Play {
                zones: canteen.into(),
                source: Some("lounge".into()),
            }),
            [lounge, lounge],
        ),
        (
            12,
            5,
            Some(Demand::PauseSource {
                source: "lounge".into(),
            }),
            [0.0, 0.0],
        ),
        (
            12,
            6,
            Some(Demand::ResumeSource {
                source: "lounge".into(),
            }),
            [lounge, lounge],
        ),
        // The timetables go on: the canteen's at 14:00, the volume of the hall at 22:00.
        (13, 59, None, [lounge, lounge]),
        (14, 0, None, [0.0, lounge]),
        (21, 59, None, [0.0, lounge]),
        (22, 0, None, [0.0, 0.0]),
    ];
    for (hour, minute, demand, expected) in steps {
        let now = moment(1, hour, minute);
        if let Some(demand) = demand {
            hand.set(&demand, now);
        }
        assert_heard(site.at(&hand, now), expected, now);
        // A restart changes nothing.
        let text = hand.to_text(|id| site.zones.name(id));
        assert_eq!(
            Hand::parse(&text, |name| site.zones.id(name)),
            Ok(hand.clone())
        );
    }
}

#[test]
fn after_a_page_it_is_as_it_was_and_where_nothing_played_nothing_plays() {
    let mut site = Site::new();
    let mut hand = Hand::default();
    let [canteen, hall] = ["canteen", "hall"].map(|name| site.zones.id(name).unwrap());
    let (now, both) = (
        moment(1, 12, 0),
        [canteen, hall].into_iter().collect::<ZoneSet>(),
    );
    let ramp = std::time::Duration::from_millis(50);
    let lounge = level("lounge") * SOFT;
    hand.set(
        &Demand::Pause {
            zones: canteen.into(),
        },
        now,
    );
    assert_heard(site.at(&hand, now), [0.0, lounge], now);
    let before = site.taken();
    site.console.duck(both, Db(-20.0), ramp);
    assert_heard(site.at(&hand, now), [0.0, lounge * 0.1], now);
    // Somebody turns it during the page: heard as softly, and whole afterwards.
    hand.set(
        &Demand::Volume {
            zones: hall.into(),
            to: Db(0.0),
        },
        now,
    );
    assert_heard(site.at(&hand, now), [0.0, level("lounge") * 0.1], now);
    site.console.duck(both, Db::UNITY, ramp);
    assert_heard(site.at(&hand, now), [0.0, level("lounge")], now);
    let after = site.taken();
    assert_eq!(after[1], before[1], "what nobody hears stands still");
    assert_eq!(after[0] - before[0], 3 * 32 * 128, "and the rest goes on");
}

#[test]
fn without_zones_the_one_that_there_is_can_be_set_too() {
    let loaded = read_texts(
        [(
            Path::new("x"),
            SITE.split("[zone").next().unwrap().as_bytes(),
        )],
        &[],
    );
    let config = loaded.config.unwrap();
    let zones = Zones::new(&config);
    let (mut hand, now) = (Hand::default(), moment(1, 12, 0));
    assert_eq!(wanted(&config, &zones, &hand, now).usual, Some("lounge"));
    assert!(wanted(&config, &zones, &hand, now).zones.is_empty());
    hand.set(&Demand::Pause { zones: zones.all() }, now);
    hand.set(
        &Demand::Volume {
            zones: zones.all(),
            to: Db(-9.0),
        },
        now,
    );
    assert_eq!(
        wanted(&config, &zones, &hand, now).zones,
        [(ZoneId(0), None)]
    );
    assert_eq!(plain_volume(&config, ZoneId(0), &hand, now), Db(-9.0));
}

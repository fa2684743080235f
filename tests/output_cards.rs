//! Do several sound devices play at once, each what its zones hear, and come and go alone? ALSA's
//! `file` writes what cards would play.
#![allow(clippy::unwrap_used, reason = "a broken bench shall stop the test")]

mod common;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::card::{Card, RATE};
use common::folder::Folder;
use common::measure::level_over_time;
use common::signal;
use paging::base::{Db, Pcm, PlayId, SampleRate, ZoneId};
use paging::mix::{Console, EngineSettings, engine};
use paging::output::{
    Backend, DeviceMatch, Event, N_INPUTS, N_OUTPUTS, OutputMatch, Settings, Supervisor, Zone,
    spawn,
};
use tokio::sync::mpsc::UnboundedReceiver;

/// A loaded machine takes its time.
const SOON: Duration = Duration::from_secs(30);

const N_CARD_OUTPUTS: usize = 16;
const HALL_HZ: f32 = 1_000.0;
const YARD_HZ: f32 = 600.0;

/// The ALSA configuration is a matter of the environment, so another process looks at it.
#[test]
fn devices_beside_the_clock_play_come_and_go_alone() {
    let folder = Folder::new("cards");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "cards_process", "--ignored", "--nocapture"])
        .env("ALSA_CONFIG_PATH", folder.join("asound.conf"))
        .env("PAGING_TEST_FOLDER", folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
}

fn zone(id: u16, name: &str, device: &str, channels: Option<(u16, u16)>) -> Zone {
    let device = DeviceMatch::parse(device).unwrap();
    Zone {
        id: ZoneId(id),
        name: name.to_owned(),
        outputs: vec![OutputMatch::Device { device, channels }],
    }
}

/// The way out with its console, which follows it.
struct Site {
    supervisor: Supervisor,
    console: Console,
    events: UnboundedReceiver<Event>,
    unheard: Vec<String>,
}

impl Site {
    fn start(settings: Settings) -> Self {
        let (console, engine) = engine(EngineSettings {
            n_zones: 3,
            n_inputs: N_INPUTS,
            n_outputs: N_OUTPUTS + N_CARD_OUTPUTS,
            ..EngineSettings::default()
        });
        let (events_tx, events) = tokio::sync::mpsc::unbounded_channel();
        Self {
            supervisor: spawn(settings, engine, events_tx).unwrap(),
            console,
            events,
            unheard: Vec::new(),
        }
    }

    /// Follows what happens until it `is` there.
    #[track_caller]
    fn wait_for(&mut self, what: &str, is: impl Fn(&Event, &[String]) -> bool) {
        let until = Instant::now() + SOON;
        loop {
            match self.events.try_recv() {
                Ok(event) => {
                    if let Event::Routes {
                        routes, unheard, ..
                    } = &event
                    {
                        self.console.route(routes.clone()).unwrap();
                        self.unheard = unheard.clone();
                    }
                    if is(&event, &self.unheard) {
                        return;
                    }
                }
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
            assert!(Instant::now() < until, "not {what}");
        }
    }

    #[track_caller]
    fn wait_for_card(&mut self, name: &str, plays: bool, words: &str) {
        self.wait_for(words, |event, _| {
            matches!(
                event,
                Event::Card { device, ok, text }
                    if device == name && *ok == plays && text.contains(words)
            )
        });
    }

    #[track_caller]
    fn wait_for_unheard(&mut self, expected: &[&str]) {
        if self.unheard != expected {
            self.wait_for("heard there", |_, unheard| *unheard == *expected);
        }
    }

    /// Plays a tone into a zone for a long time.
    fn sound(&mut self, id: u64, zone: u16, hz: f32) {
        let tone = signal::sine(RATE, hz, 0.3, 60.0);
        let pcm = Arc::new(Pcm::mono(SampleRate::HZ_48000, tone));
        let (play, zones) = (PlayId(id), ZoneId(zone).into());
        let played = self.console.play(play, &pcm, zones, Db::UNITY, None);
        played.unwrap();
    }
}

/// In which share of the windows of 50 ms a tone has its level.
fn share(frames: &[f32], hz: f32) -> f32 {
    let levels = level_over_time(frames, RATE, hz, RATE as usize / 20);
    let loud = levels.iter().filter(|level| (**level - 0.3).abs() < 0.03);
    loud.count() as f32 / levels.len().max(1) as f32
}

/// Waits until a card has played some more, and returns how much before.
#[track_caller]
fn play_on(card: &Card, seconds: f32) -> usize {
    let from = card.n_frames();
    let enough = from + (seconds * RATE as f32) as usize;
    let until = Instant::now() + SOON;
    while card.n_frames() < enough {
        assert!(Instant::now() < until, "the card does not play on");
        std::thread::sleep(Duration::from_millis(10));
    }
    from
}

#[test]
#[ignore = "a process that another test starts"]
fn cards_process() {
    let folder = std::env::var_os("PAGING_TEST_FOLDER").unwrap();
    let alsa = std::env::var_os("ALSA_CONFIG_PATH").unwrap();
    let cards = Folder::new("pipes");
    let [hall, yard, shed] = ["hall", "yard", "shed"].map(|name| Card::new(&cards, name));
    let known = format!(
        "pcm.!default {{ type null }}\n{}{}",
        hall.alsa(),
        yard.alsa()
    );
    std::fs::write(Path::new(&folder).join(&alsa), &known).unwrap();

    let mut settings = Settings {
        backend: Backend::Timer,
        zones: vec![
            zone(0, "hall", "^hall$", None),
            zone(1, "yard", "^yard$", Some((2, 2))),
            zone(2, "shed", "^shed$", None),
        ],
        n_card_outputs: N_CARD_OUTPUTS,
        ..Settings::default()
    };
    let mut site = Site::start(settings.clone());
    site.wait_for_card("^shed$", false, "is not there");
    site.wait_for_unheard(&["shed"]);
    site.sound(1, 0, HALL_HZ);
    site.sound(2, 1, YARD_HZ);
    play_on(&yard, 0.5);
    let (in_hall, in_yard) = (play_on(&hall, 1.0), play_on(&yard, 1.0));
    for channel in [0, 1] {
        let heard = hall.heard(channel, in_hall);
        let (ours, other) = (share(&heard, HALL_HZ), share(&heard, YARD_HZ));
        assert!(ours > 0.7 && other == 0.0, "{channel}: {ours} {other}");
    }
    let heard = yard.heard(1, in_yard);
    let (ours, other) = (share(&heard, YARD_HZ), share(&heard, HALL_HZ));
    assert!(ours > 0.7 && other == 0.0, "{ours} {other}");
    assert!(yard.heard(0, in_yard).iter().all(|x| *x == 0.0));

    // One that comes later is found.
    std::fs::write(Path::new(&folder).join(&alsa), known + &shed.alsa()).unwrap();
    let in_hall = hall.n_frames();
    site.wait_for_card("^shed$", true, "2 channels");
    site.wait_for_unheard(&[]);

    // One that hangs is told, and the others do not notice.
    yard.set_stuck(true);
    site.wait_for_card("^yard$", false, "has not asked for sound");
    site.wait_for_unheard(&["yard"]);
    yard.set_stuck(false);
    site.wait_for_card("^yard$", true, "2 channels");
    site.wait_for_unheard(&[]);
    play_on(&yard, 0.5);
    let in_yard = play_on(&yard, 0.5);
    assert!(share(&yard.heard(1, in_yard), YARD_HZ) > 0.7);

    // A reload takes one away, and lets another play what it did not.
    settings.zones.remove(1);
    settings.zones[1] = zone(2, "shed", "^hall$", Some((2, 2)));
    site.supervisor.reconfigure(settings);
    site.wait_for(
        "without it",
        |event, _| matches!(event, Event::CardGone { device } if device == "^yard$"),
    );
    play_on(&hall, 0.5);
    let steady = share(&hall.heard(0, in_hall), HALL_HZ);
    assert!(steady > 0.85, "hall was interrupted: {steady}");
    let seconds = (hall.n_frames() - in_hall) as f32 / RATE as f32;
    assert!(seconds > 3.0, "{seconds}");
    site.supervisor.stop();
}

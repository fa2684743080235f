//! What can be looked at without serving calls?
#![expect(
    clippy::print_stdout,
    reason = "printing is what these options ask for"
)]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::sync::mpsc::unbounded_channel;

use crate::base::PlayId;
use crate::config::{self, Config, Secrets, Title};
use crate::daemon::args::Args;
use crate::daemon::zones::{Tuned, Zones};
use crate::daemon::{bells, exit, jukebox, klaxon, library, logging, players, settings, speech};
use crate::mix::{self, Console, Event};
use crate::music::Hand;
use crate::output;

pub(super) fn dump_defaults() -> ExitCode {
    print!(
        "{}",
        config::dump(&Config::default(), Title::Defaults, Secrets::Hidden)
    );
    ExitCode::SUCCESS
}

pub(super) fn dump(args: &Args) -> ExitCode {
    let secrets = if args.show_secrets {
        Secrets::Shown
    } else {
        Secrets::Hidden
    };
    with_config(args, |config| {
        print!("{}", config::dump(config, Title::Current, secrets));
        Ok(())
    })
}

pub(super) fn check(args: &Args) -> ExitCode {
    let loaded = config::read(&args.sources(), &args.overrides());
    let loaded = loaded.look_further(klaxon::mistake);
    let loaded = loaded.look_further(players::mistake);
    let loaded = loaded.look_further(bells::mistakes);
    let loaded = loaded.look_further(library::mistakes);
    let loaded = loaded.look_further(speech::mistakes);
    print!("{}", config::report(&loaded));
    match loaded.config {
        Some(config) => {
            for zone in &config.zones {
                println!("zone {}: {}", zone.name, zone.outputs_text());
            }
            ExitCode::SUCCESS
        }
        None => ExitCode::from(exit::MISTAKE),
    }
}

pub(super) fn devices() -> ExitCode {
    printed(output::list_devices())
}

pub(super) fn conference_ports() -> ExitCode {
    println!("Detected conference ports:");
    println!("  none: the mixer inside paging took their place; see --dump-jack-ports");
    ExitCode::SUCCESS
}

pub(super) fn jack_ports(args: &Args) -> ExitCode {
    with_config(args, |config| {
        let output = settings::output(config, &Zones::new(config));
        print!(
            "{}",
            output::list_jack_ports(output.jack.server_name.as_deref(), &output.zones)?
        );
        Ok(())
    })
}

/// Plays `path` as a klaxon is played: same outputs, same volume, same longest length.
pub(super) fn test_audio_file(args: &Args, path: &Path) -> ExitCode {
    with_config(args, |config| {
        logging::start(settings::logging(config, false), None);
        let config = &mut config.clone();
        config.audio.klaxon = Some(path.to_owned());
        play_klaxon(config)
    })
}

fn play_klaxon(config: &Config) -> anyhow::Result<()> {
    let pcm = klaxon::load(config)?.context("no file to play")?;
    let zones = Zones::new(config);
    let (mut console, engine) = mix::engine(settings::engine(config, &zones));
    let (hand, now) = (Hand::default(), jukebox::now());
    Tuned::default().follow(config, &zones, &hand, now, &mut console);
    let (events_tx, mut events) = unbounded_channel();
    let output = output::spawn(settings::output(config, &zones), engine, events_tx)?;
    let started = Instant::now();
    let mut up_at = None;
    // Devices beside the clock open a moment later.
    let n_devices = config::devices(&config.zones).len();
    let mut n_told = 0;
    let heard = loop {
        while let Ok(event) = events.try_recv() {
            match event {
                output::Event::Up {
                    described, rate, ..
                } => {
                    println!("playing {} to {described}", config_klaxon(config));
                    console.set_rate(rate);
                    up_at = Some(Instant::now());
                }
                output::Event::Routes { routes, .. } => console.route(routes)?,
                output::Event::Down { why } => bail!("no sound: {why}"),
                output::Event::Card { device, text, .. } => {
                    println!("sound device {device}: {text}");
                    n_told += 1;
                }
                output::Event::CardGone { .. }
                | output::Event::Retrying { .. }
                | output::Event::Xrun { .. } => {}
            }
        }
        let is_complete = |up_at: Instant| n_told >= n_devices || up_at.elapsed() > FOR_DEVICES;
        if up_at.is_some_and(is_complete) && console.vitals().callbacks() > 0 {
            let (gain, longest) = (
                config.audio.volume_klaxon.level(),
                config.audio.klaxon_max_length,
            );
            console.play_klaxon(PlayId(1), &pcm, zones.all(), gain, longest)?;
            break wait_for_end(&mut console, pcm.duration() + PATIENCE);
        }
        if started.elapsed() > PATIENCE {
            bail!("no sound came up within {} s", PATIENCE.as_secs());
        }
        std::thread::sleep(LOOK);
    };
    output.stop();
    if heard {
        Ok(())
    } else {
        bail!("the sound stopped before its end")
    }
}

fn config_klaxon(config: &Config) -> String {
    config
        .audio
        .klaxon
        .as_deref()
        .map(|path| path.display().to_string())
        .unwrap_or_default()
}

fn wait_for_end(console: &mut Console, longest: Duration) -> bool {
    let until = Instant::now() + longest;
    while Instant::now() < until {
        while let Some(event) = console.poll() {
            if matches!(event, Event::Ended { .. }) {
                return true;
            }
        }
        std::thread::sleep(LOOK);
    }
    false
}

fn with_config(args: &Args, show: impl FnOnce(&Config) -> anyhow::Result<()>) -> ExitCode {
    match config::load(&args.sources(), &args.overrides()) {
        Ok((config, _)) => match show(&config) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => exit::failure(&error),
        },
        Err(mistakes) => exit::mistakes(&mistakes),
    }
}

fn printed(text: Result<String, output::Error>) -> ExitCode {
    match text {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => exit::failure(&error.into()),
    }
}

/// A sound server that is there answers within this.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);
/// In which devices beside the clock open, if they do.
const FOR_DEVICES: Duration = Duration::from_secs(1);

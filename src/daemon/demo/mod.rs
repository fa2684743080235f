//! How does the whole job look on a machine with nothing: no PBX, no JACK, no sound card?
//!
//! ```text
//!  music ─► timer backend ─► the real daemon ─► one loudspeaker ─► demo.wav, demo.svg, figures
//!                                 ▲
//!            the test phone ── SIP, RTP over loopback
//! ```
//!
//! Nothing is staged: the daemon is the one that serves a site, and the phone is `paging call`.
//! What the loudspeaker got is measured, and the program fails if it is not as it should be.
#![expect(clippy::print_stdout, reason = "a demo is there to be read")]

mod hearing;
mod music;
mod picture;
mod speech;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;

use crate::base::{Db, Encoding, Pcm, SampleRate};
use crate::config::{self, Config};
use crate::control::Note;
use crate::daemon::args::Demo;
use crate::daemon::call::{Outcome, Phone, PhoneSettings, Script};
use crate::daemon::service::{Extras, Handle, Request, Service};
use crate::daemon::{exit, wav};
use crate::dsp::tones;
use crate::output::timer::Tap;
use hearing::Hearing;
use picture::{Layer, Mark, SLICE};

pub(super) fn main(asked: &Demo) -> ExitCode {
    match exit::runtime().and_then(|runtime| runtime.block_on(show(asked))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::failure(&error),
    }
}

async fn show(asked: &Demo) -> anyhow::Result<()> {
    let room = Room::default();
    let (notes_tx, notes) = unbounded_channel();
    let extras = Extras {
        tap: Some(room.tap()),
        watcher: Some(notes_tx),
        klaxon: Some(Arc::new(Pcm::mono(RATE, tones::klaxon(RATE, KLAXON)))),
        history: None,
    };
    let (service, handle) = Service::start(config()?, extras).await?;
    let target = service
        .listening()
        .first()
        .context("the demo listens nowhere")?
        .address;
    println!("music plays; then a phone calls sip:demo@{target} and speaks; about 10 seconds …");
    let script = Script {
        target: format!("sip:demo@{target}"),
        play: Some(Arc::new(speech::sentence(
            SampleRate::HZ_8000,
            asked.seconds.as_secs_f32(),
        ))),
        ..Script::default()
    };
    let ((), outcome) = tokio::join!(service.run(), perform(script, handle));
    let outcome = outcome?;
    ensure!(outcome.is_success(), "the call failed: {:?}", outcome.end);
    report(&asked.dir, room.recorded()?, notes)
}

/// Music alone, one call, music alone.
async fn perform(script: Script, handle: Handle) -> anyhow::Result<Outcome> {
    let outcome = place(&script).await;
    handle.ask(Request::Stop);
    outcome
}

async fn place(script: &Script) -> anyhow::Result<Outcome> {
    tokio::time::sleep(ALONE).await;
    let phone = Phone::start(PhoneSettings {
        tls_ca: None,
        srtp: config::Srtp::Off,
        target: script.target.clone(),
        account: None,
        local_port: 0,
        encodings: vec![Encoding::Pcmu],
    })
    .await?;
    let (_go_on, stop) = watch::channel(false);
    let outcome = phone.call(script, stop, |_| ()).await;
    phone.stop().await;
    tokio::time::sleep(ALONE).await;
    Ok(outcome)
}

fn config() -> anyhow::Result<Config> {
    let text = "[sip]\nlisten = udp:127.0.0.1:0\n[audio]\nbackend = timer\n[http]\nlisten =\n";
    let loaded = config::read_texts([(Path::new("demo"), text.as_bytes())], &[]);
    let mistakes = || config::report(&loaded);
    loaded.config.clone().with_context(mistakes)
}

/// The room with the loudspeaker: what played there, sample by sample.
#[derive(Clone, Default)]
struct Room(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    began_at: Option<Instant>,
    music: Vec<f32>,
    heard: Vec<f32>,
}

impl Room {
    fn tap(&self) -> Tap {
        let (player, ear) = (self.clone(), self.clone());
        let turn = music::arpeggio(RATE).samples;
        Tap {
            n_outputs: 1,
            n_inputs: 1,
            music: Box::new(move |_, into| player.play(&turn, into)),
            heard: Box::new(move |_, from| ear.hear(from)),
        }
    }

    fn play(&self, turn: &[f32], into: &mut [f32]) {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for sample in into {
            *sample = turn[recorded.music.len() % turn.len()];
            recorded.music.push(*sample);
        }
    }

    fn hear(&self, from: &[f32]) {
        let mut recorded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.began_at.get_or_insert_with(Instant::now);
        recorded.heard.extend_from_slice(from);
    }

    fn recorded(&self) -> anyhow::Result<Recorded> {
        let recorded = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        ensure!(recorded.began_at.is_some(), "the loudspeaker got nothing");
        Ok(recorded)
    }
}

fn report(
    dir: &Path,
    room: Recorded,
    notes: UnboundedReceiver<(Instant, Note)>,
) -> anyhow::Result<()> {
    let marks = marks(notes, room.began_at.unwrap_or_else(Instant::now));
    for mark in &marks {
        println!("{:6.2} s  {}", mark.at.as_secs_f32(), mark.text);
    }
    let hearing = Hearing::of(&room.heard, &room.music, RATE);
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let (sound, drawing) = (dir.join("demo.wav"), dir.join("demo.svg"));
    wav::write_mono(&sound, RATE, room.heard)?;
    let layers = [
        Layer {
            name: "music",
            colour: "#2a8",
            levels: hearing.music.clone(),
        },
        Layer {
            name: "klaxon and voice",
            colour: "#06c",
            levels: hearing.rest.clone(),
        },
    ];
    let title = "paging demo: what the loudspeaker got";
    std::fs::write(&drawing, picture::svg(title, &layers, &marks))
        .with_context(|| format!("cannot write {}", drawing.display()))?;
    println!(
        "the sound is in {}, its picture in {}",
        sound.display(),
        drawing.display()
    );
    judge(&hearing)
}

/// What the core said about the call, counted from the first sound.
fn marks(mut notes: UnboundedReceiver<(Instant, Note)>, began_at: Instant) -> Vec<Mark> {
    let mut marks = Vec::new();
    while let Ok((at, note)) = notes.try_recv() {
        if note.call.is_some() {
            let text = note
                .text
                .split_once(": ")
                .map_or(note.text.as_str(), |(_, said)| said);
            marks.push(Mark {
                at: at.saturating_duration_since(began_at),
                text: text.to_owned(),
            });
        }
    }
    marks
}

/// Measures the music before, under and after klaxon and voice.
fn judge(hearing: &Hearing) -> anyhow::Result<()> {
    let audio = Config::default().audio;
    let slices = |span: Duration| (span.as_secs_f32() / SLICE.as_secs_f32()).ceil() as usize + 1;
    let n = hearing.rest.len();
    let is_spoken = |slice: &usize| hearing.rest[*slice] > SPOKEN.gain();
    let begun = slices(FADE_IN);
    let first = (begun..n)
        .find(is_spoken)
        .context("neither klaxon nor voice was heard")?;
    let last = (begun..n).rfind(is_spoken).unwrap_or(first);
    let down = first + slices(audio.duck_attack);
    let back = last + slices(BREATH) + slices(audio.duck_release);
    let parts = [
        ("before", begun..first.saturating_sub(1), Db::UNITY),
        ("under klaxon and voice", down..last, audio.duck),
        ("after", back..n, Db::UNITY),
    ];
    let mut is_right = true;
    for (when, slices, wanted) in parts {
        let gain = hearing
            .music_gain(slices)
            .with_context(|| format!("too short {when}"))?;
        println!("music {when}: {:.1} dB", gain.0);
        is_right &= (gain.0 - wanted.0).abs() < TOLERANCE_DB;
    }
    ensure!(
        is_right,
        "the music was not lowered to {} and brought back",
        audio.duck
    );
    println!("as it should be");
    Ok(())
}

const RATE: SampleRate = SampleRate::HZ_48000;

const KLAXON: Duration = Duration::from_millis(1_500);

/// How long the music plays before and after.
const ALONE: Duration = Duration::from_millis(2_200);

/// The daemon fades the music in when it starts.
const FADE_IN: Duration = Duration::from_millis(200);

/// From the last sound of the caller to hanging up, and some packets.
const BREATH: Duration = Duration::from_millis(500);

/// Louder than what rounding leaves of the music, softer than any speech.
const SPOKEN: Db = Db(-50.0);

/// The measure is disturbed by what the voice has in common with the music.
const TOLERANCE_DB: f32 = 1.5;

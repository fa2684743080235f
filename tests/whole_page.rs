//! Is a caller heard as the site expects? Klaxon, speech and music as the speakers got them,
//! recorded through a real JACK server.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::baresip::Baresip;
use common::daemon::{Conf, Daemon};
use common::folder::Folder;
use common::jack_client::{Music, Recorder, Recording};
use common::jackd::Jackd;
use common::{measure, signal};

/// Above all that a telephone carries, so that it can be told from speech.
const MUSIC_HZ: [f32; 2] = [5_000.0, 6_000.0];
const MUSIC: f32 = 0.2;
const KLAXON_HZ: f32 = 2_500.0;
/// Half of what it has, and more than speech has at this frequency.
const KLAXON_LEVEL: f32 = 0.15;

const SOON: Duration = Duration::from_secs(3);

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// A klaxon of a pure tone.
fn klaxon(folder: &Folder, hz: f32, seconds: f32) -> PathBuf {
    let path = folder.join("klaxon.wav");
    signal::write_wav(&path, 16_000, &[&signal::sine(16_000, hz, 0.3, seconds)]);
    path
}

fn with_klaxon(conf: Conf, klaxon: &Path) -> Conf {
    conf.audio(&format!("klaxon = {}", klaxon.display()))
}

fn player(jackd: &Jackd) -> Music {
    Music::start(jackd, "mpd.paging", MUSIC_HZ, MUSIC, true)
}

fn wait_for_music(jackd: &Jackd) {
    let until = Instant::now() + SOON;
    while jackd.is_connected("mpd.paging:left", "system:playback_1") {
        assert!(
            Instant::now() < until,
            "music still bypasses us:\n{}",
            jackd.ports()
        );
        pause(20);
    }
    // The ramp back to full volume.
    pause(1_200);
}

/// Levels in steps of 20 ms.
struct Levels {
    music: Vec<f32>,
    klaxon: Vec<f32>,
}

const STEP_MS: usize = 20;

fn levels(heard: &[f32], rate: u32, music_hz: f32) -> Levels {
    let window = rate as usize * STEP_MS / 1_000;
    Levels {
        music: measure::level_over_time(heard, rate, music_hz, window),
        klaxon: measure::level_over_time(heard, rate, KLAXON_HZ, window),
    }
}

fn mean(levels: &[f32]) -> f32 {
    levels.iter().sum::<f32>() / levels.len() as f32
}

/// Checks that `speech` is heard from the frame `from` on; returns how many milliseconds late.
#[track_caller]
fn is_clear(speech: &[f32], heard: &[f32], rate: u32, from: usize) -> f32 {
    let pieces = measure::pieces(speech, heard, rate, from);
    // The delay is adapted at the beginning, and whenever the machine is busy.
    for (share, least) in [(0.25, 0.75), (0.5, 0.88)] {
        let alike = measure::alike_but_for(&pieces, share);
        assert!(alike > least, "speech is only {alike} alike: {pieces:#?}");
    }
    let late: Vec<f32> = pieces.iter().map(|piece| piece.late_ms).collect();
    measure::median(&late)
}

#[test]
fn klaxon_then_speech_with_the_music_low_and_back_afterwards() {
    let jackd = Jackd::start(48_000, 256);
    let _music = player(&jackd);
    let folder = Folder::new("page");
    let klaxon = klaxon(&folder, KLAXON_HZ, 0.6);
    let mut daemon = Daemon::start(&with_klaxon(Conf::jack(&jackd), &klaxon));
    wait_for_music(&jackd);

    let recorder = Recorder::start(&jackd);
    pause(600);
    let mut phone = daemon.phone();
    let invited = phone.invite("100");
    let answered = phone.answered(SOON);
    let waited = answered.at - invited;
    assert!(
        (590..900).contains(&waited.as_millis()),
        "answered after {waited:?}"
    );
    let speech = signal::speech(8_000, 2.5);
    let spoke = phone.talk(&speech, |_| Some(Duration::ZERO));
    phone.hang_up();
    let hung_up = Instant::now();
    pause(1_800);
    let heard = recorder.stop();
    assert_eq!(
        heard.n_skipped, 0,
        "the graph stalled; nothing can be measured"
    );

    for (channel, music_hz) in [(&heard.left, MUSIC_HZ[0]), (&heard.right, MUSIC_HZ[1])] {
        let at = |when: Instant| heard.frame_at(when) * 1_000 / STEP_MS / heard.rate as usize;
        let levels = levels(channel, heard.rate, music_hz);

        let before = mean(&levels.music[5..at(invited) - 2]);
        assert!(
            (before - MUSIC).abs() < 0.02,
            "music before the call: {before}"
        );
        let during = mean(&levels.music[at(invited) + 12..at(hung_up) - 2]);
        let ducked = measure::db(during / before);
        assert!(
            (-21.5..-18.5).contains(&ducked),
            "music is ducked by {ducked} dB"
        );
        let after = mean(&levels.music[at(hung_up) + 60..levels.music.len() - 4]);
        assert!(
            (after / before - 1.0).abs() < 0.05,
            "music after the call: {after}"
        );
        let jumps = levels.music[at(invited) - 2..levels.music.len() - 4]
            .windows(2)
            .map(|w| measure::db(w[1] / w[0]).abs());
        let jump = jumps.fold(0.0, f32::max);
        // A straight ramp down to a tenth within 150 ms ends with 7 dB in the last 20 ms.
        assert!(
            jump < 8.5,
            "the music jumps by {jump} dB within {STEP_MS} ms"
        );

        let sounding: Vec<usize> = (0..levels.klaxon.len())
            .filter(|&i| levels.klaxon[i] > KLAXON_LEVEL)
            .collect();
        let (first, last) = (sounding[0], *sounding.last().unwrap());
        assert!(
            (0..10).contains(&(first as i64 - at(invited) as i64)),
            "klaxon at {first}"
        );
        let length_ms = (last + 1 - first) * STEP_MS;
        assert!(
            (560..=660).contains(&length_ms),
            "the klaxon lasts {length_ms} ms"
        );

        let from = heard.frame_at(spoke);
        let late = is_clear(&speech, channel, heard.rate, from);
        println!("speech is heard {late} ms after it was said, the music is ducked by {ducked} dB");
        assert!(late < 100.0, "speech is {late} ms late");
        let begins = from + (late / 1_000.0 * heard.rate as f32) as usize;
        let klaxon_ends = last * STEP_MS * heard.rate as usize / 1_000;
        assert!(begins > klaxon_ends, "over the klaxon");
    }
    let (code, took) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(2), "stopping took {took:?}");
}

/// With low tones only, a click is the one thing that makes a large step.
#[test]
fn nothing_clicks_when_sounds_begin_and_end() {
    let jackd = Jackd::start(48_000, 256);
    let _music = Music::start(&jackd, "mpd.paging", [100.0, 100.0], 0.3, true);
    let folder = Folder::new("clicks");
    // Cut off in the middle of a swing.
    let klaxon = klaxon(&folder, 200.0, 0.50125);
    let conf = with_klaxon(Conf::jack(&jackd), &klaxon).audio("klaxon-max-length = 0.30125");
    let daemon = Daemon::start(&conf);
    wait_for_music(&jackd);
    let recorder = Recorder::start(&jackd);
    for _ in 0..2 {
        let mut phone = daemon.phone();
        phone.call("100", SOON);
        // Every 20th packet is lost and some come late; the talk ends in mid-swing.
        let tone = signal::sine(8_000, 150.0, 0.3, 1.43);
        phone.talk(&tone, |i| match i % 20 {
            7 => None,
            13 => Some(Duration::from_millis(30)),
            _ => Some(Duration::ZERO),
        });
        phone.hang_up();
        pause(900);
    }
    let heard = recorder.stop();
    assert_eq!(heard.n_skipped, 0, "the graph stalled");
    for channel in [&heard.left, &heard.right] {
        // The recorder itself begins and ends in mid-swing.
        let skip = heard.rate as usize / 10;
        let (step, at) = measure::largest_step(&channel[skip..channel.len() - skip]);
        let seconds = (at + skip) as f32 / heard.rate as f32;
        assert!(step < 0.035, "a step of {step} at {seconds} s");
    }
}

#[test]
fn calls_queue_in_order_and_one_that_gives_up_leaves_no_trace() {
    let jackd = Jackd::start(48_000, 256);
    let folder = Folder::new("queue");
    let klaxon = klaxon(&folder, KLAXON_HZ, 0.3);
    let conf = with_klaxon(Conf::jack(&jackd), &klaxon).calls("hold-concurrent = yes");
    let daemon = Daemon::start(&conf);
    let recorder = Recorder::start(&jackd);

    let (mut first, mut second, mut third) = (daemon.phone(), daemon.phone(), daemon.phone());
    first.call("100", SOON);
    second.invite("100");
    pause(50);
    third.invite("100");
    let speech = signal::speech(8_000, 1.5);
    let talking = first.start_talking(speech.clone());
    pause(300);
    assert_eq!(second.cancel().status(), 487);
    assert!(
        third.final_response(Duration::from_millis(600)).is_none(),
        "answered too early"
    );
    let spoke = talking.join().unwrap();
    first.hang_up();
    let freed = Instant::now();
    let waited = third.answered(SOON).at - freed;
    assert!(
        (280..700).contains(&waited.as_millis()),
        "the next in line waited {waited:?}"
    );
    third.hang_up();
    pause(200);

    let heard = recorder.stop();
    is_clear(&speech, &heard.left, heard.rate, heard.frame_at(spoke));
    let klaxons = n_bursts(&levels(&heard.left, heard.rate, MUSIC_HZ[0]).klaxon);
    assert_eq!(klaxons, 2, "one klaxon for each call that was heard");
}

/// How often a level rises from silence.
fn n_bursts(levels: &[f32]) -> usize {
    let rises = levels
        .windows(2)
        .filter(|w| w[0] < KLAXON_LEVEL && w[1] >= KLAXON_LEVEL);
    rises.count()
}

#[test]
fn callers_mix_when_the_site_wants_it_and_music_returns_after_the_last() {
    let jackd = Jackd::start(48_000, 256);
    let _music = player(&jackd);
    let daemon = Daemon::start(&Conf::jack(&jackd).calls("hold-concurrent = no"));
    wait_for_music(&jackd);
    let recorder = Recorder::start(&jackd);
    pause(200);

    let (mut high, mut low) = (daemon.phone(), daemon.phone());
    high.call("100", SOON);
    let high_talks = high.start_talking(signal::sine(8_000, 1_300.0, 0.2, 3.0));
    low.call("100", SOON);
    let low_talks = low.start_talking(signal::sine(8_000, 700.0, 0.2, 1.5));
    let both = Instant::now();
    low_talks.join().unwrap();
    low.hang_up();
    let one_left = Instant::now();
    high_talks.join().unwrap();
    high.hang_up();
    let none_left = Instant::now();
    pause(1_500);
    let heard = recorder.stop();

    let span = |from: Instant, after_ms: usize, for_ms: usize| {
        let start = heard.frame_at(from) + after_ms * heard.rate as usize / 1_000;
        &heard.left[start..start + for_ms * heard.rate as usize / 1_000]
    };
    let level = |part: &[f32], hz| measure::wavering_level(part, heard.rate, hz);
    let together = span(both, 300, 1_000);
    for hz in [700.0, 1_300.0] {
        let db = measure::db(level(together, hz) / 0.2);
        assert!((-2.0..2.0).contains(&db), "{hz} Hz arrives at {db} dB");
    }
    let alone = span(one_left, 300, 900);
    let (gone, here) = (level(alone, 700.0), level(alone, 1_300.0));
    assert!(gone < 0.01 && here > 0.15, "{gone} and {here}");
    assert!(
        level(alone, MUSIC_HZ[0]) < 0.05,
        "music is back while somebody still talks"
    );
    assert!(
        level(span(none_left, 1_100, 300), MUSIC_HZ[0]) > 0.15,
        "music does not return"
    );
}

#[test]
fn baresip_is_understood_with_real_words() {
    let jackd = Jackd::start(48_000, 256);
    let folder = Folder::new("words");
    let words = spoken(
        &folder,
        "Attention please. The blue van in front of gate two must move.",
    );
    let daemon = Daemon::start(&Conf::jack(&jackd));
    let recorder = Recorder::start(&jackd);
    let mut baresip = Baresip::call(daemon.sip, "100", &words, 6);
    baresip.wait_established(SOON);
    baresip.finish(Duration::from_secs(12));
    daemon.process.wait_for("100", SOON);
    let heard = recorder.stop();
    let loudness = |at: &usize| (measure::rms(&words[*at..at + 4_000]) * 1e6) as u64;
    let loudest = (0..words.len() - 4_000).step_by(400).max_by_key(loudness);
    let anchor = loudest.unwrap();
    let found = measure::arrival(
        &words[anchor..anchor + 4_000],
        &heard.right,
        heard.rate,
        0,
        heard.right.len(),
    );
    assert!(found.alike > 0.7, "the words are {} alike", found.alike);
    let factor = heard.rate as usize / 8_000;
    let begin = anchor.saturating_sub(found.frame / factor);
    let from = found.frame - (anchor - begin) * factor;
    let from = from.saturating_sub(heard.rate as usize / 5);
    is_clear(&words[begin..], &heard.right, heard.rate, from);
}

/// What espeak-ng says, at 8 kHz.
fn spoken(folder: &Folder, text: &str) -> Vec<f32> {
    let (wide, narrow) = (folder.join("wide.wav"), folder.join("narrow.wav"));
    let run = |program: &str, arguments: &[&str]| {
        let status = std::process::Command::new(program).args(arguments).status();
        assert!(status.unwrap().success(), "{program}");
    };
    run("espeak-ng", &["-w", wide.to_str().unwrap(), text]);
    let format = ["-r", "8000", "-c", "1", "-b", "16"];
    let mut arguments = vec![wide.to_str().unwrap()];
    arguments.extend(format);
    arguments.push(narrow.to_str().unwrap());
    run("sox", &arguments);
    signal::read_wav(&narrow).1
}

#[test]
fn music_is_linked_through_us_as_its_ports_come_and_go() {
    let jackd = Jackd::start(48_000, 256);
    let daemon = Daemon::start(&Conf::jack(&jackd));
    for _ in 0..2 {
        // It connects itself to the speakers, as players do, and is taken off them.
        let music = player(&jackd);
        wait_for_music(&jackd);
        let recorder = Recorder::start(&jackd);
        pause(500);
        let heard = recorder.stop();
        let level =
            |channel: &[f32], hz| measure::level(&channel[channel.len() / 2..], heard.rate, hz);
        assert!((level(&heard.left, MUSIC_HZ[0]) - MUSIC).abs() < 0.02);
        assert!((level(&heard.right, MUSIC_HZ[1]) - MUSIC).abs() < 0.02);
        assert!(
            level(&heard.left, MUSIC_HZ[1]) < 0.01,
            "right music on the left speaker"
        );
        music.stop();
        pause(300);
    }
    drop(daemon);
}

#[test]
fn fifty_callers_talk_at_once_without_an_xrun() {
    let jackd = Jackd::start(48_000, 256);
    let conf = Conf::jack(&jackd).calls("hold-concurrent = no");
    let daemon = Daemon::start(&conf);
    let idle_kb = daemon.own_memory_kb();
    let mut phones: Vec<_> = (0..50).map(|_| daemon.phone()).collect();
    for phone in &mut phones {
        phone.call("100", SOON);
    }
    let recorder = Recorder::start(&jackd);
    let hz = |i: usize| 300.0 + 60.0 * i as f32;
    let tones = |i: usize| signal::sine(8_000, hz(i), 0.015, 4.0);
    let talks: Vec<_> = phones
        .iter()
        .enumerate()
        .map(|(i, phone)| phone.start_talking(tones(i)))
        .collect();
    pause(3_000);
    let per_call_kb = (daemon.own_memory_kb().saturating_sub(idle_kb)) as f32 / 50.0;
    for talk in talks {
        talk.join().unwrap();
    }
    for phone in &mut phones {
        phone.hang_up();
    }
    let heard: Recording = recorder.stop();
    let start = heard.rate as usize;
    let middle = &heard.left[start..start + 2 * heard.rate as usize];
    // Windows so short that neither a neighbour nor the steering of the delay counts.
    let window = heard.rate as usize / 15;
    let loudest = |i| {
        let levels = measure::level_over_time(middle, heard.rate, hz(i), window);
        levels.into_iter().fold(0.0, f32::max)
    };
    let heard_tones = (0..50).filter(|i| loudest(*i) > 0.010).count();
    assert_eq!(heard_tones, 50, "not everybody is heard");
    assert_eq!((heard.n_xruns, heard.n_skipped), (0, 0), "JACK had xruns");
    println!("50 calls at once: {per_call_kb} kB a call");
    // What set the calls up is still remembered, too.
    assert!(per_call_kb < 150.0, "each call takes {per_call_kb} kB");
}

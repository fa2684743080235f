//! Is music from a folder heard as the site expects, before, during and after a page? As the
//! speakers got it, recorded through a real JACK server.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon};
use common::folder::Folder;
use common::jack_client::{Music, Recorder, Recording};
use common::jackd::Jackd;
use common::measure;
use common::signal::{self, Dice};

const RATE: u32 = 48_000;
/// Far more than anything takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);
/// A graph that stalls leaves nothing to be measured: then all is done again.
const ATTEMPTS: usize = 5;

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Twenty seconds of noise in two files, and a file between them that is no music. Returns the
/// noise as it is heard.
fn music(folder: &Folder) -> Vec<f32> {
    let mut dice = Dice(7);
    let noise: Vec<f32> = (0..20 * RATE).map(|_| dice.between(-0.1, 0.1)).collect();
    let (first, second) = noise.split_at(noise.len() / 2);
    signal::write_wav(&folder.join("1.wav"), RATE, &[first, first]);
    folder.write("2.mp3", "no music");
    signal::write_wav(&folder.join("3.wav"), RATE, &[second, second]);
    let heard = |x: &f32| f32::from((x * 32_767.0) as i16) / 32_768.0;
    noise.iter().map(heard).collect()
}

/// Where in the piece the samples stand.
fn place(heard: &[f32], piece: &[f32]) -> Option<usize> {
    let alike = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-6;
    piece
        .windows(heard.len())
        .position(|window| window.iter().zip(heard).all(alike))
}

/// What was heard around a page without a word, and when that was.
struct Heard {
    recording: Recording,
    page_at: Instant,
    over_at: Instant,
}

impl Heard {
    fn frame(&self, at: Instant, ms: i64) -> usize {
        let frame = self.recording.frame_at(at) as i64 + ms * i64::from(RATE) / 1_000;
        usize::try_from(frame).unwrap()
    }

    /// The frames of the recording and of the piece, before the page and after it.
    fn places(&self, piece: &[f32]) -> [(usize, usize); 2] {
        let before = self.frame(self.page_at, -500);
        let after = self.recording.left.len() - 4_800;
        [before, after].map(|at| {
            let heard = &self.recording.left[at..at + 64];
            let place = place(heard, piece);
            (at, place.expect("the piece, bit by bit"))
        })
    }
}

fn page(jackd: &Jackd, daemon: &Daemon) -> Option<Heard> {
    let recorder = Recorder::start(jackd);
    pause(1_500);
    let mut phone = daemon.phone();
    let page_at = phone.invite("100");
    phone.answered(LIMIT);
    phone.talk(&vec![0.0; 12_000], |_| Some(Duration::ZERO));
    phone.hang_up();
    let over_at = Instant::now();
    pause(2_500);
    let recording = recorder.stop();
    let heard = Heard {
        recording,
        page_at,
        over_at,
    };
    (heard.recording.n_skipped == 0).then_some(heard)
}

fn conf(jackd: &Jackd, folder: &Folder, more: &str) -> Conf {
    let path = folder.path().display();
    Conf::jack(jackd).audio("music = lounge").more(&format!(
        "[music:lounge]\npath = {path}\nloudness = no\n{more}"
    ))
}

/// Pages until one can be measured; the piece goes round, so a page may lie on its seam.
fn measured(more: &str, judge: impl Fn(&Heard, &[f32])) {
    let jackd = Jackd::start(RATE, 1_024);
    let folder = Folder::new("music");
    let piece = music(&folder);
    let round: Vec<f32> = piece.iter().chain(&piece).copied().collect();
    let daemon = Daemon::start(&conf(&jackd, &folder, more));
    daemon.process.wait_for("music lounge: plays", LIMIT);
    daemon.process.wait_for("2.mp3 is skipped", LIMIT);
    pause(500);
    for _ in 0..ATTEMPTS {
        if let Some(heard) = page(&jackd, &daemon) {
            return judge(&heard, &round);
        }
    }
    panic!("the graph stalled {ATTEMPTS} times; nothing can be measured");
}

#[test]
fn below_a_page_music_goes_on_softly_and_is_afterwards_where_it_would_have_been() {
    measured("", |heard, piece| {
        let left = &heard.recording.left;
        let level = |from, to| measure::rms(&left[from..to]);
        let before = level(
            heard.frame(heard.page_at, -900),
            heard.frame(heard.page_at, -100),
        );
        let during = level(
            heard.frame(heard.page_at, 500),
            heard.frame(heard.over_at, -100),
        );
        let ducked = measure::db(during / before);
        assert!((-21.0..-19.0).contains(&ducked), "{ducked} dB");
        let [(at, from), (later, to)] = heard.places(piece);
        let gone = (to + piece.len() - from) % (piece.len() / 2);
        assert_eq!(gone, later - at, "to the sample");
    });
}

#[test]
fn music_that_pauses_in_a_page_goes_on_with_its_next_sample() {
    measured("in-pages = pause", |heard, piece| {
        let left = &heard.recording.left;
        let middle = heard.frame(heard.page_at, 700);
        assert_eq!(left[middle], 0.0);
        let [(at, from), (later, to)] = heard.places(piece);
        let silent = left[at..later].iter().filter(|x| **x == 0.0).count();
        assert!(silent > 20_000, "{silent}");
        let gone = (to + piece.len() - from) % (piece.len() / 2);
        // The first and last samples of the fades may be heard as silence too.
        let expected = later - at - silent;
        assert!(gone.abs_diff(expected) < 200, "{gone} {expected}");
    });
}

/// The amplitude of a tone on a speaker from one moment to another, by the middle one of short
/// windows, which a cycle that the server skips does not spoil.
fn tone(heard: &Heard, speaker: usize, hz: f32, (from, to): (usize, usize)) -> f32 {
    let part = &heard.recording.speakers[speaker][from..to];
    measure::median(&measure::level_over_time(
        part,
        RATE,
        hz,
        RATE as usize / 20,
    ))
}

#[test]
fn a_player_of_jack_is_music_of_its_zones_alone_and_is_ducked_like_any() {
    let jackd = Jackd::wide(RATE, 1_024, 4);
    let conf = Conf::jack(&jackd).more(
        "[music:mpd]\njack-client = ^mpd\\.hall:\n[zone:hall]\noutputs = playback_[12]\n\
         music = mpd\n[zone:yard]\noutputs = playback_3\n",
    );
    let daemon = Daemon::start(&conf);
    let log = &daemon.process;
    log.wait_for("music mpd: silent: no JACK port gives sound", LIMIT);
    let player = || Music::start(&jackd, "mpd.hall", [1_000.0, 3_000.0], 0.2, true);
    let music = player();
    log.wait_for("music mpd: plays mpd.hall:left, mpd.hall:right", LIMIT);
    let n_attempts = (0..ATTEMPTS).find_map(|_| page(&jackd, &daemon));
    let heard = n_attempts.expect("the graph is whole in one of them");
    let before = (
        heard.frame(heard.page_at, -900),
        heard.frame(heard.page_at, -100),
    );
    let during = (
        heard.frame(heard.page_at, 500),
        heard.frame(heard.over_at, -100),
    );
    let end = heard.recording.left.len();
    let after = (end - RATE as usize / 2, end);
    // Left and right, each of its own, and nothing by the way that the player took itself.
    for (speaker, hz, other) in [(0, 1_000.0, 3_000.0), (1, 3_000.0, 1_000.0)] {
        for (span, wanted) in [(before, 0.2), (during, 0.02), (after, 0.2)] {
            let level = tone(&heard, speaker, hz, span);
            assert!(
                (0.9..1.1).contains(&(level / wanted)),
                "{speaker}: {level} {wanted}"
            );
        }
        assert!(tone(&heard, speaker, other, before) < 1e-3);
    }
    assert!(
        measure::rms(&heard.recording.speakers[2]) < 1e-4,
        "the yard has none"
    );
    music.stop();
    let told = |text: &str| daemon.process.log().matches(text).count();
    let wait = |text: &str| {
        let began = Instant::now();
        while told(text) < 2 {
            assert!(began.elapsed() < LIMIT, "{text}: {}", daemon.process.log());
            pause(20);
        }
    };
    wait("music mpd: silent");
    let _music = player();
    wait("music mpd: plays mpd.hall:left, mpd.hall:right");
}

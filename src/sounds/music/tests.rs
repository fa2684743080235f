//! Does music come out as it went in, whatever lies in the folder and whatever a station does?

use std::f64::consts::TAU;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::*;
use crate::base::{Frame, SampleRate, StereoRx};
use crate::dsp::Passage;
use crate::music::{Levels, REFERENCE};

const RATE: SampleRate = SampleRate::HZ_48000;
const LOW: SampleRate = SampleRate::new(44_100).unwrap();

/// Far more than anything takes on a busy machine.
const LIMIT: Duration = Duration::from_secs(60);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("paging-music-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    fn wav(&self, name: &str, rate: SampleRate, frames: &[Frame]) -> PathBuf {
        let path = self.0.join(name);
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: rate.hz(),
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        for x in frames.iter().flatten() {
            writer.write_sample(*x).unwrap();
        }
        writer.finalize().unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn sine(rate: SampleRate, level: f64, n: usize) -> Vec<Frame> {
    let at = |i: usize| ((TAU * 440.0 * i as f64 / f64::from(rate.hz())).sin() * level) as f32;
    (0..n).map(|i| [at(i), at(i) * 0.5]).collect()
}

fn from_path(path: impl Into<PathBuf>) -> Settings {
    Settings {
        name: "lounge".to_owned(),
        from: From::Path(path.into()),
        is_shuffled: false,
        crossfade: Duration::ZERO,
        loudness: None,
        fallback: None,
    }
}

fn from_url(url: String) -> Settings {
    Settings {
        from: From::Url(url),
        ..from_path("")
    }
}

/// A player, its ring and what it tells.
struct Site {
    _player: Player,
    rx: StereoRx,
    events: Receiver<Event>,
    told: Vec<Event>,
}

impl Site {
    fn new(settings: Settings, book: Option<Book>) -> Self {
        let (tx, events) = channel();
        let tell = move |event| tx.send(event).unwrap_or_default();
        let player = Player::spawn(settings, book, 1, tell).unwrap();
        let rx = player.ring(RATE);
        Self {
            _player: player,
            rx,
            events,
            told: vec![],
        }
    }

    /// Exactly the next `n` frames, however long they take.
    fn hear(&mut self, n: usize) -> Vec<Frame> {
        let (mut heard, mut block, began) = (vec![], [[0.0; 2]; 1_024], Instant::now());
        while heard.len() < n {
            let most = block.len().min(n - heard.len());
            let got = self.rx.pop(&mut block[..most]);
            heard.extend_from_slice(&block[..got]);
            if got == 0 {
                assert!(
                    began.elapsed() < LIMIT,
                    "{} of {n}: {:?}",
                    heard.len(),
                    self.told()
                );
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        heard
    }

    /// Hears music until `is_it` holds of it.
    fn hear_until(&mut self, is_it: impl Fn(&[Frame]) -> bool) {
        let began = Instant::now();
        while !is_it(&self.hear(2_400)) {
            assert!(began.elapsed() < LIMIT, "{:?}", self.told());
        }
    }

    fn told(&mut self) -> &[Event] {
        self.told.extend(self.events.try_iter());
        &self.told
    }

    fn wait_for(&mut self, is_it: impl Fn(&Event) -> bool) {
        let began = Instant::now();
        while !self.told().iter().any(&is_it) {
            assert!(began.elapsed() < LIMIT, "{:?}", self.told);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn skipped(events: &[Event]) -> Vec<(String, String)> {
    let skipped = events.iter().filter_map(|event| match event {
        Event::Skipped { what, why } => Some((what.clone(), why.clone())),
        Event::Playing { .. } | Event::Down { .. } | Event::Up | Event::Gap { .. } => None,
    });
    skipped.collect()
}

#[test]
fn a_recording_in_two_files_is_heard_as_one_to_the_sample() {
    for rate in [RATE, LOW] {
        let folder = Folder::new(&format!("gapless-{}", rate.hz()));
        let whole = sine(rate, 0.5, 60_000);
        folder.wav("1.wav", rate, &whole[..23_457]);
        folder.wav("2.wav", rate, &whole[23_457..]);
        let (mut passage, mut expected) = (Passage::new(rate, RATE), vec![]);
        passage.push(&whole, &mut expected);
        let n = expected.len();
        assert!(n > 55_000);
        let heard = Site::new(from_path(&folder.0), None).hear(n);
        assert_eq!(heard, expected, "{rate}");
    }
}

#[test]
fn a_crossfade_overlaps_pieces_of_any_rate() {
    let folder = Folder::new("crossfade");
    folder.wav("1.wav", LOW, &vec![[0.5, 0.0]; 44_100]);
    folder.wav("2.wav", RATE, &vec![[0.0, 0.5]; 96_000]);
    let settings = Settings {
        crossfade: Duration::from_millis(500),
        ..from_path(&folder.0)
    };
    let heard = Site::new(settings, None).hear(70_000);
    let (old, new) = crate::music::gains(12_000, 24_000);
    let [left, right] = heard[24_000 + 12_000];
    assert!((left - 0.5 * old).abs() < 0.01 && (right - 0.5 * new).abs() < 0.01);
    for frame in &heard[24_100..47_000] {
        let power = frame[0].powi(2) + frame[1].powi(2);
        assert!((power - 0.25).abs() < 0.01, "{frame:?}");
    }
    assert_eq!(heard[50_000], [0.0, 0.5]);
}

#[test]
fn broken_files_are_skipped_and_told_and_the_good_ones_play_on() {
    let folder = Folder::new("broken");
    folder.wav("1.wav", RATE, &vec![[0.1; 2]; 30_000]);
    folder.file("2.mp3", b"this is no music at all, whatever its name says");
    folder.file("3.ogg", b"");
    folder.wav("4.wav", RATE, &vec![[0.2; 2]; 30_000]);
    let flac = fs::read(shipped("tone.flac")).unwrap();
    folder.file("5.flac", &flac[..40]);
    folder.wav("6.wav", RATE, &vec![[0.3; 2]; 30_000]);
    folder.file("cover.jpg", b"no music, and no mistake");
    let mut site = Site::new(from_path(&folder.0), None);
    let heard = site.hear(120_000);
    for (i, level) in [0.1, 0.2, 0.3, 0.1].into_iter().enumerate() {
        let piece = &heard[i * 30_000..(i + 1) * 30_000];
        assert!(piece.iter().all(|frame| *frame == [level; 2]), "{level}");
    }
    // It is told once it has been poured, and may be heard before.
    let is_last = |what: &str| what.ends_with("5.flac");
    site.wait_for(|event| matches!(event, Event::Skipped { what, .. } if is_last(what)));
    let skipped = skipped(site.told());
    for (name, why) in [
        ("2.mp3", "not an audio"),
        ("3.ogg", "no audio"),
        ("5.flac", ""),
    ] {
        let is_it = |(what, text): &&(String, String)| what.ends_with(name) && text.contains(why);
        assert!(skipped.iter().any(|it| is_it(&it)), "{name}: {skipped:?}");
    }
    assert!(!site.told().contains(&Event::Up), "{:?}", site.told);
}

#[test]
fn a_playlist_plays_in_its_order_and_what_it_lacks_is_told() {
    let folder = Folder::new("playlist");
    fs::create_dir_all(folder.0.join("sub")).unwrap();
    folder.wav("b.wav", RATE, &vec![[0.2; 2]; 20_000]);
    folder.wav("sub/a.wav", RATE, &vec![[0.1; 2]; 20_000]);
    let text = b"\xef\xbb\xbf#EXTM3U\r\nsub\\a.wav\r\nM\xfcll.wav\r\nb.wav\r\n";
    let list = folder.file("list.m3u", text);
    let mut site = Site::new(from_path(list), None);
    let heard = site.hear(40_000);
    assert_eq!((heard[19_999], heard[20_000]), ([0.1; 2], [0.2; 2]));
    // It is told once it has been poured, and may be heard before.
    site.wait_for(|event| matches!(event, Event::Skipped { .. }));
    let skipped = skipped(site.told());
    assert!(skipped[0].1.contains("does not exist"), "{skipped:?}");
}

#[test]
fn shuffled_every_piece_is_heard_once_a_round() {
    let folder = Folder::new("shuffle");
    for i in 1..=8 {
        let level = i as f32 / 10.0;
        folder.wav(&format!("{i}.wav"), RATE, &vec![[level; 2]; 5_000]);
    }
    let settings = Settings {
        is_shuffled: true,
        ..from_path(&folder.0)
    };
    let heard = Site::new(settings, None).hear(80_000);
    let pieces: Vec<i32> = heard
        .chunks(5_000)
        .map(|p| (p[0][0] * 10.0).round() as i32)
        .collect();
    for round in pieces.chunks(8) {
        let mut round = round.to_vec();
        round.sort_unstable();
        assert_eq!(round, [1, 2, 3, 4, 5, 6, 7, 8]);
    }
    assert!(
        pieces.windows(2).all(|pair| pair[0] != pair[1]),
        "{pieces:?}"
    );
}

#[test]
fn files_of_any_level_are_heard_equally_loud_and_measured_once() {
    let folder = Folder::new("loudness");
    folder.wav("1.wav", RATE, &sine(RATE, 0.9, 100_000));
    folder.wav("2.wav", RATE, &sine(RATE, 0.05, 100_000));
    let notes = folder.0.join("loudness");
    let settings = Settings {
        loudness: Some(REFERENCE),
        crossfade: Duration::from_millis(1),
        ..from_path(&folder.0)
    };
    let book = Book::open(Some(notes.clone())).unwrap();
    let mut site = Site::new(settings, Some(book));
    // The second may be played before it was measured in the first round, if the machine is slow.
    let heard = site.hear(400_000);
    for piece in heard[200_000 - 96..].chunks_exact(100_000 - 48).take(2) {
        let mut levels = Levels::new(RATE);
        levels.measure(&piece[30_000..90_000]);
        let loudness = levels.loudness().integrated.0;
        assert!((loudness - REFERENCE.0).abs() < 0.3, "{loudness}");
    }
    let written = fs::read_to_string(&notes).unwrap();
    assert_eq!(written.lines().count(), 2, "{written}");
    // Another start knows it from the file.
    let book = Book::open(Some(notes)).unwrap();
    assert!(book.look_up(&folder.0.join("2.wav")).flatten().is_some());
    folder.wav("2.wav", RATE, &sine(RATE, 0.05, 90_000));
    assert!(
        book.look_up(&folder.0.join("2.wav")).is_none(),
        "it is another file now"
    );
}

#[test]
fn a_folder_without_music_is_told_and_its_fallback_plays_until_there_is_some() {
    let (folder, other) = (Folder::new("empty"), Folder::new("fallback"));
    other.wav("a.wav", RATE, &vec![[0.2; 2]; 48_000]);
    let fallback = Settings {
        name: "spare".to_owned(),
        ..from_path(&other.0)
    };
    let settings = Settings {
        fallback: Some(Box::new(fallback)),
        ..from_path(&folder.0)
    };
    let mut site = Site::new(settings, None);
    assert_eq!(site.hear(48_000)[47_999], [0.2; 2]);
    site.wait_for(|event| {
        matches!(event, Event::Down { why, instead: Some(name) }
            if why.contains("no music") && name == "spare")
    });
    folder.wav("new.wav", RATE, &vec![[0.4; 2]; 48_000]);
    site.hear_until(|heard| heard[0] == [0.4; 2]);
    site.wait_for(|event| *event == Event::Up);
}

#[test]
fn without_a_fallback_silence_is_told() {
    let mut site = Site::new(from_path("/nowhere/at/all"), None);
    site.wait_for(|event| {
        matches!(event, Event::Down { why, instead: None } if why.contains("does not exist"))
    });
    assert_eq!(site.rx.fill(), 0);
    assert!(!site.rx.count_starved(), "the silence is meant");
}

/// A station that does with its first, second … listener what `serve` says.
fn station(serve: impl Fn(usize, &mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().flatten().enumerate() {
            let mut stream = stream;
            let mut request = [0; 4_096];
            if stream.read(&mut request).is_ok() {
                serve(n, &mut stream);
            }
        }
    });
    format!("http://{address}")
}

/// So many seconds of a constant level as a WAV stream without a known end, with ICY metadata.
fn broadcast(to: &mut TcpStream, level: f32, seconds: usize) {
    let head = "HTTP/1.0 200 OK\r\nContent-Type: audio/wav\r\nicy-metaint: 1000\r\n\r\n";
    let wav = wav_without_end(level, seconds);
    let mut sent = head.as_bytes().to_vec();
    for (i, block) in wav.chunks(1_000).enumerate() {
        sent.extend_from_slice(block);
        if block.len() == 1_000 {
            let n = (i % 2) as u8;
            sent.push(n);
            sent.extend(vec![b'x'; 16 * usize::from(n)]);
        }
    }
    to.write_all(&sent).unwrap_or_default();
}

fn wav_without_end(level: f32, seconds: usize) -> Vec<u8> {
    let mut wav = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x02\0".to_vec();
    wav.extend(48_000u32.to_le_bytes());
    wav.extend(192_000u32.to_le_bytes());
    wav.extend(b"\x04\0\x10\0data\xff\xff\xff\xff");
    let sample = (level * 32_768.0) as i16;
    wav.extend(std::iter::repeat_n(sample.to_le_bytes(), 96_000 * seconds).flatten());
    wav
}

/// A station is resampled, so that its clock can be followed: what is constant is so by and large.
fn is_at(frame: Frame, level: f32) -> bool {
    frame.iter().all(|x| (x - level).abs() < 1e-3)
}

/// Where the filter has passed the edge at which a station begins.
const BEGUN: usize = 300;

#[test]
fn a_station_is_heard_without_its_metadata() {
    let url = station(|_, to| broadcast(to, 0.25, 30));
    let heard = Site::new(from_url(url), None).hear(200_000);
    assert!(heard[BEGUN..].iter().all(|frame| is_at(*frame, 0.25)));
}

#[test]
fn a_station_that_ends_is_replaced_by_the_fallback_and_heard_again_when_it_is_back() {
    let folder = Folder::new("radio");
    folder.wav("a.wav", RATE, &vec![[0.125; 2]; 48_000]);
    let url = station(|n, to| match n {
        0 => broadcast(to, 0.25, 4),
        1 => to
            .write_all(b"HTTP/1.0 503 Busy\r\n\r\n")
            .unwrap_or_default(),
        _ => broadcast(to, 0.5, 60),
    });
    let settings = Settings {
        fallback: Some(Box::new(from_path(&folder.0))),
        ..from_url(url)
    };
    let mut site = Site::new(settings, None);
    site.hear_until(|heard| is_at(heard[0], 0.25));
    site.hear_until(|heard| is_at(heard[0], 0.125));
    site.wait_for(|event| {
        matches!(
            event,
            Event::Down {
                instead: Some(_),
                ..
            }
        )
    });
    site.hear_until(|heard| is_at(heard[0], 0.5));
    site.wait_for(|event| *event == Event::Up);
}

#[test]
fn a_station_that_stalls_is_replaced_before_it_is_given_up() {
    let folder = Folder::new("stall");
    folder.wav("a.wav", RATE, &vec![[0.125; 2]; 48_000]);
    let url = station(|n, to| {
        broadcast(to, 0.25, if n == 0 { 4 } else { 60 });
        if n == 0 {
            // Longer than anybody waits for it.
            std::thread::sleep(Duration::from_secs(12));
        }
    });
    let settings = Settings {
        fallback: Some(Box::new(from_path(&folder.0))),
        ..from_url(url)
    };
    let mut site = Site::new(settings, None);
    site.hear_until(|heard| is_at(heard[0], 0.25));
    site.hear_until(|heard| is_at(heard[0], 0.125));
    site.wait_for(|event| {
        matches!(
            event,
            Event::Down {
                instead: Some(_),
                ..
            }
        )
    });
    site.hear_until(|heard| is_at(heard[0], 0.25));
    site.wait_for(|event| *event == Event::Up);
}

#[test]
fn a_station_of_the_old_kind_is_heard() {
    let url = station(|_, to| {
        to.write_all(b"ICY 200 OK\r\ncontent-type: audio/wav\r\n\r\n")
            .unwrap_or_default();
        to.write_all(&wav_without_end(0.25, 20)).unwrap_or_default();
    });
    let heard = Site::new(from_url(url), None).hear(60_000);
    assert!(heard[BEGUN..].iter().all(|frame| is_at(*frame, 0.25)));
}

#[test]
fn the_playlist_of_a_station_is_followed() {
    let stream = station(|_, to| broadcast(to, 0.25, 20));
    let list = format!(
        "HTTP/1.0 200 OK\r\nContent-Type: audio/x-scpls\r\n\r\n[playlist]\nFile1={stream}/live\n"
    );
    let url = station(move |_, to| to.write_all(list.as_bytes()).unwrap_or_default());
    let heard = Site::new(from_url(url), None).hear(60_000);
    assert!(heard[BEGUN..].iter().all(|frame| is_at(*frame, 0.25)));
}

#[test]
fn the_next_piece_can_be_asked_for() {
    let folder = Folder::new("next");
    folder.wav("1.wav", RATE, &vec![[0.1; 2]; 500_000]);
    folder.wav("2.wav", RATE, &vec![[0.2; 2]; 500_000]);
    let mut site = Site::new(from_path(&folder.0), None);
    site.hear(1_000);
    site._player.skip();
    let began = Instant::now();
    while site.rx.n_stale() == 0 {
        assert!(began.elapsed() < LIMIT);
    }
    let stale = site.rx.n_stale();
    site.rx.skip(stale);
    assert_eq!(site.hear(1_000)[999], [0.2; 2]);
}

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/sounds")
        .join(name)
}

#[test]
fn every_kind_of_file_is_music() {
    for name in ["tone.mp3", "tone.flac", "tone.ogg", "tone.m4a"] {
        let mut site = Site::new(from_path(shipped(name)), None);
        let heard = site.hear(96_000);
        let peak = heard.iter().flatten().fold(0.0, |a: f32, b| a.max(b.abs()));
        assert!(peak > 0.05, "{name}: {peak}");
        assert!(skipped(site.told()).is_empty(), "{name}: {:?}", site.told);
    }
}

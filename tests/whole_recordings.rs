//! Are recordings there, whatever happens to the program and to the disk?
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon};
use common::folder::Folder;
use common::jackd::Jackd;
use common::ogg;
use common::ports::free_address;
use common::signal::{sine, write_wav};
use paging::base::{Encoding, RecordingId, SampleRate, TrackTx};
use paging::codec::Decoder;
use paging::output::record::{self, Event, Format, Limits, Order, Recorder, Settings};
use paging::sounds;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const SOON: Duration = Duration::from_secs(30);
const RATE: SampleRate = SampleRate::HZ_48000;

/// All files below the folder whose names end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_str().unwrap().ends_with(end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[track_caller]
fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + SOON;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn size(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |it| it.len())
}

/// The length of a recording in seconds, and its highest sample.
fn heard(file: &Path) -> (f64, f32) {
    let name = file.to_str().unwrap().trim_end_matches(".part").to_owned();
    let (rate, sound) = if name.ends_with(".opus") {
        let mut decoder = Decoder::new(Encoding::Opus);
        let mut sound = Vec::new();
        for packet in ogg::packets(&std::fs::read(file).unwrap()) {
            decoder.decode(&packet, &mut sound);
        }
        (48_000, sound)
    } else {
        let pcm = sounds::load(file).unwrap();
        (pcm.rate.hz(), pcm.to_mono())
    };
    let highest = sound.iter().fold(0f32, |a, b| a.max(b.abs()));
    (sound.len() as f64 / f64::from(rate), highest)
}

/// Whether there is more than silence in a WAV file that is being written.
fn is_loud(part: &Path) -> bool {
    let bytes = std::fs::read(part).unwrap();
    let samples = bytes[44..].chunks_exact(2);
    let mut samples = samples.map(|it| i16::from_le_bytes([it[0], it[1]]));
    samples.any(|x| x.unsigned_abs() > 6_000)
}

fn recorder(folder: &Path, format: Format) -> (Recorder, UnboundedReceiver<Event>) {
    let (tx, rx) = unbounded_channel();
    let settings = Settings {
        folder: folder.to_owned(),
        format,
        limits: Limits::default(),
        is_wanted: true,
    };
    (Recorder::spawn(settings, tx).unwrap(), rx)
}

fn begin(recorder: &Recorder, channels: usize, rate: Option<SampleRate>) -> TrackTx {
    let (tx, track) = Recorder::track(RATE, channels);
    recorder.begin(Order {
        recording: RecordingId(1),
        words: vec!["lessons".to_owned(), "101".to_owned()],
        rate,
        track,
    });
    tx
}

/// Three seconds of a tone in each channel.
fn tone(channels: usize) -> Vec<f32> {
    let tone = sine(48_000, 440.0, 0.5, 3.0);
    tone.iter()
        .flat_map(|&x| std::iter::repeat_n(x, channels))
        .collect()
}

#[test]
fn every_format_holds_what_was_played_and_so_does_what_a_crash_leaves_of_it() {
    let rows = [
        (Format::Wav, 1, Some(SampleRate::HZ_16000), ".wav"),
        (Format::Wav, 2, None, ".wav"),
        (Format::Flac, 1, Some(SampleRate::HZ_16000), ".flac"),
        (Format::Flac, 3, None, ".flac"),
        (Format::Opus, 1, Some(SampleRate::HZ_16000), ".opus"),
        (Format::Opus, 2, None, ".flac"),
    ];
    for (format, channels, rate, end) in rows {
        let (whole, cut) = (Folder::new("whole"), Folder::new("cut"));
        let (recorder, mut events) = recorder(whole.path(), format);
        let mut track = begin(&recorder, channels, rate);
        let sound = tone(channels);
        track.push(&sound);
        // As a crash would find it, in the middle of a frame or a page.
        let part = format!("{end}.part");
        let (mut before, mut n_same) = (0, 0);
        let part = wait("no part", || {
            std::thread::sleep(Duration::from_millis(150));
            let part = files(whole.path(), &part).pop()?;
            let grown = size(&part) - std::mem::replace(&mut before, size(&part));
            n_same = if grown == 0 { n_same + 1 } else { 0 };
            (n_same == 3).then_some(part)
        });
        let day = part.parent().unwrap().file_name().unwrap();
        std::fs::create_dir(cut.path().join(day)).unwrap();
        let left = cut.path().join(day).join(part.file_name().unwrap());
        let bytes = std::fs::read(&part).unwrap();
        std::fs::write(&left, &bytes[..bytes.len() - 101]).unwrap();
        drop(track);
        recorder.stop();
        let what = format!("{format} {channels}");
        let mut finished = None;
        while let Ok(event) = events.try_recv() {
            if let Event::Finished { file, length, .. } = event {
                finished = Some((file, length));
            }
        }
        let (file, length) = finished.unwrap();
        assert!(
            (length.as_secs_f64() - 3.0).abs() < 0.01,
            "{what}: {length:?}"
        );
        let (path, shelved) = record::find(whole.path(), &file).unwrap();
        let told = record::seconds(&path, shelved.format).unwrap();
        assert!((told - 3.0).abs() < 0.05, "{what}: told to be {told} s");
        let (seconds, highest) = heard(&path);
        assert!((seconds - 3.0).abs() < 0.05, "{what}: {seconds} s");
        assert!((0.4..0.6).contains(&highest), "{what}: {highest}");
        assert_eq!(files(whole.path(), ".part"), Vec::<PathBuf>::new());

        let (again, mut events) = self::recorder(cut.path(), format);
        let mended = wait("not mended", || events.try_recv().ok());
        again.stop();
        let Event::Mended { file } = mended else {
            panic!("{mended:?}");
        };
        let (seconds, highest) = heard(&cut.path().join(file));
        assert!(seconds > 0.5, "{what}: {seconds} s of what was cut");
        assert!((0.4..0.6).contains(&highest), "{what}: {highest}");
    }
}

#[test]
fn a_killed_daemon_leaves_recordings_that_play_to_their_last_second() {
    let jackd = Jackd::start(48_000, 256);
    let (folder, sounds) = (Folder::new("recordings"), Folder::new("sounds"));
    let greeting = sounds.path().join("recorded.wav");
    write_wav(&greeting, 8_000, &[&sine(8_000, 880.0, 0.5, 0.4)]);
    let conf = Conf::jack(&jackd).more(&format!(
        "recordings-dir = {}\n[zone:hall]\noutputs = system:playback_[12]\nrecord = pages\n\
         [page:lessons]\nextensions = 700\nrecord = page\nrecord-greeting = {}\n",
        folder.path().display(),
        greeting.display()
    ));
    let mut daemon = Daemon::start(&conf);
    let mut phone = daemon.phone();
    phone.call("700", SOON);
    let talking = phone.keep_talking(sine(8_000, 440.0, 0.5, 1.0).into(), 0.0);
    // Samples of 16 bits, 48,000 a second: of the page, and of the two outputs of the zone.
    let ends = [
        ("-lessons-tester.wav", 96_000),
        ("-hall-lessons-tester.wav", 192_000),
    ];
    let parts = ends.map(|(end, n_bytes)| {
        wait("nothing is recorded", || {
            let parts = files(folder.path(), &format!("{end}.part"));
            let is_it =
                |part: &PathBuf| part.to_str().unwrap().contains("hall") == end.contains("hall");
            let part = parts.into_iter().find(is_it)?;
            let is_long = size(&part) > 44 + 2 * n_bytes;
            (is_long && is_loud(&part)).then_some((part, n_bytes))
        })
    });
    assert!(phone.heard_loud() > 0, "the caller was told");
    daemon.process.kill();
    drop(talking);
    let written = parts.map(|(part, n_bytes)| {
        let written = (size(&part) - 44) as f64 / n_bytes as f64;
        // Under the name by which players know the kind.
        let copy = sounds.path().join("copy.wav");
        std::fs::copy(&part, &copy).unwrap();
        let (seconds, highest) = heard(&copy);
        assert!(written - seconds < 1.0, "{seconds} of {written} s");
        assert!(highest > 0.1, "{highest}");
        (part, written)
    });

    let mut daemon = Daemon::start(&conf);
    for (part, written) in written {
        let whole = part.to_str().unwrap().trim_end_matches(".part");
        let name = whole.rsplit('/').next().unwrap();
        let told = format!("{name} was not finished, and is whole again");
        daemon.process.wait_for(&told, SOON);
        let (seconds, _) = heard(Path::new(whole));
        assert!(
            (seconds - written).abs() < 0.001,
            "{seconds} of {written} s"
        );
    }
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
fn on_a_full_disk_the_page_is_heard_and_recorded_again_once_there_is_room() {
    let folder = Folder::new("disk");
    let disk = folder.path().to_str().unwrap();
    // Two seconds of room, and the reserve.
    let mount = format!(
        "mount -t tmpfs -o size=3m paging {disk} && head -c 2850000 /dev/zero >{disk}/ballast && \
         exec \"$0\" \"$@\""
    );
    let conf = Conf::timer().more(&format!(
        "recordings-dir = {disk}\n[page:lessons]\nextensions = 700\nrecord = page\n"
    ));
    let before = ["unshare", "--mount", "--map-root-user", "sh", "-c", &mount];
    let mut daemon = Daemon::spawn_under(&before, &conf, free_address());
    daemon.wait_ready();
    // The disk as the daemon sees it.
    let seen = format!("/proc/{}/root{disk}", daemon.process.pid());
    let mut phone = daemon.phone();
    phone.call("700", SOON);
    let talking = phone.keep_talking(sine(8_000, 440.0, 0.5, 1.0).into(), 0.0);
    daemon
        .process
        .wait_for("nothing is recorded: the disk of", SOON);
    let is_told = |status: &str| status.contains("nothing is recorded: the disk of");
    daemon.notify.wait_status(is_told, SOON).unwrap();
    daemon.process.wait_for("wav of page \"lessons\"", SOON);
    std::fs::remove_file(format!("{seen}/ballast")).unwrap();
    daemon.process.wait_for("recordings: written again", SOON);
    let seen = Path::new(&seen);
    wait("nothing is recorded again", || {
        let part = files(seen, ".wav.part").pop()?;
        (size(&part) > 44 + 9_600).then_some(())
    });
    drop(talking);
    phone.hang_up();
    daemon.process.wait_for("heard in every zone", SOON);
    wait("the second file is not whole", || {
        (files(seen, ".wav").len() == 2).then_some(())
    });
    let mut loudest = 0f32;
    for file in files(seen, ".wav") {
        let (seconds, highest) = heard(&file);
        assert!(seconds > 0.0);
        loudest = loudest.max(highest);
    }
    assert!(loudest > 0.1, "{loudest}");
    assert_eq!(daemon.stop().0, Some(0));
    let log = daemon.process.log();
    let outcome = log
        .lines()
        .find(|line| line.contains("heard in every zone"));
    assert!(outcome.unwrap().contains("recorded in "), "{log}");
    assert_eq!(log.matches("nothing is recorded").count(), 1, "{log}");
}

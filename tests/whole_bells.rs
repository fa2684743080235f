//! Do bells of the whole program ring at their second, each once over a kill, and tell who heard?
#![allow(clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::daemon::{self, Conf, Daemon};
use common::folder::Folder;
use common::jack_client::Recorder;
use common::jackd::Jackd;
use common::{measure, signal};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

const BELL_HZ: f32 = 2_500.0;

/// Starting and reading a log on a machine under load.
const LONG: Duration = Duration::from_secs(60);

fn chime(folder: &Folder) -> String {
    let path = folder.join("chime.wav");
    signal::write_wav(&path, 48_000, &[&signal::sine(48_000, BELL_HZ, 0.3, 0.5)]);
    path.display().to_string()
}

/// Every four seconds from now on, for some minutes.
fn often() -> String {
    let now = Timestamp::now();
    let times = (1..90).map(|n| {
        let at = TimeZone::UTC.to_datetime(now + (4 * n).seconds());
        at.strftime("%F %T").to_string()
    });
    times.collect::<Vec<_>>().join(" ")
}

fn bell(chime: &str, state: &str) -> String {
    let when = often();
    format!(
        "state-dir = {state}\n[schedule:lesson]\nwhen = {when}\ntimezone = UTC\nplay = {chime}\n\
         missed = skip"
    )
}

/// The times of bells that were heard, by what was measured.
fn rung(log: &str) -> Vec<String> {
    let rows = log.lines().filter(|line| line.contains("): heard"));
    let time = |line: &str| {
        let (_, rest) = line.split_once("bell lesson (")?;
        rest.get(..19).map(str::to_owned)
    };
    rows.filter_map(time).collect()
}

#[test]
fn bells_sound_once_over_a_kill_and_the_log_says_that_they_were_heard() {
    let jackd = Jackd::start(48_000, 256);
    let folder = Folder::new("bells");
    let (chime, state) = (chime(&folder), folder.path().display().to_string());
    let conf = Conf::jack(&jackd).more(&bell(&chime, &state));
    let mut daemon = Daemon::start(&conf);
    let recorder = Recorder::start(&jackd);
    let until = Instant::now() + LONG;
    while rung(&daemon.process.log()).len() < 2 {
        assert!(Instant::now() < until, "{}", daemon.process.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    let before = rung(&daemon.process.log());
    let heard = recorder.stop();
    let level = measure::level_over_time(&heard.left, heard.rate, BELL_HZ, 960);
    assert!(
        level.iter().any(|level| *level > 0.1),
        "nothing at the speaker"
    );

    daemon.process.signal("KILL");
    daemon.process.wait(LONG);
    let mut again = Daemon::start(&conf);
    while rung(&again.process.log()).is_empty() {
        assert!(Instant::now() < until + LONG, "{}", again.process.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    again.stop();
    let after = rung(&again.process.log());
    let mut all: Vec<&String> = before.iter().chain(&after).collect();
    let n_all = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), n_all, "twice: {before:?}, {after:?}");
}

#[test]
fn mistakes_of_bells_name_file_line_and_remedy() {
    let folder = Folder::new("bells");
    folder.write(
        "broken.ics",
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:soon\nEND:VEVENT\n",
    );
    folder.write(
        "bells.conf",
        "[schedule:a]\nwhen = 0 8 31 feb *\n[schedule:b]\nwhen = 08:30\nzones = nowhere\n\
         [schedule:c]\nwhen = 08:30\nexcept = holidays.ics\n  broken.ics\nplay = gong.wav\n\
         timezone = Europe/Berln\nplan = exam\n[schedule:d]\nwhen = 08:30\n",
    );
    let (code, log) = daemon::run(&folder, &["--check", "bells.conf"], LONG);
    assert_eq!(code, Some(2), "{log}");
    for part in [
        "bells.conf:2: [schedule:a] when = 0 8 31 feb *: \"0 8 31 feb *\" never rings",
        "bells.conf:5: [schedule:b] zones = nowhere: there is no zone \"nowhere\"; write",
        "bells.conf:8: [schedule:c] except = holidays.ics…: holidays.ics: No such file",
        "bells.conf:8: [schedule:c] except = holidays.ics…: broken.ics:3: DTSTART \"soon\"",
        "bells.conf:10: [schedule:c] play = gong.wav: sound \"gong.wav\" does not exist; put",
        "bells.conf:11: [schedule:c] timezone = Europe/Berln: no such time zone; did you mean",
        "bells.conf:12: [schedule:c] plan = exam: there is no plan \"exam\"; write",
        "bells.conf:14: [schedule:d] when = 08:30: there is no klaxon to play; write",
    ] {
        assert!(log.contains(part), "{part}\n{log}");
    }
}

#[test]
fn a_dry_run_lists_the_bells_of_a_day() {
    let folder = Folder::new("bells");
    chime(&folder);
    folder.write(
        "bells.conf",
        "[schedule:a]\nwhen = Mon-Fri 08:30\nplay = chime.wav\ntimezone = Europe/Berlin\n\
         except = 12-24\n",
    );
    let arguments = ["bells", "--date", "2026-12-23", "--days", "2", "bells.conf"];
    let (code, text) = daemon::run(&folder, &arguments, LONG);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("Wed 2026-12-23\n  08:30  a  all  chime.wav\n"),
        "{text}"
    );
    assert!(
        text.contains("08:30  a  all  chime.wav  SILENT: except = 12-24"),
        "{text}"
    );
}

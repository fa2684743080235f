//! What is recorded, one scenario a sentence.

use std::time::Duration;

use super::plan::rule;
use super::ranks::clip;
use super::site::{Site, ms, without_klaxon};
use crate::base::{RecordingId, ZoneId, ZoneSet};
use crate::control::{About, Input, Level, Policy, Recorded, Rule, Side};

fn recorded(side: Side) -> Rule {
    Rule {
        record: Some(side),
        ..rule("lessons", &["700"], &[0, 1])
    }
}

fn site(page: Rule) -> Site {
    Site::new(Policy {
        zones: ZoneSet::first(3),
        pages: vec![page],
        ..without_klaxon()
    })
}

fn opened(recording: u64, file: &str) -> Input {
    Input::RecordingOpened {
        recording: RecordingId(recording),
        file: file.to_owned(),
    }
}

fn finished(recording: u64, file: &str, lost: Duration) -> Input {
    Input::RecordingFinished {
        recording: RecordingId(recording),
        file: file.to_owned(),
        length: ms(12_400),
        lost,
    }
}

#[test]
fn a_page_is_recorded_from_its_klaxon_to_its_end_tone() {
    let mut site = site(Rule {
        klaxon: Some(clip(2_000)),
        end_tone: Some(clip(500)),
        ..recorded(Side::Page)
    });
    site.arrives(1);
    site.pass(ms(3_000));
    site.feed(opened(1, "2026-11-21/103015-lessons-101.wav"));
    site.ends(1, "caller hung up");
    site.pass(ms(1_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 music -20dB in 0,1",
            "0.0 record 1 of page as lessons-101",
            "0.0 1 into 1",
            "0.0 play 1 in 0,1",
            "0.0 ring #1",
            "2.0 answer #1",
            "2.0 connect #1 in 0,1",
            "3.0 disconnect #1",
            "3.0 2 into 1",
            "3.0 play 2 in 0,1",
            "3.5 end of 1",
            "3.5 music back in 0,1",
        ]
    );
    assert_eq!(
        site.fates(),
        [
            "page \"lessons\" of call #1 from alice <sip:1@pbx> to 700: heard in hall, yard, 1.5 s, \
             recorded in 2026-11-21/103015-lessons-101.wav"
        ]
    );
    site.assert_quiet();
}

#[test]
fn a_caller_is_recorded_while_it_is_on_the_speakers() {
    let mut site = site(Rule {
        klaxon: Some(clip(2_000)),
        end_tone: Some(clip(500)),
        ..recorded(Side::Caller)
    });
    site.arrives(1);
    site.pass(ms(3_000));
    site.ends(1, "caller hung up");
    site.pass(ms(1_000));
    let seen = site.seen();
    let of_it: Vec<&String> = seen.iter().filter(|line| !line.contains("music")).collect();
    assert_eq!(
        of_it,
        [
            "0.0 play 1 in 0,1",
            "0.0 ring #1",
            "2.0 answer #1",
            "2.0 record 1 of caller #1 as lessons-101",
            "2.0 connect #1 in 0,1",
            "3.0 disconnect #1",
            "3.0 play 2 in 0,1",
            "3.5 end of 1",
        ]
    );
    // No file is known, and nothing is wrong: it was too short for that.
    assert!(site.fates()[0].ends_with("1.5 s"), "{:?}", site.fates());
}

#[test]
fn each_file_is_one_line_and_one_event() {
    let mut site = site(recorded(Side::Page));
    site.arrives(1);
    site.pass(ms(1_000));
    let notes = site.notes.len();
    site.feed(opened(1, "a.wav"));
    site.feed(finished(1, "a.wav", Duration::ZERO));
    site.feed(opened(1, "b.wav"));
    site.ends(1, "caller hung up");
    site.feed(finished(1, "b.wav", ms(300)));
    site.feed(Input::RecordingOver {
        recording: RecordingId(1),
    });
    // Nobody asked for that one.
    site.feed(finished(1, "c.wav", Duration::ZERO));
    assert!(site.fates()[0].ends_with("1.0 s, recorded in a.wav and b.wav"));
    let of_files = site.notes[notes..].iter();
    let of_files: Vec<_> = of_files
        .filter(|note| matches!(note.about, About::Recording(_)))
        .collect();
    let label = "page \"lessons\" of call #1 from alice <sip:1@pbx> to 700";
    let texts: Vec<_> = of_files.iter().map(|it| (it.level, &it.text)).collect();
    assert_eq!(
        texts,
        [
            (Level::Info, &format!("recording a.wav of {label}: 12.4 s")),
            (
                Level::Warn,
                &format!(
                    "recording b.wav of {label}: 12.4 s, 0.3 s of it lost since the disk was too \
                     slow"
                )
            ),
        ]
    );
    let event = Recorded {
        file: "a.wav".to_owned(),
        length: ms(12_400),
        page: "lessons".to_owned(),
        caller: "101".to_owned(),
        zone: None,
    };
    assert_eq!(of_files[0].about, About::Recording(event));
}

#[test]
fn a_zone_is_recorded_while_any_page_is_heard_there() {
    let mut site = Site::new(Policy {
        zones: ZoneSet::first(3),
        recorded: ZoneSet::from(ZoneId(1)),
        pages: vec![
            rule("hall", &["700"], &[0]),
            rule("yard", &["710"], &[1]),
            rule("all", &["720"], &[0, 1, 2]),
        ],
        ..without_klaxon()
    });
    site.arrives(1);
    site.pass(ms(1_000));
    site.dials(2, "710");
    site.dials(3, "720");
    site.pass(ms(1_000));
    site.ends(1, "caller hung up");
    site.ends(2, "caller hung up");
    site.pass(ms(1_000));
    site.feed(opened(1, "y.wav"));
    site.feed(finished(1, "y.wav", Duration::ZERO));
    site.ends(3, "caller hung up");
    let seen = site.seen();
    let of_it: Vec<&String> = seen
        .iter()
        .filter(|line| line.contains("record") || line.contains("end of"))
        .collect();
    assert_eq!(
        of_it,
        ["1.0 record 1 of zone 1 as yard-yard-101", "3.0 end of 1"],
        "one page follows the other without a pause"
    );
    let text = site.texts().into_iter().find(|it| it.contains("y.wav"));
    assert_eq!(
        text,
        Some(
            "recording y.wav of page \"yard\" of call #2 from alice <sip:2@pbx> to 710, zone yard: \
             12.4 s"
        )
    );
    site.assert_quiet();
}

#[test]
fn a_caller_is_told_before_the_klaxon_and_once_it_is_there() {
    let mut site = site(Rule {
        klaxon: Some(clip(2_000)),
        greeting: Some(clip(800)),
        ..recorded(Side::Caller)
    });
    site.ack_lag = Some(ms(500));
    site.arrives(1);
    site.pass(ms(5_000));
    site.ends(1, "caller hung up");
    assert_eq!(
        site.seen(),
        [
            "0.0 answer #1",
            "0.5 greet #1",
            "1.5 music -20dB in 0,1",
            "1.5 play 1 in 0,1",
            "3.5 record 1 of caller #1 as lessons-101",
            "3.5 connect #1 in 0,1",
            "5.0 disconnect #1",
            "5.0 end of 1",
            "5.0 music back in 0,1",
        ]
    );
    site.assert_quiet();
}

#[test]
fn whoever_hangs_up_while_it_is_told_is_not_recorded() {
    let mut site = site(Rule {
        greeting: Some(clip(800)),
        ..recorded(Side::Page)
    });
    site.arrives(1);
    site.pass(ms(400));
    site.ends(1, "caller hung up");
    site.pass(ms(2_000));
    let seen = site.seen();
    assert!(!seen.iter().any(|line| line.contains("record")), "{seen:?}");
    assert!(site.fates()[0].contains("cancelled"));
    site.assert_quiet();
}

#[test]
fn a_full_disk_is_told_once_and_shown_and_the_page_is_heard() {
    let mut site = site(recorded(Side::Page));
    let full = |ok, text: &str| Input::DiskChanged {
        ok,
        text: text.to_owned(),
    };
    site.feed(full(false, "the disk is full"));
    site.feed(full(false, "the disk is full"));
    let nothing = "recordings: nothing is recorded: the disk is full";
    assert_eq!(site.texts(), [nothing]);
    let now = site.now;
    let summary = site.snapshot().summary(now);
    assert!(
        summary.ends_with("nothing is recorded: the disk is full"),
        "{summary}"
    );
    site.arrives(1);
    site.pass(ms(1_000));
    site.ends(1, "caller hung up");
    assert!(site.fates()[0].ends_with("heard in hall, yard, 1.0 s, not recorded"));
    site.feed(full(true, "written again"));
    let summary = site.snapshot().summary(now);
    assert!(!summary.contains("recorded"), "{summary}");
    assert_eq!(site.texts().last(), Some(&"recordings: written again"));
}

//! How is an effect written in a timeline that a person compares by eye?

use std::time::Duration;

use crate::base::{Db, ZoneSet};
use crate::control::{DeskNews, Effect, Mark, Parting, Party, Way};

/// Seconds since the start and what was ordered, like `2.0 answer #1`.
pub(super) fn line(effect: &Effect, at: Duration) -> String {
    format!("{:.1} {}", at.as_secs_f64(), words(effect))
}

fn words(effect: &Effect) -> String {
    match effect {
        Effect::Ring { call } => format!("ring {call}"),
        Effect::Announce { call } => format!("announce to {call}"),
        Effect::Answer { call } => format!("answer {call}"),
        Effect::Welcome { call, player } => format!("welcome {call} to {player}"),
        Effect::Perform { call, player } => format!("perform {player} to {call}"),
        Effect::Hold { call, desk } => format!("hold {call} for {desk}"),
        Effect::Dial {
            call,
            desk,
            number,
            tone,
        } => {
            let tone = tone
                .as_ref()
                .map_or_else(String::new, |it| format!(" with {it}"));
            format!("dial {number} as {call} for {desk}{tone}")
        }
        Effect::RingAgain { call } => format!("ring again after {call}"),
        Effect::Press { call, keys } => format!("press {keys} at {call}"),
        Effect::Report {
            desk,
            to,
            call,
            news,
        } => {
            let to = match to {
                Party::Desk => desk.clone(),
                Party::One(driver) => format!("driver {}", driver.0),
                Party::Nobody => "nobody".to_owned(),
            };
            let way = match call.way {
                Way::In => "from",
                Way::Out => "to",
            };
            let what = match news {
                DeskNews::Dials => "dials".to_owned(),
                DeskNews::Rings => "rings".to_owned(),
                DeskNews::Answered => "answered".to_owned(),
                DeskNews::Key(key) => format!("key {key}"),
                DeskNews::Over(Parting::HungUp(how)) => format!("over, {how}"),
                DeskNews::Over(Parting::Ignored) => "ignored".to_owned(),
                DeskNews::Over(Parting::Refused { status, reason }) => {
                    format!("refused {status} {reason}")
                }
            };
            format!("tell {to}: {} {way} {}: {what}", call.call, call.number)
        }
        Effect::Refuse { call, why } => format!("refuse {call} {}", why.status()),
        Effect::TakeDown { call, longest, .. } => {
            format!("take down {call} for {} s", longest.as_secs())
        }
        Effect::Dictated { call } => format!("make ready {call}"),
        Effect::PlayBack { call, .. } => format!("play back to {call}"),
        Effect::Forget { sound } => format!("forget {}", sound.0),
        Effect::HangUp { call, why } => format!("hang up {call}: {why}"),
        Effect::Connect { call, zones, .. } => format!("connect {call}{}", places(zones)),
        Effect::Disconnect { call } => format!("disconnect {call}"),
        Effect::Play { play, zones, .. } => format!("play {}{}", play.0, places(zones)),
        Effect::MovePlay { play, zones } => format!("move {}{}", play.0, places(zones)),
        Effect::Tell { call, cue } => format!("tell {call} {cue:?}"),
        Effect::Greet { call, .. } => format!("greet {call}"),
        Effect::Record {
            recording,
            mark,
            words,
        } => {
            let what = match mark {
                Mark::Caller(call) => format!("caller {call}"),
                Mark::Page(_) => "page".to_owned(),
                Mark::Held(call) => format!("held {call}"),
                Mark::Zone(zone) => format!("zone {}", zone.0),
            };
            format!("record {} of {what} as {}", recording.0, words.join("-"))
        }
        Effect::RecordPlay { recording, play } => format!("{} into {}", play.0, recording.0),
        Effect::EndRecording { recording } => format!("end of {}", recording.0),
        Effect::StopPlay { play } => format!("stop {}", play.0),
        Effect::Duck { zones, to, .. } if *to == Db::UNITY => {
            format!("music back{}", places(zones))
        }
        Effect::Duck { zones, to, .. } => format!("music {to}{}", places(zones)),
        Effect::Music { .. } => "music by hand".to_owned(),
        Effect::NextPiece { source } => format!("next piece of {source}"),
        Effect::Ordered { id, answer } => format!("order {} {answer:?}", id.0),
        Effect::Log(note) => note.text.clone(),
        Effect::Stopped => "stopped".to_owned(),
    }
}

/// Nothing for the one zone of most tests.
fn places(zones: &ZoneSet) -> String {
    if *zones == ZoneSet::first(1) {
        return String::new();
    }
    if zones.is_empty() {
        return " nowhere".to_owned();
    }
    let numbers: Vec<_> = zones.iter().map(|zone| zone.0.to_string()).collect();
    format!(" in {}", numbers.join(","))
}

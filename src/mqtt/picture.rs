//! What is published of how things stand?

use std::collections::BTreeMap;

use serde::Serialize;

use super::topics;
use crate::api::{Condition, Heard, Music, Page, PageState, Part, Site, Zone};

/// All states by their topics behind our beginning, as JSON; levels are none.
pub(super) fn states(site: &Site, music: &Music) -> BTreeMap<String, String> {
    let mut states = BTreeMap::new();
    let mut tell = |topic: String, text: String| states.insert(topic, text);
    tell(topics::HEALTH.to_owned(), json(&Health::of(&site.parts)));
    tell(topics::PAGES.to_owned(), json(&Pages::of(&site.pages)));
    for zone in &site.zones {
        tell(topics::zone(&zone.name), json(&ZoneNow::of(zone)));
    }
    for zone in &music.zones {
        tell(topics::music(&zone.zone), json(zone));
    }
    tell(topics::AVAILABILITY.to_owned(), ONLINE.to_owned());
    states
}

/// As `GET /health`, with what ails in words.
#[derive(Serialize)]
struct Health<'a> {
    status: Condition,
    /// Of the parts that are not ok.
    reasons: Vec<String>,
    parts: &'a [Part],
}

impl<'a> Health<'a> {
    fn of(parts: &'a [Part]) -> Self {
        let ailing = parts.iter().filter(|part| part.state != Condition::Ok);
        Self {
            status: parts.iter().map(|it| it.state).max().unwrap_or_default(),
            reasons: ailing
                .map(|part| format!("{}: {}", part.name, part.reason))
                .collect(),
            parts,
        }
    }
}

/// What sounds anywhere and what waits.
#[derive(Serialize)]
struct Pages<'a> {
    /// In one line, which is short enough to be the state of a sensor.
    text: String,
    n_heard: usize,
    n_waiting: usize,
    pages: &'a [Page],
}

impl<'a> Pages<'a> {
    fn of(pages: &'a [Page]) -> Self {
        let is_queued = |page: &&Page| page.state == PageState::Queued;
        let n_waiting = pages.iter().filter(is_queued).count();
        let heard = pages.iter().filter(|page| !is_queued(page));
        let lines: Vec<String> = heard
            .map(|page| format!("{} in {}", page.name, page.zones.join(", ")))
            .collect();
        Self {
            text: line(&lines),
            n_heard: lines.len(),
            n_waiting,
            pages,
        }
    }
}

/// As `GET /v1/zones`, but for the levels.
#[derive(Serialize)]
struct ZoneNow<'a> {
    name: &'a str,
    /// As that of all pages.
    text: String,
    ducked: bool,
    has_output: bool,
    heard: &'a [Heard],
}

impl<'a> ZoneNow<'a> {
    fn of(zone: &'a Zone) -> Self {
        let names: Vec<String> = zone.heard.iter().map(|it| it.name.clone()).collect();
        Self {
            name: &zone.name,
            text: line(&names),
            ducked: zone.ducked,
            has_output: zone.has_output,
            heard: &zone.heard,
        }
    }
}

fn line(all: &[String]) -> String {
    if all.is_empty() {
        return NOTHING.to_owned();
    }
    let text = all.join("; ");
    if text.chars().count() <= LONGEST {
        return text;
    }
    let cut: String = text.chars().take(LONGEST - 1).collect();
    format!("{cut}…")
}

pub(super) fn json(what: &impl Serialize) -> String {
    // Values of ours have names for keys, so that they can be written.
    serde_json::to_string(what).unwrap_or_default()
}

pub(super) const ONLINE: &str = "online";
pub(super) const OFFLINE: &str = "offline";

const NOTHING: &str = "nothing";

/// Home Assistant takes no longer state.
const LONGEST: usize = 255;

#[cfg(test)]
pub(super) mod tests {
    use serde_json::Value;

    use super::*;
    use crate::api::{Source, SourceKind, SourceState, Usual, ZoneMusic};

    pub(in crate::mqtt) fn zone(name: &str, heard: &[&str]) -> Zone {
        let heard = heard.iter().map(|name| Heard {
            page: "p1-1".to_owned(),
            name: (*name).to_owned(),
            call: None,
        });
        Zone {
            name: name.to_owned(),
            peak_dbfs: Some(-3.0),
            loudness_lufs: Some(-20.0),
            ducked: false,
            has_output: true,
            heard: heard.collect(),
        }
    }

    pub(in crate::mqtt) fn plays(zone: &str, source: Option<&str>) -> ZoneMusic {
        ZoneMusic {
            zone: zone.to_owned(),
            source: source.map(str::to_owned),
            volume_db: -6.0,
            paused: false,
            by_hand: Vec::new(),
            usual: Usual {
                source: None,
                volume_db: 0.0,
            },
        }
    }

    pub(in crate::mqtt) fn source(name: &str) -> Source {
        Source {
            name: name.to_owned(),
            kind: SourceKind::Files,
            state: SourceState::Ok,
            reason: String::new(),
            since: None,
            skipped: 0,
            paused: false,
            zones: Vec::new(),
        }
    }

    fn page(name: &str, state: PageState) -> Page {
        Page {
            id: "p1-1".to_owned(),
            name: name.to_owned(),
            state,
            priority: 100,
            zones: vec!["yard".to_owned(), "hall".to_owned()],
            heard_in: Vec::new(),
            call: None,
            asked_at: String::new(),
            live_at: None,
            outcome: None,
        }
    }

    fn part(name: &str, state: Condition) -> Part {
        Part {
            name: name.to_owned(),
            state,
            reason: "why".to_owned(),
            since: String::new(),
        }
    }

    #[test]
    fn each_thing_has_its_topic_and_levels_are_left_out() {
        let site = Site {
            pages: vec![
                page("a", PageState::Live),
                page("b", PageState::Queued),
                page("c", PageState::Klaxon),
            ],
            zones: vec![zone("yard", &["a"]), zone("süd/1", &[])],
            parts: vec![
                part("engine", Condition::Ok),
                part("disk", Condition::Degraded),
            ],
            ..Site::default()
        };
        let music = Music {
            sources: Vec::new(),
            zones: vec![plays("yard", Some("radio"))],
        };
        let states = states(&site, &music);
        let topics: Vec<&str> = states.keys().map(String::as_str).collect();
        assert_eq!(
            topics,
            [
                "availability",
                "health",
                "pages",
                "zones/süd%2F1",
                "zones/yard",
                "zones/yard/music"
            ]
        );
        let told = |topic: &str| serde_json::from_str::<Value>(&states[topic]).unwrap();
        assert_eq!(told("health")["status"], "degraded");
        assert_eq!(told("health")["reasons"][0], "disk: why");
        assert_eq!(told("pages")["text"], "a in yard, hall; c in yard, hall");
        assert_eq!(told("pages")["n_waiting"], 1);
        assert_eq!(told("zones/yard")["text"], "a");
        assert_eq!(told("zones/süd%2F1")["text"], "nothing");
        assert!(!states["zones/yard"].contains("peak"));
        assert_eq!(told("zones/yard/music")["volume_db"], -6.0);
    }

    #[test]
    fn a_text_is_never_longer_than_a_state_may_be() {
        let names = vec!["ü".repeat(200), "x".repeat(200)];
        let text = line(&names);
        assert_eq!(text.chars().count(), 255);
        assert!(text.ends_with('…'));
    }
}

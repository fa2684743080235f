//! What has changed from one look to the next?

use serde::Serialize;
use utoipa::ToSchema;

use super::history::HistoryEntry;
use super::music::ZoneMusic;
use super::schedules::Schedule;
use super::site::{Call, CallState, Heard, Outcome, Page, PageState, Part, Site, Zone};

/// One thing that happened, as subscribers get it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Event {
    /// For `Last-Event-ID` and `after`: the number of an entry of the history, or `4711-17` for
    /// what passes after that.
    #[schema(examples("4711", "4711-17"))]
    pub id: String,
    /// When (RFC 3339, UTC).
    #[schema(format = DateTime)]
    pub at: String,
    #[serde(flatten)]
    pub what: News,
}

/// What an event tells.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum News {
    /// A call came, went on, or ended.
    Call { call: Call },
    /// The other side of a call that programs hold has pressed a key.
    Dtmf {
        /// The call.
        call: String,
        /// `relay:NAME` or `line:NAME`.
        desk: String,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: String,
    },
    /// A page was asked for, went on, or is over.
    Page { page: Page },
    /// The music of a zone went down or up, or others are heard there.
    Zone {
        name: String,
        ducked: bool,
        heard: Vec<Heard>,
    },
    /// A part works again, or no longer.
    Health { part: Part },
    /// A bell rings otherwise from now on.
    Schedule { schedule: Schedule },
    /// The music of a zone is another one, or as loud as it was not.
    Music { zone: ZoneMusic },
    /// Something is in the history from now on.
    History { entry: HistoryEntry },
    /// A line of the log about calls and pages.
    Note { level: Level, text: String },
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Info,
    Warn,
    Error,
}

impl News {
    /// As `type` of the event.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Call { .. } => "call",
            Self::Dtmf { .. } => "dtmf",
            Self::Page { .. } => "page",
            Self::Zone { .. } => "zone",
            Self::Health { .. } => "health",
            Self::Schedule { .. } => "schedule",
            Self::Music { .. } => "music",
            Self::History { .. } => "history",
            Self::Note { .. } => "note",
        }
    }
}

/// What is different in `new`; `outcome` knows what became of pages, `reason` why calls ended.
/// Levels are no news.
pub fn changes(
    old: &Site,
    new: &Site,
    outcome: impl Fn(&Page) -> Option<Outcome>,
    reason: impl Fn(&Call) -> Option<String>,
) -> Vec<News> {
    let mut news = Vec::new();
    for call in &new.calls {
        let before = old.calls.iter().find(|it| it.id == call.id);
        if before != Some(call) {
            news.push(News::Call { call: call.clone() });
        }
    }
    for page in &new.pages {
        let before = old.pages.iter().find(|it| it.id == page.id);
        if before != Some(page) {
            news.push(News::Page { page: page.clone() });
        }
    }
    for page in &old.pages {
        if new.pages.iter().all(|it| it.id != page.id) {
            let outcome = outcome(page);
            news.push(News::Page {
                page: over(page, outcome),
            });
        }
    }
    for call in &old.calls {
        if new.calls.iter().all(|it| it.id != call.id) {
            let reason = reason(call);
            news.push(News::Call {
                call: ended(call, reason),
            });
        }
    }
    for zone in &new.zones {
        let before = old.zones.iter().find(|it| it.name == zone.name);
        if before.is_some_and(|before| differs(before, zone)) {
            news.push(News::Zone {
                name: zone.name.clone(),
                ducked: zone.ducked,
                heard: zone.heard.clone(),
            });
        }
    }
    for part in &new.parts {
        let before = old.parts.iter().find(|it| it.name == part.name);
        if before.is_none_or(|it| (it.state, &it.reason) != (part.state, &part.reason)) {
            news.push(News::Health { part: part.clone() });
        }
    }
    news
}

/// The page as it is once it is over.
pub fn over(page: &Page, outcome: Option<Outcome>) -> Page {
    Page {
        state: PageState::Over,
        heard_in: Vec::new(),
        outcome,
        ..page.clone()
    }
}

fn ended(call: &Call, reason: Option<String>) -> Call {
    Call {
        state: CallState::Ended,
        reason,
        ..call.clone()
    }
}

fn differs(old: &Zone, new: &Zone) -> bool {
    old.ducked != new.ducked || old.heard != new.heard
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::site::Direction;

    fn call(id: &str, state: CallState) -> Call {
        Call {
            id: id.to_owned(),
            caller: "sip:7@x".to_owned(),
            dialled: "100".to_owned(),
            direction: Direction::In,
            desk: None,
            state,
            since: "2026-11-21T12:00:00.000Z".to_owned(),
            page: None,
            reason: None,
        }
    }

    fn zone(ducked: bool, peak: f32) -> Zone {
        Zone {
            name: "yard".to_owned(),
            peak_dbfs: Some(peak),
            loudness_lufs: None,
            ducked,
            has_output: true,
            heard: Vec::new(),
        }
    }

    #[test]
    fn what_came_changed_and_went_is_told_and_levels_are_not() {
        let old = Site {
            calls: vec![call("a", CallState::Live), call("b", CallState::Queued)],
            zones: vec![zone(false, -3.0)],
            ..Site::default()
        };
        assert_eq!(changes(&old, &old, |_| None, |_| None), []);
        let new = Site {
            calls: vec![call("b", CallState::Live), call("c", CallState::Queued)],
            zones: vec![zone(true, -9.0)],
            ..Site::default()
        };
        let why = |_: &Call| Some("gone".to_owned());
        let told: Vec<String> = changes(&old, &new, |_| None, why)
            .iter()
            .map(|it| serde_json::to_string(it).unwrap())
            .collect();
        let has = |at: usize, text: &str| told[at].contains(text);
        assert_eq!(told.len(), 4, "{told:#?}");
        assert!(has(0, r#""id":"b""#) && has(0, r#""state":"live""#));
        assert!(has(1, r#""id":"c""#) && has(1, r#""type":"call""#));
        assert!(has(2, r#""id":"a""#) && has(2, r#""state":"ended""#));
        assert!(has(2, r#""reason":"gone""#) && has(0, r#""reason":null"#));
        assert_eq!(
            told[3],
            r#"{"type":"zone","name":"yard","ducked":true,"heard":[]}"#
        );
        assert_eq!(
            changes(
                &old,
                &Site {
                    zones: vec![zone(false, -60.0)],
                    ..old.clone()
                },
                |_| None,
                |_| None
            ),
            []
        );
    }
}

//! What of all that is logged belongs into the history?

use std::time::SystemTime;

use crate::base::ZoneSet;
use crate::control::{About, Note};
use crate::page::Outcome;
use crate::store::{Entry, Kind};

/// What a note leaves behind, if it leaves anything. `names` are those of zones.
pub(in crate::daemon) fn entry(
    note: &Note,
    names: impl Fn(&ZoneSet) -> Vec<String>,
    at: SystemTime,
) -> Option<Entry> {
    let entry = Entry {
        at,
        kind: Kind::Change,
        who: String::new(),
        what: String::new(),
        zones: Vec::new(),
        missed: Vec::new(),
        span: None,
        outcome: String::new(),
        recording: String::new(),
        text: note.text.clone(),
    };
    Some(match &note.about {
        // The end of its page names it.
        About::Step | About::Recording(_) => return None,
        About::Call(end) => Entry {
            kind: Kind::Call,
            who: end.who.caller.clone(),
            what: end.who.dialled.clone(),
            span: Some(end.span),
            outcome: end.fate.name().to_owned(),
            ..entry
        },
        About::Page(end) => {
            let (kind, what) = match end.name.strip_prefix(BELL) {
                Some(bell) if end.caller.is_empty() => (Kind::Bell, bell),
                Some(_) | None => (Kind::Page, end.name.as_str()),
            };
            Entry {
                kind,
                who: end.caller.clone(),
                what: what.to_owned(),
                zones: names(&end.zones),
                missed: names(&end.missed),
                span: Some(end.span),
                outcome: outcome(end.outcome).to_owned(),
                recording: end.files.join(" "),
                ..entry
            }
        }
        About::Part { name, ok } => Entry {
            kind: Kind::Failure,
            what: name.clone(),
            outcome: if *ok { "works" } else { "fails" }.to_owned(),
            ..entry
        },
        About::Change { who, what } => Entry {
            who: who.clone(),
            what: what.clone(),
            ..entry
        },
    })
}

/// What the daemon has changed, or was told to.
pub(in crate::daemon) fn change(what: &str, text: &str, at: SystemTime) -> Entry {
    Entry {
        at,
        kind: Kind::Change,
        who: String::new(),
        what: what.to_owned(),
        zones: Vec::new(),
        missed: Vec::new(),
        span: None,
        outcome: String::new(),
        recording: String::new(),
        text: text.to_owned(),
    }
}

/// One word each, for programs.
fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Heard => "heard",
        Outcome::PartlyHeard => "partly-heard",
        Outcome::NotHeard => "not-heard",
        Outcome::Cancelled => "cancelled",
        Outcome::Expired => "expired",
        Outcome::Refused => "refused",
    }
}

/// How the page of a bell is named, before the bell's own name.
pub(in crate::daemon) const BELL: &str = "bell ";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::ZoneId;
    use crate::control::{CallEnd, Fate, Level, PageEnd, Who};
    use crate::page::PageId;

    fn of(about: About) -> Option<Entry> {
        let note = Note {
            call: None,
            about,
            level: Level::Info,
            text: "said".to_owned(),
        };
        let names = |zones: &ZoneSet| zones.iter().map(|id| format!("zone{}", id.0)).collect();
        entry(&note, names, SystemTime::UNIX_EPOCH)
    }

    fn page(name: &str, caller: &str) -> About {
        About::Page(PageEnd {
            page: PageId(1),
            name: name.to_owned(),
            caller: caller.to_owned(),
            zones: [ZoneId(0), ZoneId(2)].into_iter().collect(),
            missed: [ZoneId(2)].into_iter().collect(),
            outcome: Outcome::PartlyHeard,
            span: Duration::from_secs(3),
            files: vec!["a.wav".to_owned()],
        })
    }

    #[test]
    fn only_ends_and_failures_are_remembered() {
        assert_eq!(of(About::Step), None);
        let call = of(About::Call(CallEnd {
            who: Who {
                caller: "101".to_owned(),
                dialled: "700".to_owned(),
            },
            fate: Fate::Refused,
            span: Duration::ZERO,
        }));
        let call = call.unwrap();
        assert_eq!(
            (call.kind, &*call.who, &*call.what),
            (Kind::Call, "101", "700")
        );
        assert_eq!((&*call.outcome, &*call.text), ("refused", "said"));
        let (name, ok) = ("sound".to_owned(), false);
        let failure = of(About::Part { name, ok }).unwrap();
        assert_eq!((failure.kind, &*failure.outcome), (Kind::Failure, "fails"));
    }

    #[test]
    fn a_bell_is_told_from_a_page_by_that_name() {
        let bell = of(page("bell lesson", "")).unwrap();
        assert_eq!((bell.kind, &*bell.what), (Kind::Bell, "lesson"));
        assert_eq!(
            (bell.zones, bell.missed),
            (vec!["zone0".into(), "zone2".into()], vec!["zone2".into()])
        );
        let page = of(page("bell lesson", "101")).unwrap();
        assert_eq!((page.kind, &*page.what), (Kind::Page, "bell lesson"));
        assert_eq!(
            (&*page.outcome, &*page.recording),
            ("partly-heard", "a.wav")
        );
    }
}

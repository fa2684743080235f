//! How does what the parts know become what is shown?

use std::time::Instant;

use jiff::Timestamp;

use super::Http;
use crate::api::{
    self, Call, CallState, Condition, Direction, Figures, Heard, Level, Outcome, Page, PageState,
    Part, Site, Zone,
};
use crate::base::ZoneSet;
use crate::control::{self, CallStatus, PageStatus, Snapshot, SoundState, Way};
use crate::daemon::door::Door;
use crate::daemon::zones::Zones;
use crate::mix::Vitals;
use crate::page::{self, Phase};
use crate::sip::Counts;

/// All that there is to look at.
pub(in crate::daemon) struct Sight<'a> {
    pub(in crate::daemon) snapshot: &'a Snapshot,
    pub(in crate::daemon) zones: &'a Zones,
    /// Names of zones that no output carries.
    pub(in crate::daemon) unheard: &'a [String],
    /// The timer stands in for sound hardware that was hoped for.
    pub(in crate::daemon) is_unheard: bool,
    pub(in crate::daemon) vitals: &'a Vitals,
    pub(in crate::daemon) door: &'a Door,
    pub(in crate::daemon) counts: Counts,
}

impl Http {
    /// How things stand.
    pub(in crate::daemon) fn look(&mut self, sight: &Sight<'_>, now: Instant) -> Site {
        let wall = Timestamp::now();
        self.names.follow(now, wall);
        let snapshot = sight.snapshot;
        let outputs = outputs(sight);
        if self.outputs.0 != outputs.0 {
            self.outputs = (outputs.0, wall);
        }
        let mut parts = vec![self.engine(sight)];
        parts.push(Part {
            name: "outputs".to_owned(),
            state: outputs.0,
            reason: outputs.1,
            since: api::written(self.outputs.1),
        });
        parts.extend(self.accounts(snapshot));
        parts.extend(self.beside(snapshot));
        Site {
            calls: snapshot
                .calls
                .iter()
                .map(|it| self.call(it, snapshot))
                .collect(),
            pages: snapshot
                .pages
                .iter()
                .map(|it| self.page(it, sight))
                .collect(),
            over: self.over.iter().cloned().collect(),
            ended: self.ended.iter().cloned().collect(),
            zones: self.zones(sight),
            parts,
            figures: self.figures(sight, now),
        }
    }

    fn call(&self, it: &CallStatus, snapshot: &Snapshot) -> Call {
        let mut pages = snapshot.pages.iter();
        let page = pages.find(|page| page.call == Some(it.call));
        Call {
            id: self.names.call(it.call),
            caller: it.caller.clone(),
            dialled: it.dialled.clone(),
            direction: match it.way {
                Way::In => Direction::In,
                Way::Out => Direction::Out,
            },
            desk: it.desk.clone(),
            state: match it.state {
                control::CallState::Queued => CallState::Queued,
                control::CallState::Klaxon => CallState::Klaxon,
                control::CallState::Answering => CallState::Answering,
                control::CallState::Entering => CallState::Entering,
                control::CallState::Greeted => CallState::Greeted,
                control::CallState::Dictating => CallState::Dictating,
                control::CallState::Live => CallState::Live,
                control::CallState::Farewell => CallState::Farewell,
                control::CallState::Ringing => CallState::Ringing,
                control::CallState::Held => CallState::Held,
            },
            since: self.names.time(it.since),
            page: page.map(|page| self.names.page(page.page)),
            reason: None,
        }
    }

    fn page(&self, it: &PageStatus, sight: &Sight<'_>) -> Page {
        Page {
            id: self.names.page(it.page),
            name: it.label.clone(),
            state: match it.phase {
                Phase::Queued => PageState::Queued,
                Phase::Granted => PageState::Granted,
                Phase::Klaxon => PageState::Klaxon,
                Phase::Open => PageState::Open,
                Phase::Live => PageState::Live,
                Phase::Ending => PageState::Ending,
            },
            priority: it.priority.0,
            zones: names_of(&it.wanted, sight.zones),
            heard_in: names_of(&it.heard, sight.zones),
            call: it.call.map(|call| self.names.call(call)),
            asked_at: self.names.time(it.asked_at),
            live_at: it.live_at.map(|at| self.names.time(at)),
            outcome: None,
        }
    }

    fn zones(&self, sight: &Sight<'_>) -> Vec<Zone> {
        let pages = &sight.snapshot.pages;
        let zone = |id| {
            let here = pages.iter().filter(|page| page.heard.contains(id));
            let (peak_dbfs, loudness_lufs) = self.level(id);
            Zone {
                name: spoken(sight.zones.name(id)).to_owned(),
                peak_dbfs,
                loudness_lufs,
                ducked: sight.snapshot.ducked.contains(id),
                has_output: !sight.unheard.iter().any(|it| it == sight.zones.name(id)),
                heard: here
                    .map(|page| Heard {
                        page: self.names.page(page.page),
                        name: page.label.clone(),
                        call: page.call.map(|call| self.names.call(call)),
                    })
                    .collect(),
            }
        };
        sight.zones.all().iter().map(zone).collect()
    }

    fn engine(&self, sight: &Sight<'_>) -> Part {
        let (state, reason, since) = match &sight.snapshot.sound {
            SoundState::Up { since } if sight.is_unheard => {
                let why = "nobody hears the calls: neither JACK nor a sound card is there";
                (Condition::Failed, why.to_owned(), since)
            }
            SoundState::Up { since } => (Condition::Ok, "the sound runs".to_owned(), since),
            SoundState::Down { since, why } => (Condition::Failed, why.clone(), since),
        };
        Part {
            name: "engine".to_owned(),
            state,
            reason,
            since: self.names.time(*since),
        }
    }

    /// While another account works, we can be called.
    fn accounts(&self, snapshot: &Snapshot) -> Vec<Part> {
        let some_works = snapshot.accounts.values().any(|it| it.ok);
        let part = |(name, it): (&String, &control::Part)| Part {
            name: format!("account {name}"),
            state: match (it.ok, some_works) {
                (true, _) => Condition::Ok,
                (false, true) => Condition::Degraded,
                (false, false) => Condition::Failed,
            },
            reason: it.text.clone(),
            since: self.names.time(it.since),
        };
        snapshot.accounts.iter().map(part).collect()
    }

    /// Without them a page is heard all the same.
    fn beside(&self, snapshot: &Snapshot) -> Vec<Part> {
        let part = |name: String, it: &control::Part| Part {
            name,
            state: match it.ok {
                true => Condition::Ok,
                false => Condition::Degraded,
            },
            reason: it.text.clone(),
            since: self.names.time(it.since),
        };
        let music = snapshot.music.iter();
        let music = music.map(|(name, it)| part(format!("music {name}"), &it.part));
        let groups = snapshot.groups.iter();
        let groups = groups.map(|(name, it)| part(name.clone(), it));
        let cards = snapshot.cards.iter();
        let cards = cards.map(|(name, it)| part(format!("sound device {name}"), it));
        let disk = snapshot.disk.iter();
        let disk = disk.map(|it| part("recordings".to_owned(), it));
        let broker = snapshot.broker.iter();
        let broker = broker.map(|it| part("mqtt".to_owned(), it));
        let others = groups.chain(cards).chain(disk).chain(broker);
        music.chain(others).collect()
    }

    fn figures(&self, sight: &Sight<'_>, now: Instant) -> Figures {
        let (snapshot, vitals) = (sight.snapshot, sight.vitals);
        let accounts = snapshot
            .accounts
            .iter()
            .map(|(name, it)| (name.clone(), it.ok));
        let music = snapshot
            .music
            .iter()
            .map(|(name, it)| (name.clone(), it.part.ok));
        Figures {
            is_up: matches!(snapshot.sound, SoundState::Up { .. }) && !sight.is_unheard,
            n_listeners: snapshot.n_listeners as u64,
            accounts: accounts.collect(),
            music: music.collect(),
            n_users: sight.door.n_users() as u64,
            n_silenced: sight.door.n_silenced() as u64,
            kept_out: kept_out(&sight.counts),
            xruns: vitals.xruns(),
            callbacks: vitals.callbacks(),
            starved_frames: vitals.starved_frames(),
            skips: vitals.skips(),
            broker: self.mqtt.figures(),
            ..self.tally.figures(now)
        }
    }
}

fn outputs(sight: &Sight<'_>) -> (Condition, String) {
    let n_zones = sight.zones.all().len();
    let n_unheard = sight.unheard.len();
    let names: Vec<&str> = sight.unheard.iter().map(|it| spoken(it)).take(8).collect();
    let reason = format!("nobody hears {}", names.join(", "));
    match n_unheard {
        0 => (Condition::Ok, "every zone has an output".to_owned()),
        n if n >= n_zones => (Condition::Failed, reason),
        _ => (Condition::Degraded, reason),
    }
}

fn kept_out(counts: &Counts) -> Vec<(&'static str, u64)> {
    vec![
        ("silenced", counts.silenced),
        ("too-much", counts.too_much),
        ("not-allowed", counts.not_allowed),
        ("not-sip", counts.not_sip),
        ("malformed", counts.malformed),
        ("refused", counts.refused),
        ("beyond-caps", counts.beyond_caps),
        ("unfinished", counts.unfinished),
        ("wrong-password", counts.wrong_passwords),
    ]
}

/// As programs know the zone that has no name.
pub(in crate::daemon) fn spoken(name: &str) -> &str {
    if name.is_empty() { "all" } else { name }
}

pub(in crate::daemon) fn names_of(set: &ZoneSet, zones: &Zones) -> Vec<String> {
    set.iter()
        .map(|id| spoken(zones.name(id)).to_owned())
        .collect()
}

pub(super) fn outcome(outcome: page::Outcome) -> Outcome {
    match outcome {
        page::Outcome::Heard => Outcome::Heard,
        page::Outcome::PartlyHeard => Outcome::PartlyHeard,
        page::Outcome::NotHeard => Outcome::NotHeard,
        page::Outcome::Cancelled => Outcome::Cancelled,
        page::Outcome::Expired => Outcome::Expired,
        page::Outcome::Refused => Outcome::Refused,
    }
}

pub(super) fn level(level: control::Level) -> Level {
    match level {
        control::Level::Info => Level::Info,
        control::Level::Warn => Level::Warn,
        control::Level::Error => Level::Error,
    }
}

//! What becomes of a caller who wants to hear something: music on hold, or a file?
//!
//! ```text
//!  Waiting ── answer delay ──► Answered ── ACK ──► Hearing ── the end, the duration ──► hung up
//! ```
//!
//! Such calls have nothing to do with pages: they wait for no zone and no sound hardware, and are
//! counted by themselves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use super::call::{ACK_PATIENCE, RING_INTERVAL, after};
use super::health::seconds;
use super::{About, Effect, Fate, Level, Note, Refusal, Who};
use crate::base::CallId;
use crate::page::Entry;

/// Something that callers may hear, and by which rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Player {
    /// As the configuration and log lines name it, e.g. `moh:lobby`.
    pub name: String,
    /// The calls that it is for.
    pub entry: Entry,
    /// How long a caller hears ringing.
    pub answer_delay: Duration,
    /// How long a caller hears it; `None` to its end, or until the caller hangs up.
    pub duration: Option<Duration>,
    /// Callers beyond this number are refused as busy.
    pub most: usize,
}

/// All calls that hear something, or will.
#[derive(Debug, Default)]
pub(super) struct Audience {
    calls: BTreeMap<CallId, Listener>,
    /// The players whose sound is there.
    ready: BTreeSet<String>,
    tally: Tally,
    told: Tally,
    tell_at: Option<Instant>,
    pub(super) effects: VecDeque<Effect>,
}

#[derive(Debug)]
struct Listener {
    who: Who,
    player: Player,
    arrived_at: Instant,
    stage: Stage,
    ring_at: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Waiting {
        answer_at: Instant,
    },
    Answered {
        at: Instant,
    },
    Hearing {
        since: Instant,
        until: Option<Instant>,
    },
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    total: u64,
    active: usize,
    answered: u64,
    failed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Answer,
    Unconfirmed,
    Over,
    Ring,
}

impl Audience {
    /// The sound of a player is there from now on, or no longer.
    pub(super) fn loaded(&mut self, player: String, is_there: bool) {
        if is_there {
            self.ready.insert(player);
        } else {
            self.ready.remove(&player);
        }
    }

    /// Somebody calls a player.
    pub(super) fn arrived(&mut self, id: CallId, who: Who, player: &Player, now: Instant) {
        if self.calls.contains_key(&id) {
            return;
        }
        self.tally.total += 1;
        self.tell_at.get_or_insert(now + TELL_INTERVAL);
        let n = self.calls.values();
        let n = n.filter(|it| it.player.name == player.name).count();
        if n >= player.most {
            let reason = format!("{n} listen to {} already", player.name);
            return self.refuse(id, &who, Refusal::Busy, &reason);
        }
        if !self.ready.contains(&player.name) {
            let reason = format!("{} has no sound", player.name);
            return self.refuse(id, &who, Refusal::NoSound, &reason);
        }
        let listener = Listener {
            who,
            player: player.clone(),
            arrived_at: now,
            stage: Stage::Waiting {
                answer_at: after(now, player.answer_delay),
            },
            // Who is answered at once need not be told that it rings.
            ring_at: now,
        };
        self.calls.insert(id, listener);
    }

    /// The caller has acknowledged our answer: from now on it hears something.
    pub(super) fn confirmed(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let Stage::Answered { at } = call.stage else {
            return;
        };
        let until = call.player.duration.map(|span| after(now, span));
        call.stage = Stage::Hearing { since: at, until };
        let player = call.player.name.clone();
        let text = format!("{}: hears {player}", call.who.label(id));
        let note = Note::new(Some(id), Level::Info, &text);
        self.effects.push_back(Effect::Log(note));
        self.effects.push_back(Effect::Perform { call: id, player });
    }

    /// The call is over and was not ended by us; false if it is none of these.
    pub(super) fn ended(&mut self, id: CallId, how: &str, now: Instant) -> bool {
        let Some(call) = self.calls.remove(&id) else {
            return false;
        };
        let (verb, fate) = match call.stage {
            Stage::Waiting { .. } => ("ended unanswered", Fate::Unanswered),
            Stage::Answered { .. } | Stage::Hearing { .. } => ("ended", Fate::Answered),
        };
        let span = call.lasted(now);
        let text = format!("{verb}: {how} after {}", seconds(span));
        if matches!(call.stage, Stage::Waiting { .. }) {
            self.tally.failed += 1;
        }
        self.over(id, &call.who, Level::Info, &text, call.who.end(fate, span));
        true
    }

    /// A caller has heard it all.
    pub(super) fn performed(&mut self, id: CallId, now: Instant) {
        if self.calls.contains_key(&id) {
            self.hang_up(id, "heard to its end", Level::Info, now);
        }
    }

    /// Everybody goes.
    pub(super) fn shut_down(&mut self, now: Instant) {
        let calls: Vec<CallId> = self.calls.keys().copied().collect();
        for id in calls {
            match self.calls[&id].stage {
                Stage::Waiting { .. } => {
                    if let Some(call) = self.calls.remove(&id) {
                        let why = Refusal::ShuttingDown;
                        self.refuse(id, &call.who, why, "shutting down");
                    }
                }
                Stage::Answered { .. } | Stage::Hearing { .. } => {
                    self.hang_up(id, "shutting down", Level::Info, now);
                }
            }
        }
    }

    /// How many there are.
    pub(super) fn n_calls(&self) -> usize {
        self.calls.len()
    }

    /// When something is due, and why.
    pub(super) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let of_calls = self.next_due().map(|(at, due, _)| (at, due.why()));
        let tell = self.tell_at.map(|at| (at, "listeners are counted"));
        of_calls.into_iter().chain(tell).min()
    }

    /// Does everything due by `now`.
    pub(super) fn run_due(&mut self, now: Instant) {
        while let Some((_, due, id)) = self.next_due().filter(|(at, ..)| *at <= now) {
            match due {
                Due::Answer => self.answer(id, now),
                Due::Unconfirmed => {
                    self.tally.failed += 1;
                    self.hang_up(id, "answer not acknowledged", Level::Warn, now);
                }
                Due::Over => self.hang_up(id, "heard for as long as it may", Level::Info, now),
                Due::Ring => self.ring(id, now),
            }
        }
        if self.tell_at.is_some_and(|at| at <= now) {
            self.tell(now);
        }
    }

    fn answer(&mut self, id: CallId, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        call.stage = Stage::Answered { at: now };
        let player = call.player.name.clone();
        self.tally.answered += 1;
        self.effects.push_back(Effect::Welcome { call: id, player });
    }

    fn ring(&mut self, id: CallId, now: Instant) {
        if let Some(call) = self.calls.get_mut(&id) {
            call.ring_at = now + RING_INTERVAL;
            self.effects.push_back(Effect::Ring { call: id });
        }
    }

    fn hang_up(&mut self, id: CallId, why: &str, level: Level, now: Instant) {
        let Some(call) = self.calls.remove(&id) else {
            return;
        };
        let span = call.lasted(now);
        let text = format!("hung up: {why} after {}", seconds(span));
        let end = call.who.end(Fate::Answered, span);
        self.over(id, &call.who, level, &text, end);
        let why = why.to_owned();
        self.effects.push_back(Effect::HangUp { call: id, why });
    }

    fn refuse(&mut self, id: CallId, who: &Who, why: Refusal, reason: &str) {
        self.tally.failed += 1;
        let level = match why {
            Refusal::ShuttingDown => Level::Info,
            Refusal::Busy
            | Refusal::NoSound
            | Refusal::NoSuchNumber
            | Refusal::Forbidden
            | Refusal::Unattended => Level::Warn,
        };
        let text = format!("refused, {} {}: {reason}", why.status(), why.phrase());
        let end = who.end(Fate::Refused, Duration::ZERO);
        self.over(id, who, level, &text, end);
        self.effects.push_back(Effect::Refuse { call: id, why });
    }

    /// One line each half minute while anything happens.
    fn tell(&mut self, now: Instant) {
        let tally = Tally {
            active: self.calls.len(),
            ..self.tally
        };
        if tally != self.told || tally.active > 0 {
            let text = format!(
                "listeners: {} total, {} active, {} answered, {} failed",
                tally.total, tally.active, tally.answered, tally.failed
            );
            let note = Note::new(None, Level::Info, &text);
            self.effects.push_back(Effect::Log(note));
        }
        self.told = tally;
        self.tell_at = (tally.active > 0).then(|| now + TELL_INTERVAL);
    }

    /// The last word about a call.
    fn over(&mut self, id: CallId, who: &Who, level: Level, text: &str, end: About) {
        let text = format!("{}: {text}", who.label(id));
        let note = Note::new(Some(id), level, &text).about(end);
        self.effects.push_back(Effect::Log(note));
    }

    fn next_due(&self) -> Option<(Instant, Due, CallId)> {
        let due_of = |(id, call): (&CallId, &Listener)| {
            let (at, due) = call.due()?;
            Some((at, due, *id))
        };
        self.calls.iter().filter_map(due_of).min()
    }
}

impl Listener {
    fn due(&self) -> Option<(Instant, Due)> {
        match self.stage {
            Stage::Waiting { answer_at } => {
                Some((answer_at, Due::Answer).min((self.ring_at, Due::Ring)))
            }
            Stage::Answered { at } => Some((at + ACK_PATIENCE, Due::Unconfirmed)),
            Stage::Hearing { until, .. } => until.map(|at| (at, Due::Over)),
        }
    }

    /// Since the answer, or since it came.
    fn lasted(&self, now: Instant) -> Duration {
        let since = match self.stage {
            Stage::Waiting { .. } => self.arrived_at,
            Stage::Answered { at } => at,
            Stage::Hearing { since, .. } => since,
        };
        now.saturating_duration_since(since)
    }
}

impl Due {
    fn why(self) -> &'static str {
        match self {
            Self::Answer => "a listener is to be answered",
            Self::Unconfirmed => "an answer was not acknowledged",
            Self::Over => "a listener has heard enough",
            Self::Ring => "a waiting caller needs a sign of life",
        }
    }
}

/// How often the log tells how many listen.
const TELL_INTERVAL: Duration = Duration::from_secs(30);

//! How far has one caller come, and what are they waiting for?
//!
//! ```text
//!  klaxon before answer:  Queued ─► Klaxon ─► Answering ── Answer ─► Live
//!  klaxon after answer:   Queued ─► Answering ── Answer ─► Klaxon ─► Live
//!  PIN or zone code:      Answering ── Answer ─► Entering ─► Judging ─► Queued ─► Klaxon ─► Live
//! ```

use std::time::{Duration, Instant};

use super::Who;
use super::gate::Entry;
use super::groups::Kind;
use super::health::Health;
use super::keys::Keypad;
use super::silence::Quiet;
use super::{Asked, Level};
use crate::base::CallId;
use crate::page::{PageId, Wish};

/// Where a caller stands, as shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallState {
    /// Waits for the zones, or for sound.
    Queued,
    /// The klaxon sounds for this call.
    Klaxon,
    /// Is about to be answered.
    Answering,
    /// Enters a PIN or the code of zones.
    Entering,
    /// Is on the speakers.
    Live,
    /// Is told that it will be recorded.
    Greeted,
    /// Speaks a page that is played later.
    Dictating,
    /// Hears that it is done as asked.
    Farewell,
    /// Waits for a program to answer it, or for somebody who was dialled.
    Ringing,
    /// Talks with a program.
    Held,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Queued,
    Klaxon,
    Answering {
        answer_at: Instant,
        then: Then,
    },
    /// A key is awaited; `end` is the last of all keys.
    Entering {
        what: Asked,
        until: Instant,
        end: Instant,
    },
    /// The verdict on what was entered comes at that time.
    Judging {
        what: Asked,
        at: Instant,
    },
    Live,
    /// Hears its greeting, once it is there; by then it has.
    Greeting {
        until: Option<Instant>,
    },
    /// Is with the dictations.
    Dictating,
    /// The caller hears a last tone, and is hung up on by then; `why` completes "hung up: ".
    Farewell {
        until: Instant,
        why: &'static str,
        level: Level,
    },
}

/// What the answer clears the way for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Klaxon,
    Voice,
    Greeting,
    /// What the page asks the caller.
    Entry,
    Dictation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) at: Instant,
    pub(super) hang_up_at: Option<Instant>,
    pub(super) confirmed: bool,
}

/// Why a call needs attention at some time; of two at the same time the first here is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The answer delay is over.
    Answer,
    /// The caller has heard its greeting.
    Greeted,
    /// The caller has heard that it is done.
    Done,
    /// What was entered is right or wrong.
    Verdict,
    /// The caller has entered nothing for too long.
    Entry,
    /// The caller has said nothing for too long.
    Silence,
    /// Before long the caller has said nothing for too long.
    Hush,
    /// A caller who waits hears again for how many.
    Place,
    /// The sound has been away for too long.
    NoSound,
    /// The queue has not moved for too long.
    Waited,
    /// The caller has not acknowledged our answer.
    Unconfirmed,
    /// The call has lasted long enough.
    Limit,
    /// The caller needs another sign of life.
    Ring,
}

impl Due {
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Answer => "a caller is to be answered",
            Self::Greeted => "a caller has heard its greeting",
            Self::Done => "a caller has heard that it is done",
            Self::Verdict => "what was entered is judged",
            Self::Entry => "a caller has entered nothing",
            Self::Silence => "a caller has said nothing",
            Self::Hush => "a caller who says nothing is warned",
            Self::Place => "a waiting caller hears its place",
            Self::NoSound => "a caller has waited for sound",
            Self::Waited => "a caller has waited in the queue",
            Self::Unconfirmed => "an answer was not acknowledged",
            Self::Limit => "a call reaches its longest duration",
            Self::Ring => "a waiting caller needs a sign of life",
        }
    }
}

/// Whether other calls wait for the zones of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rivals {
    None,
    Wait,
}

#[derive(Debug)]
pub(super) struct Call {
    pub(super) kind: Kind,
    pub(super) who: Who,
    pub(super) wish: Wish,
    /// The caller asked to be put through without anybody picking up.
    pub(super) auto_answer: bool,
    pub(super) page: PageId,
    pub(super) stage: Stage,
    pub(super) arrived_at: Instant,
    pub(super) stage_since: Instant,
    pub(super) granted_at: Option<Instant>,
    pub(super) answered: Option<Answered>,
    pub(super) ring_at: Instant,
    /// The caller has been told that the page begins.
    pub(super) announced: bool,
    /// Audio or a key has come from the caller.
    pub(super) heard: bool,
    pub(super) keypad: Keypad,
    pub(super) entry: Entry,
    /// While the caller is heard and may not be silent for ever.
    pub(super) quiet: Option<Quiet>,
    /// For how many pages it waits, and when that is told again.
    pub(super) place: Option<(usize, Instant)>,
}

impl Call {
    pub(super) fn new(who: Who, page: PageId, now: Instant) -> Self {
        Self {
            kind: Kind::Call,
            who,
            wish: Wish::default(),
            auto_answer: false,
            page,
            stage: Stage::Queued,
            arrived_at: now,
            stage_since: now,
            granted_at: None,
            answered: None,
            ring_at: now,
            announced: false,
            heard: false,
            keypad: Keypad::default(),
            entry: Entry::default(),
            quiet: None,
            place: None,
        }
    }

    pub(super) fn asking(self, wish: Wish, auto_answer: bool) -> Self {
        Self {
            wish,
            auto_answer,
            ..self
        }
    }

    /// It is nobody who calls, but a voice that is there already and wants no answer.
    pub(super) fn speaking(self, kind: Kind, now: Instant) -> Self {
        Self {
            kind,
            answered: Some(Answered {
                at: now,
                hang_up_at: None,
                confirmed: true,
            }),
            announced: true,
            heard: true,
            ..self
        }
    }

    pub(super) fn enter(&mut self, stage: Stage, now: Instant) {
        self.stage = stage;
        self.stage_since = now;
    }

    pub(super) fn answer(&mut self, hang_up_after: Option<Duration>, now: Instant) {
        self.answered = Some(Answered {
            at: now,
            hang_up_at: hang_up_after.map(|span| after(now, span)),
            confirmed: false,
        });
    }

    pub(super) fn state(&self) -> CallState {
        match self.stage {
            Stage::Queued => CallState::Queued,
            Stage::Klaxon => CallState::Klaxon,
            Stage::Answering { .. } => CallState::Answering,
            Stage::Entering { .. } | Stage::Judging { .. } => CallState::Entering,
            Stage::Live => CallState::Live,
            Stage::Greeting { .. } => CallState::Greeted,
            Stage::Dictating => CallState::Dictating,
            Stage::Farewell { .. } => CallState::Farewell,
        }
    }

    /// Whether the caller is to enter that, or is about to be asked for it.
    pub(super) fn is_asked(&self, wanted: Asked) -> bool {
        match self.stage {
            Stage::Entering { what, .. } | Stage::Judging { what, .. } => what == wanted,
            Stage::Answering { then, .. } => then == Then::Entry && wanted == Asked::Pin,
            Stage::Queued
            | Stage::Klaxon
            | Stage::Dictating
            | Stage::Live
            | Stage::Greeting { .. }
            | Stage::Farewell { .. } => false,
        }
    }

    /// How a note names the call.
    pub(super) fn label(&self, call: CallId) -> String {
        let noun = self.kind.noun();
        format!(
            "{noun} {call} from {} to {}",
            self.who.caller, self.who.dialled
        )
    }

    /// The next thing that time alone brings about. Nobody waits for ever: each stage but an
    /// unlimited `Live` has an end here or in the page's klaxon. `rivals`: whether others wait for
    /// the zones that this one holds.
    pub(super) fn due(&self, health: &Health, rivals: Rivals) -> Option<(Instant, Due)> {
        let silent = health.silent_since().map(|since| since + SOUND_PATIENCE);
        let by_stage = match self.stage {
            Stage::Queued => [
                Some((self.arrived_at + QUEUE_PATIENCE, Due::Waited)),
                self.waits_until(silent),
            ],
            Stage::Answering { answer_at, .. } => [
                Some(silent.map_or((answer_at, Due::Answer), |at| {
                    (at.max(answer_at), Due::NoSound)
                })),
                None,
            ],
            Stage::Greeting { until } => [until.map(|at| (at, Due::Greeted)), None],
            Stage::Farewell { until, .. } => [Some((until, Due::Done)), None],
            Stage::Entering { until, .. } => [Some((until, Due::Entry)), None],
            Stage::Judging { at, .. } => [Some((at, Due::Verdict)), None],
            Stage::Live => [self.quiet.map(Quiet::due), None],
            Stage::Klaxon | Stage::Dictating => [None, None],
        };
        let by_answer = match self.answered {
            None => [Some((self.ring_at, Due::Ring)), None],
            Some(answered) => [
                (!answered.confirmed)
                    .then(|| (answered.at + self.patience(rivals), Due::Unconfirmed)),
                answered.hang_up_at.map(|at| (at, Due::Limit)),
            ],
        };
        by_stage.into_iter().chain(by_answer).flatten().min()
    }

    /// The first of what a place in the queue brings.
    fn waits_until(&self, silent: Option<Instant>) -> Option<(Instant, Due)> {
        let told = self.place.map(|(_, at)| (at, Due::Place));
        let no_sound = silent.map(|at| (at, Due::NoSound));
        told.into_iter().chain(no_sound).min()
    }

    /// How long the answer may stay unconfirmed. Anybody can call in the name of somebody who
    /// knows nothing of it: such a call shall not keep those waiting who are there.
    fn patience(&self, rivals: Rivals) -> Duration {
        match rivals {
            Rivals::Wait if !self.heard => SIGN_PATIENCE,
            Rivals::Wait | Rivals::None => ACK_PATIENCE,
        }
    }
}

/// `now + span`, for a span that a configuration may have made absurdly long.
pub(super) fn after(now: Instant, span: Duration) -> Instant {
    now + span.min(FAR)
}

/// A server sends a provisional response at least once a minute (RFC 3261 §13.3.1.1), so that
/// no proxy's timer C (over three minutes, §16.6) cancels the call.
pub(super) const RING_INTERVAL: Duration = Duration::from_secs(60);
/// The sip side gives up at 64·T1 = 32 s (RFC 3261 §13.3.1.4) and says so; this is for its silence.
pub(super) const ACK_PATIENCE: Duration = Duration::from_secs(35);
/// By then the answer has come three times again (after 0.5, 1.5 and 3.5 s), should it or its ACK
/// have got lost.
const SIGN_PATIENCE: Duration = Duration::from_secs(4);
/// A sound server that restarts is back within seconds; a person hears ringing for that long.
const SOUND_PATIENCE: Duration = Duration::from_secs(10);
/// With a limit on each call the queue moves; without one this alone ends the wait of a caller
/// that may well be a machine.
const QUEUE_PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Ten years stand for never, and stay in the range of `Instant`.
const FAR: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

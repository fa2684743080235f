//! What can `Core` be told, and what can it order?

use std::time::Duration;

use super::{
    About, Clip, Denied, DeskCall, DeskNews, DriverId, Mark, Order, OrderId, Party, Policy,
};
use crate::base::{CallId, Db, PlayId, RecordingId, SoundId, ZoneSet};
use crate::music::{Demand, Hand, Moment};
use crate::page::{Busy, Extent, PageId, Priority, Wish};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Somebody calls; `caller` is how a log line names them, `dialled` whom they asked for.
    CallArrived {
        call: CallId,
        caller: String,
        dialled: String,
        /// What the dial plan asks about.
        wish: Wish,
        /// The caller asked to be put through without anybody picking up.
        auto_answer: bool,
    },
    /// The caller has acknowledged our answer (ACK).
    CallConfirmed { call: CallId },
    /// The caller's first audio has come.
    CallHeard { call: CallId },
    /// What the caller sends is more than silence: above −60 dBFS. Comes each second or so.
    CallSounds { call: CallId },
    /// The caller has pressed a key of the phone: `0` to `9`, `*`, `#`, `A` to `D`.
    Key {
        call: CallId,
        key: char,
        way: KeyWay,
    },
    /// Somebody speaks to a group that is listened to, as `speaker` is named in log lines; ends
    /// as a call does.
    StreamBegan {
        call: CallId,
        /// The name of its rule.
        group: String,
        speaker: String,
    },
    /// The call is over and was not ended by an effect; `how` completes "ended: …".
    CallEnded { call: CallId, how: String },
    /// Whom we have dialled has answered, and its sound is open.
    CallAnswered { call: CallId },
    /// Whom we have dialled, or the way to it, has refused: SIP status 300 to 699. The call is over.
    CallRefused {
        call: CallId,
        status: u16,
        reason: String,
    },
    /// That is the call by which a telephone rings again that `before` rang, in place of it.
    RingsAgain { before: CallId, call: CallId },
    /// A program is there for the calls of a desk.
    DriverCame { driver: DriverId, desk: String },
    /// A program talks with a held call of whomever from now on.
    DriverJoined { driver: DriverId, call: CallId },
    /// A program is gone.
    DriverGone { driver: DriverId },
    /// An answered call has sent no audio for too long.
    CallSilent { call: CallId },
    /// Play a sound as a page of its own.
    Start(Start),
    /// Do what one of the users asks for, if that user may.
    Order(Order),
    /// End a page at once, whoever speaks.
    Cancel { page: PageId },
    /// In these zones something of speech or sounds was measured since the last such input; once
    /// one has come, only what was measured counts as heard.
    Measured { zones: ZoneSet },
    /// The sound of a player is there, or is no longer.
    PlayerLoaded { player: String, is_there: bool },
    /// A caller has heard to the end what an effect let it hear.
    Performed { call: CallId },
    /// A loudspeaker feeds the phone of a caller: it has howled so often by now, the last time at
    /// that pitch and level.
    Howled {
        call: CallId,
        n: u32,
        hz: f32,
        level: Db,
    },
    /// What a caller has said is ready; `None` if it was nothing.
    Dictated { call: CallId, clip: Option<Clip> },
    /// A sound has ended or could not be played.
    PlayEnded { play: PlayId },
    /// The engine's callback runs.
    SoundUp,
    /// Nothing can be heard any more; `why` completes "no sound: …".
    SoundDown { why: String },
    /// An account changed its state; `ok` if calls can reach us through it.
    AccountChanged {
        name: String,
        ok: bool,
        text: String,
    },
    /// An account is no longer configured.
    AccountGone { name: String },
    /// A source of music plays, or plays something else in its place, or cannot play; `ok` if it
    /// is the source itself that plays.
    MusicChanged {
        name: String,
        ok: bool,
        text: String,
    },
    /// A piece of music could not be played; the next one does.
    MusicSkipped {
        name: String,
        what: String,
        why: String,
    },
    /// A source of music is no longer configured.
    MusicGone { name: String },
    /// A recording is written into that file from now on.
    RecordingOpened {
        recording: RecordingId,
        file: String,
    },
    /// A file of a recording is whole; so much of its length could not be written.
    RecordingFinished {
        recording: RecordingId,
        file: String,
        length: Duration,
        lost: Duration,
    },
    /// Nothing more comes of a recording.
    RecordingOver { recording: RecordingId },
    /// Recordings can be written or not; `text` says why, or completes "recordings: …".
    DiskChanged { ok: bool, text: String },
    /// Somebody wants something of the music, at this time of day.
    Music { demand: Demand, at: Moment },
    /// What was set of the music by hand before a restart.
    MusicByHand { hand: Hand },
    /// A multicast group can be spoken to or heard, or cannot; `ok` if it can.
    GroupChanged {
        name: String,
        ok: bool,
        text: String,
    },
    /// A group is no longer configured.
    GroupGone { name: String },
    /// A sound device that is not the clock plays or does not; `text` says how, or why not.
    CardChanged {
        name: String,
        ok: bool,
        text: String,
    },
    /// A sound device is no longer configured, or is the clock now.
    CardGone { name: String },
    /// The broker that is told how things stand takes it or does not; `text` says where, or why not.
    BrokerChanged { ok: bool, text: String },
    /// No broker is configured any more.
    BrokerGone,
    /// From now on these rules hold. Calls survive; who is answered keeps the old time limit.
    Configure(Policy),
    /// Time has passed.
    Tick,
    /// End every call and take no more; `Effect::Stopped` follows.
    Shutdown,
}

/// How a key was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyWay {
    /// With the sound: as an event (RFC 4733), or as a tone that was heard in it.
    Sound,
    /// Beside it, by INFO.
    Signalling,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send 180 Ringing; repeated each minute, so that no proxy gives up (RFC 3261 §13.3.1.1).
    Ring { call: CallId },
    /// Send 200 OK and open the call's media.
    Answer { call: CallId },
    /// Send 200 OK to one who will only hear what the player plays; not before `Perform`.
    Welcome { call: CallId, player: String },
    /// Let the caller hear the player; `Input::Performed` is awaited if it comes to an end.
    Perform { call: CallId, player: String },
    /// Send 200 OK to one who will talk with the programs of that desk, and open its sound.
    Hold { call: CallId, desk: String },
    /// Call a number, or somebody who is registered here, for the programs of that desk.
    /// `Input::CallAnswered`, `CallRefused` or `CallEnded` follows.
    Dial {
        call: CallId,
        desk: String,
        number: String,
        /// How the telephone shall ring, by the name that it knows for it.
        tone: Option<String>,
    },
    /// Tell those that the call is for, and those who have joined it.
    Report {
        desk: String,
        to: Party,
        call: DeskCall,
        news: DeskNews,
    },
    /// A telephone is to ring again, which that call rang: `Input::RingsAgain` is to name a call.
    RingAgain { call: CallId },
    /// Press these keys at the other side of an answered call.
    Press { call: CallId, keys: String },
    /// Send a final refusal; nothing more is said about the call.
    Refuse { call: CallId, why: Refusal },
    /// Let the caller hear what is configured for callers, before the answer if there was none
    /// yet; if that cannot be, the phone rings.
    Announce { call: CallId },
    /// Let the caller hear a tone, before the answer if there was none yet and its phone can.
    Tell { call: CallId, cue: Cue },
    /// Let the answered caller hear that it will be recorded.
    Greet { call: CallId, sound: Sound },
    /// Record from now on; `words` name the file, behind the time.
    Record {
        recording: RecordingId,
        mark: Mark,
        words: Vec<String>,
    },
    /// The sound, whose `Play` follows, is a part of the recording.
    RecordPlay {
        recording: RecordingId,
        play: PlayId,
    },
    /// The recording ends; follows each `Record` once. `Input::RecordingOver` is awaited, but not
    /// for ever.
    EndRecording { recording: RecordingId },
    /// Keep what the caller says from so long after now on, for `longest`; what was kept before is
    /// for nobody.
    TakeDown {
        call: CallId,
        after: Duration,
        longest: Duration,
    },
    /// Make ready what the caller has said; `Input::Dictated` follows.
    Dictated { call: CallId },
    /// Let the caller hear what it has said; `Input::Performed` follows.
    PlayBack { call: CallId, sound: Sound },
    /// What a caller has said is of no use any more.
    Forget { sound: SoundId },
    /// Send BYE; nothing more is said about the call but `Disconnect`.
    HangUp { call: CallId, why: String },
    /// The voice of the answered call belongs into exactly these zones, maybe into none; may be
    /// repeated.
    Connect {
        call: CallId,
        zones: ZoneSet,
        gain: Db,
    },
    /// The voice belongs nowhere any more; follows each `Connect` once, in the end.
    Disconnect { call: CallId },
    /// Play a sound from memory; `Input::PlayEnded` is awaited, but not for ever.
    Play {
        play: PlayId,
        sound: Sound,
        zones: ZoneSet,
        gain: Db,
        /// Which volume of the zones counts beside the gain.
        by: Volume,
        longest: Option<Duration>,
    },
    /// The sound belongs into these zones now.
    MovePlay { play: PlayId, zones: ZoneSet },
    /// The sound must not be heard any more, even if it has ended already.
    StopPlay { play: PlayId },
    /// Music in these zones moves to this level; may be repeated.
    Duck {
        zones: ZoneSet,
        to: Db,
        ramp: Duration,
    },
    /// Of the music, this is set by hand and has to outlive a restart; zones and sources that it
    /// leaves alone play as configured.
    Music { hand: Hand },
    /// A source of music goes on with its next piece.
    NextPiece { source: String },
    /// What came of an order, and the page that it began.
    Ordered {
        id: OrderId,
        answer: Result<Option<PageId>, Denied>,
    },
    /// Write a line into the log.
    Log(Note),
    /// After a shutdown: no call is left, and none will come.
    Stopped,
}

/// Sounds that a page may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    /// The warning tone before an announcement.
    Klaxon,
    /// One of those that the edge holds in memory.
    Stored(SoundId),
}

/// The volumes that a zone has for what is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volume {
    /// That of callers and messages.
    Speech,
    /// That of klaxons, and of all other tones.
    Klaxon,
}

/// A page that nobody speaks for: a sound from memory, played into zones.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// As log lines name it, such as `bell "school"`.
    pub name: String,
    /// Never empty.
    pub zones: ZoneSet,
    pub priority: Priority,
    pub busy: Busy,
    pub extent: Extent,
    pub clip: Clip,
    /// How often; at least once.
    pub times: u32,
    pub gain: Db,
    /// A quiet before it, in which amplifiers wake up.
    pub pre_roll: Duration,
    pub klaxon: Option<Clip>,
    pub end_tone: Option<Clip>,
    /// How long it waits for its zones.
    pub queue_timeout: Option<Duration>,
}

/// What a caller enters by the keys of the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Pin,
    /// The code of the zones that the page is for.
    Zones,
}

/// What a caller is told by a tone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cue {
    /// The caller is to enter something.
    Enter { what: Asked },
    /// What was entered is wrong.
    Wrong,
    /// The page waits for so many others.
    Queued { n_before: usize },
    /// The caller is on the speakers.
    SpeakNow,
    /// The page will end before long.
    NearlyOver,
    /// Another page has taken all zones; `SpeakNow` follows when one comes back.
    Displaced,
    /// It is done as asked.
    Accepted,
    /// The caller has heard back what it has said, and is to send it or not.
    Decide,
    /// Nothing will come of it.
    Cancelled,
}

/// Why a caller is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// As many calls as allowed, or the speakers are taken for too long.
    Busy,
    /// Nobody would hear the caller.
    NoSound,
    /// Nothing answers the number.
    NoSuchNumber,
    /// The number is not for this caller.
    Forbidden,
    /// No program is there for the call, or it did not want it.
    Unattended,
    /// The daemon is about to end.
    ShuttingDown,
}

impl Refusal {
    /// The SIP status code (RFC 3261 §21).
    pub fn status(self) -> u16 {
        match self {
            Self::Busy => 486,
            Self::NoSuchNumber => 404,
            Self::Forbidden => 403,
            Self::Unattended => 480,
            Self::NoSound | Self::ShuttingDown => 503,
        }
    }

    /// The words behind the status code.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Busy => "Busy Here",
            Self::NoSuchNumber => "Not Found",
            Self::Forbidden => "Forbidden",
            Self::Unattended => "Temporarily Unavailable",
            Self::NoSound => "No Sound",
            Self::ShuttingDown => "Shutting Down",
        }
    }

    /// What the caller is told about trying again (RFC 3261 §20.33).
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Busy | Self::NoSuchNumber | Self::Forbidden | Self::Unattended => None,
            Self::NoSound | Self::ShuttingDown => Some(RETRY_AFTER),
        }
    }
}

/// How much a line in the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It happened as it should.
    Info,
    /// An operator should look.
    Warn,
    /// Somebody will not be heard.
    Error,
}

/// One line of the log; never contains a line break or another control character.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    pub call: Option<CallId>,
    pub about: About,
    pub level: Level,
    pub text: String,
}

impl Note {
    pub(super) fn new(call: Option<CallId>, level: Level, text: &str) -> Self {
        let text = one_line(text);
        Self {
            call,
            about: About::Step,
            level,
            text,
        }
    }

    pub(super) fn about(self, about: About) -> Self {
        Self { about, ..self }
    }
}

/// Callers choose parts of our texts: what could forge a second line becomes a space.
pub(super) fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Long enough for a sound server or this daemon to restart, short enough for a waiting person.
const RETRY_AFTER: Duration = Duration::from_secs(10);

//! Which calls does a program talk with, and what is it told of them?

use std::fmt;
use std::time::Duration;

use super::Clip;
use crate::base::CallId;
use crate::page::Entry;

/// A place where calls are held for a program: they are in no zone, and their sound goes to the
/// program and comes from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Desk {
    /// As the configuration and log lines name it, e.g. `relay:office`.
    pub name: String,
    pub kind: DeskKind,
    /// The numbers that lead to it; a line without any has all that it dials.
    pub entry: Entry,
    pub answering: Answering,
    /// What callers hear once they are answered.
    pub greeting: Option<Clip>,
    /// What they say is recorded.
    pub records: bool,
    /// Further calls are refused as busy.
    pub most: usize,
    /// They end after so long; `None` is never.
    pub longest: Option<Duration>,
}

/// Whose calls they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskKind {
    /// Of whoever calls it, or is called: each call has a program of its own, and ends with it.
    Relay,
    /// Of an analog phone, which calls in the name of that user: all programs hear of it, and it
    /// is answered though there may be none.
    Line { user: String },
    /// Of whoever tries a telephone by it: no program is needed.
    Test,
}

/// When an incoming call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answering {
    AtOnce,
    /// When the program says so.
    ByProgram,
}

/// One program that is connected; counted up by whoever lets it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DriverId(pub u64);

/// Whom a call is for, beside those who have joined it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// All programs of its desk.
    Desk,
    /// The program that it ends with.
    One(DriverId),
    /// Nobody: it ends after a while in which no program has joined it.
    Nobody,
}

/// Who wants a number called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A program at a relay, for itself.
    Program(DriverId),
    /// Somebody who is at none, by the trunk of that relay.
    Desk(String),
}

/// Who began a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// It came.
    In,
    /// We have dialled.
    Out,
}

/// What a program is told of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskNews {
    /// It is called from now on.
    Dials,
    /// Somebody calls, and the program is to say whether it is answered.
    Rings,
    /// Both sides hear each other.
    Answered,
    /// The other side has pressed a key.
    Key(char),
    /// Nothing more is told of it.
    Over(Parting),
}

/// Why a held call is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parting {
    /// It was answered, and one of both sides has hung up; the words say who and why.
    HungUp(String),
    /// It came, and was not answered: its caller gave up, or nobody wanted it.
    Ignored,
    /// It was dialled, and not answered: SIP status 300 to 699, and the words with it.
    Refused { status: u16, reason: String },
}

/// The reason in words.
impl fmt::Display for Parting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HungUp(how) => f.write_str(how),
            Self::Ignored => f.write_str("not answered"),
            Self::Refused { status, reason } => write!(f, "{status} {reason}"),
        }
    }
}

/// One held call as programs see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskCall {
    pub call: CallId,
    pub way: Way,
    /// The number of the other side: who calls, or who is called.
    pub number: String,
    /// What was dialled.
    pub dialled: String,
}

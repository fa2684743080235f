//! What is remembered of one thing that happened?

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

/// What kind of thing it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A page has come to its end, heard or not.
    Page,
    /// A call has come to its end, answered or not.
    Call,
    /// A bell rang, or should have.
    Bell,
    /// A part failed, or works again.
    Failure,
    /// Somebody has changed something.
    Change,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Page,
        Self::Call,
        Self::Bell,
        Self::Failure,
        Self::Change,
    ];

    /// As it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Call => "call",
            Self::Bell => "bell",
            Self::Failure => "failure",
            Self::Change => "change",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    /// Fails with a remedy.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("{text:?} is no kind of event; write one of {names}")
        })
    }
}

/// One thing that happened. Texts that do not apply are empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When it was over; kept to the millisecond.
    pub at: SystemTime,
    pub kind: Kind,
    /// Who did it: a caller, a user.
    pub who: String,
    /// What it was about: a page, a number, a schedule, a part.
    pub what: String,
    /// The zones it was meant for.
    pub zones: Vec<String>,
    /// Those of them that did not hear it, or not all of it.
    pub missed: Vec<String>,
    /// How long it lasted; kept to the millisecond.
    pub span: Option<Duration>,
    /// What became of it, such as `heard`.
    pub outcome: String,
    /// The file of its recording.
    pub recording: String,
    /// The whole of it in words.
    pub text: String,
}

/// An entry that is in the history.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Later entries have higher ones; none comes twice.
    pub id: i64,
    pub entry: Entry,
}

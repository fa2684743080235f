//! What is the daemon asked, and what does it answer?

use tokio::sync::oneshot;

use super::desk::{Drive, LineNow, Stream};
use super::door::Who;
use super::live::{Line, LiveWanted};
use super::site::{Page, PageWanted, Site};
use crate::control::{Denied, DriverId};

/// A question on its way; whoever takes it answers, or drops it.
#[derive(Debug)]
pub struct Ask {
    pub question: Question,
    pub answer: oneshot::Sender<Answer>,
}

/// What is asked.
#[derive(Debug)]
pub enum Question {
    /// How things stand.
    Look,
    /// Begin a page.
    Start { who: Who, wanted: PageWanted },
    /// Begin a page that is spoken.
    Speak {
        who: Who,
        wanted: LiveWanted,
        line: Line,
    },
    /// End a page.
    Stop { who: Who, page: String },
    /// End a call.
    HangUp { who: Who, call: String },
    /// Something that programs at a desk want.
    Drive { who: Who, what: Drive },
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Site(Box<Site>),
    /// The page that has begun.
    Started(Page),
    Done,
    /// As whom the program is known.
    Attached(DriverId),
    Line(Box<LineNow>),
    Stream(Stream),
    /// Not done; the names are of the zones that it speaks of.
    Denied(Denied, Vec<String>),
    /// A name that stands for nothing.
    Unknown(Unknown),
}

/// Which name stands for nothing, and what there is in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    Zone { name: String, known: Vec<String> },
    Sound { name: String, known: Vec<String> },
    Page { name: String, known: Vec<String> },
}

//! What is the daemon asked, and what does it answer?

use axum::http::StatusCode;
use tokio::sync::oneshot;

use super::desk::{Drive, Ear, Format, Joined, LineNow, Stream};
use super::door::Who;
use super::live::{Line, LiveWanted};
use super::music::{Music, OfMusic};
use super::problem::Problem;
use super::recordings::{OfRecordings, Recording, Track};
use super::schedules::{Days, OfBells, Schedule};
use super::selftest::{SelfTest, SelfTestWanted};
use super::site::{Call, Page, Site};
use super::sounds::{OfSounds, Sound, Sounds, Unfit};
use super::trace::{OfTrace, Trace};
use super::wanted::PageWanted;
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
    /// Hear a call that programs hold and of what happens to it, until the other end of the ear is
    /// dropped, and speak to it.
    Join {
        who: Who,
        call: String,
        format: Format,
        ear: Ear,
    },
    /// Something that programs at a desk want.
    Drive { who: Who, what: Drive },
    /// Try out the way of sound.
    Test { who: Who, wanted: SelfTestWanted },
    /// About the trace of SIP messages.
    Trace(OfTrace),
    /// About bells.
    Bells(OfBells),
    /// About music.
    Music(OfMusic),
    /// About recordings.
    Recordings(OfRecordings),
    /// About sounds that pages play.
    Sounds(OfSounds),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Site(Box<Site>),
    /// The page that has begun.
    Started(Page),
    /// The call that has begun.
    Called(Call),
    Done,
    /// As whom the program is known.
    Attached(DriverId),
    Joined(Joined),
    Line(Box<LineNow>),
    Stream(Stream),
    Tested(SelfTest),
    Trace(Trace),
    /// Messages cannot be written down, and why.
    Untraced(String),
    Schedules(Vec<Schedule>),
    Rings(Days),
    Music(Music),
    Recordings(Vec<Recording>),
    /// A recording's file.
    Track(Track),
    Sounds(Sounds),
    /// The sound that was taken in.
    Placed(Sound),
    /// A sound that was not.
    Unfit(Unfit),
    /// A text that nothing speaks, and why.
    Unspoken(String),
    /// Not done; the names are of the zones that it speaks of.
    Denied(Denied, Vec<String>),
    /// A name that stands for nothing.
    Unknown(Unknown),
}

impl Answer {
    /// The page that has begun, if the question was for one.
    ///
    /// # Errors
    /// Why it was not done.
    pub fn accepted(self) -> Result<Option<Page>, Problem> {
        if let Self::Started(page) = self {
            return Ok(Some(page));
        }
        done(self).map(|_| None)
    }
}

/// Which name stands for nothing, and what there is in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    Zone {
        name: String,
        known: Vec<String>,
    },
    Sound {
        name: String,
        known: Vec<String>,
    },
    Page {
        name: String,
        known: Vec<String>,
    },
    Schedule {
        name: String,
        known: Vec<String>,
    },
    Music {
        name: String,
        known: Vec<String>,
    },
    /// Nothing sounds in the zone that has a next piece.
    Piece {
        zone: String,
    },
}

/// Whether it was done.
pub(super) fn done(answer: Answer) -> Result<StatusCode, Problem> {
    if matches!(answer, Answer::Done) {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(refused(answer))
}

/// Why there is another answer than should be.
pub(super) fn refused(answer: Answer) -> Problem {
    match answer {
        Answer::Denied(denied, zones) => Problem::denied(&denied, &zones),
        Answer::Unknown(Unknown::Zone { name, known }) => {
            unknown("no-such-zone", "No such zone", &name, &known)
        }
        Answer::Unknown(Unknown::Sound { name, known }) => {
            unknown("no-such-sound", "No such sound", &name, &known)
        }
        Answer::Unknown(Unknown::Page { name, known }) => {
            unknown("no-such-page", "No such page", &name, &known)
        }
        Answer::Unknown(Unknown::Schedule { name, known }) => {
            unknown("no-such-schedule", "No such schedule", &name, &known)
        }
        Answer::Unknown(Unknown::Music { name, known }) => {
            unknown("no-such-music", "No such music", &name, &known)
        }
        Answer::Unknown(Unknown::Piece { zone }) => Problem::named(
            StatusCode::CONFLICT,
            "no-music",
            "No music",
            format!("nothing sounds in {zone} that has a next piece; choose a source first"),
        ),
        Answer::Unfit(unfit) => unfit.problem(),
        Answer::Unspoken(why) => Problem::named(
            StatusCode::SERVICE_UNAVAILABLE,
            "not-spoken",
            "Not spoken",
            why,
        ),
        Answer::Site(_)
        | Answer::Started(_)
        | Answer::Called(_)
        | Answer::Joined(_)
        | Answer::Attached(_)
        | Answer::Line(_)
        | Answer::Stream(_)
        | Answer::Done
        | Answer::Tested(_)
        | Answer::Trace(_)
        | Answer::Untraced(_)
        | Answer::Schedules(_)
        | Answer::Rings(_)
        | Answer::Music(_)
        | Answer::Recordings(_)
        | Answer::Track(_)
        | Answer::Sounds(_)
        | Answer::Placed(_) => Problem::unavailable("the daemon answers something else; try again"),
    }
}

fn unknown(kind: &str, title: &str, name: &str, known: &[String]) -> Problem {
    let few: Vec<&str> = known.iter().take(20).map(String::as_str).collect();
    let there = match few.is_empty() {
        true => "nothing of that kind".to_owned(),
        false => few.join(", "),
    };
    let detail = format!("{name:?} is not there; there is {there}");
    Problem::named(StatusCode::NOT_FOUND, kind, title, detail)
}

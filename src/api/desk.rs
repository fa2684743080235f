//! What passes between the daemon and a program that talks with callers?
//!
//! ```text
//!  caller ─► net ─► 20 ms each ─► Told::Sound ══ Ear ══► the program's connection
//!  caller ◄─ net ◄── feed ◄── Mouth ◄──────────────────── the program's connection
//! ```

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::ToSchema;

use super::app::lock;
use super::ask::Question;
use super::door::Who;
use crate::base::FeedTx;
use crate::control::{DriverId, Parting, Pattern, Way};

/// What a program asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Drive {
    /// Hear of the calls of a desk, such as `relay:office`, until the other end of the ear is
    /// dropped.
    Attach { desk: String, ear: Ear },
    /// Call a number, for that program.
    Dial { driver: DriverId, number: String },
    /// Call a number by the trunk of a relay, for whoever joins the call.
    Call { desk: String, number: String },
    /// Answer a call.
    Answer { call: String },
    /// Press keys at the other side of a call.
    Press { call: String, keys: String },
    /// Ring the telephone of a line; without a pattern as configured.
    Ring {
        desk: String,
        pattern: Option<Pattern>,
        span: Duration,
    },
    /// Let it ring no more.
    Silence { desk: String },
    /// How a line is.
    LookAt { desk: String },
    /// Hear the telephone of a line, and speak to it.
    Open {
        desk: String,
        format: Format,
        chunk: Duration,
    },
    /// End a stream.
    Shut { stream: String },
}

/// How an analog phone is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineNow {
    /// As `line:NAME`.
    pub desk: String,
    /// Its adapter has registered.
    pub is_registered: bool,
    pub is_off_hook: bool,
    pub is_ringing: bool,
    /// The last that was pressed since it was picked up last.
    pub last_key: Option<char>,
    /// When it was picked up, put down or rung last (RFC 3339, UTC).
    pub since: Option<String>,
    pub streams: Vec<Stream>,
}

/// A way to hear the telephone of a line and to speak to it, until the call is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    pub id: Arc<str>,
    /// As `line:NAME`.
    pub desk: String,
    pub call: Arc<str>,
    pub wire: Wire,
    /// Of sound in a message.
    pub chunk: Duration,
    pub mouth: Mouth,
}

/// How a program that has joined a call hears it and speaks to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    pub wire: Wire,
    /// Of a call that is answered; otherwise it comes with the answer.
    pub mouth: Option<Mouth>,
}

/// How samples of 8 kHz are written into messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// 16 bits, the low byte first.
    #[default]
    Pcm16,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

/// A format, and how it is written and read.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    pub format: Format,
    pub write: fn(&[i16]) -> Vec<u8>,
    pub read: fn(&[u8]) -> Vec<i16>,
}

/// Of the same format.
impl PartialEq for Wire {
    fn eq(&self, other: &Self) -> bool {
        self.format == other.format
    }
}

impl Eq for Wire {}

/// One thing that a program is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Something has happened to a call.
    Call(CallTold),
    /// 20 ms of what the other side says, 16 bits at 8 kHz.
    Sound { call: Arc<str>, frames: Arc<[i16]> },
    /// A stream is there, or is no longer.
    Stream {
        stream: Stream,
        is_open: bool,
        /// When (RFC 3339, UTC).
        at: String,
    },
}

/// What has happened to a call.
#[derive(Clone, Debug, PartialEq)]
pub struct CallTold {
    /// As `relay:NAME` or `line:NAME`.
    pub desk: String,
    pub id: Arc<str>,
    pub way: Way,
    /// Of the other side.
    pub number: String,
    /// What was dialled.
    pub dialled: String,
    /// When (RFC 3339, UTC).
    pub at: String,
    pub what: Happening,
}

/// See [`CallTold`].
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// It is called from now on.
    Dials,
    /// It waits for an answer.
    Rings,
    /// Both sides hear each other; by this speaks whoever is told, if the call is for it alone.
    Answered(Option<Mouth>),
    Key(char),
    Over(Parting),
}

/// The way to one program; one that takes nothing for long misses sound, and then is dropped.
#[derive(Clone, Debug)]
pub struct Ear(mpsc::Sender<Told>);

impl Ear {
    /// The ear, and what it hears.
    pub fn new() -> (Self, mpsc::Receiver<Told>) {
        let (told, hears) = mpsc::channel(ROOM);
        (Self(told), hears)
    }

    /// Tells a part of the sound, unless too much waits already.
    pub fn sound(&self, call: &Arc<str>, frames: &Arc<[i16]>) {
        if self.0.capacity() > RESERVE {
            let (call, frames) = (Arc::clone(call), Arc::clone(frames));
            self.0.try_send(Told::Sound { call, frames }).ok();
        }
    }

    /// Tells what has happened; false if the program takes nothing any more.
    pub fn tell(&self, told: Told) -> bool {
        self.0.try_send(told).is_ok()
    }

    /// Returns once the program is gone.
    pub async fn gone(&self) {
        self.0.closed().await;
    }
}

/// The same program.
impl PartialEq for Ear {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_channel(&other.0)
    }
}

/// The way from one program to the other side of a call.
#[derive(Clone)]
pub struct Mouth(Arc<Mutex<FeedTx>>);

impl Mouth {
    /// What is said goes into the feed, which has 8,000 frames a second.
    pub fn new(feed: FeedTx) -> Self {
        Self(Arc::new(Mutex::new(feed)))
    }

    /// Says that, after what was said before; how many samples found no room.
    pub fn say(&self, frames: &[i16]) -> usize {
        let frames: Vec<f32> = frames.iter().map(|it| f32::from(*it) / FULL).collect();
        frames.len() - lock(&self.0).push(&frames)
    }
}

impl fmt::Debug for Mouth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mouth")
    }
}

/// The same way.
impl PartialEq for Mouth {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Mouth {}

/// A desk that a request names, or the only one of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// As `relay:NAME`.
    Desk(String),
    /// There is none, or several, or none of that name.
    Not(String),
}

/// Finds a desk by the name behind the colon.
pub(super) fn choose(kind: &str, known: &[String], wanted: Option<&str>) -> Chosen {
    let desk = |name: &String| Chosen::Desk(format!("{kind}:{name}"));
    let listed = known.join(", ");
    match (wanted, known) {
        (_, []) => Chosen::Not(format!(
            "there is no {kind}; write a section [{kind}:NAME] into the configuration"
        )),
        (None, [only]) => desk(only),
        (None, _) => Chosen::Not(format!(
            "there are several; write {kind}=NAME behind a question mark: {listed}"
        )),
        (Some(wanted), _) => match known.iter().find(|it| *it == wanted) {
            Some(name) => desk(name),
            None => Chosen::Not(format!("there is no {kind} {wanted:?}; there is {listed}")),
        },
    }
}

impl Drive {
    /// With the one who asks.
    pub(super) fn by(self, who: &Who) -> Question {
        Question::Drive {
            who: who.clone(),
            what: self,
        }
    }
}

/// The sound of one call for ten seconds.
const ROOM: usize = 512;

/// Of that, for what is no sound.
const RESERVE: usize = 64;

/// Of 16 bits.
const FULL: f32 = 32_768.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{SampleRate, feed};

    #[test]
    fn who_takes_nothing_misses_sound_first_and_is_told_the_end_all_the_same() {
        let (ear, mut hears) = Ear::new();
        let (call, frames): (Arc<str>, Arc<[i16]>) = ("c1-2".into(), vec![1; 160].into());
        for _ in 0..2 * ROOM {
            ear.sound(&call, &frames);
        }
        let over = CallTold {
            desk: "relay:office".to_owned(),
            id: Arc::clone(&call),
            way: Way::In,
            number: "101".to_owned(),
            dialled: "500".to_owned(),
            at: String::new(),
            what: Happening::Over(Parting::Ignored),
        };
        let over = Told::Call(over);
        assert!(ear.tell(over.clone()));
        let mut n_sounds = 0;
        let mut last = None;
        while let Ok(told) = hears.try_recv() {
            n_sounds += usize::from(matches!(told, Told::Sound { .. }));
            last = Some(told);
        }
        assert_eq!(n_sounds, ROOM - RESERVE);
        assert_eq!(last, Some(over.clone()));
        drop(hears);
        assert!(!ear.tell(over));
    }

    #[test]
    fn what_is_said_keeps_its_level_and_what_finds_no_room_is_counted() {
        let (tx, mut rx) = feed(SampleRate::HZ_8000, 4);
        let mouth = Mouth::new(tx);
        assert_eq!(mouth.say(&[0, 16_384, -32_768]), 0);
        assert_eq!(mouth.say(&[1, 2, 3]), 2);
        let mut frames = [9.0; 3];
        rx.pop(&mut frames);
        assert_eq!(frames, [0.0, 0.5, -1.0]);
    }

    #[test]
    fn the_only_desk_needs_no_name_and_one_of_several_does() {
        let names = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (none, one, two) = (names(&[]), names(&["a"]), names(&["a", "b"]));
        let desk = |name: &str| Chosen::Desk(name.to_owned());
        assert_eq!(choose("relay", &one, None), desk("relay:a"));
        assert_eq!(choose("line", &two, Some("b")), desk("line:b"));
        for (known, wanted) in [(&none, None), (&two, None), (&one, Some("b"))] {
            assert!(matches!(choose("relay", known, wanted), Chosen::Not(_)));
        }
    }
}

//! How do programs and browsers see and control the daemon, over HTTP?
//!
//! ```text
//!  request ─► connection ─► layers: limits, door ─► routes ── Ask ──► daemon::service ─► control
//!             TLS, time-outs                          ▲ └──────────────── Answer ◄──────────┘
//!                                                     │
//!  subscriber ◄── stream (SSE, WebSocket) ◄── bulletin: a ring of events ◄── news ◄── site
//!  browser ◄── web: the page for people      who speaks ── live ─► base::talk ─► a page
//! ```
//!
//! Nothing is decided here but who comes in: what may be done, `control` says. A thread of its own
//! runs it all, so that no flood of requests reaches SIP or sound; the daemon is asked through a
//! channel that is full when it has enough to do. What is wrong with a request is told as a
//! problem (RFC 9457), and everything that can be asked stands in the OpenAPI document.

mod ask;
mod desk;
mod door;
mod news;
mod schedules;
mod settings;
mod site;
mod sounds;
mod time;

mod app;
mod bulletin;
mod call_audio;
mod calls;
mod disk;
mod extract;
mod history;
mod keys;
mod limits;
mod line_socket;
mod lines;
mod listing;
mod live;
mod mark;
mod metrics;
mod music;
mod once;
mod pour;
mod problem;
mod recordings;
mod relay;
mod relay_words;
mod routes;
mod selftest;
mod session;
mod sessions;
mod socket;
mod stream;
mod tags;
mod trace;
mod upgrade;
mod wanted;
mod web;

mod connection;
mod layers;
mod openapi;
mod patience;
mod server;
#[cfg(test)]
mod tests;

pub use ask::{Answer, Ask, Question, Unknown};
pub use desk::{
    CallTold, Drive, Ear, Format, Happening, Joined, LineNow, Mouth, Stream, Told, Wire,
};
pub use disk::Disk;
pub use door::{Way, Who};
pub use history::{HistoryEntry, Past};
pub use live::{Hint, Line, LiveWanted};
pub use music::{
    ByHand, Music, MusicWanted, OfMusic, Source, SourceKind, SourceState, Usual, ZoneMusic,
};
pub use news::{Event, Level, News, changes, over};
pub use problem::Problem;
pub use recordings::{OfRecordings, Recording, RecordingsWanted, Track};
pub use schedules::{BellChange, Day, Days, DaysWanted, OfBells, Ring, RingState, Schedule};
pub use selftest::{Delays, SelfTest, SelfTestWanted, ZoneTested};
pub use server::{Server, StartError, Unlucky};
pub use settings::{Settings, User};
pub use site::{
    BrokerFigures, Call, CallState, Condition, Direction, Figures, Heard, Outcome, Page, PageState,
    Part, Site, Spread, Zone,
};
pub use sounds::{Message, OfSounds, Sound, Sounds, Unfit, is_name as is_sound_name};
pub use time::written;
pub use trace::{OfTrace, Trace};
pub use wanted::{Busy, Content, PageWanted, ToneWanted};

//! What did the operator write, is it right, and what does it mean?
//!
//! ```text
//!  files ─► dialect ─► layers ─► keys + form ─► model::Config ─► diff ─► the parts that change
//!           lines      which     what it        checked,         dump ─► a file again
//!                      counts    means          complete
//! ```
//! Everything that is wrong is told at once, each with its file and line. The legacy format
//! and all its keys are read; `keys` is the one table of them.
//!
//! Decisions where the old generations differ or the new program does: the JACK generation
//! decides, except that `klaxon-padding` is 0 unless set; `music-fade-*`, when set, count
//! instead of `duck*`; bytes that are not UTF-8 are read as Latin-1, line by line.

mod check;
mod command;
mod desk;
mod dialect;
mod diff;
mod dump;
mod form;
mod group;
mod http;
mod keys;
mod layers;
mod load;
mod model;
mod mqtt;
mod music;
mod near;
mod page;
mod pattern;
mod place;
mod player;
mod schedule;
mod secret;
mod server;
mod test_number;
mod token;
mod users;
mod zone;

pub use check::report;
pub use command::Command;
pub use desk::{Line, Relay};
pub use diff::{AccountChange, Changes, diff};
pub use dump::{Secrets, Title, dump};
pub use group::{GroupForm, GroupIn, GroupName, GroupOut, MOST_IN, MOST_OUT};
pub use http::Http;
pub use keys::{Key, Part, all as keys};
pub use load::{Loaded, Override, Source, default_sources, load, read, read_texts};
pub use model::{
    Account, AnnounceToCaller, Audio, Backend, Calls, Config, Device, Jack, KlaxonFor, Link,
    Listen, Sip, Srtp, Transport, User, Volume,
};
pub use mqtt::{Broker, Mqtt};
pub use music::{InPages, MOST as MOST_MUSIC, Music};
pub use page::{Code, Mode, Page, Tone};
pub use pattern::Pattern;
pub use place::{Mistake, Place, Remark, Warning};
pub use player::{Player, PlayerKind};
pub use schedule::{Chime, DayPlan, Schedule};
pub use secret::Secret;
pub use server::{LogFormat, Server};
pub use test_number::{TestKind, TestNumber};
pub use token::{NotATokenHash, TokenHash};
pub use zone::{Zone, ZoneOutput, devices};

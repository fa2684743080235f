//! Who calls the engine, and where does its sound go?
//!
//! ```text
//!               Settings, Engine                     Event
//!  daemon ────────────────────► supervisor thread ──────────► daemon
//!                                 │ starts, watches, relinks, restarts one of
//!                   ┌─────────────┼──────────────┐
//!                 jack         device          timer
//!                   └─── calls mix::Engine ──────┘
//!                                 └══rings══► devices that are not the clock
//! ```
//! The engine is lent to the clock and comes home when the clock ends, in whatever way; so a
//! sound server may die and return while calls go on. What is realtime stands below a line
//! `// == realtime below ==`.

mod error;
mod listing;
mod settings;

mod links;
mod moves;
mod slots;
mod wiring;
mod zones;

pub mod card;
mod clock;
mod device;
pub mod jack;
pub mod timer;

pub mod record;

mod attempts;
mod running;
mod stall;
mod supervisor;
mod worker;

pub use card::MOST_CARDS;
pub use clock::{Desk, Lent, N_INPUTS, N_OUTPUTS, Plays, Pulse};
pub use error::Error;
pub use links::{GraphPort, Music, Plan, Player, PortKind, Speaker, plan};
pub use settings::{Backend, DeviceMatch, JackClient, JackSettings, Link, LinkError, Settings};
pub use supervisor::{Event, Supervisor, check, spawn, spawn_tapped};
pub use zones::{OutputMatch, Zone};

/// The audio ports of the JACK server (`None`: the usual one), as `--dump-jack-ports` prints
/// them: each loudspeaker with the zones that it is of, if there are any.
pub fn list_jack_ports(server: Option<&str>, zones: &[Zone]) -> Result<String, Error> {
    jack::list(server, zones)
}

/// The playback devices, as `--dump-devices` prints them.
pub fn list_devices() -> Result<String, Error> {
    device::list()
}

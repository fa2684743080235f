//! Does everybody get their zones, in order, and the music its rest?

mod books;
mod ranks;
mod zones;

use std::time::Duration;

use crate::base::{ZoneId, ZoneSet};
use crate::page::{Ask, Busy, Klaxon};

fn zones(ids: &[u16]) -> ZoneSet {
    ids.iter().map(|id| ZoneId(*id)).collect()
}

fn ask(ids: &[u16], busy: Busy) -> Ask {
    Ask {
        zones: zones(ids),
        busy,
        ..Ask::default()
    }
}

fn tone(duration: Duration, padding_s: f64) -> Option<Klaxon> {
    Some(Klaxon {
        duration,
        longest: None,
        padding_s,
    })
}

//! Which devices play beside the clock, and what of the engine do they play?

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::output::card::fan::{MOST_CARDS, Patch};
use crate::output::card::keeper::{Card, Claims, News, Up};
use crate::output::device::{Name, PERIOD, Wish};
use crate::output::running::Beat;
use crate::output::settings::{DeviceMatch, Settings};
use crate::output::supervisor::{Event, Message};
use crate::output::wiring::Output;
use crate::output::zones::{self, Zone};

/// How long devices may take to close; they close at once together.
const PATIENCE: Duration = Duration::from_millis(500);

/// All devices that zones name, but for the one that is the clock.
pub(crate) struct Cards {
    patch: Patch,
    room: Room,
    /// By what the zones call them.
    known: BTreeMap<String, Known>,
    claims: Claims,
    n_started: u64,
    worker: mpsc::Sender<Message>,
}

/// A device that shall play.
struct Known {
    /// Tells what a device says from what one before it said.
    serial: u64,
    /// Where it is plugged in.
    place: usize,
    card: Card,
    wish: Wish,
    last_channel: usize,
    beat: Beat,
    /// While it plays.
    up: Option<Plugged>,
}

/// A device that plays.
struct Plugged {
    id: String,
    name: Name,
    /// The output of the engine that its first channel is.
    first: usize,
    n_channels: usize,
}

impl Known {
    /// Whether it may go on so.
    fn suits(&self, wish: &Wish, last_channel: usize, beat: Beat) -> bool {
        self.wish.rate == wish.rate
            && self.wish.period == wish.period
            && last_channel <= self.last_channel
            && self.beat.rate == beat.rate
            && beat.period <= self.beat.period
    }
}

impl Cards {
    /// None yet; they are to play `n` outputs of the engine, from `first` on, by way of `patch`, and
    /// tell the `worker`.
    pub(crate) fn new(patch: Patch, first: usize, n: usize, worker: mpsc::Sender<Message>) -> Self {
        Self {
            patch,
            room: Room {
                first,
                end: first + n,
                next: first,
            },
            known: BTreeMap::new(),
            claims: Claims::default(),
            n_started: 0,
            worker,
        }
    }

    /// Starts and ends what the settings ask for, and leaves alone what can go on; `is_clock` tells
    /// the clock's device from the others. What has ended, or cannot begin, is returned.
    pub(crate) fn follow(
        &mut self,
        settings: &Settings,
        is_clock: impl Fn(&DeviceMatch) -> bool,
        beat: Beat,
    ) -> Vec<Event> {
        let wanted = wanted(settings, is_clock);
        let stays = |text: &String, known: &Known| {
            let wish = wanted.get(text);
            wish.is_some_and(|(wish, last)| known.suits(wish, *last, beat))
        };
        let ending = self
            .known
            .iter()
            .filter(|(text, known)| !stays(text, known));
        let ending: Vec<String> = ending.map(|(text, _)| text.clone()).collect();
        self.end(&ending);
        let gone = ending.into_iter().filter(|text| !wanted.contains_key(text));
        let mut events: Vec<Event> = gone.map(|device| Event::CardGone { device }).collect();
        for (text, (wish, last_channel)) in wanted {
            if !self.known.contains_key(&text) {
                events.extend(self.start(text, wish, last_channel, beat));
            }
        }
        events
    }

    /// Takes in what a device says.
    pub(crate) fn handle_news(&mut self, serial: u64, news: News) -> Option<Event> {
        let mut known = self.known.iter_mut();
        let (text, known) = known.find(|(_, known)| known.serial == serial)?;
        let (device, place) = (text.clone(), known.place);
        let was_up = known.up.take().is_some();
        let (ok, text) = match news {
            News::Up(up) => self.plug(&device, place, *up),
            News::Shared(id) => (true, format!("is \"{id}\", which plays already")),
            News::Down(why) => {
                if was_up {
                    self.patch.unplug(place);
                }
                (false, format!("{why}; it is tried again"))
            }
        };
        Some(Event::Card { device, ok, text })
    }

    /// The channels that play, each with the zones that it is of.
    pub(crate) fn outputs(&self, zones: &[Zone]) -> Vec<Output> {
        let channel = |up: &Plugged, n: usize| Output {
            place: up.first + n - 1,
            name: format!("{} channel {n}", up.id),
            zones: zones::of_channel(zones, n, |wish| up.name.is(wish)),
        };
        let channels = |up: &'_ Plugged| -> Vec<Output> {
            let all = 1..=up.n_channels;
            all.map(|n| channel(up, n)).collect()
        };
        let all = self.plugged().flat_map(channels);
        all.filter(|output| !output.zones.is_empty()).collect()
    }

    /// Closes a device that is to be the clock, if it plays under that name.
    pub(crate) fn stop(&mut self, device: &DeviceMatch) -> Option<Event> {
        let device = device.to_string();
        self.known.contains_key(&device).then(|| {
            self.end(std::slice::from_ref(&device));
            Event::CardGone { device }
        })
    }

    /// Closes them all.
    pub(crate) fn stop_all(&mut self) {
        let all: Vec<String> = self.known.keys().cloned().collect();
        self.end(&all);
    }

    /// Drops what the clock's callback does not need any more.
    pub(crate) fn tidy(&mut self) {
        self.patch.tidy();
    }

    fn plugged(&self) -> impl Iterator<Item = &Plugged> {
        self.known.values().filter_map(|known| known.up.as_ref())
    }

    fn start(
        &mut self,
        text: String,
        wish: Wish,
        last_channel: usize,
        beat: Beat,
    ) -> Option<Event> {
        let is_free = |place: &usize| self.known.values().all(|known| known.place != *place);
        let failed = |device: String, text: String| Event::Card {
            device,
            ok: false,
            text,
        };
        let Some(place) = (0..MOST_CARDS).find(is_free) else {
            let why = format!("there is room for {MOST_CARDS} devices");
            return Some(failed(text, why));
        };
        let (serial, worker) = (self.n_started, self.worker.clone());
        self.n_started += 1;
        let tell = move |news| {
            // Nobody listens any more when the program ends.
            worker.send(Message::Card(serial, news)).ok();
        };
        match Card::start(wish.clone(), beat, self.claims.clone(), tell) {
            Ok(card) => {
                let known = Known {
                    serial,
                    place,
                    card,
                    wish,
                    last_channel,
                    beat,
                    up: None,
                };
                self.known.insert(text, known);
                None
            }
            Err(why) => Some(failed(text, why.to_string())),
        }
    }

    /// Gives a device that has opened its part of the engine's outputs.
    fn plug(&mut self, device: &str, place: usize, up: Up) -> (bool, String) {
        let n_channels = up.line.channels();
        let taken: Vec<(usize, usize)> = self
            .plugged()
            .map(|up| (up.first, up.first + up.n_channels))
            .collect();
        let Some(first) = self.room.find(n_channels, &taken) else {
            let why = format!("there is no room for {n_channels} more channels before a restart");
            return (false, why);
        };
        if !self.patch.plug(place, first, up.line) {
            return (false, "the clock does not take it".to_owned());
        }
        if let Some(known) = self.known.get_mut(device) {
            known.up = Some(Plugged {
                id: up.id,
                name: up.name,
                first,
                n_channels,
            });
        }
        (true, up.text)
    }

    fn end(&mut self, ending: &[String]) {
        let until = Instant::now() + PATIENCE;
        let ending = ending.iter().filter_map(|text| self.known.remove(text));
        let ending: Vec<Known> = ending.collect();
        for known in &ending {
            known.card.stop();
            self.patch.unplug(known.place);
        }
        ending.into_iter().for_each(|known| known.card.wait(until));
    }
}

/// Each device by what zones call it, and the last of its channels that they name.
fn wanted(
    settings: &Settings,
    is_clock: impl Fn(&DeviceMatch) -> bool,
) -> BTreeMap<String, (Wish, usize)> {
    let named = zones::devices(&settings.zones).filter(|device| !is_clock(device));
    let wish = |device: &DeviceMatch| {
        let text = device.to_string();
        let is_same = |other: &DeviceMatch| other.to_string() == text;
        let last_channel = zones::last_channel(&settings.zones, is_same);
        let wish = Wish {
            device: Some(device.clone()),
            rate: settings.sample_rate,
            period: period(settings),
            zones: settings.zones.clone(),
        };
        (text, (wish, last_channel))
    };
    named.map(wish).collect()
}

/// Not that of the clock, but near: were both the same, each callback would find the other at the
/// same point of its period for minutes, and take that for its distance.
fn period(settings: &Settings) -> usize {
    (settings.period.unwrap_or(PERIOD) * 7 / 8).max(1)
}

/// The outputs of the engine that are for devices.
struct Room {
    first: usize,
    end: usize,
    /// Behind what was given away last: what was given back a moment ago may sound still.
    next: usize,
}

impl Room {
    /// A row of `n` of them beside those that are `taken`, each from its first to before its end.
    fn find(&mut self, n: usize, taken: &[(usize, usize)]) -> Option<usize> {
        let is_free = |at: &usize| {
            let end = at + n;
            end <= self.end && taken.iter().all(|(a, b)| end <= *a || *b <= *at)
        };
        let ends = taken.iter().map(|(_, end)| *end);
        let starts = [self.next, self.first].into_iter().chain(ends);
        let found = starts.into_iter().find(is_free)?;
        self.next = found + n;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ZoneId;
    use crate::output::zones::OutputMatch;

    #[test]
    fn room_is_given_in_turn_and_again_where_nobody_is() {
        let mut room = Room {
            first: 10,
            end: 18,
            next: 10,
        };
        let mut taken = Vec::new();
        for wanted in [10, 12, 14] {
            assert_eq!(room.find(2, &taken), Some(wanted));
            taken.push((wanted, wanted + 2));
        }
        taken.remove(1);
        assert_eq!(room.find(2, &taken), Some(16), "not at once where one was");
        taken.push((16, 18));
        assert_eq!(room.find(3, &taken), None);
        assert_eq!(room.find(1, &taken), Some(12));
    }

    #[test]
    fn a_device_of_several_zones_is_wanted_once_unless_it_is_the_clock() {
        let zone = |id, outputs: &[(&str, (u16, u16))]| Zone {
            id: ZoneId(id),
            name: format!("zone-{id}"),
            outputs: outputs
                .iter()
                .map(|&(name, channels)| OutputMatch::Device {
                    device: DeviceMatch::parse(name).unwrap(),
                    channels: Some(channels),
                })
                .collect(),
        };
        let settings = Settings {
            zones: vec![
                zone(0, &[("usb", (1, 2)), ("pch", (1, 2))]),
                zone(1, &[("usb", (3, 6))]),
            ],
            period: Some(256),
            ..Settings::default()
        };
        let wanted = wanted(&settings, |device| device.to_string() == "pch");
        let usb: Vec<_> = wanted.iter().collect();
        let [(name, (wish, last))] = usb[..] else {
            panic!("one device");
        };
        assert_eq!((name.as_str(), *last, wish.period), ("usb", 6, 224));
    }
}

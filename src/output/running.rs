//! Is the clock that we started still what we think it is?

use std::time::{Duration, Instant};

use crate::base::{SampleRate, ZoneSet};
use crate::output::clock::Pulse;
use crate::output::device::Device;
use crate::output::jack::Jack;
use crate::output::settings::{Backend, DeviceMatch, Settings};
use crate::output::stall::{Stall, patience};
use crate::output::timer::Timer;
use crate::output::wiring::Wiring;
use crate::output::zones::{self, Zone};

/// The three kinds of clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Jack,
    Device,
    Timer,
}

/// A clock that was started.
pub(crate) enum Clock {
    Jack(Box<Jack>),
    Device(Device),
    Timer(Timer),
}

impl Clock {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Jack(_) => Kind::Jack,
            Self::Device(_) => Kind::Device,
            Self::Timer(_) => Kind::Timer,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Jack(_) => "jack",
            Self::Device(_) => "device",
            Self::Timer(_) => "timer",
        }
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        match self {
            Self::Jack(jack) => jack.pulse(),
            Self::Device(device) => device.pulse(),
            Self::Timer(timer) => timer.pulse(),
        }
    }

    pub(crate) fn beat(&self) -> Beat {
        match self {
            Self::Jack(jack) => Beat {
                rate: jack.rate(),
                period: jack.period(),
            },
            Self::Device(device) => Beat {
                rate: device.rate(),
                period: device.period(),
            },
            Self::Timer(timer) => Beat {
                rate: timer.rate(),
                period: timer.period(),
            },
        }
    }

    /// What it plays to, in words.
    pub(crate) fn described(&self, settings: &Settings) -> String {
        match self {
            Self::Jack(jack) => match &settings.jack.server_name {
                Some(server) => format!("JACK server \"{server}\" as \"{}\"", jack.name()),
                None => format!("JACK as \"{}\"", jack.name()),
            },
            Self::Device(device) => format!(
                "sound device \"{}\", {} channels",
                device.id(),
                device.n_outputs()
            ),
            Self::Timer(_) => "no sound hardware".to_owned(),
        }
    }

    /// Puts the graph in order where there is one.
    pub(crate) fn wiring(&mut self, settings: &Settings) -> Wiring {
        match self {
            Self::Jack(jack) => jack.relink(settings),
            Self::Device(device) => {
                let channel = |n| {
                    let zones = zones::of_channel(&settings.zones, n, |it| device.is(it));
                    (format!("{} channel {n}", device.id()), zones)
                };
                Wiring::plain((1..=device.n_outputs()).map(channel).collect(), Vec::new())
            }
            Self::Timer(timer) => {
                let input = |n| format!("timer {n}");
                let inputs = (1..=timer.n_inputs()).map(input).collect();
                Wiring::plain(timer_outputs(timer.n_outputs(), settings), inputs)
            }
        }
    }

    /// Whether it is the device that `wish` picks.
    pub(crate) fn is(&self, wish: &DeviceMatch) -> bool {
        match self {
            Self::Device(device) => device.is(wish),
            Self::Jack(_) | Self::Timer(_) => false,
        }
    }

    /// Whether it may go on as the clock under other settings that allow its kind.
    pub(crate) fn is_among(&self, devices: &[Option<DeviceMatch>]) -> bool {
        let Self::Device(device) = self else {
            return true;
        };
        let is = |wish: &Option<DeviceMatch>| match wish {
            Some(wish) => device.is(wish),
            None => device.is_default(),
        };
        devices.iter().any(is)
    }

    /// The settings are others than those of the last wiring.
    pub(crate) fn forget_wiring(&mut self) {
        if let Self::Jack(jack) = self {
            jack.forget_plan();
        }
    }

    fn failure(&self) -> Option<String> {
        match self {
            Self::Jack(jack) if jack.pulse().is_dead() => {
                Some("the JACK server is gone".to_owned())
            }
            Self::Device(device) => device
                .failure()
                .map(|why| format!("sound device \"{}\": {why}", device.id())),
            Self::Jack(_) | Self::Timer(_) => None,
        }
    }
}

/// One for each zone, also beyond those that somebody hears. Where the timer is no stand-in,
/// zones that have sound devices are heard there.
fn timer_outputs(n_heard: usize, settings: &Settings) -> Vec<(String, ZoneSet)> {
    if settings.zones.is_empty() {
        let output = |n| (format!("timer {n}"), ZoneSet::first(1));
        return (1..=n_heard).map(output).collect();
    }
    let is_elsewhere = |zone: &Zone| settings.backend == Backend::Timer && zone.has_device();
    let carried = |zone: &Zone| match is_elsewhere(zone) {
        true => ZoneSet::EMPTY,
        false => zone.id.into(),
    };
    let output = |(n, zone): (usize, &Zone)| (format!("timer {n}"), carried(zone));
    (1..).zip(&settings.zones).map(output).collect()
}

/// The measure of a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beat {
    pub(crate) rate: SampleRate,
    pub(crate) period: usize,
}

/// A clock under observation.
pub(crate) struct Running {
    pub(crate) clock: Clock,
    /// As it was last told.
    pub(crate) beat: Beat,
    /// As it was last told.
    pub(crate) wiring: Option<Wiring>,
    stall: Stall,
    n_xruns: u64,
    looked_at: Instant,
}

impl Running {
    pub(crate) fn new(clock: Clock, now: Instant) -> Self {
        Self {
            beat: clock.beat(),
            stall: Stall::new(now),
            n_xruns: clock.pulse().n_xruns(),
            wiring: None,
            looked_at: now,
            clock,
        }
    }

    /// Why the clock must be given up, if it must.
    pub(crate) fn failure(&mut self, now: Instant) -> Option<String> {
        if let Some(why) = self.clock.failure() {
            return Some(why);
        }
        let period = self.beat.rate.duration_of(self.beat.period as u64);
        let n_cycles = self.clock.pulse().n_cycles();
        let silent_for = self.stall.silent_for(n_cycles, now);
        (silent_for > patience(period)).then(|| {
            format!(
                "{} has not asked for sound for {:.1} s",
                self.clock.name(),
                silent_for.as_secs_f32()
            )
        })
    }

    /// Whether the graph should be looked at: it said so, or it has been a while.
    pub(crate) fn take_look(&mut self, now: Instant) -> bool {
        let is_changed = self.clock.pulse().take_graph_change();
        if !is_changed && now.saturating_duration_since(self.looked_at) < LOOK_AGAIN {
            return false;
        }
        self.looked_at = now;
        true
    }

    /// Times that sound was late since the last question.
    pub(crate) fn take_xruns(&mut self) -> u64 {
        let n_xruns = self.clock.pulse().n_xruns();
        let new = n_xruns - self.n_xruns;
        self.n_xruns = n_xruns;
        new
    }
}

/// Not every server tells of every change, and not always after it is made; a look costs 0.1 ms.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

//! Which multicast groups are spoken to and listened to, and who speaks in them?
//!
//! ```text
//!  mix::Console ◄─ tap ── Groups ── speak, feed, hold ─► net::Groups ─► telephones
//!  control::Core ◄─ a stream as a call ── Groups ◄── begun, over ── net::Groups ◄── senders
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::base::{CallId, FeedRx, OpusWish, SampleRate, ZoneSet, feed};
use crate::config::{Config, GroupForm, GroupIn, GroupOut};
use crate::control::Input;
use crate::daemon::chance;
use crate::daemon::zones::Zones;
use crate::media::{AnnouncerSettings, Form, SenderSettings};
use crate::mix::{Console, Tap, TapMusic};
use crate::net;
use crate::net::group::{Event, Heard, HeardForm, Interface, Place, Spoken, StreamId};
use crate::rtp::polycom::Sign;

/// What is known of all groups.
pub(super) struct Groups {
    /// The thread; none runs before there is a group.
    net: Option<net::Groups>,
    events: UnboundedSender<Event>,
    /// As the clock runs; `None` before it does.
    rate: Option<SampleRate>,
    /// By their sections, as are those below.
    spoken: BTreeMap<String, Out>,
    heard: BTreeMap<String, GroupIn>,
    /// Those who speak now.
    streams: BTreeMap<CallId, Stream>,
    /// Zones that have a page.
    held: ZoneSet,
}

struct Out {
    settings: GroupOut,
    /// Its number in the engine.
    tap: usize,
    at: Tap,
}

struct Stream {
    id: StreamId,
    /// The engine's end of the voice, until the engine has it.
    voice: Option<FeedRx>,
    fade: Duration,
}

impl Groups {
    pub(super) fn new(events: UnboundedSender<Event>) -> Self {
        Self {
            net: None,
            events,
            rate: None,
            spoken: BTreeMap::new(),
            heard: BTreeMap::new(),
            streams: BTreeMap::new(),
            held: ZoneSet::EMPTY,
        }
    }

    /// Does the least that makes the configuration true: a group that stays goes on.
    pub(super) fn follow(
        &mut self,
        config: &Config,
        zones: &Zones,
        console: &mut Console,
    ) -> io::Result<Vec<Input>> {
        let gone = self.leave(config, console);
        let is_wanted = !config.groups_out.is_empty() || !config.groups_in.is_empty();
        if !is_wanted {
            return Ok(gone);
        }
        if self.net.is_none() {
            self.net = Some(net::Groups::spawn(self.events.clone())?);
        }
        for group in &config.groups_out {
            let names: Vec<&str> = group.zones(config).collect();
            let at = Tap {
                zones: names.iter().filter_map(|name| zones.id(name)).collect(),
                music: if group.music {
                    TapMusic::With
                } else {
                    TapMusic::Without
                },
            };
            self.speak(group, at, console);
        }
        for group in &config.groups_in {
            if self.heard.get(&group.section()) != Some(group) {
                self.hear(group);
            }
        }
        Ok(gone)
    }

    /// A clock runs at this rate: what it makes needs rings of that rate.
    pub(super) fn set_rate(&mut self, rate: SampleRate, console: &mut Console) {
        if self.rate.replace(rate) == Some(rate) {
            return;
        }
        let all: Vec<String> = self.spoken.keys().cloned().collect();
        all.iter().for_each(|name| self.tap(name, console));
    }

    /// Taps from 0 up to here may be those of groups.
    pub(super) fn n_taps(&self) -> usize {
        let taps = self.spoken.values().map(|out| out.tap + 1);
        taps.max().unwrap_or(0)
    }

    /// Whether a zone is heard by a group, whatever else it is heard by.
    pub(super) fn carries(&self, zones: ZoneSet) -> bool {
        self.spoken
            .values()
            .any(|out| out.at.zones.intersects(&zones))
    }

    /// Zones have a page from now on, or have none any more.
    pub(super) fn hold(&mut self, zones: ZoneSet, is_held: bool) {
        self.held = if is_held {
            self.held.union(&zones)
        } else {
            self.held.difference(&zones)
        };
        self.tell_held();
    }

    /// A stream has begun, which the core will know as that call; the name of its group.
    pub(super) fn begun(
        &mut self,
        call: CallId,
        section: &str,
        id: StreamId,
        voice: FeedRx,
    ) -> Option<String> {
        let group = self.heard.get(section)?;
        let (voice, fade) = (Some(voice), group.fade);
        self.streams.insert(call, Stream { id, voice, fade });
        Some(group.name.clone())
    }

    /// A stream is over; the call that it was.
    pub(super) fn over(&mut self, id: StreamId) -> Option<CallId> {
        let mut streams = self.streams.iter();
        let (&call, _) = streams.find(|(_, stream)| stream.id == id)?;
        self.streams.remove(&call);
        Some(call)
    }

    /// Whether a call is a stream.
    pub(super) fn has(&self, call: CallId) -> bool {
        self.streams.contains_key(&call)
    }

    /// The voice of a stream, and how it comes in; `None` once it was taken.
    pub(super) fn take_voice(&mut self, call: CallId) -> Option<(FeedRx, Duration)> {
        let stream = self.streams.get_mut(&call)?;
        Some((stream.voice.take()?, stream.fade))
    }

    /// Nobody is to hear a stream any more; false if the call is none.
    pub(super) fn release(&mut self, call: CallId) -> bool {
        let Some(stream) = self.streams.get_mut(&call) else {
            return false;
        };
        stream.voice = None;
        if let Some(net) = &self.net {
            net.release(stream.id);
        }
        true
    }

    /// Turns of the thread so far; `None` while there is none.
    pub(super) fn beat(&self) -> Option<u64> {
        self.net.as_ref().map(net::Groups::beat)
    }

    /// Ends what is not configured any more.
    fn leave(&mut self, config: &Config, console: &mut Console) -> Vec<Input> {
        let Some(net) = &self.net else {
            return Vec::new();
        };
        let mut gone = Vec::new();
        let outs: BTreeSet<String> = config.groups_out.iter().map(GroupOut::section).collect();
        self.spoken.retain(|section, out| {
            let stays = outs.contains(section);
            if !stays {
                console.end_tap(out.tap);
                net.silence(section);
                gone.push(section.clone());
            }
            stays
        });
        let ins: BTreeSet<String> = config.groups_in.iter().map(GroupIn::section).collect();
        self.heard.retain(|section, _| {
            let stays = ins.contains(section);
            if !stays {
                net.ignore(section);
                gone.push(section.clone());
            }
            stays
        });
        let gone = gone.into_iter();
        gone.map(|name| Input::GroupGone { name }).collect()
    }

    fn speak(&mut self, group: &GroupOut, at: Tap, console: &mut Console) {
        let section = group.section();
        let known = self.spoken.get(&section);
        let is_same = known.is_some_and(|out| out.settings == *group);
        if is_same && known.is_some_and(|out| out.at == at) {
            return;
        }
        let taken: BTreeSet<usize> = self.spoken.values().map(|out| out.tap).collect();
        let free = (0..).find(|tap| !taken.contains(tap)).unwrap_or_default();
        let tap = known.map_or(free, |out| out.tap);
        let net = self.net.as_ref().filter(|_| !is_same);
        if let (Some(net), Some(spoken)) = (net, spoken(group)) {
            net.speak(spoken);
        }
        let settings = group.clone();
        self.spoken
            .insert(section.clone(), Out { settings, tap, at });
        self.tap(&section, console);
        self.tell_held();
    }

    /// Gives a group a ring for what its zones hear.
    fn tap(&self, section: &str, console: &mut Console) {
        let out = self.spoken.get(section);
        let (Some(net), Some(rate), Some(out)) = (&self.net, self.rate, out) else {
            return;
        };
        let (tx, rx) = feed(rate, rate.frames_in(LONGEST_RING));
        match console.tap(out.tap, out.at, tx) {
            Ok(()) => net.feed(section, rx),
            Err(refusal) => tracing::error!("{section}: silent until a restart: {refusal}"),
        }
    }

    fn tell_held(&self) {
        let held = self.spoken.iter();
        let held = held.filter(|(_, out)| out.at.zones.intersects(&self.held));
        let names = held.map(|(section, _)| section.clone()).collect();
        if let Some(net) = &self.net {
            net.hold(names);
        }
    }

    fn hear(&mut self, group: &GroupIn) {
        if let (Some(net), Some(heard)) = (&self.net, heard(group)) {
            net.hear(heard);
            self.heard.insert(group.section(), group.clone());
        }
    }
}

/// Where a group is; the configuration has seen to it that it is somewhere.
fn place(address: Option<SocketAddr>, interface: Option<&Interface>) -> Option<Place> {
    Some(Place {
        address: address?,
        interface: interface.cloned(),
    })
}

fn spoken(group: &GroupOut) -> Option<Spoken> {
    let usual = group.codec.static_payload_type();
    let wished = match group.form {
        GroupForm::Rtp => group.ptime.as_millis() as u32,
        GroupForm::Polycom => POLYCOM_MS,
    };
    let ptime_ms = group.codec.ptime_ms(wished);
    let sender = SenderSettings {
        encoding: group.codec,
        payload_type: usual.or(group.payload_type).unwrap_or(DYNAMIC),
        event_payload_type: None,
        event_clock_rate: group.codec.clock_rate(),
        ptime: Duration::from_millis(u64::from(ptime_ms)),
        opus: OpusWish::default(),
        ssrc: chance::number(),
        first_sequence: chance::number(),
        first_timestamp: chance::number(),
    };
    let channel = FIRST_CHANNEL + group.channel;
    let form = match group.form {
        GroupForm::Rtp => Form::Rtp,
        GroupForm::Polycom => Form::Polycom(Sign::new(channel, chance::number(), &group.caller)),
    };
    Some(Spoken {
        name: group.section(),
        place: place(group.address, group.interface.as_ref())?,
        ttl: group.ttl,
        is_looped: group.loops,
        dscp: group.dscp,
        announcer: AnnouncerSettings { sender, form },
    })
}

fn heard(group: &GroupIn) -> Option<Heard> {
    let channel = (group.channel > 0).then_some(FIRST_CHANNEL + group.channel);
    Some(Heard {
        name: group.section(),
        place: place(group.address, group.interface.as_ref())?,
        sources: group.sources.clone(),
        form: match group.form {
            GroupForm::Rtp => HeardForm::Rtp {
                dynamic: group.codec,
            },
            GroupForm::Polycom => HeardForm::Polycom { channel },
        },
        silent_after: group.silence_timeout,
    })
}

/// A thread that is held up for so long has lost sound anyway.
const LONGEST_RING: Duration = Duration::from_millis(500);
/// The first of the payload types that anybody may use (RFC 3551 §6).
const DYNAMIC: u8 = 96;
/// Group 1 of pages is channel 26.
const FIRST_CHANNEL: u8 = 25;
/// What Poly telephones take in a packet.
const POLYCOM_MS: u32 = 20;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::path::Path;
    use std::time::Instant;

    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;
    use crate::config::read_texts;
    use crate::mix::{EngineSettings, engine};

    fn config(text: &str) -> Config {
        let loaded = read_texts([(Path::new("x"), text.as_bytes())], &[]);
        assert_eq!(loaded.mistakes, []);
        loaded.config.unwrap()
    }

    /// The next group that says how it is.
    fn next(events: &mut UnboundedReceiver<Event>) -> String {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            match events.try_recv() {
                Ok(Event::State { group, fault }) => {
                    assert_eq!(fault, None, "{group}");
                    return group;
                }
                Ok(_) => panic!("nobody speaks"),
                Err(_) => std::thread::sleep(Duration::from_millis(1)),
            }
            assert!(Instant::now() < until, "nothing happens");
        }
    }

    #[test]
    fn a_group_that_changes_begins_anew_and_the_others_go_on() {
        let probe = UdpSocket::bind("127.80.79.93:0").unwrap();
        let port = probe.local_addr().unwrap().port();
        let site = format!(
            "[zone:hall]\noutputs = multicast:a multicast:b\n\
             [multicast-out:a]\naddress = 239.80.77.1:{port}\ninterface = lo\n\
             [multicast-out:b]\naddress = 239.80.77.2:{port}\ninterface = lo\nttl = 3\n\
             [multicast-in:c]\naddress = 239.80.77.3:{port}\ninterface = lo\n"
        );
        let (mut console, _engine) = engine(EngineSettings {
            n_zones: 8,
            n_taps: 2,
            ..EngineSettings::default()
        });
        let (tx, mut events) = unbounded_channel();
        let mut groups = Groups::new(tx);
        let mut follow = |groups: &mut Groups, text: &str| {
            let config = config(text);
            let zones = Zones::new(&config);
            groups.follow(&config, &zones, &mut console).unwrap()
        };
        assert_eq!(follow(&mut groups, &site), []);
        let mut told: Vec<String> = (0..3).map(|_| next(&mut events)).collect();
        told.sort();
        assert_eq!(
            told,
            ["multicast-in:c", "multicast-out:a", "multicast-out:b"]
        );

        assert_eq!(follow(&mut groups, &site), []);
        let site = site.replace("ttl = 3", "ttl = 4");
        assert_eq!(follow(&mut groups, &site), []);
        assert_eq!(next(&mut events), "multicast-out:b");
        let site = site.replace("[multicast-in:c]", "[multicast-in:d]");
        let gone = |name: &str| Input::GroupGone {
            name: name.to_owned(),
        };
        assert_eq!(follow(&mut groups, &site), [gone("multicast-in:c")]);
        assert_eq!(next(&mut events), "multicast-in:d");
        let (hall, _) = site.split_once("[multicast-out:b]").unwrap();
        let hall = hall.replace(" multicast:b", "");
        let both = [gone("multicast-out:b"), gone("multicast-in:d")];
        assert_eq!(follow(&mut groups, &hall), both);
        assert!(groups.carries(ZoneSet::first(1)));
    }
}

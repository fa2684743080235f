//! What lies between a call's signalling and its sound?
//!
//! ```text
//!  offer ─► checked (sdp) … answered: ports bound, answer written, net::Media opened
//!                                                     │ base::feed
//!                                     connected: mix::Console takes the other end
//! ```
//!
//! Ports are taken when a call is answered, not when it arrives: a queue of callers costs nothing.

mod programs;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use crate::base::{CallId, Dscp, Encoding, FeedRx, FeedTx, Network, Pcm, feed};
use crate::config;
use crate::daemon::chance;
use crate::daemon::listeners::{Arrived, Listeners};
use crate::dsp;
use crate::media::{Programme, Receiver, ReceiverSettings, SenderSettings};
use crate::net::{self, Media, PortPairs, Redirect, Repeat, Rx, Tx};
use crate::sdp::{self, Agreed, Ours};
use crate::sip;

/// What calls may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) ports: RangeInclusive<u16>,
    /// How packets are marked in the network.
    pub(super) dscp: Dscp,
    /// Our preference for calls that come by no account, best first.
    pub(super) encodings: Vec<Encoding>,
    /// Who calls from these networks, and wants its sound there, is known to be there.
    pub(super) allow: Vec<Network>,
    /// That of each account for its calls.
    pub(super) of_accounts: BTreeMap<String, Vec<Encoding>>,
    /// Whether sound is protected.
    pub(super) srtp: config::Srtp,
    /// A call is silent when no RTP came for so long.
    pub(super) rtp_timeout: Option<Duration>,
    /// Those that calls of a desk have for themselves, and how far apart calls stand.
    pub(super) of_desks: BTreeMap<String, (RangeInclusive<u16>, u16)>,
}

/// A final answer that is no yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turned {
    pub(super) status: u16,
    pub(super) reason: &'static str,
    /// The value of a Warning header.
    pub(super) warning: Option<String>,
}

/// All calls that have or will have sound.
pub(super) struct Legs {
    settings: Settings,
    ports: PortPairs,
    of_desks: BTreeMap<String, PortPairs>,
    media: Media,
    legs: BTreeMap<CallId, Leg>,
    listeners: Listeners,
}

struct Leg {
    ours: Ours,
    /// Whether the caller is known to hear us.
    reach: sip::Reach,
    /// Our address on this machine.
    bound: IpAddr,
    /// Where the signalling comes from.
    source: IpAddr,
    /// The caller's description, until it is answered; a late offer comes with the ACK.
    offer: Option<String>,
    /// Bound ports, until the media thread has them.
    sockets: Option<net::PortPair>,
    agreed: Option<Agreed>,
    /// Our answer, once the caller has heard it before the call is answered.
    told: Option<String>,
    /// The engine's end of the voice, until the engine has it.
    voice: Option<FeedRx>,
    /// Whose ports it has, if not those of all.
    desk: Option<String>,
}

impl Legs {
    /// `events`: where the hall tells what it has to tell.
    pub(super) fn new(
        settings: Settings,
        media: Media,
        events: UnboundedSender<net::Event>,
    ) -> Self {
        let ports = PortPairs::new(settings.ports.clone()).marked(settings.dscp);
        let of_desks = programs::ports(&settings);
        media.set_timeout(settings.rtp_timeout);
        Self {
            settings,
            ports,
            of_desks,
            media,
            legs: BTreeMap::new(),
            listeners: Listeners::new(events),
        }
    }

    /// Turns of the media thread so far.
    pub(super) fn beat(&self) -> u64 {
        self.media.beat()
    }

    /// Turns of the hall's thread so far; `None` while there is none.
    pub(super) fn hall_beat(&self) -> Option<u64> {
        self.listeners.beat()
    }

    /// New ports and codecs count from the next call on.
    pub(super) fn configure(&mut self, settings: Settings) {
        if settings.ports != self.settings.ports || settings.dscp != self.settings.dscp {
            self.ports = PortPairs::new(settings.ports.clone()).marked(settings.dscp);
        }
        if settings.of_desks != self.settings.of_desks || settings.dscp != self.settings.dscp {
            self.of_desks = programs::ports(&settings);
        }
        self.media.set_timeout(settings.rtp_timeout);
        self.settings = settings;
    }

    /// A call arrives, by that account if by any; its sound comes to where it has reached us.
    /// `from`: who sent it, and whether that is known to be true.
    ///
    /// # Errors
    /// An offer that we could not answer later, with the status that says so.
    pub(super) fn arrive(
        &mut self,
        call: CallId,
        offer: Option<String>,
        here: sip::Here,
        from: (IpAddr, sip::Reach),
        account: Option<&str>,
    ) -> Result<(), Turned> {
        let of_account = account.and_then(|name| self.settings.of_accounts.get(name));
        let encodings = of_account.unwrap_or(&self.settings.encodings).clone();
        let ours = Ours {
            address: here.advertised,
            port: UNBOUND,
            encodings,
            ptime_ms: PTIME_MS,
            session: chance::number::<u64>() >> 1,
            version: 1,
            srtp: protection(self.settings.srtp),
        };
        let (source, mut reach) = from;
        if let Some(offer) = &offer {
            let answered = sdp::answer(offer, &ours);
            let (_, agreed) = answered.map_err(|refusal| turned(&refusal, &ours))?;
            let heard_at = agreed.remote.map_or(source, |remote| remote.ip());
            if self.is_allowed(source) && self.is_allowed(heard_at) {
                reach = sip::Reach::Shown;
            }
        }
        self.legs.insert(
            call,
            Leg {
                ours,
                reach,
                bound: here.bound,
                source,
                offer,
                sockets: None,
                agreed: None,
                told: None,
                voice: None,
                desk: None,
            },
        );
        Ok(())
    }

    fn is_allowed(&self, address: IpAddr) -> bool {
        let mut allow = self.settings.allow.iter();
        allow.any(|network| network.contains(address))
    }

    /// Opens the sound of a call that is not answered yet and writes our answer for a 183; `None`
    /// when there is no offer to answer, no port, or sound already, or when the caller may be
    /// somebody in whose name another calls, to have our sound sent there.
    pub(super) fn early(&mut self, call: CallId) -> Option<String> {
        let leg = self.legs.get_mut(&call)?;
        let reach = leg.reach;
        if reach == sip::Reach::Unknown || leg.offer.is_none() || leg.sockets.is_some() {
            return None;
        }
        let (told, agreed) = self.open(call).ok()?;
        if reach == sip::Reach::Confirms {
            // What is played meanwhile waits for it.
            self.withhold(call, agreed.as_ref());
        }
        self.legs.get_mut(&call)?.told = Some(told.clone());
        Some(told)
    }

    /// The caller has shown that it is there, and may be sent to.
    pub(super) fn reached(&mut self, call: CallId) {
        if let Some(leg) = self.legs.get_mut(&call) {
            leg.reach = sip::Reach::Shown;
            self.confirm(call);
        }
    }

    /// Sends a sound to the caller, if there is a way to it.
    pub(super) fn play(&self, call: CallId, pcm: &Pcm) {
        let Some(agreed) = self.legs.get(&call).and_then(|leg| leg.agreed) else {
            return;
        };
        let rate = agreed.encoding.audio_rate();
        let heard = dsp::convert(&pcm.to_mono(), pcm.rate, rate);
        let heard = Arc::new(Pcm::mono(rate, heard));
        self.media.play(call, heard, Repeat::Once);
    }

    /// Takes down what the caller says from so long after now on; `play` tells it when.
    pub(super) fn take_down(&mut self, call: CallId, after: Duration, longest: Duration) {
        self.note(call);
        self.media.take_down(call, after, longest);
    }

    /// The voice of a caller who is taken down goes there, also when it is a new one.
    pub(super) fn note(&mut self, call: CallId) {
        if let Some(voice) = self.take_voice(call) {
            voice.release();
            self.media.note(call, voice);
        }
    }

    /// Wants what was taken down.
    pub(super) fn said(&self, call: CallId) {
        self.media.said(call);
    }

    /// Binds ports and writes the description for the 200 OK: an answer, or our offer when the
    /// caller made none.
    ///
    /// # Errors
    /// No free ports.
    pub(super) fn answer(&mut self, call: CallId) -> Result<String, Turned> {
        let leg = self.legs.get_mut(&call).ok_or(GONE)?;
        if let (Some(told), Some(agreed)) = (leg.told.take(), leg.agreed) {
            // Either way, the caller's silence counts from now on only.
            match leg.reach {
                sip::Reach::Shown => self.media.redirect(call, redirect(&agreed)),
                sip::Reach::Confirms | sip::Reach::Unknown => self.withhold(call, Some(&agreed)),
            }
            return Ok(told);
        }
        let (told, agreed) = self.open(call)?;
        self.withhold(call, agreed.as_ref());
        Ok(told)
    }

    /// Sends no sound yet: whoever calls in the name of another must not have us send it there.
    fn withhold(&self, call: CallId, agreed: Option<&Agreed>) {
        if let Some(agreed) = agreed {
            let silent = Redirect {
                tx: Tx::Paused,
                ..redirect(agreed)
            };
            self.media.redirect(call, silent);
        }
    }

    /// Binds ports, writes our description, and opens the sound if there was an offer.
    fn open(&mut self, call: CallId) -> Result<(String, Option<Agreed>), Turned> {
        let leg = self.legs.get_mut(&call).ok_or(GONE)?;
        let of_desk = leg.desk.as_ref().and_then(|desk| self.of_desks.get(desk));
        let ports = of_desk.unwrap_or(&self.ports);
        let sockets = bind(ports, leg.bound).map_err(|error| no_ports(call, &error))?;
        leg.ours.port = sockets.rtp_port();
        leg.sockets = Some(sockets);
        let Some(offer) = leg.offer.take() else {
            return Ok((sdp::offer(&leg.ours), None));
        };
        let (answer, agreed) =
            sdp::answer(&offer, &leg.ours).map_err(|refusal| turned(&refusal, &leg.ours))?;
        self.agree(call, agreed);
        Ok((answer, Some(agreed)))
    }

    /// As `answer`, for one who will only hear something; with `encodings`, only these.
    ///
    /// # Errors
    /// No common codec, no free ports.
    pub(super) fn welcome(
        &mut self,
        call: CallId,
        encodings: &[Encoding],
    ) -> Result<String, Turned> {
        let leg = self.legs.remove(&call).ok_or(GONE)?;
        let arrived = Arrived {
            ours: leg.ours,
            bound: leg.bound,
            source: leg.source,
            offer: leg.offer,
        };
        self.listeners
            .welcome(call, arrived, encodings, &self.ports)
    }

    /// From now on a welcomed caller hears that.
    pub(super) fn perform(&self, call: CallId, programme: Programme) {
        self.listeners.perform(call, programme);
    }

    /// The caller has confirmed the answer: it is there, and may be sent to.
    pub(super) fn confirm(&mut self, call: CallId) {
        if let Some(agreed) = self.legs.get(&call).and_then(|leg| leg.agreed) {
            self.media.redirect(call, redirect(&agreed));
        }
    }

    /// The ACK brought the answer to our offer.
    ///
    /// # Errors
    /// An answer without a common codec; the call cannot go on.
    pub(super) fn late_answer(&mut self, call: CallId, answer: &str) -> Result<(), sdp::Refusal> {
        if self.listeners.has(call) {
            return self.listeners.late_answer(call, answer);
        }
        if let Some(leg) = self.legs.get(&call) {
            let agreed = sdp::accept(&leg.ours, answer)?;
            self.agree(call, agreed);
        }
        Ok(())
    }

    /// The peer wants to change the session: writes our answer, or our offer when it made none.
    ///
    /// # Errors
    /// An offer that we cannot answer; the session stays as it was.
    pub(super) fn reoffer(&mut self, call: CallId, offer: Option<&str>) -> Result<String, Turned> {
        if self.listeners.has(call) {
            return self.listeners.reoffer(call, offer);
        }
        let leg = self.legs.get_mut(&call).ok_or(GONE)?;
        let next = renewed(&leg.ours, leg.agreed.as_ref(), offer);
        let Some(offer) = offer else {
            leg.ours = next;
            return Ok(sdp::offer(&leg.ours));
        };
        let (answer, agreed) =
            sdp::answer(offer, &next).map_err(|refusal| turned(&refusal, &next))?;
        leg.ours = next;
        self.agree(call, agreed);
        Ok(answer)
    }

    /// The engine's end of the caller's voice; `None` once it was taken. Another one comes when the
    /// peer changes to another audio rate.
    pub(super) fn take_voice(&mut self, call: CallId) -> Option<FeedRx> {
        self.legs.get_mut(&call)?.voice.take()
    }

    /// The call is over: its ports become free.
    pub(super) fn end(&mut self, call: CallId) {
        self.listeners.end(call);
        if self
            .legs
            .remove(&call)
            .is_some_and(|leg| leg.agreed.is_some())
        {
            self.media.close(call);
        }
    }

    /// Opens the media, or turns it to what is now agreed.
    fn agree(&mut self, call: CallId, agreed: Agreed) {
        let Some(leg) = self.legs.get_mut(&call) else {
            return;
        };
        let before = leg.agreed.replace(agreed);
        if let Some(before) = before {
            let mut to = redirect(&agreed);
            if let Some((tx, rx)) = new_feed(&before, &agreed) {
                to.feed = Some(tx);
                rx.hold();
                leg.voice = Some(rx);
            }
            self.media.redirect(call, to);
            return;
        }
        let Some(sockets) = leg.sockets.take() else {
            return;
        };
        let (tx, rx) = feed_for(agreed.encoding);
        rx.hold();
        leg.voice = Some(rx);
        self.media.open(net::Leg {
            call,
            sockets,
            remote: agreed.remote,
            receiver: Receiver::new(receiver(&agreed)),
            feed: tx,
            sender: Some(sender(&agreed)),
            srtp: agreed.srtp,
        });
    }
}

/// Our side of a new session with fresh keys, if it may be protected.
pub(super) fn protection(srtp: config::Srtp) -> sdp::Srtp {
    match srtp {
        config::Srtp::Off => sdp::Srtp::Off,
        config::Srtp::Optional => sdp::Srtp::Optional(chance::keyring()),
        config::Srtp::Required => sdp::Srtp::Required(chance::keyring()),
    }
}

/// Our side of the next description in a call. A peer that brings a new key gets a new one from
/// us; otherwise ours stays, and the stream goes on under it.
pub(super) fn renewed(ours: &Ours, agreed: Option<&Agreed>, offer: Option<&str>) -> Ours {
    let next = Ours {
        version: ours.version + 1,
        ..ours.clone()
    };
    let theirs = |agreed: &Agreed| agreed.srtp.map(|keys| keys.rx);
    let offered = offer.and_then(|offer| sdp::answer(offer, &next).ok());
    let is_rekey = offered
        .zip(agreed)
        .is_some_and(|((_, new), old)| theirs(&new) != theirs(old));
    if !is_rekey {
        return next;
    }
    Ours {
        srtp: match next.srtp {
            sdp::Srtp::Off => sdp::Srtp::Off,
            sdp::Srtp::Optional(_) => sdp::Srtp::Optional(chance::keyring()),
            sdp::Srtp::Required(_) => sdp::Srtp::Required(chance::keyring()),
        },
        ..next
    }
}

/// A feed for the sound of one call.
pub(super) fn feed_for(encoding: Encoding) -> (FeedTx, FeedRx) {
    let rate = encoding.audio_rate();
    feed(rate, rate.frames_in(LONGEST_FEED))
}

/// Another feed if what is now agreed sounds at another rate.
pub(super) fn new_feed(before: &Agreed, now: &Agreed) -> Option<(FeedTx, FeedRx)> {
    let is_other = before.encoding.audio_rate() != now.encoding.audio_rate();
    is_other.then(|| feed_for(now.encoding))
}

/// What the media thread is told of a new agreement; the feed stays.
pub(super) fn redirect(agreed: &Agreed) -> Redirect {
    Redirect {
        remote: agreed.remote,
        receiver: receiver(agreed),
        feed: None,
        tx: if agreed.direction.sends() {
            Tx::Flowing(sender(agreed))
        } else {
            Tx::Paused
        },
        rx: if agreed.direction.receives() {
            Rx::Expected
        } else {
            Rx::Paused
        },
        srtp: agreed.srtp,
    }
}

pub(super) fn receiver(agreed: &Agreed) -> ReceiverSettings {
    ReceiverSettings {
        encoding: agreed.encoding,
        payload_type: agreed.payload_type,
        event_payload_type: agreed.event_payload_type,
        event_clock_rate: agreed.event_clock_rate,
    }
}

/// Numbers that RFC 3550 §5.1 wants to be unpredictable come from the system.
pub(super) fn sender(agreed: &Agreed) -> SenderSettings {
    SenderSettings {
        encoding: agreed.encoding,
        payload_type: agreed.tx_payload_type,
        event_payload_type: agreed.tx_event_payload_type,
        event_clock_rate: agreed.event_clock_rate,
        ptime: Duration::from_millis(u64::from(agreed.ptime_ms)),
        opus: agreed.opus,
        ssrc: chance::number(),
        first_sequence: chance::number(),
        first_timestamp: chance::number(),
    }
}

pub(super) fn turned(refusal: &sdp::Refusal, ours: &Ours) -> Turned {
    Turned {
        status: refusal.status(),
        reason: match refusal.status() {
            400 => "Bad Session Description",
            _ => "Not Acceptable Here",
        },
        warning: Some(refusal.warning(&ours.address.to_string())),
    }
}

/// The range of ports is used up.
pub(super) fn no_ports(call: CallId, error: &io::Error) -> Turned {
    tracing::error!("call {call}: {error}; widen rtp-ports in [sip]");
    Turned {
        status: 503,
        reason: "No RTP Ports",
        warning: None,
    }
}

/// Sound leaves from the address that the description names; an address that can no longer be
/// had must not cost the call.
fn bind(ports: &PortPairs, ip: IpAddr) -> io::Result<net::PortPair> {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    match ports.bind(ip) {
        Err(why) if why.kind() != io::ErrorKind::AddrInUse => ports.bind(any),
        done => done,
    }
}

pub(super) const GONE: Turned = Turned {
    status: 481,
    reason: "Call Does Not Exist",
    warning: None,
};

/// The port in a description that is only tried out; discard (RFC 863).
const UNBOUND: u16 = 9;

/// What RFC 3551 §4.2 gives for audio, and every phone does.
const PTIME_MS: u32 = 20;

/// The receiver holds packets back as soon as the feed reaches as far as it is wanted, half a second
/// at most, and a packet of 60 ms may go in at once. Whatever is longer is memory of each call, 32 kB
/// a second.
const LONGEST_FEED: Duration = Duration::from_millis(600);

#[cfg(test)]
#[path = "legs_tests.rs"]
mod tests;

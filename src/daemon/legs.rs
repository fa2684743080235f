//! What lies between a call's signalling and its sound?
//!
//! ```text
//!  offer ─► checked (sdp) … answered: ports bound, answer written, net::Media opened
//!                                                     │ base::feed
//!                                     connected: mix::Console takes the other end
//! ```
//!
//! Ports are taken when a call is answered, not when it arrives: a queue of callers costs nothing.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{CallId, Dscp, Encoding, FeedRx, FeedTx, Network, Pcm, feed};
use crate::config;
use crate::daemon::chance;
use crate::dsp;
use crate::media::{Receiver, ReceiverSettings, SenderSettings};
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
    media: Media,
    legs: BTreeMap<CallId, Leg>,
}

struct Leg {
    ours: Ours,
    /// Whether the caller is known to hear us.
    reach: sip::Reach,
    /// Our address on this machine.
    bound: IpAddr,
    /// The caller's description, until it is answered; a late offer comes with the ACK.
    offer: Option<String>,
    /// Bound ports, until the media thread has them.
    sockets: Option<net::PortPair>,
    agreed: Option<Agreed>,
    /// Our answer, once the caller has heard it before the call is answered.
    told: Option<String>,
    /// The engine's end of the voice, until the engine has it.
    voice: Option<FeedRx>,
}

impl Legs {
    pub(super) fn new(settings: Settings, media: Media) -> Self {
        let ports = PortPairs::new(settings.ports.clone()).marked(settings.dscp);
        media.set_timeout(settings.rtp_timeout);
        Self {
            settings,
            ports,
            media,
            legs: BTreeMap::new(),
        }
    }

    /// Turns of the media thread so far.
    pub(super) fn beat(&self) -> u64 {
        self.media.beat()
    }

    /// New ports and codecs count from the next call on.
    pub(super) fn configure(&mut self, settings: Settings) {
        if settings.ports != self.settings.ports || settings.dscp != self.settings.dscp {
            self.ports = PortPairs::new(settings.ports.clone()).marked(settings.dscp);
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
                offer,
                sockets: None,
                agreed: None,
                told: None,
                voice: None,
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
        let sockets = bind(&self.ports, leg.bound).map_err(|error| {
            tracing::error!("call {call}: {error}; widen rtp-ports in [sip]");
            Turned {
                status: 503,
                reason: "No RTP Ports",
                warning: None,
            }
        })?;
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
                leg.voice = Some(rx);
            }
            self.media.redirect(call, to);
            return;
        }
        let Some(sockets) = leg.sockets.take() else {
            return;
        };
        let (tx, rx) = feed_for(agreed.encoding);
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

fn turned(refusal: &sdp::Refusal, ours: &Ours) -> Turned {
    Turned {
        status: refusal.status(),
        reason: match refusal.status() {
            400 => "Bad Session Description",
            _ => "Not Acceptable Here",
        },
        warning: Some(refusal.warning(&ours.address.to_string())),
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

const GONE: Turned = Turned {
    status: 481,
    reason: "Call Does Not Exist",
    warning: None,
};

/// The port in a description that is only tried out; discard (RFC 863).
const UNBOUND: u16 = 9;

/// What RFC 3551 §4.2 gives for audio, and every phone does.
const PTIME_MS: u32 = 20;

/// The receiver holds packets back as soon as the feed reaches as far as it is wanted, half a second
/// at most. Whatever is longer is memory of each call, 32 kB a second.
const LONGEST_FEED: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A loopback address of this test's own.
    const HERE: sip::Here = sip::Here {
        bound: IpAddr::V4(Ipv4Addr::new(127, 80, 79, 84)),
        advertised: IpAddr::V4(Ipv4Addr::new(127, 80, 79, 84)),
    };
    const SHOWN: (IpAddr, sip::Reach) = (HERE.bound, sip::Reach::Shown);
    const CONFIRMS: (IpAddr, sip::Reach) = (HERE.bound, sip::Reach::Confirms);
    /// Three pairs for six callers: some get none.
    const PORTS: RangeInclusive<u16> = 30_000..=30_005;

    fn description(format: u8) -> String {
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
             m=audio 9 RTP/AVP {format}\r\n"
        )
    }

    /// Whatever can happen to a call; most of it makes no sense most of the time.
    fn step(legs: &mut Legs, call: CallId, what: u8) {
        let (good, bad) = (description(0), description(18));
        match what {
            // Ids are never used again.
            0..=3 if legs.legs.contains_key(&call) => {}
            0 => drop(legs.arrive(call, Some(good), HERE, SHOWN, None)),
            1 => drop(legs.arrive(call, Some(good), HERE, CONFIRMS, None)),
            2 => drop(legs.arrive(call, None, HERE, SHOWN, None)),
            3 => drop(legs.arrive(call, Some(bad), HERE, SHOWN, None)),
            4..=6 => drop(legs.answer(call)),
            7 => drop(legs.late_answer(call, &good)),
            8 => drop(legs.late_answer(call, &bad)),
            9 => drop(legs.reoffer(call, Some(&good))),
            10 => drop(legs.reoffer(call, Some(&bad))),
            11 => drop(legs.reoffer(call, None)),
            12 | 13 => drop(legs.early(call)),
            14 => legs.reached(call),
            _ => legs.end(call),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn every_port_comes_back_whatever_happens_to_calls(
            steps in vec((1..7_u64, 0..18_u8), 0..80),
        ) {
            let (tell, _events) = tokio::sync::mpsc::unbounded_channel();
            let settings = Settings {
                ports: PORTS,
                dscp: Dscp::EF,
                encodings: vec![Encoding::Pcmu],
                allow: Vec::new(),
                of_accounts: BTreeMap::new(),
                srtp: config::Srtp::Off,
                rtp_timeout: None,
            };
            let mut legs = Legs::new(settings, Media::spawn(tell).unwrap());
            for (call, what) in steps {
                step(&mut legs, CallId(call), what);
            }
            (1..7).for_each(|call| legs.end(CallId(call)));
            let pairs = PortPairs::new(PORTS);
            let until = Instant::now() + Duration::from_secs(20);
            let all = || (0..pairs.capacity()).map(|_| pairs.bind(HERE.bound)).collect();
            loop {
                let held: Vec<io::Result<net::PortPair>> = all();
                if held.iter().all(Result::is_ok) {
                    break;
                }
                prop_assert!(Instant::now() < until, "a port is not free again");
                drop(held);
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

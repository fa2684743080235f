//! What lies between the signalling of a call and the programs that talk with it?

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use tokio::sync::mpsc::UnboundedSender;

use super::{GONE, Leg, Legs, PTIME_MS, Settings, Turned, UNBOUND, protection};
use crate::base::{CallId, Encoding, FeedRx};
use crate::daemon::chance;
use crate::media::Key;
use crate::net::PortPairs;
use crate::sdp::{self, Ours};
use crate::sip;

impl Legs {
    /// As `answer`, for one who will talk with programs of that desk.
    ///
    /// # Errors
    /// No codec that programs speak, no free ports.
    pub(in crate::daemon) fn hold(&mut self, call: CallId, desk: &str) -> Result<String, Turned> {
        let encodings = self.encodings_of_programs();
        let leg = self.legs.get_mut(&call).ok_or(GONE)?;
        leg.ours.encodings = encodings;
        leg.desk = Some(desk.to_owned());
        self.answer(call)
    }

    /// A call of ours goes out from there, for programs of that desk: binds ports and writes our
    /// offer.
    ///
    /// # Errors
    /// No free ports.
    pub(in crate::daemon) fn dial(
        &mut self,
        call: CallId,
        here: sip::Here,
        desk: &str,
    ) -> Result<String, Turned> {
        let ours = Ours {
            address: here.advertised,
            port: UNBOUND,
            encodings: self.encodings_of_programs(),
            ptime_ms: PTIME_MS,
            // Some peers read a signed number of 32 bits.
            session: chance::number::<u64>() >> 33,
            version: 1,
            srtp: protection(self.settings.srtp),
        };
        let leg = Leg {
            ours,
            // Who answers us has heard us.
            reach: sip::Reach::Shown,
            bound: here.bound,
            source: here.bound,
            offer: None,
            sockets: None,
            agreed: None,
            told: None,
            voice: None,
            desk: Some(desk.to_owned()),
        };
        self.legs.insert(call, leg);
        let (offer, _) = self.open(call)?;
        Ok(offer)
    }

    /// Opens the sound of a call that has no signalling, for one who sends from this machine as that
    /// description says; where to send it.
    ///
    /// # Errors
    /// No free ports.
    pub(in crate::daemon) fn sent_to(
        &mut self,
        call: CallId,
        here: IpAddr,
        description: &str,
    ) -> Result<SocketAddr, Turned> {
        let ours = Ours {
            address: here,
            port: UNBOUND,
            encodings: vec![Encoding::Pcmu],
            ptime_ms: PTIME_MS,
            session: chance::number::<u64>() >> 33,
            version: 1,
            srtp: sdp::Srtp::Off,
        };
        let leg = Leg {
            ours,
            reach: sip::Reach::Shown,
            bound: here,
            source: here,
            offer: Some(description.to_owned()),
            sockets: None,
            agreed: None,
            told: None,
            voice: None,
            desk: None,
        };
        self.legs.insert(call, leg);
        if let Err(turned) = self.open(call) {
            self.legs.remove(&call);
            return Err(turned);
        }
        let port = self.legs.get(&call).map_or(UNBOUND, |leg| leg.ours.port);
        Ok(SocketAddr::new(here, port))
    }

    /// Programs speak what telephones do, at 8 kHz.
    fn encodings_of_programs(&self) -> Vec<Encoding> {
        let is_of_telephones = |it: &&Encoding| matches!(it, Encoding::Pcmu | Encoding::Pcma);
        let ours = self.settings.encodings.iter().filter(is_of_telephones);
        let ours: Vec<Encoding> = ours.copied().collect();
        match ours.is_empty() {
            true => vec![Encoding::Pcmu, Encoding::Pcma],
            false => ours,
        }
    }

    /// Hands what the other side says to `tap`, in blocks of 20 ms; false without a new voice.
    pub(in crate::daemon) fn listen(
        &mut self,
        call: CallId,
        tap: UnboundedSender<Vec<f32>>,
    ) -> bool {
        let Some(voice) = self.take_voice(call) else {
            return false;
        };
        voice.release();
        self.media.listen(call, voice, Some(tap));
        true
    }

    /// Lets the other side hear what comes by that feed too.
    pub(in crate::daemon) fn speak(&self, call: CallId, feed: FeedRx) {
        self.media.speak(call, feed);
    }

    /// Presses keys at the other side with the sound; false if it does not know that way.
    pub(in crate::daemon) fn press(&self, call: CallId, keys: Vec<Key>) -> bool {
        let agreed = self.legs.get(&call).and_then(|leg| leg.agreed);
        let is_known = agreed.is_some_and(|it| it.tx_event_payload_type.is_some());
        if is_known {
            self.media.send_keys(call, keys);
        }
        is_known
    }
}

/// The ports that desks have for themselves.
pub(super) fn ports(settings: &Settings) -> BTreeMap<String, PortPairs> {
    let pairs = |ports: &RangeInclusive<u16>, spacing: u16| {
        let pairs = PortPairs::new(ports.clone()).marked(settings.dscp);
        pairs.spaced(spacing)
    };
    let all = settings.of_desks.iter();
    all.map(|(desk, (ports, spacing))| (desk.clone(), pairs(ports, *spacing)))
        .collect()
}

//! What lies between the signalling of one who only listens and what it hears?
//!
//! ```text
//!  offer ─► checked (legs) … welcomed: place found, answer written, net::Hall opened
//!                              ACK ─► perform: net::Hall plays
//! ```

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::sync::mpsc::UnboundedSender;

use crate::base::{CallId, Encoding};
use crate::daemon::legs::{GONE, Turned, no_ports, renewed, sender, turned};
use crate::media::Programme;
use crate::net::{self, Flow, Hall, Hearing, PortPairs, Whereabouts};
use crate::sdp::{self, Agreed, Ours};

/// All calls that hear a player.
pub(super) struct Listeners {
    /// Made when the first is welcomed.
    hall: Option<Hall>,
    events: UnboundedSender<net::Event>,
    legs: BTreeMap<CallId, Leg>,
}

/// A call as it came.
pub(super) struct Arrived {
    pub(super) ours: Ours,
    /// Our address on this machine.
    pub(super) bound: IpAddr,
    /// Where its signalling comes from.
    pub(super) source: IpAddr,
    pub(super) offer: Option<String>,
}

struct Leg {
    ours: Ours,
    agreed: Option<Agreed>,
}

impl Listeners {
    /// None yet; what the hall has to tell goes to `events`.
    pub(super) fn new(events: UnboundedSender<net::Event>) -> Self {
        Self {
            hall: None,
            events,
            legs: BTreeMap::new(),
        }
    }

    /// Turns of the hall's thread so far; `None` while there is none.
    pub(super) fn beat(&self) -> Option<u64> {
        self.hall.as_ref().map(Hall::beat)
    }

    pub(super) fn has(&self, call: CallId) -> bool {
        self.legs.contains_key(&call)
    }

    /// Finds a port and writes the description for the 200 OK: an answer, or our offer when the
    /// caller made none. With `encodings`, only these.
    ///
    /// # Errors
    /// No common codec, no free ports.
    pub(super) fn welcome(
        &mut self,
        call: CallId,
        arrived: Arrived,
        encodings: &[Encoding],
        ports: &PortPairs,
    ) -> Result<String, Turned> {
        let mut ours = arrived.ours;
        if !encodings.is_empty() {
            ours.encodings = encodings.to_vec();
        }
        let offer = arrived.offer.as_deref();
        // Where the caller wants its sound decides on the port, and the answer names that.
        let remote = match offer {
            Some(offer) => agreed_on(offer, &ours)?.1.remote,
            None => None,
        };
        let at = Whereabouts {
            bound: arrived.bound,
            remote,
            source: arrived.source,
        };
        ours.port = self.place(call, at, ports)?;
        let Some(offer) = offer else {
            let told = sdp::offer(&ours);
            self.legs.insert(call, Leg { ours, agreed: None });
            return Ok(told);
        };
        let (told, agreed) = agreed_on(offer, &ours)?;
        self.legs.insert(call, Leg { ours, agreed: None });
        self.agree(call, agreed);
        Ok(told)
    }

    /// Sound leaves from the address that the description names; an address that can no longer be
    /// had must not cost the call.
    fn place(&mut self, call: CallId, at: Whereabouts, ports: &PortPairs) -> Result<u16, Turned> {
        let any: IpAddr = match at.bound {
            IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let hall = self.hall().map_err(|error| no_ports(call, &error))?;
        let placed = match hall.place(call, at, ports) {
            Err(why) if why.kind() != io::ErrorKind::AddrInUse => {
                hall.place(call, Whereabouts { bound: any, ..at }, ports)
            }
            done => done,
        };
        placed.map_err(|error| no_ports(call, &error))
    }

    fn hall(&mut self) -> io::Result<&mut Hall> {
        let hall = match self.hall.take() {
            Some(hall) => hall,
            None => Hall::spawn(self.events.clone())?,
        };
        Ok(self.hall.insert(hall))
    }

    /// From now on the call hears that.
    pub(super) fn perform(&self, call: CallId, programme: Programme) {
        if let Some(hall) = &self.hall {
            hall.play(call, programme);
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
        let (answer, agreed) = agreed_on(offer, &next)?;
        leg.ours = next;
        self.agree(call, agreed);
        Ok(answer)
    }

    /// The call is over.
    pub(super) fn end(&mut self, call: CallId) {
        self.legs.remove(&call);
        if let Some(hall) = &mut self.hall {
            hall.close(call);
        }
    }

    /// Opens the hall to the call, or turns it to what is now agreed.
    fn agree(&mut self, call: CallId, agreed: Agreed) {
        let (Some(leg), Some(hall)) = (self.legs.get_mut(&call), &self.hall) else {
            return;
        };
        match leg.agreed.replace(agreed) {
            None => hall.open(call, hearing(&agreed)),
            Some(_) => hall.redirect(call, hearing(&agreed)),
        }
    }
}

fn agreed_on(offer: &str, ours: &Ours) -> Result<(String, Agreed), Turned> {
    sdp::answer(offer, ours).map_err(|refusal| turned(&refusal, ours))
}

fn hearing(agreed: &Agreed) -> Hearing {
    Hearing {
        remote: agreed.remote,
        sender: sender(agreed),
        payload_type: agreed.payload_type,
        event_payload_type: agreed.event_payload_type,
        srtp: agreed.srtp,
        flow: if agreed.direction.sends() {
            Flow::On
        } else {
            Flow::Off
        },
    }
}

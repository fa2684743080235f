//! Which port does a listener hear from: one of its own, or one that many share?
//!
//! Behind a NAT nobody knows from where a peer's packets will come, and only the port that they
//! come to tells whose they are: such a listener has a pair of ports of its own. A peer whose
//! packets go where its signalling comes from is known by its address, and thousands of these
//! share a pair; then one system call sends to all of them, and the range of ports lasts.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use crate::base::CallId;
use crate::net::{PortPair, PortPairs};

/// A pair of ports and those who hear from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct StageId(pub(super) u64);

/// Where a listener was put.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) stage: StageId,
    /// The port to write into the session description.
    pub(super) rtp_port: u16,
    /// The sockets, if the stage is new.
    pub(super) sockets: Option<PortPair>,
}

/// What is known of a listener before it is heard.
#[derive(Clone, Copy, Debug)]
pub struct Whereabouts {
    /// Our address on this machine.
    pub bound: IpAddr,
    /// Where it wants its packets; `None` if that is not known yet.
    pub remote: Option<SocketAddr>,
    /// Where its signalling comes from.
    pub source: IpAddr,
}

impl Whereabouts {
    /// Whether packets will come from where they are wanted, as far as one can tell.
    fn is_plain(&self) -> Option<SocketAddr> {
        let is_there = |remote: &SocketAddr| remote.ip() == self.source.to_canonical();
        self.remote.filter(is_there)
    }
}

/// All stages, as those see them who put listeners there.
#[derive(Debug, Default)]
pub(super) struct Stages {
    stages: BTreeMap<StageId, Stage>,
    /// Who is where.
    placed: BTreeMap<CallId, StageId>,
    n_stages: u64,
}

#[derive(Debug)]
struct Stage {
    bound: IpAddr,
    rtp_port: u16,
    /// Whether it is for those who are known by their address.
    is_shared: bool,
    calls: BTreeMap<CallId, Option<SocketAddr>>,
}

impl Stages {
    /// Finds a stage for the listener, or makes one from `ports`.
    ///
    /// # Errors
    /// No free ports.
    pub(super) fn place(
        &mut self,
        call: CallId,
        at: Whereabouts,
        ports: &PortPairs,
    ) -> io::Result<Placed> {
        self.remove(call);
        if let Some(remote) = at.is_plain()
            && let Some((&id, stage)) = self.open_to(at.bound, remote)
        {
            stage.calls.insert(call, Some(remote));
            let rtp_port = stage.rtp_port;
            self.placed.insert(call, id);
            return Ok(Placed {
                stage: id,
                rtp_port,
                sockets: None,
            });
        }
        let sockets = ports.bind(at.bound)?;
        self.n_stages += 1;
        let id = StageId(self.n_stages);
        let stage = Stage {
            bound: at.bound,
            rtp_port: sockets.rtp_port(),
            is_shared: at.is_plain().is_some(),
            calls: BTreeMap::from([(call, at.is_plain())]),
        };
        self.stages.insert(id, stage);
        self.placed.insert(call, id);
        Ok(Placed {
            stage: id,
            rtp_port: sockets.rtp_port(),
            sockets: Some(sockets),
        })
    }

    /// Where a call is.
    pub(super) fn of(&self, call: CallId) -> Option<StageId> {
        self.placed.get(&call).copied()
    }

    /// Takes a call away; returns its stage if nobody is left on it.
    pub(super) fn remove(&mut self, call: CallId) -> Option<StageId> {
        let id = self.placed.remove(&call)?;
        let stage = self.stages.get_mut(&id)?;
        stage.calls.remove(&call);
        if !stage.calls.is_empty() {
            return None;
        }
        self.stages.remove(&id);
        Some(id)
    }

    /// A shared stage on which nobody else is known by that address.
    fn open_to(&mut self, bound: IpAddr, remote: SocketAddr) -> Option<(&StageId, &mut Stage)> {
        let is_open = |stage: &Stage| {
            let is_taken = || stage.calls.values().any(|other| *other == Some(remote));
            stage.is_shared && stage.bound == bound && stage.calls.len() < MOST && !is_taken()
        };
        self.stages.iter_mut().find(|(_, stage)| is_open(stage))
    }
}

/// Listeners of one stage: what one socket sends in a few hundredths of its time.
const MOST: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    /// A loopback address of these tests' own.
    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 80, 79, 91));

    fn from(remote: &str, source: &str) -> Whereabouts {
        Whereabouts {
            bound: HERE,
            remote: Some(remote.parse().unwrap()),
            source: source.parse().unwrap(),
        }
    }

    #[test]
    fn who_is_known_by_an_address_shares_ports_and_who_may_be_behind_a_nat_does_not() {
        let ports = PortPairs::new(31_000..=31_099);
        let mut stages = Stages::default();
        let mut place = |call, at| stages.place(CallId(call), at, &ports).unwrap();
        let first = place(1, from("10.0.0.1:4000", "10.0.0.1"));
        assert!(first.sockets.is_some());
        let second = place(2, from("10.0.0.2:4000", "10.0.0.2"));
        assert!(second.sockets.is_none());
        assert_eq!(second.stage, first.stage);
        assert_eq!(second.rtp_port, first.rtp_port);
        // The same address twice cannot be told apart.
        assert_ne!(
            place(3, from("10.0.0.1:4000", "10.0.0.1")).stage,
            first.stage
        );
        // A telephone names the address of the one that it puts on hold, or one behind a NAT.
        let held = place(4, from("10.0.0.9:4000", "10.0.0.1"));
        assert!(held.sockets.is_some());
        let nobody_yet = Whereabouts {
            remote: None,
            ..from("10.0.0.9:4000", "10.0.0.9")
        };
        assert!(place(5, nobody_yet).sockets.is_some());
        assert_eq!(
            place(6, from("10.0.0.3:4000", "10.0.0.3")).stage,
            first.stage
        );
    }

    #[test]
    fn a_stage_is_over_when_the_last_has_left() {
        let ports = PortPairs::new(31_100..=31_199);
        let mut stages = Stages::default();
        let at = |n: u8| from(&format!("10.0.0.{n}:4000"), &format!("10.0.0.{n}"));
        let stage = stages.place(CallId(1), at(1), &ports).unwrap().stage;
        let _ = stages.place(CallId(2), at(2), &ports).unwrap();
        assert_eq!(stages.of(CallId(2)), Some(stage));
        assert_eq!(stages.remove(CallId(1)), None);
        assert_eq!(stages.remove(CallId(2)), Some(stage));
        assert_eq!(stages.remove(CallId(2)), None);
        assert_eq!(stages.of(CallId(2)), None);
    }
}

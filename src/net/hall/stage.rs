//! Who hears from a pair of ports, and whose packets are those that come to it?

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;

use mio::{Registry, Token};

use crate::base::CallId;
use crate::net::PortPair;
use crate::net::batch::Batch;
use crate::net::inlet::Inlet;

/// A pair of ports whose sockets are in the poll.
pub(super) struct Stage {
    pub(super) rtp: Inlet,
    pub(super) rtcp: Inlet,
    batch: Batch,
    known: Known,
}

/// Those who hear from a stage.
#[derive(Default)]
pub(super) struct Known {
    calls: BTreeSet<CallId>,
    /// Where packets come from or are wanted.
    by_address: BTreeMap<SocketAddr, CallId>,
}

impl Stage {
    /// Puts the sockets into the poll under `tokens`: RTP, RTCP.
    pub(super) fn new(
        sockets: PortPair,
        tokens: [Token; 2],
        registry: &Registry,
    ) -> io::Result<Self> {
        Ok(Self {
            rtp: Inlet::new(sockets.rtp, tokens[0], registry)?,
            rtcp: Inlet::new(sockets.rtcp, tokens[1], registry)?,
            batch: Batch::default(),
            known: Known::default(),
        })
    }

    /// A call hears from here, from now on also known by that address.
    pub(super) fn know(&mut self, call: CallId, address: Option<SocketAddr>) {
        self.known.calls.insert(call);
        if let Some(address) = address {
            self.known.by_address.insert(address, call);
        }
    }

    /// A call has left.
    pub(super) fn forget(&mut self, call: CallId) {
        self.known.calls.remove(&call);
        self.known.by_address.retain(|_, other| *other != call);
    }

    /// One of the sockets, and who may be heard there.
    pub(super) fn read_from(&mut self, is_rtp: bool) -> (&mut Inlet, &Known) {
        let inlet = if is_rtp {
            &mut self.rtp
        } else {
            &mut self.rtcp
        };
        (inlet, &self.known)
    }

    /// Adds a packet to those that leave with the next `flush`.
    pub(super) fn push(&mut self, to: SocketAddr, datagram: &[u8]) {
        self.batch.push(self.rtp.mapped(to), datagram);
    }

    /// Sends what was pushed.
    pub(super) fn flush(&mut self) {
        if !self.batch.is_empty() {
            self.batch.send(self.rtp.as_fd());
        }
    }

    /// Takes the sockets out of the poll.
    pub(super) fn close(self, registry: &Registry) {
        self.rtp.close(registry);
        self.rtcp.close(registry);
    }
}

impl Known {
    /// Whose packets come from there: one known by that address, else the only one, else the
    /// only one of that host.
    pub(super) fn of(&self, from: SocketAddr) -> Option<CallId> {
        if let Some(call) = self.by_address.get(&from) {
            return Some(*call);
        }
        if self.calls.len() == 1 {
            return self.calls.first().copied();
        }
        let first = SocketAddr::new(from.ip(), 0);
        let mut of_host = self.by_address.range(first..);
        let is_there = |known: &(&SocketAddr, &CallId)| known.0.ip() == from.ip();
        let (_, only) = of_host.next().filter(is_there)?;
        let others = of_host.take_while(is_there);
        let is_alone = others.into_iter().all(|(_, other)| other == only);
        is_alone.then_some(*only)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_belong_to_the_address_the_only_one_or_the_only_one_of_the_host() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let mut known = Known::default();
        let add = |known: &mut Known, call, address: &str| {
            known.calls.insert(CallId(call));
            known.by_address.insert(at(address), CallId(call));
        };
        assert_eq!(known.of(at("10.0.0.1:1")), None);
        add(&mut known, 1, "10.0.0.1:4000");
        assert_eq!(known.of(at("203.0.113.1:1")), Some(CallId(1)));
        add(&mut known, 2, "10.0.0.2:4000");
        assert_eq!(known.of(at("203.0.113.1:1")), None);
        assert_eq!(known.of(at("10.0.0.2:9")), Some(CallId(2)));
        add(&mut known, 3, "10.0.0.2:4002");
        assert_eq!(known.of(at("10.0.0.2:9")), None);
        assert_eq!(known.of(at("10.0.0.2:4002")), Some(CallId(3)));
        assert_eq!(known.of(at("10.0.0.1:9")), Some(CallId(1)));
    }
}

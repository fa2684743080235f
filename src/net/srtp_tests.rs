//! Does a protected call hear its peer, and nobody else?

use super::*;
use crate::base::{SrtpKey, SrtpKeyring, SrtpSuite};
use crate::rtp::Srtp;

const SUITE: SrtpSuite = SrtpSuite::Aes128Sha1_80;

fn key(byte: u8) -> SrtpKey {
    SrtpKeyring::new(|bytes| bytes.fill(byte)).key(SUITE)
}

fn keys(tx: u8, rx: u8) -> SrtpKeys {
    SrtpKeys {
        tx: key(tx),
        rx: key(rx),
        rx_mki_len: 0,
    }
}

fn sealed(end: &mut Srtp, packet: &[u8]) -> Vec<u8> {
    end.seal_rtp(packet).unwrap().as_ref().to_vec()
}

fn unproven(rig: &mut Rig) -> (u64, u64) {
    loop {
        if let Event::Closed {
            n_unproven, report, ..
        } = rig.event()
        {
            return (report.received, n_unproven);
        }
    }
}

#[test]
fn what_the_peer_did_not_seal_is_dropped() {
    let mut rig = Rig::new();
    let (peer, mut end) = (peer(), Srtp::new(&keys(2, 1)).unwrap());
    let to = Some(peer.local_addr().unwrap());
    let (at, _rx) = rig.open_protected(CALL, to, Some(keys(1, 2)));
    let mut stranger = Srtp::new(&keys(3, 3)).unwrap();
    let first = sealed(&mut end, &sound(1));
    let mut damaged = sealed(&mut end, &sound(2));
    damaged[20] ^= 1;
    peer.send_to(&sound(1), at).unwrap();
    peer.send_to(&sealed(&mut stranger, &sound(1)), at).unwrap();
    peer.send_to(&damaged, at).unwrap();
    peer.send_to(&first, at).unwrap();
    assert!(matches!(rig.event(), Event::FirstPacket { .. }));
    peer.send_to(&first, at).unwrap();
    peer.send_to(&sealed(&mut end, &key_end(3, 3)), at).unwrap();
    assert!(matches!(rig.event(), Event::Key { .. }));
    rig.media.close(CALL);
    let (received, n_unproven) = unproven(&mut rig);
    assert_eq!((received, n_unproven), (2, 4));
}

#[test]
fn what_we_send_is_sealed_and_so_are_our_reports() {
    let rig = Rig::new();
    let (peer, mut end) = (peer(), Srtp::new(&keys(2, 1)).unwrap());
    let to = Some(peer.local_addr().unwrap());
    let _open = rig.open_protected(CALL, to, Some(keys(1, 2)));
    let mut buffer = [0; 2_048];
    for _ in 0..3 {
        let (n, _) = peer.recv_from(&mut buffer).unwrap();
        assert_eq!(n, 12 + 160 + 10);
        let opened = end.open_rtp(&buffer[..n]).unwrap();
        let opened = Packet::parse(opened.as_ref()).unwrap();
        assert_eq!(opened.payload, [0xFF; 160], "silence");
    }
}

#[test]
fn a_new_key_takes_over_within_the_call() {
    let mut rig = Rig::new();
    let (peer, mut old) = (peer(), Srtp::new(&keys(2, 1)).unwrap());
    let to = Some(peer.local_addr().unwrap());
    let (at, _rx) = rig.open_protected(CALL, to, Some(keys(1, 2)));
    peer.send_to(&sealed(&mut old, &sound(1)), at).unwrap();
    assert!(matches!(rig.event(), Event::FirstPacket { .. }));
    rig.media.redirect(
        CALL,
        Redirect {
            remote: to,
            receiver: RECEIVER,
            feed: None,
            tx: Tx::Flowing(SENDER),
            rx: Rx::Expected,
            srtp: Some(keys(5, 6)),
        },
    );
    let mut new = Srtp::new(&keys(6, 5)).unwrap();
    let mut buffer = [0; 2_048];
    let is_new = |_| {
        let (n, _) = peer.recv_from(&mut buffer).unwrap();
        new.open_rtp(&buffer[..n]).is_some()
    };
    assert!((0..500).any(is_new), "our new key is heard");
    peer.send_to(&sealed(&mut new, &key_end(2, 2)), at).unwrap();
    assert!(matches!(rig.event(), Event::Key { .. }));
}

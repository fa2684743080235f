//! Does protected sound open only for whom it is meant, unharmed, and only once?

use crate::base::{SrtpKey, SrtpKeys, SrtpSuite};
use crate::fuzzing::Input;
use crate::rtp::Srtp;

/// Packets of a peer, of somebody who has no keys, and of somebody who changes what passes.
pub fn srtp(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut pair = Pair::new(&mut input);
    while !input.is_empty() {
        match input.byte() % 4 {
            0 => pair.stranger(&mut input),
            1 => pair.sound(&mut input),
            2 => pair.report(&mut input),
            _ => pair.rekey(),
        }
    }
}

/// One way between two ends that agree.
struct Pair {
    suite: SrtpSuite,
    mki_len: usize,
    n_keys: u8,
    tx: Srtp,
    rx: Srtp,
}

impl Pair {
    fn new(input: &mut Input<'_>) -> Self {
        let suite = SrtpSuite::ALL[usize::from(input.byte()) % SrtpSuite::ALL.len()];
        let mki_len = usize::from(input.byte() % 5);
        let (tx, rx) = keys(suite, 1, mki_len);
        let end = |keys| Srtp::new(&keys).expect("keys of the right length are usable");
        Self {
            suite,
            mki_len,
            n_keys: 1,
            tx: end(tx),
            rx: end(rx),
        }
    }

    /// What nobody has sealed does not open.
    fn stranger(&mut self, input: &mut Input<'_>) {
        let n = usize::from(input.byte());
        let datagram = input.bytes(n);
        assert!(self.rx.open_rtp(datagram).is_none(), "{datagram:?}");
        assert!(self.rx.open_rtcp(datagram).is_none(), "{datagram:?}");
    }

    fn sound(&mut self, input: &mut Input<'_>) {
        let n = usize::from(input.byte());
        let mut packet = vec![0x80 | input.byte() & 0x3F, input.byte() & 0x7F];
        packet.extend_from_slice(input.bytes(n));
        let Some(sealed) = self.tx.seal_rtp(&packet) else {
            return;
        };
        let tag_len = match self.suite {
            SrtpSuite::Aes128Gcm | SrtpSuite::Aes256Gcm => 0,
            SrtpSuite::Aes128Sha1_32 | SrtpSuite::Aes256Sha1_32 => 4,
            SrtpSuite::Aes128Sha1_80 | SrtpSuite::Aes256Sha1_80 => 10,
        };
        let damaged = self.with_mki(&damaged(sealed.as_ref(), input), tag_len);
        assert!(self.rx.open_rtp(&damaged).is_none(), "{damaged:?}");
        let sealed = self.with_mki(sealed.as_ref(), tag_len);
        // One whose number was used before is a replay.
        if let Some(opened) = self.rx.open_rtp(&sealed) {
            assert_eq!(opened.as_ref(), packet);
        }
        assert!(self.rx.open_rtp(&sealed).is_none(), "{sealed:?} twice");
    }

    fn report(&mut self, input: &mut Input<'_>) {
        let n = usize::from(input.byte());
        let mut packet = vec![0x80, 200, 0, 0];
        packet.extend_from_slice(input.bytes(n));
        let Some(sealed) = self.tx.seal_rtcp(&packet) else {
            return;
        };
        let tag_len = match self.suite {
            SrtpSuite::Aes128Gcm | SrtpSuite::Aes256Gcm => 0,
            SrtpSuite::Aes128Sha1_80
            | SrtpSuite::Aes256Sha1_80
            | SrtpSuite::Aes128Sha1_32
            | SrtpSuite::Aes256Sha1_32 => 10,
        };
        let damaged = self.with_mki(&damaged(sealed.as_ref(), input), tag_len);
        assert!(self.rx.open_rtcp(&damaged).is_none(), "{damaged:?}");
        let sealed = self.with_mki(sealed.as_ref(), tag_len);
        let opened = self.rx.open_rtcp(&sealed).expect("its number is new");
        assert_eq!(opened.as_ref(), packet);
        assert!(self.rx.open_rtcp(&sealed).is_none(), "{sealed:?} twice");
    }

    fn rekey(&mut self) {
        self.n_keys = self.n_keys.wrapping_add(1);
        let (tx, rx) = keys(self.suite, self.n_keys, self.mki_len);
        self.tx.rekey(&tx).expect("as usable as the first");
        self.rx.rekey(&rx).expect("as usable as the first");
    }

    /// Where the number of the key stands that we pass over (RFC 3711 §3.1).
    fn with_mki(&self, sealed: &[u8], tag_len: usize) -> Vec<u8> {
        let (body, tag) = sealed.split_at(sealed.len() - tag_len);
        [body, &vec![7; self.mki_len], tag].concat()
    }
}

fn keys(suite: SrtpSuite, n: u8, mki_len: usize) -> (SrtpKeys, SrtpKeys) {
    let key = |salt: u8| {
        let bytes = vec![n ^ salt; suite.key_len() + suite.salt_len()];
        SrtpKey::new(suite, &bytes).expect("the length is right")
    };
    let of = |tx, rx| SrtpKeys {
        tx,
        rx,
        rx_mki_len: mki_len,
    };
    let (ours, theirs) = (key(0), key(0xA5));
    (of(ours, theirs), of(theirs, ours))
}

fn damaged(sealed: &[u8], input: &mut Input<'_>) -> Vec<u8> {
    let mut damaged = sealed.to_vec();
    let at = usize::from(input.number()) % damaged.len();
    damaged[at] ^= 1 << (input.byte() % 8);
    damaged
}

//! How is a packet protected, and how is it known that a packet comes from the peer? (RFC 3711)
//!
//! ```text
//!  ours ─► seal ─► to the peer        from the peer ─► open ─► theirs, each once, or nothing
//! ```
//!
//! The ciphers are another's. Kept away from it is what it is too trusting about: it reads
//! header extensions as if all were of RFC 8285, takes unencrypted SRTCP without a check, and
//! remembers every SSRC that a stranger makes up.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rtc_srtp::context::Context;
use rtc_srtp::crypto::{RTCCryptoProvider, default_provider};
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;

use crate::base::{SrtpKey, SrtpKeys, SrtpSuite};

/// The protection of one call, both ways, RTP and RTCP.
pub struct Srtp {
    provider: Arc<dyn RTCCryptoProvider>,
    keys: SrtpKeys,
    tx: Context,
    rx: Opener,
    /// What the peer sealed by before it changed its key, until it is heard by the new one.
    rx_before: Option<Opener>,
}

/// The keys cannot be used; a mistake in this program or in its cipher library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable(String);

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "srtp keys cannot be used: {}", self.0)
    }
}

impl std::error::Error for Unusable {}

impl Srtp {
    /// From what the descriptions say.
    ///
    /// # Errors
    /// Keys of another length than their suite has.
    pub fn new(keys: &SrtpKeys) -> Result<Self, Unusable> {
        let provider = default_provider().map_err(|e| Unusable(e.to_string()))?;
        Ok(Self {
            tx: context(&keys.tx, &*provider)?,
            rx: Opener::new(keys, &*provider)?,
            rx_before: None,
            provider,
            keys: *keys,
        })
    }

    /// Follows a new description. A side whose key stays goes on where it was, as it must: the
    /// same key and packet number must never protect two packets.
    ///
    /// # Errors
    /// As `new`; then everything stays as it was.
    pub fn rekey(&mut self, keys: &SrtpKeys) -> Result<(), Unusable> {
        let tx = (keys.tx != self.keys.tx)
            .then(|| context(&keys.tx, &*self.provider))
            .transpose()?;
        let is_same = keys.rx == self.keys.rx && keys.rx_mki_len == self.keys.rx_mki_len;
        let rx = (!is_same)
            .then(|| Opener::new(keys, &*self.provider))
            .transpose()?;
        if let Some(tx) = tx {
            self.tx = tx;
        }
        if let Some(rx) = rx {
            self.rx_before = Some(std::mem::replace(&mut self.rx, rx));
        }
        self.keys = *keys;
        Ok(())
    }

    /// An RTP packet of ours, protected; `None` only if it is none.
    pub fn seal_rtp(&mut self, packet: &[u8]) -> Option<impl AsRef<[u8]> + use<>> {
        let (header, _) = header(packet)?;
        self.tx.encrypt_rtp_with_header(packet, &header).ok()
    }

    /// An RTCP packet of ours, protected; `None` only if it is none.
    pub fn seal_rtcp(&mut self, packet: &[u8]) -> Option<impl AsRef<[u8]> + use<>> {
        self.tx.encrypt_rtcp(packet).ok()
    }

    /// The RTP packet in a datagram; `None` if it is forged, broken or came before.
    pub fn open_rtp(&mut self, datagram: &[u8]) -> Option<impl AsRef<[u8]> + use<>> {
        self.open(datagram, Opener::open_rtp)
    }

    /// The RTCP packet in a datagram; `None` if it is forged, broken or came before.
    pub fn open_rtcp(&mut self, datagram: &[u8]) -> Option<impl AsRef<[u8]> + use<>> {
        self.open(datagram, Opener::open_rtcp)
    }

    fn open(
        &mut self,
        datagram: &[u8],
        open: fn(&mut Opener, &[u8], &dyn RTCCryptoProvider) -> Option<BytesMut>,
    ) -> Option<BytesMut> {
        if let Some(packet) = open(&mut self.rx, datagram, &*self.provider) {
            self.rx_before = None;
            return Some(packet);
        }
        open(self.rx_before.as_mut()?, datagram, &*self.provider)
    }
}

/// The receiving side.
struct Opener {
    key: SrtpKey,
    mki_len: usize,
    rtp: Sources,
    rtcp: Sources,
}

/// A context for each source that has proved itself, and one for strangers to prove themselves
/// on. That is thrown away when one fails: a context remembers where a source began even if that
/// was forged, and would then take the true one for a replay. For the same reason sound and
/// reports have contexts of their own.
struct Sources {
    key: SrtpKey,
    /// In the order in which they proved themselves.
    proved: Vec<(u32, Context)>,
    trial: Context,
}

impl Opener {
    fn new(keys: &SrtpKeys, provider: &dyn RTCCryptoProvider) -> Result<Self, Unusable> {
        Ok(Self {
            key: keys.rx,
            mki_len: keys.rx_mki_len,
            rtp: Sources::new(keys.rx, provider)?,
            rtcp: Sources::new(keys.rx, provider)?,
        })
    }

    fn open_rtp(&mut self, datagram: &[u8], provider: &dyn RTCCryptoProvider) -> Option<BytesMut> {
        let tag_len = rtp_tag_len(self.key.suite());
        let datagram = without_mki(datagram, self.mki_len, tag_len)?;
        let (header, header_len) = header(&datagram)?;
        if datagram.len() < header_len + tag_len + gcm_len(self.key.suite()) {
            return None;
        }
        self.rtp.open(header.ssrc, provider, |context| {
            context.decrypt_rtp_with_header(&datagram, &header).ok()
        })
    }

    fn open_rtcp(&mut self, datagram: &[u8], provider: &dyn RTCCryptoProvider) -> Option<BytesMut> {
        let tag_len = hmac_len(self.key.suite());
        let datagram = without_mki(datagram, self.mki_len, tag_len)?;
        let ssrc = u32::from_be_bytes(datagram.get(4..8)?.try_into().ok()?);
        let index_at = datagram.len().checked_sub(tag_len + 4)?;
        // Nobody agreed to leave RTCP unencrypted (RFC 4568 section 6.3.2).
        let is_encrypted = datagram[index_at] & 0x80 != 0;
        if !is_encrypted {
            return None;
        }
        self.rtcp.open(ssrc, provider, |context| {
            context.decrypt_rtcp(&datagram).ok()
        })
    }
}

impl Sources {
    fn new(key: SrtpKey, provider: &dyn RTCCryptoProvider) -> Result<Self, Unusable> {
        Ok(Self {
            key,
            proved: Vec::new(),
            trial: context(&key, provider)?,
        })
    }

    fn open(
        &mut self,
        ssrc: u32,
        provider: &dyn RTCCryptoProvider,
        open: impl Fn(&mut Context) -> Option<BytesMut>,
    ) -> Option<BytesMut> {
        if let Some((_, known)) = self.proved.iter_mut().find(|(s, _)| *s == ssrc) {
            return open(known);
        }
        let opened = open(&mut self.trial);
        let tried = std::mem::replace(&mut self.trial, context(&self.key, provider).ok()?);
        let packet = opened?;
        if self.proved.len() >= MOST_SOURCES {
            self.proved.remove(0);
        }
        self.proved.push((ssrc, tried));
        Some(packet)
    }
}

fn context(key: &SrtpKey, provider: &dyn RTCCryptoProvider) -> Result<Context, Unusable> {
    let profile = match key.suite() {
        SrtpSuite::Aes256Gcm => ProtectionProfile::AeadAes256Gcm,
        SrtpSuite::Aes128Gcm => ProtectionProfile::AeadAes128Gcm,
        SrtpSuite::Aes256Sha1_80 => ProtectionProfile::Aes256CmHmacSha1_80,
        SrtpSuite::Aes128Sha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        SrtpSuite::Aes256Sha1_32 => ProtectionProfile::Aes256CmHmacSha1_32,
        SrtpSuite::Aes128Sha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
    };
    Context::new(
        key.key(),
        key.salt(),
        profile,
        Some(srtp_replay_protection(WINDOW)),
        Some(srtcp_replay_protection(WINDOW)),
        provider.crypto(),
    )
    .map_err(|e| Unusable(e.to_string()))
}

/// What the cipher has to know of an RTP header, and the header's length. The extension is one
/// lump: what it says is none of the cipher's business.
fn header(packet: &[u8]) -> Option<(rtc_rtp::Header, usize)> {
    let fixed = packet.first_chunk::<12>()?;
    if fixed[0] >> 6 != 2 {
        return None;
    }
    let n_csrc = usize::from(fixed[0] & 0x0F);
    let csrc_end = fixed.len() + n_csrc * 4;
    let mut header = rtc_rtp::Header {
        version: 2,
        extension: fixed[0] & 0x10 != 0,
        sequence_number: u16::from_be_bytes([fixed[2], fixed[3]]),
        ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
        csrc: vec![0; n_csrc],
        ..Default::default()
    };
    let mut end = csrc_end;
    if header.extension {
        let words = packet.get(csrc_end + 2..csrc_end + 4)?;
        end = csrc_end + 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
        header.extensions = vec![rtc_rtp::header::Extension {
            id: 0,
            payload: Bytes::copy_from_slice(packet.get(csrc_end + 4..end)?),
        }];
    }
    (packet.len() >= end).then_some((header, end))
}

/// A key's name stands before the authentication tag (RFC 3711 section 3.1); in GCM, which has
/// its tag inside, at the very end (RFC 7714 section 8).
fn without_mki(
    datagram: &[u8],
    mki_len: usize,
    tag_len: usize,
) -> Option<std::borrow::Cow<'_, [u8]>> {
    if mki_len == 0 {
        return Some(datagram.into());
    }
    let tag_at = datagram.len().checked_sub(tag_len)?;
    let mki_at = tag_at.checked_sub(mki_len)?;
    Some([&datagram[..mki_at], &datagram[tag_at..]].concat().into())
}

/// Bytes of the tag behind an RTP packet.
fn rtp_tag_len(suite: SrtpSuite) -> usize {
    match suite {
        SrtpSuite::Aes128Sha1_32 | SrtpSuite::Aes256Sha1_32 => 4,
        SrtpSuite::Aes128Gcm
        | SrtpSuite::Aes256Gcm
        | SrtpSuite::Aes128Sha1_80
        | SrtpSuite::Aes256Sha1_80 => hmac_len(suite),
    }
}

/// Bytes of the tag behind an SRTCP packet (RFC 4568 table 1: 80 bits, also for the suites whose
/// RTP has 32).
fn hmac_len(suite: SrtpSuite) -> usize {
    match suite {
        SrtpSuite::Aes128Gcm | SrtpSuite::Aes256Gcm => 0,
        SrtpSuite::Aes256Sha1_80
        | SrtpSuite::Aes128Sha1_80
        | SrtpSuite::Aes256Sha1_32
        | SrtpSuite::Aes128Sha1_32 => 10,
    }
}

/// Bytes of the tag inside the ciphertext (RFC 7714 section 13.2).
fn gcm_len(suite: SrtpSuite) -> usize {
    if hmac_len(suite) == 0 { 16 } else { 0 }
}

/// Packets that may come late: two and a half seconds of telephone audio. The least that RFC
/// 3711 section 3.3.2 allows is 64.
const WINDOW: usize = 128;

/// Sources of one peer: a phone, its music on hold, its conference.
const MOST_SOURCES: usize = 4;

#[cfg(test)]
mod tests;

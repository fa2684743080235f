//! Do our packets look as the standards say, and are strangers' refused?

use proptest::prelude::*;

use super::*;
use crate::base::SrtpKeyring;

/// The master key and salt of RFC 3711 appendix B.3, also of the reference packets of libsrtp.
const KEY: u128 = 0xE1F9_7A0D_3E01_8BE0_D64F_A32C_06DE_4139;
const SALT: u128 = 0x0EC6_75AD_498A_FEEB_B696_0B3A_ABE6;

fn reference_key(suite: SrtpSuite) -> SrtpKey {
    let bytes = [&KEY.to_be_bytes()[..], &SALT.to_be_bytes()[2..]].concat();
    SrtpKey::new(suite, &bytes).unwrap()
}

fn keys(tx: SrtpKey, rx: SrtpKey) -> SrtpKeys {
    SrtpKeys {
        tx,
        rx,
        rx_mki_len: 0,
    }
}

/// Two ends that agree.
fn pair(suite: SrtpSuite) -> (Srtp, Srtp) {
    let mut n = 0;
    let mut ring = || {
        SrtpKeyring::new(|bytes| {
            n += 1;
            bytes.fill(n);
        })
    };
    let (a, b) = (ring().key(suite), ring().key(suite));
    let end = |tx, rx| Srtp::new(&keys(tx, rx)).unwrap();
    (end(a, b), end(b, a))
}

fn rtp(sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    crate::rtp::Header {
        marker: false,
        payload_type: 0,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc,
    }
    .write(&mut packet);
    packet.extend_from_slice(payload);
    packet
}

fn goodbye(ssrc: u32) -> Vec<u8> {
    let mut packet = Vec::new();
    let report = crate::rtp::Report {
        ssrc,
        cname: "x",
        ..Default::default()
    };
    crate::rtp::compose_report(&report, &mut packet);
    packet
}

fn sealed(by: &mut Srtp, packet: &[u8]) -> Vec<u8> {
    by.seal_rtp(packet).unwrap().as_ref().to_vec()
}

fn opened(by: &mut Srtp, datagram: &[u8]) -> Option<Vec<u8>> {
    Some(by.open_rtp(datagram)?.as_ref().to_vec())
}

#[test]
fn the_reference_packet_comes_out() {
    // libsrtp's srtp_validate: sequence 0x1234, SSRC 0xcafebabe, sixteen bytes of 0xab.
    let header = [0x800F_1234_u32, 0xDECA_FBAD, 0xCAFE_BABE].map(u32::to_be_bytes);
    let plain = [header.as_flattened(), &[0xAB; 16]].concat();
    let cipher = 0x4E55_DC4C_E799_78D8_8CA4_D215_949D_2402_u128.to_be_bytes();
    let tag = 0xB78D_6ACC_99EA_179B_8DBB_u128.to_be_bytes();
    let wanted = [header.as_flattened(), &cipher, &tag[6..]].concat();

    let key = reference_key(SrtpSuite::Aes128Sha1_80);
    let mut end = Srtp::new(&keys(key, key)).unwrap();
    assert_eq!(sealed(&mut end, &plain), wanted);
    assert_eq!(opened(&mut end, &wanted).unwrap(), plain);
}

#[test]
fn the_keystream_is_that_of_the_rfc() {
    // RFC 3711 appendix B.3: from that master key come this session key and salt. Appendix B.2
    // tells how a keystream comes from them; its first block is AES of the salt XOR the packet.
    use rtc_srtp::crypto::BlockCipherAlgorithm::Aes128;
    let session_key = 0xC61E_7A93_744F_39EE_1073_4AFE_3FF7_A087_u128.to_be_bytes();
    let session_salt = 0x30CB_BC08_863D_8C85_D49D_B34A_9AE1_u128 << 16;
    let (ssrc, sequence) = (0x0102_0304_u32, 0x0506_u16);
    let counter = session_salt ^ u128::from(ssrc) << 64 ^ u128::from(sequence) << 16;
    let mut keystream = counter.to_be_bytes();
    let provider = default_provider().unwrap();
    provider
        .crypto()
        .block_encrypt(Aes128, &session_key, &mut keystream)
        .unwrap();

    let key = reference_key(SrtpSuite::Aes128Sha1_32);
    let mut end = Srtp::new(&keys(key, key)).unwrap();
    let packet = sealed(&mut end, &rtp(sequence, ssrc, &[0; 16]));
    assert_eq!(packet[12..28], keystream);
    assert_eq!(packet.len(), 12 + 16 + 4);
}

#[test]
fn the_block_cipher_is_that_of_the_rfc() {
    // RFC 3711 appendix B.2: the first and the last blocks of the AES-CM keystream.
    use rtc_srtp::crypto::BlockCipherAlgorithm::Aes128;
    let key = 0x2B7E_1516_28AE_D2A6_ABF7_1588_09CF_4F3C_u128.to_be_bytes();
    let offset = 0xF0F1_F2F3_F4F5_F6F7_F8F9_FAFB_FCFD_0000_u128;
    let rows = [
        (0, 0xE03E_AD09_35C9_5E80_E166_B16D_D92B_4EB4_u128),
        (1, 0xD235_1316_2B02_D0F7_2A43_A2FE_4A5F_97AB),
        (2, 0x41E9_5B3B_B0A2_E8DD_4779_01E4_FCA8_94C0),
        (0xFEFF, 0xEC8C_DF73_9860_7CB0_F2D2_1675_EA9E_A1E4),
        (0xFF00, 0x362B_7C3C_6773_5163_18A0_77D7_FC50_73AE),
        (0xFF01, 0x6A2C_C378_7889_374F_BEB4_C81B_17BA_6C44),
    ];
    let provider = default_provider().unwrap();
    for (n, wanted) in rows {
        let mut block = (offset + n).to_be_bytes();
        provider
            .crypto()
            .block_encrypt(Aes128, &key, &mut block)
            .unwrap();
        assert_eq!(u128::from_be_bytes(block), wanted, "block {n:x}");
    }
}

#[test]
fn every_suite_goes_both_ways() {
    for suite in SrtpSuite::ALL {
        let (mut a, mut b) = pair(suite);
        let plain = rtp(1, 7, &[0x55; 160]);
        let packet = sealed(&mut a, &plain);
        assert_ne!(packet[12..172], plain[12..], "{suite}");
        assert_eq!(opened(&mut b, &packet).unwrap(), plain, "{suite}");
        let plain = rtp(9, 8, b"");
        let packet = sealed(&mut b, &plain);
        assert_eq!(opened(&mut a, &packet).unwrap(), plain, "{suite}");

        let report = goodbye(7);
        let packet = a.seal_rtcp(&report).unwrap().as_ref().to_vec();
        assert_ne!(packet[8..report.len()], report[8..], "{suite}");
        assert_eq!(b.open_rtcp(&packet).unwrap().as_ref(), report, "{suite}");
        assert!(b.open_rtcp(&packet).is_none(), "{suite}: twice");
    }
}

#[test]
fn a_packet_is_taken_once_and_in_any_order() {
    let (mut a, mut b) = pair(SrtpSuite::Aes128Sha1_80);
    let packets: Vec<_> = (0..100_u16)
        .map(|n| sealed(&mut a, &rtp(65_500_u16.wrapping_add(n), 7, &[1; 20])))
        .collect();
    for pair in packets.chunks(2) {
        assert!(opened(&mut b, &pair[1]).is_some());
        assert!(opened(&mut b, &pair[0]).is_some());
    }
    assert!(packets.iter().all(|p| opened(&mut b, p).is_none()));
}

#[test]
fn no_bit_of_a_packet_may_change() {
    for suite in SrtpSuite::ALL {
        let (mut a, mut b) = pair(suite);
        let good = sealed(&mut a, &rtp(1, 7, &[3; 8]));
        let report = a.seal_rtcp(&goodbye(7)).unwrap().as_ref().to_vec();
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(opened(&mut b, &bad).is_none(), "{suite}: bit {bit}");
        }
        for bit in 0..report.len() * 8 {
            let mut bad = report.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(b.open_rtcp(&bad).is_none(), "{suite}: RTCP bit {bit}");
        }
        assert!(opened(&mut b, &good).is_some() && b.open_rtcp(&report).is_some());
    }
}

#[test]
fn another_key_opens_nothing() {
    let (mut a, _) = pair(SrtpSuite::Aes128Gcm);
    let other = SrtpKeyring::new(|bytes| bytes.fill(99)).key(SrtpSuite::Aes128Gcm);
    let mut stranger = Srtp::new(&keys(other, other)).unwrap();
    let packet = sealed(&mut a, &rtp(1, 7, &[3; 8]));
    assert!(opened(&mut stranger, &packet).is_none());
    assert!(opened(&mut stranger, &rtp(1, 7, &[3; 80])).is_none());
}

#[test]
fn header_extensions_of_any_kind_stay_readable() {
    let (mut a, mut b) = pair(SrtpSuite::Aes128Sha1_80);
    // RFC 8285: one byte with padding and a stop, two bytes, and one of somebody's own.
    let extensions: [&[u8]; 4] = [
        &[0xBE, 0xDE, 0, 1, 0x10, 1, 0, 0],
        &[0xBE, 0xDE, 0, 2, 0x10, 1, 0xF0, 9, 9, 9, 9, 9],
        &[0x10, 0, 0, 1, 1, 0, 0, 0],
        &[0xAA, 0xAA, 0, 1, 1, 2, 3, 4],
    ];
    for (n, extension) in extensions.into_iter().enumerate() {
        let mut plain = rtp(n as u16, 7, &[]);
        plain[0] |= 0x11;
        plain.extend_from_slice(&[0, 0, 0, 1]);
        plain.extend_from_slice(extension);
        let header_len = plain.len();
        plain.extend_from_slice(&[0x55; 20]);
        let packet = sealed(&mut a, &plain);
        assert_eq!(packet[..header_len], plain[..header_len]);
        assert_ne!(packet[header_len..][..20], [0x55; 20]);
        assert_eq!(opened(&mut b, &packet).unwrap(), plain);
    }
}

#[test]
fn a_key_that_stays_goes_on_and_a_new_one_takes_over_without_a_gap() {
    let (mut a, mut b) = pair(SrtpSuite::Aes128Sha1_80);
    let (old_a, old_b) = (a.keys, b.keys);
    let packets: Vec<_> = (0..4)
        .map(|n| sealed(&mut a, &rtp(n, 7, &[1; 20])))
        .collect();
    assert!(opened(&mut b, &packets[0]).is_some());
    b.rekey(&old_b).unwrap();
    assert!(opened(&mut b, &packets[0]).is_none(), "a replay");

    let fresh = SrtpKeyring::new(|bytes| bytes.fill(77)).key(SrtpSuite::Aes128Sha1_80);
    b.rekey(&keys(old_b.tx, fresh)).unwrap();
    assert!(opened(&mut b, &packets[1]).is_some(), "still on its way");
    a.rekey(&keys(fresh, old_a.rx)).unwrap();
    let new = sealed(&mut a, &rtp(4, 7, &[1; 20]));
    assert!(opened(&mut b, &new).is_some());
    assert!(opened(&mut b, &packets[2]).is_none(), "the old key is over");
}

#[test]
fn a_keys_name_in_the_packets_is_passed_over() {
    for suite in SrtpSuite::ALL {
        let (mut a, b) = pair(suite);
        let named = SrtpKeys {
            rx_mki_len: 4,
            ..b.keys
        };
        let mut b = Srtp::new(&named).unwrap();
        let plain = rtp(1, 7, &[9; 30]);
        let mut packet = sealed(&mut a, &plain);
        let at = packet.len() - rtp_tag_len(suite);
        packet.splice(at..at, [0, 0, 0, 1]);
        assert_eq!(opened(&mut b, &packet).unwrap(), plain, "{suite}");
    }
}

#[test]
fn what_is_forged_does_not_shut_out_what_is_true() {
    for suite in SrtpSuite::ALL {
        let (mut a, mut b) = pair(suite);
        let sound = sealed(&mut a, &rtp(1, 7, &[1; 20]));
        let mut forged = sound.clone();
        // Half the numbers there are ahead.
        forged[2] ^= 0x7F;
        assert!(opened(&mut b, &forged).is_none(), "{suite}");
        assert!(opened(&mut b, &sound).is_some(), "{suite}");

        let report = a.seal_rtcp(&goodbye(7)).unwrap().as_ref().to_vec();
        let mut forged = report.clone();
        let index_at = forged.len() - hmac_len(suite) - 4;
        forged[index_at + 1] ^= 2;
        assert!(b.open_rtcp(&forged).is_none(), "{suite}");
        assert!(b.open_rtcp(&report).is_some(), "{suite}");
    }
}

#[test]
fn made_up_sources_are_forgotten() {
    let (mut a, mut b) = pair(SrtpSuite::Aes128Sha1_80);
    let good = sealed(&mut a, &rtp(1, 7, &[1; 20]));
    assert!(opened(&mut b, &good).is_some());
    for ssrc in 100..1_000 {
        assert!(opened(&mut b, &rtp(1, ssrc, &[1; 40])).is_none());
    }
    assert_eq!(b.rx.rtp.proved.len(), 1);
    assert!(opened(&mut b, &good).is_none(), "still remembered");
    for ssrc in 10..20 {
        let packet = sealed(&mut a, &rtp(1, ssrc, &[1; 20]));
        assert!(opened(&mut b, &packet).is_some());
    }
    assert_eq!(b.rx.rtp.proved.len(), MOST_SOURCES);
}

proptest! {
    #[test]
    fn nothing_that_comes_breaks_it(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
        for suite in [SrtpSuite::Aes128Sha1_80, SrtpSuite::Aes256Gcm] {
            let (_, b) = pair(suite);
            for rx_mki_len in [0, 4, 128] {
                let mut b = Srtp::new(&SrtpKeys { rx_mki_len, ..b.keys }).unwrap();
                prop_assert!(opened(&mut b, &datagram).is_none());
                prop_assert!(b.open_rtcp(&datagram).is_none());
                let mut packet = datagram.clone();
                if let Some(first) = packet.first_mut() {
                    *first = *first & 0x3F | 0x80;
                }
                prop_assert!(opened(&mut b, &packet).is_none());
                prop_assert!(b.open_rtcp(&packet).is_none());
            }
        }
    }
}

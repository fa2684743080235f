//! Do we agree with phones on keys?

use super::*;
use crate::base::{SrtpKeyring, SrtpSuite};

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

fn ring(byte: u8) -> SrtpKeyring {
    SrtpKeyring::new(|bytes| bytes.fill(byte))
}

fn with(srtp: Srtp) -> Ours {
    Ours { srtp, ..ours() }
}

/// The answer's audio line and keys, and what was agreed.
fn answered(lines: &str, srtp: Srtp) -> Result<(String, Agreed), Refusal> {
    answer(&offered(lines), &with(srtp))
}

#[test]
fn protection_is_taken_if_it_is_offered_and_refused_or_left_if_not() {
    let sha80 = format!("a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n");
    let savp = format!("m=audio 4000 RTP/SAVP 0\n{sha80}");
    let avp = format!("m=audio 4000 RTP/AVP 0\n{sha80}");
    let plain = "m=audio 4000 RTP/AVP 0\n".to_owned();
    let dtls = "m=audio 4000 UDP/TLS/RTP/SAVPF 0\n".to_owned();
    let f8 = format!("m=audio 4000 RTP/SAVP 0\na=crypto:1 F8_128_HMAC_SHA1_80 inline:{KEY}\n");
    let optional = || Srtp::Optional(ring(1));
    let required = || Srtp::Required(ring(1));
    let rows = [
        (&savp, Srtp::Off, Err(Refusal::UnsupportedTransport)),
        (&savp, optional(), Ok(true)),
        (&savp, required(), Ok(true)),
        (&avp, Srtp::Off, Ok(false)),
        (&avp, optional(), Ok(true)),
        (&avp, required(), Ok(true)),
        (&plain, Srtp::Off, Ok(false)),
        (&plain, optional(), Ok(false)),
        (&plain, required(), Err(Refusal::NotProtected)),
        (&dtls, optional(), Err(Refusal::UnsupportedTransport)),
        (&f8, optional(), Err(Refusal::NoCommonCipher)),
        (&f8, required(), Err(Refusal::NoCommonCipher)),
    ];
    for (lines, srtp, wanted) in rows {
        let row = format!("{lines} {srtp:?}");
        let outcome = answered(lines, srtp);
        if let Ok((text, _)) = &outcome {
            let line = "a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:";
            assert_eq!(text.contains(line), wanted == Ok(true), "{row}");
            let proto = lines.split(' ').nth(2).unwrap();
            assert!(text.contains(&format!("m=audio 10000 {proto} 0")), "{row}");
        }
        let protected = outcome.map(|(_, agreed)| agreed.srtp.is_some());
        if let Err(refusal) = &protected {
            assert_eq!(refusal.status(), 488);
        }
        assert_eq!(protected, wanted, "{row}");
    }
}

#[test]
fn the_peers_first_usable_line_counts_and_keys_cross_over() {
    let gcm = "A".repeat(59);
    let lines = format!(
        "m=audio 4000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} \
         UNENCRYPTED_SRTP\na=crypto:2 AEAD_AES_256_GCM inline:{gcm}=\n\
         a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n"
    );
    let (text, agreed) = answered(&lines, Srtp::Required(ring(1))).unwrap();
    let keys = agreed.srtp.unwrap();
    assert!(
        text.contains("a=crypto:2 AEAD_AES_256_GCM inline:AQEB"),
        "{text}"
    );
    assert_eq!(keys.tx, ring(1).key(SrtpSuite::Aes256Gcm));
    assert_eq!(keys.rx.key(), [0; 32]);
    assert!(!text.contains(KEY), "the peer's key does not go back");
}

#[test]
fn of_a_protected_and_a_plain_stream_the_protected_one_is_kept() {
    let plain = "m=audio 4000 RTP/AVP 0\n";
    let savp = format!(
        "m=audio 4002 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}|2^31|1:1\n"
    );
    let both = format!("{plain}{savp}");
    let (text, agreed) = answered(&both, Srtp::Optional(ring(1))).unwrap();
    assert!(text.contains("m=audio 0 RTP/AVP 0\r\n"), "{text}");
    assert_eq!(agreed.remote.unwrap().port(), 4002);
    assert_eq!(agreed.srtp.unwrap().rx_mki_len, 1);
    let (_, agreed) = answered(&both, Srtp::Off).unwrap();
    assert_eq!((agreed.remote.unwrap().port(), agreed.srtp), (4000, None));
}

#[test]
fn we_agree_with_ourselves_on_every_suite() {
    for proto in ["RTP/AVP", "RTP/SAVP"] {
        let caller = with(match proto {
            "RTP/AVP" => Srtp::Optional(ring(1)),
            _ => Srtp::Required(ring(1)),
        });
        let offer = offer(&caller);
        assert!(offer.contains(&format!("m=audio 10000 {proto} ")));
        for suite in SrtpSuite::ALL {
            let only: String = offer
                .lines()
                .filter(|l| !l.starts_with("a=crypto") || l.contains(suite.name()))
                .map(|l| format!("{l}\r\n"))
                .collect();
            let (text, callee) = answer(&only, &with(Srtp::Optional(ring(2)))).unwrap();
            let keys = accept(&caller, &text).unwrap().srtp.unwrap();
            assert_eq!(keys.tx, callee.srtp.unwrap().rx);
            assert_eq!(keys.rx, callee.srtp.unwrap().tx);
            assert_eq!(keys.tx.suite(), suite);
        }
    }
}

#[test]
fn an_answer_must_take_a_line_of_ours() {
    let answer = |line: &str, srtp| {
        let lines = format!("m=audio 4000 RTP/SAVP 0\n{line}");
        accept(&with(srtp), &offered(&lines)).map(|agreed| agreed.srtp.is_some())
    };
    let line = |tag: u32| format!("a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n");
    let required = || Srtp::Required(ring(1));
    assert_eq!(answer(&line(1), required()), Ok(true));
    assert_eq!(answer(&line(9), required()), Err(Refusal::NoCommonCipher));
    assert_eq!(answer("", required()), Err(Refusal::NoCommonCipher));
    let plain = "m=audio 4000 RTP/AVP 0\n";
    let accepted = accept(&with(required()), &offered(plain));
    assert_eq!(accepted, Err(Refusal::NotProtected));
    let accepted = accept(&with(Srtp::Optional(ring(1))), &offered(plain)).unwrap();
    assert_eq!(accepted.srtp, None);
}

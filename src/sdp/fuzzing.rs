//! What must hold for every description that a stranger may send?

use crate::base::{Encoding, SrtpKeyring};
use crate::sdp::{Agreed, Ours, Srtp, accept, answer, lenient, offer};

/// A description as offer and as answer, with our own habits chosen by its first byte.
pub fn sdp(bytes: &[u8]) {
    let (habits, text) = bytes.split_first().unwrap_or((&0, &[]));
    let text = String::from_utf8_lossy(text);
    let ours = ours(*habits, 1);
    answered(&text, &ours);
    if let Ok(agreed) = accept(&ours, &text) {
        assert!(ours.encodings.contains(&agreed.encoding));
        keeps_promises(&agreed, &ours);
    }
    between_ourselves(&ours, &self::ours(habits.rotate_left(4), 2));
}

/// An answer of ours answers every stream of the offer, in its order, and takes one.
fn answered(text: &str, ours: &Ours) {
    let Ok((written, agreed)) = answer(text, ours) else {
        return;
    };
    keeps_promises(&agreed, ours);
    let theirs = lenient::parse(text).expect("what was answered was read");
    let answer = lenient::parse(&written).expect("our answer is a description");
    assert_eq!(answer.medias.len(), theirs.medias.len(), "{written}");
    for (ours, theirs) in answer.medias.iter().zip(&theirs.medias) {
        assert_eq!((&ours.media, &ours.proto), (&theirs.media, &theirs.proto));
    }
    let taken: Vec<_> = answer.medias.iter().filter(|m| m.port != 0).collect();
    assert_eq!(taken.len(), 1, "{written}");
    assert_eq!(taken[0].port, ours.port);
    let protected = taken[0]
        .attributes
        .iter()
        .filter(|a| a.attribute == "crypto");
    assert_eq!(protected.count(), usize::from(agreed.srtp.is_some()));
}

fn keeps_promises(agreed: &Agreed, ours: &Ours) {
    assert!((10..=60).contains(&agreed.ptime_ms), "{agreed:?}");
    assert!(
        agreed
            .remote
            .is_none_or(|to| !to.ip().is_unspecified() && to.port() != 0)
    );
    match ours.srtp {
        Srtp::Off => assert!(agreed.srtp.is_none()),
        Srtp::Optional(_) => {}
        Srtp::Required(_) => assert!(agreed.srtp.is_some(), "unprotected"),
    }
}

/// Two of us that have anything in common agree, and both mean the same.
fn between_ourselves(caller: &Ours, called: &Ours) {
    let Ok((written, theirs)) = answer(&offer(caller), called) else {
        return;
    };
    let ours = accept(caller, &written).expect("one of us understands the other");
    assert_eq!(ours.encoding, theirs.encoding);
    assert_eq!(ours.direction, theirs.direction.mirrored());
    assert_eq!(ours.tx_payload_type, theirs.payload_type);
    assert_eq!(ours.payload_type, theirs.tx_payload_type);
    let crossed = theirs.srtp.map(|keys| (keys.rx, keys.tx));
    assert_eq!(ours.srtp.map(|keys| (keys.tx, keys.rx)), crossed);
}

fn ours(habits: u8, session: u8) -> Ours {
    let ring = || SrtpKeyring::new(|bytes| bytes.fill(session));
    let mut encodings = Encoding::ALL.to_vec();
    let n = encodings.len();
    encodings.rotate_left(usize::from(habits >> 2) % n);
    Ours {
        address: [192, 0, 2, session].into(),
        port: 10_000 + u16::from(session),
        encodings,
        ptime_ms: 20,
        session: session.into(),
        version: 1,
        srtp: match habits % 4 {
            0 => Srtp::Off,
            1 => Srtp::Required(ring()),
            _ => Srtp::Optional(ring()),
        },
    }
}

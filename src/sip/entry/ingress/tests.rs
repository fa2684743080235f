//! Is every message handed on, put right, refused or dropped as it deserves?

use super::*;
use proptest::prelude::*;
use std::net::SocketAddr;

const REST: &str = "Via: SIP/2.0/UDP h:5060;branch=z9hG4bK1\r\nFrom: <sip:c@h>;tag=1\r\n\
    To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n";

fn options(extra: &str, body: &str) -> String {
    format!("OPTIONS sip:a@b SIP/2.0\r\n{REST}{extra}\r\n{body}")
}

fn clean() -> String {
    options("Content-Length: 2\r\n", "hi")
}

fn peer() -> SocketAddr {
    "192.0.2.7:1234".parse().unwrap()
}

fn delivered(raw: impl AsRef<[u8]>) -> String {
    match datagram(raw.as_ref()) {
        Verdict::Deliver(bytes) => String::from_utf8(bytes.into_owned()).unwrap(),
        other @ (Verdict::Answer(_) | Verdict::Ignore(_)) => panic!("{other:?}"),
    }
}

fn refused_with(raw: impl AsRef<[u8]>) -> (u16, &'static str) {
    match datagram(raw.as_ref()) {
        Verdict::Answer(answer) => (answer.fault.status, answer.fault.reason),
        other @ (Verdict::Deliver(_) | Verdict::Ignore(_)) => {
            panic!("{other:?} for {}", String::from_utf8_lossy(raw.as_ref()))
        }
    }
}

#[test]
fn a_clean_message_passes_untouched() {
    let clean = clean();
    let Verdict::Deliver(Cow::Borrowed(bytes)) = datagram(clean.as_bytes()) else {
        panic!("repaired");
    };
    assert_eq!(bytes, clean.as_bytes());
}

#[test]
fn sins_of_phones_are_repaired() {
    let clean = clean();
    let latin1 = options("Subject: B?ro\r\nl: 0\r\n", "");
    let latin1: Vec<u8> = latin1
        .bytes()
        .map(|b| if b == b'?' { 0xfc } else { b })
        .collect();
    let table: [(String, Vec<u8>); 9] = [
        (
            clean.clone(),
            clean.replace("SIP/2.0\r", "sip/2.0\r").into(),
        ),
        (clean.clone(), clean.replace("\r\n", "\n").into()),
        (clean.clone(), format!("\r\n\r\n{clean}").into()),
        (
            clean.clone(),
            clean.replace("Content-Length: 2\r\n", "").into(),
        ),
        (clean.clone(), format!("{clean} and more").into()),
        (
            clean.clone(),
            clean.replace("SIP/2.0\r\n", "SIP/2.0  \r\n").into(),
        ),
        (
            clean.clone(),
            clean.replace("1 OPTIONS", "1\r\n\tOPTIONS").into(),
        ),
        (options("Subject: Büro\r\nl: 0\r\n", ""), latin1),
        (options("l: 0\r\n", ""), {
            let mut cut = options("l: 0\r\n", "");
            cut.truncate(cut.len() - 2);
            cut.into()
        }),
    ];
    for (wanted, raw) in table {
        assert_eq!(delivered(raw), wanted);
    }
}

#[test]
fn an_answer_has_one_length() {
    let answer = |length: &str| {
        format!(
            "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>;tag=2\r\nCall-ID: x\r\nCSeq: 7 INVITE\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    assert_eq!(delivered(answer("none")), answer("0"));
}

#[test]
fn what_is_no_sip_is_ignored() {
    let table: [(&[u8], Ignored); 12] = [
        (b"", Ignored::KeepAlive),
        (b"\r\n\r\n", Ignored::KeepAlive),
        (b"\0\0\0\0", Ignored::KeepAlive),
        (b"hello", Ignored::NotSip),
        (b"GET / HTTP/1.1\r\n\r\n", Ignored::NotSip),
        (b"\x80\x00\x12\x34", Ignored::NotSip),
        (b"OPTIONS sip:a@b SIP/2.0\r\nCall-I", Ignored::Truncated),
        (
            b"OPTIONS sip:a@b SIP/2.0\r\nTo: x\r\n\r\n",
            Ignored::Malformed,
        ),
        (b"ACK sip:a@b SIP/2.0\r\nVia: x\r\n\r\n", Ignored::Malformed),
        (b"SIP/2.0 200 OK\r\n\r\n", Ignored::Malformed),
        (
            b"SIP/2.0 99999 OK\r\nv: x\r\nf: x\r\ni: x\r\nCSeq: 1 X\r\n\r\n",
            Ignored::Malformed,
        ),
        (
            b"SIP/2.0 200 OK\r\nv: x\r\nf: x\r\ni: x\r\nCSeq: 99999999999 X\r\n\r\n",
            Ignored::Malformed,
        ),
    ];
    for (raw, why) in table {
        assert_eq!(datagram(raw), Verdict::Ignore(why), "{raw:?}");
    }
}

#[test]
fn each_broken_rule_has_its_own_answer() {
    let swap = |from: &str, to: &str| clean().replace(from, to);
    let drop = |line: &str| clean().replace(&format!("{line}\r\n"), "");
    let add = |line: &str| clean().replace("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"));
    let invite = |line: &str| add(line).replace("OPTIONS", "INVITE");
    let table = [
        (swap("SIP/2.0\r", "SIP/3.0\r"), 505, "Version Not Supported"),
        (
            swap("sip:a@b SIP", "sip:a@b  SIP"),
            400,
            "Malformed Request-Line",
        ),
        (
            swap("sip:a@b SIP", "sip:a@b; lr SIP"),
            400,
            "Malformed Request-Line",
        ),
        (drop("From: <sip:c@h>;tag=1"), 400, "Missing From Header"),
        (drop("To: <sip:a@b>"), 400, "Missing To Header"),
        (drop("Call-ID: 1"), 400, "Missing Call-ID Header"),
        (drop("CSeq: 1 OPTIONS"), 400, "Missing CSeq Header"),
        (add("i: 2"), 400, "Contradicting Headers"),
        (add("l: 1"), 400, "Contradicting Headers"),
        (
            swap("SIP/2.0/UDP h", "SIP/2.0/UDP"),
            400,
            "Malformed Via Header",
        ),
        (swap("bK1\r", "bK1,,\r"), 400, "Malformed Via Header"),
        (swap("1 OPTIONS", "x OPTIONS"), 400, "Malformed CSeq Header"),
        (
            swap("1 OPTIONS", "4294967296 OPTIONS"),
            400,
            "Malformed CSeq Header",
        ),
        (swap("1 OPTIONS", "1"), 400, "Malformed CSeq Header"),
        (swap("OPTIONS", "DANCE"), 501, "Not Implemented"),
        (swap("OPTIONS", "options"), 501, "Not Implemented"),
        (swap("1 OPTIONS", "1 INVITE"), 400, "CSeq Method Mismatch"),
        (
            swap("Length: 2", "Length: 3"),
            400,
            "Content-Length Exceeds Message",
        ),
        (
            swap("Length: 2", "Length: -2"),
            400,
            "Malformed Content-Length Header",
        ),
        (
            swap("Length: 2", "Length: +2"),
            400,
            "Malformed Content-Length Header",
        ),
        (
            swap("<sip:c@h>", "\"c <sip:c@h>"),
            400,
            "Malformed From Header",
        ),
        (
            swap("<sip:a@b>\r", "c, a <sip:a@b>\r"),
            400,
            "Malformed To Header",
        ),
        (invite("m: < sip:c@h >"), 400, "Malformed Contact Header"),
        (swap("sip:a@b S", "a@b S"), 400, "Malformed Request-URI"),
        (
            swap("sip:a@b S", "<sip:a@b> S"),
            400,
            "Malformed Request-URI",
        ),
        (
            swap("sip:a@b S", "sip:a@b?Route=c S"),
            400,
            "Malformed Request-URI",
        ),
        (swap("sip:a@b S", "http:b S"), 416, "Unsupported URI Scheme"),
        (invite("Max-Forwards: 0"), 483, "Too Many Hops"),
        (add("Content-Encoding: gzip"), 415, "Unsupported Media Type"),
        (invite("Accept: text/plain"), 406, "Not Acceptable"),
    ];
    for (raw, status, reason) in table {
        assert_eq!(refused_with(raw), (status, reason));
    }
}

#[test]
fn what_breaks_no_rule_passes() {
    let add = |line: &str| clean().replace("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"));
    let invite = |line: &str| add(line).replace("OPTIONS", "INVITE");
    let table = [
        add("Max-Forwards: 0"),
        invite("Max-Forwards: 0").replace("<sip:a@b>\r", "<sip:a@b>;tag=2\r"),
        invite("Accept: application/*;q=0.5, text/plain"),
        add("Content-Length: 2"),
        add("Content-Encoding: identity"),
        add("Accept: text/plain"),
        add("Content-Encoding: gzip").replace("OPTIONS", "BYE"),
        add("m: < sip:c@h >"),
        clean().replace("sip:a@b S", "tel:+49123 S"),
        clean().replace("sip:a@b S", "sip:a?b@b S"),
        clean().replace("SIP/2.0/UDP h", "SIP/2.0/UNKNOWN h"),
    ];
    for raw in table {
        let verdict = datagram(raw.as_bytes());
        assert!(matches!(verdict, Verdict::Deliver(_)), "{raw}: {verdict:?}");
    }
}

#[test]
fn an_answer_is_made_of_the_request() {
    let raw = clean()
        .replace("SIP/2.0\r", "SIP/3.0\r")
        .replace("bK1", "bK1;rport, SIP/2.0/TCP x");
    let Verdict::Answer(answer) = datagram(raw.as_bytes()) else {
        panic!("no answer");
    };
    let text = String::from_utf8(answer.to(peer()).unwrap()).unwrap();
    let tag = text.split("To: <sip:a@b>;tag=").nth(1).unwrap();
    let tag = tag.split("\r\n").next().unwrap();
    assert_eq!(
        text,
        format!(
            "SIP/2.0 505 Version Not Supported\r\n\
             Via: SIP/2.0/UDP h:5060;branch=z9hG4bK1;received=192.0.2.7;rport=1234, \
             SIP/2.0/TCP x\r\nFrom: <sip:c@h>;tag=1\r\nTo: <sip:a@b>;tag={tag}\r\n\
             Call-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        )
    );
    let Verdict::Answer(again) = datagram(raw.as_bytes()) else {
        panic!("no answer");
    };
    assert_eq!(again.to(peer()), Some(text.into_bytes()), "the same tag");
}

#[test]
fn a_stream_that_is_lost_gets_last_words() {
    let head = clean().replace("Length: 2\r\n\r\nhi", "Length: 99999999\r\n\r\n");
    let Verdict::Answer(answer) = last_words(head.as_bytes()) else {
        panic!("no answer");
    };
    assert_eq!(answer.status(), 513);
    assert!(matches!(last_words(b""), Verdict::Ignore(_)));
}

/// A request that is nearly right, in pieces that a fuzzer can put together anew.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("INVITE sip:a@b SIP/2.0\r\n".to_owned()),
        Just(clean()),
        Just(REST.to_owned()),
        "(Via|v|To|From|f|CSeq|Call-ID|Content-Length|l|Contact|Accept|Max-Forwards)",
        "[ :;,<>\"\\\\@=\r\n\t/]{1,3}",
        "(SIP/2.0/UDP |sip:|tag=|branch=|INVITE|0|-1|99999999999)",
        "\\PC{0,8}",
    ];
    let bytes = prop_oneof![
        9 => piece.prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ];
    proptest::collection::vec(bytes, 0..12).prop_map(|parts| parts.concat())
}

fn check(raw: &[u8]) -> Result<(), TestCaseError> {
    match datagram(raw) {
        Verdict::Deliver(once) => {
            let twice = datagram(&once);
            prop_assert_eq!(twice, Verdict::Deliver(Cow::Borrowed(&once)));
        }
        Verdict::Answer(answer) => {
            if let Some(bytes) = answer.to(peer()) {
                prop_assert!(bytes.len() <= raw.len() + SLACK);
                prop_assert!(bytes.starts_with(b"SIP/2.0 "));
            }
        }
        Verdict::Ignore(_) => {}
    }
    for verdict in [last_words(raw), not_understood(raw)] {
        if let Verdict::Answer(answer) = verdict {
            let bytes = answer.to(peer()).unwrap_or_default();
            prop_assert!(bytes.len() <= raw.len() + SLACK);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(raw in proptest::collection::vec(any::<u8>(), 0..400)) {
        check(&raw)?;
        let mut request = b"INVITE sip:x SIP/2.0\r\n".to_vec();
        request.extend_from_slice(&raw);
        check(&request)?;
    }

    #[test]
    fn no_answer_is_longer_than_allowed_and_repair_once_is_enough(raw in pieces()) {
        check(&raw)?;
        let mut request = b"OPTIONS sip:a@b SIP/2.0\r\n".to_vec();
        request.extend_from_slice(&raw);
        check(&request)?;
        request.extend_from_slice(b"\r\n\r\n");
        check(&request)?;
    }
}

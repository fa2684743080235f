//! Do we agree with what phones really write?

use proptest::prelude::*;

use super::*;
use crate::base::Encoding::{Pcma, Pcmu};
use crate::base::OpusWish;

fn ours() -> Ours {
    Ours {
        address: "192.0.2.9".parse().unwrap(),
        port: 10_000,
        encodings: vec![Pcmu, Pcma],
        ptime_ms: 20,
        session: 7,
        version: 1,
        srtp: Srtp::Off,
    }
}

/// An offer with these lines after a plain session part that names 192.0.2.1.
fn offered(lines: &str) -> String {
    format!("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\n{lines}")
}

fn agree(lines: &str) -> Agreed {
    answer(&offered(lines), &ours()).unwrap().1
}

fn refuse(lines: &str) -> Refusal {
    answer(&offered(lines), &ours()).unwrap_err()
}

const PLAIN: Agreed = Agreed {
    remote: None,
    encoding: Pcmu,
    payload_type: 0,
    tx_payload_type: 0,
    event_payload_type: None,
    tx_event_payload_type: None,
    event_clock_rate: 8_000,
    opus: OpusWish {
        max_bitrate: None,
        max_rate: None,
        fec: false,
        cbr: false,
        dtx: false,
    },
    ptime_ms: 20,
    direction: Direction::SendRecv,
    srtp: None,
};

fn plain() -> Agreed {
    Agreed {
        remote: Some("192.0.2.1:4000".parse().unwrap()),
        ..PLAIN
    }
}

#[path = "srtp_tests.rs"]
mod srtp;

#[path = "codec_tests.rs"]
mod codecs;

#[test]
fn an_answer_is_written_to_the_letter() {
    let lines = "m=audio 4000 RTP/AVP 8 0 96\na=rtpmap:96 telephone-event/8000\na=ptime:30\n";
    let (text, agreed) = answer(&offered(lines), &ours()).unwrap();
    assert_eq!(
        text,
        "v=0\r\no=- 7 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
         m=audio 10000 RTP/AVP 0 96\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-15\r\na=ptime:30\r\na=sendrecv\r\n"
    );
    assert_eq!(
        agreed,
        Agreed {
            event_payload_type: Some(96),
            tx_event_payload_type: Some(96),
            ptime_ms: 30,
            ..plain()
        }
    );
}

#[test]
fn an_offer_is_written_to_the_letter() {
    assert_eq!(
        offer(&ours()),
        "v=0\r\no=- 7 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n\
         m=audio 10000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
}

#[test]
fn we_agree_with_ourselves() {
    let theirs = Ours {
        address: "2001:db8::5".parse().unwrap(),
        port: 20_000,
        encodings: vec![Pcma],
        ..ours()
    };
    let (text, callee) = answer(&offer(&ours()), &theirs).unwrap();
    let caller = accept(&ours(), &text).unwrap();
    assert_eq!(callee.remote, Some("192.0.2.9:10000".parse().unwrap()));
    assert_eq!(caller.remote, Some("[2001:db8::5]:20000".parse().unwrap()));
    for side in [caller, callee] {
        assert_eq!((side.encoding, side.payload_type), (Pcma, 8));
        assert_eq!(side.event_payload_type, Some(101));
    }
}

#[test]
fn our_order_decides_and_theirs_does_not() {
    let lines = "m=audio 4000 RTP/AVP 0 8\n";
    let alaw_first = Ours {
        encodings: vec![Pcma, Pcmu],
        ..ours()
    };
    let (_, agreed) = answer(&offered(lines), &alaw_first).unwrap();
    assert_eq!(agreed.encoding, Pcma);
}

#[test]
fn in_an_answer_their_order_decides() {
    let agreed = accept(&ours(), &offered("m=audio 4000 RTP/AVP 8 0\n")).unwrap();
    assert_eq!((agreed.encoding, agreed.payload_type), (Pcma, 8));
}

#[test]
fn payload_types_may_differ_each_way() {
    let lines = "m=audio 4000 RTP/AVP 110 97\na=rtpmap:110 PCMA/8000\n\
                 a=rtpmap:97 telephone-event/8000\n";
    let agreed = accept(&ours(), &offered(lines)).unwrap();
    assert_eq!(
        agreed,
        Agreed {
            encoding: Pcma,
            payload_type: 8,
            tx_payload_type: 110,
            event_payload_type: Some(101),
            tx_event_payload_type: Some(97),
            ..plain()
        }
    );
}

#[test]
fn payload_types_are_read_in_every_spelling() {
    let rows: &[(&str, u8)] = &[
        ("m=audio 4000 RTP/AVP 0\n", 0),
        ("m=audio 4000 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n", 0),
        ("m=audio 4000 RTP/AVP 0\na=rtpmap:0 pcmu/8000/1\n", 0),
        ("m=audio 4000 RTP/AVP 0\na=rtpmap:0  PCMU / 8000 \n", 0),
        ("m=audio 4000 RTP/AVP 0\na=rtpmap:0 PCMU\n", 0),
        ("m=audio 4000 RTP/AVP 0\nA=RtpMap:0 PCMU/8000\n", 0),
        ("m=audio 4000 RTP/AVP 100\na=rtpmap:100 PCMU/8000\n", 100),
        // Only the map of the same number counts.
        (
            "m=audio 4000 RTP/AVP 9 10 100\na=rtpmap:10 PCMU/16000\na=rtpmap:100 PCMU/8000\n",
            100,
        ),
        // A map with nonsense for another number does not hurt.
        (
            "m=audio 4000 RTP/AVP 0\na=rtpmap:\na=rtpmap:x y\na=rtpmap:300 PCMU/8000\n",
            0,
        ),
        // Numbers that no payload type can have are passed over.
        ("m=audio 4000 RTP/AVP 300 -1 x 0\n", 0),
    ];
    for (lines, payload_type) in rows {
        let agreed = agree(lines);
        assert_eq!(agreed.encoding, Pcmu, "{lines}");
        assert_eq!(agreed.payload_type, *payload_type, "{lines}");
        assert_eq!(agreed.tx_payload_type, *payload_type, "{lines}");
    }
}

#[test]
fn dtmf_must_tick_like_the_audio() {
    let with = |maps: &str| {
        agree(&format!("m=audio 4000 RTP/AVP 0 126 101 96\n{maps}")).event_payload_type
    };
    assert_eq!(
        with("a=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\n"),
        Some(101)
    );
    assert_eq!(with("a=rtpmap:96 TELEPHONE-EVENT/8000\n"), Some(96));
    assert_eq!(with("a=rtpmap:101 telephone-event\n"), Some(101));
    assert_eq!(
        with("a=rtpmap:126 telephone-event/48000\na=rtpmap:101 telephone-event/8000\n"),
        Some(101)
    );
    assert_eq!(with("a=rtpmap:126 telephone-event/48000\n"), None);
    assert_eq!(with("a=fmtp:101 0-15\n"), None);
}

#[test]
fn ptime_is_the_wish_of_the_receiver_within_bounds() {
    let rows = [
        ("", 20),
        ("a=ptime:30\n", 30),
        ("a=ptime:10\n", 10),
        ("a=ptime: 40 \n", 40),
        ("a=ptime:20.0\n", 20),
        ("a=ptime:0\n", 20),
        ("a=ptime:x\n", 20),
        ("a=ptime\n", 20),
        ("a=ptime:-20\n", 20),
        ("a=ptime:150\n", 60),
        ("a=ptime:99999999999999\n", 20),
        ("a=ptime:1\n", 10),
        ("a=maxptime:150\n", 20),
        ("a=maxptime:10\n", 10),
        ("a=ptime:40\na=maxptime:30\n", 30),
    ];
    for (lines, ms) in rows {
        let agreed = agree(&format!("m=audio 4000 RTP/AVP 0\n{lines}"));
        assert_eq!(agreed.ptime_ms, ms, "{lines}");
    }
}

#[test]
fn hold_in_every_way_a_phone_says_it() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    let rows = [
        ("", "", SendRecv, true),
        ("", "a=sendrecv\n", SendRecv, true),
        ("", "a=sendonly\n", RecvOnly, true),
        ("", "a=recvonly\n", SendOnly, true),
        ("", "a=inactive\n", Inactive, true),
        ("", "a=SENDONLY\n", RecvOnly, true),
        ("a=sendonly\n", "", RecvOnly, true),
        ("a=sendonly\n", "a=sendrecv\n", SendRecv, true),
        ("", "c=IN IP4 0.0.0.0\n", RecvOnly, false),
        ("", "c=IN IP4 0.0.0.0\na=sendonly\n", RecvOnly, false),
        ("", "c=IN IP4 0.0.0.0\na=recvonly\n", Inactive, false),
        ("", "c=IN IP4 0.0.0.0\na=inactive\n", Inactive, false),
        ("", "c=IN IP6 ::\n", RecvOnly, false),
    ];
    for (session, stream, direction, has_remote) in rows {
        let lines = format!("{session}m=audio 4000 RTP/AVP 0\n{stream}");
        let (text, agreed) = answer(&offered(&lines), &ours()).unwrap();
        assert_eq!(agreed.direction, direction, "{lines}");
        assert_eq!(agreed.remote.is_some(), has_remote, "{lines}");
        assert!(
            text.contains(&format!("a={}\r\n", direction.name())),
            "{text}"
        );
    }
}

#[test]
fn the_address_is_the_streams_or_else_the_sessions() {
    let rows = [
        ("", Some("192.0.2.1:4000")),
        ("c=IN IP4 198.51.100.3\n", Some("198.51.100.3:4000")),
        ("c=IN  IP4  198.51.100.3 \n", Some("198.51.100.3:4000")),
        ("c=IN IP4 198.51.100.3/127\n", Some("198.51.100.3:4000")),
        ("c=IN IP6 2001:db8::7\n", Some("[2001:db8::7]:4000")),
        ("c=IN IP6 [2001:db8::7]\n", Some("[2001:db8::7]:4000")),
        ("c=IN IP6 fe80::1%eth0\n", Some("[fe80::1]:4000")),
        // Right family, wrong label: the address itself is clear.
        ("c=IN IP4 2001:db8::7\n", Some("[2001:db8::7]:4000")),
        ("c=IN IP4 pbx.example.com\n", None),
        ("c=IN IP4 224.2.17.12/127\n", None),
    ];
    for (lines, remote) in rows {
        let agreed = agree(&format!("m=audio 4000 RTP/AVP 0\n{lines}"));
        assert_eq!(agreed.remote, remote.map(|r| r.parse().unwrap()), "{lines}");
        assert_eq!(agreed.direction, Direction::SendRecv, "{lines}");
    }
}

#[test]
fn one_audio_stream_is_kept_and_all_others_get_port_0() {
    let lines = "m=video 5000 RTP/AVP 31 34\na=rtpmap:31 H261/90000\n\
                 m=audio 5002 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\n\
                 m=audio 0 RTP/AVP 0\n\
                 m=audio 5006 RTP/AVP 9\n\
                 m=audio 4000/2 RTP/AVPF 8\nc=IN IP4 192.0.2.1\n\
                 m=audio 5010 RTP/AVP 0\n\
                 m=image 5012 udptl t38\n\
                 m=application 5014 TCP/BFCP *\n";
    let (text, agreed) = answer(&offered(lines), &ours()).unwrap();
    let streams: Vec<&str> = text.lines().filter(|l| l.starts_with("m=")).collect();
    assert_eq!(
        streams,
        [
            "m=video 0 RTP/AVP 31 34",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 0 RTP/AVP 0",
            "m=audio 0 RTP/AVP 9",
            "m=audio 10000 RTP/AVPF 8",
            "m=audio 0 RTP/AVP 0",
            "m=image 0 udptl t38",
            "m=application 0 TCP/BFCP *",
        ]
    );
    assert_eq!(agreed.encoding, Pcma);
    assert_eq!(agreed.remote, plain().remote);
}

#[test]
fn refusals_name_what_came_nearest() {
    let rows = [
        ("", Refusal::NoAudio),
        ("m=video 5000 RTP/AVP 31\n", Refusal::NoAudio),
        ("m=audio 0 RTP/AVP 0\n", Refusal::NoAudio),
        ("m=audio 4000 RTP/AVP 9 18\n", Refusal::NoCommonCodec),
        (
            "m=audio 4000 RTP/AVP 0\na=rtpmap:0 PCMU/16000\n",
            Refusal::NoCommonCodec,
        ),
        (
            "m=audio 4000 RTP/AVP 96\na=rtpmap:96 PCMU/8000/2\n",
            Refusal::NoCommonCodec,
        ),
        (
            "m=audio 4000 RTP/AVP 101\na=rtpmap:101 telephone-event/8000\n",
            Refusal::NoCommonCodec,
        ),
        ("m=audio 4000 RTP/SAVP 0\n", Refusal::UnsupportedTransport),
        ("m=audio 4000 RTP/SAVPF 0\n", Refusal::UnsupportedTransport),
        (
            "m=audio 4000 UDP/TLS/RTP/SAVPF 111 0\n",
            Refusal::UnsupportedTransport,
        ),
        (
            "m=video 5000 RTP/AVP 31\nm=audio 4000 RTP/AVP 9\nm=audio 0 RTP/AVP 0\n",
            Refusal::NoCommonCodec,
        ),
    ];
    for (lines, refusal) in rows {
        assert_eq!(refuse(lines), refusal, "{lines}");
        assert_eq!(refusal.status(), 488);
    }
}

#[test]
fn a_refused_answer_is_an_error_of_its_own() {
    let rows = [
        ("", Refusal::NoAudio),
        ("m=audio 0 RTP/AVP 0\n", Refusal::NoAudio),
        ("m=audio 4000 RTP/SAVP 0\n", Refusal::UnsupportedTransport),
        ("m=audio 4000 RTP/AVP 9\n", Refusal::NoCommonCodec),
    ];
    for (lines, refusal) in rows {
        assert_eq!(accept(&ours(), &offered(lines)), Err(refusal), "{lines}");
    }
}

#[test]
fn a_refusal_explains_itself_in_a_warning() {
    assert_eq!(
        Refusal::NoCommonCodec.warning("192.0.2.9"),
        "305 192.0.2.9 \"no common audio codec\""
    );
    let odd = Refusal::Malformed("a \"quote\" \\ and\r\na line".into());
    assert_eq!(odd.status(), 400);
    assert_eq!(
        odd.warning("x"),
        "399 x \"malformed session description: a quote  anda line\""
    );
}

/// Each row is a description as some device in the field writes it, or worse; all mean the same.
#[test]
fn sloppy_descriptions_are_understood() {
    let rows = [
        // As it should be.
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n",
        // Bare LF, bare CR, no end of line at the end.
        "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP 0",
        "v=0\ro=- 1 1 IN IP4 192.0.2.1\rs=-\rc=IN IP4 192.0.2.1\rt=0 0\rm=audio 4000 RTP/AVP 0",
        // Blank lines around and inside, a byte order mark, trailing NULs.
        "\r\n\r\nv=0\r\n\r\nc=IN IP4 192.0.2.1\r\n\r\nm=audio 4000 RTP/AVP 0\r\n\r\n\r\n",
        "\u{feff}v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n\0\0",
        // Stray blanks and tabs.
        " v=0 \r\n o=- 1 1 IN IP4 192.0.2.1 \r\nc=IN  IP4\t192.0.2.1 \r\n m=audio  4000  RTP/AVP  0 \r\n",
        "v = 0\r\nc = IN IP4 192.0.2.1\r\nm = audio 4000 RTP/AVP 0\r\n",
        // Lines that are wrong but that we do not need.
        "v=0\r\no=the caller 1.5 99999999999999999999999 IN IP4 192.0.2.1\r\ns=\r\nc=IN IP4 192.0.2.1\r\nb=AS:64.5\r\nb=\r\nt=now\r\nm=audio 4000 RTP/AVP 0\r\n",
        "v=0\r\no=\r\nr=7d 1h 0\r\nz=x\r\nc=IN IP4 192.0.2.1\r\nt=0\r\nm=audio 4000 RTP/AVP 0\r\ni=a\r\ni=b\r\nk=clear:x\r\nk=prompt\r\n",
        "v=0\r\nc=IN IP4 192.0.2.1\r\nthis line is no line\r\nxyz=1\r\n=\r\nm=audio 4000 RTP/AVP 0\r\na=\r\na\r\n",
        // The address twice, the first one counts.
        "v=0\r\nc=IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.2\r\nm=audio 4000 RTP/AVP 0\r\n",
        "v=0\r\nm=audio 4000 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nc=IN IP4 192.0.2.2\r\n",
        // Large letters.
        "V=0\r\nC=in ip4 192.0.2.1\r\nM=AUDIO 4000 rtp/avp 0\r\nA=SENDRECV\r\n",
        // ICE, bundles and the rest of the modern luggage.
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-options:trickle\r\nm=audio 4000 RTP/AVP 0\r\na=mid:0\r\na=rtcp-mux\r\na=rtcp:4001 IN IP4 192.0.2.1\r\na=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\na=ssrc:1 cname:x\r\n",
    ];
    for text in rows {
        let (_, agreed) = answer(text, &ours()).unwrap_or_else(|e| panic!("{e}: {text:?}"));
        assert_eq!(agreed, plain(), "{text:?}");
    }
}

#[test]
fn what_is_no_description_is_malformed() {
    let rows = [
        "",
        "hello",
        "v=1\r\nm=audio 4000 RTP/AVP 0\r\n",
        "m=audio 4000 RTP/AVP 0\r\nv=0\r\n",
        "v=0\r\nm=audio x RTP/AVP 0\r\n",
        "v=0\r\nm=audio 70000 RTP/AVP 0\r\n",
        "v=0\r\nm=audio\r\n",
        "v=0\r\nm=\r\n",
        "v=0\r\nc=\r\nm=audio 4000 RTP/AVP 0\r\n",
    ];
    for text in rows {
        let refusal = answer(text, &ours()).unwrap_err();
        assert!(
            matches!(refusal, Refusal::Malformed(_)),
            "{text:?}: {refusal}"
        );
        assert_eq!(refusal.status(), 400);
    }
    let long = offered(&"a=x\r\n".repeat(20_000));
    assert!(matches!(answer(&long, &ours()), Err(Refusal::Malformed(_))));
}

/// Lines from the alphabet of session descriptions, so that most are nearly right.
fn nearly_a_description() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "v=0",
        "o=- 1 1 IN IP4 192.0.2.1",
        "c=IN IP4 192.0.2.1",
        "c=IN IP6 ::",
        "t=0 0",
        "m=audio 4000 RTP/AVP 0 8 101",
        "m=audio 0 RTP/AVP 0",
        "m=video 1 RTP/AVP 96",
        "m=",
        "c=",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=rtpmap:",
        "a=ptime:30",
        "a=sendonly",
        "a=",
        "=",
        "\u{e9}",
        "\r",
        "\n",
        "\r\n",
        " ",
        ":",
        "/",
        "999999999999",
        "\0",
    ]);
    prop::collection::vec(
        prop_oneof![9 => word.prop_map(str::to_owned), 1 => ".{0,8}"],
        0..40,
    )
    .prop_map(|parts| format!("v=0\r\n{}", parts.join("\r\n")))
}

proptest! {
    #[test]
    fn no_text_makes_us_panic(text in "(?s).{0,400}") {
        let _ = (answer(&text, &ours()), accept(&ours(), &text));
    }

    #[test]
    fn every_answer_of_ours_is_an_answer(text in nearly_a_description()) {
        if let Ok((ours_text, agreed)) = answer(&text, &ours()) {
            let n_streams = |t: &str| t.lines().filter(|l| l.starts_with("m=")).count();
            prop_assert!((10..=60).contains(&agreed.ptime_ms));
            let kept = ours_text.lines().filter(|l| l.starts_with("m=audio 10000 ")).count();
            prop_assert_eq!(kept, 1);
            prop_assert!(n_streams(&ours_text) >= 1);
            let again = answer(&ours_text, &ours()).map(|(_, a)| a.encoding);
            prop_assert_eq!(again, Ok(agreed.encoding));
        }
        let _ = accept(&ours(), &text);
    }
}

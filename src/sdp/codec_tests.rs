//! Do we agree on every codec, with its keys, its noise and its wishes?

use super::*;
use crate::base::Channels;
use crate::base::Encoding::{self, G722, L16, Opus};

fn all_of_ours() -> Ours {
    Ours {
        encodings: vec![Opus, G722, Pcmu, Pcma],
        ..ours()
    }
}

fn with_l16() -> Ours {
    Ours {
        encodings: Encoding::ALL.to_vec(),
        ..ours()
    }
}

#[test]
fn an_offer_names_every_codec_and_keys_at_every_clock() {
    assert_eq!(
        offer(&all_of_ours()).split_once("t=0 0\r\n").unwrap().1,
        "m=audio 10000 RTP/AVP 96 9 0 8 101 97\r\n\
         a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1;stereo=0;sprop-stereo=0\r\n\
         a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
         a=rtpmap:97 telephone-event/48000\r\na=fmtp:97 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    let offer = offer(&with_l16());
    assert!(
        offer.contains("m=audio 10000 RTP/AVP 96 9 0 8 97 11 98 101 99 100 102\r\n"),
        "{offer}"
    );
    for map in [
        "97 L16/48000",
        "11 L16/44100",
        "98 L16/16000",
        "99 telephone-event/16000",
    ] {
        assert!(
            offer.contains(&format!("a=rtpmap:{map}\r\n")),
            "{map}: {offer}"
        );
    }
}

#[test]
fn each_codec_is_answered_under_their_number() {
    let rows: [(&str, Encoding, u8, &str); 9] = [
        (
            "111\na=rtpmap:111 opus/48000/2\n",
            Opus,
            111,
            "opus/48000/2",
        ),
        ("111\na=rtpmap:111 OPUS/48000\n", Opus, 111, "opus/48000/2"),
        ("9\n", G722, 9, "G722/8000"),
        ("99\na=rtpmap:99 G722/8000/1\n", G722, 99, "G722/8000"),
        ("10\n", l16(44_100, Channels::Stereo), 10, "L16/44100/2"),
        ("11\n", l16(44_100, Channels::Mono), 11, "L16/44100"),
        (
            "97\na=rtpmap:97 L16/8000\n",
            l16(8_000, Channels::Mono),
            97,
            "L16/8000",
        ),
        (
            "97\na=rtpmap:97 L16/16000/1\n",
            l16(16_000, Channels::Mono),
            97,
            "L16/16000",
        ),
        (
            "97\na=rtpmap:97 l16/48000/2\n",
            l16(48_000, Channels::Stereo),
            97,
            "L16/48000/2",
        ),
    ];
    for (lines, encoding, payload_type, map) in rows {
        let lines = format!("m=audio 4000 RTP/AVP {lines}");
        let (text, agreed) = answer(&offered(&lines), &with_l16()).unwrap();
        assert_eq!(
            (agreed.encoding, agreed.payload_type),
            (encoding, payload_type),
            "{lines}"
        );
        assert!(
            text.contains(&format!("a=rtpmap:{payload_type} {map}\r\n")),
            "{text}"
        );
    }
}

fn l16(hz: u32, channels: Channels) -> Encoding {
    let is_it =
        |e: &Encoding| matches!(e, L16(l16) if l16.rate.hz() == hz && l16.channels == channels);
    Encoding::ALL.into_iter().find(is_it).unwrap()
}

#[test]
fn what_only_looks_like_a_codec_of_ours_is_refused() {
    for lines in [
        "96\na=rtpmap:96 opus/16000/2\n",
        "96\na=rtpmap:96 G722/16000\n",
        "96\na=rtpmap:96 L16/22050\n",
        "96\na=rtpmap:96 L16/48000/6\n",
        "96\na=rtpmap:96 G7221/16000\n",
        "13\n",
    ] {
        let lines = offered(&format!("m=audio 4000 RTP/AVP {lines}"));
        assert_eq!(
            answer(&lines, &with_l16()).unwrap_err(),
            Refusal::NoCommonCodec,
            "{lines}"
        );
    }
}

#[test]
fn our_order_decides_among_all() {
    let lines = "m=audio 4000 RTP/AVP 0 8 9 107\na=rtpmap:107 opus/48000/2\n";
    let mut all = all_of_ours();
    for first in [Opus, G722, Pcmu, Pcma] {
        all.encodings.sort_by_key(|&e| e != first);
        assert_eq!(answer(&offered(lines), &all).unwrap().1.encoding, first);
    }
}

#[test]
fn keys_tick_like_the_codec_or_else_like_a_telephone() {
    let with = |maps: &str| {
        let lines = format!("m=audio 4000 RTP/AVP 107 101 102\na=rtpmap:107 opus/48000/2\n{maps}");
        let (text, agreed) = answer(&offered(&lines), &all_of_ours()).unwrap();
        let rate = agreed.event_clock_rate;
        if let Some(pt) = agreed.event_payload_type {
            assert!(
                text.contains(&format!("a=rtpmap:{pt} telephone-event/{rate}\r\n")),
                "{text}"
            );
        }
        (agreed.event_payload_type, rate)
    };
    let both = "a=rtpmap:101 telephone-event/8000\na=rtpmap:102 telephone-event/48000\n";
    assert_eq!(with(both), (Some(102), 48_000));
    assert_eq!(
        with("a=rtpmap:101 telephone-event/8000\n"),
        (Some(101), 8_000)
    );
    assert_eq!(with("a=rtpmap:101 telephone-event/16000\n"), (None, 48_000));
    assert_eq!(with(""), (None, 48_000));
}

#[test]
fn an_answer_may_take_any_of_our_codecs_with_its_keys() {
    let rows = [
        (
            "96 97\na=rtpmap:96 opus/48000/2\na=rtpmap:97 telephone-event/48000\n",
            Opus,
            96,
            97,
            97,
        ),
        (
            "107 99\na=rtpmap:107 opus/48000/2\na=rtpmap:99 telephone-event/48000\n",
            Opus,
            96,
            97,
            99,
        ),
        (
            "96 101\na=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000\n",
            Opus,
            96,
            101,
            101,
        ),
        (
            "9 101\na=rtpmap:101 telephone-event/8000\n",
            G722,
            9,
            101,
            101,
        ),
    ];
    for (lines, encoding, payload_type, rx, tx) in rows {
        let lines = format!("m=audio 4000 RTP/AVP {lines}");
        let agreed = accept(&all_of_ours(), &offered(&lines)).unwrap();
        assert_eq!(
            (agreed.encoding, agreed.payload_type),
            (encoding, payload_type),
            "{lines}"
        );
        let events = (agreed.event_payload_type, agreed.tx_event_payload_type);
        assert_eq!(events, (Some(rx), Some(tx)), "{lines}");
    }
}

#[test]
fn wishes_for_opus_are_heard() {
    let with = |fmtp: &str| {
        let lines = format!("m=audio 4000 RTP/AVP 107\na=rtpmap:107 opus/48000/2\n{fmtp}");
        answer(&offered(&lines), &all_of_ours()).unwrap().1.opus
    };
    assert_eq!(with(""), OpusWish::default());
    assert_eq!(
        with("a=fmtp:107 stereo=1; maxplaybackrate=16000\n"),
        OpusWish {
            max_rate: Some(16_000),
            ..OpusWish::default()
        }
    );
    assert_eq!(with("a=fmtp:111 useinbandfec=1\n"), OpusWish::default());
    assert_eq!(
        with("a=fmtp:107 minptime=10; UseInbandFEC=1 ;usedtx=1;cbr=1;maxaveragebitrate=20000\n"),
        OpusWish {
            max_bitrate: Some(20_000),
            max_rate: None,
            fec: true,
            cbr: true,
            dtx: true,
        }
    );
    assert_eq!(
        with("a=fmtp:107 useinbandfec=0;maxaveragebitrate=x;;=\n"),
        OpusWish::default()
    );
}

#[test]
fn comfort_noise_is_agreed_with_telephone_clocks_only() {
    let with = |lines: &str| {
        let lines = format!("m=audio 4000 RTP/AVP {lines}");
        answer(&offered(&lines), &all_of_ours()).unwrap().0
    };
    let text = with("0 13\n");
    assert!(
        text.contains("m=audio 10000 RTP/AVP 0 13\r\n") && text.contains("a=rtpmap:13 CN/8000\r\n")
    );
    assert!(with("9 13\na=rtpmap:13 CN/8000\n").contains("m=audio 10000 RTP/AVP 9 13\r\n"));
    assert!(with("107 13\na=rtpmap:107 opus/48000/2\n").contains("m=audio 10000 RTP/AVP 107\r\n"));
    assert!(!offer(&all_of_ours()).contains("CN"));
}

#[test]
fn a_packet_is_as_long_as_its_codec_can_make_it() {
    let rows = [
        ("107\na=rtpmap:107 opus/48000/2\na=ptime:30\n", 20),
        ("107\na=rtpmap:107 opus/48000/2\na=ptime:60\n", 60),
        ("107\na=rtpmap:107 opus/48000/2\na=ptime:120\n", 60),
        ("107\na=rtpmap:107 opus/48000/2\na=ptime:3\n", 10),
        ("107\na=rtpmap:107 opus/48000/2\na=maxptime:10\n", 10),
        ("9\na=ptime:30\n", 30),
        ("97\na=rtpmap:97 L16/16000\na=ptime:30\n", 30),
        ("97\na=rtpmap:97 L16/48000\na=ptime:20\n", 10),
        ("10\na=ptime:20\n", 10),
    ];
    for (lines, ms) in rows {
        let lines = format!("m=audio 4000 RTP/AVP {lines}");
        let (text, agreed) = answer(&offered(&lines), &with_l16()).unwrap();
        assert_eq!(agreed.ptime_ms, ms, "{lines}");
        assert!(text.contains(&format!("a=ptime:{ms}\r\n")), "{text}");
    }
}

#[test]
fn we_agree_with_ourselves_on_every_codec() {
    for encoding in Encoding::ALL.into_iter().filter(|e| e.is_offered()) {
        let theirs = Ours {
            encodings: vec![encoding],
            ..ours()
        };
        let (text, callee) = answer(&offer(&with_l16()), &theirs).unwrap();
        let caller = accept(&with_l16(), &text).unwrap();
        for side in [caller, callee] {
            assert_eq!(side.encoding, encoding);
            assert_eq!(side.event_clock_rate, encoding.clock_rate());
            assert!(side.event_payload_type.is_some() && side.tx_event_payload_type.is_some());
            assert_eq!(side.opus.fec, encoding == Opus);
        }
    }
}

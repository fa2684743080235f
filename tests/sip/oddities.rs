//! Does what scanners, old adapters and broken proxies send get its right answer, or none?

use std::time::Duration;

use paging::sip::{Event, HowEnded, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::parts::{ANSWER, Named, Phone, Raw, header, none_left, to_tag};

#[tokio::test]
async fn options_is_answered_with_what_we_can_do() {
    let phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    raw.send(raw.request("OPTIONS", Named::first("o"), "", ""))
        .await;
    let ok = raw.receive_that(" 200 OK").await;
    assert!(header(&ok, "Allow").unwrap().contains("INVITE"));
    assert_eq!(header(&ok, "Accept"), Some("application/sdp"));
    assert_eq!(header(&ok, "Supported"), Some("100rel, replaces, timer"));
    assert_eq!(header(&ok, "User-Agent"), Some("paging/test"));
}

#[tokio::test]
async fn requests_that_cannot_be_served_are_told_why() {
    let phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let first = Named::first;
    let inside = Named {
        to_tag: Some("nobody"),
        ..first("i")
    };
    let pdf = "Content-Type: application/pdf\r\n";
    let table = [
        ("BYE", inside, "", "", " 481 ", None),
        ("INVITE", inside, "", "", " 481 ", None),
        ("BYE", first("b"), "", "", " 481 ", None),
        (
            "INVITE",
            first("r"),
            "Require: foo\r\n",
            "",
            " 420 ",
            Some(("Unsupported", "foo")),
        ),
        (
            "OPTIONS",
            first("r2"),
            "Require: a, b\r\n",
            "",
            " 420 ",
            Some(("Unsupported", "a, b")),
        ),
        (
            "INVITE",
            first("t"),
            pdf,
            "x",
            " 415 ",
            Some(("Accept", "application/sdp")),
        ),
        ("REGISTER", first("g"), "", "", " 405 ", None),
        ("MESSAGE", first("m"), "", "", " 405 ", None),
        ("CANCEL", first("c"), "", "", " 481 ", None),
    ];
    for (method, named, extra, body, status, wanted) in table {
        raw.send(raw.request(method, named, extra, body)).await;
        let answer = raw.receive().await;
        let line = answer.lines().next().unwrap();
        assert!(line.contains(status), "{method}: {line}");
        if let Some((name, value)) = wanted {
            assert_eq!(header(&answer, name), Some(value), "{method}");
        }
    }
    let wrong = raw
        .request("OPTIONS", first("n"), "", "")
        .replace("1 OPTIONS", "1 INVITE");
    raw.send(wrong).await;
    raw.receive_that(" 400 ").await;
    let short = raw
        .request("OPTIONS", first("l"), "", "")
        .replace("Length: 0", "Length: 9");
    raw.send(short).await;
    raw.receive_that(" 400 ").await;
}

#[tokio::test]
async fn sloppy_messages_are_understood() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let clean = |call| raw.request("INVITE", Named::first(call), "", ANSWER);
    let lengthless =
        |text: String| text.replace(&format!("Content-Length: {}\r\n", ANSWER.len()), "");
    let latin1 = clean("latin").replace("Raw", "B\u{1}ro").into_bytes();
    let latin1: Vec<u8> = latin1
        .into_iter()
        .map(|b| if b == 1 { 0xfc } else { b })
        .collect();
    let messages = [
        clean("lf")
            .replace("\r\n", "\n")
            .replacen("Content-Length", "X", 1)
            .into_bytes(),
        format!("\r\n\r\n{}", clean("crlf")).into_bytes(),
        lengthless(clean("length")).into_bytes(),
        latin1,
    ];
    for message in messages {
        raw.send(message).await;
        match phone.event().await {
            Event::Incoming {
                call,
                caller,
                offer,
                ..
            } => {
                assert!(offer.unwrap().starts_with("v=0"));
                assert!(matches!(caller.display.as_deref(), Some("Raw" | "Büro")));
                phone.endpoint.refuse(call, 486, "", None, None);
                assert!(matches!(phone.event().await, Event::Ended { .. }));
            }
            other => panic!("{other:?}"),
        }
    }
    let counts = phone.endpoint.counts();
    assert!(counts.repaired >= 3, "{counts:?}");
}

#[tokio::test]
async fn garbage_changes_nothing() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let mut seed = 1_u32;
    for length in 0..500_usize {
        let bytes: Vec<u8> = (0..length)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 24) as u8
            })
            .collect();
        raw.send(&bytes).await;
        // The receiver runs on this thread too, and the system's buffer is small.
        tokio::task::yield_now().await;
    }
    raw.send([b'A'; 20_000]).await;
    raw.send(raw.request("OPTIONS", Named::first("after"), "", ""))
        .await;
    let answer = raw.receive_that(" 200 ").await;
    assert_eq!(header(&answer, "Call-ID"), Some("after"));
    phone.quiet_for(Duration::from_millis(20)).await;
    let counts = phone.endpoint.counts();
    assert_eq!((counts.delivered, counts.refused), (1, 0), "{counts:?}");
}

#[tokio::test]
async fn mutilated_messages_leave_the_endpoint_whole() {
    let mut phone = Phone::quick().await;
    let mut raw = Raw::towards(phone.address(Transport::Udp)).await;
    let mut seed = 7_u32;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    for n in 0..3_000 {
        if n % 100 == 0 {
            // One that sent all of this would not be listened to for long.
            let ip = format!("127.0.2.{}", n / 100 + 1);
            raw = Raw::at(&ip, phone.address(Transport::Udp)).await;
        }
        let method = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "UPDATE"][random(6)];
        let call = format!("m{}", n / 6);
        let mut bytes = raw
            .request(method, Named::first(&call), "", ANSWER)
            .into_bytes();
        for _ in 0..=random(4) {
            let at = random(bytes.len().max(1));
            if bytes.is_empty() {
                break;
            }
            match random(4) {
                0 => bytes[at] = random(256) as u8,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b";:<>@\"\r\n,=%"[random(11)]),
                _ => bytes.truncate(at.max(1)),
            }
        }
        raw.send(bytes).await;
        tokio::task::yield_now().await;
        while let Some(event) = phone.event_at_hand() {
            if let Event::Incoming { call, .. } = event {
                phone.endpoint.refuse(call, 486, "", None, None);
            }
        }
    }
    while raw.hears_within(Duration::from_millis(50)).await {}
    raw.send(raw.request("OPTIONS", Named::first("after"), "", ""))
        .await;
    raw.receive_that(" 200 ").await;
    while let Some(event) = phone.event_at_hand() {
        if let Event::Incoming { call, .. } = event {
            phone.endpoint.refuse(call, 486, "", None, None);
        }
    }
    phone.settled().await;
    none_left("transactions", || phone.endpoint.n_transactions()).await;
}

#[tokio::test]
async fn a_cancel_before_ringing_ends_the_call_with_487() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    raw.send(raw.request("INVITE", Named::first("c"), "", ""))
        .await;
    raw.send(raw.request("CANCEL", Named::first("c"), "", ""))
        .await;
    let (call, _) = phone.incoming().await;
    let how = HowEnded::Cancelled;
    assert_eq!(
        phone.event().await,
        Event::Ended {
            call,
            how,
            reason: None
        }
    );
    raw.receive_that(" 200 ").await;
    let end = raw.receive_that(" 487 ").await;
    raw.send(raw.request(
        "ACK",
        Named {
            to_tag: Some(to_tag(&end)),
            ..Named::first("c")
        },
        "",
        "",
    ))
    .await;
    phone.settled().await;
    phone.endpoint.answer(call, ANSWER.to_owned());
    phone.quiet_for(Duration::from_millis(30)).await;
}

#[tokio::test]
async fn a_stream_survives_pings_pieces_and_one_bad_message() {
    let phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Tcp)).await;
    let mut stream = TcpStream::connect(phone.address(Transport::Tcp))
        .await
        .unwrap();
    let mut buffer = vec![0; 4_096];

    stream.write_all(b"\r\n\r\n").await.unwrap();
    let n = stream.read(&mut buffer).await.unwrap();
    assert_eq!(&buffer[..n], b"\r\n");

    stream
        .write_all(b"NONSENSE sip:x SIP/2.0\r\n\r\n")
        .await
        .unwrap();
    let options = raw
        .request("OPTIONS", Named::first("p"), "", "")
        .replace("/UDP", "/TCP");
    for piece in options.as_bytes().chunks(7) {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let n = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..n].starts_with(b"SIP/2.0 200 OK"));
    assert_eq!(phone.endpoint.counts().malformed, 1);

    stream
        .write_all(b"OPTIONS sip:x SIP/2.0\r\nContent-Length: x\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(stream.read(&mut buffer).await.unwrap(), 0, "closed");
}

#[tokio::test]
async fn a_caller_whose_stream_breaks_is_gone() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Tcp)).await;
    let mut stream = TcpStream::connect(phone.address(Transport::Tcp))
        .await
        .unwrap();
    let invite = raw
        .request("INVITE", Named::first("g"), "", "")
        .replace("/UDP", "/TCP");
    stream.write_all(invite.as_bytes()).await.unwrap();
    let (call, _) = phone.incoming().await;
    drop(stream);
    match phone.event().await {
        Event::Ended {
            call: over,
            how: HowEnded::Failed(_),
            ..
        } => assert_eq!(over, call),
        other => panic!("{other:?}"),
    }
    phone.settled().await;
}

#[tokio::test]
async fn a_call_that_comes_by_two_ways_is_one_call() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let invite = raw.request("INVITE", Named::first("two"), "", "");
    raw.send(&invite).await;
    let (call, _) = phone.incoming().await;
    raw.send(&invite).await;
    raw.send(invite.replace("branch=z9hG4bK", "branch=z9hG4bKother"))
        .await;
    let merged = raw.receive_that(" 482 ").await;
    assert!(header(&merged, "Via").unwrap().contains("other"));
    phone.quiet_for(Duration::from_millis(30)).await;
    phone.endpoint.answer(call, ANSWER.to_owned());
    raw.receive_that(" 200 ").await;
}

#[tokio::test]
async fn a_caller_without_a_tag_is_called_back_without_one() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let untagged = |text: String| text.replace(";tag=raw", "");
    let from = format!("\"Raw\" <sip:raw@{}>", raw.local());
    for call in ["theirs", "ours"] {
        raw.send(untagged(raw.request("INVITE", Named::first(call), "", "")))
            .await;
        let (id, _) = phone.incoming().await;
        phone.endpoint.answer(id, ANSWER.to_owned());
        let ok = raw.receive_that(" 200 ").await;
        assert_eq!(header(&ok, "From"), Some(from.as_str()));
        let inside = |seq| Named {
            seq,
            to_tag: Some(to_tag(&ok)),
            ..Named::first(call)
        };
        raw.send(untagged(raw.request("ACK", inside(1), "", "")))
            .await;
        assert!(matches!(phone.event().await, Event::Confirmed { .. }));
        if call == "theirs" {
            raw.send(untagged(raw.request("BYE", inside(2), "", "")))
                .await;
            raw.receive_that(" 200 ").await;
        } else {
            phone.endpoint.hang_up(id, "over");
            let bye = raw.receive_that("BYE ").await;
            assert_eq!(header(&bye, "To"), Some(from.as_str()));
        }
        assert!(matches!(phone.event().await, Event::Ended { .. }));
    }
}

#[tokio::test]
async fn a_stream_that_cannot_be_followed_is_told_why_and_closed() {
    let phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    for (length, status) in [("-5", " 400 "), ("x", " 400 "), ("70000", " 513 ")] {
        let to = phone.address(Transport::Tcp);
        let mut stream = TcpStream::connect(to).await.unwrap();
        let broken = raw
            .request("OPTIONS", Named::first("s"), "", "")
            .replace("Length: 0", &format!("Length: {length}"));
        stream.write_all(broken.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.lines().next().unwrap().contains(status), "{answer}");
    }
}

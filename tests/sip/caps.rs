//! Is what strangers can take bounded, and what is sent to them no more than they sent?

use std::time::Duration;

use paging::sip::{Callers, Caps, Event, HowEnded, Settings, Transport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::parts::{ANSWER, Named, OFFER, Phone, Raw, none_left, to_tag};
use crate::users::{bob, guarded};

const SDP: &str = "Content-Type: application/sdp\r\n";

/// What an answer may have more than its request: our tag, where the request came from, a hint.
const SLACK: usize = 128;

fn capped(caps: Caps, callers: Callers) -> Settings {
    Settings {
        caps,
        ..guarded(callers)
    }
}

/// How much comes back until nothing has come for a while; 64 × T1 is 1.28 s.
async fn bytes_back(raw: &Raw) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let Some(length) = raw.length_within(Duration::from_millis(1_500)).await {
        lengths.push(length);
    }
    lengths
}

#[tokio::test]
async fn a_stranger_is_answered_with_hardly_more_than_it_sent() {
    for callers in [Callers::default(), bob()] {
        let phone = Phone::start(guarded(callers)).await;
        let methods = [
            ("OPTIONS", ""),
            ("REGISTER", ""),
            ("BYE", ""),
            ("MESSAGE", ""),
            ("SUBSCRIBE", "Event: presence\r\n"),
            ("NOTIFY", "Event: presence\r\n"),
            ("UPDATE", ""),
            ("CANCEL", ""),
            ("FROBNICATE", ""),
            ("OPTIONS", "Require: frobnication\r\n"),
            ("OPTIONS", "Max-Forwards: 0\r\n"),
        ];
        for (n, (method, extra)) in methods.into_iter().enumerate() {
            let raw = Raw::at(&format!("127.9.0.{}", n + 1), phone.address(Transport::Udp)).await;
            let request = raw.request(method, Named::first(&format!("a{n}")), extra, "");
            raw.send(&request).await;
            let first = raw.length_within(Duration::from_secs(5)).await;
            let Some(first) = first else {
                continue;
            };
            assert!(
                first <= request.len() + SLACK,
                "{method}: {first} bytes for {}",
                request.len()
            );
            // The same again brings the same again, and nothing by itself.
            raw.send(&request).await;
            let again = raw.length_within(Duration::from_secs(5)).await;
            assert!(again.is_none_or(|again| again <= request.len() + SLACK));
            let more = raw.length_within(Duration::from_millis(100)).await;
            assert_eq!(more, None, "{method}");
        }
    }
}

/// The answer to a call is sent again and again until it is confirmed, and then comes a BYE.
#[tokio::test]
async fn a_call_in_the_name_of_another_brings_it_three_times_what_was_sent_at_most() {
    for answered in [true, false] {
        let mut phone = Phone::start(guarded(Callers::default())).await;
        let raw = Raw::at("127.9.1.1", phone.address(Transport::Udp)).await;
        let invite = raw.request("INVITE", Named::first("victim"), SDP, OFFER);
        raw.send(&invite).await;
        let (call, _) = phone.incoming().await;
        match answered {
            true => phone.endpoint.answer(call, ANSWER.to_owned()),
            false => phone.endpoint.refuse(call, 603, "", None, None),
        }
        let back = bytes_back(&raw).await;
        assert!(back.len() > 1, "{back:?}");
        let sum: usize = back.iter().sum();
        assert!(
            sum <= (3 * invite.len()).max(1_500),
            "{back:?} for {}",
            invite.len()
        );
        assert!(phone.endpoint.counts().withheld > 0);
    }
}

/// Whoever repeats our tag hears us: from then on nothing is withheld.
#[tokio::test]
async fn who_has_confirmed_a_call_is_told_all() {
    let mut phone = Phone::start(guarded(Callers::default())).await;
    let raw = Raw::at("127.9.2.1", phone.address(Transport::Udp)).await;
    let call = |name: &str| raw.request("INVITE", Named::first(name), SDP, OFFER);
    raw.send(call("c1")).await;
    let (first, _) = phone.incoming().await;
    phone.endpoint.answer(first, ANSWER.to_owned());
    let answer = raw.receive_that("200").await;
    let inside = Named {
        call: "c1",
        seq: 1,
        to_tag: Some(to_tag(&answer)),
    };
    raw.send(raw.request("ACK", inside, "", "")).await;
    assert!(matches!(phone.event().await, Event::Confirmed { .. }));

    raw.send(call("c2")).await;
    let (second, _) = phone.incoming().await;
    phone.endpoint.answer(second, ANSWER.to_owned());
    let sum: usize = bytes_back(&raw).await.iter().sum();
    assert!(sum > 4 * call("c2").len(), "only {sum} bytes");
    assert_eq!(phone.endpoint.counts().withheld, 0);
}

#[tokio::test]
async fn calls_that_nobody_confirms_make_room_for_others() {
    let callers = Callers {
        half_open: Some(3),
        ..Callers::default()
    };
    let mut phone = Phone::start(Settings {
        timing: paging::sip::Timing::default(),
        ..guarded(callers)
    })
    .await;
    let to = phone.address(Transport::Udp);
    let known = Raw::at("127.9.3.100", to).await;
    let confirmed = answered(&mut phone, &known, "known").await;
    let inside = Named {
        call: "known",
        seq: 1,
        to_tag: Some(&confirmed),
    };
    known.send(known.request("ACK", inside, "", "")).await;
    assert!(matches!(phone.event().await, Event::Confirmed { .. }));

    let mut strangers = Vec::new();
    for n in 0..3 {
        let raw = Raw::at(&format!("127.9.3.{}", n + 1), to).await;
        answered(&mut phone, &raw, &format!("s{n}")).await;
        strangers.push(raw);
    }
    let full = Instant::now();
    let late = Raw::at("127.9.3.50", to).await;
    let invite = late.request("INVITE", Named::first("late"), SDP, OFFER);
    late.send(&invite).await;
    let refused = late.receive_that("503").await;
    assert!(refused.contains("Call-ID: late"));
    assert_eq!(phone.endpoint.counts().beyond_caps, 1);
    // Who has confirmed a call before needs no place.
    answered(&mut phone, &known, "again").await;

    tokio::time::sleep_until(full + Duration::from_millis(2_100)).await;
    let later = Raw::at("127.9.3.51", to).await;
    later
        .send(later.request("INVITE", Named::first("later"), SDP, OFFER))
        .await;
    let (mut has_room, mut has_gone) = (false, false);
    while !(has_room && has_gone) {
        match phone.event().await {
            Event::Incoming { .. } => has_room = true,
            Event::Ended {
                how: HowEnded::Failed(why),
                ..
            } => {
                assert!(why.contains("not confirmed"), "{why}");
                has_gone = true;
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A call that is answered and not confirmed; our tag.
async fn answered(phone: &mut Phone, raw: &Raw, name: &str) -> String {
    raw.send(raw.request("INVITE", Named::first(name), SDP, OFFER))
        .await;
    let (call, _) = phone.incoming().await;
    phone.endpoint.answer(call, ANSWER.to_owned());
    loop {
        let answer = raw.receive_that("200").await;
        if answer.contains(&format!("Call-ID: {name}\r\n")) {
            return to_tag(&answer).to_owned();
        }
    }
}

#[tokio::test]
async fn beyond_the_cap_on_transactions_nothing_is_taken_until_some_are_over() {
    let caps = Caps {
        transactions: 4,
        ..Caps::default()
    };
    let mut phone = Phone::start(capped(caps, Callers::default())).await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let mut calls = Vec::new();
    for n in 0..8 {
        raw.send(raw.request("INVITE", Named::first(&format!("t{n}")), SDP, OFFER))
            .await;
        raw.hears_within(Duration::from_millis(200)).await;
    }
    none_left("invitations to turn away", || {
        3_usize.saturating_sub(phone.endpoint.counts().beyond_caps as usize)
    })
    .await;
    while let Some(event) = phone.event_at_hand() {
        match event {
            Event::Incoming { call, .. } => calls.push(call),
            other => panic!("{other:?}"),
        }
    }
    assert!(
        (4..=5).contains(&calls.len()),
        "{} were let in",
        calls.len()
    );
    for call in calls {
        phone.endpoint.refuse(call, 603, "", None, None);
        assert!(matches!(phone.event().await, Event::Ended { .. }));
    }
    none_left("transactions", || phone.endpoint.n_transactions()).await;
    raw.send(raw.request("INVITE", Named::first("more"), SDP, OFFER))
        .await;
    phone.incoming().await;
}

#[tokio::test]
async fn connections_beyond_the_cap_are_closed_and_counted() {
    let caps = Caps {
        streams: 3,
        ..Caps::default()
    };
    let phone = Phone::start(capped(caps, Callers::default())).await;
    let to = phone.address(Transport::Tcp);
    let mut streams = Vec::new();
    for _ in 0..5 {
        streams.push(TcpStream::connect(to).await.unwrap());
    }
    for stream in &mut streams[3..] {
        assert!(is_closed(stream).await);
    }
    assert_eq!(phone.endpoint.counts().beyond_caps, 2);
    streams.truncate(2);
    // A place is free once the end of the third is noticed.
    loop {
        let mut next = TcpStream::connect(to).await.unwrap();
        next.write_all(b"\r\n\r\n").await.unwrap();
        let mut pong = [0; 2];
        let read = timeout(Duration::from_secs(5), next.read_exact(&mut pong)).await;
        if matches!(read, Ok(Ok(2))) {
            return;
        }
    }
}

#[tokio::test]
async fn who_connects_and_never_finishes_a_message_is_cut_off() {
    let caps = Caps {
        whole_for: Duration::from_millis(400),
        ..Caps::default()
    };
    let phone = Phone::start(capped(caps, Callers::default())).await;
    let to = phone.address(Transport::Tcp);
    let mut silent = TcpStream::connect(to).await.unwrap();
    let mut slow = TcpStream::connect(to).await.unwrap();
    let slowly = async {
        // A byte now and then wins no time.
        for byte in b"OPTIONS sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1" {
            if slow.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        is_closed(&mut slow).await
    };
    let (silent, slow) = tokio::join!(is_closed(&mut silent), slowly);
    assert!(silent && slow);
    assert_eq!(phone.endpoint.counts().unfinished, 2);
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    let read = timeout(Duration::from_secs(10), stream.read(&mut [0; 64])).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

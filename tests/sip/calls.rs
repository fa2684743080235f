//! Do calls between two endpoints of ours begin, change and end as they should?

use std::time::Duration;

use paging::base::CallId;
use paging::sip::{Endpoint, Event, HowEnded, Reason, Settings, Transport, Wish};
use tokio::sync::mpsc;

use crate::parts::{ANSWER, Named, OFFER, Phone, QUICK, Raw, header, none_left, on, to_tag};

/// A call between two phones that is answered and confirmed.
async fn talking(transport: Transport) -> (Phone, CallId, Phone, CallId) {
    let (mut caller, mut called) = (Phone::new().await, Phone::new().await);
    let ours = caller.dial(transport, called.address(transport));
    let (theirs, offer) = called.incoming().await;
    assert_eq!(offer.as_deref(), Some(OFFER));
    called.endpoint.ringing(theirs);
    assert_eq!(caller.event().await, Event::Ringing { call: ours });
    called.endpoint.answer(theirs, ANSWER.to_owned());
    let answer = Some(ANSWER.to_owned());
    assert_eq!(caller.event().await, Event::Answered { call: ours, answer });
    let confirmed = Event::Confirmed {
        call: theirs,
        answer: None,
    };
    assert_eq!(called.event().await, confirmed);
    (caller, ours, called, theirs)
}

fn ended(call: CallId, how: HowEnded) -> Event {
    let reason = None;
    Event::Ended { call, how, reason }
}

/// Ended by the peer, for a reason that one of ours gives.
fn ended_for(call: CallId, how: HowEnded, cause: u16, text: &str) -> Event {
    let reason = Some(Reason {
        protocol: "SIP".to_owned(),
        cause: Some(cause),
        text: text.to_owned(),
    });
    Event::Ended { call, how, reason }
}

#[tokio::test]
async fn a_call_is_answered_and_hung_up_by_either_side_over_udp_and_tcp() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (mut caller, ours, mut called, theirs) = talking(transport).await;
        caller.endpoint.hang_up(ours, "done");
        assert_eq!(caller.event().await, ended(ours, HowEnded::ByUs));
        assert_eq!(
            called.event().await,
            ended_for(theirs, HowEnded::HungUp, 200, "done")
        );
        caller.settled().await;
        called.settled().await;

        let (mut caller, ours, mut called, theirs) = talking(transport).await;
        called.endpoint.hang_up(theirs, "time is up");
        assert_eq!(called.event().await, ended(theirs, HowEnded::ByUs));
        assert_eq!(
            caller.event().await,
            ended_for(ours, HowEnded::HungUp, 200, "time is up")
        );
        caller.settled().await;
        called.settled().await;
    }
}

#[tokio::test]
async fn ipv6_works_beside_ipv4_on_one_port() {
    let both = || async {
        let mut settings = Settings {
            timing: QUICK,
            ..Settings::default()
        };
        for address in ["127.0.0.1:0", "[::1]:0"] {
            settings.listen.push(on(Transport::Udp, address));
            settings.listen.push(on(Transport::Tcp, address));
        }
        Phone::start(settings).await
    };
    let (mut caller, mut called) = (both().await, both().await);
    for to in called.endpoint.listening().to_vec() {
        let ours = caller.dial(to.transport, to.address);
        match called.event().await {
            Event::Incoming { call, source, .. } => {
                assert_eq!(source.is_ipv6(), to.address.is_ipv6());
                called.endpoint.answer(call, ANSWER.to_owned());
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(caller.event().await, Event::Answered { .. }));
        assert!(matches!(called.event().await, Event::Confirmed { .. }));
        caller.endpoint.hang_up(ours, "");
        assert!(matches!(caller.event().await, Event::Ended { .. }));
        assert!(matches!(called.event().await, Event::Ended { .. }));
    }
}

#[tokio::test]
async fn both_may_hang_up_at_once() {
    let (mut caller, ours, mut called, theirs) = talking(Transport::Udp).await;
    caller.endpoint.hang_up(ours, "a");
    called.endpoint.hang_up(theirs, "b");
    assert!(matches!(caller.event().await, Event::Ended { .. }));
    assert!(matches!(called.event().await, Event::Ended { .. }));
    caller.settled().await;
    called.settled().await;
    caller.quiet_for(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn the_caller_may_give_up_at_any_moment() {
    for ring in [false, true] {
        let (mut caller, mut called) = (Phone::new().await, Phone::new().await);
        let ours = caller.dial(Transport::Udp, called.address(Transport::Udp));
        let (theirs, _) = called.incoming().await;
        if ring {
            called.endpoint.ringing(theirs);
            assert_eq!(caller.event().await, Event::Ringing { call: ours });
        }
        caller.endpoint.hang_up(ours, "changed my mind");
        assert_eq!(caller.event().await, ended(ours, HowEnded::ByUs));
        assert_eq!(
            called.event().await,
            ended_for(theirs, HowEnded::Cancelled, 487, "changed my mind")
        );
        called.settled().await;
        caller.quiet_for(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn giving_up_at_once_leaves_no_call_behind() {
    let (mut caller, mut called) = (Phone::new().await, Phone::new().await);
    let ours = caller.dial(Transport::Udp, called.address(Transport::Udp));
    caller.endpoint.hang_up(ours, "wrong number");
    assert_eq!(caller.event().await, ended(ours, HowEnded::ByUs));
    called.quiet_for(Duration::from_millis(50)).await;
    assert_eq!(
        (caller.endpoint.n_dialogs(), called.endpoint.n_dialogs()),
        (0, 0)
    );
}

#[tokio::test]
async fn an_answer_that_crosses_a_cancel_is_hung_up() {
    let (mut caller, mut called) = (Phone::quick().await, Phone::quick().await);
    let ours = caller.dial(Transport::Udp, called.address(Transport::Udp));
    let (theirs, _) = called.incoming().await;
    called.endpoint.answer(theirs, ANSWER.to_owned());
    caller.endpoint.hang_up(ours, "too late");
    loop {
        match caller.event().await {
            Event::Ended { call, .. } if call == ours => break,
            Event::Answered { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    while !matches!(called.event().await, Event::Ended { .. }) {}
    caller.settled().await;
    called.settled().await;
}

#[tokio::test]
async fn a_refusal_carries_status_reason_warning_and_time() {
    let (mut caller, mut called) = (Phone::new().await, Phone::new().await);
    let ours = caller.dial(Transport::Tcp, called.address(Transport::Tcp));
    let (theirs, _) = called.incoming().await;
    called
        .endpoint
        .refuse(theirs, 486, "All Lines Busy", None, None);
    let reason = "All Lines Busy".to_owned();
    assert_eq!(
        caller.event().await,
        Event::Refused {
            call: ours,
            status: 486,
            reason,
            retry_after: None,
        }
    );
    assert_eq!(called.event().await, ended(theirs, HowEnded::ByUs));

    let raw = Raw::towards(called.address(Transport::Udp)).await;
    raw.send(raw.request("INVITE", Named::first("w"), "", ""))
        .await;
    let (theirs, offer) = called.incoming().await;
    assert_eq!(offer, None);
    let warning = Some("no \"sound\"".to_owned());
    let retry = Some(Duration::from_secs(30));
    called.endpoint.refuse(theirs, 503, "", warning, retry);
    let answer = raw.receive_that(" 503 Service Unavailable").await;
    assert_eq!(header(&answer, "Retry-After"), Some("30"));
    assert!(
        header(&answer, "Warning")
            .unwrap()
            .ends_with(r#""no \"sound\"""#)
    );
    called.settled().await;
}

#[tokio::test]
async fn nobody_there_is_a_refusal_too() {
    let mut caller = Phone::quick().await;
    for (target, wanted) in [
        ("sip:1@127.0.0.1:1;transport=tcp", 503),
        ("sip:1@127.0.0.1:1", 408),
        ("sip:1@no.such.name.invalid", 503),
        ("sip:1@127.0.0.1;transport=sctp", 416),
    ] {
        let ours = caller.endpoint.new_call();
        caller.endpoint.dial(ours, target, None, OFFER.to_owned());
        match caller.event().await {
            Event::Refused {
                call,
                status,
                reason,
                ..
            } => {
                assert_eq!((call, status), (ours, wanted), "{target}: {reason}");
            }
            other => panic!("{other:?}"),
        }
    }
    let ours = caller.endpoint.new_call();
    caller
        .endpoint
        .dial(ours, "1", Some("none"), OFFER.to_owned());
    assert!(matches!(
        caller.event().await,
        Event::Refused { status: 404, .. }
    ));
}

#[tokio::test]
async fn a_late_offer_is_answered_in_the_ack() {
    let mut called = Phone::new().await;
    let raw = Raw::towards(called.address(Transport::Udp)).await;
    raw.send(raw.request("INVITE", Named::first("late"), "", ""))
        .await;
    let (call, offer) = called.incoming().await;
    assert_eq!(offer, None);
    called.endpoint.answer(call, OFFER.to_owned());
    let ok = raw.receive_that(" 200 ").await;
    assert!(ok.ends_with(OFFER));
    let inside = Named {
        to_tag: Some(to_tag(&ok)),
        ..Named::first("late")
    };
    let sdp = "Content-Type: application/sdp\r\n";
    raw.send(raw.request("ACK", inside, sdp, ANSWER)).await;
    let answer = Some(ANSWER.to_owned());
    assert_eq!(called.event().await, Event::Confirmed { call, answer });

    // The same inside the call.
    let again = Named { seq: 2, ..inside };
    raw.send(raw.request("INVITE", again, "", "")).await;
    assert_eq!(called.event().await, Event::Reoffer { call, offer: None });
    called.endpoint.answer_offer(call, Ok(OFFER.to_owned()));
    assert!(raw.receive_that(" 200 ").await.ends_with(OFFER));
    raw.send(raw.request("ACK", again, sdp, ANSWER)).await;
    let answer = Some(ANSWER.to_owned());
    assert_eq!(called.event().await, Event::Confirmed { call, answer });

    raw.send(raw.request("BYE", Named { seq: 3, ..inside }, "", ""))
        .await;
    assert_eq!(called.event().await, ended(call, HowEnded::HungUp));
    called.settled().await;
}

#[tokio::test]
async fn offers_inside_a_call_are_the_applications_to_answer() {
    let mut called = Phone::new().await;
    let raw = Raw::towards(called.address(Transport::Udp)).await;
    let sdp = "Content-Type: application/sdp\r\n";
    raw.send(raw.request("INVITE", Named::first("hold"), sdp, OFFER))
        .await;
    let (call, _) = called.incoming().await;
    called.endpoint.answer(call, ANSWER.to_owned());
    let ok = raw.receive_that(" 200 ").await;
    let tag = to_tag(&ok).to_owned();
    let at = |seq| Named {
        call: "hold",
        seq,
        to_tag: Some(&tag),
    };
    raw.send(raw.request("ACK", at(1), "", "")).await;
    assert!(matches!(called.event().await, Event::Confirmed { .. }));

    for (seq, method) in [(2, "INVITE"), (3, "UPDATE")] {
        raw.send(raw.request(method, at(seq), sdp, OFFER)).await;
        let offer = Some(OFFER.to_owned());
        assert_eq!(called.event().await, Event::Reoffer { call, offer });
        called.endpoint.answer_offer(call, Ok(ANSWER.to_owned()));
        let ok = raw.receive_that(" 200 ").await;
        assert!(ok.ends_with(ANSWER) && header(&ok, "Contact").is_some());
        if method == "INVITE" {
            raw.send(raw.request("ACK", at(seq), "", "")).await;
        }
    }

    // A second one while the first is open has to wait; a cancelled one changes nothing.
    raw.send(raw.request("INVITE", at(4), sdp, OFFER)).await;
    assert!(matches!(called.event().await, Event::Reoffer { .. }));
    raw.send(raw.request("UPDATE", at(5), sdp, OFFER)).await;
    raw.receive_that(" 500 ").await;
    raw.send(raw.request("CANCEL", at(4), "", "")).await;
    raw.receive_that(" 487 ").await;
    raw.send(raw.request("ACK", at(4), "", "")).await;

    // A refused one leaves the call as it was.
    raw.send(raw.request("INVITE", at(6), sdp, OFFER)).await;
    assert!(matches!(called.event().await, Event::Reoffer { .. }));
    called.endpoint.answer_offer(call, Err(488));
    raw.receive_that(" 488 ").await;
    raw.send(raw.request("ACK", at(6), "", "")).await;

    // What asks for nothing is answered without asking.
    raw.send(raw.request("UPDATE", at(7), "", "")).await;
    raw.receive_that(" 200 ").await;
    raw.send(raw.request("OPTIONS", at(8), "", "")).await;
    assert!(header(&raw.receive_that(" 200 ").await, "Allow").is_some());
    raw.send(raw.request("REFER", at(9), "", "")).await;
    raw.receive_that(" 603 ").await;
    raw.send(raw.request("UPDATE", at(7), "x: y\r\n", "")).await;

    called.endpoint.hang_up(call, "time is \"up\"");
    let bye = raw.receive_that("BYE ").await;
    assert_eq!(
        header(&bye, "Reason"),
        Some(r#"SIP;cause=200;text="time is \"up\"""#)
    );
    assert_eq!(called.event().await, ended(call, HowEnded::ByUs));
}

#[tokio::test]
async fn a_lost_ack_brings_the_answer_again_and_ends_in_a_bye() {
    let mut called = Phone::quick().await;
    let raw = Raw::towards(called.address(Transport::Udp)).await;
    raw.send(raw.request("INVITE", Named::first("noack"), "", ""))
        .await;
    let (call, _) = called.incoming().await;
    called.endpoint.answer(call, OFFER.to_owned());
    for _ in 0..3 {
        raw.receive_that(" 200 ").await;
    }
    let bye = raw.receive_that("BYE ").await;
    assert_eq!(called.event().await, ended(call, HowEnded::NoAck));
    let ok = bye.replacen(bye.lines().next().unwrap(), "SIP/2.0 200 OK", 1);
    raw.send(ok).await;
    called.settled().await;
}

#[tokio::test]
async fn hanging_up_before_the_ack_waits_for_it() {
    let mut called = Phone::new().await;
    let raw = Raw::towards(called.address(Transport::Udp)).await;
    raw.send(raw.request("INVITE", Named::first("early"), "", ""))
        .await;
    let (call, _) = called.incoming().await;
    called.endpoint.answer(call, OFFER.to_owned());
    called.endpoint.hang_up(call, "at once");
    assert_eq!(called.event().await, ended(call, HowEnded::ByUs));
    let ok = raw.receive_that(" 200 ").await;
    let inside = Named {
        to_tag: Some(to_tag(&ok)),
        ..Named::first("early")
    };
    raw.send(raw.request("ACK", inside, "", "")).await;
    raw.receive_that("BYE ").await;
}

#[tokio::test]
async fn a_thousand_calls_leave_nothing_behind() {
    let (mut caller, mut called) = (Phone::quick().await, Phone::quick().await);
    let to = called.address(Transport::Udp);
    let (n, mut n_dialled, mut n_over) = (1_000, 0, 0);
    while n_over < n {
        // With timers this short, a message must not wait long in the system's buffer.
        while n_dialled < (n_over + 50).min(n) {
            caller.dial(Transport::Udp, to);
            n_dialled += 1;
        }
        tokio::select! {
            event = caller.event() => match event {
                Event::Answered { call, .. } if call.0 % 2 == 0 => {
                    caller.endpoint.hang_up(call, "");
                }
                Event::Answered { .. } => {}
                Event::Ended { .. } | Event::Refused { .. } => n_over += 1,
                other => panic!("{other:?}"),
            },
            event = called.event() => match event {
                Event::Incoming { call, .. } if call.0 % 10 == 0 => {
                    called.endpoint.refuse(call, 486, "", None, None);
                }
                Event::Incoming { call, .. } => called.endpoint.answer(call, ANSWER.to_owned()),
                Event::Confirmed { call, .. } => called.endpoint.hang_up(call, ""),
                Event::Ended { .. } => {}
                other => panic!("{other:?}"),
            },
        }
    }
    caller.settled().await;
    called.settled().await;
    none_left("transactions", || caller.endpoint.n_transactions()).await;
    none_left("transactions", || called.endpoint.n_transactions()).await;
}

#[tokio::test]
async fn forked_answers_beyond_the_first_are_sent_away() {
    let mut caller = Phone::new().await;
    let raw = Raw::towards(caller.address(Transport::Udp)).await;
    let ours = caller.dial(Transport::Udp, raw.local());
    let invite = raw.receive_that("INVITE ").await;
    let answer = |tag: &str| {
        let headers: String = invite
            .lines()
            .filter(|l| {
                ["Via:", "From:", "Call-ID:", "CSeq:"]
                    .iter()
                    .any(|n| l.starts_with(n))
            })
            .map(|l| format!("{l}\r\n"))
            .collect();
        let to = header(&invite, "To").unwrap();
        format!(
            "SIP/2.0 200 OK\r\n{headers}To: {to};tag={tag}\r\nContact: <sip:{tag}@{}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{ANSWER}",
            raw.local(),
            ANSWER.len(),
        )
    };
    raw.send(answer("one")).await;
    let ack = raw.receive_that("ACK ").await;
    assert_eq!(to_tag(&ack), "one");
    assert!(matches!(caller.event().await, Event::Answered { .. }));

    // The ACK got lost.
    raw.send(answer("one")).await;
    assert_eq!(to_tag(&raw.receive_that("ACK ").await), "one");

    raw.send(answer("two")).await;
    let (ack, bye) = (
        raw.receive_that("ACK ").await,
        raw.receive_that("BYE ").await,
    );
    assert_eq!((to_tag(&ack), to_tag(&bye)), ("two", "two"));
    assert!(bye.starts_with("BYE sip:two@"));
    caller.quiet_for(Duration::from_millis(50)).await;
    caller.endpoint.hang_up(ours, "");
    assert_eq!(to_tag(&raw.receive_that("BYE sip:one@").await), "one");
}

#[tokio::test]
async fn the_wish_to_be_put_through_arrives() {
    let (caller, mut called) = (Phone::new().await, Phone::new().await);
    let target = format!("sip:100@{}", called.address(Transport::Udp));
    for (wish, wanted) in [(Wish::PickUp, Some(Duration::ZERO)), (Wish::Ring, None)] {
        let call = caller.endpoint.new_call();
        let offer = OFFER.to_owned();
        caller.endpoint.dial_with(call, &target, None, offer, wish);
        match called.event().await {
            Event::Incoming { auto_answer, .. } => assert_eq!(auto_answer, wanted),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_stopped_endpoint_says_goodbye_and_frees_its_ports() {
    let (mut caller, _, called, _) = talking(Transport::Udp).await;
    let listening = called.endpoint.listening().to_vec();
    let second = caller.dial(Transport::Udp, listening[0].address);
    called.endpoint.stop().await;
    let (mut n_ended, mut n_refused) = (0, 0);
    for _ in 0..2 {
        match caller.event().await {
            Event::Ended { .. } => n_ended += 1,
            Event::Refused {
                call, status: 503, ..
            } if call == second => n_refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((n_ended, n_refused), (1, 1));
    let again = Settings {
        listen: listening,
        ..Settings::default()
    };
    let (tell, _events) = mpsc::unbounded_channel();
    Endpoint::start(again, tell).await.unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let phone = Phone::new().await;
    for transport in [Transport::Udp, Transport::Tcp] {
        let address = phone.address(transport);
        let settings = Settings {
            listen: vec![on(transport, &address.to_string())],
            ..Settings::default()
        };
        let (tell, _events) = mpsc::unbounded_channel();
        let why = Endpoint::start(settings, tell)
            .await
            .err()
            .unwrap()
            .to_string();
        assert_eq!(
            why,
            format!("{transport} {address} is in use by another program")
        );
    }
    let settings = Settings {
        listen: vec![on(Transport::Udp, "192.0.2.1:5060")],
        ..Settings::default()
    };
    let (tell, _events) = mpsc::unbounded_channel();
    let why = Endpoint::start(settings, tell)
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        why.starts_with("cannot listen on udp 192.0.2.1:5060: "),
        "{why}"
    );
}

#[tokio::test]
async fn a_wildcard_listener_shows_each_peer_the_address_it_can_reach() {
    let mut called = Phone::start(Settings {
        listen: vec![on(Transport::Udp, "0.0.0.0:0")],
        external_address: Some("192.0.2.7".parse().unwrap()),
        ..Settings::default()
    })
    .await;
    let port = called.address(Transport::Udp).port();
    let raw = Raw::towards(([127, 0, 0, 1], port).into()).await;
    raw.send(raw.request("INVITE", Named::first("any"), "", ""))
        .await;
    let (call, _) = called.incoming().await;
    called.endpoint.answer(call, OFFER.to_owned());
    let ok = raw.receive_that(" 200 ").await;
    let contact = format!("<sip:100@127.0.0.1:{port}>");
    assert_eq!(header(&ok, "Contact"), Some(contact.as_str()));
    assert_eq!(
        called.endpoint.address_for(raw.local()).to_string(),
        "127.0.0.1"
    );
    let far = called
        .endpoint
        .address_for("203.0.113.1:5060".parse().unwrap());
    assert_eq!(far.to_string(), "192.0.2.7");
    assert!(Endpoint::local_address_for(raw.local()).is_loopback());
}

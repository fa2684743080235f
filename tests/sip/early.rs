//! Is what is said before the answer heard, and by whom?

use paging::sip::{Event, HowEnded, Transport};

use crate::parts::{ANSWER, Named, OFFER, Phone, Raw, answer, header, seq, to_tag};

const SDP: &str = "Content-Type: application/sdp\r\n";

#[tokio::test]
async fn sound_before_the_answer_reaches_the_caller_reliably() {
    let (mut caller, mut called) = (Phone::new().await, Phone::new().await);
    for transport in [Transport::Udp, Transport::Tcp] {
        let ours = caller.dial(transport, called.address(transport));
        let (theirs, _) = called.incoming().await;
        called.endpoint.ringing(theirs);
        assert_eq!(caller.event().await, Event::Ringing { call: ours });
        called.endpoint.early_media(theirs, ANSWER.to_owned());
        let early = Event::EarlyMedia {
            call: ours,
            answer: ANSWER.to_owned(),
        };
        assert_eq!(caller.event().await, early);
        called.endpoint.answer(theirs, ANSWER.to_owned());
        let answer = Some(ANSWER.to_owned());
        assert_eq!(caller.event().await, Event::Answered { call: ours, answer });
        assert!(matches!(called.event().await, Event::Confirmed { .. }));
        // The PRACK has taken a number; the BYE needs the next one.
        caller.hang_up(ours, &mut called, theirs).await;
    }
    caller.settled().await;
    called.settled().await;
}

#[tokio::test]
async fn ringing_is_repeated_until_it_is_acknowledged_and_the_answer_waits() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let extra = format!("Require: 100rel\r\n{SDP}");
    raw.send(raw.request("INVITE", Named::first("rel"), &extra, OFFER))
        .await;
    let (call, _) = phone.incoming().await;
    phone.endpoint.ringing(call);
    let ringing = raw.receive_that(" 180 ").await;
    assert_eq!(header(&ringing, "Require"), Some("100rel"));
    let rseq: u32 = header(&ringing, "RSeq").unwrap().parse().unwrap();
    phone.endpoint.early_media(call, ANSWER.to_owned());
    let again = raw.receive_that("SIP/2.0 ").await;
    assert_eq!(again, ringing);

    let tag = to_tag(&ringing).to_owned();
    let at = |seq| Named {
        call: "rel",
        seq,
        to_tag: Some(&tag),
    };
    let prack = |number: u32, rseq: u32| {
        let rack = format!("RAck: {rseq} 1 INVITE\r\n");
        raw.request("PRACK", at(number), &rack, "")
    };
    raw.send(prack(2, rseq + 1)).await;
    raw.receive_that(" 481 ").await;
    raw.send(prack(3, rseq)).await;
    raw.receive_that(" 200 ").await;

    let sound = raw.receive_that(" 183 ").await;
    assert!(sound.ends_with(ANSWER));
    assert_eq!(
        header(&sound, "RSeq"),
        Some((rseq + 1).to_string().as_str())
    );
    phone.endpoint.answer(call, ANSWER.to_owned());
    assert!(raw.receive_that("SIP/2.0 ").await.contains(" 183 "));
    raw.send(prack(4, rseq + 1)).await;
    assert_eq!(seq(&raw.receive_that(" 200 ").await), 4);
    assert_eq!(seq(&raw.receive_that(" 200 ").await), 1);
    raw.send(raw.request("ACK", at(1), "", "")).await;
    assert!(matches!(phone.event().await, Event::Confirmed { .. }));
    // A late repeat finds nothing that waits.
    raw.send(prack(5, rseq + 1)).await;
    raw.receive_that(" 481 ").await;
}

#[tokio::test]
async fn ringing_that_nobody_acknowledges_ends_the_call() {
    let mut phone = Phone::quick().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    raw.send(raw.request("INVITE", Named::first("deaf"), "Require: 100rel\r\n", ""))
        .await;
    let (call, _) = phone.incoming().await;
    phone.endpoint.ringing(call);
    let refusal = raw.receive_that(" 504 ").await;
    let named = Named {
        to_tag: Some(to_tag(&refusal)),
        ..Named::first("deaf")
    };
    raw.send(raw.request("ACK", named, "", "")).await;
    match phone.event().await {
        Event::Ended { how, .. } => assert!(matches!(how, HowEnded::Failed(_)), "{how:?}"),
        other => panic!("{other:?}"),
    }
    phone.settled().await;
}

#[tokio::test]
async fn a_phone_of_the_plain_protocol_gets_plain_responses() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    raw.send(raw.request("INVITE", Named::first("plain"), SDP, OFFER))
        .await;
    let (call, _) = phone.incoming().await;
    phone.endpoint.early_media(call, ANSWER.to_owned());
    let sound = raw.receive_that(" 183 ").await;
    assert!(sound.ends_with(ANSWER) && header(&sound, "RSeq").is_none());
    phone.endpoint.answer(call, ANSWER.to_owned());
    raw.receive_that(" 200 ").await;

    // Who brings no offer has nothing that a 183 could answer.
    raw.send(raw.request("INVITE", Named::first("late"), "Supported: 100rel\r\n", ""))
        .await;
    let (call, _) = phone.incoming().await;
    phone.endpoint.early_media(call, OFFER.to_owned());
    let ringing = raw.receive_that(" 180 ").await;
    assert!(header(&ringing, "Content-Type").is_none());
}

#[tokio::test]
async fn every_phone_of_a_fork_is_acknowledged_and_the_first_answer_counts() {
    let mut caller = Phone::new().await;
    let raw = Raw::towards(caller.address(Transport::Udp)).await;
    let ours = caller.dial(Transport::Udp, raw.local());
    let invite = raw.receive_that("INVITE ").await;
    assert!(header(&invite, "Supported").unwrap().contains("100rel"));
    let contact = |tag: &str| format!("Contact: <sip:{tag}@{}>\r\n", raw.local());
    let rings = |tag: &str, rseq: u32, extra: &str, body: &str| {
        let extra = format!("{}Require: 100rel\r\nRSeq: {rseq}\r\n{extra}", contact(tag));
        answer(&invite, "183 Session Progress", tag, &extra, body)
    };
    raw.send(rings("one", 5, "", "")).await;
    let prack = raw.receive_that("PRACK sip:one@").await;
    assert_eq!(header(&prack, "RAck"), Some("5 1 INVITE"));
    assert_eq!((to_tag(&prack), seq(&prack)), ("one", 2));
    raw.send(answer(&prack, "200 OK", "", "", "")).await;
    assert_eq!(caller.event().await, Event::Ringing { call: ours });

    raw.send(rings("two", 77, SDP, ANSWER)).await;
    let prack = raw.receive_that("PRACK sip:two@").await;
    assert_eq!(header(&prack, "RAck"), Some("77 1 INVITE"));
    raw.send(answer(&prack, "200 OK", "", "", "")).await;
    assert!(matches!(caller.event().await, Event::EarlyMedia { .. }));

    // Asked while it rings.
    let inside = |seq| {
        let text = raw.request(
            "UPDATE",
            Named {
                call: header(&invite, "Call-ID").unwrap(),
                seq,
                to_tag: None,
            },
            "",
            "",
        );
        let (from, to) = (
            header(&invite, "From").unwrap(),
            header(&invite, "To").unwrap(),
        );
        let (old_from, old_to) = (header(&text, "From").unwrap(), header(&text, "To").unwrap());
        text.replace(&format!("To: {old_to}"), &format!("To: {from}"))
            .replace(&format!("From: {old_from}"), &format!("From: {to};tag=two"))
    };
    raw.send(inside(1)).await;
    raw.receive_that(" 200 ").await;

    // The answer came before; this phone does not repeat it.
    raw.send(answer(&invite, "200 OK", "two", &contact("two"), ""))
        .await;
    let ack = raw.receive_that("ACK ").await;
    assert_eq!((to_tag(&ack), seq(&ack)), ("two", 1));
    let answered = Event::Answered {
        call: ours,
        answer: Some(ANSWER.to_owned()),
    };
    assert_eq!(caller.event().await, answered);
    caller.endpoint.hang_up(ours, "");
    assert_eq!(seq(&raw.receive_that("BYE sip:two@").await), 3);
}

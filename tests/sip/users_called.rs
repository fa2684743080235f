//! Does a call to a user ring at all its phones, and does one of them get it?

use std::time::Duration;

use paging::base::CallId;
use paging::sip::{Event, Settings, Timing, Transport, UserState};

use crate::parts::{ANSWER, Named, OFFER, Phone, Raw, answer, header};
use crate::users::{bob, guarded, proof};

const SDP: &str = "Content-Type: application/sdp\r\n";

/// A phone of bob that says in its Contact that it is at an address where nobody is.
async fn phone(server: &Phone, name: &str, q: &str) -> Raw {
    let raw = Raw::towards(server.address(Transport::Udp)).await;
    let own = format!("Contact: <sip:raw@{}>\r\n", raw.local());
    let contact = format!("Contact: <sip:{name}@192.0.2.7:5060>{q}\r\n");
    let ask = async |seq, auth: &str| {
        let named = Named {
            call: name,
            seq,
            to_tag: None,
        };
        let text = raw.request("REGISTER", named, auth, "");
        let text = text.replace("To: <sip:100@", "To: <sip:bob@");
        raw.send(text.replace(&own, &contact)).await;
        raw.receive().await
    };
    let challenge = ask(1, "").await;
    let bound = ask(2, &proof(&challenge, "p:w%", "REGISTER", 1)).await;
    assert!(bound.starts_with("SIP/2.0 200"), "{bound}");
    raw
}

fn contact(raw: &Raw) -> String {
    format!("Contact: <sip:bob@{}>\r\n", raw.local())
}

/// Bob has two phones; the INVITEs that they get when bob is called.
async fn called() -> (Phone, CallId, [(Raw, String); 2]) {
    // With the usual timers: nothing is sent twice however busy the machine is.
    let timing = Timing::default();
    let mut server = Phone::start(Settings {
        timing,
        ..guarded(bob())
    })
    .await;
    let desk = phone(&server, "desk", "").await;
    let yard = phone(&server, "yard", ";q=0.3").await;
    let come = server.event().await;
    assert!(matches!(
        come,
        Event::User {
            state: UserState::Registered(_),
            ..
        }
    ));
    let call = server.endpoint.new_call();
    server.endpoint.dial(call, "bob", None, OFFER.to_owned());
    let first = desk.receive_that("INVITE").await;
    let second = yard.receive_that("INVITE").await;
    assert!(first.starts_with("INVITE sip:desk@192.0.2.7:5060 SIP/2.0"));
    assert!(second.starts_with("INVITE sip:yard@192.0.2.7:5060 SIP/2.0"));
    (server, call, [(desk, first), (yard, second)])
}

async fn ring(raw: &Raw, invite: &str, tag: &str) {
    raw.send(answer(invite, "180 Ringing", tag, &contact(raw), ""))
        .await;
}

#[tokio::test]
async fn the_first_to_answer_gets_the_call_and_the_others_show_none_missed() {
    let (mut server, call, [(desk, first), (yard, second)]) = called().await;
    ring(&desk, &first, "d").await;
    ring(&yard, &second, "y").await;
    assert_eq!(server.event().await, Event::Ringing { call });
    let extra = format!("{}{SDP}", contact(&yard));
    // Both ring before one answers: what is not heard of may not be cancelled.
    server.quiet_for(Duration::from_millis(100)).await;
    yard.send(answer(&second, "200 OK", "y", &extra, ANSWER))
        .await;
    assert!(matches!(server.event().await, Event::Answered { call: of, .. } if of == call));
    yard.receive_that("ACK").await;

    let cancel = desk.receive_that("CANCEL").await;
    let wanted = "SIP;cause=200;text=\"Call completed elsewhere\"";
    assert_eq!(header(&cancel, "Reason"), Some(wanted), "{cancel}");
    desk.send(answer(&cancel, "200 OK", "d", "", "")).await;
    desk.send(answer(&first, "487 Request Terminated", "d", "", ""))
        .await;
    desk.receive_that("ACK").await;

    server.quiet_for(Duration::from_millis(100)).await;
    server.endpoint.hang_up(call, "enough");
    assert!(matches!(server.event().await, Event::Ended { call: of, .. } if of == call));
    let bye = yard.receive_that("BYE").await;
    yard.send(answer(&bye, "200 OK", "y", "", "")).await;
    server.settled().await;
    assert_eq!(server.event_at_hand(), None);
}

#[tokio::test]
async fn a_phone_that_answers_as_well_is_thanked_and_sent_away() {
    let (mut server, call, phones) = called().await;
    for ((raw, invite), tag) in phones.iter().zip(["d", "y"]) {
        let extra = format!("{}{SDP}", contact(raw));
        raw.send(answer(invite, "200 OK", tag, &extra, ANSWER))
            .await;
    }
    assert!(matches!(server.event().await, Event::Answered { call: of, .. } if of == call));
    let mut n_gone = 0;
    for (raw, _) in &phones {
        raw.receive_that("ACK").await;
    }
    for (raw, _) in &phones {
        if raw.hears_within(Duration::from_millis(500)).await {
            n_gone += 1;
        }
    }
    assert_eq!(n_gone, 1, "one is told BYE, the other has the call");
    assert_eq!(server.event_at_hand(), None);
}

#[tokio::test]
async fn when_nobody_wants_it_the_best_answer_is_told_once() {
    let (mut server, call, [(desk, first), (yard, second)]) = called().await;
    desk.send(answer(&first, "503 Service Unavailable", "d", "", ""))
        .await;
    desk.receive_that("ACK").await;
    yard.send(answer(&second, "486 Busy Here", "y", "", ""))
        .await;
    let told = server.event().await;
    assert!(
        matches!(told, Event::Refused { call: of, status: 486, .. } if of == call),
        "{told:?}"
    );
    server.quiet_for(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn one_who_declines_for_all_is_believed() {
    let (mut server, call, [(desk, first), (yard, second)]) = called().await;
    ring(&desk, &first, "d").await;
    assert_eq!(server.event().await, Event::Ringing { call });
    yard.send(answer(&second, "603 Decline", "y", "", "")).await;
    let told = server.event().await;
    assert!(
        matches!(told, Event::Refused { status: 603, .. }),
        "{told:?}"
    );
    desk.receive_that("CANCEL").await;
    server.quiet_for(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn giving_up_ends_the_ringing_everywhere() {
    let (mut server, call, phones) = called().await;
    for ((raw, invite), tag) in phones.iter().zip(["d", "y"]) {
        ring(raw, invite, tag).await;
    }
    assert_eq!(server.event().await, Event::Ringing { call });
    server.quiet_for(Duration::from_millis(100)).await;
    server.endpoint.hang_up(call, "not any more");
    let told = server.event().await;
    assert!(
        matches!(told, Event::Ended { call: of, .. } if of == call),
        "{told:?}"
    );
    for (raw, _) in &phones {
        let cancel = raw.receive_that("CANCEL").await;
        assert!(header(&cancel, "Reason").unwrap().contains("cause=487"));
    }
    assert_eq!(server.event_at_hand(), None);
}

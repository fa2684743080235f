//! Does a call survive changes, and does it end when the other side is gone?

use std::time::Duration;

use paging::base::CallId;
use paging::sip::{Event, HowEnded, SessionTimer, Settings, Transport};

use crate::parts::{ANSWER, Named, OFFER, Phone, QUICK, Raw, answer, header, on, seq, to_tag};

const SDP: &str = "Content-Type: application/sdp\r\n";

async fn phone(expires: u64) -> Phone {
    Phone::start(Settings {
        listen: vec![on(Transport::Udp, "127.0.0.1:0")],
        session_timer: SessionTimer {
            expires: Some(Duration::from_secs(expires)),
            least: Duration::from_secs(1),
        },
        timing: QUICK,
        ..Settings::default()
    })
    .await
}

fn at<'a>(call: &'a str, seq: u32, tag: &'a str) -> Named<'a> {
    Named {
        call,
        seq,
        to_tag: Some(tag),
    }
}

/// A confirmed call of a raw peer, and its tag of ours.
async fn called(phone: &mut Phone, raw: &Raw, name: &str, extra: &str) -> (CallId, String, String) {
    let extra = format!("{extra}{SDP}");
    raw.send(raw.request("INVITE", Named::first(name), &extra, OFFER))
        .await;
    let (call, _) = phone.incoming().await;
    phone.endpoint.answer(call, ANSWER.to_owned());
    let ok = raw.receive_that(" 200 ").await;
    let tag = to_tag(&ok).to_owned();
    raw.send(raw.request("ACK", at(name, 1, &tag), "", ""))
        .await;
    assert!(matches!(phone.event().await, Event::Confirmed { .. }));
    (call, tag, ok)
}

fn failed(event: &Event) -> bool {
    matches!(
        event,
        Event::Ended {
            how: HowEnded::Failed(_),
            ..
        }
    )
}

#[tokio::test]
async fn two_endpoints_keep_a_session_alive() {
    let (mut caller, mut called) = (phone(4).await, phone(4).await);
    let ours = caller.dial(Transport::Udp, called.address(Transport::Udp));
    let (theirs, _) = called.incoming().await;
    called.endpoint.answer(theirs, ANSWER.to_owned());
    assert!(matches!(caller.event().await, Event::Answered { .. }));
    assert!(matches!(called.event().await, Event::Confirmed { .. }));
    tokio::join!(
        caller.quiet_for(Duration::from_secs(6)),
        called.quiet_for(Duration::from_secs(6))
    );
    caller.endpoint.hang_up(ours, "");
    assert!(matches!(caller.event().await, Event::Ended { .. }));
    assert!(matches!(called.event().await, Event::Ended { .. }));
}

#[tokio::test]
async fn a_peer_that_does_not_refresh_is_given_up() {
    let mut phone = phone(1_800).await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let extra = "Supported: timer\r\nSession-Expires: 2\r\n";
    let (_, tag, ok) = called(&mut phone, &raw, "gone", extra).await;
    assert_eq!(header(&ok, "Session-Expires"), Some("2;refresher=uac"));
    assert_eq!(header(&ok, "Require"), Some("timer"));
    // Once it does, in time.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let extra = "Supported: timer\r\nSession-Expires: 2;refresher=uac\r\n";
    raw.send(raw.request("UPDATE", at("gone", 2, &tag), extra, ""))
        .await;
    let ok = raw.receive_that(" 200 ").await;
    assert_eq!(header(&ok, "Session-Expires"), Some("2;refresher=uac"));
    phone.quiet_for(Duration::from_millis(1_000)).await;

    let event = phone.event().await;
    assert!(failed(&event), "{event:?}");
    let bye = raw.receive_that("BYE ").await;
    assert!(header(&bye, "Reason").unwrap().contains("expired"));
    raw.send(answer(&bye, "200 OK", "", "", "")).await;
    phone.settled().await;
}

#[tokio::test]
async fn we_refresh_for_a_peer_that_cannot() {
    let mut phone = phone(2).await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let (_, _, ok) = called(&mut phone, &raw, "old", "").await;
    assert_eq!(header(&ok, "Session-Expires"), Some("2;refresher=uas"));
    assert_eq!(header(&ok, "Require"), None);
    let again = raw.receive_that("INVITE ").await;
    assert_eq!(header(&again, "Session-Expires"), Some("2;refresher=uac"));
    assert!(again.ends_with(ANSWER), "the same session");
    let extra = format!(
        "Contact: <sip:moved@{}>\r\nSession-Expires: 2;refresher=uac\r\n{SDP}",
        raw.local()
    );
    raw.send(answer(&again, "200 OK", "", &extra, OFFER)).await;
    assert!(raw.receive_that("ACK ").await.starts_with("ACK sip:moved@"));
    assert!(matches!(
        phone.event().await,
        Event::Reanswered { answer: Ok(_), .. }
    ));
    // A peer that has forgotten the call has hung up.
    let again = raw.receive_that("INVITE ").await;
    raw.send(answer(&again, "481 No Call", "", "", "")).await;
    let event = phone.event().await;
    assert!(failed(&event), "{event:?}");
    raw.receive_that("BYE ").await;
}

#[tokio::test]
async fn an_update_refreshes_where_it_is_allowed() {
    let mut phone = phone(2).await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    called(
        &mut phone,
        &raw,
        "new",
        "Allow: INVITE, ACK, BYE, UPDATE\r\n",
    )
    .await;
    let update = raw.receive_that("UPDATE ").await;
    assert!(header(&update, "Content-Type").is_none());
    // Said to be allowed, but not there.
    raw.send(answer(&update, "501 Not Implemented", "", "", ""))
        .await;
    let again = raw.receive_that("INVITE ").await;
    assert_eq!(seq(&again), seq(&update) + 1);
    let extra = format!("Session-Expires: 2;refresher=uac\r\n{SDP}");
    raw.send(answer(&again, "200 OK", "", &extra, OFFER)).await;
    raw.receive_that("ACK ").await;
    // And then it is silent for ever.
    assert!(matches!(phone.event().await, Event::Reanswered { .. }));
    let event = phone.event().await;
    assert!(failed(&event), "{event:?}");
}

#[tokio::test]
async fn too_short_a_session_is_refused_and_a_longer_one_granted() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let extra = "Supported: timer\r\nSession-Expires: 30\r\n";
    raw.send(raw.request("INVITE", Named::first("short"), extra, ""))
        .await;
    let refusal = raw.receive_that(" 422 ").await;
    assert_eq!(header(&refusal, "Min-SE"), Some("90"));
    phone.quiet_for(Duration::from_millis(50)).await;

    let call = phone.dial(Transport::Udp, raw.local());
    let first = raw.receive_that("INVITE ").await;
    assert_eq!(header(&first, "Session-Expires"), Some("1800"));
    let longer = "Min-SE: 3600\r\n";
    raw.send(answer(&first, "422 Too Small", "a", longer, ""))
        .await;
    raw.receive_that("ACK ").await;
    let second = raw.receive_that("INVITE ").await;
    assert_eq!(seq(&second), 2);
    assert_eq!(header(&second, "Session-Expires"), Some("3600"));
    assert_eq!(header(&second, "Min-SE"), Some("3600"));
    raw.send(answer(&second, "422 Too Small", "a", longer, ""))
        .await;
    match phone.event().await {
        Event::Refused {
            call: of, status, ..
        } => assert_eq!((of, status), (call, 422)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn changes_that_cross_are_both_made_one_after_the_other() {
    let (mut one, mut two) = (Phone::quick().await, Phone::quick().await);
    let ours = one.dial(Transport::Udp, two.address(Transport::Udp));
    let (theirs, _) = two.incoming().await;
    two.endpoint.answer(theirs, ANSWER.to_owned());
    assert!(matches!(one.event().await, Event::Answered { .. }));
    assert!(matches!(two.event().await, Event::Confirmed { .. }));
    one.endpoint.offer(ours, OFFER.replace("4000", "4444"));
    two.endpoint.offer(theirs, ANSWER.replace("5000", "5555"));
    let (a, b) = tokio::join!(both_changed(&mut one, ours), both_changed(&mut two, theirs));
    assert!(a.contains(" 5555 ") && b.contains(" 4444 "), "{a} {b}");
}

/// Answers offers until ours is answered and one was answered; returns the peer's last offer.
async fn both_changed(phone: &mut Phone, call: CallId) -> String {
    let (mut is_answered, mut offered) = (false, None);
    while !is_answered || offered.is_none() {
        match phone.event().await {
            Event::Reoffer { offer, .. } => {
                offered = offer;
                phone.endpoint.answer_offer(call, Ok(ANSWER.to_owned()));
            }
            Event::Reanswered { answer, .. } => {
                assert_eq!(answer, Ok(ANSWER.to_owned()));
                is_answered = true;
            }
            other => panic!("{other:?}"),
        }
    }
    offered.unwrap()
}

#[tokio::test]
async fn a_crossing_offer_gets_491_and_ours_waits_after_one() {
    let mut phone = Phone::quick().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let (call, tag, _) = called(&mut phone, &raw, "glare", "").await;
    phone.endpoint.offer(call, ANSWER.to_owned());
    let ours = raw.receive_that("INVITE ").await;
    raw.send(answer(&ours, "100 Trying", "", "", "")).await;
    for (number, method) in [(2, "INVITE"), (3, "UPDATE")] {
        let request = raw.request(method, at("glare", number, &tag), SDP, OFFER);
        raw.send(request).await;
        raw.receive_that(" 491 ").await;
        if method == "INVITE" {
            raw.send(raw.request("ACK", at("glare", number, &tag), "", ""))
                .await;
        }
    }
    raw.send(answer(&ours, "491 Request Pending", "", "", ""))
        .await;
    raw.receive_that("ACK ").await;
    let again = raw.receive_that("INVITE ").await;
    assert_eq!(seq(&again), seq(&ours) + 1);
    raw.send(answer(&again, "488 Not Acceptable Here", "", "", ""))
        .await;
    let answer = Err(488);
    assert_eq!(phone.event().await, Event::Reanswered { call, answer });
    phone.quiet_for(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn another_phone_may_take_the_peers_place() {
    let mut phone = Phone::new().await;
    let us = phone.address(Transport::Udp);
    let (old, new) = (Raw::towards(us).await, Raw::towards(us).await);
    let (call, tag, _) = called(&mut phone, &old, "first", "").await;
    let replaces = |extra: &str| {
        format!("Require: replaces\r\nReplaces: first;to-tag={tag};from-tag=raw{extra}\r\n{SDP}")
    };
    let table = [
        (
            "Replaces: other;to-tag=1;from-tag=2\r\n".to_owned(),
            " 481 ",
        ),
        ("Replaces: first;to-tag=1\r\n".to_owned(), " 400 "),
        (replaces(";early-only"), " 486 "),
    ];
    for (n, (extra, status)) in table.iter().enumerate() {
        let name = format!("wrong{n}");
        new.send(new.request("INVITE", Named::first(&name), extra, OFFER))
            .await;
        new.receive_that(status).await;
        new.send(new.request("ACK", Named::first(&name), "", ""))
            .await;
    }

    // One that cannot be answered changes nothing.
    new.send(new.request("INVITE", Named::first("no"), &replaces(""), OFFER))
        .await;
    assert!(matches!(phone.event().await, Event::Reoffer { .. }));
    phone.endpoint.answer_offer(call, Err(488));
    new.receive_that(" 488 ").await;
    old.send(old.request("OPTIONS", at("first", 2, &tag), "", ""))
        .await;
    old.receive_that(" 200 ").await;

    new.send(new.request("INVITE", Named::first("second"), &replaces(""), OFFER))
        .await;
    let offer = Some(OFFER.to_owned());
    assert_eq!(phone.event().await, Event::Reoffer { call, offer });
    phone.endpoint.answer_offer(call, Ok(ANSWER.to_owned()));
    match phone.event().await {
        Event::Replaced { call: of, caller } => {
            assert_eq!((of, caller.user.as_str()), (call, "raw"));
        }
        other => panic!("{other:?}"),
    }
    let ok = new.receive_that(" 200 ").await;
    assert!(ok.ends_with(ANSWER));
    let new_tag = to_tag(&ok).to_owned();
    new.send(new.request("ACK", at("second", 1, &new_tag), "", ""))
        .await;
    let bye = old.receive_that("BYE ").await;
    assert!(header(&bye, "Reason").unwrap().contains("replaced"));
    old.send(answer(&bye, "200 OK", "", "", "")).await;
    phone.quiet_for(Duration::from_millis(50)).await;

    new.send(new.request("BYE", at("second", 2, &new_tag), "", ""))
        .await;
    let how = HowEnded::HungUp;
    assert_eq!(
        phone.event().await,
        Event::Ended {
            call,
            how,
            reason: None
        }
    );
    phone.settled().await;
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_and_the_call_goes_on() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let (_, tag, _) = called(&mut phone, &raw, "refer", "").await;
    let extra = "Refer-To: <sip:999@elsewhere>\r\n";
    raw.send(raw.request("REFER", at("refer", 2, &tag), extra, ""))
        .await;
    raw.receive_that(" 603 Decline").await;
    raw.send(raw.request("OPTIONS", at("refer", 3, &tag), "", ""))
        .await;
    raw.receive_that(" 200 ").await;
    phone.quiet_for(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn a_cancel_that_comes_after_the_answer_changes_nothing() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    raw.send(raw.request("INVITE", Named::first("race"), SDP, OFFER))
        .await;
    let (call, _) = phone.incoming().await;
    phone.endpoint.answer(call, ANSWER.to_owned());
    let ok = raw.receive_that(" 200 ").await;
    raw.send(raw.request("CANCEL", Named::first("race"), "", ""))
        .await;
    let cancelled = raw.receive_that(" 200 ").await;
    assert!(header(&cancelled, "CSeq").unwrap().ends_with("CANCEL"));
    let tag = to_tag(&ok).to_owned();
    raw.send(raw.request("ACK", at("race", 1, &tag), "", ""))
        .await;
    assert!(matches!(phone.event().await, Event::Confirmed { .. }));
    phone.quiet_for(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn an_answer_that_comes_after_our_cancel_is_confirmed_and_hung_up() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let call = phone.dial(Transport::Udp, raw.local());
    let invite = raw.receive_that("INVITE ").await;
    raw.send(answer(&invite, "180 Ringing", "a", "", "")).await;
    assert_eq!(phone.event().await, Event::Ringing { call });
    phone.endpoint.hang_up(call, "too long");
    let cancel = raw.receive_that("CANCEL ").await;
    raw.send(answer(&cancel, "200 OK", "a", "", "")).await;
    let extra = format!("Contact: <sip:late@{}>\r\n{SDP}", raw.local());
    raw.send(answer(&invite, "200 OK", "a", &extra, ANSWER))
        .await;
    assert_eq!(seq(&raw.receive_that("ACK sip:late@").await), 1);
    let bye = raw.receive_that("BYE sip:late@").await;
    assert_eq!(seq(&bye), 2);
    let how = HowEnded::ByUs;
    assert_eq!(
        phone.event().await,
        Event::Ended {
            call,
            how,
            reason: None
        }
    );
}

#[tokio::test]
async fn what_the_peer_gives_as_its_reason_is_told() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let elsewhere = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n";
    raw.send(raw.request("INVITE", Named::first("fork"), SDP, OFFER))
        .await;
    phone.incoming().await;
    raw.send(raw.request("CANCEL", Named::first("fork"), elsewhere, ""))
        .await;
    raw.receive_that(" 200 ").await;
    let refusal = raw.receive_that(" 487 ").await;
    raw.send(raw.request("ACK", at("fork", 1, to_tag(&refusal)), "", ""))
        .await;
    let (how, told) = ended_for(phone.event().await);
    assert_eq!(how, HowEnded::Cancelled);
    assert_eq!(told.as_deref(), Some("Call completed elsewhere"));

    let (_, tag, _) = called(&mut phone, &raw, "trunk", "").await;
    let busy = "Reason: Q.850;cause=31\r\n";
    raw.send(raw.request("BYE", at("trunk", 2, &tag), busy, ""))
        .await;
    let (how, told) = ended_for(phone.event().await);
    assert_eq!(how, HowEnded::HungUp);
    assert_eq!(told.as_deref(), Some("normal, unspecified"));
}

fn ended_for(event: Event) -> (HowEnded, Option<String>) {
    match event {
        Event::Ended { how, reason, .. } => (how, reason.map(|reason| reason.to_string())),
        other => panic!("{other:?}"),
    }
}

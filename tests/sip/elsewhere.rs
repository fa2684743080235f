//! What becomes of a call of ours that is sent elsewhere or refused?

use std::time::Duration;

use paging::base::CallId;
use paging::sip::{Account, Event, Secret, Transport};

use crate::parts::{ANSWER, OFFER, Phone, Raw, answer, header, seq};

fn at(raw: &Raw, user: &str) -> String {
    format!("<sip:{user}@{}>", raw.local())
}

fn dial(phone: &Phone, raw: &Raw, account: Option<&str>) -> CallId {
    let call = phone.endpoint.new_call();
    let target = format!("sip:1@{}", raw.local());
    phone
        .endpoint
        .dial(call, &target, account, OFFER.to_owned());
    call
}

/// What was refused, with which words and wait.
async fn refused(phone: &mut Phone) -> (u16, String, Option<Duration>) {
    match phone.event().await {
        Event::Refused {
            status,
            reason,
            retry_after,
            ..
        } => (status, reason, retry_after),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_redirection_is_followed_to_the_preferred_address_and_on_from_there() {
    let mut phone = Phone::new().await;
    let us = phone.address(Transport::Udp);
    let (first, second, third) = (
        Raw::towards(us).await,
        Raw::towards(us).await,
        Raw::towards(us).await,
    );
    let call = dial(&phone, &first, None);
    let invite = first.receive_that("INVITE ").await;
    let contacts = format!(
        "Contact: {};q=0.3, {};q=0.8\r\n",
        at(&third, "3"),
        at(&second, "2")
    );
    first
        .send(answer(&invite, "302 Moved Temporarily", "a", &contacts, ""))
        .await;
    first.receive_that("ACK ").await;

    let again = second.receive_that("INVITE sip:2@").await;
    for name in ["Call-ID", "From", "To"] {
        assert_eq!(header(&again, name), header(&invite, name));
    }
    assert_eq!(seq(&again), 2);
    assert!(again.ends_with(OFFER));
    second
        .send(answer(&again, "486 Busy Here", "b", "", ""))
        .await;
    second.receive_that("ACK ").await;

    let last = third.receive_that("INVITE sip:3@").await;
    let extra = format!(
        "Contact: {}\r\nContent-Type: application/sdp\r\n",
        at(&third, "3")
    );
    third
        .send(answer(&last, "200 OK", "c", &extra, ANSWER))
        .await;
    assert_eq!(seq(&third.receive_that("ACK ").await), 3);
    let answered = Event::Answered {
        call,
        answer: Some(ANSWER.to_owned()),
    };
    assert_eq!(phone.event().await, answered);
}

#[tokio::test]
async fn endless_redirection_and_a_no_for_all_end_the_call() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    dial(&phone, &raw, None);
    let mut n_calls = 0;
    while phone.event_at_hand().is_none() && n_calls < 20 {
        let request = raw.receive().await;
        if !request.starts_with("INVITE ") {
            continue;
        }
        n_calls += 1;
        let contact = format!("Contact: {}\r\n", at(&raw, &format!("again{n_calls}")));
        raw.send(answer(&request, "301 Moved Permanently", "a", &contact, ""))
            .await;
        raw.receive_that("ACK ").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(n_calls, 9);

    dial(&phone, &raw, None);
    let invite = raw.receive_that("INVITE ").await;
    let contact = format!("Contact: {}, {}\r\n", at(&raw, "x"), at(&raw, "y"));
    raw.send(answer(&invite, "300 Multiple Choices", "a", &contact, ""))
        .await;
    let second = raw.receive_that("INVITE sip:x@").await;
    raw.send(answer(&second, "603 Decline", "b", "", "")).await;
    assert_eq!(refused(&mut phone).await.0, 603);
}

#[tokio::test]
async fn an_address_without_a_way_is_passed_over() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    dial(&phone, &raw, None);
    let invite = raw.receive_that("INVITE ").await;
    let contacts = format!(
        "Contact: <sip:n@no.such.name.invalid>, {}\r\n",
        at(&raw, "x")
    );
    raw.send(answer(&invite, "302 Moved Temporarily", "a", &contacts, ""))
        .await;
    let second = raw.receive_that("INVITE sip:x@").await;
    raw.send(answer(&second, "404 Not Found", "b", "", ""))
        .await;
    assert_eq!(refused(&mut phone).await.0, 404);
}

#[tokio::test]
async fn a_stranger_gets_no_proof_of_a_password() {
    let mut phone = Phone::with(Vec::new()).await;
    let us = phone.address(Transport::Udp);
    let (home, stranger) = (Raw::towards(us).await, Raw::towards(us).await);
    phone.endpoint.set_accounts(vec![Account {
        name: "pbx".to_owned(),
        domain: home.local().to_string(),
        user: "7".to_owned(),
        password: Secret::new("hush"),
        ..Account::default()
    }]);
    dial(&phone, &home, Some("pbx"));
    let invite = home.receive_that("INVITE ").await;
    let contact = format!("Contact: {}\r\n", at(&stranger, "x"));
    home.send(answer(&invite, "302 Moved Temporarily", "a", &contact, ""))
        .await;
    let second = stranger.receive_that("INVITE ").await;
    let challenge = "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"1\"\r\n";
    stranger
        .send(answer(&second, "401 Unauthorized", "b", challenge, ""))
        .await;
    loop {
        match phone.event().await {
            Event::Refused { status, .. } => {
                assert_eq!(status, 401);
                break;
            }
            Event::Account { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_refusal_tells_its_warning_and_when_to_ask_again() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    dial(&phone, &raw, None);
    let invite = raw.receive_that("INVITE ").await;
    let extra = "Retry-After: 30 (maintenance);duration=9\r\nWarning: 399 pbx \"trunk \\\"2\\\" is down\"\r\n";
    raw.send(answer(&invite, "503 Service Unavailable", "a", extra, ""))
        .await;
    let reason = "Service Unavailable (trunk \"2\" is down)".to_owned();
    let wait = Some(Duration::from_secs(30));
    assert_eq!(refused(&mut phone).await, (503, reason, wait));
}

//! Do keys told by INFO arrive, both ways?

use std::time::Duration;

use paging::base::CallId;
use paging::sip::{Event, Transport};

use crate::parts::{ANSWER, Named, OFFER, Phone, Raw, answer, header, seq, to_tag};

/// A call of a raw peer that was answered, and our tag in it.
async fn talking() -> (Phone, Raw, CallId, String) {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let kind = "Content-Type: application/sdp\r\n";
    raw.send(raw.request("INVITE", Named::first("keys"), kind, OFFER))
        .await;
    let (call, _) = phone.incoming().await;
    phone.endpoint.answer(call, ANSWER.to_owned());
    let ok = raw.receive_that("200").await;
    let tag = to_tag(&ok).to_owned();
    raw.send(raw.request("ACK", inside(1, &tag), "", "")).await;
    assert!(matches!(phone.event().await, Event::Confirmed { .. }));
    (phone, raw, call, tag)
}

fn inside(seq: u32, tag: &str) -> Named<'_> {
    Named {
        call: "keys",
        seq,
        to_tag: Some(tag),
    }
}

#[tokio::test]
async fn keys_of_the_peer_are_told_and_other_bodies_refused() {
    let (mut phone, raw, call, tag) = talking().await;
    let relay = "Content-Type: application/dtmf-relay\r\n";
    let plain = "Content-Type: application/dtmf\r\n";
    let picture = "Content-Type: application/media_control+xml\r\n";
    let table = [
        (relay, "Signal=5\r\nDuration=250\r\n", 200, Some(('5', 250))),
        (plain, "#", 200, Some(('#', 160))),
        (relay, "Signal=hf\r\n", 200, None),
        ("", "", 200, None),
        (picture, "<x/>", 415, None),
        (relay, "Signal=\r\n", 400, None),
        ("Info-Package: foo\r\n", "", 469, None),
    ];
    for (seq, (extra, body, status, wanted)) in (2..).zip(table) {
        raw.send(raw.request("INFO", inside(seq, &tag), extra, body))
            .await;
        let said = raw.receive_that("SIP/2.0").await;
        assert!(said.starts_with(&format!("SIP/2.0 {status}")), "{said}");
        if status == 415 {
            assert!(
                header(&said, "Accept")
                    .unwrap()
                    .contains("application/dtmf-relay")
            );
        }
        if let Some((digit, ms)) = wanted {
            let length = Duration::from_millis(ms);
            let key = Event::Key {
                call,
                digit,
                length,
            };
            assert_eq!(phone.event().await, key);
        }
        assert_eq!(phone.event_at_hand(), None);
    }
}

#[tokio::test]
async fn our_keys_go_out_one_after_the_other_and_a_refusal_is_told() {
    let (mut phone, raw, call, _) = talking().await;
    for digit in ['1', '*', 'x', '2'] {
        phone
            .endpoint
            .press(call, digit, Duration::from_millis(120));
    }
    let refused = |digit, status| Event::KeyRefused {
        call,
        digit,
        status,
    };
    assert_eq!(phone.event().await, refused('x', 400));
    let mut last = 0;
    for (digit, status) in [('1', "200 OK"), ('*', "415 Unsupported"), ('2', "200 OK")] {
        let info = loop {
            let info = raw.receive_that("INFO").await;
            if seq(&info) > last {
                break info;
            }
        };
        // The next one waits for the answer to this.
        assert!(last == 0 || seq(&info) == last + 1);
        last = seq(&info);
        let kind = header(&info, "Content-Type");
        assert_eq!(kind, Some("application/dtmf-relay"));
        let body = format!("\r\n\r\nSignal={digit}\r\nDuration=120\r\n");
        assert!(info.ends_with(&body), "{info}");
        raw.send(answer(&info, status, "", "", "")).await;
    }
    assert_eq!(phone.event().await, refused('*', 415));
    phone.endpoint.hang_up(call, "enough");
    assert!(matches!(phone.event().await, Event::Ended { .. }));
}

#[tokio::test]
async fn two_of_our_own_understand_each_other() {
    let mut called = Phone::new().await;
    let mut caller = Phone::new().await;
    let out = caller.dial(Transport::Tcp, called.address(Transport::Tcp));
    let (call, _) = called.incoming().await;
    called.endpoint.answer(call, ANSWER.to_owned());
    assert!(matches!(caller.event().await, Event::Answered { .. }));
    assert!(matches!(called.event().await, Event::Confirmed { .. }));
    for digit in "123A".chars() {
        caller.endpoint.press(out, digit, Duration::from_millis(80));
    }
    for wanted in "123A".chars() {
        let told = called.event().await;
        assert!(
            matches!(told, Event::Key { digit, .. } if digit == wanted),
            "{told:?}"
        );
    }
    caller.endpoint.hang_up(out, "enough");
    assert!(matches!(called.event().await, Event::Ended { .. }));
}

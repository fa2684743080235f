//! Do calls of ours go through every turn when SIPp is called?

use std::net::SocketAddr;
use std::time::Duration;

use paging::base::CallId;
use paging::sip::{Account, Event, HowEnded, Presence, Secret, SessionTimer, Settings, Transport};
use tokio::task::JoinHandle;

use crate::parts::{ANSWER, OFFER, Phone, on};
use crate::sipp::{free_port, sipp_at};

/// SIPp that waits for one call.
struct Called {
    address: SocketAddr,
    run: JoinHandle<Result<(), String>>,
}

impl Called {
    /// A scenario of `tests/sipp/called` with `words` put in for their marks.
    fn by(scenario: &str, words: &[(&str, &str)]) -> Self {
        let folder = format!("{}/tests/sipp/called", env!("CARGO_MANIFEST_DIR"));
        let mut text = std::fs::read_to_string(format!("{folder}/{scenario}")).unwrap();
        for (mark, word) in words {
            text = text.replace(mark, word);
        }
        let port = free_port();
        let file = std::env::temp_dir().join(format!("paging-called-{port}.xml"));
        std::fs::write(&file, text).unwrap();
        let arguments = ["-sf", file.to_str().unwrap(), "-m", "1"];
        let run = sipp_at(port, arguments.map(str::to_owned).to_vec());
        Self {
            address: ([127, 0, 0, 1], port).into(),
            run: tokio::spawn(async move {
                let result = run.await;
                std::fs::remove_file(file).ok();
                result
            }),
        }
    }

    async fn finish(self) {
        if let Err(why) = self.run.await.unwrap() {
            panic!("{why}");
        }
    }
}

/// With the usual timers: SIPp takes its time to start.
async fn phone() -> Phone {
    Phone::start(Settings {
        listen: vec![on(Transport::Udp, "127.0.0.1:0")],
        session_timer: SessionTimer {
            expires: Some(Duration::from_secs(1)),
            least: Duration::from_secs(1),
        },
        ..Settings::default()
    })
    .await
}

/// Waits for the answer; how often it rang, and what was heard before.
async fn answered(phone: &mut Phone) -> (usize, usize) {
    let (mut n_rings, mut n_sounds) = (0, 0);
    loop {
        match phone.event().await {
            Event::Ringing { .. } => n_rings += 1,
            Event::EarlyMedia { .. } => n_sounds += 1,
            Event::Answered {
                answer: Some(_), ..
            } => return (n_rings, n_sounds),
            Event::Account { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn hang_up(phone: &mut Phone, call: CallId) {
    phone.endpoint.hang_up(call, "enough");
    assert!(matches!(phone.event().await, Event::Ended { .. }));
    phone.settled().await;
}

#[tokio::test]
async fn of_three_phones_that_ring_the_first_that_answers_is_kept() {
    let (mut phone, sipp) = (phone().await, Called::by("forked.xml", &[]));
    let call = phone.dial(Transport::Udp, sipp.address);
    assert_eq!(answered(&mut phone).await.0, 1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    hang_up(&mut phone, call).await;
    sipp.finish().await;
}

#[tokio::test]
async fn a_call_goes_where_it_is_sent() {
    let (mut phone, sipp) = (phone().await, Called::by("redirects.xml", &[]));
    let call = phone.dial(Transport::Udp, sipp.address);
    answered(&mut phone).await;
    hang_up(&mut phone, call).await;
    sipp.finish().await;
}

#[tokio::test]
async fn a_password_is_proved_to_phones_and_proxies() {
    for scenario in ["digest.xml", "proxy-digest.xml"] {
        let (mut phone, sipp) = (phone().await, Called::by(scenario, &[]));
        phone.endpoint.set_accounts(vec![Account {
            name: "pbx".to_owned(),
            domain: sipp.address.to_string(),
            user: "7".to_owned(),
            password: Secret::new("hush"),
            presence: Presence::CallsOnly,
            ..Account::default()
        }]);
        let call = phone.endpoint.new_call();
        phone
            .endpoint
            .dial(call, "100", Some("pbx"), OFFER.to_owned());
        answered(&mut phone).await;
        hang_up(&mut phone, call).await;
        sipp.finish().await;
    }
}

#[tokio::test]
async fn refusals_of_all_kinds_are_told() {
    let table = [
        ("404 Not Found", "Server: x", 404, None),
        (
            "480 Temporarily Unavailable",
            "Retry-After: 18000;duration=3600",
            480,
            Some(18_000),
        ),
        ("486 Busy Here", "Retry-After: 5", 486, Some(5)),
        ("500 Server Internal Error", "Retry-After: 2", 500, Some(2)),
        (
            "503 Service Unavailable",
            "Retry-After: 120 (in a meeting)",
            503,
            Some(120),
        ),
        ("504 Server Time-out", "Server: x", 504, None),
        ("600 Busy Everywhere", "Server: x", 600, None),
        ("603 Decline", "Retry-After: 60", 603, Some(60)),
    ];
    let mut calls = Vec::new();
    for (status, line, code, wait) in table {
        let words = [("@STATUS@", status), ("@LINE@", line)];
        let sipp = Called::by("refuses.xml", &words);
        calls.push((sipp, code, wait));
    }
    for (sipp, code, wait) in calls {
        let mut phone = phone().await;
        phone.dial(Transport::Udp, sipp.address);
        match phone.event().await {
            Event::Refused {
                status,
                retry_after,
                ..
            } => {
                assert_eq!((status, retry_after), (code, wait.map(Duration::from_secs)));
            }
            other => panic!("{other:?}"),
        }
        sipp.finish().await;
    }
}

#[tokio::test]
async fn reliable_ringing_and_sound_before_the_answer_are_acknowledged() {
    let (mut phone, sipp) = (phone().await, Called::by("reliable.xml", &[]));
    let call = phone.dial(Transport::Udp, sipp.address);
    assert_eq!(answered(&mut phone).await, (1, 1));
    hang_up(&mut phone, call).await;
    sipp.finish().await;
}

#[tokio::test]
async fn a_longer_session_is_asked_for_and_refreshed_by_us() {
    let (mut phone, sipp) = (phone().await, Called::by("longer.xml", &[]));
    let call = phone.dial(Transport::Udp, sipp.address);
    answered(&mut phone).await;
    // The refresh is due after three seconds of the six.
    phone.quiet_for(Duration::from_millis(3_500)).await;
    hang_up(&mut phone, call).await;
    sipp.finish().await;
}

#[tokio::test]
async fn giving_up_cancels_and_hangs_up_an_answer_that_crosses() {
    for scenario in ["gives-up.xml", "crosses.xml"] {
        let (mut phone, sipp) = (phone().await, Called::by(scenario, &[]));
        let call = phone.dial(Transport::Udp, sipp.address);
        assert_eq!(phone.event().await, Event::Ringing { call });
        hang_up(&mut phone, call).await;
        sipp.finish().await;
    }
}

#[tokio::test]
async fn the_called_side_may_hold_us_and_hang_up_with_a_reason() {
    let (mut phone, sipp) = (phone().await, Called::by("holds.xml", &[]));
    let call = phone.dial(Transport::Udp, sipp.address);
    answered(&mut phone).await;
    for direction in ["sendonly", "m=audio"] {
        match phone.event().await {
            Event::Reoffer {
                offer: Some(offer), ..
            } => assert!(offer.contains(direction)),
            other => panic!("{other:?}"),
        }
        phone.endpoint.answer_offer(call, Ok(ANSWER.to_owned()));
    }
    match phone.event().await {
        Event::Ended {
            how: HowEnded::HungUp,
            reason: Some(reason),
            ..
        } => {
            assert_eq!(reason.to_string(), "Normal call clearing");
        }
        other => panic!("{other:?}"),
    }
    sipp.finish().await;
}

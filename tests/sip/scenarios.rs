//! Does SIPp get its right answers, as a caller, at every turn a call can take?

use std::time::Duration;

use paging::base::CallId;
use paging::sip::{Event, HowEnded, SessionTimer, Settings, Timing, Transport};
use tokio::task::JoinHandle;

use crate::parts::{ANSWER, OFFER, Phone, QUICK, on};
use crate::sipp::{free_port, sipp_at};

/// A phone whose sessions may last no more than a second.
async fn phone(timing: Timing) -> Phone {
    Phone::start(Settings {
        listen: vec![on(Transport::Udp, "127.0.0.1:0")],
        session_timer: SessionTimer {
            expires: Some(Duration::from_secs(1_800)),
            least: Duration::from_secs(1),
        },
        timing,
        ..Settings::default()
    })
    .await
}

/// What a call came to.
#[derive(Debug, Default)]
struct Met {
    auto_answer: Vec<Option<Duration>>,
    ended: Vec<(HowEnded, Option<String>)>,
    n_replaced: usize,
    n_reanswered: usize,
}

/// A run of SIPp against that phone.
fn run(phone: &Phone, scenario: &str, more: &[&str]) -> JoinHandle<Result<(), String>> {
    let to = phone.address(Transport::Udp).to_string();
    let scenario = format!("{}/tests/sipp/{scenario}", env!("CARGO_MANIFEST_DIR"));
    let arguments = [&[to.as_str(), "-sf", &scenario, "-s", "100"], more].concat();
    let arguments = arguments.into_iter().map(str::to_owned).collect();
    tokio::spawn(sipp_at(free_port(), arguments))
}

/// Waits for all of them.
async fn join(runs: Vec<JoinHandle<Result<(), String>>>) {
    for run in runs {
        if let Err(why) = run.await.unwrap() {
            panic!("{why}");
        }
    }
}

/// A few calls at once.
fn several(phone: &Phone, scenario: &str, n: &str) -> Vec<JoinHandle<Result<(), String>>> {
    vec![run(phone, scenario, &["-m", n, "-r", "20"])]
}

/// Answers whatever comes until the runs are done; `confirmed` does what the scenario waits for
/// once a call stands.
async fn answer_all(
    phone: &mut Phone,
    runs: Vec<JoinHandle<Result<(), String>>>,
    confirmed: impl Fn(&Phone, CallId),
) -> Met {
    let runs = join(runs);
    tokio::pin!(runs);
    let mut met = Met::default();
    loop {
        let event = tokio::select! {
            () = &mut runs => break,
            event = phone.event_ever() => event,
        };
        match event {
            Event::Incoming {
                call, auto_answer, ..
            } => {
                met.auto_answer.push(auto_answer);
                phone.endpoint.answer(call, ANSWER.to_owned());
            }
            Event::Confirmed { call, .. } => confirmed(phone, call),
            Event::Reoffer { call, .. } => phone.endpoint.answer_offer(call, Ok(ANSWER.to_owned())),
            Event::Reanswered { answer, .. } => met.n_reanswered += usize::from(answer.is_ok()),
            Event::Replaced { .. } => met.n_replaced += 1,
            Event::Ended { how, reason, .. } => {
                met.ended
                    .push((how, reason.map(|reason| reason.to_string())));
            }
            other => panic!("{other:?}"),
        }
    }
    phone.settled().await;
    met
}

fn nothing(_: &Phone, _: CallId) {}

#[tokio::test]
async fn a_second_call_takes_the_place_of_the_first() {
    let mut phone = phone(Timing::default()).await;
    let runs = several(&phone, "replaces.xml", "5");
    let met = answer_all(&mut phone, runs, nothing).await;
    assert_eq!(met.n_replaced, 5);
}

#[tokio::test]
async fn changes_that_cross_get_491_and_come_again() {
    let mut phone = phone(Timing::default()).await;
    let offer = |phone: &Phone, call| phone.endpoint.offer(call, OFFER.to_owned());
    let runs = several(&phone, "glare.xml", "5");
    let met = answer_all(&mut phone, runs, offer).await;
    assert_eq!(met.n_reanswered, 5);
}

#[tokio::test]
async fn a_lost_ack_ends_in_a_bye_and_a_late_cancel_in_nothing() {
    let mut quick = phone(QUICK).await;
    let runs = several(&quick, "no-ack.xml", "3");
    let met = answer_all(&mut quick, runs, nothing).await;
    assert!(met.ended.iter().all(|(how, _)| *how == HowEnded::NoAck));
    let mut usual = phone(Timing::default()).await;
    let runs = several(&usual, "cancel-late.xml", "20");
    let met = answer_all(&mut usual, runs, nothing).await;
    assert!(met.ended.iter().all(|(how, _)| *how == HowEnded::HungUp));
    assert_eq!(met.ended.len(), 20);
}

#[tokio::test]
async fn a_session_is_refreshed_by_us_or_ends_when_the_caller_does_not() {
    let mut phone = phone(Timing::default()).await;
    let runs = several(&phone, "refreshed.xml", "2");
    let met = answer_all(&mut phone, runs, nothing).await;
    assert_eq!(met.n_reanswered, 2);
    let runs = several(&phone, "not-refreshed.xml", "2");
    let met = answer_all(&mut phone, runs, nothing).await;
    assert!(
        met.ended
            .iter()
            .all(|(how, _)| matches!(how, HowEnded::Failed(_)))
    );
}

#[tokio::test]
async fn every_dialect_of_auto_answer_is_understood_and_the_reason_told() {
    let lines = [
        "Call-Info: <sip:pbx>;answer-after=0",
        "Call-Info: <sip:x>; answer-after=3",
        "Alert-Info: <http://www.notused.com>;info=alert-autoanswer;delay=0",
        "Alert-Info: info=Auto Answer",
        "Alert-Info: Ring Answer",
        "Alert-Info: Intercom",
        "Answer-Mode: Auto",
        "Priv-Answer-Mode: Auto",
        "P-Auto-Answer: normal",
    ];
    let mut phone = phone(Timing::default()).await;
    let runs: Vec<_> = lines
        .iter()
        .map(|line| {
            run(
                &phone,
                "auto-answer.xml",
                &["-m", "1", "-key", "line", line],
            )
        })
        .collect();
    let met = answer_all(&mut phone, runs, nothing).await;
    assert_eq!(met.auto_answer.len(), lines.len());
    assert!(met.auto_answer.iter().all(Option::is_some), "{met:?}");
    let told = |(_, reason): &(HowEnded, Option<String>)| {
        reason.as_deref() == Some("normal call clearing")
    };
    assert!(met.ended.iter().all(told), "{met:?}");
}

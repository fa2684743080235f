//! Does it hold up against SIPp, one after another and many at a time?

use std::net::UdpSocket;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use paging::sip::{Event, HowEnded, Settings, Transport};

use crate::parts::{ANSWER, Named, Phone, Raw, to_tag};

/// A port that nobody listens at.
pub(crate) fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// Runs SIPp to its end, on a port of its own; its output if it failed.
async fn sipp(arguments: Vec<String>) -> Result<(), String> {
    sipp_at(free_port(), arguments).await
}

/// Runs SIPp at a port to its end; its output and what it did not like if it failed.
pub(crate) async fn sipp_at(port: u16, arguments: Vec<String>) -> Result<(), String> {
    let errors = std::env::temp_dir().join(format!("paging-sipp-{port}.log"));
    tokio::task::spawn_blocking(move || {
        let output = Command::new("sipp")
            .args(arguments)
            .args(["-trace_err", "-error_file"])
            .arg(&errors)
            .args(["-i", "127.0.0.1", "-p", &port.to_string(), "-nostdin"])
            .args(["-timeout", "60s", "-timeout_error"])
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::null())
            .output()
            .expect("sipp must be installed (Debian package sip-tester)");
        let disliked = std::fs::read_to_string(&errors).unwrap_or_default();
        std::fs::remove_file(&errors).ok();
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Err(text + &String::from_utf8_lossy(&output.stderr) + &disliked)
    })
    .await
    .unwrap()
}

/// Answers whatever comes until SIPp is done.
async fn answer_all(phone: &mut Phone, run: impl Future<Output = Result<(), String>>) {
    tokio::pin!(run);
    let mut n_odd = 0;
    loop {
        tokio::select! {
            result = &mut run => {
                result.unwrap();
                break;
            }
            event = phone.event() => match event {
                Event::Incoming { call, .. } => {
                    phone.endpoint.ringing(call);
                    phone.endpoint.answer(call, ANSWER.to_owned());
                }
                Event::Reoffer { call, .. } => {
                    phone.endpoint.answer_offer(call, Ok(ANSWER.to_owned()));
                }
                Event::Confirmed { .. } | Event::Ended { how: HowEnded::HungUp, .. } => {}
                _ => n_odd += 1,
            },
        }
    }
    assert_eq!(n_odd, 0);
    phone.settled().await;
}

#[tokio::test]
async fn two_hundred_calls_a_second_over_udp_and_tcp() {
    for (transport, mode, n) in [(Transport::Udp, "u1", 600), (Transport::Tcp, "t1", 400)] {
        let mut phone = Phone::new().await;
        let to = phone.address(transport).to_string();
        let n = n.to_string();
        let arguments = ["-sn", "uac", &to, "-t", mode, "-r", "200", "-m", &n];
        let run = sipp(arguments.map(str::to_owned).to_vec());
        answer_all(&mut phone, run).await;
    }
}

#[tokio::test]
async fn calls_that_ring_reliably_refresh_and_go_on_hold_do_so_by_the_hundred() {
    let mut phone = Phone::new().await;
    let scenario = format!("{}/tests/sipp/changes.xml", env!("CARGO_MANIFEST_DIR"));
    for (transport, flag) in [(Transport::Udp, "u1"), (Transport::Tcp, "t1")] {
        let to = phone.address(transport).to_string();
        let arguments = [
            &to, "-sf", &scenario, "-s", "100", "-t", flag, "-m", "200", "-r", "50",
        ];
        let run = sipp(arguments.map(str::to_owned).to_vec());
        answer_all(&mut phone, run).await;
    }
}

#[tokio::test]
async fn sipp_answers_our_calls() {
    let port = free_port();
    // With the usual timers: SIPp takes its time to start.
    let mut phone = Phone::start(Settings::default()).await;
    let port_text = port.to_string();
    let mut process = Command::new("sipp")
        .args([
            "-sn",
            "uas",
            "-i",
            "127.0.0.1",
            "-p",
            &port_text,
            "-nostdin",
        ])
        .current_dir(std::env::temp_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sipp must be installed (Debian package sip-tester)");
    for _ in 0..20 {
        let call = phone.dial(Transport::Udp, ([127, 0, 0, 1], port).into());
        loop {
            match phone.event().await {
                Event::Ringing { .. } => {}
                Event::Answered {
                    answer: Some(_), ..
                } => phone.endpoint.hang_up(call, ""),
                Event::Ended { .. } => break,
                other => panic!("{other:?}"),
            }
        }
        phone.settled().await;
    }
    process.kill().unwrap();
    process.wait().unwrap();
}

#[tokio::test]
async fn an_invite_is_answered_within_a_millisecond() {
    let mut phone = Phone::new().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let mut spans = Vec::new();
    for n in 0..101 {
        let name = format!("fast{n}");
        let first = Named::first(&name);
        let invite = raw.request("INVITE", first, "Content-Type: application/sdp\r\n", ANSWER);
        let begun = Instant::now();
        raw.send(invite).await;
        let (call, _) = phone.incoming().await;
        phone.endpoint.answer(call, ANSWER.to_owned());
        let ok = raw.receive_that(" 200 ").await;
        spans.push(begun.elapsed());
        let inside = Named {
            to_tag: Some(to_tag(&ok)),
            ..first
        };
        raw.send(raw.request("ACK", inside, "", "")).await;
        assert!(matches!(phone.event().await, Event::Confirmed { .. }));
        raw.send(raw.request("BYE", Named { seq: 2, ..inside }, "", ""))
            .await;
        assert!(matches!(phone.event().await, Event::Ended { .. }));
        raw.receive_that(" 200 ").await;
    }
    spans.sort();
    let median = spans[spans.len() / 2];
    assert!(median < Duration::from_millis(1), "{median:?}");
}

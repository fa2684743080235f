//! Does a program that others write follow an analog phone, ring it, hear it and speak to it?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::time::{Duration, Instant};

use common::adapter::Adapter;
use common::daemon::{Conf, Daemon};
use common::http::Http;
use common::ports::free_address;
use common::program::Program;
use paging::config::TokenHash;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);
const TONE_HZ: f32 = 1_000.0;

/// The newest of so many events of that kind.
fn event(program: &Program, kind: &str, n: usize) -> Value {
    let beginning = format!("{{\"type\":\"{kind}\"");
    let rest = program.told(&beginning, n);
    let event: Value = serde_json::from_str(&format!("{beginning}{rest}")).unwrap();
    assert_eq!(event["line"], "kitchen", "{event}");
    let at = event["timestamp"].as_str().unwrap();
    assert!(at.starts_with("20") && at.ends_with('Z'), "{event}");
    event
}

#[test]
fn a_telephone_is_followed_heard_spoken_to_and_rung() {
    let http = Http::new(free_address());
    let hash = TokenHash::of("token-of-ann").written();
    let more = format!(
        "[user:kitchen]\npass = secret\n[line:kitchen]\nring-pattern = Bellcore-dr2\n\
         extensions = 9\n[user:ann]\nrole = viewer\ntoken = {hash}\n[http]\nlisten = {}\n",
        http.at
    );
    let daemon = Daemon::start(&Conf::timer().more(&more));
    daemon.process.wait_for("http: answering at", SOON);
    assert_eq!(http.get("/status").json()["registered"], false);
    let ring = || http.ask("POST", "/ring", "", "");
    let kind = |reply: common::http::Reply| (reply.status, reply.json()["type"].clone());
    assert_eq!(
        kind(ring()),
        (409, json!("urn:paging:problem:not-registered"))
    );
    let start = |wanted: &Value| http.post("/audio/start", wanted);
    assert_eq!(
        kind(start(&json!({}))),
        (409, json!("urn:paging:problem:on-hook"))
    );
    let viewer = http.with_token("token-of-ann");
    assert_eq!(viewer.get("/status").status, 200);
    assert_eq!(viewer.ask("POST", "/ring", "", "").status, 403);

    let mut phone = Adapter::start(daemon.sip, "kitchen", "secret");
    daemon.process.wait_for("user kitchen has registered", SOON);
    assert_eq!(http.get("/status").json()["registered"], true);
    let mut program = Program::start("phone.py", http.at, "/ws");

    phone.dial("9");
    assert_eq!(event(&program, "off_hook", 1)["dialled"], "9");
    let stream = start(&json!({"format": "pcmu"}));
    assert_eq!(stream.status, 201, "{stream:?}");
    let id = stream.json()["stream_id"].as_str().unwrap().to_owned();
    assert_eq!(event(&program, "audio_start", 1)["stream_id"], id);
    program.say(&format!("subscribe {id}"));
    // What the telephone hears it says.
    program.say(&format!("tone {id} {TONE_HZ} 1.2"));
    program.say(&format!("heard {TONE_HZ}"));
    let heard = program.told(&format!("heard {TONE_HZ} Hz for "), 1);
    let n: usize = heard.split(' ').next().unwrap().parse().unwrap();
    assert!(n >= 25, "the program has heard {n} blocks");
    phone.press('5');
    assert_eq!(event(&program, "dtmf", 1)["digit"], "5");
    let status = http.get("/status").json();
    assert_eq!(
        (&status["off_hook"], &status["last_digit"]),
        (&json!(true), &json!("5"))
    );
    assert_eq!(status["streams"][0]["stream_id"], id);
    assert_eq!(kind(ring()), (409, json!("urn:paging:problem:off-hook")));
    phone.put_down();
    assert_eq!(event(&program, "audio_stop", 1)["stream_id"], id);
    event(&program, "on_hook", 1);
    assert_eq!(http.get("/status").json()["off_hook"], false);
    assert_eq!(ring().status, 204);
    event(&program, "ring_start", 1);
    assert_eq!(event(&program, "off_hook", 2)["dialled"], Value::Null);
    assert!(phone.process.log().contains(";info=Bellcore-dr2"));
    phone.put_down();
    event(&program, "on_hook", 2);
}

#[test]
fn a_telephone_rings_by_a_rhythm_that_is_told_as_one_ring_until_it_is_picked_up() {
    let http = Http::new(free_address());
    let more = format!(
        "[user:kitchen]\npass = secret\n[line:kitchen]\nring-pattern = 600ms 400ms\n\
         [http]\nlisten = {}\n",
        http.at
    );
    let daemon = Daemon::start(&Conf::timer().more(&more));
    daemon.process.wait_for("http: answering at", SOON);
    let mut phone = Adapter::ringing(daemon.sip, "kitchen", "secret");
    daemon.process.wait_for("user kitchen has registered", SOON);
    let program = Program::start("phone.py", http.at, "/ws");
    assert_eq!(http.ask("POST", "/ring", "", "").status, 204);
    event(&program, "ring_start", 1);
    let n_cancelled = |phone: &Adapter| phone.process.log().matches("CANCEL sip:").count();
    until("the third ring", || n_cancelled(&phone) >= 2);
    let status = http.get("/status").json();
    assert_eq!(
        (&status["ringing"], &status["off_hook"]),
        (&json!(true), &json!(false))
    );
    until("it is picked up", || {
        phone.pick_up();
        http.get("/status").json()["off_hook"] == true
    });
    assert_eq!(event(&program, "off_hook", 1)["dialled"], Value::Null);
    phone.put_down();
    event(&program, "on_hook", 1);
    let log = program.process.log();
    assert_eq!(log.matches("\"ring_start\"").count(), 1, "{log}");
    assert_eq!(log.matches("\"ring_stop\"").count(), 0, "{log}");
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

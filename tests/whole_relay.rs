//! Do programs that others write talk with callers by the text protocol of relays, and over HTTP?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::adapter::Adapter;
use common::daemon::{Conf, Daemon};
use common::folder::{Folder, in_repository};
use common::http::{Events, Http};
use common::phone::Phone;
use common::ports::{free_address, free_block};
use common::process::Process;
use common::program::Program;
use common::{measure, signal};
use paging::config::TokenHash;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(10);
const GREETING_HZ: f32 = 1_000.0;
const CALLER_HZ: f32 = 440.0;

fn start(http: &Http, relay: &str) -> Daemon {
    let hash = TokenHash::of("token-of-ann").written();
    let more = format!(
        "[relay:office]\n{relay}[user:ann]\nrole = viewer\ntoken = {hash}\n[http]\nlisten = {}\n",
        http.at
    );
    let daemon = Daemon::start(&Conf::timer().more(&more));
    daemon.process.wait_for("http: answering at", SOON);
    daemon
}

/// Blocks of 20 ms that have that tone.
fn n_blocks(sound: &[f32], hz: f32) -> usize {
    let levels = measure::level_over_time(sound, 8_000, hz, 160);
    levels.iter().filter(|level| **level > 0.1).count()
}

/// Listens until so much of a tone was heard.
fn hear(phone: &Phone, heard: &mut Vec<f32>, hz: f32, n: usize) {
    let until = Instant::now() + SOON;
    while n_blocks(heard, hz) < n {
        assert!(Instant::now() < until, "{hz} Hz: {}", n_blocks(heard, hz));
        std::thread::sleep(Duration::from_millis(20));
        heard.extend(phone.heard_sound());
    }
}

fn recordings(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let all = paths.flat_map(|path| match path.is_dir() {
        true => recordings(&path),
        false => vec![path],
    });
    all.filter(|path| path.extension().is_some_and(|it| it == "wav"))
        .collect()
}

#[test]
fn a_caller_is_greeted_and_recorded_and_a_program_talks_with_it() {
    let folder = Folder::new("relay");
    let greeting = folder.join("greeting.wav");
    let tone = signal::sine(8_000, GREETING_HZ, 0.4, 0.4);
    signal::write_wav(&greeting, 8_000, &[&tone]);
    let http = Http::new(free_address());
    let (first, step) = (free_block(12), 4);
    let relay = format!(
        "extensions = 500\ngreeting = {}\nrecord = yes\nrtp-ports = {first}-{}\nrtp-spacing = {step}\n",
        greeting.display(),
        first + 10
    );
    let daemon = start(&http, &relay);
    let mut phone = daemon.phone();
    phone.invite("500");
    let alone = phone.expect_final(SOON);
    assert_eq!(alone.status(), 480, "nobody is there for it");
    phone.acknowledge(480);

    let viewer = http.with_token("token-of-ann");
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    assert_eq!(viewer.ask("GET", "/relay", upgrade, "").status, 403);

    let mut program = Program::start("relay.py", http.at, "/relay");
    phone.call("500", SOON);
    let rest = program.told("RING_ANS:", 1);
    let (number, id) = rest.split_once("##").unwrap();
    assert!(!number.is_empty());
    assert_eq!((phone.media().port() - first) % step, 0);
    let mut heard = Vec::new();
    hear(&phone, &mut heard, GREETING_HZ, 15);
    program.say(&format!("echo {id}"));
    let said = signal::sine(8_000, CALLER_HZ, 0.4, 1.0);
    let talking = phone.keep_talking(said.into(), 0.0);
    hear(&phone, &mut heard, CALLER_HZ, 25);
    program.say("heard 440");
    let n: usize = program
        .told("heard 440 Hz for ", 1)
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(n >= 25, "the program has heard {n} blocks");
    drop(talking);

    program.say(&format!("HANGUP:{id}"));
    assert!(phone.request("BYE", SOON).is_some());
    program.wait_for(&format!("BYE:{id}"));
    let until = Instant::now() + SOON;
    let file = loop {
        if let Some(file) = recordings(&daemon.folder.path().join("recordings")).pop() {
            break file;
        }
        assert!(Instant::now() < until, "nothing is recorded");
        std::thread::sleep(Duration::from_millis(50));
    };
    let (rate, recorded) = signal::read_wav(&file);
    assert_eq!(rate, 8_000);
    assert!(
        n_blocks(&recorded, CALLER_HZ) >= 25,
        "its caller is recorded"
    );
    assert_eq!(n_blocks(&recorded, GREETING_HZ), 0, "and nothing else");

    // A program that is gone leaves nobody in a call without an end.
    phone.call("500", SOON);
    program.told("RING_ANS:", 2);
    program.process.kill();
    assert!(phone.request("BYE", SOON).is_some());
}

#[test]
fn a_program_calls_numbers_through_a_trunk_and_is_told_what_came_of_it() {
    let http = Http::new(free_address());
    let (sip, media) = (free_block(2), free_block(8));
    let folder = Folder::new("trunk");
    let scenario = in_repository("tests/sipp/called/trunk.xml");
    let mut trunk = Process::spawn("sipp", |command| {
        let (sip, media) = (sip.to_string(), media.to_string());
        let (sip, media) = (sip.as_str(), media.as_str());
        command
            .current_dir(folder.path())
            .args([
                "-sf",
                scenario.to_str().unwrap(),
                "-i",
                "127.0.0.1",
                "-p",
                sip,
            ])
            .args([
                "-mi",
                "127.0.0.1",
                "-mp",
                media,
                "-rtp_echo",
                "-nostdin",
                "-m",
                "3",
            ])
            .env("TERM", "dumb");
    });
    let daemon = start(&http, &format!("trunk = 127.0.0.1:{sip}\n"));
    let mut program = Program::start("relay.py", http.at, "/relay?relay=office");
    program.say("CALL:404");
    program.wait_for("CALL_FAILED:404 Not Found");
    program.say("CALL:486");
    program.told("CALL_IGNORE:", 1);
    program.say("CALL:0912341234");
    program.say("CALL:0912341235");
    program.wait_for("CALL_FAILED:491 Request Pending");
    let id = program.told("CALL_ANS:", 1);
    // What the trunk hears it sends back.
    program.say(&format!("tone {id} 440 1.2"));
    program.say("heard 440");
    let n: usize = program
        .told("heard 440 Hz for ", 1)
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(n >= 25, "the program has heard {n} blocks of its own");
    program.say("BYE");
    program.wait_for(&format!("BYE:{id}"));
    let ended = trunk.wait(SOON);
    assert_eq!(ended.and_then(|it| it.code()), Some(0), "{}", trunk.log());
    let log = daemon.process.log();
    assert!(log.contains("from relay:office to 0912341234: talks with relay:office"));
}

/// Waits until that call is so.
fn becomes(events: &mut Events, id: &str, state: &str) -> Value {
    let is_it = |it: &Value| it["call"]["id"] == id && it["call"]["state"] == state;
    events.wait_for(state, is_it)["call"].clone()
}

#[test]
fn over_http_alone_a_program_answers_and_calls_talks_and_presses_keys() {
    let http = Http::new(free_address());
    let daemon = start(
        &http,
        "extensions = 501\nanswer = by-program\n[user:kitchen]\npass = secret\n",
    );
    let mut phone = Adapter::start(daemon.sip, "kitchen", "secret");
    daemon.process.wait_for("user kitchen has registered", SOON);
    let mut events = http.socket("/v1/events");

    phone.dial("501");
    let rings = |it: &Value| it["call"]["state"] == "ringing";
    let call = events.wait_for("a call", rings)["call"].clone();
    let told = (&call["desk"], &call["direction"]);
    assert_eq!(told, (&json!("relay:office"), &json!("in")));
    let id = call["id"].as_str().unwrap().to_owned();
    let path = |what: &str| format!("/v1/calls/{id}/{what}");
    let keys = |digits: &str| {
        http.post(&path("dtmf"), &json!({ "digits": digits }))
            .status
    };
    let answer = |http: &Http| http.ask("POST", &path("answer"), "", "").status;
    assert_eq!(
        (keys("1"), answer(&http.with_token("token-of-ann"))),
        (409, 403)
    );
    let mut program = Program::start("phone.py", http.at, &path("audio?format=pcmu"));
    assert_eq!(answer(&http), 204);
    program.told("{\"type\":\"audio_start\",\"format\":\"pcmu\"", 1);
    assert_eq!(becomes(&mut events, &id, "held")["reason"], Value::Null);
    // What the telephone hears it says.
    program.say(&format!("tone - {GREETING_HZ} 1.2"));
    program.say(&format!("heard {GREETING_HZ}"));
    let heard = program.told(&format!("heard {GREETING_HZ} Hz for "), 1);
    let n: usize = heard.split(' ').next().unwrap().parse().unwrap();
    assert!(n >= 25, "the program has heard {n} blocks");
    phone.press('5');
    let key = events.wait_for("a key", |it| it["type"] == "dtmf");
    assert_eq!((&key["call"], &key["digit"]), (&json!(id), &json!("5")));
    program.told("{\"type\":\"dtmf\",\"digit\":\"5\"", 1);
    assert_eq!(keys("42#"), 204);
    phone.wait_for_keys("42#");
    phone.put_down();
    program.told("{\"type\":\"audio_stop\",\"reason\":\"caller hung up\"", 1);
    assert_eq!(
        becomes(&mut events, &id, "ended")["reason"],
        "caller hung up"
    );

    // The same request calls once.
    let dial = |number: &str| {
        let body = json!({ "number": number }).to_string();
        let headers = format!("content-type: application/json\r\nidempotency-key: {number}\r\n");
        http.ask("POST", "/v1/calls", &headers, &body)
    };
    let (first, again) = (dial("kitchen"), dial("kitchen"));
    assert_eq!((first.status, &first.body), (201, &again.body));
    assert_eq!(first.json()["direction"], "out");
    let id = first.json()["id"].as_str().unwrap().to_owned();
    becomes(&mut events, &id, "held");
    let hang_up = format!("/v1/calls/{id}/hangup");
    assert_eq!(http.ask("POST", &hang_up, "", "").status, 204);
    let over = becomes(&mut events, &id, "ended");
    assert_eq!(over["reason"], "ended by a user with the role admin");
    assert_eq!(http.get(&format!("/v1/calls/{id}")).json(), over);
    // Nobody listens there.
    let closed = format!("sip:bob@{};transport=tcp", free_address());
    let id = dial(&closed).json()["id"].as_str().unwrap().to_owned();
    let over = becomes(&mut events, &id, "ended");
    let reason = over["reason"].as_str().unwrap();
    assert!(reason.starts_with("503 "), "{over}");
}

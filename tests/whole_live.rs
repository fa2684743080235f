//! Is whoever speaks at a browser's microphone heard, soon, where they should be, and no longer?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon};
use common::folder::Folder;
use common::http::{Events, Http};
use common::jack_client::Recorder;
use common::jackd::Jackd;
use common::ports::free_address;
use common::{measure, signal};
use paging::config::TokenHash;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(5);
const RATE: u32 = 48_000;
const KLAXON_HZ: f32 = 2_500.0;
const FRAME: Duration = Duration::from_millis(20);

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Two zones, a klaxon, and an operator of one of them.
fn conf(jackd: &Jackd, folder: &Folder, http: &Http) -> Conf {
    let klaxon = folder.join("klaxon.wav");
    signal::write_wav(
        &klaxon,
        16_000,
        &[&signal::sine(16_000, KLAXON_HZ, 0.3, 0.4)],
    );
    let more = format!(
        "[zone:yard]\noutputs = system:playback_1\n[zone:hall]\noutputs = system:playback_2\n\
         [page:talk]\nextensions = 100\nzones = yard\nklaxon = nothing\n\
         [user:bob]\nrole = operator\nzones = yard\ntoken = {}\n[http]\nlisten = {}\n",
        TokenHash::of("token-of-bob").written(),
        http.at,
    );
    Conf::jack(jackd)
        .audio(&format!("klaxon = {}", klaxon.display()))
        .more(&more)
}

/// Sends frames of 20 ms in time, until `until` or to the end; when the first left.
fn talk(socket: &mut Events, sound: &[f32]) -> Instant {
    let began = Instant::now();
    let frames = sound.chunks(RATE as usize / 50);
    for (due, frame) in (0..).map(|n| began + FRAME * n).zip(frames) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let sample = |it: &f32| ((it * 32_767.0) as i16).to_le_bytes();
        let pcm: Vec<u8> = frame.iter().flat_map(sample).collect();
        socket.send(2, &pcm).unwrap();
    }
    began
}

fn is(kind: &str) -> impl Fn(&Value) -> bool {
    move |told| told["type"] == kind
}

fn begin(http: &Http, wanted: Value) -> (Events, Value) {
    let mut socket = http.socket("/v1/pages/live");
    socket.say(&wanted);
    let answer = socket.next();
    (socket, answer)
}

#[test]
fn a_voice_from_a_browser_is_heard_after_the_klaxon_within_120_ms() {
    let jackd = Jackd::start(RATE, 256);
    let folder = Folder::new("live");
    let http = Http::new(free_address());
    let _daemon = Daemon::start(&conf(&jackd, &folder, &http));
    let bob = http.with_token("token-of-bob");
    let recorder = Recorder::start(&jackd);
    pause(200);

    let wanted = json!({"type": "start", "rate": RATE, "zones": ["yard"], "klaxon": true});
    let (mut socket, started) = begin(&bob, wanted);
    assert_eq!(started["type"], "started", "{started}");
    let asked = Instant::now();
    socket.wait_for("to be told to speak", is("speak"));
    assert!(
        asked.elapsed() >= Duration::from_millis(380),
        "the klaxon comes first"
    );
    let speech = signal::speech(RATE, 3.0);
    let spoke = talk(&mut socket, &speech);
    socket.say(&json!({"type": "stop"}));
    let over = socket.wait_for("the end", is("over"));
    assert_eq!(over["reason"], "the speaker let go");
    let heard = recorder.stop();

    let from = heard.frame_at(spoke);
    let klaxon = measure::n_tenths(&heard.left[..from], heard.rate, KLAXON_HZ);
    assert!(
        (2..=5).contains(&klaxon),
        "the klaxon sounds for {klaxon} tenths"
    );
    let plain = measure::decimate(&speech, 6);
    let pieces = measure::pieces(&plain, &heard.left, heard.rate, from);
    let alike = measure::alike_but_for(&pieces, 0.5);
    let late: Vec<f32> = pieces.iter().map(|piece| piece.late_ms).collect();
    let late = measure::median(&late);
    println!("from the microphone to the port in {late:.1} ms (median); {alike:.2} alike");
    assert!(alike > 0.75, "speech is only {alike} alike: {pieces:#?}");
    assert!(late < 120.0, "heard after {late} ms");
    let hall = measure::rms(&heard.right);
    assert!(hall < 0.0001, "the hall hears it, {hall}");
}

#[test]
fn a_page_ends_with_its_connection_and_nobody_speaks_where_they_may_not() {
    let http = Http::new(free_address());
    let more = format!(
        "[zone:yard]\noutputs = yard\n[zone:hall]\noutputs = hall\n\
         [page:talk]\nextensions = 100\nzones = yard\npriority = 120\n\
         [user:bob]\nrole = operator\nzones = yard\ntoken = {}\n[http]\nlisten = {}\n",
        TokenHash::of("token-of-bob").written(),
        http.at,
    );
    let daemon = Daemon::start(&Conf::timer().more(&more));
    let bob = http.with_token("token-of-bob");
    let plain = |more: Value| {
        let mut wanted = json!({"type": "start", "rate": 16_000});
        let (wanted_map, more) = (wanted.as_object_mut().unwrap(), more.as_object().cloned());
        wanted_map.extend(more.unwrap());
        wanted
    };
    let refused = [
        (json!({"zones": ["hall"]}), 403),
        (json!({"priority": 200}), 403),
        (json!({"zones": ["yrad"]}), 404),
        (json!({"page": "nothing"}), 404),
        (json!({"rate": 1}), 422),
    ];
    for (more, status) in refused {
        let (_, answer) = begin(&bob, plain(more));
        assert_eq!(answer["type"], "refused", "{answer}");
        assert_eq!(answer["problem"]["status"], status, "{answer}");
    }

    let (mut first, started) = begin(&bob, plain(json!({"page": "talk"})));
    assert_eq!(started["page"]["priority"], 120, "{started}");
    first.wait_for("the first to speak", is("speak"));
    let (mut second, _) = begin(&bob, plain(json!({"busy": "queue"})));
    let queued = second.wait_for("the second to wait", is("queued"));
    assert_eq!(queued["before"], 1);
    let (_, busy) = begin(&bob, plain(json!({"busy": "reject"})));
    assert_eq!(busy["problem"]["status"], 409, "{busy}");
    first.send(2, &[0; 640]).unwrap();
    drop(first);
    second.wait_for("the second to speak", is("speak"));

    // Whoever sends nothing for five seconds does not hold the zones up.
    let over = second.wait_for("silence to end it", is("over"));
    assert_eq!(over["reason"], "nothing came from the caller");
    let until = Instant::now() + SOON;
    while http.get("/v1/pages").json()["items"] != json!([]) {
        assert!(
            Instant::now() < until,
            "a page is left: {}",
            http.get("/v1/pages").body
        );
        pause(20);
    }

    // Far more than anybody can hear, as fast as it goes.
    let (mut flood, _) = begin(&bob, plain(json!({})));
    flood.wait_for("the flood to be let in", is("speak"));
    while flood.send(2, &[1; 16_000]).is_ok() {}
    daemon
        .process
        .wait_for("far more came than can be heard", SOON);
}

//! Can a program page, look and follow over HTTP, and does a flood of it change nothing?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::certificates::{Authority, NOW, identity};
use common::daemon::{Conf, Daemon, run};
use common::folder::Folder;
use common::http::{Events, Http};
use common::jack_client::Recorder;
use common::jackd::Jackd;
use common::ports::free_address;
use common::{measure, signal};
use paging::config::TokenHash;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(5);
const GONG_HZ: f32 = 2_500.0;
const GONE: &str = "sound brought.wav: is deleted, asked for by eve";

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Two zones, a sound, and users of all kinds.
fn conf(jackd: &Jackd, folder: &Folder, http: &Http) -> Conf {
    let gong = folder.join("gong.wav");
    signal::write_wav(&gong, 48_000, &[&signal::sine(48_000, GONG_HZ, 0.3, 0.8)]);
    let user = |name: &str, role: &str, more: &str| {
        let hash = TokenHash::of(&format!("token-of-{name}")).written();
        format!("[user:{name}]\nrole = {role}\ntoken = {hash}\n{more}")
    };
    let more = format!(
        "[zone:yard]\noutputs = system:playback_1\n[zone:hall]\noutputs = system:playback_2\n\
         [page:school]\nextensions = 700\nzones = yard\nmessage = {}\n[page:talk]\n\
         extensions = 100\nzones = hall\n{}{}{}[http]\nlisten = {}\n",
        gong.display(),
        user("ann", "viewer", ""),
        user("bob", "operator", "zones = yard\n"),
        user("eve", "admin", ""),
        http.at,
    );
    Conf::jack(jackd).more(&more)
}

fn is_over(event: &Value, id: &Value) -> bool {
    event["type"] == "page" && event["page"]["id"] == *id && event["page"]["state"] == "over"
}

#[test]
fn a_page_asked_for_over_http_is_heard_where_it_should_and_followed() {
    let mut jackd = Jackd::start(48_000, 256);
    let folder = Folder::new("http");
    let http = Http::new(free_address());
    let daemon = Daemon::start(&conf(&jackd, &folder, &http));
    daemon.process.wait_for("http: answering at", SOON);
    assert_eq!(
        http.get("/health").status,
        200,
        "{}",
        http.get("/health").body
    );
    let mut sse = http.events("/v1/events");
    let mut socket = http.with_token("token-of-ann").socket("/v1/events");
    let began_at = sse.next()["id"].as_str().unwrap().to_owned();
    assert_eq!(socket.next()["type"], "ready");

    let recorder = Recorder::start(&jackd);
    let bob = http.with_token("token-of-bob");
    let wanted = json!({"play": "gong.wav", "zones": ["yard"], "times": 2});
    let started = bob.post("/v1/pages", &wanted);
    assert_eq!(started.status, 201, "{started:?}");
    let id = started.json()["id"].clone();
    let is_live = |event: &Value| {
        event["type"] == "zone" && event["name"] == "yard" && event["heard"][0]["page"] == id
    };
    socket.wait_for("the zone has the page", is_live);
    let zones = http.get("/v1/zones").json();
    assert_eq!(
        (&zones[1]["name"], &zones[1]["ducked"]),
        (&json!("yard"), &json!(true))
    );
    for events in [&mut sse, &mut socket] {
        let over = events.wait_for("the page is over", |event| is_over(event, &id));
        assert_eq!(over["page"]["outcome"], "heard", "{over}");
    }
    let heard = recorder.stop();
    let level = |sound: &[f32]| {
        let levels = measure::level_over_time(sound, heard.rate, GONG_HZ, 960);
        levels.iter().filter(|level| **level > 0.05).count() as f32 * 0.02
    };
    let (yard, hall) = (level(&heard.left), level(&heard.right));
    assert!(
        (1.4..1.9).contains(&yard),
        "the gong sounds for {yard} s in the yard"
    );
    assert_eq!(hall, 0.0, "nothing in the hall");
    let page = http
        .get(&format!("/v1/pages/{}", id.as_str().unwrap()))
        .json();
    assert_eq!(
        (&page["state"], &page["outcome"]),
        (&json!("over"), &json!("heard"))
    );

    let strange = bob.post("/v1/pages", &json!({"play": "school", "zones": ["hall"]}));
    assert_eq!(
        (strange.status, strange.json()["type"].as_str()),
        (403, Some("urn:paging:problem:zones"))
    );
    let urgent = json!({"play": "school", "priority": 200});
    assert_eq!(bob.post("/v1/pages", &urgent).status, 403);
    let loud = http.with_token("token-of-eve").post("/v1/pages", &urgent);
    let id = loud.json()["id"].clone();
    let path = format!("/v1/pages/{}", id.as_str().unwrap());
    assert_eq!(
        bob.delete(&path).status,
        403,
        "an emergency is not bob's to stop"
    );
    assert_eq!(http.delete(&path).status, 204);
    let over = sse.wait_for("it was stopped", |event| is_over(event, &id));
    assert_ne!(over["page"]["outcome"], "heard");

    // From where the first subscription began, everything comes again.
    let mut again = http.events(&format!("/v1/events?after={began_at}"));
    again.wait_for("the stop once more", |event| is_over(event, &id));

    jackd.kill();
    let is_down = |event: &Value| event["type"] == "health" && event["part"]["state"] == "failed";
    sse.wait_for("the engine has failed", is_down);
    let health = http.get("/health");
    assert_eq!(
        (health.status, health.json()["status"].as_str()),
        (503, Some("failed"))
    );
    assert_eq!(bob.post("/v1/pages", &wanted).status, 503);
    let metrics = http.get("/metrics").body;
    assert!(metrics.contains("\npaging_sound_up 0\n"), "{metrics}");
    assert!(
        metrics.contains("\npaging_pages_total{outcome=\"heard\"} 1\n"),
        "{metrics}"
    );
}

/// So long is a pitch heard, in seconds.
fn sounds_for(sound: &[f32], rate: u32, hz: f32) -> f32 {
    let levels = measure::level_over_time(sound, rate, hz, 960);
    levels.iter().filter(|level| **level > 0.02).count() as f32 * 0.02
}

#[test]
fn a_text_and_a_tone_are_heard_where_they_should() {
    const TONE_HZ: f32 = 1_200.0;
    let jackd = Jackd::start(48_000, 256);
    let folder = Folder::new("made");
    let http = Http::new(free_address());
    let mut conf = conf(&jackd, &folder, &http);
    // A voice that says the same to everything, but for one word that it does not know.
    let voice = folder.join("voice.sh");
    let script = format!(
        "[ \"$2\" != mumble ] || {{ echo 'no such word' >&2; exit 1; }}\ncp '{}' \"$1\"\n",
        folder.join("gong.wav").display()
    );
    std::fs::write(&voice, script).unwrap();
    conf.audio += &format!(
        "\nspeech-command = sh {} {{file}} {{text}}\n",
        voice.display()
    );
    let daemon = Daemon::start(&conf);
    daemon.process.wait_for("http: answering at", SOON);
    jackd.wait_until_fed("system:playback_2", "paging:", SOON);
    let (bob, mut events) = (http.with_token("token-of-bob"), http.events("/v1/events"));
    let recorder = Recorder::start(&jackd);
    let text = json!({"say": "The yard is closed.", "zones": ["yard"]});
    let tone = json!({"tone": {"hz": TONE_HZ, "seconds": 1.0}, "zones": ["hall"]});
    let mut heard_to_the_end = |who: &Http, wanted: &Value| {
        let started = who.post("/v1/pages", wanted);
        assert_eq!(started.status, 201, "{started:?}");
        let id = started.json()["id"].clone();
        let over = events.wait_for("the page is over", |event| is_over(event, &id));
        assert_eq!(over["page"]["outcome"], "heard", "{over}");
    };
    heard_to_the_end(&bob, &text);
    heard_to_the_end(&http, &tone);
    let heard = recorder.stop();
    let lasts = |hz: f32| [&heard.left, &heard.right].map(|it| sounds_for(it, heard.rate, hz));
    let ([text_yard, text_hall], [tone_yard, tone_hall]) = (lasts(GONG_HZ), lasts(TONE_HZ));
    assert!((0.7..1.0).contains(&text_yard), "{text_yard} s of the text");
    assert!((0.9..1.2).contains(&tone_hall), "{tone_hall} s of the tone");
    assert_eq!((text_hall, tone_yard), (0.0, 0.0), "in the wrong zone");

    let mumbled = bob.post("/v1/pages", &json!({"say": "mumble", "zones": ["yard"]}));
    assert_eq!(mumbled.status, 503, "{mumbled:?}");
    let why = mumbled.json()["detail"].to_string();
    assert!(why.contains("no such word"), "{why}");
    assert_eq!(
        bob.post("/v1/pages", &tone).status,
        403,
        "not in bob's zones"
    );
    let log = daemon.process.log();
    assert!(
        log.contains("\"The yard is closed.\", asked for over HTTP by bob"),
        "{log}"
    );
}

#[test]
fn the_way_of_sound_is_tried_out_in_zones_where_nobody_is_heard() {
    let jackd = Jackd::start(48_000, 256);
    let folder = Folder::new("selftest");
    let http = Http::new(free_address());
    let daemon = Daemon::start(&conf(&jackd, &folder, &http));
    daemon.process.wait_for("http: answering at", SOON);
    let bob = http.with_token("token-of-bob");
    let of_hall = json!({"zones": ["hall"]});
    assert_eq!(bob.post("/v1/selftest", &of_hall).status, 403);
    // All zones of his.
    let told = bob.ask("POST", "/v1/selftest", "", "");
    assert_eq!(told.status, 200, "{told:?}");
    println!("{}", told.body);
    let told = told.json();
    assert_eq!((&told["ok"], &told["marks"]), (&json!(true), &json!(4)));
    let [yard] = &told["zones"].as_array().unwrap()[..] else {
        panic!("{told}");
    };
    assert_eq!(
        (&yard["zone"], &yard["has_output"]),
        (&json!("yard"), &json!(true))
    );
    assert!(yard["heard"].as_u64() >= Some(3), "{yard}");
    let delay = yard["delay_ms"]["median"].as_f64().unwrap();
    assert!((1.0..200.0).contains(&delay), "{yard}");

    let mut phone = daemon.phone();
    phone.call("100", SOON);
    let _talking = phone.keep_talking(signal::sine(8_000, 440.0, 0.4, 1.0).into(), 0.0);
    let is_heard = || {
        !http.get("/v1/zones").json()[0]["heard"]
            .as_array()
            .unwrap()
            .is_empty()
    };
    let until = Instant::now() + SOON;
    while !is_heard() {
        assert!(Instant::now() < until, "the caller is not heard");
        pause(20);
    }
    assert_eq!(http.post("/v1/selftest", &of_hall).status, 409);
    phone.hang_up();
}

/// A site without hardware whose state lies in that folder.
fn site(folder: &Folder, http: &Http) -> Conf {
    let gong = folder.join("gong.wav");
    signal::write_wav(&gong, 48_000, &[&signal::sine(48_000, GONG_HZ, 0.3, 0.3)]);
    let (gong, state) = (gong.display(), folder.path().display());
    let user = |name: &str, role: &str| {
        let hash = TokenHash::of(&format!("token-of-{name}")).written();
        format!("[user:{name}]\nrole = {role}\ntoken = {hash}\n")
    };
    Conf::timer().more(&format!(
        "state-dir = {state}\n[schedule:lesson]\nwhen = daily 03:00\nplay = {gong}\n\
         [music:lounge]\npath = {gong}\n[page:talk]\nextensions = 100\nrecord = caller\n\
         {}{}[http]\nlisten = {}\n",
        user("bob", "operator"),
        user("eve", "admin"),
        http.at,
    ))
}

/// Lets somebody speak for a while, and waits for the recording.
fn recorded(daemon: &Daemon, http: &Http) -> Value {
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    phone
        .start_talking(signal::speech(8_000, 1.0))
        .join()
        .unwrap();
    phone.hang_up();
    let until = Instant::now() + SOON * 4;
    loop {
        let found = http.get("/v1/recordings?caller=tester").json();
        if let Some(first) = found["items"].as_array().and_then(|it| it.first()) {
            return first.clone();
        }
        assert!(Instant::now() < until, "no recording: {found}");
        pause(50);
    }
}

#[test]
fn what_is_changed_over_http_outlives_a_kill_and_is_found_in_the_history() {
    let folder = Folder::new("things");
    let http = Http::new(free_address());
    let conf = site(&folder, &http);
    let mut daemon = Daemon::start(&conf);
    let (bob, eve) = (
        http.with_token("token-of-bob"),
        http.with_token("token-of-eve"),
    );
    let mut events = bob.events("/v1/events");
    let bytes = std::fs::read(folder.join("gong.wav")).unwrap();
    assert_eq!(bob.put_sound("/v1/sounds/brought.wav", &bytes).status, 403);
    let brought = eve.put_sound("/v1/sounds/brought.wav", &bytes);
    assert_eq!(
        (brought.status, &brought.json()["seconds"]),
        (201, &json!(0.3))
    );
    assert_eq!(
        eve.put_sound("/v1/sounds/noise.wav", b"no sound").status,
        422
    );
    let play = json!({"play": "brought.wav"});
    assert_eq!(bob.post("/v1/pages", &play).status, 201);
    let rung = bob.ask("POST", "/v1/schedules/lesson/ring", "", "");
    assert_eq!(rung.status, 201, "{rung:?}");
    let bell = bob.patch("/v1/schedules/lesson", &json!({"enabled": false}));
    assert_eq!((bell.status, &bell.json()["next"]), (200, &Value::Null));
    let music = json!({"source": "lounge", "volume_db": -12});
    let music = bob.patch("/v1/music/zones/all", &music);
    assert_eq!(
        (music.status, &music.json()["source"]),
        (200, &json!("lounge"))
    );
    let is_change =
        |event: &Value| event["type"] == "history" && event["entry"]["what"] == "schedule lesson";
    let is_bell = |event: &Value| event["type"] == "history" && event["entry"]["kind"] == "bell";
    // Whichever comes first.
    let first = events.wait_for("one of both", |event| is_change(event) || is_bell(event));
    let second = events.wait_for("the other", |event| is_change(event) || is_bell(event));
    let (change, bell) = match is_change(&first) {
        true => (first, second),
        false => (second, first),
    };
    assert_eq!(
        (&change["entry"]["who"], is_bell(&bell)),
        (&json!("bob"), true)
    );
    assert_eq!(change["id"], change["entry"]["id"]);
    let recording = recorded(&daemon, &http);
    assert!(
        recording["seconds"].as_f64().is_some_and(|it| it > 0.5),
        "{recording}"
    );
    let path = format!("/v1/recordings/{}", recording["id"].as_str().unwrap());
    let head = bob.ask("GET", &path, "range: bytes=0-3\r\n", "");
    assert_eq!((head.status, head.body.as_str()), (206, "RIFF"));
    assert_eq!(bob.delete(&path).status, 403);

    daemon.process.signal("KILL");
    daemon.process.wait(SOON * 4);
    let _again = Daemon::start(&conf);
    let mut events = bob.events(&format!(
        "/v1/events?after={}",
        bell["id"].as_str().unwrap()
    ));
    assert_eq!(events.next()["type"], "ready");
    assert_eq!(events.next()["type"], "gap");
    let is_start = |event: &Value| event["entry"]["text"] == "started";
    let started = events.wait_for("the second start", is_start);
    assert!(
        started["id"].as_str().unwrap().parse::<u64>().is_ok(),
        "{started}"
    );
    assert_eq!(bob.get("/v1/schedules/lesson").json()["enabled"], false);
    let day = bob.get("/v1/rings?days=1&schedule=lesson").json();
    assert_eq!(day["days"][0]["rings"][0]["state"], "disabled", "{day}");
    let yard = bob.get("/v1/music/zones/all").json();
    assert_eq!(
        (&yard["source"], &yard["volume_db"]),
        (&json!("lounge"), &json!(-12.0))
    );
    assert_eq!(bob.post("/v1/pages", &play).status, 201);
    assert_eq!(eve.delete(&path).status, 204);
    assert_eq!(bob.get(&path).status, 404);
    assert_eq!(eve.delete("/v1/sounds/brought.wav").status, 204);
    let is_last = |event: &Value| event["entry"]["text"] == GONE;
    events.wait_for("the last change is on the disk", is_last);
    let found = bob.get("/v1/history?words=bob%20lesson&kind=change").json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    let table = bob.get("/v1/history.csv?words=eve").body;
    assert!(table.contains(GONE), "{table}");
}

#[test]
fn a_flood_of_requests_while_somebody_speaks_changes_nothing() {
    let jackd = Jackd::start(48_000, 256);
    let folder = Folder::new("flood");
    let http = Http::new(free_address());
    let daemon = Daemon::start(&conf(&jackd, &folder, &http));
    let recorder = Recorder::start(&jackd);
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    let speech = signal::speech(8_000, 4.0);
    let is_over = Arc::new(AtomicBool::new(false));
    let (n_served, n_refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let floods: Vec<_> = ["/v1/zones", "/metrics"]
        .into_iter()
        .map(|path| {
            let (http, is_over) = (http.clone(), is_over.clone());
            let (served, refused) = (n_served.clone(), n_refused.clone());
            std::thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let counter = match http.try_ask("GET", path, "", "") {
                        Ok(reply) if reply.status == 200 => &served,
                        Ok(_) | Err(_) => &refused,
                    };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let mut silent: Vec<Events> = (0..200).map(|_| http.events("/v1/events")).collect();
    let spoke = phone.start_talking(speech.clone()).join().unwrap();
    is_over.store(true, Ordering::Relaxed);
    for flood in floods {
        flood.join().unwrap();
    }
    // What the flood has used up of this address's requests comes back within a second.
    pause(1_000);
    let calls = http.get("/v1/calls").json();
    assert_eq!(calls["items"][0]["state"], "live", "{calls}");
    let id = calls["items"][0]["id"].as_str().unwrap();
    let path = format!("/v1/calls/{id}/hangup");
    assert_eq!(http.ask("POST", &path, "", "").status, 204);
    assert!(
        phone.request("BYE", SOON).is_some(),
        "the phone is hung up on"
    );
    let heard = recorder.stop();
    for events in &mut silent {
        let ends = |event: &Value| event["type"] == "call" && event["call"]["state"] == "ended";
        events.wait_for("the call has ended", ends);
    }
    let pieces = measure::pieces(&speech, &heard.right, heard.rate, heard.frame_at(spoke));
    let alike = measure::alike_but_for(&pieces, 0.25);
    let (served, refused) = (
        n_served.load(Ordering::Relaxed),
        n_refused.load(Ordering::Relaxed),
    );
    println!("{served} requests were served and {refused} refused; speech is {alike} alike");
    assert!(served > 100, "only {served} requests were served");
    assert!(alike > 0.75, "speech is only {alike} alike: {pieces:#?}");
}

#[test]
fn a_reload_changes_tokens_and_addresses_and_keeps_connections() {
    let (http, other) = (Http::new(free_address()), Http::new(free_address()));
    let with = |token: &str, at: &Http| {
        let hash = TokenHash::of(token).written();
        let more = format!("[user:ann]\ntoken = {hash}\n[http]\nlisten = {}\n", at.at);
        Conf::timer().more(&more)
    };
    let daemon = Daemon::start(&with("old", &http));
    let mut events = http.with_token("old").events("/v1/events");
    events.next();
    daemon.write_conf(&with("new", &other));
    daemon.reload();
    daemon
        .process
        .wait_for(&format!("{} is closed", http.at), SOON);
    daemon
        .process
        .wait_for(&format!("answering at http://{}", other.at), SOON);
    assert!(http.try_ask("GET", "/health", "", "").is_err());
    assert_eq!(other.with_token("old").get("/health").status, 401);
    assert_eq!(other.with_token("new").get("/health").status, 200);
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    events.wait_for("a call", |event| event["type"] == "call");
    phone.hang_up();
}

#[test]
fn beyond_this_machine_it_speaks_tls_wants_a_token_and_takes_a_renewed_certificate() {
    let (first, second) = (Authority::new("http-1"), Authority::new("http-2"));
    let files = first.vouch_for(SITE, "site", NOW);
    let at = free_address();
    let listen = SocketAddr::new("0.0.0.0".parse().unwrap(), at.port());
    let hash = TokenHash::of("token-of-ann").written();
    let more = format!(
        "[user:ann]\ntoken = {hash}\n[http]\nlisten = {listen}\n{}\n",
        identity(&files)
    );
    let daemon = Daemon::start(&Conf::timer().more(&more));
    daemon.process.wait_for("http: answering at https://", SOON);
    let ask = |ca: &Path, token: &str| over_tls(at, ca, token);
    assert!(
        ask(&first.ca, "token-of-ann")
            .unwrap()
            .starts_with("HTTP/1.1 200 ")
    );
    assert!(
        ask(&first.ca, "guessed")
            .unwrap()
            .starts_with("HTTP/1.1 401 ")
    );
    assert!(
        ask(&second.ca, "token-of-ann").is_err(),
        "anybody may vouch"
    );
    let plain = Http::new(at).try_ask("GET", "/health", "", "");
    assert!(
        plain.is_err() || plain.is_ok_and(|it| it.status == 0),
        "no TLS"
    );

    let renewed = second.vouch_for(SITE, "site", NOW);
    std::fs::copy(&renewed.0, &files.0).unwrap();
    std::fs::copy(&renewed.1, &files.1).unwrap();
    daemon.reload();
    let until = Instant::now() + SOON;
    while ask(&second.ca, "token-of-ann").is_err() {
        assert!(Instant::now() < until, "{}", daemon.process.log());
        pause(50);
    }
}

const SITE: &str = "paging.example.org";

/// What is answered to a question after health, by a site for which `ca` vouches.
fn over_tls(at: SocketAddr, ca: &Path, token: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), SITE.try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(at)?);
    stream.sock.set_read_timeout(Some(SOON))?;
    write!(
        stream,
        "GET /health HTTP/1.1\r\nhost: {SITE}\r\nauthorization: Bearer {token}\r\n\
         connection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

#[test]
fn a_busy_address_keeps_the_daemon_from_starting_only_if_it_was_written() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = held.local_addr().unwrap();
    let folder = Folder::new("busy");
    let conf = Conf::timer().more(&format!("[http]\nlisten = {at}\n"));
    let file = folder.write(
        "busy.conf",
        conf.text(free_address(), common::ports::free_block(300)),
    );
    let (code, log) = run(&folder, &[file.to_str().unwrap()], SOON * 4);
    assert_eq!(code, Some(2), "{log}");
    let told = format!("another program listens at {at}; end it, or write another port");
    assert!(
        log.contains("[http] listen") && log.contains(&told),
        "{log}"
    );
    let mut daemon = Daemon::start(&Conf::timer().more("[http]\n"));
    let until = Instant::now() + SOON;
    while !daemon.process.log().contains("http: ") && Instant::now() < until {
        pause(20);
    }
    assert!(daemon.process.is_running(), "{}", daemon.process.log());
}

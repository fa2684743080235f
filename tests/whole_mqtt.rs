//! Does home automation see and control the daemon over MQTT, and does it outlive its broker?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::certificates::{Authority, NOW};
use common::daemon::{Conf, Daemon};
use common::folder::Folder;
use common::http::Http;
use common::jack_client::Recorder;
use common::jackd::Jackd;
use common::mosquitto::{Login, Mosquitto, Watch};
use common::ports::free_address;
use common::{measure, signal, turn};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);
const GONG_HZ: f32 = 2_500.0;
const CONFIG: &str = "homeassistant/device/paging/config";
const LOGIN: Login = Login {
    name: "paging",
    password: "hunter2",
};

/// A site with two zones, of which home automation may use one.
fn conf(jackd: &Jackd, folder: &Folder, mqtt: &str, role: &str) -> Conf {
    let gong = folder.join("gong.wav");
    signal::write_wav(&gong, 48_000, &[&signal::sine(48_000, GONG_HZ, 0.3, 0.8)]);
    let (gong, state) = (gong.display(), folder.path().display());
    Conf::jack(jackd).more(&format!(
        "state-dir = {state}\n\
         [zone:yard]\noutputs = system:playback_1\n[zone:hall]\noutputs = system:playback_2\n\
         [page:school]\nextensions = 700\nzones = yard\nmessage = {gong}\n\
         [music:lounge]\npath = {gong}\n[user:home]\nrole = {role}\nzones = yard\n{mqtt}"
    ))
}

fn reload(daemon: &Daemon, conf: &Conf) {
    daemon.write_conf(conf);
    daemon.reload();
}

/// The entities of a document, without those that are only told to go.
fn entities(document: &Value) -> Vec<(String, Value)> {
    let all = document["components"].as_object().unwrap();
    let all = all.iter().map(|(id, it)| (id.clone(), it.clone()));
    all.filter(|(_, it)| it["unique_id"].is_string()).collect()
}

/// Everything that an entity shows is there.
fn shows(watch: &Watch, id: &str, entity: &Value) {
    let Some(topic) = entity["state_topic"].as_str() else {
        return;
    };
    let state = watch.wait_for(topic, "a state", Value::is_object);
    let template = entity["value_template"].as_str().unwrap();
    let member = template.split("value_json.").nth(1).unwrap();
    let member = member.split([' ', '}']).next().unwrap();
    assert!(state.get(member).is_some(), "{id}: no {member} in {state}");
    if let Some(options) = entity["options"].as_array()
        && id == "health"
    {
        assert!(options.contains(&state[member]), "{id}: {state}");
    }
}

/// Presses, sets or chooses, and expects that it is done.
fn does(broker: &Mosquitto, watch: &Watch, entity: &Value, payload: &str) -> Value {
    let topic = entity["command_topic"].as_str().unwrap();
    let n = watch.n();
    broker.publish(topic, payload, &[]);
    let rest = topic.strip_prefix("paging/").unwrap();
    let answer = watch.after(n, "paging/answer", |it| it["command"] == *rest);
    assert_eq!(answer["done"], true, "{topic} {payload}: {answer}");
    answer
}

fn refused(broker: &Mosquitto, watch: &Watch, rest: &str, payload: &str) -> String {
    let n = watch.n();
    broker.publish(&format!("paging/{rest}"), payload, &[]);
    let answer = watch.after(n, "paging/answer", |it| it["command"] == *rest);
    assert_eq!(answer["done"], false, "{answer}");
    answer["problem"]["detail"].as_str().unwrap().to_owned()
}

fn certificates(authority: &Authority) -> [PathBuf; 3] {
    let (cert, key) = authority.vouch_for("localhost", "broker", NOW);
    [authority.ca.clone(), cert, key]
}

#[test]
fn home_assistant_finds_the_site_and_what_is_pressed_there_is_heard() {
    let jackd = Jackd::start(48_000, 256);
    let folder = Folder::new("mqtt");
    let authority = Authority::new("mqtt");
    let broker = Mosquitto::start(LOGIN, Some(&certificates(&authority)));
    let watch = broker.watch();
    let mqtt = format!(
        "[mqtt]\nbroker = mqtts://localhost:{}\nlogin = paging\npass = hunter2\nuser = home\n",
        broker.port
    );
    // The system does not know who vouches for the broker.
    let mut daemon = Daemon::start(&conf(&jackd, &folder, &mqtt, "operator"));
    daemon
        .process
        .wait_for("is not believed (UnknownIssuer)", SOON);
    let mqtt = format!("{mqtt}tls-ca = {}\n", authority.ca.display());
    reload(&daemon, &conf(&jackd, &folder, &mqtt, "operator"));
    let told = format!("mqtt: mqtts://localhost:{} is told", broker.port);
    daemon.process.wait_for(&told, SOON);

    // The document says what there is; every topic in it works.
    let has_stop = |it: &Value| it["components"]["next_yard"].is_object();
    let document = watch.wait_for(CONFIG, "the document", has_stop);
    let availability = document["availability_topic"].as_str().unwrap();
    watch.wait_for(availability, "online", |it| it == "online");
    let found = entities(&document);
    for (id, entity) in &found {
        shows(&watch, id, entity);
    }
    let entity = |id: &str| found.iter().find(|it| it.0 == id).unwrap().1.clone();
    let press = |id: &str| {
        let entity = entity(id);
        let payload = entity["payload_press"].as_str().unwrap().to_owned();
        does(&broker, &watch, &entity, &payload)
    };
    watch.wait_for("paging/health", "works", |it| {
        let parts = it["parts"].as_array();
        let names: Vec<&Value> = parts.into_iter().flatten().map(|it| &it["name"]).collect();
        it["status"] == "ok"
            && ["mqtt", "disk"]
                .iter()
                .all(|name| names.contains(&&json!(name)))
    });

    // A button is heard where it should, and what becomes of the page is told.
    let recorder = Recorder::start(&jackd);
    let n = watch.n();
    let id = press("play_school")["page"]["id"].clone();
    let is_here = |it: &Value| it["heard"][0]["page"] == id;
    watch.after(n, "paging/zones/yard", is_here);
    let over = watch.after(n, "paging/event", |it| {
        it["type"] == "page" && it["page"]["id"] == id && it["page"]["state"] == "over"
    });
    assert_eq!(over["page"]["outcome"], "heard", "{over}");
    watch.wait_for("paging/pages", "over", |it| it["text"] == "nothing");
    let heard = recorder.stop();
    let has_gong = |sound: &[f32]| {
        let levels = measure::level_over_time(sound, heard.rate, GONG_HZ, 960);
        levels.iter().filter(|level| **level > 0.05).count() > 20
    };
    assert!(has_gong(&heard.left) && !has_gong(&heard.right));

    // Music follows, and its state with it.
    let music = |what: &str, is_it: &dyn Fn(&Value) -> bool| {
        watch.wait_for("paging/zones/yard/music", what, is_it);
    };
    does(&broker, &watch, &entity("volume_yard"), "-20.5");
    music("softer", &|it| it["volume_db"] == -20.5);
    does(&broker, &watch, &entity("source_yard"), "lounge");
    music("another", &|it| it["source"] == "lounge");
    let switch = entity("music_yard");
    does(
        &broker,
        &watch,
        &switch,
        switch["payload_off"].as_str().unwrap(),
    );
    music("still", &|it| it["paused"] == true);
    does(
        &broker,
        &watch,
        &switch,
        switch["payload_on"].as_str().unwrap(),
    );
    music("on", &|it| it["paused"] == false);
    press("next_yard");
    does(&broker, &watch, &entity("source_yard"), "off");
    music("nothing", &|it| it["source"] == Value::Null);
    let said = does(&broker, &watch, &entity("say"), "The office closes.");
    let name = said["page"]["name"].as_str().unwrap();
    assert!(name.contains("asked for over MQTT by home"), "{said}");
    press("stop");
    watch.wait_for("paging/pages", "stopped", |it| it["text"] == "nothing");

    // The rules are those of HTTP.
    let strange = json!({"play": "school", "zones": ["hall"]}).to_string();
    let told = refused(&broker, &watch, "pages/start", &strange);
    assert!(told.contains("may not page hall"), "{told}");
    daemon
        .process
        .wait_for("mqtt: \"pages/start\" is refused: ", SOON);
    let told = refused(&broker, &watch, "zones/hall/music/volume_db/set", "-3");
    assert!(told.contains("may not page hall"), "{told}");
    let told = refused(&broker, &watch, "pages/say", " ");
    assert!(told.contains("no short text"), "{told}");
    let told = refused(&broker, &watch, "pages/begin", "x");
    assert!(told.contains("no command; there are"), "{told}");

    // A viewer presses nothing: the entities go, and so do commands that come all the same.
    let n = watch.n();
    reload(&daemon, &conf(&jackd, &folder, &mqtt, "viewer"));
    let goes = |it: &Value| it["components"]["stop"] == json!({"platform": "button"});
    watch.after(n, CONFIG, goes);
    watch.wait_for(CONFIG, "without", |it| it["components"]["stop"].is_null());
    let told = refused(&broker, &watch, "pages/stop", "all");
    assert!(told.contains("takes the role operator"), "{told}");

    // Home Assistant starts anew and is told again.
    let n = watch.n();
    broker.publish("homeassistant/status", "online", &[]);
    watch.after(n, CONFIG, Value::is_object);

    // Nobody says good-bye but the broker, for us.
    daemon.process.kill();
    watch.wait_for(availability, "offline", |it| it == "offline");
}

/// A site without hardware and without rights.
fn site(folder: &Folder, http: &Http, broker: &Mosquitto, more: &str) -> Conf {
    let state = folder.path().display();
    Conf::timer().more(&format!(
        "state-dir = {state}\n[http]\nlisten = {}\n[mqtt]\nbroker = mqtt://127.0.0.1:{}\n\
         login = paging\n{more}\n",
        http.at, broker.port
    ))
}

fn part(http: &Http, state: &str, words: &str) {
    let until = Instant::now() + SOON;
    loop {
        let health = http.get("/health");
        let told = health.json();
        let parts = told["parts"].as_array().unwrap().iter();
        let part = parts.clone().find(|it| it["name"] == "mqtt").cloned();
        let part = part.unwrap_or_default();
        let reason = part["reason"].as_str().unwrap_or_default();
        if part["state"] == *state && reason.contains(words) {
            return;
        }
        assert!(Instant::now() < until, "{state}: {part}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_broker_that_goes_refuses_or_stalls_is_told_and_holds_nothing_up() {
    let _turn = turn();
    let folder = Folder::new("broker");
    let http = Http::new(free_address());
    let mut broker = Mosquitto::start(LOGIN, None);
    let mut daemon = Daemon::start(&site(&folder, &http, &broker, "pass = wrong"));
    part(
        &http,
        "degraded",
        "does not let in the login paging with this password",
    );
    assert!(
        !daemon.process.log().contains("wrong"),
        "no password in the log"
    );
    reload(&daemon, &site(&folder, &http, &broker, "pass = hunter2"));
    part(&http, "ok", "is told how things stand");

    // Without a user, nobody commands. What somebody has left there goes when we connect anew, and
    // a command that was kept is not obeyed.
    let watch = broker.watch();
    watch.wait_for("paging/availability", "online", |it| it == "online");
    broker.publish("paging/zones/attic", "{}", &["-r"]);
    let n = watch.n();
    broker.publish("paging/pages/stop", "all", &["-r"]);
    let is_refused = |words: &str, it: &Value| {
        let told = it["problem"]["detail"].as_str();
        told.is_some_and(|it| it.contains(words))
    };
    let words = "write user = NAME into [mqtt]";
    watch.after(n, "paging/answer", |it| is_refused(words, it));
    let n = watch.n();
    let other = site(&folder, &http, &broker, "pass = hunter2\nclient-id = other");
    reload(&daemon, &other);
    let words = "carried out at each connection";
    watch.after(n, "paging/answer", |it| is_refused(words, it));
    for topic in ["paging/zones/attic", "paging/pages/stop"] {
        watch.wait_for(topic, "taken away", |it| it == "");
    }

    // A broker that takes nothing any more holds nobody up.
    broker.signal("STOP");
    let began = Instant::now();
    for _ in 0..20 {
        assert_eq!(http.get("/v1/zones").status, 200);
    }
    assert!(began.elapsed() < SOON / 2);
    broker.signal("CONT");

    // It is gone, and comes back without a memory: everything is told again, in few words.
    let n_lines = |daemon: &Daemon| {
        let log = daemon.process.log();
        log.lines().filter(|line| line.contains("mqtt: ")).count()
    };
    let n_before = n_lines(&daemon);
    broker.kill();
    part(&http, "degraded", "");
    std::thread::sleep(Duration::from_millis(2_500));
    let told = n_lines(&daemon) - n_before;
    assert!((1..=2).contains(&told), "{told}\n{}", daemon.process.log());
    drop(watch);
    broker.restart();
    part(&http, "ok", "is told how things stand");
    let watch = broker.watch();
    watch.wait_for("paging/availability", "online", |it| it == "online");
    for topic in ["paging/health", "paging/zones/all", "paging/pages", CONFIG] {
        watch.wait_for(topic, "again", Value::is_object);
    }
    let metrics = http.get("/metrics").body;
    assert!(metrics.contains("\npaging_mqtt_connected 1\n"), "{metrics}");
    assert!(
        metrics.contains("\npaging_mqtt_refused_total 2\n"),
        "{metrics}"
    );

    // A clean end is told too.
    daemon.process.signal("TERM");
    watch.wait_for("paging/availability", "offline", |it| it == "offline");
    assert!(daemon.process.wait(SOON).unwrap().success());
}

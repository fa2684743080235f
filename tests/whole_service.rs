//! Is the daemon a good service: ready, watched, reloaded, stopped?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon};
use common::folder::Folder;
use common::jackd::Jackd;
use common::notify::Notify;
use common::ports::free_address;
use common::process::Process;
use common::signal;

const SOON: Duration = Duration::from_secs(3);

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

fn mixing() -> Conf {
    Conf::timer().calls("hold-concurrent = no")
}

#[test]
fn it_says_ready_what_it_does_and_that_it_stops() {
    let begin = Instant::now();
    let mut daemon = Daemon::start(&mixing());
    assert!(daemon.notify.wait_for("STATUS=", begin, SOON).is_some());
    let (code, took) = daemon.stop();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(2), "stopping took {took:?}");
    assert!(daemon.notify.wait_for("STOPPING=1", begin, SOON).is_some());
}

#[test]
fn the_watchdog_is_fed_while_all_is_well_and_not_when_it_is_stopped() {
    let (folder, notify) = (Folder::new("watchdog"), Notify::open());
    let conf = folder.write(
        "a.conf",
        mixing().text(free_address(), common::ports::free_block(300)),
    );
    let mut process = Process::spawn(env!("CARGO_BIN_EXE_paging"), |command| {
        command
            .arg(&conf)
            .current_dir(folder.path())
            .env("NOTIFY_SOCKET", &notify.path)
            .env("WATCHDOG_USEC", "2400000");
    });
    let begin = Instant::now();
    notify.wait_for("READY=1", begin, SOON * 5).expect("ready");
    pause(6_000);
    let fed = |since: Instant| {
        let all = notify.all();
        all.iter()
            .filter(|(at, word)| *at >= since && word == "WATCHDOG=1")
            .count()
    };
    let n = fed(begin);
    assert!(n >= 3, "fed {n} times in 6 s at 2.4 s:\n{}", process.log());
    process.signal("STOP");
    pause(100);
    let stopped = Instant::now();
    pause(2_600);
    assert_eq!(fed(stopped), 0);
    process.signal("CONT");
    process.signal("TERM");
    assert!(process.wait(SOON).is_some());
}

#[test]
fn stopping_hangs_up_live_calls_within_two_seconds() {
    let mut daemon = Daemon::start(&mixing());
    let mut phones: Vec<_> = (0..5).map(|_| daemon.phone()).collect();
    for phone in &mut phones {
        phone.call("100", SOON);
    }
    daemon.process.signal("TERM");
    let asked = Instant::now();
    for phone in &mut phones {
        assert!(
            phone.request("BYE", SOON).is_some(),
            "no BYE:\n{}",
            daemon.process.log()
        );
    }
    let status = daemon.process.wait(SOON).expect("it ends");
    assert_eq!(status.code(), Some(0));
    assert!(
        asked.elapsed() < Duration::from_secs(2),
        "{:?}",
        asked.elapsed()
    );
}

#[test]
fn ctrl_c_is_a_normal_end() {
    let mut daemon = Daemon::start(&mixing());
    daemon.process.signal("INT");
    assert_eq!(daemon.process.wait(SOON).and_then(|s| s.code()), Some(0));
}

#[test]
fn a_live_call_survives_a_reload_and_the_new_klaxon_is_used() {
    let folder = Folder::new("reload");
    let wav = folder.join("klaxon.wav");
    signal::write_wav(&wav, 8_000, &[&signal::sine(8_000, 800.0, 0.3, 0.7)]);
    let mut daemon = Daemon::start(&mixing());
    let mut phone = daemon.phone();
    phone.call("100", SOON);

    daemon.write_conf(&mixing().audio(&format!("klaxon = {}", wav.display())));
    daemon.reload();
    let reloaded = Instant::now();
    let mut other = daemon.phone();
    loop {
        let invited = other.invite("100");
        let waited = other.answered(SOON).at - invited;
        other.hang_up();
        if waited > Duration::from_millis(600) {
            break;
        }
        assert!(
            reloaded.elapsed() < SOON,
            "the old configuration stays:\n{}",
            daemon.process.log()
        );
    }
    phone.hang_up();
    assert!(daemon.process.is_running());
}

#[test]
fn a_bad_new_configuration_leaves_the_old_one_running() {
    let mut daemon = Daemon::start(&mixing());
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    daemon.write_conf(
        &mixing()
            .audio("klaxon = /nowhere/klaxon.wav")
            .sip("max-calls = many"),
    );
    daemon.reload();
    daemon.process.wait_for("max-calls", SOON);
    daemon.process.wait_for("/nowhere/klaxon.wav", SOON);
    assert!(daemon.process.is_running());
    phone.hang_up();
    daemon.phone().call("100", SOON);
}

#[test]
fn it_costs_next_to_nothing_while_nobody_calls() {
    let jackd = Jackd::start(48_000, 256);
    let daemon = Daemon::start(&Conf::jack(&jackd));
    pause(500);
    let before = daemon.cpu_time();
    pause(10_000);
    let used = (daemon.cpu_time() - before).as_secs_f64() / 10.0 * 100.0;
    // Without the pages of the program itself: this is the one built for tests, and much larger.
    // scripts/measure looks at the released one, whole.
    let memory_kb = daemon.anonymous_memory_kb();
    println!("idle: {used:.2} % of a core, {memory_kb} kB written");
    assert!(memory_kb < 8_000, "{memory_kb} kB idle");
    assert!(used < 3.0, "{used:.2} % of a core idle");
}

#[test]
fn the_log_tells_each_callers_story_in_a_few_lines() {
    let daemon = Daemon::start(&mixing());
    let begin = daemon.process.log().lines().count();
    let mut phone = daemon.phone();
    phone.call("100", SOON);
    phone.talk(&signal::speech(8_000, 0.5), |_| Some(Duration::ZERO));
    phone.hang_up();
    pause(300);
    let log = daemon.process.log();
    let story: Vec<&str> = log.lines().skip(begin).collect();
    assert!((2..=8).contains(&story.len()), "{story:#?}");
    assert!(
        story.iter().any(|line| line.contains("tester")),
        "who called? {story:#?}"
    );
}

//! Is what happened found again, also after the daemon was killed?
//!
//! `PAGING_KILLS=100 cargo test --test whole_history -- kill` kills it a hundred times.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::daemon::{self, Conf, Daemon};
use common::folder::Folder;

/// Starting and reading a log on a machine under load.
const LONG: Duration = Duration::from_secs(60);

/// A site whose history is in that folder.
fn site(folder: &Folder) -> Conf {
    let state = folder.path().display();
    Conf::timer().more(&format!("state-dir = {state}"))
}

/// What the command prints with these words.
fn history(folder: &Folder, words: &[&str]) -> (Option<i32>, String) {
    let state = folder.path().display();
    folder.write("look.conf", format!("[server]\nstate-dir = {state}\n"));
    let all = [&["history", "--conf", "look.conf"], words].concat();
    daemon::run(folder, &all, LONG)
}

/// Lines that tell the end of a page.
fn ended(log: &str) -> usize {
    let is_end = |line: &&str| line.contains("page of call") && line.contains(" s");
    log.lines().filter(is_end).count()
}

#[test]
fn pages_calls_and_changes_are_printed_the_newest_first() {
    let folder = Folder::new("history");
    let (code, text) = history(&folder, &[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("there is no history"), "{text}");

    let mut daemon = Daemon::start(&site(&folder));
    let mut phone = daemon.phone();
    phone.call("100", LONG);
    phone.hang_up();
    daemon.process.wait_for("page of call #1", LONG);
    daemon.reload();
    daemon.stop();

    let (code, all) = history(&folder, &[]);
    assert_eq!(code, Some(0), "{all}");
    let places: Vec<_> = ["stopped", "page of call #1", "started"]
        .map(|part| all.find(part).unwrap_or_else(|| panic!("{part}\n{all}")))
        .into();
    assert!(places.is_sorted(), "{all}");
    let (_, calls) = history(&folder, &["--kind", "call", "tester", "100"]);
    assert_eq!(calls.lines().count(), 1, "{calls}");
    let (_, none) = history(&folder, &["--until", "yesterday"]);
    assert_eq!(none, "");
    let (_, csv) = history(&folder, &["--csv", "--kind", "call,page"]);
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!(rows.len(), 3, "{csv}");
    assert!(rows[0].starts_with("id,at,kind,who,what,zones"), "{csv}");
    assert!(csv.contains(",answered,,"), "{csv}");
    // It said nothing.
    let reason = "not heard: the caller sent no sound";
    assert!(
        csv.contains(",not-heard,,") && csv.contains(reason),
        "{csv}"
    );
    let (code, wrong) = history(&folder, &["--since", "noon"]);
    assert_eq!(code, Some(2), "{wrong}");
    assert!(wrong.contains("write 2026-11-21"), "{wrong}");
}

#[test]
fn a_kill_at_any_moment_loses_no_page_that_was_over() {
    let n_kills = std::env::var("PAGING_KILLS").map_or(3, |n| n.parse().unwrap());
    let folder = Folder::new("killed");
    let conf = site(&folder);
    let mut least = 0;
    for kill in 0..n_kills {
        let mut daemon = Daemon::start(&conf);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let mut phone = daemon.phone();
            let is_over = &is_over;
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    phone.invite("100");
                    // Nobody answers once it is dead.
                    if phone.try_answered(Duration::from_secs(2)).is_some() {
                        phone.try_hang_up(Duration::from_secs(2));
                    }
                }
            });
            let until = Instant::now() + LONG;
            while ended(&daemon.process.log()) < 5 {
                assert!(Instant::now() < until, "{}", daemon.process.log());
                std::thread::sleep(Duration::from_millis(5));
            }
            // What was over by now has had a second to get there; more comes all the time.
            least += ended(&daemon.process.log());
            let moment = Duration::from_millis(1_000 + (kill * 7_919) % 97);
            std::thread::sleep(moment);
            daemon.process.signal("KILL");
            daemon.process.wait(LONG);
            is_over.store(true, Ordering::Relaxed);
        });
        let log = daemon.process.log();
        assert!(!log.contains("damaged"), "{log}");
    }
    let (code, pages) = history(&folder, &["--all", "--kind", "page"]);
    assert_eq!(code, Some(0), "{pages}");
    let n = pages.lines().count();
    assert!(n >= least, "{n} of at least {least}\n{pages}");
}

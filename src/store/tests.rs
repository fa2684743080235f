//! What goes into the history comes out of it, whatever the disk does.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::*;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("paging-store-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("history.sqlite")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn page(seconds: u64, who: &str, zones: &[&str]) -> Entry {
    Entry {
        at: at(seconds),
        kind: Kind::Page,
        who: who.to_owned(),
        what: "lessons".to_owned(),
        zones: zones.iter().map(|it| (*it).to_owned()).collect(),
        missed: Vec::new(),
        span: Some(Duration::from_millis(12_400)),
        outcome: "heard".to_owned(),
        recording: String::new(),
        text: format!("page \"lessons\" of {who}: heard"),
    }
}

fn found(file: &std::path::Path, query: &Query) -> Vec<Entry> {
    let kept = Archive::open(file).unwrap().find(query).unwrap();
    kept.into_iter().map(|it| it.entry).collect()
}

fn of_words(words: &str) -> Query {
    Query {
        words: words.to_owned(),
        ..Query::default()
    }
}

#[test]
fn what_is_added_is_found_by_time_kind_and_words_the_newest_first() {
    let folder = Folder::new("found");
    let history = History::open(&folder.file(), |_| {}).unwrap();
    let alice = page(100_000, "Älice <sip:101@pbx>", &["hall", "yard"]);
    let bob = page(200_000, "Bob <sip:102@pbx>", &["yard"]);
    let bell = Entry {
        kind: Kind::Bell,
        outcome: "partly heard".to_owned(),
        missed: vec!["hall".to_owned()],
        span: None,
        ..page(300_000, "", &["hall"])
    };
    for entry in [&alice, &bob, &bell] {
        history.add(entry.clone());
    }
    drop(history);
    assert_eq!(found(&folder.file(), &Query::default()), [bell, bob, alice]);
    let find = |query: Query| -> Vec<SystemTime> {
        let found = found(&folder.file(), &query);
        found.into_iter().map(|it| it.at).collect()
    };
    let [alice, bob, bell] = [at(100_000), at(200_000), at(300_000)];
    assert_eq!(find(of_words("alice")), [alice]);
    assert_eq!(find(of_words("101@pb hal")), [alice]);
    assert_eq!(find(of_words("yard")), [bob, alice]);
    assert!(find(of_words("nobody")).is_empty());
    let bells = Query {
        kinds: vec![Kind::Bell],
        ..of_words("hall")
    };
    assert_eq!(find(bells), [bell]);
    let between = Query {
        since: Some(at(150_000)),
        until: Some(at(300_000)),
        ..Query::default()
    };
    assert_eq!(find(between.clone()), [bob]);
    let between = Query {
        words: "heard".to_owned(),
        ..between
    };
    assert_eq!(find(between), [bob]);
}

#[test]
fn an_entry_is_told_once_it_can_be_read_and_ids_go_on_after_a_restart() {
    let folder = Folder::new("followed");
    let open = |tell: mpsc::Sender<Kept>| {
        let kept = move |kept| tell.send(kept).unwrap();
        History::open_followed(&folder.file(), |_| {}, kept).unwrap()
    };
    let (tell, told) = mpsc::channel();
    let history = open(tell);
    assert_eq!(history.last(), 0);
    for n in 1..=3 {
        history.add(page(n, "Alice", &["hall"]));
        let kept = told.recv().unwrap();
        assert_eq!((kept.id, kept.entry.at), (n as i64, at(n)));
        let archive = Archive::open(&folder.file()).unwrap();
        assert_eq!(archive.following(kept.id - 1..kept.id, 9).unwrap(), [kept]);
    }
    history.forget(at(9));
    drop(history);
    let (tell, told) = mpsc::channel();
    let history = open(tell);
    assert_eq!(history.last(), 3, "what is forgotten was there");
    history.add(page(9, "Alice", &["hall"]));
    assert_eq!(told.recv().unwrap().id, 4);
    let archive = Archive::open(&folder.file()).unwrap();
    let following = |ids, limit| {
        let found = archive.following(ids, limit).unwrap();
        found.iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!((following(0..9, 9), following(4..9, 9)), (vec![4], vec![]));
}

#[test]
fn pages_of_the_list_follow_each_other_without_gap_or_double() {
    let folder = Folder::new("pages");
    let history = History::open(&folder.file(), |_| {}).unwrap();
    for n in 0..1_203 {
        // Many at the same time, and a clock that goes back.
        history.add(page(1_000_000 - n / 5, &format!("caller{n}"), &["hall"]));
    }
    drop(history);
    for words in ["", "hall"] {
        let archive = Archive::open(&folder.file()).unwrap();
        let mut query = Query {
            limit: 100,
            ..of_words(words)
        };
        let mut all = Vec::new();
        loop {
            let next = archive.find(&query).unwrap();
            let Some(last) = next.last() else {
                break;
            };
            query.before = Some(last.id);
            all.extend(next.into_iter().map(|it| it.entry.who));
        }
        assert_eq!(all.len(), 1_203);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 1_203);
    }
}

#[test]
fn what_is_old_is_forgotten_and_found_no_more() {
    let folder = Folder::new("old");
    let history = History::open(&folder.file(), |_| {}).unwrap();
    for n in 0..3_000 {
        history.add(page(n, "alice", &["hall"]));
    }
    history.forget(at(2_990));
    drop(history);
    // Small steps: what was under way when it ended goes on at the next start.
    let history = History::open(&folder.file(), |_| {}).unwrap();
    let began = Instant::now();
    history.forget(at(2_990));
    let all = Query {
        limit: 10_000,
        ..of_words("alice")
    };
    while found(&folder.file(), &all).len() > 10 {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(history);
    assert_eq!(found(&folder.file(), &all).len(), 10);
}

#[test]
fn a_damaged_file_is_put_aside_and_a_new_one_begun() {
    let folder = Folder::new("damaged");
    std::fs::write(
        folder.file(),
        "this is no history, whatever it is ".repeat(99),
    )
    .unwrap();
    let (tell, told) = mpsc::channel();
    let tell = move |state| tell.send(state).unwrap();
    let history = History::open(&folder.file(), tell).unwrap();
    history.add(page(1, "alice", &["hall"]));
    drop(history);
    let states: Vec<State> = told.iter().collect();
    let [State::Renewed { aside, .. }] = &states[..] else {
        panic!("{states:?}");
    };
    assert!(aside.exists());
    assert_eq!(found(&folder.file(), &Query::default()).len(), 1);
}

#[test]
fn a_file_of_a_later_version_is_left_as_it_is() {
    let folder = Folder::new("later");
    drop(History::open(&folder.file(), |_| {}).unwrap());
    let file = rusqlite::Connection::open(folder.file()).unwrap();
    file.pragma_update(None, "user_version", 99).unwrap();
    drop(file);
    for opened in [
        History::open(&folder.file(), |_| {}).err(),
        Archive::open(&folder.file()).err(),
    ] {
        let why = opened.unwrap().to_string();
        assert!(why.contains("has version 99"), "{why}");
    }
}

#[test]
fn a_disk_that_takes_nothing_is_told_and_what_waited_is_written_later() {
    let folder = Folder::new("full");
    let (tell, told) = mpsc::channel();
    let history = History::open(&folder.file(), move |state| tell.send(state).unwrap()).unwrap();
    // Another writer that does not let go is as bad as a full disk, and works for root too.
    let other = rusqlite::Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    history.add(page(1, "alice", &["hall"]));
    let first = told.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(matches!(first, State::Failing { .. }), "{first:?}");
    history.add(page(2, "bob", &["hall"]));
    other.execute_batch("ROLLBACK").unwrap();
    let then = told.recv_timeout(Duration::from_secs(60)).unwrap();
    assert_eq!(then, State::Writing { n_lost: 0 });
    drop(history);
    assert_eq!(found(&folder.file(), &Query::default()).len(), 2);
}

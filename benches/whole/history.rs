//! Does the history find at once what is looked for among a million entries?
//!
//! ```text
//!  History::add × 1,000,000 ─► history.sqlite ◄── Daemon ◄── GET /v1/history?words=…&kind=…
//! ```

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use paging::store::{Entry, History, Kind};

use crate::common::daemon::{Conf, Daemon};
use crate::common::folder::Folder;
use crate::common::http::Http;
use crate::common::measure::median;
use crate::common::ports::free_address;
use crate::figures::{Effort, pause};
use crate::report::Report;

/// How long a request takes whatever it looks for, the whole way over HTTP.
pub fn history(effort: Effort, report: &mut Report) {
    let n = effort.pick(1_000_000, 100_000);
    let folder = Folder::new("past");
    let file = folder.join("history.sqlite");
    let filled = Instant::now();
    fill(&file, n);
    let rate = n as f64 / filled.elapsed().as_secs_f64();
    let at = free_address();
    let state = folder.path().display();
    let more = format!("state-dir = {state}\n[http]\nlisten = {at}");
    let _daemon = Daemon::start(&Conf::timer().more(&more));

    let http = Http::new(at);
    let (mut all, mut slowest) = (Vec::new(), ("", 0.0));
    for (what, query, least) in questions(n) {
        let took = ask(&http, &query, least, effort.pick(40, 10));
        let usual = median(&took);
        if usual > slowest.1 {
            slowest = (what, usual);
        }
        report.told(&format!("history: {what} (median)"), usual, "ms", &[]);
        all.extend(took);
    }
    all.sort_by(f64::total_cmp);
    let what = format!("history of {n}: the slowest, {} (median)", slowest.0);
    report.below(&what, slowest.1, LIMIT_MS, "ms", &[]);
    let late = all[all.len() * 99 / 100];
    let what = format!("history of {n}: 99 of 100 requests");
    report.below(&what, late, LIMIT_MS, "ms", &[]);
    report.told("history: entries written", rate, "a second", &[]);
    let size = std::fs::metadata(&file).map_or(0, |it| it.len()) as f64 / 1e6;
    report.told("history: its file", size, "MB", &[]);
}

/// What is looked for, the request, and how many entries have to be found at least.
fn questions(n: u64) -> Vec<(&'static str, String, usize)> {
    let day = |ago: u64| {
        let at = SystemTime::now() - Duration::from_secs(ago * 86_400);
        let at = Timestamp::try_from(at).expect("a day of our time");
        at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    };
    let (half, next) = (day(200), day(199));
    // One that is nearly the oldest, so that all of the others are before it.
    let late = n / 500;
    vec![
        ("the newest", String::new(), 100),
        ("the oldest", format!("after={late}"), 100),
        (
            "a day half a year ago",
            format!("since={half}&until={next}"),
            100,
        ),
        ("before a day half a year ago", format!("until={half}"), 100),
        ("failures", "kind=failure".into(), 100),
        (
            "failures, the oldest",
            format!("kind=failure&after={late}"),
            1,
        ),
        ("two kinds", "kind=page,bell".into(), 100),
        ("a word of many", "words=page".into(), 100),
        (
            "a word of many, the oldest",
            format!("words=page&after={late}"),
            100,
        ),
        ("a word of few", "words=broken".into(), 1),
        ("a word of none", "words=nobodysaysthis".into(), 0),
        (
            "beginnings of three words",
            "words=cal%20les%20hal".into(),
            100,
        ),
        ("a letter", "words=l".into(), 100),
        ("a word and a kind", "words=hall&kind=bell".into(), 100),
        (
            "a word and a rare kind",
            "words=phone17&kind=failure".into(),
            0,
        ),
        (
            "a word on a day",
            format!("words=hall&since={half}&until={next}"),
            1,
        ),
        (
            "words and a kind in a year",
            format!("words=phone23%20hall&kind=page&since={}", day(365)),
            1,
        ),
    ]
}

/// How long the request takes, time after time, in milliseconds.
fn ask(http: &Http, query: &str, least: usize, times: usize) -> Vec<f64> {
    let path = format!("/v1/history?limit=100&{query}");
    let path = path.trim_end_matches('&');
    let one = |_| {
        let asked = Instant::now();
        let reply = http.get(path);
        let took = asked.elapsed().as_secs_f64() * 1e3;
        let found = reply.json()["items"].as_array().map(Vec::len);
        assert!(found >= Some(least), "{path}: {found:?} {reply:?}");
        took
    };
    (0..times).map(one).collect()
}

/// Thirteen months of a busy house, evenly.
fn fill(file: &Path, n: u64) {
    let written = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&written);
    let kept = move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let history = History::open_followed(file, |state| panic!("{state:?}"), kept);
    let history = history.expect("a history is made");
    let began = SystemTime::now() - SPAN;
    let step = SPAN / u32::try_from(n).expect("a million");
    for number in 0..n {
        // Never more than it takes in.
        while number - written.load(Ordering::Relaxed) > MOST_WAITING {
            pause(Duration::from_millis(1));
        }
        let turn = u32::try_from(number).expect("a million");
        history.add(entry(number, began + step * turn));
    }
    drop(history);
    assert_eq!(written.load(Ordering::Relaxed), n, "some were lost");
}

fn entry(number: u64, at: SystemTime) -> Entry {
    let pick = |all: &[&'static str], prime: u64| all[(number * prime / 7) as usize % all.len()];
    let kind = match number % 1_000 {
        0 => Kind::Failure,
        1..=9 => Kind::Change,
        10..=299 => Kind::Bell,
        300..=649 => Kind::Call,
        _ => Kind::Page,
    };
    let (zone, page) = (pick(&ZONES, 13), pick(&PAGES, 29));
    let who = format!("phone{}", number * 31 % 400);
    let (what, zones, outcome, text) = match kind {
        Kind::Page => {
            let text = format!(
                "page \"{page}\" of call #{number} from {who} to 700: heard in {zone}, 12.4 s"
            );
            (page, vec![zone], "heard", text)
        }
        Kind::Bell => (
            page,
            vec![zone],
            "heard",
            format!("page bell {page}: heard in {zone}, 3.0 s"),
        ),
        Kind::Call => {
            let text =
                format!("call #{number} from {who} to 700: ended: caller hung up after 12.9 s");
            ("700", Vec::new(), "answered", text)
        }
        Kind::Failure => {
            let rare = if number.is_multiple_of(50_000) {
                "broken"
            } else {
                "gone"
            };
            (
                "account sip",
                Vec::new(),
                "fails",
                format!("account sip: the registrar is {rare}"),
            )
        }
        Kind::Change => (
            "configuration",
            Vec::new(),
            "",
            "configuration read again".to_owned(),
        ),
    };
    Entry {
        at,
        kind,
        who: if matches!(kind, Kind::Page | Kind::Call) {
            who
        } else {
            String::new()
        },
        what: what.to_owned(),
        zones: zones.into_iter().map(str::to_owned).collect(),
        missed: Vec::new(),
        span: Some(Duration::from_millis(12_400)),
        outcome: outcome.to_owned(),
        recording: String::new(),
        text,
    }
}

const ZONES: [&str; 8] = [
    "hall", "yard", "shop", "rooms", "canteen", "gate", "office", "workshop",
];
const PAGES: [&str; 5] = ["lessons", "fire", "closing", "calling", "break"];

/// Less than `history-days`.
const SPAN: Duration = Duration::from_secs(390 * 86_400);

/// Half of what waits for the disk at most.
const MOST_WAITING: u64 = 5_000;

/// What is promised.
const LIMIT_MS: f64 = 50.0;

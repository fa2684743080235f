//! Do two years of bells in five time zones ring as Python's calendars say, to the second?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use paging::bells::{
    Bell, Calendar, Diary, Event, Memory, Missed, Plans, TimeZones, Timetable, When,
};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// By an hour, by half an hour, backwards for Ramadan, at a quarter past, and on a change of laws.
const ZONES: [&str; 5] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Chatham",
];

/// Two years with a leap day.
const FROM: Date = date(2027, 3, 1);
const TO: Date = date(2029, 3, 1);

#[test]
fn two_years_in_five_time_zones_ring_as_the_oracle_says_each_once() {
    let cases: Vec<Case> = ZONES.into_iter().flat_map(cases).collect();
    let answers = oracle(cases.iter().map(Case::question));
    let mut n_rings = 0;
    for (case, expected) in cases.iter().zip(answers) {
        let heard = two_years(case);
        if heard != expected {
            let early = heard.iter().find(|at| !expected.contains(at));
            let lacking = expected.iter().find(|at| !heard.contains(at));
            panic!("{case:?}: too many: {early:?}, too few: {lacking:?}");
        }
        n_rings += heard.len();
    }
    assert!(n_rings > 50_000, "only {n_rings} rings");
    println!("{n_rings} rings of {} bells", cases.len());
}

#[test]
fn rules_of_calendars_come_on_the_days_that_dateutil_says() {
    let rules: Vec<(Date, String)> = random(rule(), 250);
    let question = |(start, rule): &(Date, String)| format!("rrule\t{start}\t{FROM}\t{TO}\t{rule}");
    let answers = oracle(rules.iter().map(question));
    let mut n_days = 0;
    for ((start, rule), mut expected) in rules.iter().zip(answers) {
        let is_one = expected.remove(0) == 1;
        if rule.contains("COUNT") && !is_one {
            // RFC 5545 leaves open whether a first day that the rule does not have is counted.
            continue;
        }
        let start_text = start.strftime("%Y%m%d");
        let text = format!(
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:{start_text}\nRRULE:{rule}\n\
             END:VEVENT\nEND:VCALENDAR\n"
        );
        let calendar = Calendar::parse(&text, &TimeZones::new(|_| None)).unwrap();
        let days = FROM.series(1.day()).take_while(|day| *day < TO);
        // The first day is an instance even if the rule does not say so.
        let touched = days.filter(|day| day != start && calendar.touches(*day, &TimeZone::UTC));
        let touched: Vec<i64> = touched.map(number).collect();
        let first = number(*start);
        let expected: Vec<i64> = expected.into_iter().filter(|day| *day != first).collect();
        assert_eq!(touched, expected, "{start} {rule}");
        n_days += touched.len();
    }
    assert!(n_days > 5_000, "only {n_days} days");
}

#[derive(Clone, Debug)]
struct Case {
    zone: &'static str,
    when: String,
    /// Kind and rule, as the oracle reads them.
    kind: &'static str,
    rule: String,
}

impl Case {
    fn question(&self) -> String {
        let Self {
            zone, kind, rule, ..
        } = self;
        format!("{kind}\t{zone}\t{FROM}\t{TO}\t{rule}")
    }

    fn cron(zone: &'static str, rule: String) -> Self {
        let when = rule.clone();
        let kind = "cron";
        Self {
            zone,
            when,
            kind,
            rule,
        }
    }
}

/// All that a site may want, the times of every change of the clocks among it, and what nobody
/// would think of.
fn cases(zone: &'static str) -> Vec<Case> {
    let fixed = [
        "*/15 * * * sun",
        "30 8 * * 1-5",
        "30 2 * * *",
        "0,30 0-4 * * *",
        "*/10 1-3 * mar,apr,oct,nov sun",
        "45 1,2,3 * * 7",
        "0 0 29 2 *",
        "0 7 13 * fri",
        "59 23 31 12 *",
    ];
    let crons = fixed
        .into_iter()
        .map(str::to_owned)
        .chain(random(cron(), 7));
    let plain = random(plain(), 8).into_iter().map(|(days, times)| {
        let names: Vec<&str> = days.iter().map(|day| NAMES[*day]).collect();
        let numbers: Vec<String> = days.iter().map(usize::to_string).collect();
        Case {
            zone,
            when: format!("{} {}", names.join(" "), times.join(" ")),
            kind: "days",
            rule: format!("{}\t{}", numbers.join(","), times.join(",")),
        }
    });
    let once = random((0..730_i32, times()), 10)
        .into_iter()
        .map(|(n, times)| {
            let day = FROM + n.days();
            Case {
                zone,
                when: format!("{day} {}", times.join(" ")),
                kind: "once",
                rule: format!("{day}\t{}", times.join(",")),
            }
        });
    crons
        .map(|rule| Case::cron(zone, rule))
        .chain(plain)
        .chain(once)
        .collect()
}

const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Five fields without a restriction of both days, in which croniter and cron differ by age.
fn cron() -> impl Strategy<Value = String> {
    let minute = prop_oneof![
        (0..60_u32).prop_map(|n| n.to_string()),
        (0..30_u32, 30..60_u32).prop_map(|(a, b)| format!("{a},{b}")),
        (0..30_u32, 30..60_u32, 7..29_u32).prop_map(|(a, b, s)| format!("{a}-{b}/{s}")),
        (20..40_u32).prop_map(|s| format!("*/{s}")),
    ];
    let hour = prop_oneof![
        Just("*".to_owned()),
        (0..24_u32).prop_map(|n| n.to_string()),
        (0..12_u32, 12..24_u32).prop_map(|(a, b)| format!("{a}-{b}")),
        (2..12_u32).prop_map(|s| format!("*/{s}")),
    ];
    let day = prop_oneof![
        4 => Just("* * *".to_owned()),
        1 => (1..32_u32).prop_map(|n| format!("{n} * *")),
        1 => (1..15_u32, 15..32_u32).prop_map(|(a, b)| format!("{a}-{b}/3 jan-jun *")),
        2 => (0..5_u32, 5..8_u32).prop_map(|(a, b)| format!("* * {a}-{b}")),
        1 => Just("* feb,mar,oct mon,wed,sun".to_owned()),
        1 => (2..7_u32).prop_map(|n| format!("1,15 */{n} tue")),
    ];
    (minute, hour, day).prop_map(|(minute, hour, day)| format!("{minute} {hour} {day}"))
}

fn plain() -> impl Strategy<Value = (Vec<usize>, Vec<String>)> {
    (subsequence((0..7).collect::<Vec<_>>(), 1..=7), times())
}

/// Half of them where clocks are turned.
fn times() -> impl Strategy<Value = Vec<String>> {
    let hour = prop_oneof![0..5_u32, 0..24_u32];
    let time = (hour, 0..60_u32, select(vec![0_u32, 0, 0, 59]));
    let time = time.prop_map(|(h, m, s)| format!("{h:02}:{m:02}:{s:02}"));
    proptest::collection::vec(time, 1..5)
}

fn rule() -> impl Strategy<Value = (Date, String)> {
    let days = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    let some_days = move |n| {
        let days = subsequence(days.to_vec(), 1..=n);
        days.prop_map(|days| days.join(","))
    };
    let nth = (select(vec![1, 2, 3, 4, 5, -1, -2]), select(days.to_vec()));
    let nth = nth.prop_map(|(n, day)| format!("{n}{day}"));
    let month_day = prop_oneof![1..32_i32, -31..0_i32];
    let months = subsequence((1..13).collect::<Vec<i32>>(), 1..4);
    let months = months.prop_map(|months| {
        let months: Vec<String> = months.iter().map(i32::to_string).collect();
        months.join(",")
    });
    let part = prop_oneof![
        Just("FREQ=DAILY".to_owned()),
        some_days(7).prop_map(|days| format!("FREQ=DAILY;BYDAY={days}")),
        (some_days(4), select(days.to_vec()))
            .prop_map(|(days, start)| format!("FREQ=WEEKLY;BYDAY={days};WKST={start}")),
        Just("FREQ=WEEKLY".to_owned()),
        Just("FREQ=MONTHLY".to_owned()),
        month_day
            .clone()
            .prop_map(|n| format!("FREQ=MONTHLY;BYMONTHDAY={n}")),
        nth.clone()
            .prop_map(|day| format!("FREQ=MONTHLY;BYDAY={day}")),
        (some_days(5), select(vec![1, 2, -1]))
            .prop_map(|(days, n)| format!("FREQ=MONTHLY;BYDAY={days};BYSETPOS={n}")),
        Just("FREQ=YEARLY".to_owned()),
        (months.clone(), month_day)
            .prop_map(|(months, n)| format!("FREQ=YEARLY;BYMONTH={months};BYMONTHDAY={n}")),
        (months.clone(), nth)
            .prop_map(|(months, day)| format!("FREQ=YEARLY;BYMONTH={months};BYDAY={day}")),
        months.prop_map(|months| format!("FREQ=YEARLY;BYMONTH={months}")),
        (1..54_i32, select(days.to_vec()))
            .prop_map(|(n, day)| format!("FREQ=YEARLY;BYDAY={n}{day}")),
        prop_oneof![1..366_i32, -366..0_i32].prop_map(|n| format!("FREQ=YEARLY;BYYEARDAY={n}")),
    ];
    let end = prop_oneof![
        Just(String::new()),
        (2..400_u32).prop_map(|n| format!(";COUNT={n}")),
        (0..700_i32).prop_map(|n| (FROM + n.days()).strftime(";UNTIL=%Y%m%d").to_string()),
    ];
    (-2_000..600_i32, part, 1..5_u32, end).prop_map(|(n, part, interval, end)| {
        (FROM + n.days(), format!("{part};INTERVAL={interval}{end}"))
    })
}

/// The same each time.
fn random<T: std::fmt::Debug>(of: impl Strategy<Value = T>, n: usize) -> Vec<T> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut one = || of.new_tree(&mut runner).unwrap().current();
    (0..n).map(|_| one()).collect()
}

/// The seconds at which a diary rings that is looked at when it says so, and every hour.
fn two_years(case: &Case) -> Vec<i64> {
    let zone = TimeZone::get(case.zone).unwrap();
    let bell = Bell {
        name: "bell".to_owned(),
        when: When::parse(&case.when).unwrap(),
        zone,
        except: Vec::new(),
        plans: Plans::Usual,
        missed: Missed::Skip,
    };
    let timetable = Timetable {
        bells: vec![bell],
        ..Timetable::default()
    };
    let begin = FROM.to_zoned(TimeZone::UTC).unwrap().timestamp();
    let end = TO.to_zoned(TimeZone::UTC).unwrap().timestamp();
    let mut now = begin - 1.second();
    let mut diary = Diary::new(timetable, Memory::default(), now);
    let mut heard = Vec::new();
    while now < end {
        diary.handle_time(now);
        while let Some(event) = diary.poll() {
            match event {
                Event::Ring {
                    occurrence, late, ..
                } => {
                    assert_eq!((occurrence.at, late), (now, Duration::ZERO), "{case:?}");
                    heard.push(now.as_second());
                }
                Event::Missed { .. } => panic!("{case:?}: {event:?}"),
                // An hour without a look is a machine that slept.
                Event::ClockMoved { .. } => {}
            }
        }
        now = diary.poll_timeout().0.min(now + 1.hour());
    }
    heard
}

fn number(day: Date) -> i64 {
    let at: Timestamp = day.to_zoned(TimeZone::UTC).unwrap().timestamp();
    at.as_second() / 86_400
}

/// One row of numbers for each question.
fn oracle(questions: impl Iterator<Item = String>) -> Vec<Vec<i64>> {
    let questions: Vec<String> = questions.collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bells/oracle.py");
    // Debian's own, which has Debian's packages.
    let mut python = Command::new("/usr/bin/python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 of scripts/packages.sh");
    let mut input = python.stdin.take().unwrap();
    let text = questions.join("\n") + "\n";
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(
        output.status.success(),
        "the oracle failed: scripts/packages.sh has what it needs"
    );
    let rows = String::from_utf8(output.stdout).unwrap();
    let rows = rows
        .lines()
        .map(|row| row.split_whitespace().map(|n| n.parse().unwrap()).collect());
    let rows: Vec<Vec<i64>> = rows.collect();
    assert_eq!(rows.len(), questions.len());
    rows
}

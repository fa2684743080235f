//! Does each bell ring once, whatever the clock and the power do?

use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn second(at: Timestamp, n: i64) -> Timestamp {
    Timestamp::from_second(at.as_second() + n).unwrap()
}

fn table(bells: Vec<Bell>) -> Timetable {
    Timetable {
        bells,
        ..Timetable::default()
    }
}

fn drained(diary: &mut Diary) -> Vec<String> {
    let word = |event| match event {
        Event::Ring {
            bell,
            occurrence,
            late,
        } => {
            format!(
                "{bell} {} +{}",
                occurrence.local.strftime("%d %H:%M"),
                late.as_secs()
            )
        }
        Event::Missed {
            bell,
            n_times,
            last,
        } => {
            format!(
                "missed {n_times} {bell} {}",
                last.local.strftime("%d %H:%M")
            )
        }
        Event::ClockMoved { from, to } => format!("moved {}", to.as_second() - from.as_second()),
    };
    std::iter::from_fn(|| diary.poll()).map(word).collect()
}

/// What happens second by second.
fn watched(diary: &mut Diary, from: &str, seconds: i64) -> Vec<String> {
    let mut told = Vec::new();
    for n in 0..=seconds {
        diary.handle_time(second(at(from), n));
        told.extend(drained(diary));
    }
    told
}

#[test]
fn a_bell_rings_at_its_second_and_says_beforehand_when() {
    let now = at("2026-06-01T08:29:00");
    let bells = vec![bell("a", "08:30"), bell("b", "08:30 08:31")];
    let mut diary = Diary::new(table(bells), Memory::default(), now);
    diary.handle_time(now);
    assert_eq!(
        diary.poll_timeout(),
        (at("2026-06-01T08:30"), "a bell is due")
    );
    let told = watched(&mut diary, "2026-06-01T08:29:00", 150);
    assert_eq!(told, ["a 01 08:30 +0", "b 01 08:30 +0", "b 01 08:31 +0"]);
}

#[test]
fn what_was_skipped_before_a_restart_does_not_ring_after_it() {
    let bells = || table(vec![bell("a", "08:30 08:40")]);
    let mut orders = Orders::default();
    orders.skip("a", at("2026-06-01T08:30"));
    let mut memory = Memory::default();
    memory.deal("a", at("2026-06-01T08:29:00"));
    let late = at("2026-06-01T08:30:05");
    let mut diary = Diary::going_on(bells(), memory.clone(), orders, late);
    let told = watched(&mut diary, "2026-06-01T08:30:05", 600);
    assert_eq!(told, ["a 01 08:40 +0"]);
    let mut diary = Diary::new(bells(), memory, late);
    assert_eq!(
        watched(&mut diary, "2026-06-01T08:30:05", 9)[0],
        "a 01 08:30 +5"
    );
}

#[test]
fn orders_are_taken_back_one_by_one_and_forgotten_with_their_bell() {
    let (early, late) = (at("2026-06-01T08:30"), at("2026-06-01T08:40"));
    let mut orders = Orders::default();
    orders.skip("a", early);
    orders.skip("a", late);
    orders.pause("a", Some(late));
    orders.pause("b", None);
    orders.restore("a", early);
    assert_eq!(orders.skips("a").collect::<Vec<_>>(), [late]);
    assert_eq!(
        (orders.pause_of("a"), orders.pause_of("b")),
        (Some(Some(late)), Some(None))
    );
    assert!(orders.silence("a", early), "it is paused all the same");
    orders.wake("a");
    assert_eq!(
        (orders.silence("a", early), orders.silence("a", late)),
        (false, true)
    );
    orders.retain(|name| name == "a");
    assert_eq!((orders.pause_of("b"), orders.skips("a").count()), (None, 1));
}

#[test]
fn a_clock_that_goes_back_rings_nothing_again() {
    let now = at("2026-06-01T08:29:00");
    let mut diary = Diary::new(
        table(vec![bell("a", "08:30 08:40")]),
        Memory::default(),
        now,
    );
    assert_eq!(
        watched(&mut diary, "2026-06-01T08:29:00", 90),
        ["a 01 08:30 +0"]
    );
    let told = watched(&mut diary, "2026-06-01T07:00:00", 2 * 3600);
    assert_eq!(told, ["moved -5430", "a 01 08:40 +0"]);
}

#[test]
fn a_clock_that_was_years_ahead_silences_nothing() {
    let mut diary = Diary::new(
        table(vec![bell("a", "08:30")]),
        Memory::default(),
        at("2036-06-01T08:29:00"),
    );
    assert_eq!(
        watched(&mut diary, "2036-06-01T08:29:00", 90),
        ["a 01 08:30 +0"]
    );
    let told = watched(&mut diary, "2026-06-01T08:29:00", 90);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1], "a 01 08:30 +0");
}

#[test]
fn a_clock_that_jumps_ahead_rings_late_or_says_what_was_missed() {
    let missed = |policy| Bell {
        missed: policy,
        ..bell("a", "08:30")
    };
    for (policy, word) in [
        (
            Missed::RingWithin(Duration::from_secs(300)),
            "a 01 08:30 +240",
        ),
        (
            Missed::RingWithin(Duration::from_secs(239)),
            "missed 1 a 01 08:30",
        ),
        (Missed::Skip, "missed 1 a 01 08:30"),
    ] {
        let now = at("2026-06-01T08:29:00");
        let mut diary = Diary::new(table(vec![missed(policy)]), Memory::default(), now);
        diary.handle_time(at("2026-06-01T08:29:10"));
        diary.handle_time(at("2026-06-01T08:34:00"));
        assert_eq!(drained(&mut diary), ["moved 290", word]);
        assert_eq!(watched(&mut diary, "2026-06-01T08:34:01", 60), [""; 0]);
    }
}

#[test]
fn after_a_restart_nothing_rings_twice_and_nothing_is_forgotten() {
    let bells = vec![Bell {
        missed: Missed::RingWithin(Duration::from_secs(300)),
        ..bell("two words", "08:30 08:33 08:36")
    }];
    let table = table(bells);
    let mut diary = Diary::new(table.clone(), Memory::default(), at("2026-06-01T08:29:00"));
    assert_eq!(
        watched(&mut diary, "2026-06-01T08:29:00", 61),
        ["two words 01 08:30 +0"]
    );
    let memory = Memory::parse(&diary.memory().to_text()).unwrap();
    assert_eq!(&memory, diary.memory());

    let mut same = Diary::new(table.clone(), memory.clone(), at("2026-06-01T08:30:00"));
    assert_eq!(watched(&mut same, "2026-06-01T08:30:00", 30), [""; 0]);
    // Of several late ones the last rings.
    let mut later = Diary::new(table, memory, at("2026-06-01T08:37:00"));
    assert_eq!(
        watched(&mut later, "2026-06-01T08:37:00", 1),
        ["missed 1 two words 01 08:33", "two words 01 08:36 +60"]
    );
}

#[test]
fn a_memory_that_is_cut_off_or_forged_is_refused() {
    let text =
        "bells that have been dealt with\n2026-06-01T08:00:00Z 1 2026-06-01T07:00:00Z a b\nend\n";
    assert_eq!(Memory::parse(text).unwrap().to_text(), text);
    for broken in [
        "",
        "x\nend\n",
        &text[..text.len() - 5],
        &text.replace(" 1 ", " 2 "),
    ] {
        assert!(Memory::parse(broken).is_err(), "{broken}");
    }
}

#[test]
fn new_and_changed_bells_begin_now_and_others_go_on() {
    let late = |name: &str, when: &str| Bell {
        missed: Missed::RingWithin(Duration::from_secs(600)),
        ..bell(name, when)
    };
    let now = at("2026-06-01T08:29:00");
    let mut diary = Diary::new(
        table(vec![late("a", "09:00"), late("b", "08:31")]),
        Memory::default(),
        now,
    );
    diary.handle_time(at("2026-06-01T08:30:30"));
    let reloaded = vec![late("a", "08:30"), late("b", "08:31"), late("c", "08:30")];
    diary.handle_timetable(table(reloaded), at("2026-06-01T08:30:31"));
    drained(&mut diary);
    assert_eq!(
        watched(&mut diary, "2026-06-01T08:30:32", 60),
        ["b 01 08:31 +0"]
    );
}

#[test]
fn an_order_counts_from_the_moment_it_is_given() {
    let now = at("2026-06-01T08:29:00");
    let mut diary = Diary::new(
        table(vec![bell("a", "08:30 08:31 08:32")]),
        Memory::default(),
        now,
    );
    let mut orders = Orders::default();
    orders.skip("a", at("2026-06-01T08:31"));
    watched(&mut diary, "2026-06-01T08:29:00", 70);
    diary.handle_orders(orders, at("2026-06-01T08:30:15"));
    assert_eq!(diary.poll_timeout().0, at("2026-06-01T08:32"));
    diary.handle_orders(Orders::default(), at("2026-06-01T08:31:30"));
    assert_eq!(drained(&mut diary), ["moved 75"]);
    assert_eq!(
        watched(&mut diary, "2026-06-01T08:31:31", 60),
        ["a 01 08:32 +0"]
    );
}

/// What happens between two looks at the clock.
#[derive(Clone, Debug)]
enum Turn {
    /// Seconds pass.
    Run(i64),
    /// The clock is set.
    Set(i64),
    /// The program starts anew, after so many seconds.
    Restart(i64),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        6 => (1..4_000_i64).prop_map(Turn::Run),
        2 => (-7_200..7_200_i64).prop_map(Turn::Set),
        1 => (0..900_i64).prop_map(Turn::Restart),
    ];
    proptest::collection::vec(turn, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// NTP, summer time and power cuts: no bell twice, none ahead of its time, none too late, and
    /// without jumps and cuts each at its second.
    #[test]
    fn each_once_over_any_clock(turns in turns(), start in 0..7_i64) {
        let bells = vec![bell("a", "*/7 * * * *"), bell("b", "02:30 03:30"), bell("c", "Sun 02:15")];
        let table = table(bells);
        // Around the night in which the clocks go forward.
        let mut now = second(at("2026-03-28T20:00"), 3_000 * start);
        let mut diary = Diary::new(table.clone(), Memory::default(), now);
        let mut heard = std::collections::BTreeSet::new();
        let is_quiet = turns.iter().all(|turn| matches!(turn, Turn::Run(_)));
        let begun = now;
        for turn in turns {
            let steps = match turn {
                Turn::Run(n) => n,
                Turn::Set(n) => {
                    now = second(now, n);
                    1
                }
                Turn::Restart(n) => {
                    let memory = Memory::parse(&diary.memory().to_text()).unwrap();
                    now = second(now, n);
                    diary = Diary::new(table.clone(), memory, now);
                    1
                }
            };
            for _ in 0..steps {
                diary.handle_time(now);
                while let Some(event) = diary.poll() {
                    let Event::Ring { bell, occurrence, late } = event else { continue };
                    prop_assert!(occurrence.at <= now);
                    prop_assert_eq!(late, now.duration_since(occurrence.at).unsigned_abs());
                    prop_assert!(late <= Duration::from_secs(60));
                    prop_assert!(heard.insert((bell, occurrence.at)), "twice");
                    prop_assert!(!is_quiet || late.is_zero());
                }
                now = second(now, 1);
            }
        }
        if is_quiet {
            let all = table.strikes(begun, second(now, -1), &Orders::default());
            prop_assert_eq!(heard.len(), all.len());
        }
    }
}

//! Are rules read as they are meant?

use proptest::prelude::*;

use super::*;

/// What rings in Berlin from one day to another, as `MM-DD HH:MM:SS` of its clocks, with `*` if
/// daylight saving had its hand in it.
fn rings(when: &str, from: &str, to: &str) -> Vec<String> {
    let when = When::parse(when).unwrap();
    let (from, to) = (at(&format!("{from}T00:00")), at(&format!("{to}T00:00")));
    let just_before = Timestamp::from_second(from.as_second() - 1).unwrap();
    let shown = |it: Occurrence| {
        let local = berlin()
            .to_datetime(it.at)
            .strftime("%m-%d %H:%M:%S")
            .to_string();
        let short = local.trim_end_matches(":00").to_owned();
        let short = if short.len() < 11 {
            local[..11].to_owned()
        } else {
            short
        };
        if it.mark == Mark::Plain {
            short
        } else {
            format!("{short}*")
        }
    };
    let all = when.between(just_before, to, &berlin());
    all.into_iter().filter(|it| it.at < to).map(shown).collect()
}

#[test]
fn cron_and_plain_words_say_the_same() {
    for (plain, cron) in [
        ("Mon-Fri 08:30", "30 8 * * mon-fri"),
        ("mon-fri 8:30", "30 8 * * 1-5"),
        ("weekdays at 08:30", "30 8 ? * 1,2,3,4,5"),
        ("daily 12:00", "0 12 * * *"),
        ("every day 12:00", "0 12 * * */1"),
        ("12:00", "0 12 1-31 * *"),
        ("00:00", "@daily"),
        ("Sun 00:00", "@weekly"),
        ("Sunday 00:00", "0 0 * * 7"),
        ("Sat-Mon 10:00", "0 10 * * sat-mon"),
        ("Sat, Sun, Mon 10:00", "0 10 * * 6-1"),
        ("weekends 10:00 10:20 10:40", "*/20 10 * * 0,6"),
        ("weekends 10:40 and 10:20, 10:40", "20/20 10 * * 0,6"),
        ("Fri-Thu 09:00", "0 9 * * *"),
        (
            "Mon-Thu 08:30 15:00 Fri 08:30",
            "30 8 * * 1-5\n0 15 * * 1-4",
        ),
        (
            "Mon-Thu 08:30\nFri 08:30\nMon 15:00",
            "30 8 * * 1-5\n0 15 * * 1",
        ),
    ] {
        let months = |when| rings(when, "2026-01-01", "2026-08-01");
        assert_eq!(months(plain), months(cron), "{plain} / {cron}");
    }
}

#[test]
fn days_of_the_month_and_weekdays_combine_as_in_crontab() {
    let october = |when| rings(when, "2026-10-01", "2026-11-01");
    // One of both is enough if both are restricted: Tuesdays and the 13th.
    let either = [
        "10-06 07:00",
        "10-13 07:00",
        "10-15 07:00",
        "10-20 07:00",
        "10-27 07:00",
    ];
    assert_eq!(october("0 7 13,15 * tue"), either);
    // Odd days that are Tuesdays, as in cronie, since the field has a star.
    assert_eq!(october("0 7 */2 * tue"), ["10-13 07:00", "10-27 07:00"]);
    assert_eq!(october("0 7 31 * *"), ["10-31 07:00"]);
    assert_eq!(rings("0 7 31 * *", "2026-11-01", "2026-12-01"), [""; 0]);
    assert_eq!(
        rings("0 7 29 feb *", "2026-01-01", "2029-01-01"),
        ["02-29 07:00"]
    );
}

#[test]
fn single_days_ring_once_with_seconds_too() {
    let year = |when| rings(when, "2026-01-01", "2027-01-01");
    assert_eq!(year("2026-12-24 11:00"), ["12-24 11:00"]);
    assert_eq!(
        year("2026-12-24 11:00:05 11:00"),
        ["12-24 11:00", "12-24 11:00:05"]
    );
    assert_eq!(
        year("2026-12-21..2026-12-24 Mon Thu 11:00"),
        ["12-21 11:00", "12-24 11:00"]
    );
    let when = When::parse("2026-12-24 11:00\n2026-12-21..2026-12-23 12:00").unwrap();
    assert_eq!(when.last_day(), Some(jiff::civil::date(2026, 12, 24)));
    assert_eq!(
        When::parse("2026-12-24 11:00 Fri 12:00")
            .unwrap()
            .last_day(),
        None
    );
}

#[test]
fn a_time_that_the_clocks_jump_over_rings_once_an_hour_later() {
    let spring = |when| rings(when, "2026-03-28", "2026-03-31");
    assert_eq!(
        spring("02:30"),
        ["03-28 02:30", "03-29 03:30*", "03-30 02:30"]
    );
    assert_eq!(spring("30 2 * * *"), spring("02:30"));
    // What is moved onto another time of the same bell rings once.
    assert_eq!(
        rings("02:30 03:30", "2026-03-29", "2026-03-30"),
        ["03-29 03:30"]
    );
    assert_eq!(rings("02:00", "2026-03-29", "2026-03-30"), ["03-29 03:00*"]);
}

#[test]
fn a_time_that_comes_twice_rings_once_the_first_time() {
    let first = at("2026-10-25T02:30");
    let when = When::parse("daily 02:30").unwrap();
    let day = when.between(at("2026-10-25T00:00"), at("2026-10-26T00:00"), &berlin());
    let [only] = day[..] else { panic!("{day:?}") };
    assert_eq!((only.at, only.mark), (first, Mark::First));
    assert_eq!(only.at.to_string(), "2026-10-25T00:30:00Z");
}

#[test]
fn a_bell_of_every_hour_follows_the_time_that_passes() {
    for (when, day) in [("30 * * * *", "2026-03-29"), ("@hourly", "2026-10-25")] {
        let when = When::parse(when).unwrap();
        let from = at(&format!("{day}T00:00"));
        let until = Timestamp::from_second(from.as_second() + 86_400).unwrap();
        let all = when.between(from, until, &berlin());
        assert_eq!(all.len(), 24);
        let steps = all
            .windows(2)
            .map(|two| two[1].at.as_second() - two[0].at.as_second());
        assert!(steps.into_iter().all(|step| step == 3_600), "{day}");
    }
}

#[test]
fn what_cannot_be_read_or_never_rings_gets_a_remedy() {
    for (when, part) in [
        ("", "says no time"),
        ("30 2 30 2 *", "never rings"),
        ("0 0 31 apr,jun,sep,nov *", "never rings"),
        ("2026-12-24 Mon 11:00", "never rings"),
        ("2026-02-29 11:00", "no day of the calendar"),
        ("2026-12-24..2026-12-01 11:00", "ends before it begins"),
        ("Mon-Fri", "no time"),
        ("Mon-Fri 24:00", "no time of the day"),
        ("Mon-Fri 8:3", "no time of the day"),
        ("Mon-Fri 08:30pm", "no time of the day"),
        ("Mon-Fry 08:30", "neither a day nor a time"),
        ("08:30 Mon", "no time"),
        ("60 8 * * *", "write 0 to 59"),
        ("0 24 * * *", "write 0 to 23"),
        ("0 8 0 * *", "write 1 to 31"),
        ("0 8 * foo *", "jan to dec"),
        ("0 8 * * 8", "sun to sat"),
        ("0 22-2 * * *", "22-23,0-2"),
        ("*/0 8 * * *", "a step above 0"),
        ("0 8 * * 1-5 2026", "has 6 fields"),
        ("0 8 * *", "neither a day"),
        ("@reboot", "@hourly"),
        ("1,,2 8 * * *", "write 0 to 59"),
        ("+5 8 * * *", "write 0 to 59"),
    ] {
        let why = When::parse(when).unwrap_err();
        assert!(why.contains(part), "{when}: {why}");
    }
}

proptest! {
    /// Whatever is written is read or refused, and what is read is read again as it is shown.
    #[test]
    fn any_text_is_a_rule_or_a_mistake(words in proptest::collection::vec(word(), 0..9)) {
        if let Ok(when) = When::parse(&words.concat()) {
            prop_assert_eq!(When::parse(when.as_str()), Ok(when.clone()));
            when.between(at("2026-03-28T00:00"), at("2026-03-30T00:00"), &berlin());
        }
    }
}

fn word() -> impl Strategy<Value = String> {
    let known = [
        "Mon",
        "-Fri",
        "daily ",
        "08:30",
        " 23:59:59",
        " ",
        "\n",
        "2026-03-29",
        "..2026-12-31",
        "*",
        "*/7",
        " 1,2",
        " 1-5",
        " jan",
        "@hourly",
        "5-1",
        " 24:00",
        ",",
        "?",
    ];
    prop_oneof![9 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,4}"]
}

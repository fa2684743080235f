//! Are iCalendar files understood as RFC 5545 means them?

use jiff::civil::date;
use proptest::prelude::*;

use super::*;

fn calendar(event: &str) -> Calendar {
    let text = format!("BEGIN:VCALENDAR\r\n{event}\r\nEND:VCALENDAR\r\n");
    Calendar::parse(&text, &zones()).unwrap()
}

/// The days of 1997 to 1998 that an event touches, as `MM-DD`, up to so many.
fn touched(rows: &str, n: usize) -> Vec<String> {
    let event = format!("BEGIN:VEVENT\r\nSUMMARY:x\r\n{rows}\r\nEND:VEVENT");
    let calendar = calendar(&event);
    let days = date(1997, 1, 1).series(jiff::Span::new().days(1));
    let days = days
        .take(2 * 365)
        .filter(|day| calendar.touches(*day, &berlin()));
    days.take(n)
        .map(|day| day.strftime("%m-%d").to_string())
        .collect()
}

#[test]
fn rules_of_the_rfc_give_the_days_of_the_rfc() {
    // RFC 5545 §3.8.5.3, as whole days.
    for (start, rule, days) in [
        ("19970902", "FREQ=DAILY;COUNT=3", "09-02 09-03 09-04"),
        (
            "19970902",
            "FREQ=DAILY;INTERVAL=10;COUNT=5",
            "09-02 09-12 09-22 10-02 10-12",
        ),
        (
            "19970902",
            "FREQ=WEEKLY;UNTIL=19970917T000000Z",
            "09-02 09-09 09-16",
        ),
        (
            "19970902",
            "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH",
            "09-02 09-04 09-16 09-18 09-30 10-02 10-14 10-16",
        ),
        (
            "19970805",
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO",
            "08-05 08-10 08-19 08-24",
        ),
        (
            "19970805",
            "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU",
            "08-05 08-17 08-19 08-31",
        ),
        (
            "19970905",
            "FREQ=MONTHLY;COUNT=4;BYDAY=1FR",
            "09-05 10-03 11-07 12-05",
        ),
        (
            "19970922",
            "FREQ=MONTHLY;COUNT=3;BYDAY=-2MO",
            "09-22 10-20 11-17",
        ),
        (
            "19970928",
            "FREQ=MONTHLY;BYMONTHDAY=-3;COUNT=3",
            "09-28 10-29 11-28",
        ),
        (
            "19970930",
            "FREQ=MONTHLY;COUNT=4;BYMONTHDAY=1,-1",
            "09-30 10-01 10-31 11-01",
        ),
        (
            "19970913",
            "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13;COUNT=3",
            "09-13 10-11 11-08",
        ),
        (
            "19970610",
            "FREQ=YEARLY;COUNT=3;BYMONTH=6,7",
            "06-10 07-10 06-10",
        ),
        (
            "19970101",
            "FREQ=YEARLY;COUNT=3;BYYEARDAY=1,100,200",
            "01-01 04-10 07-19",
        ),
        ("19970519", "FREQ=YEARLY;BYDAY=20MO;COUNT=2", "05-19 05-18"),
        (
            "19970313",
            "FREQ=YEARLY;BYMONTH=3;BYDAY=TH;COUNT=4",
            "03-13 03-20 03-27 03-05",
        ),
        (
            "19970904",
            "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3",
            "09-04 10-07 11-06",
        ),
        (
            "19970929",
            "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2;COUNT=3",
            "09-29 10-30 11-27",
        ),
        ("19970131", "FREQ=MONTHLY;COUNT=3", "01-31 03-31 05-31"),
    ] {
        let rows = format!("DTSTART;VALUE=DATE:{start}\r\nRRULE:{rule}");
        let days: Vec<&str> = days.split(' ').collect();
        assert_eq!(touched(&rows, 99), days, "{rule}");
    }
}

#[test]
fn days_and_hours_last_as_long_as_they_say() {
    assert_eq!(touched("DTSTART;VALUE=DATE:19970701", 9), ["07-01"]);
    assert_eq!(
        touched(
            "DTSTART;VALUE=DATE:19970701\r\nDTEND;VALUE=DATE:19970703",
            9
        ),
        ["07-01", "07-02"]
    );
    assert_eq!(touched("DTSTART:19970701\r\nDTEND:19970701", 9), ["07-01"]);
    assert_eq!(
        touched("DTSTART;VALUE=DATE:19970701\r\nDURATION:P1W", 9).len(),
        7
    );
    // From eleven at night until two.
    assert_eq!(
        touched("DTSTART:19970701T230000\r\nDURATION:PT3H", 9),
        ["07-01", "07-02"]
    );
    assert_eq!(
        touched("DTSTART:19970701T230000\r\nDURATION:PT1H", 9),
        ["07-01"]
    );
    // Eleven at night in UTC is the next day in Berlin.
    assert_eq!(touched("DTSTART:19970701T230000Z", 9), ["07-02"]);
    assert_eq!(
        touched("DTSTART;TZID=America/New_York:19970701T200000", 9),
        ["07-02"]
    );
}

#[test]
fn single_instances_are_added_left_out_moved_and_cancelled() {
    let weekly = "UID:a\r\nDTSTART;VALUE=DATE:19970902\r\nRRULE:FREQ=WEEKLY;COUNT=4";
    assert_eq!(
        touched(
            &format!("{weekly}\r\nEXDATE;VALUE=DATE:19970909,19970916"),
            9
        ),
        ["09-02", "09-23"]
    );
    assert_eq!(
        touched(&format!("{weekly}\r\nRDATE;VALUE=DATE:19971224"), 9)[4],
        "12-24"
    );
    let moved = format!(
        "{weekly}\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:a\r\nRECURRENCE-ID;VALUE=DATE:19970909\r\n\
         DTSTART;VALUE=DATE:19970910\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:a\r\n\
         RECURRENCE-ID;VALUE=DATE:19970916\r\nSTATUS:CANCELLED\r\nDTSTART;VALUE=DATE:19970916"
    );
    assert_eq!(touched(&moved, 9), ["09-02", "09-10", "09-23"]);
    let timed = "DTSTART;TZID=Europe/Berlin:19970902T080000\r\nRRULE:FREQ=WEEKLY;\r\n  COUNT=3";
    assert_eq!(
        touched(&format!("{timed}\r\nEXDATE:19970909T060000Z"), 9),
        ["09-02", "09-16"]
    );
}

#[test]
fn an_event_of_hours_covers_just_them_by_its_own_clock() {
    let calendar = calendar(
        "BEGIN:VTIMEZONE\r\nTZID:Outlook\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\n\
         DTSTART;TZID=\"W. Europe Standard Time\":20260302T100000\r\n\
         DTEND;TZID=\"W. Europe Standard Time\":20260302T113000\r\nRRULE:FREQ=WEEKLY\r\n\
         SUMMARY;LANGUAGE=en:Fire drill\\, and\r\n  more\r\nBEGIN:VALARM\r\nDTSTART:19990101\r\n\
         END:VALARM\r\nEND:VEVENT",
    );
    assert_eq!(calendar.n_events(), 1);
    let on = |local: &str| {
        let instant = at(local);
        calendar.covers(berlin().to_datetime(instant), instant, &berlin())
    };
    // On both sides of the change of the clocks.
    for day in ["2026-03-02", "2026-03-30", "2026-11-02"] {
        assert_eq!(on(&format!("{day}T09:59")), None, "{day}");
        assert_eq!(on(&format!("{day}T10:00")), Some("Fire drill, and more"));
        assert_eq!(on(&format!("{day}T11:29:59")), Some("Fire drill, and more"));
        assert_eq!(on(&format!("{day}T11:30")), None, "{day}");
    }
}

#[test]
fn what_is_broken_names_its_line_and_a_remedy() {
    for (text, line, part) in [
        ("", 1, "no iCalendar file"),
        ("<html>", 1, "no iCalendar file"),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101",
            2,
            "cut off",
        ),
        (
            "BEGIN:VCALENDAR\nEND:VEVENT\nEND:VCALENDAR",
            2,
            "ends nothing",
        ),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VEVENT\nEND:VCALENDAR",
            2,
            "no DTSTART",
        ),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:2026-01-01\nEND:VEVENT",
            3,
            "no date or time",
        ),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=Moon/Sea:20260101T000000\nEND:VEVENT",
            3,
            "no time zone",
        ),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\nRRULE:FREQ=HOURLY\nEND:VEVENT",
            4,
            "not supported",
        ),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\nRRULE:FREQ=YEARLY;BYDAY=XX\nEND:VEVENT",
            4,
            "BYDAY=XX",
        ),
        (
            "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101\nDURATION:1 day\nEND:VEVENT",
            4,
            "DURATION",
        ),
    ] {
        let fault = Calendar::parse(text, &zones()).unwrap_err();
        assert_eq!(fault.line, line, "{text}: {}", fault.text);
        assert!(fault.text.contains(part), "{text}: {}", fault.text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// A file that somebody has edited by hand is read or refused, and asked about any day.
    #[test]
    fn any_file_is_read_or_refused(words in proptest::collection::vec(word(), 0..40), day in -900_000..900_000_i64) {
        let text = format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{}\nEND:VEVENT\nEND:VCALENDAR", words.concat());
        if let Ok(calendar) = Calendar::parse(&text, &zones()) {
            let at = Timestamp::from_second(day * 86_400).unwrap();
            let local = berlin().to_datetime(at);
            calendar.touches(local.date(), &berlin());
            calendar.covers(local, at, &berlin());
        }
    }
}

fn word() -> impl Strategy<Value = String> {
    let known = [
        "DTSTART:",
        "DTSTART;VALUE=DATE:",
        "DTEND:",
        "DURATION:",
        "RRULE:",
        "EXDATE:",
        "RDATE:",
        "RECURRENCE-ID:",
        "UID:a",
        "STATUS:CANCELLED",
        "DTSTART;TZID=Europe/Berlin:",
        "FREQ=YEARLY",
        "FREQ=MONTHLY",
        "FREQ=WEEKLY",
        "FREQ=DAILY",
        ";COUNT=1000000",
        ";INTERVAL=10000",
        ";UNTIL=99991231",
        ";BYDAY=MO,-53SU",
        ";BYMONTHDAY=31,-31",
        ";BYSETPOS=-366,1",
        ";BYYEARDAY=-366",
        ";BYMONTH=2",
        ";WKST=SU",
        "99991231",
        "00000101",
        "20260229T250000Z",
        "20240229T235960Z",
        "20260101",
        "P99999W",
        "PT1M",
        ",",
        "\n",
        "\n ",
        "\nBEGIN:VEVENT\n",
        "\nEND:VEVENT\n",
        "\"",
        ":",
        ";",
        "=",
        "ä",
    ];
    prop_oneof![20 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,4}"]
}

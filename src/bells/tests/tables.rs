//! Do plans, exceptions and orders silence what they should, and nothing else?

use jiff::civil::date;

use super::*;

fn school() -> Timetable {
    let holidays = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20260701\n\
         DTEND;VALUE=DATE:20260815\nSUMMARY:Summer holidays\nEND:VEVENT\nBEGIN:VEVENT\n\
         DTSTART;TZID=Europe/Berlin:20260612T100000\nDTEND;TZID=Europe/Berlin:20260612T113000\n\
         SUMMARY:Concert\nEND:VEVENT\nEND:VCALENDAR\n";
    let calendar = Calendar::parse(holidays, &zones()).unwrap();
    Timetable {
        bells: vec![
            Bell {
                except: days("easter+1 12-25 school.ics"),
                ..bell("lesson", "Mon-Fri 08:30 10:30 12:00")
            },
            Bell {
                plans: Plans::Named(vec!["exam".to_owned()]),
                ..bell("exam", "Mon-Fri 09:00")
            },
            Bell {
                plans: Plans::All,
                ..bell("evening", "daily 18:00")
            },
        ],
        plans: vec![
            Plan {
                name: "exam".to_owned(),
                days: days("2026-06-08..2026-06-09"),
            },
            Plan {
                name: "sports".to_owned(),
                days: days("2026-06-09 2026-06-11"),
            },
        ],
        calendars: [("school.ics".into(), calendar)].into(),
    }
}

/// What rings on a day of Berlin, and what an exception silences.
fn day(table: &Timetable, orders: &Orders, day: &str) -> Vec<String> {
    let (from, to) = (at(&format!("{day}T00:00")), at(&format!("{day}T23:59")));
    let strikes = table.strikes(from, to, orders);
    let shown = strikes.iter().filter_map(|strike| {
        let time = strike.occurrence.local.time().strftime("%H:%M");
        match &strike.silence {
            None => Some(format!("{time} {}", strike.bell.name)),
            Some(Silence::Plan(_)) => None,
            Some(why) => Some(format!("{time} not {}: {why}", strike.bell.name)),
        }
    });
    shown.collect()
}

#[test]
fn each_day_has_one_plan_and_rings_its_bells() {
    let (table, orders) = (school(), Orders::default());
    let on = |of| day(&table, &orders, of);
    let usual = [
        "08:30 lesson",
        "10:30 lesson",
        "12:00 lesson",
        "18:00 evening",
    ];
    assert_eq!(on("2026-06-05"), usual);
    assert_eq!(on("2026-06-08"), ["09:00 exam", "18:00 evening"]);
    // Both claim it: the first has it.
    assert_eq!(on("2026-06-09"), ["09:00 exam", "18:00 evening"]);
    assert_eq!(table.claims(date(2026, 6, 9), &berlin()).count(), 2);
    assert_eq!(on("2026-06-11"), ["18:00 evening"]);
    assert_eq!(on("2026-06-13"), ["18:00 evening"]);
}

#[test]
fn exceptions_silence_days_and_hours_and_say_why() {
    let (table, orders) = (school(), Orders::default());
    let on = |of| day(&table, &orders, of);
    let easter = on("2026-04-06");
    assert_eq!(easter[0], "08:30 not lesson: except = easter+1");
    assert_eq!(easter[3], "18:00 evening");
    assert_eq!(
        on("2026-08-14")[0],
        "08:30 not lesson: Summer holidays (school.ics)"
    );
    // The day after is a Saturday; Monday the school begins.
    assert_eq!(on("2026-08-17")[0], "08:30 lesson");
    assert_eq!(
        on("2026-06-12"),
        [
            "08:30 lesson",
            "10:30 not lesson: Concert (school.ics)",
            "12:00 lesson",
            "18:00 evening"
        ]
    );
}

#[test]
fn orders_skip_one_time_pause_a_bell_and_give_a_day_another_plan() {
    let table = school();
    let mut orders = Orders::default();
    orders.skip("lesson", at("2026-06-05T10:30"));
    orders.pause("evening", Some(at("2026-06-06T00:00")));
    let on = |of: &str, orders: &Orders| day(&table, orders, of);
    assert_eq!(
        on("2026-06-05", &orders),
        [
            "08:30 lesson",
            "10:30 not lesson: skipped by order",
            "12:00 lesson",
            "18:00 not evening: skipped by order"
        ]
    );
    assert_eq!(on("2026-06-06", &orders), ["18:00 evening"]);
    orders.set_plan(date(2026, 6, 5), Some("exam"));
    orders.set_plan(date(2026, 6, 8), None);
    assert_eq!(on("2026-06-05", &orders)[0], "09:00 exam");
    assert_eq!(on("2026-06-08", &orders)[0], "08:30 lesson");

    orders.pause("old bell", None);
    let read = Orders::parse(&orders.to_text()).unwrap();
    assert_eq!(read, orders);
    assert_eq!(
        Orders::parse("skip now lesson"),
        Err("skip now lesson".to_owned())
    );
    orders.resume("lesson");
    orders.resume("old bell");
    orders.clear_plan(date(2026, 6, 5));
    assert_eq!(on("2026-06-05", &orders)[1], "10:30 lesson");
    orders.forget_before(at("2026-06-10T00:00"), date(2026, 6, 10));
    assert_eq!(orders, Orders::default());
}

//! What will ring in the next days, as people read it?
#![expect(
    clippy::print_stdout,
    reason = "printing is what this command asks for"
)]

use std::collections::BTreeMap;
use std::process::ExitCode;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::files;
use super::ringing::ORDERS;
use crate::bells::{Mark, Occurrence, Orders, Silence, Strike, Timetable};
use crate::config::{self, Chime, Config};
use crate::daemon::args::{Args, Bells};
use crate::daemon::{exit, settings};

/// Prints what rings, and what does not and why.
pub(in crate::daemon) fn list(asked: &Bells, args: &Args) -> ExitCode {
    let loaded = config::read(&args.sources(), &args.overrides()).look_further(files::mistakes);
    let config = match loaded.result() {
        Ok((config, _)) => config,
        Err(mistakes) => return exit::mistakes(&mistakes),
    };
    let timetable = match files::timetable(&config) {
        Ok(timetable) => timetable,
        Err(mistakes) => return exit::mistakes(&mistakes),
    };
    let now = Timestamp::now();
    let orders = kept_orders(&config);
    print!(
        "{}",
        Listing::new(&config, &timetable, orders).text(asked, now)
    );
    ExitCode::SUCCESS
}

/// What users have ordered of the running daemon, as far as whoever asks may read it.
fn kept_orders(config: &Config) -> Orders {
    let text = std::fs::read_to_string(settings::state_file(config, ORDERS));
    let orders = text.ok().and_then(|text| Orders::parse(&text).ok());
    orders.unwrap_or_default()
}

struct Listing<'a> {
    timetable: &'a Timetable,
    orders: Orders,
    /// Where a bell is heard and what it plays, by its name.
    about: BTreeMap<&'a str, (String, String)>,
    /// By this clock days begin.
    zone: TimeZone,
}

impl<'a> Listing<'a> {
    fn new(config: &'a Config, timetable: &'a Timetable, orders: Orders) -> Self {
        let about = config.bells.iter().map(|bell| {
            let zones = match bell.zones.as_slice() {
                [] => "all".to_owned(),
                some => some.join(" "),
            };
            let play = match bell.chime() {
                Chime::Klaxon => "klaxon".to_owned(),
                Chime::Words(text) => format!("says \"{text}\""),
                Chime::File(path) => path.display().to_string(),
            };
            (bell.name.as_str(), (zones, play))
        });
        Self {
            timetable,
            orders,
            about: about.collect(),
            zone: clock_of(timetable),
        }
    }

    fn text(&self, asked: &Bells, now: Timestamp) -> String {
        if self.timetable.bells.is_empty() {
            return "no bell is configured; write a section [schedule:NAME] with \
                    when = Mon-Fri 08:30\n"
                .to_owned();
        }
        let today = self.zone.to_datetime(now).date();
        let first = asked.date.unwrap_or(today);
        let n_days = asked
            .days
            .unwrap_or(if asked.date.is_some() { 1 } else { 7 });
        let clock = self.zone.iana_name().unwrap_or("this machine");
        let mut text = format!("By the clock of {clock}\n");
        for day in first.series(1.day()).take(n_days as usize) {
            let begin = self.begins(day);
            // Before now nothing rings any more, unless somebody asks for that day.
            let begin = if asked.date.is_none() {
                begin.max(now)
            } else {
                begin
            };
            self.day(day, begin, &mut text);
        }
        text.push_str(&self.past(today));
        text
    }

    fn day(&self, day: Date, begin: Timestamp, text: &mut String) {
        let end = self.begins(day.saturating_add(1.day())) - 1.nanosecond();
        let strikes = self
            .timetable
            .strikes(begin - 1.nanosecond(), end, &self.orders);
        let is_told = |strike: &Strike<'_>| !matches!(strike.silence, Some(Silence::Plan(_)));
        let rows: Vec<[String; 5]> = strikes
            .iter()
            .filter(|strike| is_told(strike))
            .map(|strike| self.row(strike))
            .collect();
        text.push_str(&format!(
            "\n{}{}\n",
            day.strftime("%a %F"),
            self.heading(day)
        ));
        if rows.is_empty() {
            text.push_str("  no bell\n");
        }
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: [usize; 4] = std::array::from_fn(|column| width(column).unwrap_or(0));
        for [time, bell, zones, play, remark] in &rows {
            let [a, b, c, d] = widths;
            let line = format!("  {time:a$}  {bell:b$}  {zones:c$}  {play:d$}  {remark}");
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }

    fn row(&self, strike: &Strike<'_>) -> [String; 5] {
        let bell = &strike.bell.name;
        let (zones, play) = self.about.get(bell.as_str()).cloned().unwrap_or_default();
        let here = self.zone.to_datetime(strike.occurrence.at).time();
        let time = if here.second() == 0 {
            here.strftime("%H:%M").to_string()
        } else {
            here.strftime("%T").to_string()
        };
        [time, bell.clone(), zones, play, self.remark(strike)]
    }

    fn remark(&self, strike: &Strike<'_>) -> String {
        let written = strike.occurrence.local.strftime("%H:%M");
        let mut parts = Vec::new();
        if let Some(silence) = &strike.silence {
            parts.push(format!("SILENT: {silence}"));
        }
        parts.extend(oddity(&strike.occurrence));
        if strike.bell.zone != self.zone {
            let clock = strike.bell.zone.iana_name().unwrap_or("this machine");
            parts.push(format!("{written} in {clock}"));
        }
        parts.join("; ")
    }

    /// The plan of the day, and what the clocks do on it.
    fn heading(&self, day: Date) -> String {
        let mut text = String::new();
        let mut plans = self.timetable.claims(day, &self.zone);
        if let Some(plan) = plans.next() {
            text.push_str(&format!("  plan {plan}"));
        }
        for other in plans {
            text.push_str(&format!(" (before {other}, which claims the day too)"));
        }
        let next = self.begins(day.saturating_add(1.day()));
        let hours = next.duration_since(self.begins(day)).as_secs() - 86_400;
        match hours {
            0 => {}
            less if less < 0 => text.push_str(&format!("  clocks go forward {} min", -less / 60)),
            more => text.push_str(&format!("  clocks go back {} min", more / 60)),
        }
        text
    }

    fn past(&self, today: Date) -> String {
        let bells = self.timetable.bells.iter();
        let line = |bell: &crate::bells::Bell| {
            let last = bell.when.last_day().filter(|last| *last < today)?;
            let name = &bell.name;
            Some(format!(
                "\n{name} does not ring any more: {last} was its last day\n"
            ))
        };
        bells.filter_map(line).collect()
    }

    fn begins(&self, day: Date) -> Timestamp {
        midnight(day, &self.zone)
    }
}

/// By which clock days begin: a site has one; where it has several, that of the machine is common
/// to all.
pub(super) fn clock_of(timetable: &Timetable) -> TimeZone {
    let mut zones = timetable.bells.iter().map(|bell| &bell.zone);
    let first = zones.next();
    let common = first.filter(|first| zones.all(|zone| zone == *first));
    common.cloned().unwrap_or_else(TimeZone::system)
}

/// When the day begins by that clock.
pub(super) fn midnight(day: Date, clock: &TimeZone) -> Timestamp {
    let begin = day.to_zoned(clock.clone());
    begin.map_or(Timestamp::MAX, |begin| begin.timestamp())
}

/// What daylight saving does to a time, in words.
pub(super) fn oddity(it: &Occurrence) -> Option<String> {
    let written = it.local.strftime("%H:%M");
    match it.mark {
        Mark::Plain => None,
        Mark::JumpedOver => Some(format!("the clocks jump over {written}")),
        Mark::First => Some(format!("the first of two {written}")),
        Mark::Second => Some(format!("the second of two {written}")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::read_texts;

    fn listed(conf: &str, date: &str, days: u32) -> String {
        let loaded = read_texts([(Path::new("x"), conf.as_bytes())], &[]);
        let config = loaded.result().unwrap().0;
        let timetable = files::timetable(&config).unwrap();
        let asked = Bells {
            days: Some(days),
            date: Some(date.parse().unwrap()),
            conf: Vec::new(),
        };
        Listing::new(&config, &timetable, Orders::default()).text(&asked, Timestamp::UNIX_EPOCH)
    }

    const SCHOOL: &str = "\
[plan:exam]
days = 2026-10-26
[schedule:lesson]
timezone = Europe/Berlin
when = Mon-Fri 08:30 10:30:05
    2026-10-25 02:30
play = gong.wav
except = 2026-10-27
[schedule:exam-begins]
timezone = Europe/Berlin
when = 09:00
plan = exam
";

    #[test]
    fn each_day_lists_what_rings_where_and_what_does_not_and_why() {
        assert_eq!(
            listed(SCHOOL, "2026-10-24", 5),
            "By the clock of Europe/Berlin

Sat 2026-10-24
  no bell

Sun 2026-10-25  clocks go back 60 min
  02:30  lesson  all  gong.wav  the first of two 02:30

Mon 2026-10-26  plan exam
  09:00  exam-begins  all  klaxon

Tue 2026-10-27
  08:30     lesson  all  gong.wav  SILENT: except = 2026-10-27
  10:30:05  lesson  all  gong.wav  SILENT: except = 2026-10-27

Wed 2026-10-28
  08:30     lesson  all  gong.wav
  10:30:05  lesson  all  gong.wav
"
        );
    }

    #[test]
    fn a_jump_of_the_clocks_and_another_clock_are_told() {
        let text = listed(
            "[schedule:night]\ntimezone = Europe/Berlin\nwhen = 02:30\n",
            "2027-03-28",
            1,
        );
        let row = "  03:30  night  all  klaxon  the clocks jump over 02:30";
        assert!(
            text.contains(row) && text.contains("clocks go forward 60 min"),
            "{text}"
        );
        let text = listed(
            "[schedule:a]\ntimezone = Europe/Berlin\nwhen = 12:00\n\
             [schedule:b]\ntimezone = America/New_York\nwhen = 12:00\n",
            "2026-06-01",
            2,
        );
        assert!(text.contains("12:00 in America/New_York"), "{text}");
    }

    #[test]
    fn without_bells_or_with_old_ones_the_list_says_so() {
        assert!(listed("", "2026-06-01", 1).contains("[schedule:NAME]"));
    }
}

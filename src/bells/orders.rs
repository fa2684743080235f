//! What has somebody ordered about single bells and days, beside the configuration?

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::civil::Date;

/// Orders hold until they are taken back or their time is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// Bells that shall not ring at just this time.
    skips: BTreeSet<(String, Timestamp)>,
    /// Bells that are silent up to this time, or for ever.
    pauses: BTreeMap<String, Option<Timestamp>>,
    /// The plan of a day; `None` is the usual one.
    plans: BTreeMap<Date, Option<String>>,
}

impl Orders {
    /// The bell does not ring at this time.
    pub fn skip(&mut self, bell: &str, at: Timestamp) {
        self.skips.insert((bell.to_owned(), at));
    }

    /// The bell does not ring before `until`; `None` is until `resume`.
    pub fn pause(&mut self, bell: &str, until: Option<Timestamp>) {
        self.pauses.insert(bell.to_owned(), until);
    }

    /// It rings at this time after all.
    pub fn restore(&mut self, bell: &str, at: Timestamp) {
        self.skips.remove(&(bell.to_owned(), at));
    }

    /// It is silent no longer but at times that are skipped.
    pub fn wake(&mut self, bell: &str) {
        self.pauses.remove(bell);
    }

    /// The times that it is to skip.
    pub fn skips<'a>(&'a self, bell: &'a str) -> impl Iterator<Item = Timestamp> {
        let of_bell = self.skips.iter().filter(move |(name, _)| name == bell);
        of_bell.map(|(_, at)| *at)
    }

    /// Until when the bell is silent; `Some(None)` is for ever, and `None` not at all.
    pub fn pause_of(&self, bell: &str) -> Option<Option<Timestamp>> {
        self.pauses.get(bell).copied()
    }

    /// Forgets bells that are no more.
    pub fn retain(&mut self, is_known: impl Fn(&str) -> bool) {
        self.skips.retain(|(name, _)| is_known(name));
        self.pauses.retain(|name, _| is_known(name));
    }

    /// Takes back what was ordered about the bell.
    pub fn resume(&mut self, bell: &str) {
        self.pauses.remove(bell);
        self.skips.retain(|(name, _)| name != bell);
    }

    /// The plan holds on that day, whatever the configuration says; `None` is the usual one.
    pub fn set_plan(&mut self, day: Date, plan: Option<&str>) {
        self.plans.insert(day, plan.map(str::to_owned));
    }

    /// The plan of that day is what the configuration says.
    pub fn clear_plan(&mut self, day: Date) {
        self.plans.remove(&day);
    }

    /// The plan that was ordered for a day, if one was.
    pub fn plan(&self, day: Date) -> Option<Option<&str>> {
        self.plans.get(&day).map(Option::as_deref)
    }

    /// Whether an order keeps the bell from ringing then.
    pub fn silence(&self, bell: &str, at: Timestamp) -> bool {
        let is_paused = |until: &Option<Timestamp>| until.is_none_or(|until| at < until);
        self.pauses.get(bell).is_some_and(is_paused) || self.skips.contains(&(bell.to_owned(), at))
    }

    /// Forgets what lies before that day and time.
    pub fn forget_before(&mut self, at: Timestamp, day: Date) {
        self.skips.retain(|(_, skipped)| *skipped >= at);
        self.pauses
            .retain(|_, until| until.is_none_or(|until| until >= at));
        self.plans.retain(|of, _| *of >= day);
    }

    /// One order a line, as `parse` reads it.
    pub fn to_text(&self) -> String {
        let skips = self
            .skips
            .iter()
            .map(|(bell, at)| format!("skip {at} {bell}\n"));
        let pauses = self.pauses.iter().map(|(bell, until)| match until {
            Some(until) => format!("pause {until} {bell}\n"),
            None => format!("pause - {bell}\n"),
        });
        let plans = self.plans.iter().map(|(day, plan)| {
            let plan = plan.as_deref().unwrap_or("-");
            format!("plan {day} {plan}\n")
        });
        skips.chain(pauses).chain(plans).collect()
    }

    /// Reads what `to_text` wrote; a line that is none of it is the error.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut orders = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            orders.line(line).ok_or_else(|| line.to_owned())?;
        }
        Ok(orders)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let mut words = line.splitn(3, ' ');
        let (what, when, name) = (words.next()?, words.next()?, words.next()?);
        match what {
            "skip" => self.skip(name, when.parse().ok()?),
            "pause" if when == "-" => self.pause(name, None),
            "pause" => self.pause(name, Some(when.parse().ok()?)),
            "plan" => self.set_plan(when.parse().ok()?, Some(name).filter(|name| *name != "-")),
            _ => return None,
        }
        Some(())
    }
}

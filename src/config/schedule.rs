//! What is set for one bell, and how do `[schedule:NAME]` and `[plan:NAME]` become bells?

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::tz::TimeZone;

use crate::bells::{Days, Missed, Plans, When};
use crate::config::keys::{self, Row};
use crate::config::load::Loading;
use crate::config::model::Config;
use crate::config::near::remedy;
use crate::config::place::{Mistake, Place, Remark};
use crate::config::zone;

/// One `[schedule:NAME]`: a sound that is played by the calendar.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// NAME of the section; without blanks.
    pub name: String,
    /// Its days and times; always there once everything is read.
    pub when: Option<When>,
    pub play: Chime,
    /// What is spoken instead.
    pub say: Option<String>,
    /// Names of zones; none stands for all.
    pub zones: Vec<String>,
    /// 200 and above is emergency.
    pub priority: u8,
    /// The days without it.
    pub except: Vec<Days>,
    /// `None` is that of the system.
    pub timezone: Option<TimeZone>,
    pub plan: Plans,
    pub missed: Missed,
}

/// What a bell sounds like.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chime {
    /// As the klaxon of `[audio]`.
    Klaxon,
    /// A sound file; not looked for yet.
    File(PathBuf),
    /// A text that is spoken.
    Words(String),
}

/// One `[plan:NAME]`: the days on which other bells ring.
#[derive(Clone, Debug, PartialEq)]
pub struct DayPlan {
    /// NAME of the section; without blanks, and neither `all` nor `usual`.
    pub name: String,
    pub days: Vec<Days>,
}

impl Schedule {
    /// The section it stands in.
    pub fn section(&self) -> String {
        format!("{SCHEDULE}{}", self.name)
    }

    /// What it sounds like in the end.
    pub fn chime(&self) -> Chime {
        let words = self.say.clone().map(Chime::Words);
        words.unwrap_or_else(|| self.play.clone())
    }

    fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            when: None,
            play: Chime::Klaxon,
            say: None,
            zones: Vec::new(),
            priority: 0,
            except: Vec::new(),
            timezone: None,
            plan: Plans::Usual,
            missed: Missed::Skip,
        }
    }
}

impl DayPlan {
    /// The section it stands in.
    pub fn section(&self) -> String {
        format!("{PLAN}{}", self.name)
    }

    fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            days: Vec::new(),
        }
    }
}

/// What the section of a bell begins with.
pub(super) const SCHEDULE: &str = "schedule:";

/// What the section of a plan begins with.
pub(super) const PLAN: &str = "plan:";

/// Reads them all; the zones have been read before.
pub(super) fn read(loading: &mut Loading, config: &mut Config) {
    for (section, place) in sections(loading, PLAN) {
        let n_mistakes = loading.mistakes.len();
        let blank = DayPlan::blank(&section[PLAN.len()..]);
        let plan = filled(loading, config, &section, keys::of_plan(), blank);
        let text = if !zone::is_plain(&plan.name) || matches!(plan.name.as_str(), "all" | "usual") {
            "needs a name after the colon, without blanks, and neither all nor usual; write e.g. \
             [plan:exam]"
        } else if plan.days.is_empty() && loading.mistakes.len() == n_mistakes {
            "has no days; write e.g. days = 2026-06-08..2026-06-12 exams.ics"
        } else {
            config.plans.push(plan);
            continue;
        };
        complain(loading, &section, place, text);
    }
    for (section, place) in sections(loading, SCHEDULE) {
        let n_mistakes = loading.mistakes.len();
        let blank = Schedule::blank(&section[SCHEDULE.len()..]);
        let bell = filled(loading, config, &section, keys::of_schedule(), blank);
        let text = if !zone::is_plain(&bell.name) {
            "needs a name after the colon, without blanks; write e.g. [schedule:lunch]"
        } else if bell.when.is_none() && loading.mistakes.len() == n_mistakes {
            "has no time; write e.g. when = Mon-Fri 08:30 into it"
        } else {
            names(loading, config, &bell);
            one_sound(loading, config, &bell);
            config.bells.push(bell);
            continue;
        };
        complain(loading, &section, place, text);
    }
}

/// What a bell names must be there.
fn names(loading: &mut Loading, config: &Config, bell: &Schedule) {
    let section = bell.section();
    zone::must_exist(loading, config, &section, "zones", &bell.zones);
    let Plans::Named(named) = &bell.plan else {
        return;
    };
    let plans: BTreeSet<&str> = config.plans.iter().map(|plan| plan.name.as_str()).collect();
    for plan in named.iter().filter(|plan| !plans.contains(plan.as_str())) {
        let remedy = remedy(plan, plans.iter().copied(), PLAN);
        let text = format!("there is no plan \"{plan}\"; {remedy}");
        loading
            .mistakes
            .push(config.mistake(&section, "plan", text));
    }
}

/// What rings is a sound or a text.
fn one_sound(loading: &mut Loading, config: &Config, bell: &Schedule) {
    let section = bell.section();
    if bell.say.is_some() && bell.play != Chime::Klaxon {
        let text = "there is something to play too; remove one of them";
        loading.mistakes.push(config.mistake(&section, "say", text));
    }
}

fn filled<T: 'static>(
    loading: &mut Loading,
    config: &mut Config,
    section: &str,
    rows: impl Iterator<Item = &'static Row<T>>,
    mut into: T,
) -> T {
    for row in rows {
        let value = loading.value(section, &row.key);
        let set = |text: &str, remarks: &mut Vec<String>| row.set(&mut into, text, remarks);
        if let Some(written) = loading.apply(section, &row.key, value, set) {
            let at = (section.to_owned(), row.key.name.to_owned());
            config.places.insert(at, written);
        }
    }
    into
}

fn sections(loading: &Loading, kind: &str) -> Vec<(String, Place)> {
    let all = loading.layers.sections();
    let of_kind = all.filter(|(section, _)| section.starts_with(kind));
    of_kind
        .map(|(section, place)| (section.to_owned(), place.clone()))
        .collect()
}

fn complain(loading: &mut Loading, section: &str, place: Place, text: &str) {
    loading.mistakes.push(Mistake(Remark {
        place: Some(place),
        subject: format!("[{section}]"),
        text: text.to_owned(),
    }));
}

//! What do bells need from the configuration and from other files?

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::base::Pcm;
use crate::bells::{Bell, Calendar, Days, Plan, TimeZones, Timetable};
use crate::config::{Chime, Config, Mistake, Schedule};
use crate::daemon::speech::Spoken;
use crate::sounds;

/// The sounds of all bells that have one of their own, each decoded once.
pub(super) type Chimes = BTreeMap<Chime, Arc<Pcm>>;

/// Everything that is wrong with the files that bells and plans name.
pub(in crate::daemon) fn mistakes(config: &Config) -> Vec<Mistake> {
    let calendars = timetable(config).err().unwrap_or_default();
    let chimes = chimes(config, &Spoken::default()).err().unwrap_or_default();
    calendars.into_iter().chain(chimes).collect()
}

/// When what rings.
///
/// # Errors
/// Calendars that are not there or cannot be understood, each told with the line that names it.
pub(super) fn timetable(config: &Config) -> Result<Timetable, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut calendars = BTreeMap::new();
    let of_bells = config
        .bells
        .iter()
        .map(|it| (it.section(), "except", &it.except));
    let of_plans = config
        .plans
        .iter()
        .map(|it| (it.section(), "days", &it.days));
    for (section, key, days) in of_bells.chain(of_plans) {
        for path in days.iter().filter_map(Days::calendar) {
            if calendars.contains_key(path) {
                continue;
            }
            match calendar(path) {
                Ok(calendar) => {
                    calendars.insert(path.to_owned(), calendar);
                }
                Err(why) => mistakes.push(config.mistake(&section, key, why)),
            }
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let system = TimeZone::system();
    let plan = |plan: &crate::config::DayPlan| Plan {
        name: plan.name.clone(),
        days: plan.days.clone(),
    };
    Ok(Timetable {
        bells: config
            .bells
            .iter()
            .filter_map(|it| bell(it, &system))
            .collect(),
        plans: config.plans.iter().map(plan).collect(),
        calendars,
    })
}

/// The sounds of all bells that have one of their own.
///
/// # Errors
/// Files that are not there or are no sound, and bells without a klaxon to play.
pub(super) fn chimes(config: &Config, spoken: &Spoken) -> Result<Chimes, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut chimes = Chimes::new();
    for bell in &config.bells {
        let chime = bell.chime();
        match &chime {
            Chime::Klaxon if config.audio.klaxon.is_none() => {
                let section = bell.section();
                // Where nothing is set there is no line to name.
                let is_set = config.place(&section, "play").is_some();
                let key = if is_set { "play" } else { "when" };
                let text = "there is no klaxon to play; write play = FILE here, or klaxon = FILE \
                            into [audio]";
                mistakes.push(config.mistake(&section, key, text));
            }
            Chime::Klaxon => {}
            Chime::Words(text) => {
                let pcm = spoken.of(text).cloned();
                chimes.extend(pcm.map(|pcm| (chime, pcm)));
            }
            Chime::File(_) if chimes.contains_key(&chime) => {}
            Chime::File(path) => match sounds::load(path) {
                Ok(pcm) => {
                    chimes.insert(chime, Arc::new(pcm));
                }
                Err(why) => {
                    let text = format!("{why}; put a sound file there, or correct its name");
                    mistakes.push(config.mistake(&bell.section(), "play", text));
                }
            },
        }
    }
    if mistakes.is_empty() {
        Ok(chimes)
    } else {
        Err(mistakes)
    }
}

fn bell(from: &Schedule, system: &TimeZone) -> Option<Bell> {
    Some(Bell {
        name: from.name.clone(),
        when: from.when.clone()?,
        zone: from.timezone.clone().unwrap_or_else(|| system.clone()),
        except: from.except.clone(),
        plans: from.plan.clone(),
        missed: from.missed,
    })
}

fn calendar(path: &Path) -> Result<Calendar, String> {
    let shown = path.display();
    let unreadable = |why: std::io::Error| {
        format!("{shown}: {why}; put the calendar there, or correct its name")
    };
    // Looked at before it is opened: opening a pipe would wait for its writer for ever.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(format!(
            "{shown} is not a regular file; name an iCalendar file"
        ));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let zones = TimeZones::new(|name| TimeZone::get(name).ok());
    Calendar::parse(&String::from_utf8_lossy(&bytes), &zones)
        .map_err(|fault| format!("{shown}:{}: {}", fault.line, fault.text))
}

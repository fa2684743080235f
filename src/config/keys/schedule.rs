//! Which keys do `[schedule:NAME]` and `[plan:NAME]` have?

use crate::config::form;
use crate::config::keys::{Row, row};
use crate::config::schedule::{DayPlan, Schedule};

const TIMES: &str = "When a bell rings";
const SOUND: &str = "What a bell sounds like, and where";

/// Beside the table: no bell is there unless written.
pub(in crate::config) const KEYS: &[Row<Schedule>] = &[
    row!(
        "schedule",
        TIMES,
        "when",
        Bells,
        when,
        form::WHEN,
        "",
        "Mon-Fri 08:30 10:15, daily 12:00, 2026-12-24 11:00, several rules in one line or in\n\
         several; or the five fields of cron: 30 8 * * 1-5. Seconds as in 08:30:15."
    ),
    row!(
        "schedule",
        TIMES,
        "timezone",
        Bells,
        timezone,
        form::TIMEZONE,
        "",
        "Whose clock counts, as Europe/Berlin; that of this machine unless set."
    ),
    row!(
        "schedule",
        TIMES,
        "except",
        Bells,
        except,
        form::DAYS,
        "",
        "The days without it: 2026-12-24, 2026-12-21..2027-01-06, each year's 12-25 and\n\
         12-24..01-01, easter-2, easter+1, Sat, and iCalendar files: holidays.ics."
    ),
    row!(
        "schedule",
        TIMES,
        "plan",
        Bells,
        plan,
        form::PLANS,
        "usual",
        "On which days: of the plans named here, each a section [plan:NAME]; usual: on days that\n\
         no plan claims; all: on every day."
    ),
    row!(
        "schedule",
        TIMES,
        "missed",
        Bells,
        missed,
        form::MISSED,
        "ring-within 60.0s",
        "What if its time passes while the machine is off: skip, or ring-within 5m, late but not\n\
         later than that."
    ),
    row!(
        "schedule",
        SOUND,
        "play",
        Bells,
        play,
        form::CHIME,
        "klaxon",
        "A sound file, or klaxon for that of [audio]."
    ),
    row!(
        "schedule",
        SOUND,
        "say",
        Bells,
        say,
        form::OPTIONAL_TEXT,
        "",
        "In place of play: a text that is spoken, by the speech-command of [audio]."
    ),
    row!(
        "schedule",
        SOUND,
        "zones",
        Bells,
        zones,
        form::ZONE_NAMES,
        "all",
        "The zones that hear it, or all."
    ),
    row!(
        "schedule",
        SOUND,
        "priority",
        Bells,
        priority,
        form::PRIORITY,
        "100",
        "From 0 to 255: what is higher takes its zones from what is lower, and what is lower or\n\
         equal waits; 200 and above is emergency."
    ),
];

/// The keys of a plan of the day.
pub(in crate::config) const PLAN_KEYS: &[Row<DayPlan>] = &[row!(
    "plan",
    TIMES,
    "days",
    Bells,
    days,
    form::DAYS,
    "",
    "The days that it claims, written as in except; when several claim a day, the first by name\n\
     has it."
)];

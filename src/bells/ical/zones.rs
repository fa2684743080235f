//! Which time zone does a calendar mean by a name?

use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;

/// Looks names of the IANA database up; given by who may read it.
#[derive(Clone)]
pub struct TimeZones(Arc<LookUp>);

type LookUp = dyn Fn(&str) -> Option<TimeZone> + Send + Sync;

impl TimeZones {
    /// `look_up` gives the zone of an IANA name.
    pub fn new(look_up: impl Fn(&str) -> Option<TimeZone> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look_up))
    }

    /// Also understands names with a path before them, and those that Outlook writes.
    pub(super) fn find(&self, tzid: &str) -> Option<TimeZone> {
        let tails = tzid
            .char_indices()
            .filter(|(_, c)| *c == '/')
            .map(|(at, _)| &tzid[at + 1..]);
        let mut names = std::iter::once(tzid)
            .chain(tails.filter(|tail| tail.contains('/')))
            .chain(of_windows(tzid));
        names.find_map(|name| (self.0)(name))
    }
}

impl fmt::Debug for TimeZones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TimeZones")
    }
}

/// The zones of Windows where most of its users live, as CLDR maps them.
fn of_windows(name: &str) -> Option<&'static str> {
    let row = WINDOWS.iter().find(|(windows, _)| *windows == name);
    row.map(|(_, iana)| *iana)
}

const WINDOWS: &[(&str, &str)] = &[
    ("W. Europe Standard Time", "Europe/Berlin"),
    ("Central Europe Standard Time", "Europe/Budapest"),
    ("Central European Standard Time", "Europe/Warsaw"),
    ("Romance Standard Time", "Europe/Paris"),
    ("GMT Standard Time", "Europe/London"),
    ("Greenwich Standard Time", "Atlantic/Reykjavik"),
    ("E. Europe Standard Time", "Europe/Chisinau"),
    ("FLE Standard Time", "Europe/Kiev"),
    ("GTB Standard Time", "Europe/Bucharest"),
    ("Turkey Standard Time", "Europe/Istanbul"),
    ("Russian Standard Time", "Europe/Moscow"),
    ("Israel Standard Time", "Asia/Jerusalem"),
    ("South Africa Standard Time", "Africa/Johannesburg"),
    ("Arabian Standard Time", "Asia/Dubai"),
    ("India Standard Time", "Asia/Kolkata"),
    ("SE Asia Standard Time", "Asia/Bangkok"),
    ("China Standard Time", "Asia/Shanghai"),
    ("Singapore Standard Time", "Asia/Singapore"),
    ("Tokyo Standard Time", "Asia/Tokyo"),
    ("Korea Standard Time", "Asia/Seoul"),
    ("AUS Eastern Standard Time", "Australia/Sydney"),
    ("E. Australia Standard Time", "Australia/Brisbane"),
    ("W. Australia Standard Time", "Australia/Perth"),
    ("New Zealand Standard Time", "Pacific/Auckland"),
    ("Eastern Standard Time", "America/New_York"),
    ("Central Standard Time", "America/Chicago"),
    ("Mountain Standard Time", "America/Denver"),
    ("US Mountain Standard Time", "America/Phoenix"),
    ("Pacific Standard Time", "America/Los_Angeles"),
    ("Alaskan Standard Time", "America/Anchorage"),
    ("Hawaiian Standard Time", "Pacific/Honolulu"),
    ("Atlantic Standard Time", "America/Halifax"),
    ("E. South America Standard Time", "America/Sao_Paulo"),
    ("Argentina Standard Time", "America/Buenos_Aires"),
];

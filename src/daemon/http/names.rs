//! By which texts do programs know calls, pages and moments?

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::api;
use crate::base::CallId;
use crate::page::PageId;

/// Ids hold the second in which the daemon started, so that none is given by two runs.
#[derive(Debug)]
pub(in crate::daemon) struct Names {
    run: i64,
    /// The same moment by both clocks.
    anchor: (Instant, Timestamp),
}

impl Names {
    pub(super) fn new(now: Instant, wall: Timestamp) -> Self {
        Self {
            run: wall.as_second().max(0),
            anchor: (now, wall),
        }
    }

    pub(in crate::daemon) fn call(&self, id: CallId) -> String {
        format!("c{:x}-{}", self.run, id.0)
    }

    pub(in crate::daemon) fn page(&self, id: PageId) -> String {
        format!("p{:x}-{}", self.run, id.0)
    }

    pub(in crate::daemon) fn call_of(&self, text: &str) -> Option<CallId> {
        self.number(text, 'c').map(CallId)
    }

    pub(in crate::daemon) fn page_of(&self, text: &str) -> Option<PageId> {
        self.number(text, 'p').map(PageId)
    }

    /// Only what is written as we write it, since ids are compared as texts.
    fn number(&self, text: &str, kind: char) -> Option<u64> {
        let number = text.rsplit_once('-')?.1.parse().ok()?;
        (text == format!("{kind}{:x}-{number}", self.run)).then_some(number)
    }

    /// Somebody may have set the clock on the wall.
    pub(super) fn follow(&mut self, now: Instant, wall: Timestamp) {
        let drift = self.at(now).duration_since(wall).abs();
        if drift > SignedDuration::from_secs(1) {
            self.anchor = (now, wall);
        }
    }

    /// RFC 3339.
    pub(in crate::daemon) fn time(&self, at: Instant) -> String {
        api::written(self.at(at))
    }

    fn at(&self, at: Instant) -> Timestamp {
        let (moment, wall) = self.anchor;
        let span = |span: Duration| SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
        let told = match at.checked_duration_since(moment) {
            Some(later) => wall.checked_add(span(later)),
            None => wall.checked_sub(span(moment.duration_since(at))),
        };
        told.unwrap_or(wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written_and_those_of_other_runs_are_strange() {
        let now = Instant::now();
        let wall = Timestamp::from_second(0x6741_2f3a).unwrap();
        let names = Names::new(now, wall);
        assert_eq!(names.call(CallId(17)), "c67412f3a-17");
        assert_eq!(names.call_of("c67412f3a-17"), Some(CallId(17)));
        assert_eq!(names.page_of("p67412f3a-4"), Some(PageId(4)));
        for strange in [
            "p67412f3a-17",
            "c67412f3b-17",
            "c67412f3a-+17",
            "c67412f3a-017",
            "17",
            "",
        ] {
            assert_eq!(names.call_of(strange), None, "{strange}");
        }
    }

    #[test]
    fn moments_stay_where_they_are_until_the_clock_is_set() {
        let now = Instant::now();
        let wall = Timestamp::from_second(1_763_730_000).unwrap();
        let mut names = Names::new(now, wall);
        let later = now + Duration::from_millis(1_500);
        assert_eq!(names.time(later), "2025-11-21T13:00:01.500Z");
        names.follow(later, wall + SignedDuration::from_millis(1_900));
        assert_eq!(names.time(later), "2025-11-21T13:00:01.500Z");
        names.follow(later, wall + SignedDuration::from_secs(3_601));
        assert_eq!(names.time(later), "2025-11-21T14:00:01.000Z");
        assert_eq!(names.time(now), "2025-11-21T13:59:59.500Z");
    }
}

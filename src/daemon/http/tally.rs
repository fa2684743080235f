//! What is counted since the start?

use std::collections::BTreeMap;
use std::time::Instant;

use crate::api::{Figures, Outcome, Spread};
use crate::base::CallId;
use crate::control::{Effect, Input};
use crate::media::Report;

/// Calls by result, pages by outcome, and how long things took.
#[derive(Debug)]
pub(in crate::daemon) struct Tally {
    started_at: Instant,
    calls: BTreeMap<&'static str, u64>,
    pages: BTreeMap<&'static str, u64>,
    bells: BTreeMap<&'static str, u64>,
    /// Calls that are not over: when they came, and whether they were answered.
    open: BTreeMap<CallId, (Instant, bool)>,
    set_up: Spread,
    delay: Spread,
    jitter: Spread,
    received: u64,
    lost: u64,
    late: u64,
    concealed: u64,
}

impl Tally {
    pub(super) fn new(now: Instant) -> Self {
        let zero = |names: &[&'static str]| names.iter().map(|it| (*it, 0)).collect();
        Self {
            started_at: now,
            calls: zero(&CALLS),
            pages: zero(&PAGES),
            bells: zero(&PAGES),
            open: BTreeMap::new(),
            set_up: Spread::default(),
            delay: Spread::default(),
            jitter: Spread::default(),
            received: 0,
            lost: 0,
            late: 0,
            concealed: 0,
        }
    }

    /// Something is told to the core.
    pub(in crate::daemon) fn input(&mut self, input: &Input, now: Instant) {
        if let Input::CallArrived { call, .. } = input {
            self.open.insert(*call, (now, false));
        }
        if let Input::CallAnswered { call } = input
            && let Some((_, answered)) = self.open.get_mut(call)
        {
            *answered = true;
        }
        if let Input::CallRefused { call, status, .. } = input
            && self.open.remove(call).is_some()
        {
            self.call_over(refused(*status));
        }
        if let Input::CallEnded { call, .. } = input
            && let Some((_, answered)) = self.open.remove(call)
        {
            self.call_over(if answered { ANSWERED } else { GIVEN_UP });
        }
    }

    /// The core has decided something.
    pub(in crate::daemon) fn effect(&mut self, effect: &Effect, now: Instant) {
        if let Effect::Answer { call } | Effect::Welcome { call, .. } | Effect::Hold { call, .. } =
            effect
            && let Some((came_at, answered)) = self.open.get_mut(call)
        {
            *answered = true;
            self.set_up.add(now.saturating_duration_since(*came_at));
        }
        if let Effect::Dial { call, .. } = effect {
            self.open.insert(*call, (now, false));
        }
        if let Effect::HangUp { call, .. } = effect
            && let Some((_, answered)) = self.open.remove(call)
        {
            self.call_over(if answered { ANSWERED } else { GIVEN_UP });
        }
        if let Effect::Refuse { call, why } = effect
            && self.open.remove(call).is_some()
        {
            self.call_over(refused(why.status()));
        }
    }

    /// How a caller's sound arrived.
    pub(in crate::daemon) fn report(&mut self, report: &Report) {
        self.received += report.received;
        self.lost += report.lost;
        self.late += report.late;
        self.concealed += report.concealed;
        if report.received > 0 {
            self.delay.add(report.delay);
            self.jitter.add(report.jitter);
        }
    }

    /// A page is over, which may be a bell.
    pub(super) fn page_over(&mut self, outcome: Outcome, is_bell: bool) {
        let name = match outcome {
            Outcome::Heard => PAGES[0],
            Outcome::PartlyHeard => PAGES[1],
            Outcome::NotHeard => PAGES[2],
            Outcome::Cancelled => PAGES[3],
            Outcome::Expired => PAGES[4],
            Outcome::Refused => PAGES[5],
        };
        *self.pages.entry(name).or_default() += 1;
        if is_bell {
            *self.bells.entry(name).or_default() += 1;
        }
    }

    /// What it knows; the rest is left at zero.
    pub(super) fn figures(&self, now: Instant) -> Figures {
        let list = |counted: &BTreeMap<&'static str, u64>| {
            counted
                .iter()
                .map(|(name, n)| ((*name).to_owned(), *n))
                .collect()
        };
        Figures {
            uptime_s: now.saturating_duration_since(self.started_at).as_secs_f64(),
            calls: list(&self.calls),
            pages: list(&self.pages),
            bells: list(&self.bells),
            set_up: self.set_up.clone(),
            delay: self.delay.clone(),
            jitter: self.jitter.clone(),
            packets: vec![
                ("received", self.received),
                ("lost", self.lost),
                ("late", self.late),
            ],
            concealed_frames: self.concealed,
            ..Figures::default()
        }
    }

    fn call_over(&mut self, result: &'static str) {
        *self.calls.entry(result).or_default() += 1;
    }
}

/// By the SIP status.
fn refused(status: u16) -> &'static str {
    match status {
        404 => NOT_FOUND,
        403 => FORBIDDEN,
        486 | 600 => BUSY,
        _ => UNAVAILABLE,
    }
}

const ANSWERED: &str = "answered";
const GIVEN_UP: &str = "given-up";
const BUSY: &str = "busy";
const FORBIDDEN: &str = "forbidden";
const NOT_FOUND: &str = "not-found";
const UNAVAILABLE: &str = "unavailable";

const CALLS: [&str; 6] = [ANSWERED, GIVEN_UP, BUSY, FORBIDDEN, NOT_FOUND, UNAVAILABLE];
const PAGES: [&str; 6] = [
    "heard",
    "partly-heard",
    "not-heard",
    "cancelled",
    "expired",
    "refused",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Refusal;
    use crate::page::Wish;
    use std::time::Duration;

    fn arrived(call: CallId) -> Input {
        Input::CallArrived {
            call,
            caller: String::new(),
            dialled: String::new(),
            wish: Wish::default(),
            auto_answer: false,
        }
    }

    #[test]
    fn each_call_is_counted_once_by_what_became_of_it() {
        let now = Instant::now();
        let later = now + Duration::from_millis(30);
        let mut tally = Tally::new(now);
        let over = |call| Input::CallEnded {
            call,
            how: String::new(),
        };
        for number in 0..4 {
            tally.input(&arrived(CallId(number)), now);
        }
        for number in 0..2 {
            tally.effect(
                &Effect::Answer {
                    call: CallId(number),
                },
                later,
            );
        }
        tally.input(&over(CallId(0)), later);
        let (call, why) = (CallId(1), "limit".to_owned());
        tally.effect(&Effect::HangUp { call, why }, later);
        tally.input(&over(CallId(1)), later);
        tally.input(&over(CallId(2)), later);
        let (call, why) = (CallId(3), Refusal::Busy);
        tally.effect(&Effect::Refuse { call, why }, later);
        let figures = tally.figures(later);
        let n = |name: &str| figures.calls.iter().find(|it| it.0 == name).unwrap().1;
        assert_eq!((n("answered"), n("given-up"), n("busy")), (2, 1, 1));
        assert_eq!((figures.set_up.n, figures.set_up.within[5]), (2, 2));
        assert!(tally.open.is_empty());
    }

    #[test]
    fn calls_that_are_dialled_count_too_and_bells_are_pages() {
        let now = Instant::now();
        let mut tally = Tally::new(now);
        for number in 0..3 {
            let dial = Effect::Dial {
                call: CallId(number),
                desk: "relay:office".to_owned(),
                number: "101".to_owned(),
                tone: None,
            };
            tally.effect(&dial, now);
        }
        tally.input(&Input::CallAnswered { call: CallId(0) }, now);
        let refused = Input::CallRefused {
            call: CallId(1),
            status: 404,
            reason: "Not Found".to_owned(),
        };
        tally.input(&refused, now);
        for number in [0, 2] {
            let (call, why) = (CallId(number), String::new());
            tally.effect(&Effect::HangUp { call, why }, now);
        }
        tally.page_over(Outcome::Heard, true);
        tally.page_over(Outcome::Heard, false);
        let figures = tally.figures(now);
        let n = |all: &[(String, u64)], name: &str| all.iter().find(|it| it.0 == name).unwrap().1;
        let calls = |name| n(&figures.calls, name);
        assert_eq!(
            (calls(ANSWERED), calls(NOT_FOUND), calls(GIVEN_UP)),
            (1, 1, 1)
        );
        assert_eq!(
            (n(&figures.pages, "heard"), n(&figures.bells, "heard")),
            (2, 1)
        );
        assert!(tally.open.is_empty());
    }

    #[test]
    fn what_came_of_the_sound_of_calls_is_summed_up() {
        let mut tally = Tally::new(Instant::now());
        let ms = Duration::from_millis;
        let report = Report {
            received: 100,
            lost: 2,
            late: 1,
            concealed: 480,
            delay: ms(30),
            jitter: ms(4),
            ..Report::default()
        };
        tally.report(&report);
        tally.report(&report);
        tally.report(&Report::default());
        let figures = tally.figures(Instant::now());
        let wanted = [("received", 200), ("lost", 4), ("late", 2)];
        assert_eq!(figures.packets, wanted);
        assert_eq!((figures.concealed_frames, figures.delay.n), (960, 2));
        assert_eq!((figures.jitter.within[1], figures.jitter.within[2]), (0, 2));
    }
}

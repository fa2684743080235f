//! What comes of an order: a page, its stop, or the end of a call, asked for by one of the users?

use std::time::{Duration, Instant};

use super::changes::Change;
use super::desk::Origin;
use super::rights::{Denied, Rights};
use super::speech::Speech;
use super::words::Start;
use super::{Core, Effect, Pattern, Refusal};
use crate::base::{CallId, ZoneSet};
use crate::page::{PageId, Priority};

/// Something that somebody asks for who is not on the phone; `Effect::Ordered` answers it.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// By which the answer is known.
    pub id: OrderId,
    pub by: Rights,
    pub what: Demand,
}

/// One order; counted up by whoever takes them in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub u64);

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Demand {
    /// Play a sound as a page of its own.
    Page(Box<Start>),
    /// The same with a sound that was made for it alone, and is forgotten with it.
    PageOnce(Box<Start>),
    /// Speak a page.
    Speak(Box<Speech>),
    /// End a page at once, whoever speaks.
    Stop(PageId),
    /// End a call, whoever waits or speaks.
    HangUp(CallId),
    /// Call a number for a program.
    Dial {
        call: CallId,
        from: Origin,
        number: String,
    },
    /// Answer a call that waits for a program.
    Answer(CallId),
    /// Press keys at the other side of a held call.
    Press(CallId, String),
    /// Talk with a held call, whoever has it; `Input::DriverJoined` follows if it is allowed.
    Join(CallId),
    /// Ring the telephone of a line.
    Ring {
        call: CallId,
        desk: String,
        /// As usual without one.
        pattern: Option<Pattern>,
        span: Duration,
    },
    /// Let the telephone of a line ring no more.
    Silence(String),
    /// Change something else.
    Change(Box<Change>),
}

impl Demand {
    /// The call that it begins for whoever asks.
    pub fn call(&self) -> Option<CallId> {
        let Self::Dial {
            call,
            from: Origin::Desk(_),
            ..
        } = self
        else {
            return None;
        };
        Some(*call)
    }
}

impl Core {
    pub(super) fn order(&mut self, order: Order, now: Instant) {
        let answer = match order.what {
            Demand::Page(start) => self.order_page(*start, &order.by, now),
            Demand::PageOnce(start) => self.order_page_once(*start, &order.by, now),
            Demand::Speak(speech) => self.order_speech(*speech, &order.by, now),
            Demand::Stop(page) => self.order_stop(page, &order.by, now),
            Demand::HangUp(call) => self.order_hang_up(call, &order.by, now),
            Demand::Dial { call, from, number } => {
                self.order_dial(call, from, number, &order.by, now)
            }
            Demand::Answer(call) => self.order_answer(call, &order.by, now),
            Demand::Press(call, keys) => self.order_press(call, keys, &order.by, now),
            Demand::Join(call) => self.order_join(call, &order.by),
            Demand::Ring {
                call,
                desk,
                pattern,
                span,
            } => self.order_ring(call, (&desk, pattern), span, &order.by, now),
            Demand::Silence(desk) => self.order_silence(&desk, &order.by, now),
            Demand::Change(change) => self.order_change(*change, &order.by).map(|()| None),
        };
        let id = order.id;
        self.effects.push_back(Effect::Ordered { id, answer });
    }

    fn order_page(
        &mut self,
        start: Start,
        by: &Rights,
        now: Instant,
    ) -> Result<Option<PageId>, Denied> {
        by.allow(start.priority, &start.zones)?;
        self.has_room(start.priority)?;
        let page = self.start_page(start, now);
        self.follow_pages(now);
        if !self.records.contains_key(&page) {
            return Err(Denied::Busy);
        }
        Ok(Some(page))
    }

    fn order_page_once(
        &mut self,
        start: Start,
        by: &Rights,
        now: Instant,
    ) -> Result<Option<PageId>, Denied> {
        let clip = start.clip;
        if !self.has_room_for(clip) {
            self.forget(clip);
            return Err(Denied::TooMany);
        }
        let answer = self.order_page(start, by, now);
        match answer {
            Ok(Some(page)) => self.hold(page, clip),
            Ok(None) | Err(_) => self.forget(clip),
        }
        answer
    }

    /// Whether one more page could be heard.
    pub(super) fn has_room(&self, priority: Priority) -> Result<(), Denied> {
        if self.stopping {
            return Err(Denied::ShuttingDown);
        }
        if !self.health.has_sound() {
            return Err(Denied::NoSound);
        }
        if self.records.len() >= MOST_PAGES && !priority.is_emergency() {
            return Err(Denied::TooMany);
        }
        Ok(())
    }

    fn order_stop(
        &mut self,
        page: PageId,
        by: &Rights,
        now: Instant,
    ) -> Result<Option<PageId>, Denied> {
        by.allow(Priority::LOWEST, &ZoneSet::EMPTY)?;
        let record = self.records.get(&page).ok_or(Denied::Gone)?;
        by.allow(record.priority(), &self.pages.wanted_by(page))?;
        self.cancel_page(page, now);
        Ok(None)
    }

    fn order_hang_up(
        &mut self,
        call: CallId,
        by: &Rights,
        now: Instant,
    ) -> Result<Option<PageId>, Denied> {
        by.allow(Priority::LOWEST, &ZoneSet::EMPTY)?;
        let reason = format!("ended by a user with the role {}", by.role);
        if self.drop_held(call, &reason, now) {
            return Ok(None);
        }
        let page = self.calls.get(&call).ok_or(Denied::Gone)?.page;
        if let Some(record) = self.records.get(&page) {
            by.allow(record.priority(), &self.pages.wanted_by(page))?;
        }
        if self
            .records
            .get(&page)
            .is_some_and(|it| it.call == Some(call))
        {
            self.cut(page);
        }
        self.turn_away(call, Refusal::Busy, &reason, now);
        Ok(None)
    }

    fn order_dial(
        &mut self,
        call: CallId,
        from: Origin,
        number: String,
        by: &Rights,
        now: Instant,
    ) -> Result<Option<PageId>, Denied> {
        by.allow(Priority::LOWEST, &ZoneSet::EMPTY)?;
        if self.stopping {
            return Err(Denied::ShuttingDown);
        }
        self.dial_held(call, from, number, now).map(|()| None)
    }

    fn order_answer(
        &mut self,
        call: CallId,
        by: &Rights,
        now: Instant,
    ) -> Result<Option<PageId>, Denied> {
        by.allow(Priority::LOWEST, &ZoneSet::EMPTY)?;
        self.take_held(call, now).map(|()| None)
    }

    fn order_press(
        &mut self,
        call: CallId,
        keys: String,
        by: &Rights,
        now: Instant,
    ) -> Result<Option<PageId>, Denied> {
        by.allow(Priority::LOWEST, &ZoneSet::EMPTY)?;
        self.press_held(call, keys, now).map(|()| None)
    }

    fn order_join(&self, call: CallId, by: &Rights) -> Result<Option<PageId>, Denied> {
        by.allow(Priority::LOWEST, &ZoneSet::EMPTY)?;
        self.can_join(call).map(|()| None)
    }
}

/// Whoever asks for more than this many at the same time is a program gone wrong.
const MOST_PAGES: usize = 1_000;

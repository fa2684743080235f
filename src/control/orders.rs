//! What comes of an order: a page, its stop, or the end of a call, asked for by one of the users?

use std::time::Instant;

use super::rights::{Denied, Rights};
use super::speech::Speech;
use super::words::Start;
use super::{Core, Effect, Refusal};
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
    /// Speak a page.
    Speak(Box<Speech>),
    /// End a page at once, whoever speaks.
    Stop(PageId),
    /// End a call, whoever waits or speaks.
    HangUp(CallId),
}

impl Core {
    pub(super) fn order(&mut self, order: Order, now: Instant) {
        let answer = match order.what {
            Demand::Page(start) => self.order_page(*start, &order.by, now),
            Demand::Speak(speech) => self.order_speech(*speech, &order.by, now),
            Demand::Stop(page) => self.order_stop(page, &order.by, now),
            Demand::HangUp(call) => self.order_hang_up(call, &order.by, now),
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
        let reason = format!("ended by a user with the role {}", by.role);
        self.turn_away(call, Refusal::Busy, &reason, now);
        Ok(None)
    }
}

/// Whoever asks for more than this many at the same time is a program gone wrong.
const MOST_PAGES: usize = 1_000;

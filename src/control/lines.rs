//! What do programs ask of an analog phone?
//!
//! A telephone that is picked up calls us, and one that we ring is called by us: either way there
//! is one call while it is off the hook, and none while it is on.

use std::time::{Duration, Instant};

use super::desk::{DeskKind, Party};
use super::held::Dialling;
use super::rights::{Denied, Rights};
use super::{Core, Pattern, Refusal};
use crate::base::{CallId, ZoneSet};
use crate::page::{PageId, Priority};

impl Core {
    /// Rings the telephone of a line for that long, in place of what rings there already.
    pub(super) fn order_ring(
        &mut self,
        call: CallId,
        (desk, pattern): (&str, Option<Pattern>),
        span: Duration,
        by: &Rights,
        now: Instant,
    ) -> Result<Option<PageId>, Denied> {
        by.allow(Priority::LOWEST, &ZoneSet::EMPTY)?;
        if self.stopping {
            return Err(Denied::ShuttingDown);
        }
        let desk = self.policy.desks.iter().find(|it| it.name == desk);
        let desk = desk.ok_or(Denied::Gone)?.clone();
        let DeskKind::Line { user } = &desk.kind else {
            return Err(Denied::Gone);
        };
        let number = user.clone();
        if self.held.of_desk(&desk.name).any(|(_, is_up)| is_up) {
            return Err(Denied::Busy);
        }
        self.clear_line(&desk.name, now);
        let dialling = Dialling {
            desk,
            party: Party::Desk,
            number,
            pattern,
            patience: span,
        };
        self.dial_for(call, dialling, now);
        Ok(None)
    }

    /// Stops what rings there.
    pub(super) fn order_silence(
        &mut self,
        desk: &str,
        by: &Rights,
        now: Instant,
    ) -> Result<Option<PageId>, Denied> {
        by.allow(Priority::LOWEST, &ZoneSet::EMPTY)?;
        let all: Vec<_> = self.held.of_desk(desk).collect();
        for (call, is_up) in all {
            if !is_up {
                self.part_held(call, "not to ring any more", Refusal::Busy, now);
            }
        }
        Ok(None)
    }

    /// The telephone does something else: what it did before is over, whether or not its end came.
    pub(super) fn clear_line(&mut self, desk: &str, now: Instant) {
        let all: Vec<_> = self.held.of_desk(desk).collect();
        for (call, _) in all {
            self.part_held(call, "another call of the telephone", Refusal::Busy, now);
        }
    }
}

//! What comes of a change that a user asks for: of bells, of the music, of what is kept?

use super::rights::{Denied, Rights, Role};
use super::{About, Core, Level, Note};
use crate::base::ZoneSet;
use crate::music::{Demand, Moment};
use crate::page::Priority;

/// Something that is to be otherwise from now on, and is neither a page nor a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Who asks for it, as the log names them.
    pub who: String,
    /// What is changed, such as `schedule lesson`.
    pub what: String,
    /// What becomes of it, in words.
    pub text: String,
    /// The least role that may.
    pub needs: Role,
    /// That of what is changed.
    pub priority: Priority,
    /// Where it makes a difference.
    pub zones: ZoneSet,
    /// What is wanted of the music. Everything else is done by whoever carries effects out, once
    /// it is allowed.
    pub music: Option<(Vec<Demand>, Moment)>,
}

impl Core {
    pub(super) fn order_change(&mut self, change: Change, by: &Rights) -> Result<(), Denied> {
        by.has(change.needs)?;
        by.allow(change.priority, &change.zones)?;
        if self.stopping {
            return Err(Denied::ShuttingDown);
        }
        let mut demands = change.music.iter().flat_map(|(demands, _)| demands);
        if demands.any(|demand| self.may_be(demand).is_err()) {
            return Err(Denied::Gone);
        }
        let Change {
            who,
            what,
            text,
            music,
            ..
        } = change;
        let line = format!("{what}: {text}, asked for by {who}");
        let about = About::Change { who, what };
        self.log(Some(Note::new(None, Level::Info, &line).about(about)));
        if let Some((demands, at)) = music {
            for demand in &demands {
                self.take_in_hand(demand, at);
            }
        }
        Ok(())
    }
}

//! What does a line of the log tell of, for those who count and remember?

use std::time::Duration;

use super::Recorded;
use crate::base::{CallId, ZoneSet};
use crate::page::{Outcome, PageId};

/// What a note tells; texts are for people, this is for programs.
#[derive(Clone, Debug, PartialEq)]
pub enum About {
    /// A step on the way, or a remark.
    Step,
    /// A call is over.
    Call(CallEnd),
    /// A page is over.
    Page(PageEnd),
    /// A file of a recording is whole.
    Recording(Recorded),
    /// A part of the site works again, or does so no more.
    Part { name: String, ok: bool },
    /// A user has changed something.
    Change { who: String, what: String },
}

/// Whose call it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// As a log line names the caller.
    pub caller: String,
    /// Whom they asked for.
    pub dialled: String,
}

impl Who {
    /// How a note names the call.
    pub(super) fn label(&self, call: CallId) -> String {
        format!("call {call} from {} to {}", self.caller, self.dialled)
    }

    /// What is told of the call, now that it is over.
    pub(super) fn end(&self, fate: Fate, span: Duration) -> About {
        About::Call(CallEnd {
            who: self.clone(),
            fate,
            span,
        })
    }
}

/// How a call was, now that it is over.
#[derive(Clone, Debug, PartialEq)]
pub struct CallEnd {
    pub who: Who,
    pub fate: Fate,
    /// From the answer, or from its arrival if there was none.
    pub span: Duration,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Answered,
    /// The caller gave up first.
    Unanswered,
    Refused,
}

impl Fate {
    /// As programs read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unanswered => "unanswered",
            Self::Refused => "refused",
        }
    }
}

/// How a page was, now that it is over.
#[derive(Clone, Debug, PartialEq)]
pub struct PageEnd {
    pub page: PageId,
    /// As configured, or as whoever started it named it; empty for a call without `[page:NAME]`.
    pub name: String,
    /// Who called for it; empty if nobody did.
    pub caller: String,
    /// Where it was meant to be heard.
    pub zones: ZoneSet,
    /// Those of them where it was not heard, or not all the time.
    pub missed: ZoneSet,
    pub outcome: Outcome,
    /// From its first word, or from its asking if there was none.
    pub span: Duration,
    /// Of its recording, in the folder of recordings.
    pub files: Vec<String>,
}

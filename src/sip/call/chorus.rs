//! How does a call ring at all phones of a user, and one of them get it? (RFC 3261 §16.7)
//!
//! ```text
//!  application ◄─ events ─┐       ┌─ leg, a call of its own ─► phone at the desk
//!              ─ commands ┴► here ┤
//!                                 └─ leg ───────────────────► phone in the yard
//! ```
//!
//! Each leg is a call like any other. What the legs tell comes here, and goes on in the name of
//! the one call that the application knows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::base::CallId;
use crate::sip::call::dialling;
use crate::sip::call::plan::Dial;
use crate::sip::call::reason::ELSEWHERE;
use crate::sip::event::{Event, HowEnded};
use crate::sip::hub::{Command, Hub, Input, Seat};

/// The legs, and who is told of them instead of the application.
#[derive(Default)]
pub(crate) struct Legs(Mutex<HashMap<CallId, mpsc::UnboundedSender<Event>>>);

impl Legs {
    /// Who is to be told of that call, if not the application.
    pub(crate) fn of(&self, call: CallId) -> Option<mpsc::UnboundedSender<Event>> {
        self.lock().get(&call).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CallId, mpsc::UnboundedSender<Event>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls somebody: a user of ours at all phones that it has registered.
pub(crate) fn dial(hub: &Arc<Hub>, dial: Dial) {
    let phones = match &dial.account {
        None => hub.doors.find(dial.target.trim()).unwrap_or_default(),
        Some(_) => Vec::new(),
    };
    if phones.len() < 2 {
        return dialling::start(hub, dial);
    }
    let (inbox, inputs) = mpsc::unbounded_channel();
    let (tell, heard) = mpsc::unbounded_channel();
    let seat = hub.calls.seat(dial.call, inbox);
    let mut chorus = Chorus {
        hub: hub.clone(),
        call: dial.call,
        legs: Vec::new(),
        won: None,
        rings: false,
        sounds: false,
        is_over: false,
        refusal: None,
    };
    for phone in phones {
        let leg = hub.new_call();
        hub.legs.lock().insert(leg, tell.clone());
        chorus.legs.push(leg);
        let phone = Some(phone);
        dialling::start(
            hub,
            Dial {
                call: leg,
                phone,
                ..dial.clone()
            },
        );
    }
    tokio::spawn(chorus.run(seat, inputs, heard));
}

struct Chorus {
    hub: Arc<Hub>,
    call: CallId,
    /// Those that are not over.
    legs: Vec<CallId>,
    /// The one that has answered first.
    won: Option<CallId>,
    rings: bool,
    sounds: bool,
    /// The application has heard of the end.
    is_over: bool,
    /// The best of the refusals so far.
    refusal: Option<Refusal>,
}

struct Refusal {
    status: u16,
    reason: String,
    retry_after: Option<Duration>,
}

impl Chorus {
    async fn run(
        mut self,
        _seat: Seat,
        mut inputs: mpsc::UnboundedReceiver<Input>,
        mut heard: mpsc::UnboundedReceiver<Event>,
    ) {
        while !self.legs.is_empty() {
            tokio::select! {
                Some(event) = heard.recv() => self.hear(event),
                Some(input) = inputs.recv() => if let Input::Command(command) = input {
                    self.obey(command);
                },
                else => return,
            }
        }
    }

    fn obey(&mut self, command: Command) {
        if let Some(won) = self.won {
            self.hub.calls.command(won, command);
            return;
        }
        let why = match command {
            Command::HangUp(why) => why,
            Command::Stop => "shutting down".to_owned(),
            // Nobody has answered yet.
            Command::Ringing
            | Command::EarlyMedia(_)
            | Command::Answer(_)
            | Command::Offer(_)
            | Command::Refuse(_)
            | Command::Press(..)
            | Command::AnswerOffer(_) => return,
        };
        self.hang_up_all(&why);
        self.tell_over(Event::Ended {
            call: self.call,
            how: HowEnded::ByUs,
            reason: None,
        });
    }

    fn hear(&mut self, mut event: Event) {
        let Some(of) = event.call_mut() else {
            return;
        };
        let leg = std::mem::replace(of, self.call);
        if matches!(event, Event::Ended { .. } | Event::Refused { .. }) {
            self.legs.retain(|one| *one != leg);
            self.hub.legs.lock().remove(&leg);
        }
        if self.won == Some(leg) {
            self.hub.tell(event);
        } else if self.won.is_none() && !self.is_over {
            self.hear_unanswered(leg, event);
        }
    }

    fn hear_unanswered(&mut self, leg: CallId, event: Event) {
        match event {
            Event::Ringing { .. } if !std::mem::replace(&mut self.rings, true) => {
                self.hub.tell(event);
            }
            Event::EarlyMedia { .. } if !std::mem::replace(&mut self.sounds, true) => {
                self.hub.tell(event);
            }
            Event::Answered { .. } => {
                self.won = Some(leg);
                self.hang_up_all(ELSEWHERE);
                self.hub.tell(event);
            }
            Event::Refused {
                status,
                reason,
                retry_after,
                ..
            } => self.refused(Refusal {
                status,
                reason,
                retry_after,
            }),
            Event::Ended { .. } if self.legs.is_empty() => self.tell_over(event),
            // What a second phone does, and what no call does before its answer.
            Event::Ringing { .. }
            | Event::EarlyMedia { .. }
            | Event::Ended { .. }
            | Event::Incoming { .. }
            | Event::Reached { .. }
            | Event::Confirmed { .. }
            | Event::Reoffer { .. }
            | Event::Reanswered { .. }
            | Event::Replaced { .. }
            | Event::Key { .. }
            | Event::KeyRefused { .. }
            | Event::Account { .. }
            | Event::User { .. }
            | Event::Guard(_) => {}
        }
    }

    /// One that declines for all (6xx) is believed at once; else the last one decides that it is
    /// over, and the best answer what is told.
    fn refused(&mut self, refusal: Refusal) {
        let is_for_all = refusal.status >= 600;
        let is_better = |old: &Refusal| refusal.rank() < old.rank();
        if self.refusal.as_ref().is_none_or(is_better) {
            self.refusal = Some(refusal);
        }
        if !is_for_all && !self.legs.is_empty() {
            return;
        }
        self.hang_up_all("declined");
        if let Some(best) = self.refusal.take() {
            self.tell_over(Event::Refused {
                call: self.call,
                status: best.status,
                reason: best.reason,
                retry_after: best.retry_after,
            });
        }
    }

    /// All but the one that has won.
    fn hang_up_all(&self, why: &str) {
        let others = self.legs.iter().filter(|leg| self.won != Some(**leg));
        for leg in others {
            let command = Command::HangUp(why.to_owned());
            self.hub.calls.command(*leg, command);
        }
    }

    fn tell_over(&mut self, event: Event) {
        if !std::mem::replace(&mut self.is_over, true) {
            self.hub.tell(event);
        }
    }
}

impl Refusal {
    /// RFC 3261 §16.7, step 6: a 6xx, else the lowest class.
    fn rank(&self) -> u16 {
        match self.status / 100 {
            6.. => 0,
            class => class,
        }
    }
}

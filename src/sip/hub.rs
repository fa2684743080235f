//! What do all tasks of the endpoint share?

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use rsipstack::platform::CancellationToken;
use rsipstack::sip::Response;
use rsipstack::transaction::endpoint::EndpointInnerRef;
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::{Notify, mpsc};

use crate::base::CallId;
use crate::sip::account::registrars::Registrars;
use crate::sip::call::chorus::Legs;
use crate::sip::call::dialog;
use crate::sip::call::reason::Reason;
use crate::sip::call::session_timer::SessionTimer;
use crate::sip::counts::Counters;
use crate::sip::door::doors::Doors;
use crate::sip::event::Event;
use crate::sip::finding::names::Names;
use crate::sip::finding::servers::Unwell;
use crate::sip::settings::{Caps, Settings, Timing};
use crate::sip::transact::Outcome;
use crate::sip::wire::acks::Acks;
use crate::sip::wire::stream::Streams;
use crate::sip::wire::wires::Wires;

pub(super) struct Hub {
    pub(super) stack: EndpointInnerRef,
    /// The one connection that stands for all datagrams.
    pub(super) datagrams: rsipstack::transport::SipConnection,
    pub(super) wires: Arc<Wires>,
    pub(super) streams: Streams,
    pub(super) events: mpsc::UnboundedSender<Event>,
    pub(super) timing: Timing,
    pub(super) caps: Caps,
    pub(super) manner: RwLock<Manner>,
    pub(super) calls: Calls,
    pub(super) legs: Legs,
    pub(super) acks: Arc<Acks>,
    pub(super) names: Names,
    pub(super) unwell: Mutex<Unwell>,
    pub(super) registrars: Registrars,
    pub(super) doors: Arc<Doors>,
    pub(super) counters: Arc<Counters>,
    pub(super) closing: CancellationToken,
    pub(super) stopping: AtomicBool,
    pub(super) last_call: AtomicU64,
}

/// What may change while calls go on.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    external: Option<IpAddr>,
    session_timer: SessionTimer,
}

impl Manner {
    pub(super) fn of(settings: &Settings) -> Self {
        Self {
            external: settings.external_address,
            session_timer: settings.session_timer,
        }
    }
}

impl Hub {
    /// What peers beyond a NAT shall take us for.
    pub(super) fn external(&self) -> Option<IpAddr> {
        self.manner().external
    }

    pub(super) fn session_timer(&self) -> SessionTimer {
        self.manner().session_timer
    }

    pub(super) fn set_manner(&self, manner: Manner) {
        *self.manner.write().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    fn manner(&self) -> Manner {
        *self.manner.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the application; nobody listens any more once it is stopping.
    pub(super) fn tell(&self, event: Event) {
        let told = event.call().and_then(|call| self.legs.of(call));
        let _ = told.as_ref().unwrap_or(&self.events).send(event);
    }

    pub(super) fn new_call(&self) -> CallId {
        CallId(self.last_call.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// 8 × T1: after four datagrams without an answer another server is tried, if there is one.
    pub(super) fn silent_after(&self) -> Duration {
        self.timing.t1 * 8
    }

    /// 64 × T1: after that a message counts as lost (RFC 3261 §17.1.1.2).
    pub(super) fn lost_after(&self) -> Duration {
        self.timing.t1 * 64
    }
}

/// What a call's task is told.
pub(super) enum Input {
    Command(Command),
    /// A request of the peer inside the call's dialog.
    Request(Box<Transaction>),
    /// The ACK for our 2xx to the INVITE of that number, and its body.
    Acked {
        seq: u32,
        answer: Option<String>,
    },
    /// The peer has cancelled its INVITE of that number.
    Cancelled {
        seq: u32,
        reason: Option<Reason>,
    },
    /// The transaction of the INVITE of that number is over.
    InviteOver {
        seq: u32,
    },
    /// A response to our INVITE.
    Response(Box<Response>),
    /// Our re-INVITE or UPDATE of that number has its final answer.
    Renewed {
        seq: u32,
        outcome: Outcome,
    },
    /// An INVITE that wants to take the place of the call's dialog (RFC 3891).
    Replace {
        invite: Box<Transaction>,
        early_only: bool,
    },
    /// Our INFO about a key is answered or lost.
    Pressed(Outcome),
    /// The caller has not confirmed our answer, and others need the place.
    Forsaken,
    /// Our BYE is answered or lost.
    ByeDone,
}

/// What the application wants of a call.
#[derive(Debug)]
pub(super) enum Command {
    Ringing,
    /// Ringing with sound: an SDP answer before the answer.
    EarlyMedia(String),
    Answer(String),
    /// An SDP offer of ours inside the call.
    Offer(String),
    Refuse(Refusal),
    HangUp(String),
    AnswerOffer(Result<String, Refusal>),
    /// A key is told by INFO, as held for so long.
    Press(char, Duration),
    /// The endpoint stops.
    Stop,
}

/// A final answer that is not a 2xx.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: String,
    pub(super) warning: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

pub(super) type Inbox = mpsc::UnboundedSender<Input>;

/// The calls and their dialogs, each with the inbox of the task that owns it.
#[derive(Default)]
pub(super) struct Calls {
    tables: Arc<Mutex<Tables>>,
    emptied: Arc<Notify>,
}

#[derive(Default)]
struct Tables {
    by_call: HashMap<CallId, Inbox>,
    by_dialog: HashMap<dialog::Key, Inbox>,
}

impl Calls {
    /// Enters a call; it is known until the seat is dropped.
    pub(super) fn seat(&self, call: CallId, inbox: Inbox) -> Seat {
        lock(&self.tables).by_call.insert(call, inbox.clone());
        Seat {
            tables: self.tables.clone(),
            emptied: self.emptied.clone(),
            call,
            inbox,
            dialogs: Vec::new(),
        }
    }

    /// False if there is no such call (any more).
    pub(super) fn command(&self, call: CallId, command: Command) -> bool {
        let inbox = lock(&self.tables).by_call.get(&call).cloned();
        inbox.is_some_and(|inbox| inbox.send(Input::Command(command)).is_ok())
    }

    pub(super) fn command_all(&self, command: impl Fn() -> Command) {
        for inbox in lock(&self.tables).by_call.values() {
            let _ = inbox.send(Input::Command(command()));
        }
    }

    pub(super) fn of_dialog(&self, key: &dialog::Key) -> Option<Inbox> {
        lock(&self.tables).by_dialog.get(key).cloned()
    }

    pub(super) fn n_dialogs(&self) -> usize {
        lock(&self.tables).by_dialog.len()
    }

    /// Returns once there is no call left.
    pub(super) async fn empty(&self) {
        loop {
            let emptied = self.emptied.notified();
            if lock(&self.tables).by_call.is_empty() {
                return;
            }
            emptied.await;
        }
    }
}

/// A call's place in the tables; leaving is dropping it, so that no way out of a task leaks.
pub(super) struct Seat {
    tables: Arc<Mutex<Tables>>,
    emptied: Arc<Notify>,
    call: CallId,
    inbox: Inbox,
    dialogs: Vec<dialog::Key>,
}

impl Seat {
    pub(super) fn inbox(&self) -> Inbox {
        self.inbox.clone()
    }

    /// Requests inside that dialog are the call's from now on.
    pub(super) fn take_dialog(&mut self, key: &dialog::Key) {
        let mut tables = lock(&self.tables);
        for old in self.dialogs.drain(..) {
            tables.by_dialog.remove(&old);
        }
        tables.by_dialog.insert(key.clone(), self.inbox.clone());
        self.dialogs.push(key.clone());
    }

    /// As `take_dialog`, beside those that are the call's already: an INVITE of ours may ring
    /// at several phones.
    pub(super) fn take_early_dialog(&mut self, key: &dialog::Key) {
        lock(&self.tables)
            .by_dialog
            .insert(key.clone(), self.inbox.clone());
        self.dialogs.push(key.clone());
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut tables = lock(&self.tables);
        tables.by_call.remove(&self.call);
        for key in &self.dialogs {
            tables.by_dialog.remove(key);
        }
        if tables.by_call.is_empty() {
            self.emptied.notify_waiters();
        }
    }
}

/// A panic elsewhere must not take the telephone down with it: the tables stay usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What does the SIP side tell?

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::base::CallId;
use crate::sip::call::reason::Reason;
use crate::sip::door::guard::Notice;

/// Something that happened to a call or an account.
///
/// Every call ends with exactly one `Ended` or `Refused`, whoever ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody calls us and waits for an answer.
    Incoming {
        /// The new call.
        call: CallId,
        /// Who calls, as its From header says.
        caller: Caller,
        /// The user part of the Request-URI.
        dialled: String,
        /// The account that the call came by, if it came by one.
        account: Option<String>,
        /// The user of ours whose password the caller has proved.
        user: Option<String>,
        /// The peer of the signalling.
        source: SocketAddr,
        /// Whether it is known to be there.
        reach: Reach,
        /// Where the caller has reached us.
        here: Here,
        /// The SDP offer; `None` if the caller wants ours (late offer).
        offer: Option<String>,
        /// The caller wants to be put through by itself after ringing that long, as to an
        /// intercom (RFC 5373, Call-Info, Alert-Info and the like).
        auto_answer: Option<Duration>,
    },
    /// The caller has shown before our answer that it hears us (PRACK), and had not before.
    Reached {
        /// An incoming call that is not answered yet.
        call: CallId,
    },
    /// The caller has confirmed our answer (ACK).
    Confirmed {
        /// An incoming call; or any call, after our offer in `answer_offer`.
        call: CallId,
        /// The caller's SDP answer, if the offer was ours.
        answer: Option<String>,
    },
    /// The peer wants to change the session; `Endpoint::answer_offer` decides.
    Reoffer {
        /// A call that has been answered.
        call: CallId,
        /// The SDP offer; `None` if the peer wants ours.
        offer: Option<String>,
    },
    /// The peer has answered an offer of ours inside the call.
    Reanswered {
        /// A call that has been answered.
        call: CallId,
        /// Its SDP answer; or the status of its refusal, after which the old session goes on.
        answer: Result<String, u16>,
    },
    /// Another phone has taken the peer's place in the call, as in a transfer (RFC 3891). Its
    /// session description came as `Reoffer` and was accepted.
    Replaced {
        /// A call that has been answered.
        call: CallId,
        /// Who it is now.
        caller: Caller,
    },
    /// The call is over.
    Ended {
        /// Its id is not used again.
        call: CallId,
        /// Why.
        how: HowEnded,
        /// What the peer gave as its reason, when it gave up or hung up (RFC 3326).
        reason: Option<Reason>,
    },
    /// The peer has pressed a key, told by INFO; what comes as RFC 4733 events is no signalling.
    Key {
        /// A call that has been answered.
        call: CallId,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
        /// How long it was held.
        length: Duration,
    },
    /// The peer did not take a key that was told by INFO.
    KeyRefused {
        /// A call that has been answered.
        call: CallId,
        /// The key.
        digit: char,
        /// The SIP status, 300 to 699; 408 and 503 also stand for "no answer" and "no way".
        status: u16,
    },
    /// The called side rings.
    Ringing {
        /// An outgoing call.
        call: CallId,
    },
    /// The called side lets us hear something before it answers.
    EarlyMedia {
        /// An outgoing call.
        call: CallId,
        /// Its SDP answer; `Answered` brings the same again, or that of another phone.
        answer: String,
    },
    /// The called side has answered.
    Answered {
        /// An outgoing call.
        call: CallId,
        /// Its SDP answer.
        answer: Option<String>,
    },
    /// The called side, or the way to it, refused. The call is over.
    Refused {
        /// An outgoing call.
        call: CallId,
        /// The SIP status, 300 to 699; 408 and 503 also stand for "no answer" and "no way".
        status: u16,
        /// The status line's text and the peer's warning, or what went wrong here.
        reason: String,
        /// When the peer wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// An account has changed its state.
    Account {
        /// `Account::name`.
        name: String,
        /// The state it is in now.
        state: AccountState,
    },
    /// A user of ours has come or gone.
    User {
        /// `User::name`.
        name: String,
        /// Where it is now.
        state: UserState,
    },
    /// Somebody is not listened to any more, or again.
    Guard(Notice),
}

/// Which of our addresses a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Here {
    /// The address of this machine; sound shall come to it and go from it too.
    pub bound: IpAddr,
    /// What the peer has to be told: the same, but for an external address.
    pub advertised: IpAddr,
}

/// Whether a caller hears what we send to where its call came from; anybody can send a datagram in
/// the name of anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It has shown it: it calls over a stream, has confirmed an earlier call or proved a password,
    /// or we have spoken to it first.
    Shown,
    /// It will show it before the answer, as it confirms what it is told (RFC 3262);
    /// `Event::Reached` follows.
    Confirms,
    /// The ACK to our answer will be the first sign.
    Unknown,
}

/// The field that names the call, of an event that is borrowed or borrowed mutably.
macro_rules! call_of {
    ($event:expr) => {
        match $event {
            Event::Incoming { call, .. }
            | Event::Reached { call }
            | Event::Confirmed { call, .. }
            | Event::Reoffer { call, .. }
            | Event::Reanswered { call, .. }
            | Event::Replaced { call, .. }
            | Event::Ended { call, .. }
            | Event::Key { call, .. }
            | Event::KeyRefused { call, .. }
            | Event::Ringing { call }
            | Event::EarlyMedia { call, .. }
            | Event::Answered { call, .. }
            | Event::Refused { call, .. } => Some(call),
            Event::Account { .. } | Event::User { .. } | Event::Guard(_) => None,
        }
    };
}

impl Event {
    /// The call that it is about, if it is about one.
    pub fn call(&self) -> Option<CallId> {
        call_of!(self).copied()
    }

    /// The same, to give it another name.
    pub(super) fn call_mut(&mut self) -> Option<&mut CallId> {
        call_of!(self)
    }
}

/// Whether a user of ours can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// It has registered from there.
    Registered(SocketAddr),
    /// It has taken its registration back, or let it end.
    Gone,
}

/// Who calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The address, as it was sent.
    pub uri: String,
    /// The user part of it, escapes resolved.
    pub user: String,
    /// The name shown with it.
    pub display: Option<String>,
}

/// Why a call is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HowEnded {
    /// The caller gave up before we answered.
    Cancelled,
    /// The peer hung up.
    HungUp,
    /// Our answer was never confirmed.
    NoAck,
    /// We hung up or refused.
    ByUs,
    /// Something broke; the text says what.
    Failed(String),
}

/// How an account stands with its registrar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// The first attempt is under way.
    Registering,
    /// Calls to the account reach us.
    Registered {
        /// The life that the registrar granted; it is refreshed in time.
        expires: Duration,
        /// Who keeps the registration: `host:port`, with its address if the host is a name.
        server: String,
        /// Why the servers that come before it are not used.
        left: Option<String>,
    },
    /// The registrar does not want us: the configuration is wrong, here or there.
    Refused {
        /// The SIP status.
        status: u16,
        /// The text of the status line.
        reason: String,
        /// The realm whose password it asks for, if it is not the account's.
        other_realm: Option<String>,
        /// When it is tried again, in case the other side is put right.
        retry_in: Duration,
    },
    /// No usable answer from the registrar.
    Unreachable {
        /// What went wrong.
        why: String,
        /// When it is tried again.
        retry_in: Duration,
    },
    /// The account was taken away or the endpoint stopped.
    Gone,
}

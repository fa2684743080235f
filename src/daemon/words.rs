//! How do people read what the parts report?

use crate::control::Input;
use crate::media::ReceiverReport;
use crate::sip::{AccountState, Caller, HowEnded};

/// `Alice <sip:alice@10.0.0.7>`, or the address alone.
pub(super) fn caller(caller: &Caller) -> String {
    match caller.display.as_deref().map(str::trim) {
        Some(name) if !name.is_empty() => format!("{name} <{}>", caller.uri),
        _ => caller.uri.clone(),
    }
}

/// The number that was dialled; a call to the bare host dials none.
pub(super) fn dialled(user: &str) -> String {
    if user.is_empty() { "no number".to_owned() } else { user.to_owned() }
}

/// Completes "call … ended: ".
pub(super) fn ended(how: &HowEnded) -> String {
    match how {
        HowEnded::Cancelled => "caller gave up".to_owned(),
        HowEnded::HungUp => "caller hung up".to_owned(),
        HowEnded::NoAck => "caller never confirmed the answer".to_owned(),
        HowEnded::ByUs => "ended by us".to_owned(),
        HowEnded::Failed(why) => why.clone(),
    }
}

/// What the core is told about an account.
pub(super) fn account(name: String, state: AccountState) -> Input {
    let (ok, text) = match state {
        AccountState::Registering => (false, "registering".to_owned()),
        AccountState::Registered { r#for } => {
            (true, format!("registered for {} s", r#for.as_secs()))
        }
        AccountState::Refused { status, reason, retry_in } => {
            let hint = match status {
                401 | 403 | 407 => "; check user and pass",
                404 => "; check user and domain",
                _ => "",
            };
            let again = retry_in.as_secs();
            (false, format!("refused by the registrar, {status} {reason}{hint}; again in {again} s"))
        }
        AccountState::Unreachable { why, retry_in } => {
            (false, format!("registrar unreachable, {why}; again in {} s", retry_in.as_secs()))
        }
        AccountState::Gone => return Input::AccountGone { name },
    };
    Input::AccountChanged { name, ok, text }
}

//! How do people read what the parts report?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::base::Db;
use crate::control::Input;
use crate::media::{Report, SenderReport};
use crate::sip::{
    AccountState, Caller, Endpoint, HowEnded, Listen, Notice, Offence, Reason, UserState,
};
use crate::sounds::music::Event;

/// `Alice <sip:alice@10.0.0.7>`, or the address alone.
pub(super) fn caller(caller: &Caller) -> String {
    match caller.display.as_deref().map(str::trim) {
        Some(name) if !name.is_empty() => format!("{name} <{}>", caller.uri),
        _ => caller.uri.clone(),
    }
}

/// Who is behind a call, for what must not be tried too often: a user who has proved a password,
/// whom an account names, or else an address. In IPv6 anybody has all addresses of a network.
pub(super) fn origin(
    user: Option<&str>,
    account: Option<&str>,
    caller: &Caller,
    source: IpAddr,
) -> String {
    match (user, account, source) {
        (Some(user), ..) => format!("user {user}"),
        (None, Some(account), _) => format!("{} by account {account}", caller.user),
        (None, None, IpAddr::V4(address)) => address.to_string(),
        (None, None, IpAddr::V6(address)) => {
            let network = address.to_bits() >> 64 << 64;
            format!("{}/64", Ipv6Addr::from_bits(network))
        }
    }
}

/// Where a phone on the network dials to reach this socket.
pub(super) fn listening(listen: &Listen) -> String {
    let (address, transport) = (listen.address, listen.transport);
    if !address.ip().is_unspecified() {
        return format!("sip:{address};transport={transport}");
    }
    // The address by which we would reach a documentation network is the one others know.
    let outside: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::new(192, 0, 2, 1), 9).into(),
        SocketAddr::V6(_) => (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into(),
    };
    let seen = SocketAddr::new(Endpoint::local_address_for(outside), address.port());
    format!("sip:{seen};transport={transport} and at every other address of this machine")
}

/// The number that was dialled, and the account that the call came by if that has to be told; a
/// call to the bare host dials none.
pub(super) fn dialled(user: &str, account: Option<&str>) -> String {
    let number = if user.is_empty() { "no number" } else { user };
    match account {
        Some(account) => format!("{number} ({account})"),
        None => number.to_owned(),
    }
}

/// Completes "call … ended: ".
pub(super) fn ended(how: &HowEnded, reason: Option<&Reason>) -> String {
    let told = match how {
        HowEnded::Cancelled => "caller gave up".to_owned(),
        HowEnded::HungUp => "caller hung up".to_owned(),
        HowEnded::NoAck => "caller never confirmed the answer".to_owned(),
        HowEnded::ByUs => "ended by us".to_owned(),
        HowEnded::Failed(why) => why.clone(),
    };
    match reason {
        Some(reason) => format!("{told} ({reason})"),
        None => told,
    }
}

/// A user of ours has come or gone.
pub(super) fn user(name: &str, state: UserState) -> String {
    match state {
        UserState::Registered(from) => format!("user {name} has registered from {from}"),
        UserState::Gone => format!("user {name} is not registered any more"),
    }
}

/// Somebody is not listened to any more, or again.
pub(super) fn guard(notice: &Notice) -> String {
    match notice {
        Notice::Silenced {
            source,
            user,
            offence,
            length,
        } => {
            let why = match offence {
                Offence::Scanner => "it is a scanner",
                Offence::Flood => "it sends far too much",
                Offence::Guessing => "its passwords or numbers were wrong too often",
            };
            let (who, seconds) = (whoever(user.as_deref(), *source), length.as_secs());
            format!("{who} is not listened to for {seconds} s: {why}")
        }
        Notice::Released {
            source,
            user,
            n_dropped,
        } => {
            let who = whoever(user.as_deref(), *source);
            format!("{who} is listened to again; {n_dropped} messages were dropped")
        }
    }
}

/// A source, or one name there; a name may hold anything.
fn whoever(user: Option<&str>, source: IpAddr) -> String {
    match user {
        Some(user) => format!("user {user:?} at {source}"),
        None => source.to_string(),
    }
}

/// What the core is told about an account; nothing while it is only trying for the first time.
///
/// The core logs each new text, so a text must not hold numbers that change by themselves.
pub(super) fn account(name: String, state: AccountState) -> Option<Input> {
    let (ok, text) = match state {
        AccountState::Registering => return None,
        AccountState::Registered { server, left, .. } => (true, registered(&server, left)),
        AccountState::Refused {
            status,
            reason,
            other_realm,
            ..
        } => {
            let hint = match (status, other_realm) {
                (_, Some(realm)) => {
                    format!("; it asks for the password of the realm {realm:?}; check realm")
                }
                (401 | 403 | 407, None) => "; check user and pass".to_owned(),
                (404, None) => "; check user and domain".to_owned(),
                (_, None) => String::new(),
            };
            (
                false,
                format!("the registrar refuses us: {status} {reason}{hint}"),
            )
        }
        AccountState::Unreachable { why, .. } => {
            (false, format!("the registrar does not answer: {why}"))
        }
        AccountState::Gone => return Some(Input::AccountGone { name }),
    };
    Some(Input::AccountChanged { name, ok, text })
}

/// Which server serves, and why not a better one.
fn registered(server: &str, left: Option<String>) -> String {
    match left {
        Some(why) => format!("registered at {server}, because {why}"),
        None => format!("registered at {server}"),
    }
}

/// How a caller's sound arrived, in one line.
pub(super) fn audio(report: &Report, n_foreign: u64, n_unproven: u64) -> String {
    let mut text = format!(
        "{} packets received, {} lost, {} late; jitter {} ms, delay {} ms ({} to {})",
        report.received,
        report.lost,
        report.late,
        report.jitter.as_millis(),
        report.delay.as_millis(),
        report.delay_min.as_millis(),
        report.delay_max.as_millis(),
    );
    let odd = [
        (report.malformed, "malformed"),
        (report.unknown_payload, "of an unknown payload type"),
        (n_foreign, "from strangers"),
        (n_unproven, "that failed the SRTP check"),
    ];
    for (n, what) in odd.into_iter().filter(|(n, _)| *n > 0) {
        text.push_str(&format!(", {n} {what}"));
    }
    text
}

/// Where something was heard and how loud at its highest, and where it was not.
pub(super) fn heard<'a>(zones: impl Iterator<Item = (&'a str, Db)>) -> String {
    let (loud, silent): (Vec<_>, Vec<_>) = zones.partition(|(_, peak)| is_audible(*peak));
    let place = |zone: &str| match zone {
        "" => String::new(),
        zone => format!(" in {zone}"),
    };
    let loud = loud
        .iter()
        .map(|(zone, peak)| format!("heard{} at {:.1} dBFS", place(zone), peak.0));
    let silent = silent
        .iter()
        .map(|(zone, _)| format!("not heard{}", place(zone)));
    let texts: Vec<String> = loud.chain(silent).collect();
    texts.join(", ")
}

/// Whether a level at the output of a zone is more than nothing.
pub(super) fn is_audible(peak: Db) -> bool {
    peak.0 > AUDIBLE.0
}

/// Below it is what rounding leaves, and the hiss of nothing.
const AUDIBLE: Db = Db(-60.0);

/// For the line that says how things stand; empty if every zone has an output.
pub(super) fn unheard(zones: &[String]) -> String {
    match zones {
        [] => String::new(),
        [zone] => format!("; nobody hears zone {zone}"),
        [first, ..] => format!("; nobody hears {} zones, {first} among them", zones.len()),
    }
}

/// What happened to a source of music, as far as it concerns the core.
pub(super) fn music(name: String, event: Event) -> Option<Input> {
    let changed = |name, ok, text| Input::MusicChanged { name, ok, text };
    Some(match event {
        Event::Gap { .. } => return None,
        Event::Playing { what } => changed(name, true, format!("plays {what}")),
        Event::Skipped { what, why } => Input::MusicSkipped { name, what, why },
        Event::Down {
            why,
            instead: Some(instead),
        } => changed(name, false, format!("{instead} plays instead: {why}")),
        Event::Down { why, instead: None } => changed(name, false, format!("silent: {why}")),
        Event::Up => changed(name, true, "plays again".to_owned()),
    })
}

/// Whether the ports of a source are in the JACK graph, and what plays if they are not.
pub(super) fn music_of_jack(
    name: &str,
    pattern: &str,
    found: Option<&Vec<(usize, String)>>,
    instead: Option<&str>,
) -> Input {
    let missing = || format!("no JACK port gives sound that matches \"{pattern}\"");
    let text = match (found, instead) {
        (Some(ports), _) => {
            let ports: Vec<&str> = ports.iter().map(|(_, port)| port.as_str()).collect();
            format!("plays {}", ports.join(", "))
        }
        (None, Some(instead)) => format!("{instead} plays instead: {}", missing()),
        (None, None) => format!("silent: {}", missing()),
    };
    Input::MusicChanged {
        name: name.to_owned(),
        ok: found.is_some(),
        text,
    }
}

/// What one who listened was sent, and sent, in one line.
pub(super) fn listened(
    sent: &SenderReport,
    n_received: u64,
    n_foreign: u64,
    n_unproven: u64,
) -> String {
    let mut text = format!("{} packets sent, {n_received} received", sent.packets);
    let odd = [
        (n_foreign, "from strangers"),
        (n_unproven, "that failed the SRTP check"),
    ];
    for (n, what) in odd.into_iter().filter(|(n, _)| *n > 0) {
        text.push_str(&format!(", {n} {what}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_named_as_well_as_they_name_themselves() {
        let uri = "sip:7@host".to_owned();
        let alice = Caller {
            uri,
            user: "7".into(),
            display: Some(" Alice ".into()),
        };
        assert_eq!(caller(&alice), "Alice <sip:7@host>");
        assert_eq!(
            caller(&Caller {
                display: Some("  ".into()),
                ..alice
            }),
            "sip:7@host"
        );
        assert_eq!(dialled("", None), "no number");
        assert_eq!(dialled("7", Some("office")), "7 (office)");
    }

    #[test]
    fn a_registration_names_its_server_and_why_not_the_one_before() {
        let text = |left: Option<&str>| {
            let state = AccountState::Registered {
                expires: std::time::Duration::from_secs(300),
                server: "b.pbx:5060 (192.0.2.2)".to_owned(),
                left: left.map(str::to_owned),
            };
            match account("sip".into(), state) {
                Some(Input::AccountChanged { ok: true, text, .. }) => text,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(text(None), "registered at b.pbx:5060 (192.0.2.2)");
        let why = "a.pbx:5060 (192.0.2.1) does not answer";
        assert_eq!(
            text(Some(why)),
            format!("registered at b.pbx:5060 (192.0.2.2), because {why}")
        );
    }

    #[test]
    fn a_refused_account_gets_a_hint() {
        let text = |status, reason: &str, other_realm: Option<&str>| {
            let state = AccountState::Refused {
                status,
                reason: reason.to_owned(),
                other_realm: other_realm.map(str::to_owned),
                retry_in: std::time::Duration::from_secs(60),
            };
            match account("sip".into(), state) {
                Some(Input::AccountChanged {
                    ok: false, text, ..
                }) => text,
                other => panic!("a refusal is news: {other:?}"),
            }
        };
        let forbidden = text(403, "Forbidden", None);
        assert!(
            forbidden.contains("403 Forbidden; check user and pass"),
            "{forbidden}"
        );
        let other = text(401, "Unauthorized", Some("a\nb"));
        let wanted =
            "401 Unauthorized; it asks for the password of the realm \"a\\nb\"; check realm";
        assert!(other.contains(wanted), "{other}");
    }
}

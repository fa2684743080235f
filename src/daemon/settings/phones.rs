//! How do we speak with phones and exchanges, and send them sound?

use std::path::PathBuf;

use crate::config::{self, Config};
use crate::daemon::{desks, legs};
use crate::sip;

pub(in crate::daemon) fn sip(config: &Config) -> sip::Settings {
    sip::Settings {
        listen: config.sip.listen.iter().map(listen).collect(),
        accounts: accounts(config),
        external_address: config.sip.external_address,
        user_agent: user_agent(),
        session_timer: sip::SessionTimer {
            expires: config.sip.session_expires,
            ..sip::SessionTimer::default()
        },
        dscp: config.sip.sip_dscp,
        tls: sip::Tls {
            cert: config.sip.tls_cert.clone(),
            key: config.sip.tls_key.clone(),
            ca: config.sip.tls_ca.clone(),
            verify_clients: config.sip.tls_verify_clients,
        },
        callers: callers(config),
        name_server: None,
        trace: trace(config),
        timing: sip::Timing::default(),
        caps: sip::Caps::default(),
    }
}

pub(in crate::daemon) fn callers(config: &Config) -> sip::Callers {
    let user = |user: &config::User| sip::User {
        name: user.name.clone(),
        password: sip::Secret::new(user.password.reveal()),
    };
    sip::Callers {
        users: config
            .sip
            .users
            .iter()
            .filter(|it| !it.password.is_empty())
            .map(user)
            .collect(),
        lines: config.lines.iter().map(|line| line.user.clone()).collect(),
        require_auth: config.sip.require_auth,
        allow: config.sip.allow.clone(),
        half_open: Some((config.sip.max_calls / 2).max(1)),
    }
}

/// Where messages are written down, if they are.
fn trace(config: &Config) -> Option<PathBuf> {
    config.sip.trace.then(|| trace_file(config))
}

/// Where messages would be written down.
pub(in crate::daemon) fn trace_file(config: &Config) -> PathBuf {
    let usual = || {
        // systemd makes it for the service, which may write nowhere else.
        let folder = std::env::var_os("STATE_DIRECTORY").unwrap_or_default();
        PathBuf::from(folder).join("sip-trace.pcap")
    };
    config.sip.trace_file.clone().unwrap_or_else(usual)
}

/// What we call ourselves in every message.
pub(in crate::daemon) fn user_agent() -> String {
    format!("paging/{}", env!("CARGO_PKG_VERSION"))
}

pub(in crate::daemon) fn accounts(config: &Config) -> Vec<sip::Account> {
    config.sip.accounts().map(account).collect()
}

/// One account, to be registered.
pub(in crate::daemon) fn account(from: &config::Account) -> sip::Account {
    let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
    sip::Account {
        name: from.name.clone(),
        domain: from.domain.first().cloned().unwrap_or_default(),
        more_domains: from.domain.iter().skip(1).cloned().collect(),
        user: from.user.clone(),
        extensions: from.extensions.clone(),
        auth_user: filled(&from.auth_user),
        password: sip::Secret::new(from.password.reveal()),
        realm: filled(&from.realm),
        display_name: filled(&from.display_name),
        outbound_proxies: from.outbound_proxy.clone(),
        transport: from.transport.map(transport),
        expires: from.expires,
        keep_alive: Some(from.keep_alive),
        presence: sip::Presence::Registered,
    }
}

fn listen(from: &config::Listen) -> sip::Listen {
    sip::Listen {
        transport: transport(from.transport),
        address: from.address,
    }
}

fn transport(from: config::Transport) -> sip::Transport {
    match from {
        config::Transport::Udp => sip::Transport::Udp,
        config::Transport::Tcp => sip::Transport::Tcp,
        config::Transport::Tls => sip::Transport::Tls,
    }
}

pub(in crate::daemon) fn legs(config: &Config) -> legs::Settings {
    let encodings = |account: &config::Account| {
        let encodings = config.sip.codecs_of(account).to_vec();
        (account.name.clone(), encodings)
    };
    legs::Settings {
        ports: config.sip.rtp_ports.clone(),
        dscp: config.sip.rtp_dscp,
        encodings: config.sip.codecs.clone(),
        allow: config.sip.allow.clone(),
        of_accounts: config.sip.accounts().map(encodings).collect(),
        srtp: config.sip.srtp,
        rtp_timeout: config.calls.rtp_timeout,
        of_desks: desks::ports(config),
    }
}

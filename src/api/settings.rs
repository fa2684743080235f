//! Where do we listen, and whom do we let in?

use std::net::SocketAddr;
use std::path::PathBuf;

use super::history::Past;
use crate::config::{Config, TokenHash};
use crate::control::Role;

/// What a configuration says about the HTTP interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// None turns it off.
    pub listen: Vec<SocketAddr>,
    /// Certificate and key, in PEM.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Origins of foreign web pages that may ask.
    pub cors: Vec<String>,
    pub users: Vec<User>,
    /// NAME of each `[relay:NAME]`.
    pub relays: Vec<String>,
    /// NAME of each `[line:NAME]`.
    pub lines: Vec<String>,
    /// The folder whose disk is watched.
    pub state_dir: Option<PathBuf>,
    /// The history, if one is kept.
    pub past: Option<Past>,
}

/// One who has a token.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub name: String,
    pub token: TokenHash,
    pub role: Role,
    /// Names of zones; none stands for all.
    pub zones: Vec<String>,
}

impl Settings {
    /// What the configuration says; `state_dir` is where the daemon keeps its files.
    pub fn new(config: &Config, state_dir: Option<PathBuf>, past: Option<Past>) -> Self {
        let http = &config.http;
        let user = |user: &crate::config::User| {
            Some(User {
                name: user.name.clone(),
                token: user.token.clone()?,
                role: user.role,
                zones: user.zones.clone(),
            })
        };
        Self {
            listen: http.listen.clone(),
            tls: http.tls_cert.clone().zip(http.tls_key.clone()),
            cors: http.cors.clone(),
            users: config.sip.users.iter().filter_map(user).collect(),
            relays: config.relays.iter().map(|it| it.name.clone()).collect(),
            lines: config.lines.iter().map(|it| it.name.clone()).collect(),
            state_dir,
            past,
        }
    }

    /// Whether that address speaks HTTPS: only this machine itself goes without.
    pub(super) fn is_secure(&self, address: SocketAddr) -> bool {
        self.tls.is_some() && !address.ip().is_loopback()
    }
}

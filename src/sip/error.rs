//! What can go wrong when the SIP side starts?

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::sip::settings::Transport;

/// The endpoint could not start; nothing of it is left behind.
#[derive(Debug)]
pub enum Error {
    /// Another program has the port: stop that one, or listen elsewhere.
    InUse {
        /// Datagrams or streams.
        transport: Transport,
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be had: not ours, or not permitted.
    Listen {
        /// Datagrams or streams.
        transport: Transport,
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        why: io::Error,
    },
    /// The certificates for TLS cannot be used; says which file and why.
    Tls(String),
    /// The capture file cannot be written.
    Trace {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// The stack refused to start.
    Stack(String),
}

impl Error {
    pub(super) fn listen(transport: Transport, address: SocketAddr, why: io::Error) -> Self {
        if why.kind() == io::ErrorKind::AddrInUse {
            return Self::InUse { transport, address };
        }
        Self::Listen {
            transport,
            address,
            why,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { transport, address } => {
                write!(f, "{transport} {address} is in use by another program")
            }
            Self::Listen {
                transport,
                address,
                why,
            } => write!(f, "cannot listen on {transport} {address}: {why}"),
            Self::Tls(why) => write!(f, "cannot listen on tls: {why}"),
            Self::Trace { path, why } => {
                write!(f, "cannot write the sip trace {}: {why}", path.display())
            }
            Self::Stack(why) => write!(f, "the sip stack does not start: {why}"),
        }
    }
}

impl std::error::Error for Error {}

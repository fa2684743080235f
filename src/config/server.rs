//! How does the process itself behave: what it logs, and which files it writes?

use std::path::PathBuf;

use crate::config::secret::Secret;
use crate::output::record::Format;

/// The process itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Log everything that happens.
    pub debug: bool,
    /// 0 to 10; above 0 the log tells about SIP messages.
    pub sip_log_level: u8,
    /// Where error reports go; empty for nowhere.
    pub sentry_dsn: Secret,
    pub log_format: LogFormat,
    /// Where the log goes; `None` is standard error.
    pub log_file: Option<PathBuf>,
    /// Bytes after which the next file of the log is begun; `None` is any number.
    pub log_size: Option<u64>,
    /// Days after which it is; `None` is never.
    pub log_days: Option<u32>,
    /// Where we keep what must outlive a restart.
    pub state_dir: Option<PathBuf>,
    /// Where recordings are; `None` is a folder in `state_dir`.
    pub recordings_dir: Option<PathBuf>,
    pub recordings_format: Format,
    /// How many days they are kept; `None` for ever.
    pub retention_days: Option<u32>,
    /// How many bytes all of them may take; `None` is any number.
    pub recordings_max_size: Option<u64>,
    /// How long what has happened is remembered; `None` is for ever.
    pub history_days: Option<u32>,
}

/// What a log line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

impl Server {
    /// Before any key is read.
    pub(super) fn blank() -> Self {
        Self {
            debug: false,
            sip_log_level: 0,
            sentry_dsn: Secret::default(),
            log_format: LogFormat::Text,
            log_file: None,
            log_size: None,
            log_days: None,
            state_dir: None,
            recordings_dir: None,
            recordings_format: Format::Wav,
            retention_days: None,
            recordings_max_size: None,
            history_days: Some(400),
        }
    }
}

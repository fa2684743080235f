//! Which keys does `[server]` have?

use crate::config::form;
use crate::config::keys::{Key, whole};

const LOG: &str = "Log and error reports";
const FILES: &str = "Files that we write";
const RECORDINGS: &str = "Recordings";

pub(super) const KEYS: &[Key] = &[
    whole!(
        "server",
        LOG,
        "debug",
        Logging,
        server.debug,
        form::BOOL,
        "no",
        "Log everything that happens, for finding a fault. Also: --debug."
    ),
    Key {
        aliases: &["sip-log-level"],
        ..whole!(
            "server",
            LOG,
            "pjsua-log-level",
            Logging,
            server.sip_log_level,
            form::SIP_LOG_LEVEL,
            "0",
            "0 to 10: how much the log tells about SIP messages. May also be written sip-log-level."
        )
    },
    whole!(
        "server",
        LOG,
        "log-format",
        Process,
        server.log_format,
        form::LOG_FORMAT,
        "text",
        "text for people, json for log collectors (one object a line)."
    ),
    whole!(
        "server",
        LOG,
        "log-file",
        Process,
        server.log_file,
        form::PATH,
        "",
        "A file for the log, in place of standard error, for machines without a journal. Nine older\n\
         ones are kept beside it, FILE.1 to FILE.9. Empty: standard error."
    ),
    whole!(
        "server",
        LOG,
        "log-max-size",
        Process,
        server.log_size,
        form::SIZE,
        "10M",
        "When log-file would grow beyond this, the next one is begun: 500K, 10M. 0: no limit."
    ),
    whole!(
        "server",
        LOG,
        "log-max-days",
        Process,
        server.log_days,
        form::RETENTION,
        "30",
        "After so many days the next log-file is begun. 0: never."
    ),
    Key {
        is_secret: true,
        ..whole!(
            "server",
            LOG,
            "sentry_dsn",
            Process,
            server.sentry_dsn,
            form::DSN,
            "",
            "The address (DSN) of a Sentry project that gets reports of errors. Empty: none are sent."
        )
    },
    whole!(
        "server",
        FILES,
        "state-dir",
        Process,
        server.state_dir,
        form::PATH,
        "/var/lib/paging",
        "The folder of what must outlive a restart: which bells have rung, and the history. Under\n\
         systemd it is the state folder of the service unless set."
    ),
    whole!(
        "server",
        FILES,
        "history-days",
        Policy,
        server.history_days,
        form::RETENTION,
        "400",
        "So many days the history remembers pages, calls, bells, failures and changes, for\n\
         paging history to print. 0: for ever."
    ),
    whole!(
        "server",
        RECORDINGS,
        "recordings-dir",
        Recordings,
        server.recordings_dir,
        form::PATH,
        "",
        "The folder of recordings, with a folder for each day. Empty: recordings in state-dir."
    ),
    whole!(
        "server",
        RECORDINGS,
        "recordings-format",
        Recordings,
        server.recordings_format,
        form::RECORDING_FORMAT,
        "wav",
        "wav; flac, which takes half the room; or opus, a tenth of it, for speech (zones are\n\
         written as flac then)."
    ),
    whole!(
        "server",
        RECORDINGS,
        "retention-days",
        Recordings,
        server.retention_days,
        form::RETENTION,
        "30",
        "After so many days a recording is deleted. 0: never."
    ),
    whole!(
        "server",
        RECORDINGS,
        "recordings-max-size",
        Recordings,
        server.recordings_max_size,
        form::SIZE,
        "10G",
        "When all recordings together take more, the oldest are deleted: 500M, 10G. 0: no limit."
    ),
];

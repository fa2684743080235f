//! Which keys does `[server]` have?

use crate::config::form;
use crate::config::keys::{Key, whole};

const LOG: &str = "Log and error reports";

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
];

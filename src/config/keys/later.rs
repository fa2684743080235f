//! Which sections and keys are known but not supported by this version?

/// What a key that is not supported would have done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Later {
    /// Something is missing.
    Feature,
    /// It would have kept somebody out.
    Protection,
}

/// The row of this key, its name in either spelling; `sip` also means `[sip:NAME]`.
pub(in crate::config) fn later_key(section: &str, name: &str) -> Option<Later> {
    let name = name.replace('_', "-");
    let (_, _, kind) = KEYS
        .iter()
        .find(|(of, names, _)| *of == section && names.contains(&name.as_str()))?;
    Some(*kind)
}

/// Whether the section, `NAME` or `NAME:ANY`, belongs to a later version.
pub(in crate::config) fn later_section(section: &str) -> bool {
    let kind = section.split(':').next().unwrap_or(section);
    SECTIONS.contains(&kind)
}

const SECTIONS: [&str; 10] = [
    "zone",
    "page",
    "moh",
    "play",
    "line",
    "relay",
    "music",
    "schedule",
    "multicast-in",
    "http",
];

const KEYS: &[(&str, &[&str], Later)] = &[
    (
        "sip",
        &[
            "tls-cert",
            "tls-key",
            "tls-ca",
            "session-expires",
            "extensions",
        ],
        Later::Feature,
    ),
    ("sip", &["srtp"], Later::Protection),
    ("user", &["role"], Later::Feature),
    ("audio", &["agc", "speech-filter"], Later::Feature),
    ("calls", &["silence-hang-up"], Later::Feature),
    (
        "server",
        &["state-dir", "recordings-dir", "retention-days", "log-file"],
        Later::Feature,
    ),
];

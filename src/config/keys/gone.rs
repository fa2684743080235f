//! Which keys did earlier programs have that do nothing any more, and what replaces them?

/// A key that is still accepted but has no effect.
pub(in crate::config) struct Gone {
    pub section: &'static str,
    pub name: &'static str,
    /// Values that asked for nothing special; they pass without a word.
    pub harmless: &'static [&'static str],
    /// What to write instead, or why nothing is needed.
    pub advice: &'static str,
}

/// The row of this key, its name in either spelling.
pub(in crate::config) fn gone(section: &str, name: &str) -> Option<&'static Gone> {
    let name = name.replace('_', "-");
    GONE.iter()
        .find(|row| row.section == section && row.name == name)
}

/// Whether all keys of the section are gone.
pub(in crate::config) fn gone_section(section: &str) -> bool {
    section == PA
}

const PA: &str = "pa";

const fn row(
    section: &'static str,
    name: &'static str,
    harmless: &'static [&'static str],
    advice: &'static str,
) -> Gone {
    Gone {
        section,
        name,
        harmless,
        advice,
    }
}

const GONE: &[Gone] = &[
    row(
        "audio",
        "klaxon-tmpdir",
        &[""],
        "the klaxon is read into memory, no directory is needed",
    ),
    row(
        "audio",
        "pjsua-conf-port",
        &[""],
        "such ports no longer exist; choose the outputs with jack-output-ports or device",
    ),
    row(
        "audio",
        "jack-client-arg",
        &["", "--jack-client-pid"],
        "there is no helper process any more",
    ),
    row("audio", "pulse-match", PULSE, PULSE_ADVICE),
    row("audio", "pulse-mute", PULSE, PULSE_ADVICE),
    row("audio", "music-fade-in-offset", ZERO, OFFSET_ADVICE),
    row("audio", "music-fade-out-offset", ZERO, OFFSET_ADVICE),
    row(
        "audio",
        "music-fade-in-min",
        ZERO,
        "music comes back from where duck, or music-fade-out-min, has put it",
    ),
    row("audio", "output-device", &[""], "write device"),
    row("audio", "output-port", &[""], "write jack-output-ports"),
    row("audio", "output-port-id", &[""], "write jack-output-ports"),
    row(
        "audio",
        "jack-output-port",
        &[""],
        "write jack-output-ports",
    ),
    row(
        "server",
        "dump-pulse-props",
        &["no", "false", "off", "0"],
        "see paging --dump-jack-ports",
    ),
    row(
        "server",
        "pjsua-cleanup-timeout",
        &["5", "5.0"],
        "stopping takes two seconds at most",
    ),
    row(PA, "file", &[], "write klaxon in [audio]"),
    row(PA, "filetime", &[], "write klaxon-max-length in [audio]"),
];

const ZERO: &[&str] = &["0", "0.0"];

const PULSE: &[&str] = &[
    "",
    "^application\\.process\\.binary=mpd$",
    "^application\\.name=paplay$",
];

const PULSE_ADVICE: &str = "let the player play into JACK or PipeWire, and name it in \
                            jack-music-client-name";

const OFFSET_ADVICE: &str = "music fades as soon as somebody is heard; see duck-attack";

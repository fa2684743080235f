//! Which keys do `[moh:NAME]` and `[play:NAME]` have?

use crate::config::form;
use crate::config::keys::sip::OWN_CODECS;
use crate::config::keys::{Row, row};
use crate::config::player::Player;

const HOLD: &str = "Music on hold";
const MESSAGE: &str = "What callers hear";

/// Beside the table: nothing is there unless written.
pub(in crate::config) const HOLD_KEYS: &[Row<Player>] = &[
    row!(
        "moh",
        HOLD,
        "extensions",
        Players,
        extensions,
        form::EXTENSIONS,
        "",
        "The numbers to call it by: 123, or patterns as _12X. A telephone that takes a music on\n\
         hold URI gets sip:123@HOST."
    ),
    row!(
        "moh",
        HOLD,
        "source",
        Players,
        source,
        form::TEXT,
        "",
        "What is heard, over and over without a gap: a sound file, a folder of them (by name), or\n\
         the address of a file in the web, which is fetched once. Or music:NAME, what [music:NAME]\n\
         plays, stations too, as it goes on."
    ),
    row!(
        "moh",
        HOLD,
        "start",
        Players,
        from_beginning,
        form::START,
        "joined",
        "joined: a caller hears what the others hear.\n\
         beginning: each hears it from its beginning."
    ),
    row!(
        "moh",
        HOLD,
        "codecs",
        Players,
        codecs,
        OWN_CODECS,
        "g722 pcmu pcma",
        "What callers of it may use, the preferred first. Empty: as every call. Opus takes more\n\
         memory: the music is then kept at up to 48 kHz."
    ),
    row!(
        "moh",
        HOLD,
        "loudness",
        Players,
        loudness,
        form::AGC,
        "yes",
        "yes: every file is brought to one loudness, or e.g. -20dB (LUFS). no: it stays."
    ),
    row!(
        "moh",
        HOLD,
        "max-listeners",
        Players,
        max_listeners,
        form::MAX_CALLS,
        "5000",
        "A caller beyond so many hears busy. They do not count for max-calls of [sip]."
    ),
];

/// As above.
pub(in crate::config) const MESSAGE_KEYS: &[Row<Player>] = &[
    row!(
        "play",
        MESSAGE,
        "extensions",
        Players,
        extensions,
        form::EXTENSIONS,
        "",
        "The numbers to call it by: 124, or patterns as _12X."
    ),
    row!(
        "play",
        MESSAGE,
        "file",
        Players,
        source,
        form::TEXT,
        "",
        "What is heard, from its beginning: a sound file, a folder of them (by name), or the\n\
         address of a file in the web, which is fetched once."
    ),
    row!(
        "play",
        MESSAGE,
        "duration",
        Players,
        duration,
        form::SECONDS_LIMIT,
        "0.0",
        "Hang up after so many seconds. 0: when it ends, or with loop, never."
    ),
    row!(
        "play",
        MESSAGE,
        "answer-delay",
        Players,
        answer_delay,
        form::SECONDS,
        "0.0",
        "Let it ring for so many seconds."
    ),
    row!(
        "play",
        MESSAGE,
        "loop",
        Players,
        repeats,
        form::BOOL,
        "no",
        "Begin again when it ends."
    ),
    row!(
        "play",
        MESSAGE,
        "speech-filter",
        Players,
        speech_filter,
        form::SPEECH_FILTER,
        "no",
        "yes: shaped for telephones, band-limited and evened out in three bands; or where the\n\
         bands part in hertz, as 800 2500."
    ),
    row!(
        "play",
        MESSAGE,
        "codecs",
        Players,
        codecs,
        OWN_CODECS,
        "g722 pcmu pcma",
        "What callers of it may use, the preferred first. Empty: as every call."
    ),
    row!(
        "play",
        MESSAGE,
        "loudness",
        Players,
        loudness,
        form::AGC,
        "yes",
        "yes: every file is brought to one loudness, or e.g. -20dB (LUFS). no: it stays."
    ),
    row!(
        "play",
        MESSAGE,
        "max-listeners",
        Players,
        max_listeners,
        form::MAX_CALLS,
        "5000",
        "A caller beyond so many hears busy. They do not count for max-calls of [sip]."
    ),
];

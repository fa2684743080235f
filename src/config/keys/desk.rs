//! Which keys do `[relay:NAME]`, `[line:NAME]` and `[test:NAME]` have?

use crate::config::desk::{Line, Relay};
use crate::config::form;
use crate::config::keys::{Row, row};
use crate::config::test_number::TestNumber;

const RELAYS: &str = "Calls that programs talk with";

const LINES: &str = "An analog phone behind an adapter";

const TESTS: &str = "Numbers to try a line by";

/// As below.
pub(in crate::config) const TEST_KEYS: &[Row<TestNumber>] = &[
    row!(
        "test",
        TESTS,
        "extensions",
        Policy,
        extensions,
        form::EXTENSIONS,
        "",
        "The numbers to call it by: 9196, or patterns as _919X. Any phone may call them; nothing of\n\
         it is heard on a loudspeaker."
    ),
    row!(
        "test",
        TESTS,
        "kind",
        Policy,
        kind,
        form::TEST,
        "echo",
        "echo: callers hear themselves. milliwatt: they hear 1004 Hz at 0 dBm0."
    ),
];

/// As below.
pub(in crate::config) const LINE_KEYS: &[Row<Line>] = &[
    row!(
        "line",
        LINES,
        "user",
        Callers,
        user,
        form::USER,
        "",
        "NAME of the [user:NAME] as whom its adapter registers. Empty: that of the line."
    ),
    row!(
        "line",
        LINES,
        "ring-pattern",
        Policy,
        ring_pattern,
        form::RING_PATTERN,
        "",
        "How it rings: a name that the adapter knows, as Bellcore-dr2 or ring3, or how long it rings\n\
         and is silent in turn, as 400ms 200ms 400ms 2s. Empty: as usual."
    ),
    row!(
        "line",
        LINES,
        "extensions",
        Policy,
        extensions,
        form::EXTENSIONS,
        "",
        "What it dials to reach its programs, such as the number that the adapter dials by itself\n\
         when it is picked up. Other numbers lead where they do for all. Empty: all that it dials."
    ),
];

/// Beside the table: nothing is there unless written.
pub(in crate::config) const RELAY_KEYS: &[Row<Relay>] = &[
    row!(
        "relay",
        RELAYS,
        "extensions",
        Policy,
        extensions,
        form::EXTENSIONS,
        "",
        "The numbers to call it by: 500, or patterns as _50X. Empty: it only makes calls."
    ),
    row!(
        "relay",
        RELAYS,
        "trunk",
        Policy,
        trunk,
        form::OPTIONAL_TEXT,
        "",
        "By what it calls: the NAME of a [sip:NAME], sip for [sip], or an address that takes calls\n\
         without a registration, as 192.0.2.1:5060. Empty: the first account."
    ),
    row!(
        "relay",
        RELAYS,
        "greeting",
        Policy,
        greeting,
        form::PATH,
        "",
        "A sound file that the other side hears first, once the call is answered."
    ),
    row!(
        "relay",
        RELAYS,
        "record",
        Recordings,
        record,
        form::BOOL,
        "no",
        "yes: what the other side says is kept in recordings-dir."
    ),
    row!(
        "relay",
        RELAYS,
        "answer",
        Policy,
        asks,
        form::ANSWER,
        "at-once",
        "at-once: a call is answered if a program is there for it.\n\
         by-program: it rings until the program answers it."
    ),
    row!(
        "relay",
        RELAYS,
        "rtp-ports",
        Media,
        rtp_ports,
        form::OPTIONAL_PORTS,
        "",
        "Ports for the sound of its calls, as 31000-31010. Empty: those of [sip]."
    ),
    row!(
        "relay",
        RELAYS,
        "rtp-spacing",
        Media,
        rtp_spacing,
        form::SPACING,
        "4",
        "With rtp-ports: from the first port of a call to the first of the next."
    ),
    row!(
        "relay",
        RELAYS,
        "max-calls",
        Policy,
        max_calls,
        form::MAX_CALLS,
        "100",
        "A call beyond so many is busy. They do not count for max-calls of [sip]."
    ),
];

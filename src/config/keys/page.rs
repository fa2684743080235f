//! Which keys does `[page:NAME]` have?

use crate::config::form;
use crate::config::keys::{Key, Row, row};
use crate::config::page::Page;

const CALLS: &str = "Which calls a page is for";
const ZONES: &str = "Where a page is heard, and when";
const LENGTH: &str = "How long a page may be";
const SOUND: &str = "What sounds with a page";
const RECORD: &str = "What is recorded of a page";

const PIN: Row<Page> = row!(
    "page",
    CALLS,
    "pin",
    Policy,
    pin,
    form::PIN,
    "",
    "4 to 16 digits that callers enter by keys after the answer, before anything else. Wrong ones\n\
     lock a caller out for a while."
);

/// Beside the table: no page is there unless written, and then every call pages every zone.
pub(in crate::config) const KEYS: &[Row<Page>] = &[
    row!(
        "page",
        CALLS,
        "extensions",
        Policy,
        extensions,
        form::EXTENSIONS,
        "",
        "The numbers that are dialled for it: 700 710, or patterns as _70X (X is any digit, Z 1 to\n\
         9, N 2 to 9, [1-4] one of these, and . at the end whatever follows). Empty: every number\n\
         that no other page has."
    ),
    row!(
        "page",
        CALLS,
        "callers",
        Policy,
        callers,
        form::EXTENSIONS,
        "",
        "Who may call it, written as in extensions; others are refused. Empty: everybody."
    ),
    row!(
        "page",
        CALLS,
        "accounts",
        Policy,
        accounts,
        form::NAMES,
        "",
        "The accounts that its calls come by: sip for that of [sip], NAME for [sip:NAME]. Empty:\n\
         all, and calls that come straight to this machine."
    ),
    Row {
        key: Key {
            is_secret: true,
            ..PIN.key
        },
        ..PIN
    },
    row!(
        "page",
        CALLS,
        "stops",
        Policy,
        stops,
        form::NAMES,
        "",
        "A number that ends other pages: their names, or all (emergencies only of its priority\n\
         or below). Its message, if it has one, is played afterwards."
    ),
    row!(
        "page",
        ZONES,
        "zones",
        Policy,
        zones,
        form::ZONE_NAMES,
        "all",
        "The zones that hear it, or all."
    ),
    row!(
        "page",
        ZONES,
        "codes",
        Policy,
        codes,
        form::CODES,
        "",
        "Zones that the caller chooses after the answer by keys: CODE:ZONE, CODE:ZONE+ZONE or\n\
         CODE:all, e.g. 1:hall 2:rooms 9:all. In place of zones."
    ),
    row!(
        "page",
        ZONES,
        "priority",
        Policy,
        priority,
        form::PRIORITY,
        "100",
        "From 0 to 255: what is higher takes the zones that it needs from what is lower, and gives\n\
         them back; 200 and above is emergency."
    ),
    row!(
        "page",
        ZONES,
        "busy",
        Policy,
        busy,
        form::BUSY,
        "queue",
        "What it does while others of its priority hold its zones: queue waits, mix is heard\n\
         beside them, reject is refused as busy."
    ),
    row!(
        "page",
        ZONES,
        "partial",
        Policy,
        partial,
        form::BOOL,
        "no",
        "Begin in those of its zones that are free; the others join when they become free."
    ),
    row!(
        "page",
        ZONES,
        "mode",
        Policy,
        mode,
        form::MODE,
        "live",
        "live: the caller is heard while it speaks. delayed: it speaks after a beep, presses # and\n\
         hears it back, # again sends it, * once more begins anew; it is played when the zones are\n\
         free. Nothing howls, and nobody has to wait."
    ),
    row!(
        "page",
        ZONES,
        "queue-timeout",
        Policy,
        queue_timeout,
        form::SECONDS_LIMIT,
        "0.0",
        "Wait no longer than this for its zones, e.g. 2m; 0 for as long as the caller does."
    ),
    row!(
        "page",
        LENGTH,
        "max-duration",
        Policy,
        max_duration,
        form::SECONDS_LIMIT,
        "0.0",
        "Hang up when the caller has been on the speakers for so long, e.g. 90s; 0 for never.\n\
         hang-up-after-minutes of [calls] counts beside it, but for emergencies. Of a delayed page:\n\
         how long one may speak, 10m at most, and 2m unless written."
    ),
    row!(
        "page",
        LENGTH,
        "warning",
        Policy,
        warning,
        form::SECONDS,
        "10.0",
        "How long before max-duration the end is told; 0 for not at all."
    ),
    row!(
        "page",
        LENGTH,
        "warning-tone",
        Policy,
        warning_tone,
        form::TONE,
        "nothing",
        "What the listeners hear then: nothing, klaxon for that of [audio], or a sound file."
    ),
    row!(
        "page",
        SOUND,
        "pre-roll",
        Policy,
        pre_roll,
        form::RAMP,
        "0ms",
        "A quiet before everything else, in which amplifiers wake up."
    ),
    row!(
        "page",
        SOUND,
        "klaxon",
        Policy,
        klaxon,
        form::TONE,
        "klaxon",
        "What sounds first: klaxon for that of [audio], nothing, or a sound file."
    ),
    row!(
        "page",
        SOUND,
        "end-tone",
        Policy,
        end_tone,
        form::TONE,
        "nothing",
        "What sounds after the last word: nothing, klaxon for that of [audio], or a sound file."
    ),
    row!(
        "page",
        SOUND,
        "message",
        Policy,
        message,
        form::PATH,
        "",
        "A sound file that is played in place of the caller's voice: the call is answered, told by\n\
         a tone that it is done, and hung up."
    ),
    row!(
        "page",
        SOUND,
        "say",
        Policy,
        say,
        form::OPTIONAL_TEXT,
        "",
        "In place of message: a text that is spoken, by the speech-command of [audio]."
    ),
    row!(
        "page",
        SOUND,
        "repeat",
        Policy,
        repeat,
        form::REPEAT,
        "1",
        "How often the message or text is played: 1 to 100."
    ),
    row!(
        "page",
        SOUND,
        "announce-to-caller",
        Policy,
        announce_to_caller,
        form::BOOL,
        "no",
        "Tell the caller by tones: one low beep for each page before theirs, a high one to speak,\n\
         two when the end is near, a fall when another page takes all zones."
    ),
    row!(
        "page",
        RECORD,
        "record",
        Policy,
        record,
        form::RECORD,
        "no",
        "no; caller for what the caller says; page for what its zones hear: klaxon, voice and end\n\
         tone, without music. Where and how stands in [server]."
    ),
    row!(
        "page",
        RECORD,
        "record-greeting",
        Policy,
        record_greeting,
        form::PATH,
        "",
        "A sound file that tells the caller of the recording: they are answered, hear it, and then\n\
         the page begins. Empty: nothing."
    ),
];

//! Which keys does `[calls]` have?

use crate::config::form;
use crate::config::keys::{Key, whole};

const CALLS: &str = "Rules of a call";

pub(super) const KEYS: &[Key] = &[
    whole!(
        "calls",
        CALLS,
        "hang-up-after-minutes",
        Policy,
        calls.hang_up_after,
        form::MINUTES_LIMIT,
        "5.0",
        "Hang up on a caller who has been heard for so many minutes. 0: never."
    ),
    whole!(
        "calls",
        CALLS,
        "hold-concurrent",
        Policy,
        calls.hold_concurrent,
        form::BOOL,
        "yes",
        "yes: a second caller waits until the first has hung up, then gets the klaxon.\n\
         no: everyone is heard at once."
    ),
    whole!(
        "calls",
        CALLS,
        "answer-delay",
        Policy,
        calls.answer_delay,
        form::SECONDS,
        "0.0",
        "Let it ring for so many seconds before anything happens."
    ),
    whole!(
        "calls",
        CALLS,
        "klaxon-before-answer",
        Policy,
        calls.klaxon_before_answer,
        form::BOOL,
        "yes",
        "yes: the klaxon sounds while the caller still hears ringing; picked up means go ahead.\n\
         no: pick up at once; the caller is connected after the klaxon."
    ),
    whole!(
        "calls",
        CALLS,
        "announce-to-caller",
        Klaxon,
        calls.announce_to_caller,
        form::ANNOUNCE,
        "nothing",
        "What a caller hears when the page begins, before the answer too if its phone can:\n\
         nothing, klaxon (what the listeners hear), or a sound file."
    ),
    whole!(
        "calls",
        CALLS,
        "rtp-timeout",
        Media,
        calls.rtp_timeout,
        form::SECONDS_LIMIT,
        "30.0",
        "Hang up if no sound packet has come for so many seconds: the phone is gone. 0: never."
    ),
    whole!(
        "calls",
        CALLS,
        "silence-hang-up",
        Policy,
        calls.silence_hang_up,
        form::SECONDS_LIMIT,
        "0.0",
        "Hang up on a caller on the speakers who has said nothing for so long, e.g. 30s; a tone\n\
         warns the caller before. 0: never. Emergencies are not cut off."
    ),
    whole!(
        "calls",
        CALLS,
        "klaxon-for",
        Policy,
        calls.klaxon_for,
        form::KLAXON_FOR,
        "all",
        "all: every caller is announced by the klaxon.\n\
         not-auto-answer: not those whose phone or PBX calls us as an intercom (Call-Info,\n\
         Alert-Info, Answer-Mode and the like); they are heard at once."
    ),
];

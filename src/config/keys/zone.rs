//! Which keys does `[zone:NAME]` have?

use crate::config::form;
use crate::config::keys::{Row, row};
use crate::config::zone::Zone;

const PLACE: &str = "Where a zone is heard";
const LEVELS: &str = "How loud a zone is";
const RECORD: &str = "What is recorded of it";
const FITTING: &str = "How its sound is fitted";

/// Beside the table: no zone is there unless written, and then every output is one zone.
pub(in crate::config) const KEYS: &[Row<Zone>] = &[
    row!(
        "zone",
        PLACE,
        "outputs",
        Zones,
        outputs,
        form::OUTPUTS,
        "",
        "Its loudspeakers, several parted by blanks or commas: regular expressions searched in\n\
         the names of JACK ports, device:NAME for a sound card (device:NAME/3 and device:NAME/3-4\n\
         for some of its channels), multicast:239.1.2.3:5004 or multicast:NAME for a group\n\
         of IP speakers and telephones, see [multicast-out:NAME]. \\ before a blank or comma\n\
         makes it part of a name. An output may be of several zones."
    ),
    row!(
        "zone",
        LEVELS,
        "volume",
        Zones,
        volume,
        form::VOLUME,
        "0dB",
        "The level of callers and messages here, beside volume-call of [audio]."
    ),
    row!(
        "zone",
        LEVELS,
        "klaxon-volume",
        Zones,
        klaxon_volume,
        form::VOLUME,
        "0dB",
        "The level of klaxons here, beside volume-klaxon of [audio]."
    ),
    row!(
        "zone",
        LEVELS,
        "music-volume",
        Zones,
        music_volume,
        form::VOLUME,
        "0dB",
        "The level of music here, beside volume-music of [audio]."
    ),
    row!(
        "zone",
        LEVELS,
        "music-volume-at",
        Music,
        music_volume_at,
        form::VOLUME_AT,
        "",
        "The level of music by the time of day, instead of music-volume: e.g.\n\
         08:00 -6dB, 18:00 -20dB, 22:00 off. What holds in the evening holds until the morning."
    ),
    row!(
        "zone",
        LEVELS,
        "music",
        Music,
        music,
        form::OPTIONAL_TEXT,
        "",
        "The NAME of the [music:NAME] that plays here, or off. Empty: as in [audio]."
    ),
    row!(
        "zone",
        LEVELS,
        "music-at",
        Music,
        music_at,
        form::MUSIC_AT,
        "",
        "What plays here by the time of day, instead of music: e.g. 08:00 lounge, 18:00 off."
    ),
    row!(
        "zone",
        LEVELS,
        "duck",
        Zones,
        duck,
        form::OPTIONAL_DUCK,
        "",
        "How much softer the music gets here while somebody is heard. Empty: as in [audio]."
    ),
    row!(
        "zone",
        FITTING,
        "high-pass",
        Zones,
        high_pass,
        form::HIGH_PASS,
        "no",
        "Keep frequencies below so many hertz from its loudspeakers, e.g. 120 for horns: 20 to\n\
         1000, or no."
    ),
    row!(
        "zone",
        FITTING,
        "eq",
        Zones,
        eq,
        form::EQ,
        "",
        "Up to 9 bands parted by blanks: HERTZ:GAIN:Q for a bell, low:HERTZ:GAIN and\n\
         high:HERTZ:GAIN for all below or above, e.g. 400:-6dB:2 high:4000:3dB."
    ),
    row!(
        "zone",
        FITTING,
        "delay",
        Zones,
        delay,
        form::ZONE_DELAY,
        "0ms",
        "Play so much later, up to 1s: 2.9ms for each metre that it is farther from the\n\
         listener than the loudspeaker heard first."
    ),
    row!(
        "zone",
        FITTING,
        "limiter",
        Zones,
        limiter,
        form::LIMITER,
        "-1dB",
        "What no peak exceeds: -40dB to -1dB below the loudest that an output can play."
    ),
    row!(
        "zone",
        RECORD,
        "record",
        Policy,
        record,
        form::RECORD_ZONE,
        "no",
        "no; or pages: all that leaves by its outputs, a channel each up to 8, music too, while a\n\
         page or a bell is heard here. Where and how stands in [server]."
    ),
];

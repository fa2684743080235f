//! Which keys does `[music:NAME]` have?

use crate::config::form;
use crate::config::keys::{Row, row};
use crate::config::music::Music;

const SOURCE: &str = "Where music comes from";
const MANNER: &str = "How it is played";

/// Beside the table: no source is there unless written.
pub(in crate::config) const KEYS: &[Row<Music>] = &[
    row!(
        "music",
        SOURCE,
        "path",
        Music,
        path,
        form::PATH,
        "",
        "A sound file, a folder with all its folders, or a playlist (m3u, m3u8, pls, xspf)."
    ),
    row!(
        "music",
        SOURCE,
        "url",
        Music,
        url,
        form::URL,
        "",
        "A stream over HTTP as Icecast and SHOUTcast send it, or a playlist that names one.\n\
         A stream that goes away is tried again and again."
    ),
    row!(
        "music",
        SOURCE,
        "jack-client",
        Music,
        jack_client,
        form::OPTIONAL_PATTERN,
        "",
        "Players in the JACK graph: a regular expression searched in the names of ports that give\n\
         sound, as ^mpd\\.hall: does. The first is the left side, the second the right. They are\n\
         connected whenever they are there, and to nothing else; jack-music-links does not count."
    ),
    row!(
        "music",
        SOURCE,
        "fallback",
        Music,
        fallback,
        form::OPTIONAL_TEXT,
        "",
        "The NAME of another [music:NAME] that plays while this one cannot."
    ),
    row!(
        "music",
        MANNER,
        "shuffle",
        Music,
        shuffle,
        form::BOOL,
        "no",
        "yes: each round in another order, every piece once."
    ),
    row!(
        "music",
        MANNER,
        "volume",
        Music,
        volume,
        form::VOLUME,
        "0dB",
        "The level of this source, beside volume-music of [audio] and music-volume of zones."
    ),
    row!(
        "music",
        MANNER,
        "crossfade",
        Music,
        crossfade,
        form::CROSSFADE,
        "0ms",
        "How long the end of a piece and the beginning of the next overlap, up to 30s.\n\
         0ms: pieces follow each other without a gap."
    ),
    row!(
        "music",
        MANNER,
        "loudness",
        Music,
        loudness,
        form::LOUDNESS,
        "yes",
        "yes: all files are heard equally loud (EBU R128, -18 LUFS); a level in LUFS such as\n\
         -23dB; no: as they are. Streams are played as they are."
    ),
    row!(
        "music",
        MANNER,
        "stereo",
        Music,
        stereo,
        form::BOOL,
        "yes",
        "yes: the first, third ... output of a zone plays left, the others right; a single one\n\
         plays both. no: every output plays both."
    ),
    row!(
        "music",
        MANNER,
        "in-pages",
        Music,
        in_pages,
        form::IN_PAGES,
        "duck",
        "duck: it goes on softly below a page. pause: where all who hear it hear a page, it stands\n\
         still and goes on with its next note."
    ),
];

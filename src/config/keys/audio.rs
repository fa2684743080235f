//! Which keys does `[audio]` have?

use crate::base::Db;
use crate::config::form;
use crate::config::keys::{Access, Key, Part, Slot, whole};
use crate::config::model::{Config, Device, Volume};

const BACKEND: &str = "What plays the sound";
const KLAXON: &str = "Klaxon";
const MUSIC: &str = "Music and volume";
const VOICES: &str = "Voices";
const JACK: &str = "JACK";

/// A row for a key of the old fading music, which changes nothing while it is empty.
macro_rules! fade {
    ($name:literal, $field:ident, $parse:expr, $doc:literal) => {
        Key {
            section: "audio",
            name: $name,
            aliases: &[],
            group: MUSIC,
            default: "",
            doc: $doc,
            part: Part::Policy,
            is_secret: false,
            slot: Slot::Whole(Access {
                set: |config, text, _| {
                    if !text.is_empty() {
                        config.audio.$field = ($parse)(text)?;
                    }
                    Ok(())
                },
                show: |_| String::new(),
            }),
        }
    };
}

pub(super) const KEYS: &[Key] = &[
    whole!(
        "audio",
        BACKEND,
        "backend",
        Output,
        audio.backend,
        form::BACKEND,
        "auto",
        "jack: a JACK or PipeWire server. device: a sound card. timer: nothing is heard.\n\
         auto: the first of these that is there."
    ),
    whole!(
        "audio",
        BACKEND,
        "device",
        Output,
        audio.device,
        form::DEVICE,
        "",
        "The sound card for the device backend: its number in the list of\n\
         paging --dump-devices, or a regular expression found in exactly one name there\n\
         (case does not matter). Empty: the system's default."
    ),
    Key {
        slot: Slot::Whole(Access {
            set: pjsua_device,
            show: |_| String::new(),
        }),
        ..whole!(
            "audio",
            BACKEND,
            "pjsua-device",
            Output,
            audio.device,
            form::DEVICE,
            "",
            "The old name of device. A number means nothing any more, and neither do the names\n\
             system, pulse and default: the backend is chosen above."
        )
    },
    whole!(
        "audio",
        BACKEND,
        "sample-rate",
        Output,
        audio.sample_rate,
        form::SAMPLE_RATE,
        "",
        "Frames a second for the device and timer backends, e.g. 48000.\n\
         Empty: the card's own. JACK has its own."
    ),
    whole!(
        "audio",
        BACKEND,
        "period",
        Output,
        audio.period,
        form::PERIOD,
        "",
        "Frames that the card takes at a time, e.g. 256; fewer mean less delay and more load.\n\
         Empty: the card's own. JACK has its own."
    ),
    whole!(
        "audio",
        KLAXON,
        "klaxon",
        Klaxon,
        audio.klaxon,
        form::PATH,
        "",
        "The sound file played before each announcement: wav, mp3, flac, ogg, m4a and others.\n\
         Empty: none. One comes with the program, e.g.:\n\
         klaxon = sounds/klaxon.wav"
    ),
    whole!(
        "audio",
        KLAXON,
        "klaxon-max-length",
        Policy,
        audio.klaxon_max_length,
        form::SECONDS_LIMIT,
        "10.0",
        "Cut the klaxon off after so many seconds. 0: play it to its end."
    ),
    whole!(
        "audio",
        KLAXON,
        "klaxon-padding",
        Policy,
        audio.klaxon_padding_s,
        form::SIGNED_SECONDS,
        "0.0",
        "Seconds between the klaxon and the answer; a negative number answers before its end."
    ),
    whole!(
        "audio",
        MUSIC,
        "duck",
        Policy,
        audio.duck,
        form::DUCK,
        "-20dB",
        "How much softer the music gets while somebody is heard; -infdB mutes it."
    ),
    whole!(
        "audio",
        MUSIC,
        "duck-attack",
        Policy,
        audio.duck_attack,
        form::RAMP,
        "150ms",
        "How long the music takes to get softer."
    ),
    whole!(
        "audio",
        MUSIC,
        "duck-release",
        Policy,
        audio.duck_release,
        form::RAMP,
        "800ms",
        "How long the music takes to come back."
    ),
    fade!(
        "music-fade-out-duration",
        duck_attack,
        form::SECONDS.parse,
        "The old name of duck-attack, in seconds. If set, it counts instead of duck-attack."
    ),
    fade!(
        "music-fade-in-duration",
        duck_release,
        form::SECONDS.parse,
        "The old name of duck-release, in seconds. If set, it counts instead of duck-release."
    ),
    fade!(
        "music-fade-out-min",
        duck,
        fade_floor,
        "The old name of duck, in percent of the volume; 0 mutes.\n\
         If set, it counts instead of duck."
    ),
    whole!(
        "audio",
        MUSIC,
        "music",
        Music,
        audio.music,
        form::OPTIONAL_TEXT,
        "",
        "The NAME of the [music:NAME] that zones play which name none of their own. Empty or off:\n\
         none. Music of JACK clients needs no name."
    ),
    whole!(
        "audio",
        MUSIC,
        "volume-music",
        Music,
        audio.volume_music,
        form::VOLUME,
        "-1.0",
        "The volume of the music: percent as PulseAudio counts (100: as it comes, 50: -18dB,\n\
         0: silent) or decibels as in -6dB. Below 0: as it comes."
    ),
    whole!(
        "audio",
        MUSIC,
        "volume-klaxon",
        Policy,
        audio.volume_klaxon,
        form::VOLUME,
        "-1.0",
        "The volume of the klaxon, written the same way."
    ),
    whole!(
        "audio",
        MUSIC,
        "volume-call",
        Policy,
        audio.volume_call,
        form::VOLUME,
        "-1.0",
        "The volume of callers, written the same way."
    ),
    whole!(
        "audio",
        VOICES,
        "agc",
        Voices,
        audio.agc,
        form::AGC,
        "no",
        "Bring quiet and loud callers to the same loudness: yes (-20dB), no, or the loudness in\n\
         LUFS as in -23dB. Noise in pauses is not raised."
    ),
    whole!(
        "audio",
        VOICES,
        "speech-filter",
        Voices,
        audio.speech_filter,
        form::SPEECH_FILTER,
        "no",
        "Make callers easier to understand on loudspeakers: no hum and rumble, less noise in\n\
         pauses, three bands that are compressed. yes, no, or where the bands part, in hertz;\n\
         yes is 800 2500."
    ),
    whole!(
        "audio",
        VOICES,
        "howl",
        Voices,
        audio.howl,
        form::HOWL,
        "notch",
        "A caller too near to a loudspeaker howls. notch: filter out where it howls, and make the\n\
         voice a little softer; duck: only make it softer; off: let it howl."
    ),
    whole!(
        "audio",
        VOICES,
        "speech-command",
        Policy,
        audio.speech_command,
        form::COMMAND,
        "espeak-ng -w {file} -- {text}",
        "The program that speaks the texts of say: {file} is the WAV file that it writes, {text}\n\
         what it says. Without {text} it reads the text from its standard input, without {file} it\n\
         writes the sound to its standard output. No shell has part in it."
    ),
    whole!(
        "audio",
        JACK,
        "jack-autostart",
        Output,
        audio.jack.autostart,
        form::BOOL,
        "yes",
        "Start a JACK server if none runs. Setting JACK_NO_START_SERVER in the environment\n\
         prevents it all the same."
    ),
    whole!(
        "audio",
        JACK,
        "jack-server-name",
        Output,
        audio.jack.server_name,
        form::OPTIONAL_TEXT,
        "",
        "The JACK server to use. Empty: JACK_DEFAULT_SERVER of the environment, or \"default\"."
    ),
    Key {
        slot: Slot::Whole(Access {
            set: |config, text, _| {
                let name = (form::TEXT.parse)(text)?;
                config.audio.jack.client_name = if name.is_empty() {
                    CLIENT_NAME.to_owned()
                } else {
                    name
                };
                Ok(())
            },
            show: |config| config.audio.jack.client_name.clone(),
        }),
        ..whole!(
            "audio",
            JACK,
            "jack-client-name",
            Output,
            audio.jack.client_name,
            form::TEXT,
            "paging",
            "Our name in JACK."
        )
    },
    whole!(
        "audio",
        JACK,
        "jack-output-ports",
        Output,
        audio.jack.output_ports,
        form::OPTIONAL_PATTERN,
        "",
        "The speakers: a regular expression searched in the names of JACK ports, as\n\
         paging --dump-jack-ports lists them. Empty: every port that takes sound."
    ),
    Key {
        slot: Slot::Whole(Access {
            set: |config, text, remarks| {
                config.audio.jack.music_client = (form::PATTERN.parse)(text)?;
                if text.is_empty() {
                    remarks.push(MATCHES_ALL.to_owned());
                }
                Ok(())
            },
            show: |config| (form::PATTERN.show)(&config.audio.jack.music_client),
        }),
        ..whole!(
            "audio",
            JACK,
            "jack-music-client-name",
            Output,
            audio.jack.music_client,
            form::PATTERN,
            r"^mpd\.paging:(.*)$",
            "The music: a regular expression searched in the names of JACK ports that give sound.\n\
             What the first ( ) holds is the short name for the links below."
        )
    },
    whole!(
        "audio",
        JACK,
        "jack-music-links",
        Output,
        audio.jack.music_links,
        form::LINKS,
        "left---(left|playback_1) right---(right|playback_2)",
        "Which music goes to which speakers: IN---OUT, several parted by blanks. IN is searched\n\
         in the short name of a music port, OUT in the name of a speaker; an empty OUT is all.\n\
         A music port that no link names is not connected."
    ),
];

const CLIENT_NAME: &str = "paging";

const MATCHES_ALL: &str =
    "an empty expression matches every port that gives sound; write ^$ if there is no music";

/// The names that the old generations had to use to reach JACK or PulseAudio.
const OLD_DEVICES: [&str; 3] = ["^system$", "^pulse$", "^default$"];

/// The old name of `device`, as far as it can still mean one.
fn pjsua_device(config: &mut Config, text: &str, remarks: &mut Vec<String>) -> Result<(), String> {
    if text.is_empty() || OLD_DEVICES.contains(&text) {
        return Ok(());
    }
    match (form::DEVICE.parse)(text)? {
        None => {}
        Some(Device::Index(_)) => remarks.push(
            "numbers are counted differently now, ignored; \
             write device = NUMBER as listed by paging --dump-devices"
                .to_owned(),
        ),
        Some(_) if config.audio.device.is_some() => {
            remarks.push("is the old name of device, which is also set and counts".to_owned());
        }
        Some(device) => {
            remarks.push(format!("is now called device; write device = {text}"));
            config.audio.device = Some(device);
        }
    }
    Ok(())
}

/// Percent of the volume, 0 to 100.
fn fade_floor(text: &str) -> Result<Db, String> {
    match (form::VOLUME.parse)(text) {
        Ok(Volume::Untouched) => Ok(Db::SILENCE),
        Ok(level) if level.level().0 <= 0.0 => Ok(level.level()),
        _ => Err("not a floor for the music; write 0 to 100 percent".to_owned()),
    }
}

//! What crosses between the console and the engine?

use std::time::Duration;

use crate::base::{CallId, Db, MusicId, PlayId, RecordingId, ZoneId, ZoneSet};
use crate::dsp::Howl;
use crate::mix::outlet::Lines;
use crate::mix::pickup::Pickup;
use crate::mix::play::Play;
use crate::mix::routes::Table;
use crate::mix::tap::Change;
use crate::mix::treatment::Treatment;
use crate::mix::tune::Tune;
use crate::mix::voice::Voice;
use crate::mix::zone::Fitting;

/// From the console to the engine.
pub(super) enum Command {
    Routes(Box<Table>),
    Speak(Box<Voice>),
    /// Voices of the call with a serial up to this.
    Leave(CallId, u64),
    /// All voices.
    Treat(Box<Treatment>),
    Play(Box<Play>),
    Stop(PlayId),
    /// All voices of the call.
    MoveVoice(CallId, ZoneSet),
    MovePlay(PlayId, ZoneSet),
    Duck {
        zones: ZoneSet,
        gain: f32,
        ramp: Duration,
    },
    MusicVolume {
        zones: ZoneSet,
        gain: f32,
    },
    SpeechVolume {
        zones: ZoneSet,
        gain: f32,
    },
    KlaxonVolume {
        zones: ZoneSet,
        gain: f32,
    },
    Fit(ZoneId, Box<Fitting>),
    Lines(Box<Lines>),
    Music(Box<Tune>),
    /// Tunes of the source with a serial up to this.
    EndMusic(MusicId, u64),
    Record(Box<Pickup>),
    EndRecording(RecordingId),
    Tap(Box<Change>),
}

/// From the engine to the console: what is finished and can be dropped there.
pub(super) enum Spent {
    Table(Box<Table>),
    /// Gone, or never begun because it was made for another rate.
    Voice(Box<Voice>),
    Play(Box<Play>),
    Fitting(Box<Fitting>),
    Treatment(Box<Treatment>),
    /// Empty in exchange for full, or as they were because they were made for another rate.
    Lines(Box<Lines>),
    /// Gone, or never begun because it was made for another rate.
    Music(Box<Tune>),
    /// Over, or never begun because it was made for another rate.
    Pickup(Box<Pickup>),
    Tap(Box<Change>),
}

/// What the console has to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The play has ended, was stopped, or the clock changed under it. Comes once for each play.
    Ended { play: PlayId },
    /// The voice is no longer heard: it was removed, or its feed was dropped and played out.
    VoiceGone { call: CallId, report: VoiceReport },
    /// The voice has howled so often by now, the last time so.
    Howled { call: CallId, n: u32, howl: Howl },
    /// The music is no longer heard: it was removed, its ring was dropped and played out, or the
    /// rate changed under it.
    MusicGone { music: MusicId },
    /// Nothing is picked up for the recording any more, because the rate has changed under it.
    RecordingBroken { recording: RecordingId },
}

/// How a voice fared at the engine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct VoiceReport {
    /// How long it was heard.
    pub played: Duration,
    /// How long it had nothing to say after it had begun.
    pub starved: Duration,
    /// How often that happened.
    pub n_starved: u64,
    /// How often it skipped ahead, because far too much had piled up.
    pub n_skips: u64,
    /// By how much the caller's clock seemed to run fast against the card's.
    pub skew_ppm: f64,
    /// Its highest sample, before zones and limiter.
    pub peak: Db,
}

impl Command {
    /// Whether carrying this out makes `earlier`, which waits just as long, pointless.
    pub(super) fn replaces(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Routes(_), Self::Routes(_)) | (Self::Treat(_), Self::Treat(_)) => true,
            (Self::Fit(a, _), Self::Fit(b, _)) => a == b,
            (Self::Tap(a), Self::Tap(b)) => a.tap == b.tap,
            (Self::MoveVoice(a, _), Self::MoveVoice(b, _)) => a == b,
            (Self::MovePlay(a, _), Self::MovePlay(b, _)) => a == b,
            (Self::Duck { zones: a, .. }, Self::Duck { zones: b, .. })
            | (Self::MusicVolume { zones: a, .. }, Self::MusicVolume { zones: b, .. })
            | (Self::SpeechVolume { zones: a, .. }, Self::SpeechVolume { zones: b, .. })
            | (Self::KlaxonVolume { zones: a, .. }, Self::KlaxonVolume { zones: b, .. }) => {
                b.difference(a).is_empty()
            }
            (
                Self::Routes(_)
                | Self::Speak(_)
                | Self::Leave(..)
                | Self::Treat(_)
                | Self::Play(_)
                | Self::Stop(_)
                | Self::MoveVoice(..)
                | Self::MovePlay(..)
                | Self::Duck { .. }
                | Self::MusicVolume { .. }
                | Self::SpeechVolume { .. }
                | Self::KlaxonVolume { .. }
                | Self::Fit(..)
                | Self::Lines(_)
                | Self::Music(_)
                | Self::EndMusic(..)
                | Self::Record(_)
                | Self::EndRecording(_)
                | Self::Tap(_),
                _,
            ) => false,
        }
    }
}

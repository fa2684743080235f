//! How does a page that is asked for get its sound, also one that has to be made first?
//!
//! ```text
//!  play ─────────────────────────────────────────────► control::Core
//!  say, tone ─► made beside the loop ─► Dictated ─► control::Core ─► page over: forgotten
//! ```

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::Service;
use super::http::tell;
use super::kept::Shipment;
use crate::api::{Answer, Content, PageWanted, ToneWanted, Unknown, Who};
use crate::base::{Db, Pcm, SampleRate};
use crate::control::{Clip, Demand, Sound};
use crate::daemon::dictation::Take;
use crate::daemon::speech;
use crate::dsp::{convert, tones};

/// Who wants a page whose sound is being made, and how.
pub(super) struct Asked {
    who: Who,
    wanted: PageWanted,
}

impl Service {
    pub(super) fn asked_to_start(
        &mut self,
        who: Who,
        wanted: PageWanted,
        answer: oneshot::Sender<Answer>,
    ) {
        let named = match wanted.content() {
            Some(Content::Play(name)) => self.lexicon().named(&who, &wanted, name),
            Some(Content::Say(text)) => {
                let (text, command) = (text.to_owned(), self.config.audio.speech_command.clone());
                let rate = self.console.vitals().rate();
                let speak = move || Ok(at_rate(speech::once(&command, &text)?, rate));
                return self.make(who, wanted, answer, speak);
            }
            Some(Content::Tone(tone)) => {
                let rate = self.console.vitals().rate();
                return self.make(who, wanted, answer, move || Ok(sine(tone, rate)));
            }
            // The server has refused it.
            None => return,
        };
        match named {
            Ok(start) => self.order(&who, Demand::Page(Box::new(start)), answer, None),
            Err(unknown) => tell(answer, Answer::Unknown(unknown)),
        }
    }

    /// Makes the sound on another thread, unless the page is nonsense whatever it sounds like.
    fn make(
        &self,
        who: Who,
        wanted: PageWanted,
        answer: oneshot::Sender<Answer>,
        make: impl FnOnce() -> Result<Pcm, String> + Send + 'static,
    ) {
        if let Err(unknown) = self.lexicon().made(&who, &wanted, NOT_YET) {
            return tell(answer, Answer::Unknown(unknown));
        }
        let shipments = self.shipments_tx.clone();
        spawn_blocking(move || {
            let made = Shipment::made(Asked { who, wanted }, make(), answer);
            // A daemon that has ended does not hear it.
            shipments.send(made).ok();
        });
    }

    /// The sound is there. Who did not wait for it does not get it.
    pub(super) fn made(
        &mut self,
        asked: Asked,
        sound: Result<Pcm, String>,
        answer: oneshot::Sender<Answer>,
    ) {
        let Asked { who, wanted } = asked;
        let pcm = match sound {
            Ok(pcm) => Arc::new(pcm),
            Err(why) => return tell(answer, Answer::Unspoken(why)),
        };
        if answer.is_closed() {
            return;
        }
        self.console.prepare(&pcm);
        let clip = self.dictated.keep(Take {
            for_caller: pcm.clone(),
            for_zones: pcm,
        });
        match self.lexicon().made(&who, &wanted, clip) {
            Ok(start) => self.order(&who, Demand::PageOnce(Box::new(start)), answer, None),
            Err(unknown) => self.give_up(clip, unknown, answer),
        }
    }

    /// A reload has taken the zones away meanwhile.
    fn give_up(&mut self, clip: Clip, unknown: Unknown, answer: oneshot::Sender<Answer>) {
        if let Sound::Stored(id) = clip.sound {
            self.dictated.forget(id);
        }
        tell(answer, Answer::Unknown(unknown));
    }
}

/// As the engine takes it, which would keep the loop waiting.
fn at_rate(pcm: Pcm, rate: SampleRate) -> Pcm {
    Pcm::mono(rate, convert(&pcm.to_mono(), pcm.rate, rate))
}

fn sine(tone: ToneWanted, rate: SampleRate) -> Pcm {
    let span = Duration::from_secs_f64(tone.seconds);
    Pcm::mono(rate, tones::tone(tone.hz, Db(tone.level_dbfs), rate, span))
}

/// Stands for a sound that is not made yet.
const NOT_YET: Clip = Clip {
    sound: Sound::Klaxon,
    duration: Duration::ZERO,
};

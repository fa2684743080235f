//! Which bell does the running daemon ring now?

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::files::{self, Chimes};
use crate::base::Pcm;
use crate::bells::{Diary, Event, Mark, Memory, Occurrence};
use crate::config::{Chime, Config, Mistake};
use crate::daemon::keeper::Keeper;
use crate::daemon::speech::Spoken;

/// The bells of a daemon, and what they sound like.
pub(in crate::daemon) struct Ringing {
    diary: Diary,
    /// None while there has been no bell.
    keeper: Option<Keeper>,
    file: PathBuf,
    kept: Memory,
    chimes: Chimes,
}

/// A bell that has to ring now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::daemon) struct Due {
    /// NAME of its section.
    pub(in crate::daemon) bell: String,
    /// What a log line says of its time.
    pub(in crate::daemon) told: String,
}

impl Ringing {
    /// Reads calendars, sounds and what is remembered in `file`.
    ///
    /// # Errors
    /// What is wrong with the files that the configuration names.
    pub(in crate::daemon) fn start(
        config: &Config,
        spoken: &Spoken,
        file: PathBuf,
        now: Timestamp,
    ) -> Result<Self, Vec<Mistake>> {
        let timetable = files::timetable(config)?;
        let chimes = files::chimes(config, spoken)?;
        let (keeper, memory) = if config.bells.is_empty() {
            (None, Memory::default())
        } else {
            let (keeper, text) = Keeper::open(file.clone(), WHAT);
            let memory = text.map_or_else(Memory::default, |text| remembered(&text, &file));
            (Some(keeper), memory)
        };
        let kept = memory.clone();
        let diary = Diary::new(timetable, memory, now);
        let mut ringing = Self {
            diary,
            keeper,
            file,
            kept,
            chimes,
        };
        ringing.tell_past(now);
        ringing.keep();
        Ok(ringing)
    }

    /// Takes over the bells of another configuration; on failure the old ones go on.
    ///
    /// # Errors
    /// As `start`.
    pub(in crate::daemon) fn follow(
        &mut self,
        config: &Config,
        spoken: &Spoken,
        now: Timestamp,
    ) -> Result<(), Vec<Mistake>> {
        let timetable = files::timetable(config)?;
        self.chimes = files::chimes(config, spoken)?;
        if self.keeper.is_none() && !config.bells.is_empty() {
            self.keeper = Some(Keeper::open(self.file.clone(), WHAT).0);
        }
        self.diary.handle_timetable(timetable, now);
        self.tell_past(now);
        self.keep();
        Ok(())
    }

    /// How long nothing is due, if nobody sets the clock.
    pub(in crate::daemon) fn due_in(&self, now: Timestamp) -> Duration {
        let (at, _) = self.diary.poll_timeout();
        at.duration_since(now).try_into().unwrap_or(Duration::ZERO)
    }

    /// What has to ring now; what was missed is told to the log.
    pub(in crate::daemon) fn look(&mut self, now: Timestamp) -> Vec<Due> {
        self.diary.handle_time(now);
        self.keep();
        let events = std::iter::from_fn(|| self.diary.poll());
        let mut due = Vec::new();
        for event in events {
            match event {
                Event::Ring {
                    bell,
                    occurrence,
                    late,
                } => {
                    let told = told(&occurrence, late);
                    due.push(Due { bell, told });
                }
                Event::Missed {
                    bell,
                    n_times,
                    last,
                } => {
                    let at = last.local.strftime("%a %F %T");
                    tracing::error!(
                        "bell {bell}: missed {n_times} times, the last of them {at}: nobody could \
                         ring it then"
                    );
                }
                Event::ClockMoved { from, to } => {
                    let span = to.duration_since(from).as_secs();
                    tracing::warn!(
                        "the clock was set by {span} s, or the machine slept; bells that have \
                         rung do not ring again"
                    );
                }
            }
        }
        due
    }

    /// The sound of its own that a bell plays.
    pub(in crate::daemon) fn chime(&self, chime: &Chime) -> Option<&Arc<Pcm>> {
        self.chimes.get(chime)
    }

    fn keep(&mut self) {
        let memory = self.diary.memory();
        if let Some(keeper) = self.keeper.as_ref().filter(|_| *memory != self.kept) {
            keeper.keep(memory.to_text());
            self.kept = memory.clone();
        }
    }

    fn tell_past(&self, now: Timestamp) {
        for bell in &self.diary.timetable().bells {
            let today = bell.zone.to_datetime(now).date();
            if let Some(last) = bell.when.last_day().filter(|last| *last < today) {
                tracing::warn!(
                    "bell {} does not ring any more: {last} was its last day",
                    bell.name
                );
            }
        }
    }
}

fn remembered(text: &str, file: &Path) -> Memory {
    Memory::parse(text).unwrap_or_else(|why| {
        tracing::warn!("{} {why}; all bells begin now", file.display());
        Memory::default()
    })
}

fn told(it: &Occurrence, late: Duration) -> String {
    let mut text = it.local.strftime("%F %T").to_string();
    match it.mark {
        Mark::Plain => {}
        Mark::JumpedOver => text.push_str(", which the clocks jumped over"),
        Mark::First => text.push_str(", the first of two"),
        Mark::Second => text.push_str(", the second of two"),
    }
    if late >= WORTH_TELLING {
        text.push_str(&format!(", {} s late", late.as_secs()));
    }
    text
}

/// What is kept here.
const WHAT: &str = "bells are";

/// Below this nobody looks at a clock.
const WORTH_TELLING: Duration = Duration::from_secs(2);

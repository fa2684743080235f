//! Which bell does the running daemon ring now?

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};

use super::files::{self, Chimes};
use super::shown::Shown;
use crate::api::BellChange;
use crate::base::Pcm;
use crate::bells::{Diary, Event, Mark, Memory, Occurrence, Orders};
use crate::config::{Chime, Config, Mistake};
use crate::daemon::keeper::Keeper;
use crate::daemon::speech::Spoken;
use crate::daemon::zones::Zones;

/// The bells of a daemon, and what they sound like.
pub(in crate::daemon) struct Ringing {
    diary: Diary,
    /// None while there has been no bell.
    keeper: Option<Keeper>,
    file: PathBuf,
    kept: Memory,
    /// As `keeper`, of what users have ordered.
    orders_keeper: Option<Keeper>,
    kept_orders: Orders,
    /// None until somebody asks, and after each change.
    shown: Option<Arc<Shown>>,
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
        let (mut keeper, mut memory) = (None, Memory::default());
        let (mut orders_keeper, mut orders) = (None, Orders::default());
        if !config.bells.is_empty() {
            let (opened, text) = Keeper::open(file.clone(), WHAT);
            keeper = Some(opened);
            memory = text.map_or(memory, |text| remembered(&text, &file));
            let (opened, text) = open_orders(&file);
            orders_keeper = Some(opened);
            orders = text.map_or(orders, |text| ordered(&text, &file));
        }
        let (kept, kept_orders) = (memory.clone(), orders.clone());
        orders.retain(|name| config.bells.iter().any(|bell| bell.name == name));
        let mut ringing = Self {
            diary: Diary::going_on(timetable, memory, orders, now),
            keeper,
            file,
            kept,
            orders_keeper,
            kept_orders,
            shown: None,
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
            self.orders_keeper = Some(open_orders(&self.file).0);
        }
        self.shown = None;
        self.diary.handle_timetable(timetable, now);
        let mut orders = self.diary.orders().clone();
        orders.retain(|name| config.bells.iter().any(|bell| bell.name == name));
        self.diary.handle_orders(orders, now);
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

    /// Whether there is such a ring to skip, or such a skip to take back; the others can always be.
    pub(in crate::daemon) fn can_be(&self, bell: &str, change: BellChange, now: Timestamp) -> bool {
        let orders = self.diary.orders();
        match change {
            BellChange::Enable | BellChange::Disable { .. } => true,
            BellChange::Restore(at) => orders.skips(bell).any(|skipped| skipped == at),
            BellChange::Skip(at) => {
                let mut bells = self.diary.timetable().bells.iter();
                let bell = bells.find(|it| it.name == bell).filter(|_| at > now);
                let before = at.checked_sub(1.nanosecond()).unwrap_or(at);
                bell.is_some_and(|it| !it.when.between(before, at, &it.zone).is_empty())
            }
        }
    }

    /// From now on the bell rings so.
    pub(in crate::daemon) fn change(&mut self, bell: &str, change: BellChange, now: Timestamp) {
        let mut orders = self.diary.orders().clone();
        match change {
            BellChange::Enable => orders.wake(bell),
            BellChange::Disable { until } => orders.pause(bell, until),
            BellChange::Skip(at) => orders.skip(bell, at),
            BellChange::Restore(at) => orders.restore(bell, at),
        }
        self.diary.handle_orders(orders, now);
        self.keep();
    }

    /// What programs see of the bells.
    pub(in crate::daemon) fn shown(&mut self, config: &Config, zones: &Zones) -> Arc<Shown> {
        let (timetable, orders) = (self.diary.timetable(), self.diary.orders());
        let shown = self.shown.get_or_insert_with(|| {
            let shown = Shown::new(config, zones, timetable, orders);
            Arc::new(shown)
        });
        Arc::clone(shown)
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
        let orders = self.diary.orders();
        if *orders == self.kept_orders {
            return;
        }
        self.shown = None;
        if let Some(keeper) = &self.orders_keeper {
            keeper.keep(orders.to_text());
            self.kept_orders = orders.clone();
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

/// What users have ordered stands beside the memory.
fn open_orders(file: &Path) -> (Keeper, Option<String>) {
    Keeper::open(file.with_file_name(ORDERS), WHAT_ORDERS)
}

fn ordered(text: &str, file: &Path) -> Orders {
    Orders::parse(text).unwrap_or_else(|line| {
        let file = file.with_file_name(ORDERS);
        let file = file.display();
        tracing::warn!("{file}: \"{line}\" is no order; all bells ring as configured");
        Orders::default()
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

const WHAT_ORDERS: &str = "bells that are skipped or disabled are";

/// The file of what users have ordered, in the folder of the state.
pub(in crate::daemon) const ORDERS: &str = "bells-orders";

/// Below this nobody looks at a clock.
const WORTH_TELLING: Duration = Duration::from_secs(2);

//! What does one source play right now: the pieces of a list, or a station?

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::base::{Backoff, Db, Frame, SampleRate, StereoTx};
use crate::music::{Item, Loudness, Order, Steady, levelling};
use crate::sounds::music::book::Book;
use crate::sounds::music::chase::Chase;
use crate::sounds::music::list;
use crate::sounds::music::player::{Event, From, Settings};
use crate::sounds::music::radio::{Heard, Radio};
use crate::sounds::music::stage::{Clock, Stage};
use crate::sounds::piece::Piece;

/// How long the very first piece waits to be measured.
const MEASURING: Duration = Duration::from_secs(5);
/// A piece that nobody measured yet is taken for music as it is sold today.
const USUAL: Loudness = Loudness {
    integrated: Db(-14.0),
    peak: Db(0.0),
};
/// A station in a playlist that failed so often in a row is passed over.
const PATIENCE: usize = 3;

/// What is gained by one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    Made,
    /// Nothing for now; ask again soon.
    Waiting,
}

/// A source without its fallback.
pub(super) struct Program {
    settings: Settings,
    book: Option<Book>,
    stage: Stage,
    /// Follows the clock of a station.
    chase: Chase,
    /// Levels a station at that rate.
    steady: Option<(SampleRate, Steady)>,
    order: Option<Order<Item>>,
    upcoming: Option<Item>,
    /// An item that waits to be measured, at most until then.
    awaited: Option<(Item, Instant)>,
    playing: Option<Playing>,
    /// Pieces in a row that did not sound.
    n_failed: usize,
    /// Why nothing can be played.
    failure: Option<String>,
    retry_at: Option<Instant>,
    backoff: Backoff,
    events: Vec<Event>,
    seed: u64,
}

enum Playing {
    File {
        item: Item,
        piece: Box<Piece>,
        gain: Db,
        has_sounded: bool,
    },
    Station {
        item: Item,
        radio: Radio,
        /// Connections in a row that brought no music.
        n_lost: usize,
        is_heard: bool,
    },
}

impl Program {
    pub(super) fn new(settings: Settings, book: Option<Book>, seed: u64) -> Self {
        let stage = Stage::new(SampleRate::HZ_48000, settings.crossfade);
        Self {
            settings,
            book,
            stage,
            chase: Chase::default(),
            steady: None,
            order: None,
            upcoming: None,
            awaited: None,
            playing: None,
            n_failed: 0,
            failure: None,
            retry_at: None,
            backoff: Backoff::default(),
            events: Vec::new(),
            seed,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// From now on the ring has this rate.
    pub(super) fn set_rate(&mut self, rate: SampleRate) {
        if self.stage.rate() != rate {
            self.stage = Stage::new(rate, self.settings.crossfade);
        }
    }

    /// Why nothing can be played, as long as that is so.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// What happened, once each.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Frames that can be poured.
    pub(super) fn n_ready(&self) -> usize {
        self.stage.n_ready()
    }

    pub(super) fn pour(&mut self, ring: &mut StereoTx, now: Instant) {
        self.stage.pour(ring);
        let Some(Playing::Station { radio, .. }) = &self.playing else {
            return;
        };
        let here = ring
            .rate()
            .duration_of((ring.fill() + self.stage.n_ready()) as u64);
        if let Some(speed) = self.chase.look(radio.waiting() + here, ring, now) {
            self.stage.set_speed(speed);
        }
    }

    /// Leaves the piece that plays, or the station if there are others.
    pub(super) fn skip(&mut self) {
        self.stage.clear();
        let is_one_of_many = self.order.as_ref().is_some_and(|order| order.len() > 1);
        if matches!(self.playing, Some(Playing::File { .. })) || is_one_of_many {
            self.playing = None;
        }
    }

    /// Works on until there is something to pour, or nothing can be done.
    pub(super) fn step(&mut self, now: Instant) -> Progress {
        if self.retry_at.is_some_and(|at| now < at) {
            return Progress::Waiting;
        }
        match self.playing.take() {
            None => self.open_next(now),
            Some(playing @ Playing::File { .. }) => self.decode(playing, now),
            Some(playing @ Playing::Station { .. }) => self.receive(playing, now),
        }
    }

    fn open_next(&mut self, now: Instant) -> Progress {
        let item = match self.next_item(now) {
            Ok(Some(item)) => item,
            Ok(None) => return Progress::Waiting,
            Err(why) => return self.fail(why, now),
        };
        match self.open(&item) {
            Ok(playing) => {
                self.playing = Some(playing);
                self.look_ahead();
                Progress::Made
            }
            Err(why) => self.pass_over(&item, why, now),
        }
    }

    /// The next item, once it is measured or was waited for long enough.
    fn next_item(&mut self, now: Instant) -> Result<Option<Item>, String> {
        if let Some((item, until)) = self.awaited.take() {
            if self.is_measured(&item) || now >= until {
                return Ok(Some(item));
            }
            self.awaited = Some((item, until));
            return Ok(None);
        }
        if let Some(item) = self.upcoming.take() {
            return Ok(Some(item));
        }
        let item = match &self.settings.from {
            From::Url(address) => return Ok(Some(Item::Address(address.clone()))),
            From::Path(path) => {
                if self.order.as_ref().is_none_or(Order::is_round_over) {
                    let items = list::items(path)?;
                    let is_shuffled = self.settings.is_shuffled;
                    match &mut self.order {
                        Some(order) => order.renew(items),
                        None => self.order = Some(Order::new(items, is_shuffled, self.seed)),
                    }
                }
                self.order.as_mut().and_then(Order::advance)
            }
        };
        let Some(item) = item else {
            return Err("there is nothing to play".to_owned());
        };
        if self.is_measured(&item) {
            return Ok(Some(item));
        }
        self.measure(&item);
        self.awaited = Some((item, now + MEASURING));
        Ok(None)
    }

    fn open(&self, item: &Item) -> Result<Playing, String> {
        let item = item.clone();
        match &item {
            Item::Address(address) => {
                let radio = Radio::tune(address).map_err(|why| why.to_string())?;
                Ok(Playing::Station {
                    item,
                    radio,
                    n_lost: 0,
                    is_heard: false,
                })
            }
            Item::Path { path, raw } => {
                let piece = Piece::open(list::file(path, raw.as_ref()));
                let piece = Box::new(piece.map_err(|why| why.to_string())?);
                let gain = self.gain(&item);
                Ok(Playing::File {
                    item,
                    piece,
                    gain,
                    has_sounded: false,
                })
            }
        }
    }

    /// Has the piece after this one measured while this one plays.
    fn look_ahead(&mut self) {
        let order = self.order.as_mut().filter(|order| !order.is_round_over());
        self.upcoming = order.and_then(Order::advance);
        if let Some(item) = self.upcoming.clone() {
            self.measure(&item);
        }
    }

    fn decode(&mut self, playing: Playing, now: Instant) -> Progress {
        let Playing::File {
            item,
            mut piece,
            gain,
            mut has_sounded,
        } = playing
        else {
            return Progress::Waiting;
        };
        let why = match piece.decode() {
            Ok(Some((rate, frames))) => {
                if !has_sounded {
                    self.stage.begin(rate, gain, Clock::Any);
                }
                self.stage.push(rate, frames);
                if !has_sounded {
                    self.sounds(&item);
                }
                has_sounded = true;
                self.playing = Some(Playing::File {
                    item,
                    piece,
                    gain,
                    has_sounded,
                });
                return Progress::Made;
            }
            Ok(None) if has_sounded => {
                self.stage.end();
                return Progress::Made;
            }
            Ok(None) => format!("sound {:?} holds no audio", item.to_string()),
            Err(why) => why.to_string(),
        };
        if has_sounded {
            self.stage.end();
            let what = item.to_string();
            let why = format!("ends early: {why}");
            self.events.push(Event::Skipped { what, why });
            return Progress::Made;
        }
        self.pass_over(&item, why, now)
    }

    fn receive(&mut self, playing: Playing, now: Instant) -> Progress {
        let Playing::Station {
            item,
            radio,
            mut n_lost,
            mut is_heard,
        } = playing
        else {
            return Progress::Waiting;
        };
        let progress = match radio.poll() {
            None => Progress::Waiting,
            Some(Heard::Music(_, frames)) if frames.is_empty() => Progress::Made,
            Some(Heard::Music(rate, frames)) => {
                if !is_heard {
                    self.chase.restart();
                    self.steady = None;
                    let gain = self.steadied(rate, &[]);
                    self.stage.begin(rate, gain, Clock::Foreign);
                    self.sounds(&item);
                }
                (is_heard, n_lost) = (true, 0);
                let gain = self.steadied(rate, &frames);
                self.stage.set_level(gain);
                self.stage.push(rate, &frames);
                Progress::Made
            }
            Some(Heard::Lost(why)) => {
                self.stage.finish();
                (is_heard, n_lost) = (false, n_lost + 1);
                let is_one_of_many = self.order.as_ref().is_some_and(|order| order.len() > 1);
                if is_one_of_many && n_lost >= PATIENCE {
                    return self.pass_over(&item, why, now);
                }
                self.failure = Some(format!("{item}: {why}"));
                Progress::Waiting
            }
        };
        self.playing = Some(Playing::Station {
            item,
            radio,
            n_lost,
            is_heard,
        });
        progress
    }

    /// How far a station is turned, of which these frames are next.
    fn steadied(&mut self, rate: SampleRate, frames: &[Frame]) -> Db {
        let Some(target) = self.settings.loudness else {
            return Db::UNITY;
        };
        let known = self.steady.take().filter(|(of, _)| *of == rate);
        let (_, mut steady) = known.unwrap_or_else(|| (rate, Steady::new(rate, target)));
        steady.measure(frames);
        let gain = steady.gain();
        self.steady = Some((rate, steady));
        gain
    }

    /// The first frames of an item are there.
    fn sounds(&mut self, item: &Item) {
        self.n_failed = 0;
        self.failure = None;
        self.retry_at = None;
        self.backoff.succeeded();
        let what = item.to_string();
        self.events.push(Event::Playing { what });
    }

    fn pass_over(&mut self, item: &Item, why: String, now: Instant) -> Progress {
        let what = item.to_string();
        self.n_failed += 1;
        self.events.push(Event::Skipped {
            what,
            why: why.clone(),
        });
        let n = self.order.as_ref().map_or(1, Order::len);
        if self.n_failed < n {
            return Progress::Made;
        }
        self.upcoming = None;
        self.order = None;
        let why = match n {
            1 => why,
            n => format!("none of its {n} pieces can be played"),
        };
        self.fail(why, now)
    }

    /// Nothing can be played; tried again later.
    fn fail(&mut self, why: String, now: Instant) -> Progress {
        self.stage.finish();
        self.n_failed = 0;
        self.retry_at = Some(now + self.backoff.failed(0.0));
        self.failure = Some(why);
        Progress::Waiting
    }

    fn gain(&self, item: &Item) -> Db {
        let Some(target) = self.settings.loudness else {
            return Db::UNITY;
        };
        let known = self
            .book
            .as_ref()
            .and_then(|book| book.look_up(&file(item)?));
        levelling(known.flatten().unwrap_or(USUAL), target)
    }

    fn is_measured(&self, item: &Item) -> bool {
        let (Some(book), Some(_), Some(file)) = (&self.book, self.settings.loudness, file(item))
        else {
            return true;
        };
        // A file that is not there will be told when it is opened.
        !file.exists() || book.look_up(&file).is_some()
    }

    fn measure(&self, item: &Item) {
        if let (Some(book), Some(_), Some(file)) = (&self.book, self.settings.loudness, file(item))
        {
            book.ask(&file);
        }
    }
}

fn file(item: &Item) -> Option<PathBuf> {
    match item {
        Item::Path { path, raw } => Some(list::file(path, raw.as_ref()).to_owned()),
        Item::Address(_) => None,
    }
}

//! What does the daemon know for those who ask over HTTP and MQTT?

mod errand;
mod kept;
mod microphones;
mod music;
mod names;
mod picture;
mod speech;
mod start;
mod tally;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use crate::api::{
    self, Answer, Ask, Call, CallState, Condition, News, Outcome, Page, Past, Server, Settings,
    Site, Unlucky, ZoneMusic,
};
use crate::base::{CallId, Db, ZoneId};
use crate::config::{Config, Mistake};
use crate::control::{About, Denied, Note, OrderId, Parting};
use crate::daemon::history::BELL;
use crate::daemon::mqtt::Mqtt;
use crate::daemon::settings;
use crate::mix::Loudness;
use crate::page::PageId;
pub(super) use errand::{Errand, OfFiles};
pub(super) use kept::{recordings, track};
pub(super) use microphones::Microphones;
pub(super) use music::{Concert, level};
use names::Names;
pub(super) use picture::{Sight, names_of};
pub(super) use speech::name_of;
pub(super) use start::Lexicon;
use tally::Tally;

/// The server and the broker, if they are wanted, and what they are told of.
pub(super) struct Http {
    server: Option<Server>,
    pub(super) mqtt: Mqtt,
    past: Option<Past>,
    asks_tx: mpsc::Sender<Ask>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) tally: Tally,
    pub(super) names: Names,
    /// As subscribers know it.
    told: Site,
    /// Pages that ended of late, the last one first.
    over: VecDeque<Page>,
    /// Calls that ended of late, the last one first.
    ended: VecDeque<Call>,
    /// What zones play, as subscribers know it.
    music: Vec<ZoneMusic>,
    /// Something else may play since then.
    pub(super) is_music_stale: bool,
    outcomes: BTreeMap<PageId, Outcome>,
    /// Why calls of programs are over.
    partings: BTreeMap<String, String>,
    orders: BTreeMap<OrderId, oneshot::Sender<Answer>>,
    /// What waits to be allowed.
    errands: BTreeMap<OrderId, Errand>,
    /// Calls that begin with an order.
    dialled: BTreeMap<OrderId, CallId>,
    n_orders: u64,
    /// Orders that were decided; told once everything is settled.
    decided: Vec<Decided>,
    /// Something may have changed since subscribers were told.
    pub(super) is_stale: bool,
    levels: BTreeMap<ZoneId, Held>,
    levels_at: Instant,
    /// Whether zones have outputs, and since when it is so.
    outputs: (Condition, Timestamp),
}

/// What the core has decided about an order.
struct Decided {
    id: OrderId,
    answer: Result<Option<PageId>, Denied>,
    zones: Vec<String>,
}

/// The loudness of a zone, its peak held for a second.
#[derive(Clone, Copy, Debug)]
struct Held {
    loudness: Loudness,
    peak_at: Instant,
}

impl Http {
    /// Starts the server if the configuration has an address for it.
    ///
    /// # Errors
    /// An address in use that somebody has written, a certificate that cannot be used.
    pub(super) fn start(
        config: &Config,
        past: Option<Past>,
        now: Instant,
    ) -> Result<Self, Mistake> {
        let (asks_tx, asks) = mpsc::channel(MOST_ASKS);
        let wall = Timestamp::now();
        let mut http = Self {
            server: None,
            mqtt: Mqtt::new(),
            past,
            asks_tx,
            asks,
            tally: Tally::new(now),
            names: Names::new(now, wall),
            told: Site::default(),
            over: VecDeque::new(),
            ended: VecDeque::new(),
            music: Vec::new(),
            is_music_stale: true,
            outcomes: BTreeMap::new(),
            partings: BTreeMap::new(),
            orders: BTreeMap::new(),
            errands: BTreeMap::new(),
            dialled: BTreeMap::new(),
            n_orders: 0,
            decided: Vec::new(),
            is_stale: true,
            levels: BTreeMap::new(),
            levels_at: now,
            outputs: (Condition::Ok, wall),
        };
        // Who has written no address shall not be kept from paging by another program at ours.
        let unlucky = match config.place("http", "listen") {
            Some(_) => Unlucky::Fails,
            None => Unlucky::Waits,
        };
        http.serve(config, unlucky)?;
        http.mqtt.follow(config, &http.asks_tx);
        Ok(http)
    }

    fn serve(&mut self, config: &Config, unlucky: Unlucky) -> Result<(), Mistake> {
        let folder = settings::state_dir(config);
        let settings = Settings::new(config, Some(folder), self.past.clone());
        match &self.server {
            Some(server) => server.adapt(settings),
            None if settings.listen.is_empty() => {}
            None => {
                let started = Server::start(settings, self.asks_tx.clone(), unlucky);
                let server = started.map_err(|why| {
                    let key = match &why {
                        api::StartError::Tls(_) => "tls-cert",
                        api::StartError::Listen(..) | api::StartError::Thread(_) => "listen",
                    };
                    config.mistake("http", key, why.to_string())
                })?;
                self.server = Some(server);
            }
        }
        Ok(())
    }

    /// Follows a new configuration; what cannot be is told and tried again.
    pub(super) fn adapt(&mut self, config: &Config) {
        if let Err(mistake) = self.serve(config, Unlucky::Waits) {
            tracing::error!("{mistake}");
        }
        self.mqtt.follow(config, &self.asks_tx);
    }

    /// Whether anybody may ask or wants to be told.
    pub(super) fn is_on(&self) -> bool {
        self.server.is_some() || self.mqtt.is_on()
    }

    pub(super) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.stop();
        }
        self.mqtt.stop();
    }

    /// The answer to this order goes there, after the errand if it has one.
    pub(super) fn expect(
        &mut self,
        answer: oneshot::Sender<Answer>,
        errand: Option<Errand>,
    ) -> OrderId {
        self.n_orders += 1;
        let id = OrderId(self.n_orders);
        self.orders.insert(id, answer);
        self.errands.extend(errand.map(|errand| (id, errand)));
        id
    }

    /// The answer to this order is the call.
    pub(super) fn expect_call(&mut self, id: OrderId, call: CallId) {
        self.dialled.insert(id, call);
    }

    /// A call of programs is over, and why.
    pub(super) fn parted(&mut self, call: &str, parting: &Parting) {
        if self.is_on() {
            self.partings.insert(call.to_owned(), parting.to_string());
        }
    }

    /// The errand of an order that was decided, and who waits for its end; without one, `decided`
    /// has to be told.
    pub(super) fn errand(&mut self, id: OrderId) -> Option<(Errand, oneshot::Sender<Answer>)> {
        let errand = self.errands.remove(&id)?;
        Some((errand, self.orders.remove(&id)?))
    }

    /// Tells all subscribers.
    pub(super) fn publish(&self, what: News) {
        if self.mqtt.is_on() {
            self.mqtt.publish(what.clone());
        }
        if let Some(server) = &self.server {
            server.publish(what);
        }
    }

    /// `zones` are the names of those that the answer speaks of.
    pub(super) fn decided(
        &mut self,
        id: OrderId,
        answer: Result<Option<PageId>, Denied>,
        zones: Vec<String>,
    ) {
        self.decided.push(Decided { id, answer, zones });
        self.is_stale = true;
    }

    /// A line of the log is an event too.
    pub(super) fn note(&mut self, note: &Note) {
        if let About::Page(end) = &note.about {
            let outcome = picture::outcome(end.outcome);
            if self.is_on() {
                self.outcomes.insert(end.page, outcome);
            }
            self.tally.page_over(outcome, end.name.starts_with(BELL));
        }
        self.publish(News::Note {
            level: picture::level(note.level),
            text: note.text.clone(),
        });
    }

    /// Tells subscribers which zones play something else than before.
    pub(super) fn tell_music(&mut self, zones: Vec<ZoneMusic>) {
        for zone in &zones {
            let mut known = self.music.iter();
            let before = known.find(|it| it.zone == zone.zone);
            if before.is_some_and(|before| before != zone) {
                let zone = zone.clone();
                self.publish(News::Music { zone });
            }
        }
        self.music = zones;
    }

    /// Whether it is time to read the meters.
    pub(super) fn wants_levels(&self, now: Instant) -> bool {
        self.server.is_some() && now.saturating_duration_since(self.levels_at) >= READ_EVERY
    }

    pub(super) fn take_levels(&mut self, meters: Vec<Loudness>, now: Instant) {
        self.levels_at = now;
        for loudness in meters {
            let held = self.levels.get(&loudness.zone).filter(|held| {
                let is_fresh = now.saturating_duration_since(held.peak_at) < HELD;
                is_fresh && held.loudness.peak.0 > loudness.peak.0
            });
            let (peak, peak_at) =
                held.map_or((loudness.peak, now), |it| (it.loudness.peak, it.peak_at));
            let loudness = Loudness { peak, ..loudness };
            self.levels
                .insert(loudness.zone, Held { loudness, peak_at });
        }
    }

    /// The peak and the momentary loudness of a zone.
    fn level(&self, zone: ZoneId) -> (Option<f32>, Option<f32>) {
        let audible = |level: Db| (level.0 > FLOOR.0).then_some((level.0 * 10.0).round() / 10.0);
        match self.levels.get(&zone) {
            Some(held) => (
                audible(held.loudness.peak),
                audible(held.loudness.momentary),
            ),
            None => (None, None),
        }
    }

    /// Tells subscribers what is new, and those who gave orders what has come of them.
    pub(super) fn tell(&mut self, site: Site) {
        let outcomes = std::mem::take(&mut self.outcomes);
        let names = &self.names;
        let outcome = |page: &Page| {
            let mut known = outcomes.iter();
            known
                .find(|(id, _)| names.page(**id) == page.id)
                .map(|(_, it)| *it)
        };
        let partings = std::mem::take(&mut self.partings);
        let reason = |call: &Call| partings.get(&call.id).cloned();
        for what in api::changes(&self.told, &site, outcome, reason) {
            if let News::Page { page } = &what
                && page.outcome.is_some()
            {
                self.over.push_front(page.clone());
                self.over.truncate(MOST_OVER);
            }
            if let News::Call { call } = &what
                && call.state == CallState::Ended
            {
                self.ended.push_front(call.clone());
                self.ended.truncate(MOST_OVER);
            }
            self.publish(what);
        }
        for decided in std::mem::take(&mut self.decided) {
            self.answer(decided, &site);
        }
        self.told = site;
    }

    fn answer(&mut self, decided: Decided, site: &Site) {
        self.errands.remove(&decided.id);
        let dialled = self.dialled.remove(&decided.id);
        let Some(answer) = self.orders.remove(&decided.id) else {
            return;
        };
        let page = |id: &PageId| {
            let name = self.names.page(*id);
            let mut all = site.pages.iter().chain(&self.over);
            all.find(|page| page.id == name).cloned()
        };
        let call = |id: CallId| {
            let name = self.names.call(id);
            site.calls.iter().find(|call| call.id == name).cloned()
        };
        let told = match decided.answer {
            Ok(began) => {
                let page = began.as_ref().and_then(page).map(Answer::Started);
                let call = dialled.and_then(call).map(Answer::Called);
                page.or(call).unwrap_or(Answer::Done)
            }
            Err(denied) => Answer::Denied(denied, decided.zones),
        };
        answer.send(told).ok();
    }
}

/// Questions that wait for the daemon; whoever comes then waits outside.
const MOST_ASKS: usize = 64;

/// Pages, and calls, that are remembered once they are over.
const MOST_OVER: usize = 200;

/// For meters that people watch.
const READ_EVERY: std::time::Duration = std::time::Duration::from_millis(100);
const HELD: std::time::Duration = std::time::Duration::from_secs(1);

/// What is below is silence.
const FLOOR: Db = Db(-100.0);

//! How do calls that are held for programs reach them?
//!
//! ```text
//!  net: what a caller says ─ 20 ms each ─► pump ─┬─► Ear of each program
//!                                                └─► the file that it is recorded in
//! ```

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use crate::api::{Ear, Mouth};
use crate::base::{CallId, FeedRx, FeedTx, SampleRate, TrackTx, feed};
use crate::config::{self, Config};
use crate::control::{Answering, Desk, DeskKind, DriverId, Party};
use crate::daemon::library::Library;
use crate::daemon::lines::Lines;
use crate::daemon::trial;
use crate::page::Entry;
use crate::sip;

/// Programs that are connected, and the calls that they talk with.
pub(super) struct Desks {
    drivers: BTreeMap<DriverId, Driver>,
    calls: BTreeMap<CallId, Talk>,
    n_drivers: u64,
    news: UnboundedSender<News>,
    pub(super) lines: Lines,
}

/// Whom a call of ours goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// A number, a SIP URI, or a user of ours.
    pub(super) to: String,
    pub(super) account: Option<String>,
    /// How the telephone shall ring.
    pub(super) tone: Option<String>,
}

/// What comes of what was begun here.
pub(super) enum News {
    /// A program is gone.
    Gone(DriverId),
    /// From where a call goes out, or that it cannot: a SIP status, and why.
    WayOut {
        call: CallId,
        found: Result<sip::Here, (u16, String)>,
    },
}

struct Driver {
    at: Place,
    ear: Ear,
    /// Tells when it is gone; the ear ends only without it.
    watcher: AbortHandle,
}

/// What a program hears of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Desk(String),
    /// That call alone.
    Call(CallId),
}

/// A call that a program has, or will have.
struct Talk {
    desk: String,
    /// Whom it is for, once it is answered.
    to: Option<Party>,
    /// `None` of one that came.
    target: Option<Target>,
    /// Where blocks of its sound go.
    tap: UnboundedSender<Vec<f32>>,
    /// Who hears it now.
    ears: Shared<Vec<Ear>>,
    /// What it is recorded by.
    track: Shared<Option<TrackTx>>,
    /// By what its caller hears itself.
    echo: Shared<Option<FeedTx>>,
}

type Shared<T> = Arc<Mutex<T>>;

impl Drop for Driver {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl Desks {
    /// Nobody is there yet; what comes later goes to `news`.
    pub(super) fn new(news: UnboundedSender<News>) -> Self {
        Self {
            drivers: BTreeMap::new(),
            calls: BTreeMap::new(),
            n_drivers: 0,
            news,
            lines: Lines::default(),
        }
    }

    /// A program is there from now on.
    pub(super) fn attach(&mut self, desk: String, ear: Ear) -> DriverId {
        let of_all = |talk: &&mut Talk| talk.desk == desk && talk.to == Some(Party::Desk);
        for talk in self.calls.values_mut().filter(of_all) {
            lock(&talk.ears).push(ear.clone());
        }
        self.let_in(Place::Desk(desk), ear)
    }

    /// A program hears of that call from now on, and hears it once it is answered; whether it is.
    pub(super) fn join(&mut self, call: CallId, ear: Ear) -> (DriverId, bool) {
        let talk = self.calls.get(&call).filter(|talk| talk.to.is_some());
        if let Some(talk) = talk {
            lock(&talk.ears).push(ear.clone());
        }
        let is_answered = talk.is_some();
        (self.let_in(Place::Call(call), ear), is_answered)
    }

    fn let_in(&mut self, at: Place, ear: Ear) -> DriverId {
        self.n_drivers += 1;
        let driver = DriverId(self.n_drivers);
        let (news, watched) = (self.news.clone(), ear.clone());
        let watcher = tokio::spawn(async move {
            watched.gone().await;
            // The daemon may have ended meanwhile.
            news.send(News::Gone(driver)).ok();
        });
        let watcher = watcher.abort_handle();
        self.drivers.insert(driver, Driver { at, ear, watcher });
        driver
    }

    /// A program is gone, or is too slow.
    pub(super) fn detach(&mut self, driver: DriverId) {
        let Some(driver) = self.drivers.remove(&driver) else {
            return;
        };
        for talk in self.calls.values() {
            lock(&talk.ears).retain(|ear| *ear != driver.ear);
        }
    }

    /// The programs of a desk.
    pub(super) fn of_desk(&self, desk: &str) -> Vec<(DriverId, Ear)> {
        self.those(|_, at| matches!(at, Place::Desk(at) if at == desk))
    }

    /// Those that a call of the desk is for, and those who have joined it.
    pub(super) fn of_call(&self, desk: &str, call: CallId, to: Party) -> Vec<(DriverId, Ear)> {
        self.those(|driver, at| match at {
            Place::Call(at) => *at == call,
            Place::Desk(at) => match to {
                Party::One(to) => driver == to,
                Party::Desk => at == desk,
                Party::Nobody => false,
            },
        })
    }

    /// Whether a program speaks to calls by itself; those of a line open streams for that.
    pub(super) fn has_voice(&self, driver: DriverId, to: Party) -> bool {
        let driver = self.drivers.get(&driver);
        let has_joined = driver.is_some_and(|it| matches!(it.at, Place::Call(_)));
        has_joined || matches!(to, Party::One(_))
    }

    fn those(&self, is_meant: impl Fn(DriverId, &Place) -> bool) -> Vec<(DriverId, Ear)> {
        let all = self.drivers.iter();
        let meant = all.filter(|(id, driver)| is_meant(**id, &driver.at));
        meant
            .map(|(id, driver)| (*id, driver.ear.clone()))
            .collect()
    }

    /// A call is for programs of that desk; `name` is how they know it.
    pub(super) fn begin(
        &mut self,
        call: CallId,
        desk: String,
        target: Option<Target>,
        name: Arc<str>,
    ) {
        let (tap, blocks) = unbounded_channel();
        let (ears, track, echo) = (Shared::default(), Shared::default(), Shared::default());
        let pump = Pump {
            call: name,
            ears: Arc::clone(&ears),
            track: Arc::clone(&track),
            echo: Arc::clone(&echo),
        };
        tokio::spawn(pump.run(blocks));
        let talk = Talk {
            desk,
            to: None,
            target,
            tap,
            ears,
            track,
            echo,
        };
        self.calls.insert(call, talk);
    }

    /// From now on it is heard by those that it is for.
    pub(super) fn open(&mut self, call: CallId, to: Party) {
        let Some(desk) = self.calls.get(&call).map(|talk| talk.desk.clone()) else {
            return;
        };
        let all = self.of_call(&desk, call, to);
        if let Some(talk) = self.calls.get_mut(&call) {
            talk.to = Some(to);
            *lock(&talk.ears) = all.into_iter().map(|(_, ear)| ear).collect();
        }
    }

    pub(super) fn has(&self, call: CallId) -> bool {
        self.calls.contains_key(&call)
    }

    /// Of one that we call: the desk, and whom we call.
    pub(super) fn dialled(&self, call: CallId) -> Option<(String, Target)> {
        let talk = self.calls.get(&call)?;
        Some((talk.desk.clone(), talk.target.clone()?))
    }

    /// Where blocks of its sound go.
    pub(super) fn tap(&self, call: CallId) -> Option<UnboundedSender<Vec<f32>>> {
        self.calls.get(&call).map(|talk| talk.tap.clone())
    }

    /// Records it from now on, or not any more.
    pub(super) fn tape(&self, call: CallId, track: Option<TrackTx>) {
        if let Some(talk) = self.calls.get(&call) {
            *lock(&talk.track) = track;
        }
    }

    /// Its caller hears itself from now on.
    pub(super) fn echo(&self, call: CallId, echo: FeedTx) {
        if let Some(talk) = self.calls.get(&call) {
            *lock(&talk.echo) = Some(echo);
        }
    }

    /// It is over.
    pub(super) fn end(&mut self, call: CallId) {
        if let Some(talk) = self.calls.remove(&call) {
            lock(&talk.ears).clear();
            lock(&talk.track).take();
            lock(&talk.echo).take();
        }
    }

    pub(super) fn news(&self) -> UnboundedSender<News> {
        self.news.clone()
    }
}

/// The two ends of what one program says into a call.
pub(super) fn mouth() -> (Mouth, FeedRx) {
    let (tx, rx) = feed(RATE, RATE.frames_in(LONGEST_SAID));
    (Mouth::new(tx), rx)
}

/// Where the sound of one call goes.
struct Pump {
    call: Arc<str>,
    ears: Shared<Vec<Ear>>,
    track: Shared<Option<TrackTx>>,
    echo: Shared<Option<FeedTx>>,
}

impl Pump {
    /// Hands it on, until nothing more can come.
    async fn run(self, mut blocks: UnboundedReceiver<Vec<f32>>) {
        while let Some(block) = blocks.recv().await {
            if let Some(track) = lock(&self.track).as_mut() {
                track.push(&block);
            }
            // What finds no room is left out: an echo does not grow.
            if let Some(echo) = lock(&self.echo).as_mut() {
                echo.push(&block);
            }
            let ears = lock(&self.ears);
            if ears.is_empty() {
                continue;
            }
            let frames = block.iter().map(|it| (it * FULL).round() as i16);
            let frames: Arc<[i16]> = frames.collect();
            for ear in ears.iter() {
                ear.sound(&self.call, &frames);
            }
        }
    }
}

/// Where calls are held for programs, as the configuration says.
pub(super) fn of(config: &Config, library: &Library) -> Vec<Desk> {
    let relay = |from: &config::Relay| Desk {
        name: from.section(),
        kind: DeskKind::Relay,
        entry: Entry {
            extensions: from.extensions.clone(),
            ..Entry::default()
        },
        answering: if from.asks {
            Answering::ByProgram
        } else {
            Answering::AtOnce
        },
        greeting: from.greeting.as_deref().and_then(|path| library.clip(path)),
        records: from.record,
        most: from.max_calls,
        longest: None,
    };
    let line = |from: &config::Line| Desk {
        name: from.section(),
        kind: DeskKind::Line {
            user: from.user.clone(),
        },
        entry: Entry {
            extensions: from.extensions.clone(),
            ..Entry::default()
        },
        answering: Answering::AtOnce,
        greeting: None,
        records: false,
        most: 1,
        longest: None,
    };
    let lines = config.lines.iter().map(line);
    let tests = trial::desks(config);
    let relays = config.relays.iter().map(relay);
    relays.chain(lines).chain(tests).collect()
}

/// Ports that calls of a desk have for themselves, and how far apart they are.
pub(super) fn ports(config: &Config) -> BTreeMap<String, (RangeInclusive<u16>, u16)> {
    let ports = |relay: &config::Relay| {
        let ports = relay.rtp_ports.clone()?;
        Some((relay.section(), (ports, relay.rtp_spacing)))
    };
    config.relays.iter().filter_map(ports).collect()
}

/// Whom to call for a number that programs of a desk dial; of a line it is the user.
pub(super) fn target(config: &Config, desk: &str, number: String, tone: Option<String>) -> Target {
    let (to, account) = match config.lines.iter().any(|line| line.section() == desk) {
        true => (number, None),
        false => by_trunk(config, desk, number),
    };
    Target { to, account, tone }
}

fn by_trunk(config: &Config, desk: &str, number: String) -> (String, Option<String>) {
    let mut relays = config.relays.iter();
    let trunk = relays.find(|relay| relay.section() == desk);
    let trunk = trunk.and_then(|relay| relay.trunk.as_deref());
    let mut accounts = config.sip.accounts();
    let account = match trunk {
        Some(trunk) => accounts.find(|account| account.name == trunk),
        None => accounts.next(),
    };
    match (account, trunk) {
        (Some(account), _) => (number, Some(account.name.clone())),
        (None, Some(host)) if !number.contains('@') => (format!("sip:{number}@{host}"), None),
        (None, _) => (number, None),
    }
}

/// What a panic has left locked is as whole as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// That of telephones, and of all that programs hear and say.
pub(super) const RATE: SampleRate = SampleRate::HZ_8000;

/// A program may send a whole answer at once; what is longer finds no room.
const LONGEST_SAID: Duration = Duration::from_secs(30);

/// Of 16 bits.
const FULL: f32 = 32_767.0;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::read_texts;

    #[test]
    fn a_number_goes_out_by_the_trunk_or_the_first_account() {
        let text = "[sip]\ndomain = pbx\nuser = a\n[sip:mobile]\ndomain = gsm\nuser = b\n\
                    [relay:a]\n[relay:b]\ntrunk = mobile\n[relay:c]\ntrunk = 192.0.2.1:5062\n";
        let loaded = read_texts([(Path::new("x"), text.as_bytes())], &[]);
        let config = loaded.config.unwrap();
        let account = |name: &str| Some(name.to_owned());
        for (desk, number, wanted) in [
            ("relay:a", "123", ("123", account("sip"))),
            ("relay:b", "123", ("123", account("mobile"))),
            ("relay:c", "123", ("sip:123@192.0.2.1:5062", None)),
            ("relay:c", "sip:bob@host", ("sip:bob@host", None)),
        ] {
            let found = target(&config, desk, number.to_owned(), None);
            assert_eq!((found.to.as_str(), found.account), wanted, "{desk}");
        }
        let loaded = read_texts([(Path::new("x"), "[relay:a]\n".as_bytes())], &[]);
        let config = loaded.config.unwrap();
        let found = target(&config, "relay:a", "bob".to_owned(), None);
        assert_eq!((found.to.as_str(), found.account), ("bob", None));
        let text = "[sip]\ndomain = pbx\nuser = a\n[user:bob]\npass = x\n[line:bob]\n";
        let loaded = read_texts([(Path::new("x"), text.as_bytes())], &[]);
        let tone = Some("ring2".to_owned());
        let found = target(
            &loaded.config.unwrap(),
            "line:bob",
            "bob".to_owned(),
            tone.clone(),
        );
        assert_eq!((found.account, found.tone), (None, tone));
    }
}

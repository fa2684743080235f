//! How is one device kept playing that is not the clock?

use std::collections::BTreeSet;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::output::attempts::device_pause;
use crate::output::card::line::{LineTx, line};
use crate::output::card::playout::{Playout, Tally};
use crate::output::device::{Choice, Device, Name, Wish, id_of};
use crate::output::error::Error;
use crate::output::running::Beat;
use crate::output::stall::{Stall, patience};

/// How soon a dead device is noticed.
const ROUND: Duration = Duration::from_millis(250);

/// How often it is told at most that sound was late.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// What the ring between the callbacks holds; a device that is held up longer has lost sound.
const LONGEST_RING: Duration = Duration::from_millis(500);

/// What is new about a device.
pub(crate) enum News {
    /// It plays, from now on, what is put into the line.
    Up(Box<Up>),
    /// It plays already, under another name.
    Shared(String),
    /// It does not play, and is tried again.
    Down(String),
}

/// A device that plays.
pub(crate) struct Up {
    pub(crate) id: String,
    pub(crate) name: Name,
    /// As many channels as the device has.
    pub(crate) line: LineTx,
    /// How it plays, in words.
    pub(crate) text: String,
}

/// The devices that are open, by what opens them: no two names may open the same.
#[derive(Clone, Default)]
pub(crate) struct Claims(Arc<Mutex<BTreeSet<String>>>);

impl Claims {
    /// `None` if another has it.
    fn claim(&self, id: &str) -> Option<Claim> {
        let all = self.clone();
        all.with(|ids| ids.insert(id.to_owned())).then(|| Claim {
            id: id.to_owned(),
            all,
        })
    }

    fn with<T>(&self, what: impl FnOnce(&mut BTreeSet<String>) -> T) -> T {
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Dropping it lets others have the device.
struct Claim {
    id: String,
    all: Claims,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.all.with(|ids| ids.remove(&self.id));
    }
}

/// The handle of a device's thread.
pub(crate) struct Card {
    stop: mpsc::Sender<()>,
    done: mpsc::Receiver<()>,
}

impl Card {
    /// Keeps the device playing from now on; sound comes by `beat`.
    pub(crate) fn start(
        wish: Wish,
        beat: Beat,
        claims: Claims,
        tell: impl Fn(News) + Send + 'static,
    ) -> Result<Self, Error> {
        let (stop, inbox) = mpsc::channel();
        let (done_tx, done) = mpsc::channel();
        let keeper = Keeper {
            wish,
            beat,
            claims,
            tell,
        };
        std::thread::Builder::new()
            .name("card".to_owned())
            .spawn(move || {
                keeper.run(&inbox);
                done_tx.send(()).ok();
            })
            .map_err(|why| Error::Thread(why.to_string()))?;
        Ok(Self { stop, done })
    }

    /// Asks the thread to close the device and end.
    pub(crate) fn stop(&self) {
        self.stop.send(()).ok();
    }

    /// Waits for its end; a device that hangs is left behind.
    pub(crate) fn wait(self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        if self.done.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("a sound device does not let go; leaving it behind");
        }
    }
}

/// What the thread has.
struct Keeper<T> {
    wish: Wish,
    beat: Beat,
    claims: Claims,
    tell: T,
}

/// A device that is open.
struct Open {
    device: Device,
    tally: Arc<Tally>,
    _claim: Claim,
}

impl<T: Fn(News)> Keeper<T> {
    fn run(self, inbox: &mpsc::Receiver<()>) {
        let mut n_failed = 0;
        loop {
            match self.open() {
                Ok((open, up)) => {
                    (self.tell)(News::Up(Box::new(up)));
                    let Some(why) = watch(&open, inbox) else {
                        return;
                    };
                    n_failed = 0;
                    // First: to close it may take for ever.
                    (self.tell)(News::Down(why));
                }
                Err(news) => (self.tell)(news),
            }
            let pause = device_pause(n_failed);
            n_failed += 1;
            if inbox.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn open(&self) -> Result<(Open, Up), News> {
        let failed = |why| News::Down(fault(why));
        let id = id_of(self.wish.device.as_ref()).map_err(failed)?;
        // Asked first: who has it may let nobody else look at it.
        let Some(claim) = self.claims.claim(&id) else {
            return Err(News::Shared(id));
        };
        let tally = Arc::new(Tally::default());
        let mut made = None;
        let device = Device::open(&self.wish, |choice| {
            let (tx, playout) = self.playout(choice, tally.clone());
            made = Some((tx, described(&id, choice, playout.delay())));
            playout
        });
        let device = device.map_err(failed)?;
        let (line, text) = made.ok_or_else(|| News::Down("it plays nothing".to_owned()))?;
        let up = Up {
            name: device.name().clone(),
            id,
            line,
            text,
        };
        let open = Open {
            device,
            tally,
            _claim: claim,
        };
        Ok((open, up))
    }

    /// What the device plays, and the end that feeds it.
    fn playout(&self, choice: Choice, tally: Arc<Tally>) -> (LineTx, Playout) {
        let channels = usize::from(choice.channels);
        let (tx, rx) = line(self.beat.rate, channels, LONGEST_RING);
        let Choice { rate, period, .. } = choice;
        (tx, Playout::new(rx, self.beat.period, rate, period, tally))
    }
}

/// Until the device fails, and why; or `None` when it shall be closed.
fn watch(open: &Open, inbox: &mpsc::Receiver<()>) -> Option<String> {
    let Open { device, tally, .. } = open;
    let mut stall = Stall::new(Instant::now());
    let mut lateness = Lateness::default();
    loop {
        if inbox.recv_timeout(ROUND) != Err(RecvTimeoutError::Timeout) {
            return None;
        }
        if let Some(why) = device.failure() {
            return Some(format!("\"{}\": {why}", device.id()));
        }
        let now = Instant::now();
        let period = device.rate().duration_of(device.period() as u64);
        let silent_for = stall.silent_for(device.pulse().n_cycles(), now);
        if silent_for > patience(period) {
            return Some(format!(
                "\"{}\" has not asked for sound for {:.1} s",
                device.id(),
                silent_for.as_secs_f32()
            ));
        }
        let n_late = device.pulse().n_xruns() + tally.n_starved() + tally.n_skips();
        if let Some(n) = lateness.take(n_late, now) {
            tracing::warn!("sound: device \"{}\": late {n} times", device.id());
        }
    }
}

/// Why it does not open, in words. All devices that are there would be too many, again and again.
fn fault(why: Error) -> String {
    match why {
        Error::NoDevice(_) => "is not there; paging --dump-devices lists what is".to_owned(),
        Error::ManyDevices(why) | Error::Device(why) | Error::Jack(why) | Error::Thread(why) => why,
    }
}

/// How it plays, in words.
fn described(id: &str, choice: Choice, delay: Duration) -> String {
    format!(
        "plays: \"{id}\", {} channels, {}, {} ms after the clock",
        choice.channels,
        choice.rate,
        delay.as_millis()
    )
}

/// What was told of how often sound was late.
#[derive(Default)]
struct Lateness {
    n_told: u64,
    told_at: Option<Instant>,
}

impl Lateness {
    /// How often it was since it was told last, if it is to be told now.
    fn take(&mut self, n_late: u64, now: Instant) -> Option<u64> {
        let told_at = self.told_at;
        let is_due = told_at.is_none_or(|at| now.saturating_duration_since(at) >= TELL_AGAIN);
        if n_late == self.n_told || !is_due {
            return None;
        }
        self.told_at = Some(now);
        Some(n_late - std::mem::replace(&mut self.n_told, n_late))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_open_under_one_name_at_a_time() {
        let claims = Claims::default();
        let first = claims.claim("hw:0");
        assert!(first.is_some() && claims.claim("hw:0").is_none());
        let other = claims.claim("hw:1");
        drop(first);
        assert!(claims.claim("hw:0").is_some() && other.is_some());
    }

    #[test]
    fn lateness_is_told_at_once_and_then_once_a_minute() {
        let (mut lateness, start) = (Lateness::default(), Instant::now());
        let at = |s| start + Duration::from_secs(s);
        assert_eq!(lateness.take(0, at(0)), None);
        assert_eq!(lateness.take(2, at(1)), Some(2));
        assert_eq!(lateness.take(9, at(2)), None);
        assert_eq!(lateness.take(9, at(61)), Some(7));
        assert_eq!(lateness.take(9, at(200)), None);
    }
}

//! What does the thread of the groups do all day?

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver as Inbox;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use tokio::sync::mpsc::UnboundedSender;

use crate::net::group::ear::{Ear, Room};
use crate::net::group::mouth::Mouth;
use crate::net::group::{Command, Event};
use crate::net::inlet::Buffer;
use crate::net::priority;

/// The token of the waker; groups have numbers from 0.
pub(super) const WAKE: Token = Token(usize::MAX);

/// The thread's own state.
pub(super) struct Run {
    poll: Poll,
    inbox: Inbox<Command>,
    events: UnboundedSender<Event>,
    beat: Arc<AtomicU64>,
    mouths: BTreeMap<String, Mouth>,
    ears: BTreeMap<usize, Ear>,
    /// The number of each group that is listened to.
    numbers: BTreeMap<String, usize>,
    n_ears: usize,
    n_streams: u64,
    buffer: Buffer,
}

/// Whether the thread goes on.
enum Next {
    Turn,
    End,
}

impl Run {
    pub(super) fn new(
        poll: Poll,
        inbox: Inbox<Command>,
        events: UnboundedSender<Event>,
        beat: Arc<AtomicU64>,
    ) -> Self {
        Self {
            poll,
            inbox,
            events,
            beat,
            mouths: BTreeMap::new(),
            ears: BTreeMap::new(),
            numbers: BTreeMap::new(),
            n_ears: 0,
            n_streams: 0,
            buffer: Buffer::new(),
        }
    }

    pub(super) fn run(mut self) {
        tracing::debug!(realtime = priority::raise(), "thread of the groups runs");
        let mut ready = Events::with_capacity(N_READY);
        while let Next::Turn = self.turn(&mut ready) {}
    }

    fn turn(&mut self, ready: &mut Events) -> Next {
        match self.poll.poll(ready, Some(self.wait(Instant::now()))) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Next::Turn,
            // The poll itself is broken; the still beat tells the watchdog.
            Err(_) => return Next::End,
        }
        self.beat.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let is_woken = ready.iter().any(|event| event.token() == WAKE);
        for event in ready.iter().filter(|event| event.token() != WAKE) {
            self.with_ear(event.token().0, |ear, room| ear.read(now, room));
        }
        if is_woken && matches!(self.obey(now), Next::End) {
            return Next::End;
        }
        let due = self.ears.iter().filter(|(_, ear)| ear.due_at() <= now);
        let due: Vec<usize> = due.map(|(number, _)| *number).collect();
        for number in due {
            self.with_ear(number, |ear, room| ear.tick(now, room));
        }
        for mouth in self.mouths.values_mut() {
            mouth.tick(now, &self.events);
        }
        Next::Turn
    }

    /// The callback that fills the rings cannot wake anybody, so they are looked at.
    fn wait(&self, now: Instant) -> Duration {
        let ears = self.ears.values().map(Ear::due_at).min();
        let due = ears.map(|at| at.saturating_duration_since(now));
        let look = match self.mouths.values().any(Mouth::is_live) {
            true => Some(LOOK),
            false => (!self.mouths.is_empty()).then_some(REST),
        };
        let soonest = [due, look].into_iter().flatten();
        soonest.fold(LONGEST_WAIT, Duration::min)
    }

    fn obey(&mut self, now: Instant) -> Next {
        while let Ok(command) = self.inbox.try_recv() {
            match command {
                Command::Speak(group) => {
                    let name = group.name.clone();
                    self.mouths.insert(name, Mouth::new(*group, now));
                }
                Command::Feed(group, feed) => {
                    if let Some(mouth) = self.mouths.get_mut(&group) {
                        mouth.set_feed(feed);
                    }
                }
                Command::Hold(groups) => {
                    for (name, mouth) in &mut self.mouths {
                        mouth.hold(groups.contains(name));
                    }
                }
                Command::Silence(group) => {
                    self.mouths.remove(&group);
                }
                Command::Hear(group) => {
                    self.leave(&group.name);
                    self.n_ears += 1;
                    self.numbers.insert(group.name.clone(), self.n_ears);
                    let ear = Ear::new(*group, Token(self.n_ears), now);
                    self.ears.insert(self.n_ears, ear);
                }
                Command::Ignore(group) => self.leave(&group),
                Command::Release(stream) => {
                    let mut ears = self.ears.values_mut();
                    ears.any(|ear| ear.release(stream));
                }
                Command::Stop => {
                    let all: Vec<String> = self.numbers.keys().cloned().collect();
                    all.iter().for_each(|group| self.leave(group));
                    return Next::End;
                }
            }
        }
        Next::Turn
    }

    fn leave(&mut self, group: &str) {
        let number = self.numbers.remove(group);
        let ear = number.and_then(|number| self.ears.remove(&number));
        if let Some(ear) = ear {
            ear.close(&mut Room {
                registry: self.poll.registry(),
                buffer: &mut self.buffer,
                events: &self.events,
                n_streams: &mut self.n_streams,
            });
        }
    }

    /// Lets an ear do something.
    fn with_ear(&mut self, number: usize, what: impl FnOnce(&mut Ear, &mut Room<'_>)) {
        let Some(ear) = self.ears.get_mut(&number) else {
            return;
        };
        let mut room = Room {
            registry: self.poll.registry(),
            buffer: &mut self.buffer,
            events: &self.events,
            n_streams: &mut self.n_streams,
        };
        what(ear, &mut room);
    }
}

/// Sockets that are looked at in a turn; the others come in the next.
const N_READY: usize = 256;
/// The thread wakes at least this often to show that it is alive.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// While packets go out: far below the length of one, so that they are evenly spaced.
const LOOK: Duration = Duration::from_micros(2_500);
/// While nothing sounds: what begins to sound is late by no more than this.
const REST: Duration = Duration::from_millis(10);

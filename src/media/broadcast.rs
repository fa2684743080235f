//! How do thousands hear the same sound, each from when it pleases them?
//!
//! ```text
//!  Programme ─► Track (a cut each) ┐ payload          Subscriber a ─► datagram
//!  Programme ─► Track              ├─────► Wheel: now ─► Subscriber b ─► datagram
//!  …                               ┘                  …
//! ```
//!
//! Those who join what is under way share its position; it stands still while nobody listens.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::base::CallId;
use crate::media::programme::{Programme, Start, Track};
use crate::media::reel::Cut;
use crate::media::subscriber::Subscriber;
use crate::media::wheel::{Turn, Wheel};
use crate::media::{SenderReport, SenderSettings};

/// All programmes and all who listen.
pub struct Broadcast {
    epoch: Instant,
    /// By packet length.
    wheels: BTreeMap<Duration, Wheel>,
    shelves: Vec<Shelf>,
    seats: HashMap<CallId, Seat>,
    ended: VecDeque<(CallId, Instant)>,
    datagram: Vec<u8>,
}

/// A track and where it stands.
struct Shelf {
    programme: Programme,
    track: Track,
    /// Where in the sound the track begins.
    begin: Duration,
    /// In which period its packet 0 is heard by those who joined.
    origin: u64,
    n_listeners: usize,
    /// The packet that those who joined heard last.
    last: u64,
}

struct Seat {
    subscriber: Subscriber,
    programme: Programme,
    cut: Cut,
    place: usize,
    /// The period in which it got a packet last.
    period: u64,
    /// The packet of the track that comes next, for one that has its own position.
    nth: u64,
    began: Option<Instant>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Hearing,
    /// The listener wants nothing now.
    Paused,
    /// There is no more to hear.
    Ended,
}

impl Broadcast {
    /// Without listeners; turns are counted from `epoch` on.
    pub fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            wheels: BTreeMap::new(),
            shelves: Vec::new(),
            seats: HashMap::new(),
            ended: VecDeque::new(),
            datagram: Vec::new(),
        }
    }

    /// Lets a call hear the programme; its first packet comes when the returned instant says,
    /// within 10 ms. One that hears something already changes over.
    pub fn join(
        &mut self,
        call: CallId,
        programme: Programme,
        settings: SenderSettings,
        now: Instant,
    ) -> Instant {
        let before = self.remove(call);
        let subscriber = match before {
            Some(seat) => {
                let mut subscriber = seat.subscriber;
                subscriber.set_agreement(settings);
                subscriber
            }
            None => Subscriber::new(settings),
        };
        self.seat(call, programme, subscriber, now)
    }

    /// Follows a new agreement; the position in the programme stays.
    pub fn set_agreement(&mut self, call: CallId, to: SenderSettings, now: Instant) {
        let Some(seat) = self.seats.get_mut(&call) else {
            return;
        };
        seat.subscriber.set_agreement(to);
        if seat.cut == Cut::of(&to) {
            seat.resume();
            return;
        }
        let Some(seat) = self.remove(call) else {
            return;
        };
        let heard = seat.cut.ptime.as_micros() * u128::from(seat.nth);
        let state = seat.state;
        self.seat(call, seat.programme, seat.subscriber, now);
        if let Some(new) = self.seats.get_mut(&call) {
            new.nth = (heard / new.cut.ptime.as_micros().max(1)) as u64;
            new.began = seat.began;
            if state == State::Ended {
                new.state = state;
            }
        }
    }

    /// Sends nothing until the next agreement; who has a position of its own keeps it.
    pub fn pause(&mut self, call: CallId) {
        if let Some(seat) = self.seats.get_mut(&call)
            && seat.state == State::Hearing
        {
            seat.state = State::Paused;
        }
    }

    /// Ends it for a call; says what was sent, if it heard anything.
    pub fn leave(&mut self, call: CallId) -> Option<SenderReport> {
        self.remove(call).map(|seat| seat.subscriber.report())
    }

    /// The stream of a call.
    pub fn subscriber(&self, call: CallId) -> Option<&Subscriber> {
        self.seats.get(&call).map(|seat| &seat.subscriber)
    }

    /// How many calls have a place.
    pub fn n_listeners(&self) -> usize {
        self.seats.len()
    }

    /// When somebody gets a packet next.
    pub fn due_at(&self) -> Option<Instant> {
        self.wheels.values().filter_map(Wheel::due_at).min()
    }

    /// Hands every datagram that is due to `send`, in the order of their places.
    pub fn poll(&mut self, now: Instant, mut send: impl FnMut(CallId, &[u8])) {
        let Self {
            wheels,
            shelves,
            seats,
            ended,
            datagram,
            ..
        } = self;
        for wheel in wheels.values_mut() {
            while let Some(turn) = wheel.poll(now) {
                for &call in wheel.calls(turn.place) {
                    let Some(seat) = seats.get_mut(&call) else {
                        continue;
                    };
                    match seat.next(turn, shelves, datagram) {
                        Next::Datagram => send(call, datagram),
                        Next::Nothing => {}
                        Next::End => ended.push_back((call, seat.began.unwrap_or(turn.at))),
                    }
                }
            }
        }
    }

    /// A call that has heard its programme to the end, and when it began to.
    pub fn poll_ended(&mut self) -> Option<(CallId, Instant)> {
        self.ended.pop_front()
    }

    /// Packets that were encoded so far, of all tracks that are kept.
    pub fn n_encoded(&self) -> u64 {
        self.shelves.iter().map(|s| s.track.n_encoded()).sum()
    }

    fn seat(
        &mut self,
        call: CallId,
        programme: Programme,
        subscriber: Subscriber,
        now: Instant,
    ) -> Instant {
        let cut = Cut::of(subscriber.settings());
        let epoch = self.epoch;
        let wheel = self.wheels.entry(cut.ptime);
        let wheel = wheel.or_insert_with(|| Wheel::new(cut.ptime, epoch));
        let turn = wheel.join(call, now);
        self.open(&programme, cut, turn.period);
        let seat = Seat {
            subscriber,
            programme,
            cut,
            place: turn.place,
            period: turn.period.wrapping_sub(1),
            nth: 0,
            began: None,
            state: State::Hearing,
        };
        self.seats.insert(call, seat);
        turn.at
    }

    /// Makes sure that there is a track, which a new listener will hear from `period` on.
    fn open(&mut self, programme: &Programme, cut: Cut, period: u64) {
        let here = self.position(programme);
        let found = self.shelves.iter_mut().find(|s| s.is(programme, cut));
        if let Some(shelf) = found {
            if shelf.n_listeners > 0 || programme.start == Start::Beginning || shelf.turn_to(here) {
                if shelf.n_listeners == 0 {
                    shelf.origin = period.wrapping_sub(shelf.last);
                }
                shelf.n_listeners += 1;
                return;
            }
            // The others have gone on further than this track was made.
            self.shelves.retain(|s| !s.is(programme, cut));
        }
        self.tidy();
        let begin = match programme.start {
            Start::Beginning => Duration::ZERO,
            Start::Joined => here,
        };
        self.shelves.push(Shelf {
            track: programme.track(cut, begin),
            programme: programme.clone(),
            begin,
            origin: period,
            n_listeners: 1,
            last: 0,
        });
    }

    /// Where in the sound those are who hear it, or were when the last of them left.
    fn position(&self, programme: &Programme) -> Duration {
        let shelves = self.shelves.iter().filter(|s| s.programme == *programme);
        let best = shelves.max_by_key(|s| s.n_listeners);
        best.map_or(Duration::ZERO, Shelf::position)
    }

    /// Forgets tracks that nobody hears beyond the few that somebody may hear again.
    fn tidy(&mut self) {
        let mut n_idle = 0;
        self.shelves.retain(|shelf| {
            n_idle += usize::from(shelf.n_listeners == 0);
            shelf.n_listeners > 0 || n_idle <= MOST_IDLE
        });
    }

    fn remove(&mut self, call: CallId) -> Option<Seat> {
        let seat = self.seats.remove(&call)?;
        if let Some(wheel) = self.wheels.get_mut(&seat.cut.ptime) {
            wheel.leave(call, seat.place);
        }
        let shelf = self
            .shelves
            .iter_mut()
            .find(|s| s.is(&seat.programme, seat.cut));
        if let Some(shelf) = shelf {
            shelf.n_listeners -= 1;
        }
        Some(seat)
    }
}

impl Shelf {
    fn is(&self, programme: &Programme, cut: Cut) -> bool {
        self.track.cut() == cut && self.programme == *programme
    }

    fn position(&self) -> Duration {
        let since =
            self.begin.as_micros() + self.track.cut().ptime.as_micros() * u128::from(self.last);
        let turn = self.programme.turn().as_micros().max(1);
        Duration::from_micros((since % turn) as u64)
    }

    /// Moves a track that nobody hears to that place in the sound; false if it has not come so
    /// far yet. What comes live goes on with what comes next.
    fn turn_to(&mut self, here: Duration) -> bool {
        let Track::Reel(reel) = &self.track else {
            self.last += 1;
            return true;
        };
        let turn = self.programme.turn().as_micros().max(1);
        let ahead = (here.as_micros() + turn - self.begin.as_micros() % turn) % turn;
        let nth = (ahead / reel.cut().ptime.as_micros().max(1)) as u64;
        if nth > reel.n_encoded() as u64 {
            return false;
        }
        self.last = nth;
        true
    }
}

/// What a turn brings.
enum Next {
    Datagram,
    Nothing,
    End,
}

impl Seat {
    fn resume(&mut self) {
        if self.state == State::Paused {
            self.state = State::Hearing;
        }
    }

    fn next(&mut self, turn: Turn, shelves: &mut [Shelf], datagram: &mut Vec<u8>) -> Next {
        let n_missed = turn.period.wrapping_sub(self.period).wrapping_sub(1);
        self.period = turn.period;
        if n_missed > 0 {
            self.subscriber.pause(n_missed);
        }
        if self.state != State::Hearing {
            self.subscriber.pause(1);
            return Next::Nothing;
        }
        let (programme, cut) = (&self.programme, self.cut);
        let Some(shelf) = shelves.iter_mut().find(|s| s.is(programme, cut)) else {
            return Next::Nothing;
        };
        let nth = match programme.start {
            Start::Beginning => self.nth,
            Start::Joined => turn.period.saturating_sub(shelf.origin),
        };
        let Some(payload) = shelf.track.payload(nth) else {
            self.state = State::Ended;
            return Next::End;
        };
        self.began.get_or_insert(turn.at);
        self.subscriber.packet(payload, datagram);
        self.nth = nth + 1;
        shelf.last = nth;
        if datagram.is_empty() {
            Next::Nothing
        } else {
            Next::Datagram
        }
    }
}

/// Tracks that are kept although nobody hears them; the next caller with that codec finds them.
const MOST_IDLE: usize = 16;

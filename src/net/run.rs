//! What does the media thread do all day?
//!
//! ```text
//!  poll ─► commands ─► calls whose sockets are readable ─► calls whose due time is here ─► poll
//! ```
//!
//! Work per turn is bounded: a socket gives a few dozen datagrams, a call a few packets.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver as Inbox;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use tokio::sync::mpsc::UnboundedSender;
use tracing::debug;

use crate::base::CallId;
use crate::net::due::Due;
use crate::net::inlet::Buffer;
use crate::net::media::{Command, Event, Leg};
use crate::net::priority;
use crate::net::running::{Room, Running};

/// The token of the waker; sockets have twice the call's number, and one more for RTCP.
pub(super) const WAKE: Token = Token(usize::MAX);
/// The thread wakes at least this often to show that it is alive.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Sockets that are looked at in a turn; the others come in the next.
const N_READY: usize = 256;

/// The thread's own state.
pub(super) struct Run {
    poll: Poll,
    inbox: Inbox<Command>,
    events: UnboundedSender<Event>,
    beat: Arc<AtomicU64>,
    calls: BTreeMap<CallId, Running>,
    due: Due,
    buffer: Buffer,
    timeout: Option<Duration>,
    /// The moment that all send times are counted from, so that calls share wake-ups.
    epoch: Instant,
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
            calls: BTreeMap::new(),
            due: Due::default(),
            buffer: Buffer::new(),
            timeout: None,
            epoch: Instant::now(),
        }
    }

    pub(super) fn run(mut self) {
        debug!(realtime = priority::raise(), "media thread runs");
        let mut ready = Events::with_capacity(N_READY);
        let mut turn = Vec::new();
        while let Next::Turn = self.turn(&mut ready, &mut turn) {}
        let open: Vec<CallId> = self.calls.keys().copied().collect();
        for call in open {
            self.close(call);
        }
    }

    fn turn(&mut self, ready: &mut Events, turn: &mut Vec<CallId>) -> Next {
        let wait = self.due.next_at().map_or(LONGEST_WAIT, |at| {
            at.saturating_duration_since(Instant::now())
                .min(LONGEST_WAIT)
        });
        match self.poll.poll(ready, Some(wait)) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Next::Turn,
            // The poll itself is broken; the still beat tells the watchdog.
            Err(_) => return Next::End,
        }
        self.beat.fetch_add(1, Ordering::Relaxed);

        let now = Instant::now();
        let mut woken = false;
        for event in ready.iter() {
            if event.token() == WAKE {
                woken = true;
            } else {
                let call = CallId(event.token().0 as u64 / 2);
                self.serve(call, now, |running, now, room| {
                    if event.token().0 % 2 == 0 {
                        running.read_rtp(now, room);
                    } else {
                        running.read_rtcp(now, room);
                    }
                });
            }
        }
        if woken && matches!(self.obey(now), Next::End) {
            return Next::End;
        }
        self.due.collect(now, turn);
        for call in turn.drain(..) {
            self.serve(call, now, |_, _, _| {});
        }
        Next::Turn
    }

    /// Lets a call do `what`, then all that is due, and notes when it is due again.
    fn serve(
        &mut self,
        call: CallId,
        now: Instant,
        what: impl FnOnce(&mut Running, Instant, &mut Room<'_>),
    ) {
        let Some(running) = self.calls.get_mut(&call) else {
            return;
        };
        let mut room = Room {
            registry: self.poll.registry(),
            buffer: &mut self.buffer,
            events: &self.events,
            timeout: self.timeout,
        };
        what(running, now, &mut room);
        running.tick(now, &mut room);
        match running.due_at(self.timeout) {
            Some(at) => self.due.set(call, at),
            None => self.due.remove(call),
        }
    }

    fn obey(&mut self, now: Instant) -> Next {
        while let Ok(command) = self.inbox.try_recv() {
            match command {
                Command::Open(leg) => self.open(*leg, now),
                Command::Close(call) => self.close(call),
                Command::Redirect(call, to) => {
                    self.serve(call, now, |running, now, _| running.redirect(*to, now));
                }
                Command::Play(call, pcm, repeat) => {
                    self.serve(call, now, |running, _, _| running.play(pcm, repeat));
                }
                Command::Speak(call, feed) => {
                    self.serve(call, now, |running, _, _| running.speak(feed));
                }
                Command::Keys(call, keys) => {
                    self.serve(call, now, |running, _, _| running.send_keys(&keys));
                }
                Command::Listen(call, feed, tap) => {
                    self.serve(call, now, |running, now, _| running.listen(feed, tap, now));
                }
                Command::Note(call, feed) => {
                    self.serve(call, now, |running, now, _| running.note(feed, now));
                }
                Command::TakeDown(call, after, longest) => {
                    self.serve(call, now, |running, now, _| {
                        running.take_down(now + after, longest);
                    });
                }
                Command::Said(call) => {
                    self.serve(call, now, |running, now, room| {
                        let pieces = running.said(now);
                        let _ = room.events.send(Event::Said { call, pieces });
                    });
                }
                Command::Timeout(timeout) => {
                    self.timeout = timeout;
                    let all: Vec<CallId> = self.calls.keys().copied().collect();
                    for call in all {
                        self.serve(call, now, |_, _, _| {});
                    }
                }
                Command::Stop => return Next::End,
            }
        }
        Next::Turn
    }

    fn open(&mut self, leg: Leg, now: Instant) {
        let call = leg.call;
        self.close(call);
        let tokens = [Token(call.0 as usize * 2), Token(call.0 as usize * 2 + 1)];
        match Running::new(leg, tokens, self.poll.registry(), now, self.epoch) {
            Ok(running) => {
                self.calls.insert(call, running);
                self.serve(call, now, Running::read_rtp);
            }
            Err(e) => tracing::error!(%call, "call has no sound: {e}"),
        }
    }

    fn close(&mut self, call: CallId) {
        if let Some(running) = self.calls.remove(&call) {
            self.due.remove(call);
            let closed = running.close(self.poll.registry());
            // Nobody listens any more only when the program ends.
            let _ = self.events.send(closed);
        }
    }
}

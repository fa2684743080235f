//! What does the thread of the listeners do all day?
//!
//! ```text
//!  wait ─► packets whose place is here ─► what listeners sent ─► commands ─► reports ─► wait
//! ```

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver as Inbox;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use tokio::sync::mpsc::UnboundedSender;

use crate::base::CallId;
use crate::media::{Broadcast, Programme};
use crate::net::due::Due;
use crate::net::hall::listener::Listener;
use crate::net::hall::stage::Stage;
use crate::net::hall::{Command, Flow, Hearing, StageId};
use crate::net::inlet::Buffer;
use crate::net::reports::wall_clock;
use crate::net::{Event, PortPair, priority};

/// The token of the waker; sockets have twice the stage's number, and one more for RTCP.
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
    broadcast: Broadcast,
    stages: HashMap<StageId, Stage>,
    open: HashMap<CallId, Open>,
    /// When whose next report is due.
    due: Due,
    /// Sockets that are left alone for a moment.
    paused: Vec<Token>,
    /// Stages with packets that have not left yet.
    unsent: Vec<StageId>,
    buffer: Buffer,
}

/// A call that may hear something.
struct Open {
    stage: StageId,
    listener: Listener,
    hearing: Hearing,
    is_playing: bool,
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
        now: Instant,
    ) -> Self {
        Self {
            poll,
            inbox,
            events,
            beat,
            broadcast: Broadcast::new(now),
            stages: HashMap::new(),
            open: HashMap::new(),
            due: Due::default(),
            paused: Vec::new(),
            unsent: Vec::new(),
            buffer: Buffer::new(),
        }
    }

    pub(super) fn run(mut self) {
        tracing::debug!(realtime = priority::raise(), "hall thread runs");
        let mut ready = Events::with_capacity(N_READY);
        while let Next::Turn = self.turn(&mut ready) {}
        let open: Vec<CallId> = self.open.keys().copied().collect();
        for call in open {
            self.close(call);
        }
    }

    fn turn(&mut self, ready: &mut Events) -> Next {
        match self.wait(ready) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Next::Turn,
            // The poll itself is broken; the still beat tells the watchdog.
            Err(_) => return Next::End,
        }
        self.beat.fetch_add(1, Ordering::Relaxed);
        self.send(Instant::now());

        let now = Instant::now();
        for token in std::mem::take(&mut self.paused) {
            self.read(token, now);
        }
        let mut woken = false;
        for event in ready.iter() {
            match event.token() {
                WAKE => woken = true,
                token => self.read(token, now),
            }
        }
        if woken && matches!(self.obey(now), Next::End) {
            return Next::End;
        }
        self.report(now);
        Next::Turn
    }

    /// Until something comes or is due. The poll counts in whole milliseconds and would be late;
    /// it waits for the whole ones, and a sleep for the rest.
    fn wait(&mut self, ready: &mut Events) -> io::Result<()> {
        let at = [self.broadcast.due_at(), self.due.next_at()];
        let at = at.into_iter().flatten().min();
        let left = |at: Instant| at.saturating_duration_since(Instant::now());
        let mut wait = at.map_or(LONGEST_WAIT, left).min(LONGEST_WAIT);
        if !self.paused.is_empty() {
            wait = wait.min(Duration::from_millis(1));
        }
        let whole = Duration::from_millis(wait.as_millis() as u64);
        self.poll.poll(ready, Some(whole))?;
        if whole.is_zero() && ready.is_empty() {
            std::thread::sleep(at.map_or(Duration::ZERO, left));
        }
        Ok(())
    }

    /// Sends every packet whose place is here.
    fn send(&mut self, now: Instant) {
        let Self {
            broadcast,
            stages,
            open,
            unsent,
            events,
            ..
        } = self;
        broadcast.poll(now, |call, datagram| {
            let Some(open) = open.get_mut(&call) else {
                return;
            };
            let (Some(to), Some(stage)) = (open.listener.remote(), stages.get_mut(&open.stage))
            else {
                return;
            };
            if let Some(sealed) = open.listener.sealed(datagram) {
                stage.push(to, &sealed);
                if unsent.last() != Some(&open.stage) {
                    unsent.push(open.stage);
                }
            }
        });
        for stage in unsent.drain(..) {
            if let Some(stage) = stages.get_mut(&stage) {
                stage.flush();
            }
        }
        while let Some((call, began)) = broadcast.poll_ended() {
            let _ = events.send(Event::Played { call, began });
        }
    }

    /// Takes what waits at a socket.
    fn read(&mut self, token: Token, now: Instant) {
        let Self {
            poll,
            events,
            stages,
            open,
            paused,
            buffer,
            ..
        } = self;
        let Some(stage) = stages.get_mut(&StageId(token.0 as u64 / 2)) else {
            return;
        };
        let is_rtp = token.0.is_multiple_of(2);
        let mut moved = Vec::new();
        let (inlet, whose) = stage.read_from(is_rtp);
        inlet.read(now, poll.registry(), buffer, |datagram, from| {
            // What belongs to nobody is dropped, as cheaply as can be.
            let Some(call) = whose.of(from) else {
                return;
            };
            let Some(open) = open.get_mut(&call) else {
                return;
            };
            if !is_rtp {
                open.listener.take_report(datagram, from, now);
                return;
            }
            let tell = |event| {
                let _ = events.send(event);
            };
            if open.listener.take(datagram, from, now, tell) {
                moved.push((call, from));
            }
        });
        if inlet.due_at().is_some() {
            paused.push(token);
        }
        for (call, from) in moved {
            stage.know(call, Some(from));
        }
    }

    fn obey(&mut self, now: Instant) -> Next {
        while let Ok(command) = self.inbox.try_recv() {
            match command {
                Command::Stage(id, sockets) => self.set_up(id, sockets),
                Command::Open(call, stage, hearing) => self.open(call, stage, *hearing, now),
                Command::Play(call, programme) => self.play(call, programme, now),
                Command::Redirect(call, to) => self.redirect(call, *to, now),
                Command::Close(call) => self.close(call),
                Command::CloseStage(id) => {
                    if let Some(stage) = self.stages.remove(&id) {
                        stage.close(self.poll.registry());
                    }
                }
                Command::Stop => return Next::End,
            }
        }
        Next::Turn
    }

    fn set_up(&mut self, id: StageId, sockets: PortPair) {
        let tokens = [Token(id.0 as usize * 2), Token(id.0 as usize * 2 + 1)];
        match Stage::new(sockets, tokens, self.poll.registry()) {
            Ok(stage) => {
                self.stages.insert(id, stage);
            }
            Err(e) => tracing::error!("calls have no sound: {e}"),
        }
    }

    fn open(&mut self, call: CallId, id: StageId, hearing: Hearing, now: Instant) {
        let Some(stage) = self.stages.get_mut(&id) else {
            return;
        };
        match Listener::new(call, &hearing, now) {
            Ok(listener) => {
                stage.know(call, hearing.remote);
                self.due.set(call, listener.due_at());
                let open = Open {
                    stage: id,
                    listener,
                    hearing,
                    is_playing: false,
                };
                self.open.insert(call, open);
            }
            Err(why) => tracing::error!(%call, "call has no sound: {why}"),
        }
    }

    fn play(&mut self, call: CallId, programme: Programme, now: Instant) {
        let Some(open) = self.open.get_mut(&call) else {
            return;
        };
        open.is_playing = true;
        self.broadcast
            .join(call, programme, open.hearing.sender, now);
        if open.hearing.flow == Flow::Off {
            self.broadcast.pause(call);
        }
    }

    fn redirect(&mut self, call: CallId, to: Hearing, now: Instant) {
        let Some(open) = self.open.get_mut(&call) else {
            return;
        };
        open.listener.redirect(&to);
        if let Some(stage) = self.stages.get_mut(&open.stage) {
            stage.know(call, to.remote);
        }
        if open.is_playing {
            match to.flow {
                Flow::On => self.broadcast.set_agreement(call, to.sender, now),
                Flow::Off => self.broadcast.pause(call),
            }
        }
        open.hearing = to;
    }

    /// Says goodbye and sums up.
    fn close(&mut self, call: CallId) {
        let Some(mut open) = self.open.remove(&call) else {
            return;
        };
        self.due.remove(call);
        let sent = self.broadcast.leave(call).unwrap_or_default();
        if let Some(stage) = self.stages.get_mut(&open.stage) {
            stage.forget(call);
            if let Some((to, goodbye)) = open.listener.goodbye() {
                let _ = stage.rtcp.send(&goodbye, to);
            }
        }
        // Nobody listens any more only when the program ends.
        let _ = self.events.send(open.listener.closed(sent));
    }

    /// Sends the reports that are due.
    fn report(&mut self, now: Instant) {
        let mut calls = Vec::new();
        self.due.collect(now, &mut calls);
        for call in calls {
            let Some(open) = self.open.get_mut(&call) else {
                self.due.remove(call);
                continue;
            };
            let stream = self.broadcast.subscriber(call);
            let stream = stream.map(|s| (s.settings().ssrc, s.sent(wall_clock())));
            let report = open.listener.report(stream, now);
            self.due.set(call, open.listener.due_at());
            if let (Some((to, report)), Some(stage)) = (report, self.stages.get(&open.stage)) {
                // One that is lost is made up for by the next.
                let _ = stage.rtcp.send(&report, to);
            }
        }
    }
}

//! What happens in the JACK server's process cycle? Rings are emptied, and the engine runs.
//!
//! ```text
//!  supervisor ══ Command ══► Callback { engine, in ports, out ports } ══ Back ══► supervisor
//! ```

use std::sync::Arc;
use std::sync::mpsc;

use ::jack::{AudioIn, AudioOut, Client, Control, Port, ProcessHandler, ProcessScope};

use crate::base::{Offer, Take, ring};
use crate::mix::Ports;
use crate::output::clock::{Desk, Lent, N_INPUTS, Plays, Pulse};

/// Commands obeyed in one cycle; a bound on its work. A full table takes a few cycles.
const COMMANDS_PER_CYCLE: usize = 16;

enum Command {
    Lend(Lent),
    Recall,
    Out(usize, Port<AudioOut>),
    TakeOut(usize),
    In(usize, Port<AudioIn>),
    TakeIn(usize),
}

/// What the callback no longer needs.
pub enum Back {
    /// The loan; dropping it sends the engine home.
    Engine(Lent),
    /// An out port to unregister, and its place.
    Out(usize, Port<AudioOut>),
    /// An in port to unregister, and its place.
    In(usize, Port<AudioIn>),
}

/// A callback without engine or ports, and the remote control that gives them to it; with room
/// for so many out ports.
pub fn rig(pulse: Arc<Pulse>, n_outputs: usize) -> (Remote, Callback) {
    // One pass over the whole graph fits, and then some.
    let room = 4 * (N_INPUTS + n_outputs);
    let (commands_tx, commands) = ring(room);
    let (back, back_rx) = ring(room);
    let callback = Callback {
        commands,
        back,
        lent: None,
        outs: (0..n_outputs).map(|_| None).collect(),
        ins: [const { None }; N_INPUTS],
        pulse,
    };
    let remote = Remote {
        commands: commands_tx,
        back: back_rx,
    };
    (remote, callback)
}

/// The supervisor's end of a callback's rings. A refusal means that the callback has not run for
/// hundreds of commands.
pub struct Remote {
    commands: Offer<Command>,
    back: Take<Back>,
}

impl Remote {
    /// Lends the engine; it comes back through `home`, also when it is refused.
    pub fn lend(&mut self, desk: Desk, home: mpsc::Sender<Desk>) -> bool {
        self.send(Command::Lend(Lent::new(desk, home)))
    }

    /// Asks for the engine back.
    pub fn recall(&mut self) -> bool {
        self.send(Command::Recall)
    }

    /// Hands over an out port for the engine's output `place`.
    pub fn give_out(&mut self, place: usize, port: Port<AudioOut>) -> bool {
        self.send(Command::Out(place, port))
    }

    /// Asks for an out port back.
    pub fn take_out(&mut self, place: usize) -> bool {
        self.send(Command::TakeOut(place))
    }

    /// Hands over an in port for the engine's music input `place`.
    pub fn give_in(&mut self, place: usize, port: Port<AudioIn>) -> bool {
        self.send(Command::In(place, port))
    }

    /// Asks for an in port back.
    pub fn take_in(&mut self, place: usize) -> bool {
        self.send(Command::TakeIn(place))
    }

    /// What the callback gave back, one at a time.
    pub fn poll(&mut self) -> Option<Back> {
        self.back.take()
    }

    fn send(&mut self, command: Command) -> bool {
        self.commands.offer(command).is_ok()
    }
}

/// What the server calls once a cycle.
pub struct Callback {
    commands: Take<Command>,
    back: Offer<Back>,
    lent: Option<Lent>,
    outs: Vec<Option<Port<AudioOut>>>,
    ins: [Option<Port<AudioIn>>; N_INPUTS],
    pulse: Arc<Pulse>,
}

// == realtime below ==

impl ProcessHandler for Callback {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        for _ in 0..COMMANDS_PER_CYCLE {
            if self.back.is_full() {
                break;
            }
            let Some(command) = self.commands.take() else {
                break;
            };
            self.obey(command);
        }
        let frames = scope.n_frames() as usize;
        silence(&mut self.outs, scope);
        let mut buffers = Buffers {
            outs: &mut self.outs,
            scope,
            ins: self
                .ins
                .each_ref()
                .map(|port| port.as_ref().map(|port| port.as_slice(scope))),
        };
        if let Some(lent) = &mut self.lent {
            lent.process(frames, &mut buffers);
        }
        self.pulse.beat(frames);
        Control::Continue
    }
}

impl Callback {
    /// Gives back at most one thing, for which the ring has room.
    fn obey(&mut self, command: Command) {
        let back = match command {
            Command::Lend(lent) => self.lent.replace(lent).map(Back::Engine),
            Command::Recall => self.lent.take().map(Back::Engine),
            Command::Out(place, port) => {
                swap(&mut self.outs, place, Some(port)).map(|port| Back::Out(place, port))
            }
            Command::TakeOut(place) => {
                swap(&mut self.outs, place, None).map(|port| Back::Out(place, port))
            }
            Command::In(place, port) => {
                swap(&mut self.ins, place, Some(port)).map(|port| Back::In(place, port))
            }
            Command::TakeIn(place) => {
                swap(&mut self.ins, place, None).map(|port| Back::In(place, port))
            }
        };
        if let Some(back) = back {
            self.back.offer(back).ok();
        }
    }
}

/// What was at `place`; a place beyond the table gives the new port back.
fn swap<T>(table: &mut [Option<T>], place: usize, new: Option<T>) -> Option<T> {
    match table.get_mut(place) {
        Some(entry) => std::mem::replace(entry, new),
        None => new,
    }
}

/// Zeroes the ports' samples of this cycle: the server does not do it, and the engine may write
/// to fewer outputs than there are ports.
fn silence(ports: &mut [Option<Port<AudioOut>>], scope: &ProcessScope) {
    for port in ports.iter_mut().flatten() {
        port.as_mut_slice(scope).fill(0.0);
    }
}

/// The server's buffers of one cycle.
struct Buffers<'a> {
    outs: &'a mut [Option<Port<AudioOut>>],
    scope: &'a ProcessScope,
    ins: [Option<&'a [f32]>; N_INPUTS],
}

impl Ports for Buffers<'_> {
    fn read(&mut self, input: usize, at: usize, into: &mut [f32]) {
        let from = self
            .ins
            .get(input)
            .and_then(|port| port.as_ref())
            .and_then(|samples| samples.get(at..at + into.len()));
        match from {
            Some(from) => into.copy_from_slice(from),
            None => into.fill(0.0),
        }
    }

    fn write(&mut self, output: usize, at: usize, from: &[f32]) {
        let Some(Some(port)) = self.outs.get_mut(output) else {
            return;
        };
        let samples = port.as_mut_slice(self.scope);
        if let Some(into) = samples.get_mut(at..at + from.len()) {
            into.copy_from_slice(from);
        }
    }
}

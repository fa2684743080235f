//! When does a command take effect?

use crate::mix::command::Command;
use crate::mix::play::Play;
use crate::mix::voice::Voice;

/// Commands whose time has not come. What does not fit waits in the ring.
const N_WAITING: usize = 64;

/// A command, and the frame of the engine's count at which it takes effect; `None` is at once.
pub(super) struct Order {
    pub(super) at: Option<u64>,
    pub(super) command: Command,
}

impl Order {
    /// Whether carrying this out makes `earlier`, which waits just as long, pointless.
    pub(super) fn replaces(&self, earlier: &Self) -> bool {
        self.at == earlier.at && self.command.replaces(&earlier.command)
    }
}

/// Commands in the order in which they came.
pub(super) struct Schedule {
    waiting: Vec<(u64, Command)>,
}

impl Schedule {
    pub(super) fn new() -> Self {
        Self {
            waiting: Vec::with_capacity(N_WAITING),
        }
    }

    // == realtime below ==

    /// Whether another command can wait here.
    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < N_WAITING
    }

    /// Lets a command wait for its frame; only if there is room.
    pub(super) fn wait(&mut self, at: u64, command: Command) {
        self.waiting.push((at, command));
    }

    /// The first command that is due at `now`; of several those of the earlier frame come first,
    /// then those given first.
    pub(super) fn due(&mut self, now: u64) -> Option<Command> {
        let waiting = self.waiting.iter().enumerate();
        let first = waiting.min_by_key(|(i, (at, _))| (*at, *i));
        let (i, _) = first.filter(|(_, (at, _))| *at <= now)?;
        Some(self.waiting.remove(i).1)
    }

    /// The next frame at which something is due.
    pub(super) fn next(&self) -> Option<u64> {
        self.waiting.iter().map(|(at, _)| *at).min()
    }

    /// Voices that have not begun.
    pub(super) fn voices(&mut self) -> impl Iterator<Item = &mut Voice> {
        let commands = self.waiting.iter_mut().map(|(_, command)| command);
        commands.filter_map(|command| {
            if let Command::Speak(voice) = command {
                return Some(&mut **voice);
            }
            None
        })
    }

    /// Plays that have not begun.
    pub(super) fn plays(&mut self) -> impl Iterator<Item = &mut Play> {
        let commands = self.waiting.iter_mut().map(|(_, command)| command);
        commands.filter_map(|command| {
            if let Command::Play(play) = command {
                return Some(&mut **play);
            }
            None
        })
    }
}

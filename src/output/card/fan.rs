//! How does what the engine plays reach devices that are not its clock?
//!
//! ```text
//!  Engine ─ write(output) ─► Ports of the clock       outputs below `first`
//!                       └──► Fan ─► a block for each device ══ring══► its callback
//!  supervisor ══ Change ══► Fan ══ what is not needed any more ══► supervisor
//! ```

use crate::base::{Offer, SampleRate, Take, ring};
use crate::mix::{MAX_BLOCK, Ports};
use crate::output::card::line::LineTx;

/// Sound devices that can play beside the clock.
pub const MOST_CARDS: usize = 16;

/// Changes that wait for the callback: all devices may come and go a few times while it is late.
const ROOM: usize = 8 * MOST_CARDS;

/// A fan without devices, for the outputs of an engine from `first` on, and the end that gives it
/// some.
pub(crate) fn fan(first: usize) -> (Patch, Fan) {
    let (changes_tx, changes) = ring(ROOM);
    let (spent, spent_rx) = ring(ROOM);
    let patch = Patch {
        changes: changes_tx,
        spent: spent_rx,
    };
    let fan = Fan {
        first,
        changes,
        spent,
        plugs: [const { None }; MOST_CARDS],
    };
    (patch, fan)
}

/// A device, or none any more, at one of `MOST_CARDS` places; on its way back what was there.
struct Change {
    place: usize,
    plug: Option<Box<Plug>>,
}

/// Where a device is plugged in.
struct Plug {
    /// The output of the engine that its first channel is.
    first: usize,
    line: LineTx,
    /// Interleaved.
    block: Vec<f32>,
}

/// The supervisor's end.
pub struct Patch {
    changes: Offer<Change>,
    spent: Take<Change>,
}

impl Patch {
    /// Gives a device the outputs from `first` on, as many as the line has channels, in place of
    /// what was at the place. False if the callback has not run for a hundred changes.
    pub fn plug(&mut self, place: usize, first: usize, line: LineTx) -> bool {
        let plug = Plug {
            first,
            block: vec![0.0; MAX_BLOCK * line.channels()],
            line,
        };
        self.change(place, Some(Box::new(plug)))
    }

    /// Takes a device away.
    pub fn unplug(&mut self, place: usize) -> bool {
        self.change(place, None)
    }

    /// Drops what the callback does not need any more.
    pub fn tidy(&mut self) {
        while let Some(change) = self.spent.take() {
            drop(change.plug);
        }
    }

    fn change(&mut self, place: usize, plug: Option<Box<Plug>>) -> bool {
        self.changes.offer(Change { place, plug }).is_ok()
    }
}

/// The end in the clock's callback.
pub(crate) struct Fan {
    first: usize,
    changes: Take<Change>,
    spent: Offer<Change>,
    plugs: [Option<Box<Plug>>; MOST_CARDS],
}

impl Fan {
    /// The clock goes on at this rate; devices that were fed at another get nothing any more, which
    /// they see. Not for the callback: drops.
    pub(crate) fn set_rate(&mut self, rate: SampleRate) {
        for plug in &mut self.plugs {
            plug.take_if(|plug| plug.line.rate() != rate);
        }
    }

    // == realtime below ==

    /// Makes the changes that have come.
    pub(crate) fn obey(&mut self) {
        for _ in 0..MOST_CARDS {
            if self.spent.is_full() {
                return;
            }
            let Some(mut change) = self.changes.take() else {
                return;
            };
            if let Some(plug) = self.plugs.get_mut(change.place) {
                std::mem::swap(plug, &mut change.plug);
            }
            // There is room: it was looked for.
            self.spent.offer(change).ok();
        }
    }

    /// The ports of the clock, with those of the devices behind them.
    pub(crate) fn beside<'a, P: Ports>(&'a mut self, ports: &'a mut P) -> Wide<'a, P> {
        Wide { fan: self, ports }
    }

    /// A device has its frames when its last channel is written, which is the last of a block.
    fn write(&mut self, output: usize, frames: &[f32]) {
        for plug in self.plugs.iter_mut().flatten() {
            let channels = plug.line.channels();
            let Some(channel) = output.checked_sub(plug.first).filter(|it| *it < channels) else {
                continue;
            };
            let samples = plug.block.iter_mut().skip(channel).step_by(channels);
            samples.zip(frames).for_each(|(sample, x)| *sample = *x);
            if channel + 1 == channels
                && let Some(block) = plug.block.get(..frames.len() * channels)
            {
                plug.line.push(block);
            }
        }
    }
}

/// All ports that the engine sees.
pub(crate) struct Wide<'a, P> {
    fan: &'a mut Fan,
    ports: &'a mut P,
}

impl<P: Ports> Ports for Wide<'_, P> {
    fn read(&mut self, input: usize, at: usize, into: &mut [f32]) {
        self.ports.read(input, at, into);
    }

    fn write(&mut self, output: usize, at: usize, from: &[f32]) {
        if output < self.fan.first {
            self.ports.write(output, at, from);
        } else {
            self.fan.write(output, from);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::output::card::line::{LineRx, line};

    const RATE: SampleRate = SampleRate::HZ_8000;

    /// Remembers which outputs it was given.
    #[derive(Default)]
    struct Clock(Vec<usize>);

    impl Ports for Clock {
        fn read(&mut self, _: usize, _: usize, into: &mut [f32]) {
            into.fill(0.5);
        }

        fn write(&mut self, output: usize, _: usize, _: &[f32]) {
            self.0.push(output);
        }
    }

    /// One block of two frames as the engine writes it: output 3 plays 3.0 and 3.5.
    fn block(fan: &mut Fan, n_outputs: usize) -> Vec<usize> {
        let mut clock = Clock::default();
        let mut ports = fan.beside(&mut clock);
        for output in 0..n_outputs {
            ports.write(output, 0, &[output as f32, output as f32 + 0.5]);
        }
        clock.0
    }

    fn all(rx: &mut LineRx) -> Vec<f32> {
        let mut out = vec![0.0; rx.fill() * rx.channels()];
        rx.pop(&mut out);
        out
    }

    #[test]
    fn each_device_gets_its_outputs_and_the_clock_those_before_them() {
        let (mut patch, mut fan) = fan(2);
        let (tx, mut hall) = line(RATE, 2, Duration::from_millis(5));
        assert!(patch.plug(0, 2, tx));
        let (tx, mut yard) = line(RATE, 1, Duration::from_millis(5));
        assert!(patch.plug(1, 5, tx));
        assert_eq!(block(&mut fan, 6), [0, 1]);
        assert_eq!(hall.fill(), 0, "not plugged in yet");
        fan.obey();
        assert_eq!(block(&mut fan, 6), [0, 1]);
        assert_eq!(all(&mut hall), [2.0, 3.0, 2.5, 3.5]);
        assert_eq!(all(&mut yard), [5.0, 5.5]);

        assert!(patch.unplug(0));
        fan.obey();
        patch.tidy();
        block(&mut fan, 6);
        assert_eq!((hall.fill(), yard.fill()), (0, 2));
        fan.set_rate(SampleRate::HZ_16000);
        block(&mut fan, 6);
        assert_eq!(yard.fill(), 2, "made for another rate");
    }

    #[test]
    fn what_is_plugged_in_beyond_the_last_place_comes_back() {
        let (mut patch, mut fan) = fan(0);
        let (tx, mut rx) = line(RATE, 1, Duration::from_millis(5));
        assert!(patch.plug(MOST_CARDS, 0, tx));
        fan.obey();
        block(&mut fan, 1);
        assert_eq!(all(&mut rx), [0.0; 0]);
    }
}

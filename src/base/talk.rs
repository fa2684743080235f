//! How do the frames of a microphone cross from a connection to the thread that makes them a voice?
//!
//! ```text
//!  a connection ─ offer ─► TalkTx ══ a few frames, in order ══ TalkRx ─ wait ─► a thread
//! ```
//!
//! Neither end keeps more than a moment of sound: whoever sends faster than anybody can hear loses
//! what does not fit.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use crate::base::SampleRate;

/// The two ends for a voice of `rate` frames a second.
pub fn talk(rate: SampleRate) -> (TalkTx, TalkRx) {
    let (tx, rx) = sync_channel(MOST);
    (TalkTx(tx), TalkRx { rate, rx })
}

/// One thing that comes from whoever speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Talk {
    /// Samples of one channel, 16 bits each, the low byte first; when they came.
    Sound { at: Instant, pcm: Vec<u8> },
    /// Nothing will follow; `how` completes "ended: …".
    End { how: String },
    /// The other end is gone without a word.
    Gone,
}

/// The end of the connection; without it, the voice is over.
#[derive(Debug)]
pub struct TalkTx(SyncSender<Talk>);

impl TalkTx {
    /// Hands samples over; false if they were dropped.
    pub fn offer(&self, pcm: Vec<u8>, at: Instant) -> bool {
        self.0.try_send(Talk::Sound { at, pcm }).is_ok()
    }

    /// Says why nothing will follow.
    pub fn end(self, how: &str) {
        let how = how.to_owned();
        // Who does not hear it notices that this end is gone.
        let _ = self.0.try_send(Talk::End { how });
    }
}

/// The thread's end.
#[derive(Debug)]
pub struct TalkRx {
    rate: SampleRate,
    rx: Receiver<Talk>,
}

impl TalkRx {
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// The next thing, if it comes within `longest`.
    pub fn wait(&self, longest: Duration) -> Option<Talk> {
        match self.rx.recv_timeout(longest) {
            Ok(talk) => Some(talk),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Talk::Gone),
        }
    }
}

/// More than a second of frames of 20 ms: what waits longer is for nobody.
const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_in_order_a_flood_is_bounded_and_the_end_is_noticed() {
        let (tx, rx) = talk(SampleRate::HZ_16000);
        let now = Instant::now();
        let taken = (0..MOST * 2).filter(|_| tx.offer(vec![1, 2], now)).count();
        assert_eq!(taken, MOST);
        for _ in 0..MOST {
            let pcm = vec![1, 2];
            assert_eq!(rx.wait(Duration::ZERO), Some(Talk::Sound { at: now, pcm }));
        }
        assert_eq!(rx.wait(Duration::ZERO), None);
        tx.end("the speaker let go");
        let how = "the speaker let go".to_owned();
        assert_eq!(rx.wait(Duration::ZERO), Some(Talk::End { how }));
        assert_eq!(rx.wait(Duration::ZERO), Some(Talk::Gone));
    }
}

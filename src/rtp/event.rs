//! How do pressed keys travel as packets of their own? (RFC 4733)
//!
//! ```text
//!  key down                                key up
//!   ├── event, M, 20 ms ── 40 ms ── 60 ms ──┤ E ── E ── E     one timestamp for all
//! ```

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A key that was pressed and let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// `0` to `9`, `*`, `#`, `A` to `D`.
    pub digit: char,
    pub duration: Duration,
}

/// The payload of an event packet (RFC 4733 §2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    pub code: u8,
    pub end: bool,
    /// 0 to 63: dB below 0 dBm0.
    pub volume: u8,
    /// So far, in timestamp units.
    pub duration: u16,
}

impl Event {
    /// The first event of a payload; `None` if it is shorter than one.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[code, flags, high, low] = payload.first_chunk::<4>()?;
        Some(Self {
            code,
            end: flags & END != 0,
            volume: flags & 0x3F,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// The four bytes on the wire.
    pub fn to_bytes(self) -> [u8; 4] {
        let [high, low] = self.duration.to_be_bytes();
        let end = if self.end { END } else { 0 };
        [self.code, end | self.volume & 0x3F, high, low]
    }
}

/// Makes keys of event packets: each key once, even when its last packets are lost.
pub struct EventRx {
    clock_rate: u32,
    open: Option<Open>,
    /// The last key that was reported, for the copies of its end.
    closed: Option<Open>,
    keys: VecDeque<Key>,
}

#[derive(Clone, Copy)]
struct Open {
    code: u8,
    timestamp: u64,
    /// Segments that are over: a key longer than 16 bits goes on at a new timestamp.
    before: u32,
    duration: u16,
    seen_at: Instant,
}

impl EventRx {
    /// Events whose timestamps count `clock_rate` ticks a second.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate,
            open: None,
            closed: None,
            keys: VecDeque::new(),
        }
    }

    /// Goes on with another clock; a key that is down is timed by it too.
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        self.clock_rate = clock_rate;
    }

    /// Another source sends from now on, by timestamps of its own; a key that is down is let go.
    pub fn restart(&mut self) {
        self.close();
        self.closed = None;
    }

    /// Takes an event packet; `timestamp` is unwrapped. Events other than keys are ignored.
    pub fn handle(&mut self, event: Event, marker: bool, timestamp: u64, now: Instant) {
        if usize::from(event.code) >= DIGITS.len() || self.is_copy(event, marker, timestamp, now) {
            return;
        }
        let open = match self.open {
            Some(open) if open.continues(event, marker, timestamp) => {
                open.extended(event, timestamp, now)
            }
            // What comes from before the key that is down, or was, is a straggler.
            Some(open) if timestamp < open.timestamp => return,
            _ => {
                self.close();
                Open {
                    code: event.code,
                    timestamp,
                    before: 0,
                    duration: event.duration,
                    seen_at: now,
                }
            }
        };
        self.open = Some(open);
        if event.end {
            self.close();
        }
    }

    /// Ends a key whose end did not come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.due_at().is_some_and(|due_at| now >= due_at) {
            self.close();
        }
    }

    /// When the key that is down counts as let go.
    pub fn due_at(&self) -> Option<Instant> {
        self.open.map(|open| open.seen_at + SILENT_FOR)
    }

    /// The next key, in the order of their ends.
    pub fn poll(&mut self) -> Option<Key> {
        self.keys.pop_front()
    }

    fn is_copy(&self, event: Event, marker: bool, timestamp: u64, now: Instant) -> bool {
        self.closed.is_some_and(|closed| {
            let odd_copy = event.end
                && !marker
                && event.code == closed.code
                && event.duration >= closed.duration
                && now < closed.seen_at + SILENT_FOR;
            timestamp <= closed.timestamp || (odd_copy && self.open.is_none())
        })
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        let ticks = u64::from(open.before) + u64::from(open.duration);
        let micros = ticks * 1_000_000 / u64::from(self.clock_rate.max(1));
        self.closed = Some(open);
        if self.keys.len() < MAX_KEYS {
            self.keys.push_back(Key {
                digit: char::from(DIGITS[usize::from(open.code)]),
                duration: Duration::from_micros(micros),
            });
        }
    }
}

impl Open {
    fn continues(&self, event: Event, marker: bool, timestamp: u64) -> bool {
        if event.code != self.code {
            return false;
        }
        // Some devices move the timestamp on within a key; the marker tells a new one.
        let moved = !marker && timestamp > self.timestamp && event.duration > self.duration;
        timestamp == self.timestamp || self.is_next_segment(timestamp) || moved
    }

    fn is_next_segment(&self, timestamp: u64) -> bool {
        timestamp == self.timestamp + SEGMENT
    }

    fn extended(mut self, event: Event, timestamp: u64, now: Instant) -> Self {
        if self.is_next_segment(timestamp) {
            self.before = self.before.saturating_add(SEGMENT as u32);
            self.duration = 0;
        }
        self.timestamp = timestamp;
        self.duration = self.duration.max(event.duration);
        self.seen_at = now;
        self
    }
}

/// Makes event packets of keys.
#[derive(Default)]
pub struct EventTx {
    queue: VecDeque<(u8, u32)>,
    now: Sending,
}

/// What goes out in place of a packet of audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket {
    pub marker: bool,
    pub timestamp: u32,
    pub event: Event,
}

#[derive(Clone, Copy, Default)]
enum Sending {
    #[default]
    Nothing,
    Key {
        code: u8,
        start: u32,
        total: u32,
        elapsed: u32,
        /// Copies of the end that are still to go.
        n_ends: u8,
    },
    Pause {
        left: u32,
    },
}

impl EventTx {
    /// Queues a key to be held for `ticks` of the events' clock; `false` if it is no key.
    pub fn press(&mut self, digit: char, ticks: u32) -> bool {
        let digit = digit.to_ascii_uppercase();
        let code = DIGITS.iter().position(|&d| char::from(d) == digit);
        if let Some(code) = code {
            self.queue.push_back((code as u8, ticks.max(1)));
        }
        code.is_some()
    }

    /// Whether a key is going out or waits.
    pub fn is_busy(&self) -> bool {
        !matches!(self.now, Sending::Nothing) || !self.queue.is_empty()
    }

    /// The packet for the interval of `ticks` that starts at `timestamp`; `None`: audio's turn.
    /// `pause` is the least silence between two keys. Both spans count in the events' clock, which
    /// need not be that of the timestamp.
    pub fn step(&mut self, timestamp: u32, ticks: u32, pause: u32) -> Option<EventPacket> {
        if let Sending::Pause { left } = &mut self.now {
            *left = left.saturating_sub(ticks);
            if *left > 0 {
                return None;
            }
            self.now = Sending::Nothing;
        }
        if matches!(self.now, Sending::Nothing) {
            let (code, total) = self.queue.pop_front()?;
            self.now = Sending::Key {
                code,
                start: timestamp,
                total,
                elapsed: 0,
                n_ends: N_ENDS,
            };
        }
        self.key(ticks, pause)
    }

    fn key(&mut self, ticks: u32, pause: u32) -> Option<EventPacket> {
        let Sending::Key {
            code,
            start,
            total,
            elapsed,
            n_ends,
        } = &mut self.now
        else {
            return None;
        };
        let marker = *elapsed == 0;
        *elapsed = (*elapsed + ticks).min(*total);
        // What 16 bits cannot hold goes on as another event (RFC 4733 §2.5.1.3).
        let before = elapsed.saturating_sub(1) / SEGMENT as u32 * SEGMENT as u32;
        let packet = EventPacket {
            marker,
            timestamp: start.wrapping_add(before),
            event: Event {
                code: *code,
                end: *elapsed >= *total,
                volume: VOLUME,
                duration: (*elapsed - before) as u16,
            },
        };
        if packet.event.end {
            *n_ends -= 1;
            if *n_ends == 0 {
                self.now = Sending::Pause { left: pause };
            }
        }
        Some(packet)
    }
}

/// By event code (RFC 4733 §3.2).
const DIGITS: &[u8; 16] = b"0123456789*#ABCD";
const END: u8 = 0x80;
/// Where a long key goes on at a new timestamp (RFC 4733 §2.5.1.3).
const SEGMENT: u64 = 0xFFFF;
/// A usual level of a key: −10 dBm0.
const VOLUME: u8 = 10;
/// The end goes out three times (RFC 4733 §2.5.1.4).
const N_ENDS: u8 = 3;
/// Updates come every 20 to 50 ms; several of them lost in a row mean the end.
const SILENT_FOR: Duration = Duration::from_millis(150);
/// More keys than a person can press before somebody asks for them.
const MAX_KEYS: usize = 64;

#[cfg(test)]
mod tests;

//! Does any row of packets become sound that a loudspeaker can bear?

use std::time::{Duration, Instant};

use crate::base::Encoding;
use crate::fuzzing::Input;
use crate::media::{Receiver, ReceiverSettings};
use crate::rtp::{Header, NtpTime, Packet, Rtcp, is_rtcp};

/// Packets that come when they like, over hours if need be, and a card that takes what is there.
pub fn media(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let mut listener = Listener::new(&mut input);
    while !input.is_empty() {
        match input.byte() % 8 {
            0 => {
                let n = usize::from(input.byte());
                listener.datagram(input.bytes(n));
            }
            1 => listener.pass(Duration::from_millis(match input.byte() {
                255 => 30_000,
                n => u64::from(n) * 4,
            })),
            2 => listener.switch(&mut input),
            3 => report(&mut input),
            4 => listener.key(&mut input),
            _ => listener.sound(&mut input),
        }
    }
    listener.pass(Duration::from_secs(5));
    assert!(listener.receiver.report().frames >= listener.heard);
}

/// A receiver, and the feed and card behind it.
struct Listener {
    receiver: Receiver,
    encoding: Encoding,
    now: Instant,
    fill: usize,
    heard: u64,
    sequence: u16,
    timestamp: u32,
}

impl Listener {
    fn new(input: &mut Input<'_>) -> Self {
        let encoding = encoding(input);
        Self {
            receiver: Receiver::new(settings(encoding)),
            encoding,
            now: Instant::now(),
            fill: 0,
            heard: 0,
            sequence: input.number(),
            timestamp: u32::from(input.number()) << 16,
        }
    }

    fn datagram(&mut self, datagram: &[u8]) {
        let _ = (Packet::parse(datagram), is_rtcp(datagram));
        self.receiver.handle_rtp(datagram, self.now);
        self.poll();
    }

    /// A packet of the call, mostly the next one.
    fn sound(&mut self, input: &mut Input<'_>) {
        let (step, n) = (input.byte(), usize::from(input.byte()));
        self.sequence = self.sequence.wrapping_add_signed(near(step % 16));
        let packet = self.encoding.clock_rate() as i32 / 50;
        let ticks = i32::from(near(step / 16)) * packet;
        self.timestamp = self.timestamp.wrapping_add_signed(ticks);
        let payload_type = 96 + step / 255;
        let packet = self.packet(payload_type, input.bytes(n));
        self.datagram(&packet);
        self.pass(Duration::from_millis(20));
    }

    fn key(&mut self, input: &mut Input<'_>) {
        self.sequence = self.sequence.wrapping_add(1);
        let packet = self.packet(101, input.bytes(4));
        self.datagram(&packet);
        if let Some(key) = self.receiver.poll_key() {
            assert!("0123456789*#ABCD".contains(key.digit), "{key:?}");
        }
    }

    fn packet(&self, payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        let header = Header {
            marker: false,
            payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: 7,
        };
        header.write(&mut packet);
        packet.extend_from_slice(payload);
        packet
    }

    fn switch(&mut self, input: &mut Input<'_>) {
        let other = encoding(input);
        if other.audio_rate() == self.encoding.audio_rate() {
            self.receiver.set_settings(settings(other));
        }
    }

    /// Time passes: the card takes its blocks, and the receiver is asked when it wanted to be.
    fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            let step = BLOCK.min(end - self.now);
            let due = self.receiver.poll_timeout().map(|(at, _)| at);
            if due.is_some_and(|at| at > self.now && at < self.now + step) {
                self.poll();
            }
            self.now += step;
            let rate = self.encoding.audio_rate().hz() as usize;
            let block = rate * step.as_millis() as usize / 1_000;
            self.fill = self.fill.saturating_sub(block);
            self.poll();
        }
    }

    fn poll(&mut self) {
        let rate = self.encoding.audio_rate().hz() as usize;
        for n in 0.. {
            let Some(sound) = self.receiver.poll(self.now, self.fill) else {
                break;
            };
            assert!(n < MOST_POLLS, "it never has enough");
            let is_fit = |s: &f32| s.is_finite() && s.abs() <= LOUDEST;
            assert!(sound.iter().all(is_fit), "{sound:?}");
            self.fill += sound.len();
            self.heard += sound.len() as u64;
            assert!(self.fill < rate * LONGEST_WAIT, "{} frames wait", self.fill);
        }
        let _ = self.receiver.source();
        assert!(self.receiver.target() < rate * LONGEST_WAIT);
        if let Some((at, why)) = self.receiver.poll_timeout() {
            assert!(at > self.now, "{why}: due at once again");
        }
    }
}

/// What a peer reports about our stream, and what we would read of our own report.
fn report(input: &mut Input<'_>) {
    let n = usize::from(input.byte());
    let datagram = input.bytes(n);
    let _ = Rtcp::parse(datagram, |part| {
        if let Rtcp::Block { block, .. } = part {
            let now = NtpTime::from_unix(Duration::from_secs(1_700_000_000));
            let trip = block.round_trip(now);
            assert!(trip.is_none_or(|trip| trip < Duration::from_secs(32_768)));
        }
    });
}

fn settings(encoding: Encoding) -> ReceiverSettings {
    ReceiverSettings {
        encoding,
        payload_type: 96,
        event_payload_type: Some(101),
        event_clock_rate: encoding.clock_rate(),
    }
}

fn encoding(input: &mut Input<'_>) -> Encoding {
    Encoding::ALL[usize::from(input.byte()) % Encoding::ALL.len()]
}

/// One step forward for most, some steps either way for a few.
fn near(choice: u8) -> i16 {
    match choice {
        0..=9 => 1,
        10 => 0,
        11 => -1,
        12 => 2,
        13 => -9,
        14 => 60,
        _ => 20_000,
    }
}

/// A block of a card.
const BLOCK: Duration = Duration::from_millis(10);

/// Blocks that may come at once.
const MOST_POLLS: usize = 400;

/// Above full scale by what decoding, stretching and bridging may add.
const LOUDEST: f32 = 2.0;

/// Seconds of sound that may wait in the feed.
const LONGEST_WAIT: usize = 3;

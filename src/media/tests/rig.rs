//! What does a listener hear when a caller's packets cross this network and play on that card?
//!
//! ```text
//!  speech ─► Sender ─► network(delay, loss, copies) ─► Receiver ─► base::feed ─► card ─► heard
//! ```

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use crate::base::{Encoding, FeedRx, FeedTx, OpusWish, feed};
use crate::dsp::Drift;
use crate::media::{Receiver, ReceiverSettings, Report, Sender, SenderSettings};

pub(super) const MS: Duration = Duration::from_millis(1);

/// Repeatable chance.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// 0 up to 1, evenly.
    pub(super) fn even(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(super) fn within(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.even())
    }
}

/// A card that takes blocks from the feed and steers their size so that the mean fill is as the
/// feed's target says, as the engine's voice does.
pub(super) struct Card {
    feed: FeedRx,
    /// Frames of the feed that one block takes at the nominal rate.
    block: f64,
    /// The card's clock against the true one, in millionths.
    ppm: f64,
    steers: bool,
    owed: f64,
    drift: Drift,
    heard: Vec<f32>,
    /// When each block was taken, as the index of its first frame.
    taken: Vec<(usize, Instant)>,
    n_starved: usize,
    started: bool,
}

impl Card {
    fn new(feed: FeedRx, period: usize, ppm: f64, steers: bool) -> Self {
        Self {
            block: period as f64 * f64::from(feed.rate().hz()) / 48_000.0,
            feed,
            ppm,
            steers,
            owed: 0.0,
            drift: Drift::default(),
            heard: Vec::new(),
            taken: Vec::new(),
            n_starved: 0,
            started: false,
        }
    }

    fn period(&self) -> Duration {
        let rate = f64::from(self.feed.rate().hz());
        Duration::from_secs_f64(self.block / rate / (1.0 + self.ppm * 1e-6))
    }

    fn call(&mut self, now: Instant) {
        let fill = self.feed.fill() as f64;
        self.started |= fill > 0.0;
        if !self.started {
            return;
        }
        self.owed += self.block * (1.0 + self.steering(fill));
        let n = self.owed as usize;
        self.owed -= n as f64;
        let from = self.heard.len();
        self.taken.push((from, now));
        self.heard.resize(from + n, 0.0);
        let got = self.feed.pop(&mut self.heard[from..]);
        self.n_starved += n - got;
    }

    fn steering(&mut self, fill: f64) -> f64 {
        if !self.steers || fill == 0.0 {
            return 0.0;
        }
        let rate = f64::from(self.feed.rate().hz());
        let excess = (fill - self.feed.target() as f64) / rate;
        self.drift.speed(excess, self.block / rate) - 1.0
    }
}

/// How one packet crosses the network: a delay for each copy that arrives.
pub(super) type Network = Box<dyn FnMut(u32, &mut Chance) -> Vec<Duration>>;

/// One that takes the same time for every packet.
pub(super) fn steady(delay: Duration) -> Network {
    Box::new(move |_, _| vec![delay])
}

/// One that takes up to so long.
pub(super) fn jitter(most: Duration) -> Network {
    Box::new(move |_, chance| vec![chance.within(most)])
}

/// One that loses so many in a hundred, by chance.
pub(super) fn loss(percent: f64) -> Network {
    Box::new(move |_, chance| {
        if chance.even() * 100.0 < percent {
            vec![]
        } else {
            vec![10 * MS]
        }
    })
}

/// What the caller's device does to its packets.
pub(super) type Quirk = Box<dyn FnMut(u32, &mut Vec<u8>)>;

pub(super) struct Rig {
    pub(super) encoding: Encoding,
    pub(super) opus: OpusWish,
    pub(super) ptime: Duration,
    /// Frames of the card at 48 kHz.
    pub(super) period: usize,
    /// The card's clock against the caller's, in millionths.
    pub(super) ppm: f64,
    pub(super) steers: bool,
    /// The card calls nobody during this, counted from the start.
    pub(super) stall: Range<Duration>,
    /// Timers and packets are noticed up to so much late.
    pub(super) wake: Duration,
    pub(super) network: Network,
    pub(super) quirk: Quirk,
    /// Which packets the caller leaves out, as in silence suppression.
    pub(super) pauses: Range<u32>,
    pub(super) seed: u64,
    pub(super) first_sequence: u16,
    pub(super) first_timestamp: u32,
}

impl Default for Rig {
    fn default() -> Self {
        Self {
            encoding: Encoding::Pcmu,
            opus: OpusWish::default(),
            ptime: 20 * MS,
            period: 128,
            ppm: 0.0,
            steers: true,
            stall: Duration::ZERO..Duration::ZERO,
            wake: MS,
            network: steady(10 * MS),
            quirk: Box::new(|_, _| {}),
            pauses: 0..0,
            seed: 0x2545_F491_4F6C_DD1D,
            first_sequence: 1,
            first_timestamp: 0,
        }
    }
}

/// What came out of a run.
pub(super) struct Heard {
    pub(super) sound: Vec<f32>,
    pub(super) report: Report,
    pub(super) n_starved: usize,
    pub(super) n_polls: usize,
    /// Whether the receiver still wanted to be called at the end.
    pub(super) is_waiting: bool,
    taken: Vec<(usize, Instant)>,
    start: Instant,
    rate: f64,
}

impl Heard {
    /// From the moment that a packet with the frame `input` at its start was sent to the playing
    /// of the frame `output`.
    pub(super) fn delay(&self, input: usize, output: usize) -> Duration {
        let sent = self.start + Duration::from_secs_f64(input as f64 / self.rate);
        let i = self.taken.partition_point(|&(from, _)| from <= output) - 1;
        let (from, at) = self.taken[i];
        let played = at + Duration::from_secs_f64((output - from) as f64 / self.rate);
        played.saturating_duration_since(sent)
    }
}

#[derive(Debug)]
enum Happening {
    Arrival(Vec<u8>),
    Card,
    Timeout,
}

/// What is going to happen, by time and then by the order it was planned in.
struct Plan {
    queue: BTreeMap<(Instant, u64), Happening>,
    n: u64,
}

impl Plan {
    fn add(&mut self, at: Instant, happening: Happening) -> (Instant, u64) {
        self.n += 1;
        self.queue.insert((at, self.n), happening);
        (at, self.n)
    }
}

impl Rig {
    /// Sends all of `speech` and listens until 300 ms after its end.
    pub(super) fn run(self, speech: &[f32]) -> Heard {
        self.run_longer(speech, 300 * MS)
    }

    /// Sends all of `speech` and listens on for a while.
    pub(super) fn run_longer(mut self, speech: &[f32], listen: Duration) -> Heard {
        let mut chance = Chance(self.seed);
        let start = Instant::now();
        let mut plan = self.plan(speech, start, &mut chance);
        let rate = self.encoding.audio_rate();
        let (mut tx, rx) = feed(rate, rate.hz() as usize * 2);
        let mut card = Card::new(rx, self.period, self.ppm, self.steers);
        let period = card.period();
        let card_start = start + chance.within(period);
        plan.add(card_start, Happening::Card);
        let end = start + rate.duration_of(speech.len() as u64) + listen;
        let mut receiver = Receiver::new(ReceiverSettings {
            encoding: self.encoding,
            payload_type: self.encoding.static_payload_type().unwrap_or(96),
            event_payload_type: Some(101),
            event_clock_rate: self.encoding.clock_rate(),
        });
        let (mut n_polls, mut n_cards, mut timeout) = (0, 0, None);
        while let Some(((now, _), happening)) = plan.queue.pop_first() {
            if now > end {
                break;
            }
            match happening {
                Happening::Card => {
                    if !self.stall.contains(&(now - start)) {
                        card.call(now);
                    }
                    n_cards += 1;
                    plan.add(card_start + period * n_cards, Happening::Card);
                    continue;
                }
                Happening::Arrival(datagram) => receiver.handle_rtp(&datagram, now),
                Happening::Timeout => {}
            }
            n_polls += 1;
            drain(&mut receiver, &mut tx, now);
            if let Some(old) = timeout.take() {
                plan.queue.remove(&old);
            }
            timeout = receiver.poll_timeout().map(|(at, _)| {
                let at = at.max(now) + chance.within(self.wake);
                plan.add(at, Happening::Timeout)
            });
        }
        Heard {
            sound: card.heard,
            report: receiver.report(),
            n_starved: card.n_starved,
            n_polls,
            is_waiting: receiver.poll_timeout().is_some(),
            taken: card.taken,
            start,
            rate: f64::from(rate.hz()),
        }
    }

    fn plan(&mut self, speech: &[f32], start: Instant, chance: &mut Chance) -> Plan {
        let mut plan = Plan {
            queue: BTreeMap::new(),
            n: 0,
        };
        let mut sender = Sender::new(SenderSettings {
            encoding: self.encoding,
            payload_type: self.encoding.static_payload_type().unwrap_or(96),
            event_payload_type: None,
            event_clock_rate: self.encoding.clock_rate(),
            opus: self.opus,
            ptime: self.ptime,
            ssrc: 7,
            first_sequence: self.first_sequence,
            first_timestamp: self.first_timestamp,
        });
        sender.expect_loss(0.1);
        let n = sender.frames_per_packet();
        for (i, pcm) in speech.chunks_exact(n).enumerate() {
            let i = i as u32;
            if self.pauses.contains(&i) {
                sender.pause(n);
                continue;
            }
            let mut datagram = sender.packet(pcm).to_vec();
            (self.quirk)(i, &mut datagram);
            for delay in (self.network)(i, chance) {
                let at = start + self.ptime * i + delay;
                plan.add(at, Happening::Arrival(datagram.clone()));
            }
        }
        plan
    }
}

pub(super) fn drain(receiver: &mut Receiver, tx: &mut FeedTx, now: Instant) {
    for _ in 0..200 {
        let fill = tx.fill();
        let Some(frames) = receiver.poll(now, fill) else {
            tx.set_target(receiver.target());
            return;
        };
        tx.push(frames);
    }
    panic!("poll never ends");
}

//! What does a listener hear when a caller's packets cross this network and play on that card?
//!
//! ```text
//!  speech ─► Sender ─► network(delay, loss, copies) ─► Receiver ─► base::feed ─► card ─► heard
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::base::{Encoding, FeedRx, FeedTx, feed};
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
    mean_fill: Option<f64>,
    lasting: f64,
    pub(super) heard: Vec<f32>,
    /// When each block was taken, as the index of its first frame.
    taken: Vec<(usize, Instant)>,
    pub(super) n_starved: usize,
    started: bool,
}

impl Card {
    fn period(&self, rate: f64) -> Duration {
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
        let dt = self.block / rate;
        let mean = self.mean_fill.get_or_insert(fill);
        *mean += (fill - *mean) * (dt / 0.5).min(1.0);
        let error = (*mean - self.feed.target() as f64) / rate;
        self.lasting = (self.lasting + error * dt * 0.02).clamp(-0.002, 0.002);
        (error * 0.3 + self.lasting).clamp(-0.005, 0.005)
    }
}

/// How one packet crosses the network: a delay for each copy that arrives.
pub(super) type Network = Box<dyn FnMut(u32, &mut Chance) -> Vec<Duration>>;

pub(super) struct Rig {
    pub(super) encoding: Encoding,
    pub(super) ptime: Duration,
    /// Frames of the card at 48 kHz.
    pub(super) period: usize,
    pub(super) ppm: f64,
    pub(super) steers: bool,
    pub(super) wake: Duration,
    pub(super) network: Network,
    /// Whether the sender leaves packet `n` out, as in silence suppression.
    pub(super) pauses: fn(u32) -> bool,
    pub(super) seed: u64,
    pub(super) first_sequence: u16,
    pub(super) first_timestamp: u32,
}

impl Default for Rig {
    fn default() -> Self {
        Self {
            encoding: Encoding::Pcmu,
            ptime: 20 * MS,
            period: 128,
            ppm: 0.0,
            steers: true,
            wake: MS,
            network: Box::new(|_, _| vec![10 * MS]),
            pauses: |_| false,
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
    taken: Vec<(usize, Instant)>,
    sent_at: Instant,
    rate: f64,
}

impl Heard {
    /// From the sending of the frame `input` to the playing of the frame `output`.
    pub(super) fn delay(&self, input: usize, output: usize, ptime: Duration) -> Duration {
        let packet = (input as f64 / self.rate / ptime.as_secs_f64()) as u32;
        let sent = self.sent_at + ptime * packet;
        let i = self.taken.partition_point(|&(from, _)| from <= output) - 1;
        let (from, at) = self.taken[i];
        let within = input as f64 / self.rate - f64::from(packet) * ptime.as_secs_f64();
        let played = at + Duration::from_secs_f64((output - from) as f64 / self.rate);
        played.saturating_duration_since(sent + Duration::from_secs_f64(within))
    }
}

enum Happening {
    Arrival(Vec<u8>),
    Card,
    Timeout,
}

impl Rig {
    /// Sends all of `speech` and listens until a second after its end.
    pub(super) fn run(mut self, speech: &[f32]) -> Heard {
        let mut chance = Chance(self.seed);
        let start = Instant::now();
        let mut queue: BTreeMap<(Instant, u64), Happening> = BTreeMap::new();
        let mut n = 0u64;
        let datagrams = self.datagrams(speech);
        let rate = self.encoding.audio_rate();
        let (mut tx, rx) = feed(rate, rate.hz() as usize * 2);
        let mut card = Card {
            feed: rx,
            block: self.period as f64 * f64::from(rate.hz()) / 48_000.0,
            ppm: self.ppm,
            steers: self.steers,
            owed: 0.0,
            mean_fill: None,
            lasting: 0.0,
            heard: Vec::new(),
            taken: Vec::new(),
            n_starved: 0,
            started: false,
        };
        for (i, datagram) in datagrams.into_iter().enumerate() {
            let i = i as u32;
            if (self.pauses)(i) {
                continue;
            }
            for delay in (self.network)(i, &mut chance) {
                n += 1;
                let at = start + self.ptime * i + delay;
                queue.insert((at, n), Happening::Arrival(datagram.clone()));
            }
        }
        let period = card.period(f64::from(rate.hz()));
        queue.insert((start + chance.within(period), 0), Happening::Card);
        let end = start + rate.duration_of(speech.len() as u64) + 300 * MS;
        let mut receiver = Receiver::new(ReceiverSettings {
            encoding: self.encoding,
            payload_type: self.encoding.static_payload_type().unwrap_or(96),
            event_payload_type: Some(101),
        });
        let mut n_polls = 0;
        let mut timeout: Option<(Instant, u64)> = None;
        let (mut n_cards, card_start) = (0u32, start + chance.within(period));
        while let Some(((now, _), happening)) = queue.pop_first() {
            if now > end {
                break;
            }
            n += 1;
            match happening {
                Happening::Card => {
                    card.call(now);
                    n_cards += 1;
                    queue.insert((card_start + period * n_cards, n), Happening::Card);
                    continue;
                }
                Happening::Arrival(datagram) => receiver.handle_rtp(&datagram, now),
                Happening::Timeout => timeout = None,
            }
            n_polls += 1;
            drain(&mut receiver, &mut tx, now);
            if let Some(old) = timeout.take() {
                queue.remove(&old);
            }
            if let Some((at, _)) = receiver.poll_timeout() {
                let at = at.max(now) + chance.within(self.wake);
                timeout = Some((at, n));
                queue.insert((at, n), Happening::Timeout);
            }
        }
        Heard {
            sound: card.heard,
            report: receiver.report(),
            n_starved: card.n_starved,
            n_polls,
            taken: card.taken,
            sent_at: start,
            rate: f64::from(rate.hz()),
        }
    }

    fn datagrams(&self, speech: &[f32]) -> Vec<Vec<u8>> {
        let mut sender = Sender::new(SenderSettings {
            encoding: self.encoding,
            payload_type: self.encoding.static_payload_type().unwrap_or(96),
            event_payload_type: None,
            ptime: self.ptime,
            ssrc: 7,
            first_sequence: self.first_sequence,
            first_timestamp: self.first_timestamp,
        });
        speech
            .chunks_exact(sender.frames_per_packet())
            .map(|pcm| sender.packet(pcm).to_vec())
            .collect()
    }
}

fn drain(receiver: &mut Receiver, tx: &mut FeedTx, now: Instant) {
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

//! What must go into the feed now?
//!
//! ```text
//!  packets ─► Reorder ─► decode ─► stretch / squeeze ─► blend ─► feed (rings to the card)
//!                 │                                       ▲
//!                 └─ missing, and the feed runs dry ─► Concealer
//! ```
//!
//! Sound is pushed as soon as it is there; what waits, waits in the ring. So the ring's reach at
//! the arrival of a packet is the delay that this packet gets. `at` is the position, in frames of
//! the caller's clock, up to which the feed is filled; concealment advances it like sound does.
//! When a packet comes after its place was concealed, `at` is set back: the delay has grown.

use std::time::{Duration, Instant};

use crate::base::Encoding;
use crate::codec::{Decoder, Restored};
use crate::media::Report;
use crate::media::card::Card;
use crate::media::conceal::{Concealer, Joint};
use crate::media::pace::{Off, Pace};
use crate::media::transit::Transit;
use crate::rtp::{Insert, Reorder, Waiting};

/// What a packet in the buffer brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Sound(Encoding),
    /// What silence sounds like from here on (RFC 3389).
    Noise,
    /// A packet that takes a sequence number but no time: a key.
    Nothing,
}

impl Content {
    fn is_sound(self) -> bool {
        matches!(self, Self::Sound(_))
    }
}

/// What is known of a packet besides its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    /// In frames of the sound, unwrapped.
    pub(super) position: u64,
    pub(super) content: Content,
}

/// What is made up before a packet.
#[derive(Clone, Copy, Debug)]
enum Filling {
    /// So many frames that lead from the last sound to this one.
    Bridge(usize),
    /// So many frames to wait; the last sound fades in them.
    Cushion(usize),
}

impl Filling {
    fn frames(self) -> usize {
        match self {
            Self::Bridge(n) | Self::Cushion(n) => n,
        }
    }
}

/// Turns packets, which come when they like, into a feed that never runs dry.
pub(super) struct Playout {
    rate: usize,
    waiting: Reorder<About>,
    decoder: Decoder,
    transit: Transit,
    card: Card,
    concealer: Concealer,
    /// Whether the feed must not run dry.
    running: bool,
    at: Option<u64>,
    /// Concealed frames since the last sound.
    n_concealed: usize,
    heard_at: Option<Instant>,
    packet_frames: usize,
    /// Mean lateness at which sound goes into the feed, in frames.
    mean_late: f32,
    pace: Pace,
    sound: Vec<f32>,
    out: Vec<f32>,
    due_at: Option<(Instant, &'static str)>,
}

impl Playout {
    /// A playout that has heard nothing yet.
    pub(super) fn new(encoding: Encoding) -> Self {
        let rate = encoding.audio_rate().hz() as usize;
        Self {
            rate,
            waiting: Reorder::new(N_PLACES),
            decoder: Decoder::new(encoding),
            transit: Transit::new(rate as f64),
            card: Card::new(rate as f64),
            concealer: Concealer::new(rate),
            running: false,
            at: None,
            n_concealed: 0,
            heard_at: None,
            packet_frames: rate / 50,
            mean_late: 0.0,
            pace: Pace::new(rate),
            sound: Vec::new(),
            out: Vec::new(),
            due_at: None,
        }
    }

    /// Takes a packet at its arrival.
    pub(super) fn handle(
        &mut self,
        sequence: u64,
        about: About,
        payload: &[u8],
        now: Instant,
        report: &mut Report,
    ) {
        if self.is_elsewhere(sequence, about, now) {
            self.restart();
            report.restarts += 1;
        }
        let mut fate = self.waiting.insert(sequence, about, payload);
        if fate == Insert::TooFar {
            self.restart();
            report.restarts += 1;
            fate = self.waiting.insert(sequence, about, payload);
        }
        match fate {
            Insert::Kept | Insert::TooFar => {}
            Insert::Reordered => report.reordered += 1,
            Insert::Duplicate => {
                report.duplicate += 1;
                return;
            }
            Insert::Late => report.late += 1,
        }
        match about.content {
            Content::Sound(_) => {
                self.transit.observe(now, about.position);
                self.heard_at = Some(now);
            }
            Content::Noise => self.heard_at = Some(now),
            Content::Nothing => {}
        }
    }

    /// Whether a packet belongs to another timeline than those before it; a straggler does not.
    fn is_elsewhere(&mut self, sequence: u64, about: About, now: Instant) -> bool {
        if !about.content.is_sound() || !self.waiting.is_newest(sequence) {
            return false;
        }
        let jump = self.transit.jump(now, about.position).unwrap_or(0);
        jump.unsigned_abs() > self.frames(JUMP) as u64
    }

    /// The stream starts anew: other sequence numbers, other timestamps, or both.
    pub(super) fn restart(&mut self) {
        self.waiting.reset();
        self.transit.reset();
        self.at = None;
    }

    /// Another source speaks: nothing that was decoded before tells of what comes.
    pub(super) fn change_source(&mut self) {
        self.restart();
        self.decoder = Decoder::new(self.decoder.encoding());
    }

    /// What goes into the feed, which holds `fill` frames; call again until `None`.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        fill: usize,
        report: &mut Report,
    ) -> Option<&[f32]> {
        self.card.observe(now, fill);
        self.out.clear();
        let reach = self.card.reach(now, fill);
        self.step(now, reach, report);
        if self.out.is_empty() {
            self.due_at = self.next_due(now, reach);
            return None;
        }
        self.card.pushed(self.out.len());
        report.frames += self.out.len() as u64;
        Some(&self.out)
    }

    /// When to poll again even if nothing comes; set by the last poll.
    pub(super) fn due_at(&self) -> Option<(Instant, &'static str)> {
        self.due_at
    }

    /// The mean fill of the feed that makes the delay as it is wanted.
    pub(super) fn target(&self) -> usize {
        if self.n_concealed > self.frames(LONG_GAP) {
            return self.low_water() + self.piece() / 2;
        }
        let mean = (self.wanted() + self.packet_frames / 2) as f32 - self.mean_late;
        (mean as usize).max(self.low_water())
    }

    fn step(&mut self, now: Instant, reach: usize, report: &mut Report) {
        self.drop_backlog(now, reach, report);
        loop {
            let is_due = self.waiting.due().is_some();
            let Some(first) = self.first_sound() else {
                self.run_on(now, reach, report);
                return;
            };
            let is_full = reach > self.wanted() + self.frames(HOLD);
            let Some(at) = self.at else {
                if is_full {
                    return;
                }
                self.start(now, first.position, reach, report);
                return;
            };
            let is_dry = reach <= self.low_water();
            let gap = first.position.saturating_sub(at) as usize;
            if gap > 0 && !is_due && !is_dry {
                return;
            }
            if is_full && !self.concealer.is_concealing() {
                return;
            }
            if at > first.position {
                self.set_back(now, at, first.position, reach);
            }
            let filling = self.filling(gap, now, first.position, reach);
            self.play(filling, now, reach, report);
            if !self.out.is_empty() {
                return;
            }
        }
    }

    /// The first packet with sound; packets without that are in turn are let go.
    fn first_sound(&mut self) -> Option<About> {
        while let Some(first) = self.waiting.due() {
            if first.about.content.is_sound() {
                break;
            }
            self.let_go();
        }
        let mut waiting = self.waiting.iter().map(|w| w.about);
        waiting.find(|about| about.content.is_sound())
    }

    /// Takes the first packet out unheard; what silence sounds like is remembered.
    fn let_go(&mut self) {
        if let Some(waiting) = self.waiting.take() {
            if waiting.about.content == Content::Noise {
                self.concealer.quieten(&waiting.payload);
            }
            self.waiting.recycle(waiting.payload);
        }
    }

    /// Nothing is here: the last sound goes on in pieces while the feed would run dry.
    fn run_on(&mut self, now: Instant, reach: usize, report: &mut Report) {
        if !self.running || reach > self.low_water() {
            return;
        }
        let silent_for = self.heard_at.map(|at| now.saturating_duration_since(at));
        let patience = if self.concealer.is_quiet() {
            GIVE_UP_NOISE
        } else {
            GIVE_UP
        };
        if silent_for.is_some_and(|silent_for| silent_for > patience) {
            self.running = false;
            self.at = None;
            return;
        }
        let n = self.piece();
        self.make_up(n, report);
        self.n_concealed += n;
        if let Some(at) = &mut self.at {
            *at += n as u64;
        }
    }

    /// Continues the sound, or the silence, for `n` frames.
    fn make_up(&mut self, n: usize, report: &mut Report) {
        self.concealer.conceal(n, &mut self.out);
        if self.concealer.is_quiet() {
            report.noise += n as u64;
        } else {
            report.concealed += n as u64;
        }
    }

    /// What is concealed at once: a whole part or multiple of a packet, so that the packet after
    /// a lost one finds its place free. Little, while that packet may come at any moment: the
    /// less of the gap is gone, the better is the way back.
    fn piece(&self) -> usize {
        let longest = if self.concealer.n_made_up() < self.packet_frames.min(self.frames(SOON)) {
            PIECE
        } else {
            LATER_PIECE
        };
        let most = self.frames(longest).max(1);
        let packet = self.packet_frames.max(1);
        if packet < most {
            return most / packet * packet;
        }
        packet / packet.div_ceil(most)
    }

    /// The first sound, or the first of another timeline: as much before it as makes the delay
    /// right.
    fn start(&mut self, now: Instant, position: u64, reach: usize, report: &mut Report) {
        let late = self.transit.lateness(now, position);
        let cushion = self.wanted().saturating_sub(reach + late);
        self.running = true;
        self.pace.reset();
        self.at = Some(position);
        self.play(Filling::Cushion(cushion), now, reach, report);
    }

    /// What goes before a packet that comes `gap` frames after the last sound.
    fn filling(&mut self, gap: usize, now: Instant, position: u64, reach: usize) -> Filling {
        let is_pause = self.concealer.is_silent() || gap > self.frames(LONGEST_BRIDGE);
        if gap == 0 || !is_pause {
            return Filling::Bridge(gap);
        }
        // In silence the delay may be set as it should be.
        let delay = self.transit.lateness(now, position) + reach;
        Filling::Cushion(self.wanted().saturating_sub(delay).min(gap))
    }

    /// A packet came after its place was concealed: what of it is played all the same?
    fn set_back(&mut self, now: Instant, at: u64, position: u64, reach: usize) {
        let overlap = (at - position) as usize;
        let needed = self.wanted().saturating_sub(self.delay(now, at, reach));
        let rescued = overlap.saturating_sub(self.frames(SACRIFICE));
        let grow = needed.max(rescued).min(self.n_concealed).min(overlap);
        self.at = Some(at - grow as u64);
    }

    /// Takes the first sound out and puts it behind what fills the gap before it.
    fn play(&mut self, filling: Filling, now: Instant, reach: usize, report: &mut Report) {
        let n_missing = self.waiting.n_missing();
        for _ in 0..n_missing.min(MOST_LOST) {
            self.transit.lost(self.packet_frames);
        }
        while self
            .waiting
            .first()
            .is_some_and(|w| !w.about.content.is_sound())
        {
            self.let_go();
        }
        let Some(Waiting { about, payload, .. }) = self.waiting.take() else {
            return;
        };
        self.sound.clear();
        let n_restored = self.decode(about, &payload, n_missing, report);
        self.waiting.recycle(payload);
        let n_packet = self.sound.len() - n_restored;
        if n_packet > 0 {
            self.packet_frames = n_packet;
        }
        let filling = match filling {
            Filling::Bridge(gap) => Filling::Bridge(gap.saturating_sub(n_restored)),
            Filling::Cushion(_) => {
                self.sound.drain(..n_restored);
                filling
            }
        };
        let n_before = self.sound.len() - n_packet;
        let position = about.position.saturating_sub(n_before as u64);
        self.place(position, filling, now, reach, report);
    }

    /// Puts the sound of a packet into `sound`, and that of up to `n_missing` lost ones before it
    /// as far as the codec knows of them; returns the frames of the latter.
    fn decode(
        &mut self,
        about: About,
        payload: &[u8],
        n_missing: u64,
        report: &mut Report,
    ) -> usize {
        let Content::Sound(encoding) = about.content else {
            return 0;
        };
        if self.decoder.encoding() != encoding {
            self.decoder = Decoder::new(encoding);
        }
        if (1..=MOST_LOST).contains(&n_missing) {
            let frames = n_missing as usize * self.packet_frames;
            match self.decoder.restore(frames, payload, &mut self.sound) {
                Restored::Told => report.restored += 1,
                // Our own guess knows both ends of the gap.
                Restored::Guessed | Restored::Nothing => self.sound.clear(),
            }
        }
        let n_restored = self.sound.len();
        self.decoder.decode(payload, &mut self.sound);
        n_restored
    }

    /// Fits the decoded sound to the timeline.
    fn place(
        &mut self,
        position: u64,
        filling: Filling,
        now: Instant,
        reach: usize,
        report: &mut Report,
    ) {
        let n = self.sound.len();
        let overlap = self.at.map_or(0, |at| at.saturating_sub(position)) as usize;
        if overlap >= n {
            report.late += u64::from(n > 0);
            return;
        }
        self.sound.drain(..overlap);
        self.at = Some(position + n as u64);
        let late =
            self.transit
                .lateness(now, position + n as u64 - self.packet_frames as u64) as f32;
        self.mean_late += (late - self.mean_late) / MEAN_OF;
        let filled = filling.frames();
        let delay = self.delay(now, position + overlap as u64, reach + filled);
        self.note_delay(delay, report);
        let off = Off {
            surplus: delay as f32 - self.wanted() as f32,
            missing: self.needed() as f32 - delay as f32,
        };
        self.pace.adjust(&mut self.sound, off, report);
        let joint = if overlap > 0 {
            Joint::Broken
        } else {
            Joint::Smooth
        };
        match filling {
            Filling::Bridge(n) if n > 0 => {
                report.concealed += n as u64;
                self.concealer.bridge(n, &mut self.sound, &mut self.out);
            }
            Filling::Bridge(n) | Filling::Cushion(n) => {
                self.make_up(n, report);
                self.concealer.play(&mut self.sound, joint, &mut self.out);
            }
        }
        self.n_concealed = 0;
    }

    fn note_delay(&self, delay: usize, report: &mut Report) {
        let delay = self.span(delay);
        report.delay = delay;
        report.delay_max = report.delay_max.max(delay);
        if report.delay_min == Duration::ZERO || delay < report.delay_min {
            report.delay_min = delay;
        }
    }

    /// What is too old for anyone is thrown away: after a long stall of the network, and while the
    /// card takes nothing, so that it finds the newest sound when it comes.
    fn drop_backlog(&mut self, now: Instant, reach: usize, report: &mut Report) {
        let first = self.waiting.first().map(|w| w.about.position);
        let Some(at) = self.at.or(first) else { return };
        let spare = if self.card.is_still(now) {
            2 * self.packet_frames
        } else {
            self.frames(MOST_SURPLUS)
        };
        let most = self.wanted() + spare;
        if self.waiting.len() < 2 || self.delay(now, at, reach) <= most {
            return;
        }
        let end = self.waiting.iter().last().map_or(0, |w| w.about.position);
        let keep = end.saturating_sub(self.wanted() as u64);
        while let Some(first) = self.waiting.first() {
            if first.about.position >= keep {
                break;
            }
            self.let_go();
            report.skipped += self.packet_frames as u64;
        }
        self.at = None;
        self.n_concealed = 0;
    }

    /// The delay of sound at `at`, which the feed reaches: from the fastest packets' arrival.
    fn delay(&mut self, now: Instant, at: u64, reach: usize) -> usize {
        let late = self.transit.jump(now, at).unwrap_or(0);
        (reach as i64 + late).max(0) as usize
    }

    /// The delay that is wanted: with it, gaps are filled well.
    fn wanted(&self) -> usize {
        self.low_water() + self.transit.allowance() + self.pace.margin()
    }

    /// The delay that is needed: no packet that is as late as hardly any finds the feed dry.
    fn needed(&self) -> usize {
        self.low_water() + self.transit.needed() + self.pace.margin()
    }

    /// The reach at which something must go into the feed.
    fn low_water(&self) -> usize {
        self.card.block() + self.frames(WAKING)
    }

    fn next_due(&mut self, now: Instant, reach: usize) -> Option<(Instant, &'static str)> {
        if !self.running {
            return None;
        }
        let held = self.waiting.due().is_some();
        let wanted = if held {
            (self.wanted() + self.frames(HOLD), "held sound is due")
        } else {
            (self.low_water(), "the feed runs dry")
        };
        let left = self.span(reach.saturating_sub(wanted.0)).max(SHORTEST_WAIT);
        let probe_at = self.card.probe_at(now);
        if probe_at < now + left {
            return Some((probe_at, "the card's block is measured"));
        }
        Some((now + left, wanted.1))
    }

    fn frames(&self, span: Duration) -> usize {
        (span.as_micros() as usize * self.rate) / 1_000_000
    }

    fn span(&self, frames: usize) -> Duration {
        Duration::from_micros((frames * 1_000_000 / self.rate) as u64)
    }
}

/// Packets over which the lateness is averaged.
const MEAN_OF: f32 = 32.0;
/// More in a row are no chance loss but an interruption.
const MOST_LOST: u64 = 4;
/// Packets that can wait: more than a second at 10 ms.
const N_PLACES: usize = 128;
/// From a timer's due time until the sound is in the feed, on a busy machine.
const WAKING: Duration = Duration::from_millis(3);
/// How long a gap is worth to be filled in small pieces: a packet of the usual length.
const SOON: Duration = Duration::from_millis(20);
/// What is concealed at once, at most, at first.
const PIECE: Duration = Duration::from_millis(1);
/// The same from there on, to wake less often.
const LATER_PIECE: Duration = Duration::from_millis(5);
/// From here on a gap is a pause in the stream.
const LONG_GAP: Duration = Duration::from_millis(60);
/// More than this is never filled at once while there are packets to play.
const LONGEST_BRIDGE: Duration = Duration::from_millis(200);
/// So much of a late packet may be lost rather than delay all that follows.
const SACRIFICE: Duration = Duration::from_millis(10);
/// How much more than wanted may be in the feed before packets are held back.
const HOLD: Duration = Duration::from_millis(4);
/// A transit that differs by so much is another timeline, not a slow network.
const JUMP: Duration = Duration::from_millis(1_000);
/// A delay beyond the wanted that no squeezing will bring down in time.
const MOST_SURPLUS: Duration = Duration::from_millis(500);
/// A peer that is silent need not say so again for as long as this.
const GIVE_UP_NOISE: Duration = Duration::from_secs(60);
/// Without a packet for so long, the feed may run dry.
const GIVE_UP: Duration = Duration::from_secs(2);
const SHORTEST_WAIT: Duration = Duration::from_micros(250);

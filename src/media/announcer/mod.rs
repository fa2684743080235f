//! How does what a zone hears become packets for a group of telephones and loudspeakers?
//!
//! ```text
//!  frames of the card ─► Intake (to the codec's rate) ─► open? ─► RTP, or group pages ─► datagrams
//! ```
//!
//! A telephone is held by a stream for as long as one comes, so packets go out only while there is
//! something to be heard: while a page has the zone, or something sounds. The card is the clock:
//! time passes by the frames that are pushed.

mod intake;
mod paging;

use std::time::Duration;

use crate::base::{Encoding, SampleRate};
use crate::codec::Encoder;
use crate::media::{Sender, SenderReport, SenderSettings};
use crate::rtp::polycom::Sign;
use intake::Intake;
use paging::Paging;

/// What a group is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnnouncerSettings {
    /// The codec, the length of a packet, and where the counters of RTP start.
    pub sender: SenderSettings,
    pub form: Form,
}

/// How packets look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// RTP (RFC 3550).
    Rtp,
    /// As Polycom's telephones page a group. Sound goes out almost a second later, behind the
    /// alerts that let telephones get ready.
    Polycom(Sign),
}

/// Makes the packets of one group.
pub struct Announcer {
    intake: Intake,
    /// Frames of one packet, at the codec's rate.
    packet: Vec<f32>,
    /// A page has the zone.
    is_held: bool,
    /// Frames since the last that was more than silence; none came yet if there is no number.
    quiet: Option<usize>,
    hang_over: usize,
    line: Line,
    out: Datagrams,
}

enum Line {
    Rtp(Box<Sender>),
    Polycom(Box<Paging>),
}

/// Datagrams that wait to be sent.
#[derive(Default)]
pub(super) struct Datagrams {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    n_taken: usize,
}

impl Datagrams {
    pub(super) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.bytes.len();
        write(&mut self.bytes);
        if self.bytes.len() > before {
            self.ends.push(self.bytes.len());
        }
    }

    fn next(&mut self) -> Option<&[u8]> {
        if self.n_taken == self.ends.len() {
            self.bytes.clear();
            self.ends.clear();
            self.n_taken = 0;
            return None;
        }
        let start = self.n_taken.checked_sub(1).map_or(0, |at| self.ends[at]);
        let end = self.ends[self.n_taken];
        self.n_taken += 1;
        Some(&self.bytes[start..end])
    }
}

impl Announcer {
    /// For frames of a card at `rate`.
    pub fn new(settings: AnnouncerSettings, rate: SampleRate) -> Self {
        let sender = Sender::new(settings.sender);
        let encoding = settings.sender.encoding;
        let n = sender.frames_per_packet();
        Self {
            intake: Intake::new(rate, encoding.audio_rate(), n),
            packet: vec![0.0; n],
            is_held: false,
            quiet: None,
            hang_over: encoding.audio_rate().frames_in(HANG_OVER),
            line: match settings.form {
                Form::Rtp => Line::Rtp(Box::new(sender)),
                Form::Polycom(sign) => Line::Polycom(Box::new(paging(sign, settings.sender))),
            },
            out: Datagrams::default(),
        }
    }

    /// A card with another rate goes on; the stream stays the same.
    pub fn set_rate(&mut self, rate: SampleRate) {
        self.intake.set_rate(rate);
    }

    /// Whether a page has the zone: then packets go out even while nobody says anything.
    pub fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    /// Takes the next frames of the card; `poll` for what is to be sent after each of these.
    pub fn push(&mut self, frames: &[f32]) {
        self.intake.push(frames);
        while self.intake.take(&mut self.packet) {
            self.step();
        }
    }

    /// The next datagram to be sent, until `None`.
    pub fn poll(&mut self) -> Option<&[u8]> {
        self.out.next()
    }

    /// Whether packets go out.
    pub fn is_live(&self) -> bool {
        match &self.line {
            Line::Rtp(_) => self.is_open(),
            Line::Polycom(paging) => self.is_open() || paging.is_busy(),
        }
    }

    /// What was sent; of group pages the audio packets.
    pub fn report(&self) -> SenderReport {
        match &self.line {
            Line::Rtp(sender) => sender.report(),
            Line::Polycom(paging) => paging.report(),
        }
    }

    fn is_open(&self) -> bool {
        self.is_held || self.quiet.is_some_and(|quiet| quiet < self.hang_over)
    }

    /// One packet's worth of time passes.
    fn step(&mut self) {
        let sounds = self.packet.iter().any(|frame| *frame != 0.0);
        self.quiet = match self.quiet {
            _ if sounds => Some(0),
            Some(quiet) if quiet < self.hang_over => Some(quiet + self.packet.len()),
            before => before,
        };
        let is_open = self.is_open();
        match &mut self.line {
            Line::Rtp(sender) if is_open => {
                let datagram = sender.packet(&self.packet);
                self.out.push(|out| out.extend_from_slice(datagram));
            }
            Line::Rtp(sender) => sender.pause(self.packet.len()),
            Line::Polycom(paging) => {
                let pcm = is_open.then_some(&self.packet[..]);
                paging.step(pcm, &mut self.out);
            }
        }
    }
}

fn paging(sign: Sign, sender: SenderSettings) -> Paging {
    let codec = match sender.encoding {
        Encoding::G722 => G722,
        Encoding::Pcma => PCMA,
        Encoding::Pcmu | Encoding::Opus | Encoding::L16(_) => PCMU,
    };
    // What has no number there is sent as PCMU, but for the configuration that lets none through.
    let encoding = if codec == PCMU {
        Encoding::Pcmu
    } else {
        sender.encoding
    };
    Paging::new(
        sign,
        codec,
        Encoder::new(encoding, sender.opus),
        sender.ptime,
    )
}

/// Longer than the pauses within a tone, so that it is one talkspurt.
const HANG_OVER: Duration = Duration::from_millis(500);

/// Payload types (RFC 3551 table 4).
const PCMU: u8 = 0;
const PCMA: u8 = 8;
const G722: u8 = 9;

#[cfg(test)]
mod tests;

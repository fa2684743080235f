//! How late, and where, does a sound come out of the mixer that came in as packets of a call?
//!
//! ```text
//!  marks ─► RTP over loopback ─► net::Media: jitter buffer, decoder ─► mix::Engine ─► zone
//!    │ when each packet was sent                                                   │ tap
//!    └────────────────────────► Finding of each zone ◄─────────────────────────────┘
//! ```
//!
//! The way is that of every call, from the socket to what the sound clock fetches. What the sound
//! card keeps back, the air, and the signalling before the answer have no part in it.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::base::{Db, Encoding, FeedRx, OpusWish, SampleRate, ZoneId};
use crate::codec::Encoder;
use crate::daemon::call::marks::{Heard, marked};
use crate::daemon::chance;
use crate::dsp::convert;
use crate::rtp::Header;

/// What is to be tried out.
pub(super) struct Trial {
    pub(super) socket: UdpSocket,
    /// Where packets go.
    pub(super) to: SocketAddr,
    /// How loud the marks are; the loudest sample of one has half of that.
    pub(super) level: Db,
    /// What each zone plays.
    pub(super) zones: Vec<(ZoneId, FeedRx)>,
}

/// What came of it in one zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) zone: ZoneId,
    /// How late each mark was; `None` for one that did not come out.
    pub(super) late: Vec<Option<Duration>>,
}

/// What a zone has played.
struct Ear {
    zone: ZoneId,
    feed: FeedRx,
    /// When the first of the frames came.
    began: Option<Instant>,
    frames: Vec<f32>,
}

impl Trial {
    /// Sends and listens, for some seconds, then looks for the marks; blocks.
    ///
    /// # Errors
    /// The packets cannot be sent.
    pub(super) fn run(self) -> io::Result<Vec<Finding>> {
        let (packets, first) = packets(self.level);
        let mut ears: Vec<Ear> = self.zones.into_iter().map(Ear::new).collect();
        let started = Instant::now();
        let mut marks_at = started;
        for (nth, packet) in (0..).zip(&packets) {
            let due = started + PTIME * nth;
            while Instant::now() < due {
                ears.iter_mut().for_each(Ear::listen);
                std::thread::sleep(LOOK);
            }
            if nth == first {
                marks_at = Instant::now();
            }
            self.socket.send_to(packet, self.to)?;
        }
        Ok(ears.into_iter().map(|ear| ear.finding(marks_at)).collect())
    }
}

impl Ear {
    fn new((zone, feed): (ZoneId, FeedRx)) -> Self {
        Self {
            zone,
            feed,
            began: None,
            frames: Vec::new(),
        }
    }

    /// Takes what was played since the last look; what waited at the first one is of an unknown
    /// time.
    fn listen(&mut self) {
        let fill = self.feed.fill();
        let mut block = vec![0.0; fill];
        let n = self.feed.pop(&mut block);
        match self.began {
            None => self.began = Some(Instant::now()),
            Some(_) if self.frames.is_empty() && n > 0 => {
                self.began = Some(Instant::now());
                self.frames.extend_from_slice(&block[..n]);
            }
            Some(_) => self.frames.extend_from_slice(&block[..n]),
        }
    }

    fn finding(mut self, marks_at: Instant) -> Finding {
        self.listen();
        let mut heard = Heard::new(RATE);
        if let Some(began) = self.began {
            heard.add(began, &convert(&self.frames, self.feed.rate(), RATE));
        }
        Finding {
            zone: self.zone,
            late: heard.late(marks_at, N_MARKS),
        }
    }
}

/// Silence, in which the delay settles, then the marks and more silence; with the packet that the
/// first mark begins.
fn packets(level: Db) -> (Vec<Vec<u8>>, u32) {
    let n_before = RATE.frames_in(BEFORE);
    let mut sound = vec![0.0; n_before];
    let marks = marked(RATE, N_MARKS);
    sound.extend(marks.iter().map(|it| it * level.gain()));
    let frames = RATE.frames_in(PTIME);
    let mut encoder = Encoder::new(Encoding::Pcmu, OpusWish::default());
    let (ssrc, begin): (u32, u16) = (chance::number(), chance::number());
    let packet = |(nth, block): (u16, &[f32])| {
        let header = Header {
            marker: nth == 0,
            payload_type: PCMU,
            sequence: begin.wrapping_add(nth),
            timestamp: u32::from(nth) * frames as u32,
            ssrc,
        };
        let mut datagram = Vec::with_capacity(12 + block.len());
        header.write(&mut datagram);
        encoder.encode(block, &mut datagram);
        datagram
    };
    let packets = (0..).zip(sound.chunks(frames)).map(packet).collect();
    (packets, (n_before / frames) as u32)
}

/// The description by which somebody at `from` sends us PCMU, and hears nothing.
pub(super) fn description(from: SocketAddr) -> String {
    let kind = if from.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (from.ip(), from.port());
    format!(
        "v=0\r\no=- 1 1 IN {kind} {ip}\r\ns=-\r\nc=IN {kind} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP {PCMU}\r\na=ptime:20\r\na=sendonly\r\n"
    )
}

/// How many marks are sent, 600 ms apart.
pub(super) const N_MARKS: usize = 4;

/// That of telephones.
const RATE: SampleRate = SampleRate::HZ_8000;

/// RFC 3551 §6.
const PCMU: u8 = 0;

const PTIME: Duration = Duration::from_millis(20);

/// Longer than the receiver takes to know the network; a multiple of a packet.
const BEFORE: Duration = Duration::from_millis(600);

/// How often to look; what is found is too late by so much at most, and by one period.
const LOOK: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::feed;
    use crate::codec::Decoder;
    use crate::rtp::Packet;

    #[test]
    fn what_is_sent_is_found_where_it_comes_out_and_nowhere_else() {
        let (packets, first) = packets(Db(-20.0));
        let (mut hall, heard) = feed(RATE, 40_000);
        let (_yard, silent) = feed(RATE, 10);
        let mut ears = [(ZoneId(0), heard), (ZoneId(1), silent)].map(Ear::new);
        ears.iter_mut().for_each(Ear::listen);
        let began = Instant::now();
        let mut sound = vec![0.0; 200];
        for packet in &packets {
            let parsed = Packet::parse(packet).unwrap();
            Decoder::new(Encoding::Pcmu).decode(parsed.payload, &mut sound);
        }
        assert_eq!(hall.push(&sound), sound.len());
        ears[0].listen();
        let came = ears[0].began.unwrap();
        // As if the first packet had left when the ear began to hear.
        let marks_at = came + PTIME * first;
        let [hall, yard] = ears.map(|ear| ear.finding(marks_at));
        assert!(came >= began);
        assert_eq!(hall.late, [Some(Duration::from_millis(25)); N_MARKS]);
        assert_eq!(yard.late, [None; N_MARKS]);
    }
}

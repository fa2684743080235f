//! What does the peer hear? Keys first, then the sound that plays and what programs say, then
//! silence.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::{FeedRx, Pcm};
use crate::media::{Ended, Key, Play, Repeat, Sender, SenderReport, SenderSettings};
use crate::net::Tx;
use crate::net::spoken::Spoken;

/// Send times lie on this grid, so that many calls share a wake-up.
const GRID: Duration = Duration::from_millis(5);
/// After a longer sleep of the machine we do not send all that was due at once.
const LONGEST_LAG: Duration = Duration::from_millis(200);

/// The sending side of a call.
pub(super) struct Outgoing {
    settings: SenderSettings,
    sender: Sender,
    /// Where the grid begins; the same for all calls.
    epoch: Instant,
    /// `None` while the peer holds the call.
    next_at: Option<Instant>,
    play: Option<Play>,
    spoken: Spoken,
    /// When the first packet of that sound left.
    began: Option<Instant>,
    pcm: Vec<f32>,
    /// What the senders before this one sent.
    before: SenderReport,
}

impl Outgoing {
    /// The first packet goes out at the next point of the grid.
    pub(super) fn new(settings: SenderSettings, now: Instant, epoch: Instant) -> Self {
        Self {
            settings,
            sender: Sender::new(settings),
            epoch,
            next_at: Some(on_grid(now, epoch)),
            play: None,
            spoken: Spoken::default(),
            began: None,
            pcm: Vec::new(),
            before: SenderReport::default(),
        }
    }

    pub(super) fn sender(&self) -> &Sender {
        &self.sender
    }

    /// What was sent so far.
    pub(super) fn report(&self) -> SenderReport {
        let now = self.sender.report();
        SenderReport {
            packets: self.before.packets + now.packets,
            octets: self.before.octets + now.octets,
            keys: self.before.keys + now.keys,
        }
    }

    pub(super) fn play(&mut self, pcm: Arc<Pcm>, repeat: Repeat) {
        self.play = Some(Play::new(pcm, repeat));
        self.began = None;
    }

    /// Sends what comes by that feed too.
    pub(super) fn speak(&mut self, feed: FeedRx) {
        self.spoken.add(feed);
    }

    pub(super) fn press(&mut self, keys: &[Key]) {
        for key in keys {
            self.sender.press(key.digit, key.duration);
        }
    }

    /// The peer reports that so much of this is lost, 0.0 to 1.0.
    pub(super) fn expect_loss(&mut self, lost: f32) {
        self.sender.expect_loss(lost);
    }

    /// Follows a redirect; after a pause a new source speaks, because time has passed that the
    /// old one's timestamps do not know of.
    pub(super) fn redirect(&mut self, tx: Tx, now: Instant) {
        let Tx::Flowing(to) = tx else {
            self.next_at = None;
            return;
        };
        self.settings = to;
        self.sender.set_agreement(to);
        if self.next_at.is_none() {
            self.restart(now);
        }
    }

    pub(super) fn due_at(&self) -> Option<Instant> {
        self.next_at
    }

    /// Hands every packet that is due to `send`. When a sound comes to its end, returns the
    /// instant at which its first packet left.
    pub(super) fn tick(&mut self, now: Instant, mut send: impl FnMut(&[u8])) -> Option<Instant> {
        let mut ended = None;
        if self.next_at.is_some_and(|at| now > at + LONGEST_LAG) {
            self.restart(now);
        }
        while let Some(at) = self.next_at.filter(|&at| at <= now) {
            self.next_at = Some(at + self.settings.ptime);
            if self.fill(now) == Ended::Yes {
                ended = self.began;
            }
            let packet = self.sender.packet(&self.pcm);
            if !packet.is_empty() {
                send(packet);
            }
        }
        ended
    }

    fn restart(&mut self, now: Instant) {
        self.before = self.report();
        let random = RandomState::new().hash_one("source");
        self.settings.ssrc = random as u32;
        self.settings.first_sequence = (random >> 32) as u16;
        self.settings.first_timestamp = (random >> 24) as u32;
        self.sender = Sender::new(self.settings);
        self.next_at = Some(on_grid(now, self.epoch));
    }

    /// Puts the audio of the next packet into `pcm`: of the sound, and silence behind its end.
    /// The sound waits while keys go out in its place.
    fn fill(&mut self, now: Instant) -> Ended {
        let wanted = self.sender.frames_per_packet();
        let rate = self.settings.encoding.audio_rate();
        self.pcm.clear();
        let mut ended = Ended::No;
        if !self.sender.is_sending_keys()
            && let Some(play) = &mut self.play
        {
            self.began.get_or_insert(now);
            ended = play.take(wanted, rate, &mut self.pcm);
        }
        if ended == Ended::Yes {
            self.play = None;
        }
        self.pcm.resize(wanted, 0.0);
        if !self.sender.is_sending_keys() {
            self.spoken.mix(&mut self.pcm, rate, now);
        }
        ended
    }
}

/// The next point of the grid, after `now`.
fn on_grid(now: Instant, epoch: Instant) -> Instant {
    let since = now.saturating_duration_since(epoch).as_nanos();
    let behind = since % GRID.as_nanos();
    now + GRID - Duration::from_nanos(behind as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Encoding, OpusWish, SampleRate};
    use crate::rtp::Packet;

    const MS: Duration = Duration::from_millis(1);

    fn settings() -> SenderSettings {
        SenderSettings {
            encoding: Encoding::Pcmu,
            payload_type: 0,
            event_payload_type: Some(101),
            event_clock_rate: 8_000,
            opus: OpusWish::default(),
            ptime: 20 * MS,
            ssrc: 1,
            first_sequence: 10,
            first_timestamp: 1_000,
        }
    }

    /// The packets of the ticks from `from` to `to` after `t0`, each millisecond one tick.
    fn run(out: &mut Outgoing, t0: Instant, ms: std::ops::Range<u32>) -> (Vec<Vec<u8>>, u32) {
        let (mut packets, mut n_ended) = (Vec::new(), 0);
        for ms in ms {
            let ended = out.tick(t0 + ms * MS, |packet| packets.push(packet.to_vec()));
            n_ended += u32::from(ended.is_some());
        }
        (packets, n_ended)
    }

    #[test]
    fn silence_goes_out_each_ptime_on_the_grid() {
        let epoch = Instant::now();
        let mut out = Outgoing::new(settings(), epoch + 3 * MS, epoch);
        assert_eq!(out.due_at(), Some(epoch + 5 * MS));
        let (packets, _) = run(&mut out, epoch, 3..66);
        assert_eq!(packets.len(), 4);
        let second = Packet::parse(&packets[1]).unwrap();
        assert_eq!((second.sequence, second.timestamp), (11, 1_160));
        assert_eq!(second.payload, [0xFF; 160]);
        assert_eq!(out.report().packets, 4);
    }

    #[test]
    fn a_sound_plays_once_to_its_last_sample_and_its_end_is_told_once() {
        let t0 = Instant::now();
        let mut out = Outgoing::new(settings(), t0, t0);
        let pcm = Pcm::mono(SampleRate::HZ_8000, vec![0.5; 200]);
        out.play(Arc::new(pcm), Repeat::Once);
        let (packets, n_ended) = run(&mut out, t0, 0..66);
        assert_eq!(n_ended, 1);
        let payload = |i: usize| Packet::parse(&packets[i]).unwrap().payload.to_vec();
        assert!(payload(0).iter().all(|&b| b != 0xFF));
        assert!(payload(1)[..40].iter().all(|&b| b != 0xFF));
        assert_eq!(payload(1)[40..], [0xFF; 120]);
        assert_eq!(payload(2), [0xFF; 160]);
    }

    #[test]
    fn a_repeated_sound_has_no_gap_and_an_empty_one_no_sound() {
        let t0 = Instant::now();
        let mut out = Outgoing::new(settings(), t0, t0);
        let pcm = Arc::new(Pcm::mono(SampleRate::HZ_8000, vec![0.5; 7]));
        out.play(pcm, Repeat::Forever);
        let (packets, n_ended) = run(&mut out, t0, 0..50);
        assert_eq!((packets.len(), n_ended), (3, 0));
        for packet in &packets {
            let payload = Packet::parse(packet).unwrap().payload;
            assert!(payload.iter().all(|&b| b != 0xFF));
        }
        let empty = Arc::new(Pcm::mono(SampleRate::HZ_8000, Vec::new()));
        out.play(empty, Repeat::Forever);
        assert_eq!(run(&mut out, t0, 50..70).1, 1);
    }

    #[test]
    fn keys_go_before_the_sound_which_waits() {
        let t0 = Instant::now();
        let mut out = Outgoing::new(settings(), t0, t0);
        let pcm = Arc::new(Pcm::mono(SampleRate::HZ_8000, vec![0.5; 160]));
        out.play(pcm, Repeat::Once);
        let key = Key {
            digit: '5',
            duration: 40 * MS,
        };
        out.press(&[key]);
        let (packets, n_ended) = run(&mut out, t0, 0..300);
        assert_eq!(n_ended, 1);
        let types: Vec<u8> = packets
            .iter()
            .map(|p| Packet::parse(p).unwrap().payload_type)
            .collect();
        assert_eq!(types[..5], [101, 101, 101, 101, 0]);
        let n_loud = packets
            .iter()
            .map(|p| Packet::parse(p).unwrap())
            .filter(|p| p.payload_type == 0 && p.payload != [0xFF; 160])
            .count();
        assert_eq!(n_loud, 1);
    }

    #[test]
    fn a_paused_call_sends_nothing_and_resumes_as_a_new_source() {
        let t0 = Instant::now();
        let mut out = Outgoing::new(settings(), t0, t0);
        run(&mut out, t0, 0..30);
        out.redirect(Tx::Paused, t0 + 30 * MS);
        assert_eq!(out.due_at(), None);
        assert!(run(&mut out, t0, 30..500).0.is_empty());
        let alaw = Tx::Flowing(SenderSettings {
            encoding: Encoding::Pcma,
            payload_type: 8,
            event_payload_type: None,
            ..settings()
        });
        out.redirect(alaw, t0 + 500 * MS);
        let (packets, _) = run(&mut out, t0, 500..530);
        let first = Packet::parse(&packets[0]).unwrap();
        assert!(first.marker && first.payload_type == 8 && first.ssrc != 1);
        assert_eq!(out.report().packets, 4);
    }

    #[test]
    fn a_machine_that_slept_does_not_send_all_it_missed() {
        let t0 = Instant::now();
        let mut out = Outgoing::new(settings(), t0, t0);
        run(&mut out, t0, 0..30);
        let mut n = 0;
        out.tick(t0 + Duration::from_secs(60), |_| n += 1);
        assert_eq!(n, 0);
        assert!(out.due_at().unwrap() <= t0 + Duration::from_secs(60) + GRID);
    }
}

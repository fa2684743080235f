//! Does sound really flow through sockets and the thread?
//!
//! The peer here is a plain socket of the test's. Nothing sleeps: tests wait for what must come.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;

use super::*;
use crate::base::{CallId, Encoding, FeedRx, OpusWish, Pcm, SampleRate, SrtpKeys, feed};
use crate::media::{Key, Receiver, ReceiverSettings, SenderSettings};
use crate::rtp::{Header, Packet, Rtcp};

const CALL: CallId = CallId(3);
/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

struct Rig {
    media: Media,
    events: UnboundedReceiver<Event>,
    ports: PortPairs,
}

impl Rig {
    fn new() -> Self {
        let (tx, events) = tokio::sync::mpsc::unbounded_channel();
        Self {
            media: Media::spawn(tx).unwrap(),
            events,
            ports: PortPairs::new(20_000..=29_999),
        }
    }

    /// Opens a call towards `peer` and gives its address and what the engine would read.
    fn open(&self, call: CallId, peer: Option<SocketAddr>) -> (SocketAddr, FeedRx) {
        self.open_protected(call, peer, None)
    }

    fn open_protected(
        &self,
        call: CallId,
        peer: Option<SocketAddr>,
        srtp: Option<SrtpKeys>,
    ) -> (SocketAddr, FeedRx) {
        let sockets = self.ports.bind(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, sockets.rtp_port()));
        let (tx, rx) = feed(SampleRate::HZ_8000, 8_000);
        self.media.open(Leg {
            call,
            sockets,
            remote: peer,
            receiver: Receiver::new(RECEIVER),
            feed: tx,
            sender: Some(SENDER),
            srtp,
        });
        (at, rx)
    }

    /// The next; but for what only tells that somebody speaks.
    fn event(&mut self) -> Event {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.events.try_recv() {
                Ok(Event::Sounds { .. }) => {}
                Ok(event) => return event,
                Err(_) => assert!(Instant::now() < deadline, "an event must come"),
            }
            std::thread::yield_now();
        }
    }

    /// Presses a key at `peer` until the event of it comes; sequence numbers from `sequence`.
    fn press_until_told(&mut self, peer: &UdpSocket, at: SocketAddr, sequence: u16, call: CallId) {
        let deadline = Instant::now() + PATIENCE;
        for n in 0.. {
            peer.send_to(&key_end(sequence + n, sequence), at).unwrap();
            let pause = Instant::now() + Duration::from_millis(50);
            while Instant::now() < pause {
                match self.events.try_recv() {
                    Ok(Event::Key { call: of, .. }) if of == call => return,
                    Ok(_) => {}
                    Err(_) => std::thread::yield_now(),
                }
            }
            assert!(Instant::now() < deadline, "a key must get through");
        }
    }

    /// Passes over other events.
    fn closed(&mut self, wanted: CallId) -> (crate::media::Report, u64) {
        loop {
            if let Event::Closed {
                call,
                report,
                n_foreign,
                ..
            } = self.event()
                && call == wanted
            {
                return (report, n_foreign);
            }
        }
    }
}

const RECEIVER: ReceiverSettings = ReceiverSettings {
    encoding: Encoding::Pcmu,
    payload_type: 0,
    event_payload_type: Some(101),
    event_clock_rate: 8_000,
};
const SENDER: SenderSettings = SenderSettings {
    encoding: Encoding::Pcmu,
    payload_type: 0,
    event_payload_type: Some(101),
    event_clock_rate: 8_000,
    ptime: Duration::from_millis(20),
    opus: OpusWish {
        max_bitrate: None,
        max_rate: None,
        fec: false,
        cbr: false,
        dtx: false,
    },
    ssrc: 77,
    first_sequence: 0,
    first_timestamp: 0,
};

fn peer() -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn packet(payload_type: u8, sequence: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let header = Header {
        marker: false,
        payload_type,
        sequence,
        timestamp: u32::from(sequence) * 160,
        ssrc,
    };
    header.write(&mut out);
    out.extend_from_slice(payload);
    out
}

fn sound(sequence: u16) -> Vec<u8> {
    packet(0, sequence, 5, &[0x10; 160])
}

/// The last packet of a key that was pressed at packet `start`.
fn key_end(sequence: u16, start: u16) -> Vec<u8> {
    let mut out = packet(101, sequence, 5, &[7, 0x8A, 0x01, 0x40]);
    out[4..8].copy_from_slice(&(u32::from(start) * 160).to_be_bytes());
    out
}

fn next(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2_048];
    let (n, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer[..n].to_vec(), from)
}

/// Waits until `done` holds.
fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn what_the_peer_sends_reaches_the_feed_and_it_hears_silence_all_the_time() {
    let mut rig = Rig::new();
    let peer = peer();
    let (at, rx) = rig.open(CALL, Some(peer.local_addr().unwrap()));

    let (first, from) = next(&peer);
    assert_eq!(from, at);
    let first = Packet::parse(&first).unwrap();
    assert_eq!((first.ssrc, first.payload), (77, &[0xFF; 160][..]));
    let (second, _) = next(&peer);
    let second = Packet::parse(&second).unwrap();
    assert_eq!(second.timestamp, first.timestamp + 160);

    peer.send_to(&sound(1), at).unwrap();
    wait("sound must reach the feed", || rx.fill() > 0);
    assert!(rx.target() > 0);
    let Event::FirstPacket { call, from, .. } = rig.event() else {
        panic!("the first packet must be told first");
    };
    assert_eq!((call, from), (CALL, peer.local_addr().unwrap()));

    rig.media.close(CALL);
    assert_eq!(rig.closed(CALL).0.received, 1);
}

#[test]
fn our_packets_follow_the_peer_behind_a_nat() {
    let mut rig = Rig::new();
    let (named, real) = (peer(), peer());
    let (at, _rx) = rig.open(CALL, Some(named.local_addr().unwrap()));
    next(&named);
    real.send_to(&sound(1), at).unwrap();
    assert_eq!(next(&real).1, at);
    assert!(
        matches!(rig.event(), Event::FirstPacket { from, .. } if from == real.local_addr().unwrap())
    );
}

#[test]
fn a_peer_without_an_address_hears_us_once_it_speaks() {
    let rig = Rig::new();
    let peer = peer();
    let (at, _rx) = rig.open(CALL, None);
    peer.send_to(&sound(1), at).unwrap();
    assert_eq!(next(&peer).1, at);
}

#[test]
fn strangers_and_garbage_change_nothing() {
    let mut rig = Rig::new();
    let (peer, stranger) = (peer(), peer());
    let (at, rx) = rig.open(CALL, Some(peer.local_addr().unwrap()));
    peer.send_to(&sound(1), at).unwrap();
    wait("sound must reach the feed", || rx.fill() > 0);

    for n in 0..1_000_u16 {
        let junk = [n as u8; 300];
        stranger.send_to(&junk[..usize::from(n) % 300], at).unwrap();
        stranger.send_to(&sound(n), at).unwrap();
        if n % 10 == 0 {
            peer.send_to(&sound(2 + n / 10), at).unwrap();
            peer.send_to(&junk[..usize::from(n) % 300], at).unwrap();
        }
    }
    // The peer still hears us and is still heard: a key gets through.
    while next(&peer).1 != at {}
    rig.press_until_told(&peer, at, 200, CALL);
    rig.media.close(CALL);
    let (report, n_foreign) = rig.closed(CALL);
    assert!(report.received <= 102 + 300, "{report:?}");
    assert!(n_foreign > 0);
}

#[test]
fn a_flood_at_one_call_does_not_hold_up_another() {
    let mut rig = Rig::new();
    let (flooded, other) = (peer(), peer());
    let (flooded_at, _rx1) = rig.open(CallId(1), Some(flooded.local_addr().unwrap()));
    let (other_at, _rx2) = rig.open(CallId(2), Some(other.local_addr().unwrap()));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flood = std::thread::spawn({
        let stop = stop.clone();
        move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let _ = flooded.send_to(&[0xAA; 64], flooded_at);
            }
        }
    });
    for n in 1..10 {
        rig.press_until_told(&other, other_at, 100 * n, CallId(2));
        next(&other);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    flood.join().unwrap();
}

#[test]
fn keys_are_told_once_each() {
    let mut rig = Rig::new();
    let peer = peer();
    let (at, _rx) = rig.open(CALL, Some(peer.local_addr().unwrap()));
    for n in 0..5_u16 {
        let end = if n >= 2 { 0x8A } else { 0x0A };
        let mut event = packet(101, n, 5, &[7, end, 0x01, 0x40]);
        event[4..8].copy_from_slice(&9_000_u32.to_be_bytes());
        peer.send_to(&event, at).unwrap();
    }
    assert!(matches!(rig.event(), Event::FirstPacket { .. }));
    assert!(matches!(
        rig.event(),
        Event::Key {
            key: Key { digit: '7', .. },
            ..
        }
    ));
    rig.media.close(CALL);
    assert!(matches!(rig.event(), Event::Closed { .. }));
}

#[test]
fn a_sound_and_keys_go_to_the_peer() {
    let mut rig = Rig::new();
    let peer = peer();
    rig.open(CALL, Some(peer.local_addr().unwrap()));
    let key = Key {
        digit: '#',
        duration: Duration::from_millis(40),
    };
    rig.media.send_keys(CALL, vec![key]);
    let pcm = Arc::new(Pcm::mono(SampleRate::HZ_8000, vec![0.3; 320]));
    rig.media.play(CALL, pcm, Repeat::Once);
    assert!(matches!(rig.event(), Event::Played { call: CALL, .. }));
    let (mut n_events, mut n_loud) = (0, 0);
    while n_loud < 2 {
        let (datagram, _) = next(&peer);
        let packet = Packet::parse(&datagram).unwrap();
        n_events += u32::from(packet.payload_type == 101 && packet.payload[0] == 11);
        n_loud += u32::from(packet.payload_type == 0 && packet.payload != [0xFF; 160]);
    }
    assert!(n_events >= 3);
}

#[test]
fn what_is_more_than_silence_is_told_and_silence_is_not() {
    let mut rig = Rig::new();
    let peer = peer();
    let (at, rx) = rig.open(CALL, Some(peer.local_addr().unwrap()));
    // As that of a caller who is on no speaker yet.
    rx.hold();
    let sounds = |rig: &mut Rig| matches!(rig.events.try_recv(), Ok(Event::Sounds { call: CALL }));
    for sequence in 1..=10 {
        peer.send_to(&packet(0, sequence, 5, &[0xFF; 160]), at)
            .unwrap();
        std::thread::sleep(Duration::from_millis(10));
        assert!(!sounds(&mut rig));
    }
    let mut sequence = 10;
    wait("somebody speaks", || {
        sequence += 1;
        peer.send_to(&sound(sequence), at).unwrap();
        std::thread::sleep(Duration::from_millis(10));
        sounds(&mut rig)
    });
}

#[test]
fn silence_is_told_once_and_sound_makes_it_news_again() {
    let mut rig = Rig::new();
    let peer = peer();
    let (at, _rx) = rig.open(CALL, Some(peer.local_addr().unwrap()));
    rig.media.set_timeout(Some(Duration::from_millis(50)));
    assert!(matches!(rig.event(), Event::Silent { call: CALL, .. }));
    peer.send_to(&sound(1), at).unwrap();
    assert!(matches!(rig.event(), Event::FirstPacket { .. }));
    assert!(matches!(rig.event(), Event::Silent { .. }));

    rig.media.redirect(
        CALL,
        Redirect {
            remote: None,
            receiver: RECEIVER,
            feed: None,
            tx: Tx::Paused,
            rx: Rx::Paused,
            srtp: None,
        },
    );
    rig.media.close(CALL);
    assert!(matches!(rig.event(), Event::Closed { .. }));
}

#[path = "srtp_tests.rs"]
mod srtp;

#[test]
fn a_redirect_moves_the_sound_and_a_hold_stops_it() {
    let rig = Rig::new();
    let (old, new) = (peer(), peer());
    let (at, rx) = rig.open(CALL, Some(old.local_addr().unwrap()));
    next(&old);
    let alaw = Redirect {
        remote: Some(new.local_addr().unwrap()),
        receiver: ReceiverSettings {
            encoding: Encoding::Pcma,
            payload_type: 8,
            event_payload_type: None,
            event_clock_rate: 8_000,
        },
        feed: None,
        tx: Tx::Flowing(SenderSettings {
            encoding: Encoding::Pcma,
            payload_type: 8,
            event_payload_type: None,
            ..SENDER
        }),
        rx: Rx::Expected,
        srtp: None,
    };
    rig.media.redirect(CALL, alaw);
    let (datagram, _) = next(&new);
    assert_eq!(Packet::parse(&datagram).unwrap().payload_type, 8);
    new.send_to(&packet(8, 1, 9, &[0x10; 160]), at).unwrap();
    wait("sound from the new place", || rx.fill() > 0);
}

#[test]
fn reports_are_exchanged() {
    let mut rig = Rig::new();
    // The peer has a pair of ports, as RTCP goes to the port after RTP.
    let pair = rig.ports.bind(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
    pair.rtcp.set_nonblocking(false).unwrap();
    pair.rtcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let (at, _rx) = rig.open(CALL, Some(pair.rtp.local_addr().unwrap()));
    pair.rtp.send_to(&sound(1), at).unwrap();
    assert!(matches!(rig.event(), Event::FirstPacket { .. }));

    let (report, from) = next(&pair.rtcp);
    assert_eq!(from, SocketAddr::new(at.ip(), at.port() + 1));
    let (mut sender, mut block) = (None, None);
    Rtcp::parse(&report, |part| match part {
        Rtcp::Sender { ssrc, sent } => sender = Some((ssrc, sent)),
        Rtcp::Block { block: b, .. } => block = Some(b),
        Rtcp::Cname { .. } | Rtcp::Bye { .. } => {}
    })
    .unwrap();
    let (ssrc, sent) = sender.unwrap();
    assert_eq!(ssrc, 77);
    assert!(sent.packets > 0);
    assert_eq!(block.unwrap().ssrc, 5);

    rig.media.close(CALL);
    let (goodbye, _) = next(&pair.rtcp);
    let mut bye = None;
    Rtcp::parse(&goodbye, |part| {
        if let Rtcp::Bye { ssrc } = part {
            bye = Some(ssrc);
        }
    })
    .unwrap();
    assert_eq!(bye, Some(77));
}

#[test]
fn a_listener_takes_the_sound_in_real_time() {
    let rig = Rig::new();
    let peer = peer();
    let (at, rx) = rig.open(CALL, Some(peer.local_addr().unwrap()));
    let (tap, mut heard) = tokio::sync::mpsc::unbounded_channel();
    rig.media.listen(CALL, rx, Some(tap));
    for n in 0..5 {
        peer.send_to(&sound(n), at).unwrap();
    }
    let mut loudest: f32 = 0.0;
    wait("what was sent must be heard", || {
        if let Ok(block) = heard.try_recv() {
            assert_eq!(block.len(), 160);
            loudest = block.iter().fold(loudest, |m, s| m.max(s.abs()));
        }
        loudest > 0.1
    });
}

#[test]
fn what_arrives_is_marked_for_expedited_forwarding() {
    use std::os::fd::AsRawFd;

    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};

    let rig = Rig::new();
    for (call, ip) in [(CallId(4), "127.0.0.1"), (CallId(5), "::1")] {
        let ip: IpAddr = ip.parse().unwrap();
        let peer = UdpSocket::bind((ip, 0)).unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        if ip.is_ipv4() {
            setsockopt(&peer, sockopt::IpRecvTos, &true).unwrap();
        } else {
            setsockopt(&peer, sockopt::Ipv6RecvTClass, &true).unwrap();
        }
        let (tx, _rx) = feed(SampleRate::HZ_8000, 8_000);
        rig.media.open(Leg {
            call,
            sockets: rig.ports.bind(ip).unwrap(),
            remote: Some(peer.local_addr().unwrap()),
            receiver: Receiver::new(RECEIVER),
            feed: tx,
            sender: Some(SENDER),
            srtp: None,
        });
        let (mut bytes, mut about) = ([0; 2_048], nix::cmsg_space!(i32));
        let mut parts = [std::io::IoSliceMut::new(&mut bytes)];
        let fd = peer.as_raw_fd();
        let got = recvmsg::<()>(fd, &mut parts, Some(&mut about), MsgFlags::empty()).unwrap();
        let class = got.cmsgs().unwrap().find_map(|about| {
            if let ControlMessageOwned::Ipv4Tos(class) = about {
                return Some(i32::from(class));
            }
            if let ControlMessageOwned::Ipv6TClass(class) = about {
                return Some(class);
            }
            None
        });
        assert_eq!(class, Some(46 << 2), "{ip}");
    }
}

#[test]
fn ports_are_free_again_after_the_end() {
    let mut rig = Rig::new();
    let (at, _rx) = rig.open(CALL, None);
    assert!(UdpSocket::bind(at).is_err());
    rig.media.close(CALL);
    rig.closed(CALL);
    drop(UdpSocket::bind(at).unwrap());

    // Dropping the thread's handle closes what is still open.
    let (at, _rx) = rig.open(CALL, None);
    drop(rig.media);
    drop(UdpSocket::bind(at).unwrap());
    assert!(matches!(rig.events.try_recv(), Ok(Event::Closed { .. })));
}

#[test]
fn unknown_calls_are_no_harm_and_the_beat_goes_on() {
    let rig = Rig::new();
    let before = rig.media.beat();
    rig.media.close(CallId(99));
    rig.media.send_keys(CallId(99), Vec::new());
    wait("the thread must turn", || rig.media.beat() > before);
    let idle = rig.media.beat();
    wait("the thread must turn without work", || {
        rig.media.beat() > idle
    });
}

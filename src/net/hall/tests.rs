//! Do a hundred hear the same sound over real sockets, each its own stream?

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::base::{
    CallId, Encoding, OpusWish, Pcm, SampleRate, SrtpKeyring, SrtpKeys, SrtpSuite, Tape,
};
use crate::codec::Decoder;
use crate::media::{Programme, Repeat, SenderSettings, Start};
use crate::net::{Event, Flow, Hall, Hearing, PortPairs, Whereabouts};
use crate::rtp::{Header, Packet, Rtcp, Srtp};

/// A loopback address of these tests' own.
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 80, 79, 92));
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 80, 79, 93));
const PATIENCE: Duration = Duration::from_secs(60);
/// A stair of each packet's own: the loudest sound of PCMU, those above it are softer.
const FIRST: u8 = 0x80;

struct House {
    hall: Hall,
    events: UnboundedReceiver<Event>,
    ports: PortPairs,
}

fn house(first_port: u16) -> House {
    let (tx, events) = unbounded_channel();
    House {
        hall: Hall::spawn(tx).unwrap(),
        events,
        ports: PortPairs::new(first_port..=first_port + 299),
    }
}

fn hearing(call: u64, remote: SocketAddr) -> Hearing {
    Hearing {
        remote: Some(remote),
        sender: SenderSettings {
            encoding: Encoding::Pcmu,
            payload_type: 0,
            event_payload_type: Some(101),
            event_clock_rate: 8_000,
            opus: OpusWish::default(),
            ptime: Duration::from_millis(20),
            ssrc: call as u32 + 1_000,
            first_sequence: 65_530,
            first_timestamp: 5,
        },
        payload_type: 0,
        event_payload_type: Some(101),
        srtp: None,
        flow: Flow::On,
    }
}

fn stairs(n: u8) -> Programme {
    let bytes: Vec<u8> = (0..n).flat_map(|i| [FIRST + i; 160]).collect();
    let mut samples = Vec::new();
    Decoder::new(Encoding::Pcmu).decode(&bytes, &mut samples);
    let tape = Arc::new(Tape::of(&Pcm::mono(SampleRate::HZ_8000, samples)));
    Programme::of(tape, Start::Beginning, Repeat::Once)
}

fn socket(ip: IpAddr) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

impl House {
    fn listen(&mut self, call: u64, remote: SocketAddr, source: IpAddr) -> u16 {
        let at = Whereabouts {
            bound: HERE,
            remote: Some(remote),
            source,
        };
        self.hall.place(CallId(call), at, &self.ports).unwrap()
    }

    /// The next event that `wanted` takes; others are passed over.
    fn await_event<T>(&mut self, wanted: impl Fn(Event) -> Option<T>) -> T {
        let give_up = Instant::now() + PATIENCE;
        loop {
            match self.events.try_recv() {
                Ok(event) => {
                    if let Some(found) = wanted(event) {
                        return found;
                    }
                }
                Err(_) => {
                    assert!(Instant::now() < give_up, "no such event came");
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
        }
    }
}

fn next(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 2_000];
    let (n, from) = socket.recv_from(&mut buffer).unwrap();
    (buffer[..n].to_vec(), from)
}

#[test]
fn a_hundred_hear_the_whole_sound_each_from_its_beginning_and_as_its_own_stream() {
    let mut house = house(32_000);
    let programme = stairs(30);
    let phones: Vec<_> = (0..100).map(|_| socket(HERE)).collect();
    let mut ports = Vec::new();
    for (i, phone) in phones.iter().enumerate() {
        let (call, remote) = (i as u64, phone.local_addr().unwrap());
        // Every third is held by a telephone elsewhere and has ports of its own.
        let source = if i.is_multiple_of(3) { ELSEWHERE } else { HERE };
        ports.push(house.listen(call, remote, source));
        house.hall.open(CallId(call), hearing(call, remote));
        house.hall.play(CallId(call), programme.clone());
    }
    for (i, phone) in phones.iter().enumerate() {
        for nth in 0..30_u8 {
            let (datagram, from) = next(phone);
            let packet = Packet::parse(&datagram).unwrap();
            assert_eq!(packet.payload, [FIRST + nth; 160], "phone {i}");
            assert_eq!(packet.ssrc, i as u32 + 1_000);
            assert_eq!(packet.sequence, 65_530_u16.wrapping_add(nth.into()));
            assert_eq!(packet.timestamp % 160, 5);
            assert_eq!((from.ip(), from.port()), (HERE, ports[i]));
        }
    }
    let is_shared = |i: &usize| !i.is_multiple_of(3);
    assert!((0..100).filter(is_shared).all(|i| ports[i] == ports[1]));
    let mut own: Vec<u16> = (0..100)
        .filter(|i| !is_shared(i))
        .map(|i| ports[i])
        .collect();
    own.push(ports[1]);
    own.sort_unstable();
    own.dedup();
    assert_eq!(own.len(), 35);
    for _ in 0..100 {
        house.await_event(|event| matches!(event, Event::Played { .. }).then_some(()));
    }
    for call in 0..100 {
        house.hall.close(CallId(call));
    }
    for _ in 0..100 {
        let sent = house.await_event(|event| {
            if let Event::Left { sent, .. } = event {
                return Some(sent);
            }
            None
        });
        assert_eq!((sent.packets, sent.octets), (30, 30 * 160));
    }
    // The ports are free again.
    let at = Whereabouts {
        bound: HERE,
        remote: None,
        source: HERE,
    };
    for call in 200..350 {
        house.hall.place(CallId(call), at, &house.ports).unwrap();
    }
}

#[test]
fn nothing_is_sent_before_it_plays_and_a_peer_behind_a_nat_is_followed_and_its_keys_are_heard() {
    let mut house = house(32_300);
    let (named, real) = (socket(ELSEWHERE), socket(HERE));
    let port = house.listen(1, named.local_addr().unwrap(), HERE);
    let agreed = hearing(1, named.local_addr().unwrap());
    house.hall.open(CallId(1), agreed);
    // A pressed key comes from where nobody said it would.
    for (nth, end) in [(0, 0), (1, 0x80), (2, 0x80)] {
        let mut datagram = Vec::new();
        Header {
            marker: nth == 0,
            payload_type: 101,
            sequence: nth,
            timestamp: 800,
            ssrc: 77,
        }
        .write(&mut datagram);
        datagram.extend([5, end, 3, 32]);
        real.send_to(&datagram, (HERE, port)).unwrap();
    }
    let digit = house.await_event(|event| {
        if let Event::Key { key, .. } = event {
            return Some(key.digit);
        }
        None
    });
    assert_eq!(digit, '5');
    house.hall.play(CallId(1), stairs(3));
    let (datagram, _) = next(&real);
    assert_eq!(Packet::parse(&datagram).unwrap().payload, [FIRST; 160]);
    named.set_nonblocking(true).unwrap();
    assert!(
        named.recv(&mut [0; 10]).is_err(),
        "nothing went where nobody is"
    );
}

#[test]
fn who_has_keys_gets_everything_protected_and_hears_a_goodbye() {
    let mut house = house(32_600);
    let ring = SrtpKeyring::new(|bytes| bytes.fill(7));
    let key = ring.key(SrtpSuite::Aes128Sha1_80);
    let keys = SrtpKeys {
        tx: key,
        rx: key,
        rx_mki_len: 0,
    };
    // A pair of ports: reports go to the second.
    let (phone, reports) = loop {
        let phone = socket(HERE);
        let next_port = phone.local_addr().unwrap().port().checked_add(1);
        let bound = next_port.and_then(|port| UdpSocket::bind((HERE, port)).ok());
        if let Some(reports) = bound {
            break (phone, reports);
        }
    };
    reports.set_read_timeout(Some(PATIENCE)).unwrap();
    let remote = phone.local_addr().unwrap();
    house.listen(1, remote, HERE);
    let agreed = Hearing {
        srtp: Some(keys),
        ..hearing(1, remote)
    };
    house.hall.open(CallId(1), agreed);
    house.hall.play(CallId(1), stairs(5));
    let mut theirs = Srtp::new(&keys).unwrap();
    for nth in 0..5 {
        let (datagram, _) = next(&phone);
        assert!(!datagram.windows(20).any(|w| w == [FIRST + nth; 20]));
        let opened = theirs.open_rtp(&datagram).unwrap();
        let packet = Packet::parse(opened.as_ref()).unwrap();
        assert_eq!(packet.payload, [FIRST + nth; 160]);
    }
    house.hall.close(CallId(1));
    let mut is_over = false;
    while !is_over {
        let (datagram, _) = next(&reports);
        let opened = theirs.open_rtcp(&datagram).unwrap();
        let _ = Rtcp::parse(opened.as_ref(), |part| {
            is_over |= matches!(part, Rtcp::Bye { .. });
        });
    }
}

/// The next packet of sound; reports may come between.
fn next_sound(phone: &UdpSocket) -> Vec<u8> {
    loop {
        let (datagram, _) = next(phone);
        if Packet::parse(&datagram).is_ok() {
            return datagram;
        }
    }
}

#[test]
fn a_listener_who_is_held_hears_nothing_and_then_goes_on_where_it_was() {
    let mut house = house(32_900);
    let phone = socket(HERE);
    let remote = phone.local_addr().unwrap();
    house.listen(1, remote, HERE);
    house.hall.open(CallId(1), hearing(1, remote));
    let programme = Programme {
        repeat: Repeat::Forever,
        ..stairs(100)
    };
    house.hall.play(CallId(1), programme);
    for nth in 0..3 {
        let datagram = next_sound(&phone);
        assert_eq!(Packet::parse(&datagram).unwrap().payload[0], FIRST + nth);
    }
    let held = Hearing {
        flow: Flow::Off,
        ..hearing(1, remote)
    };
    house.hall.redirect(CallId(1), held);
    let mut last = 2;
    phone
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let mut buffer = [0; 200];
    while let Ok(n) = phone.recv(&mut buffer) {
        // Reports come too.
        if let Ok(packet) = Packet::parse(&buffer[..n]) {
            last = packet.payload[0] - FIRST;
        }
    }
    phone.set_read_timeout(Some(PATIENCE)).unwrap();
    house.hall.redirect(CallId(1), hearing(1, remote));
    let datagram = next_sound(&phone);
    let packet = Packet::parse(&datagram).unwrap();
    assert!(packet.marker);
    assert_eq!(packet.payload[0] - FIRST, (last + 1) % 100);
}

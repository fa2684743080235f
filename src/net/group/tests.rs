//! Do groups hear what is said to them, and do we hear who may speak, over real sockets?

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::time::Instant;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::base::{Channels, FeedTx, L16, OpusWish, SampleRate, feed};
use crate::media::{Announcer, Form, Receiver, ReceiverSettings, Sender, SenderSettings};
use crate::rtp::polycom::{Audio, Packet as Paged, Sign};

const PATIENCE: Duration = Duration::from_secs(30);
const MS: Duration = Duration::from_millis(1);
const CARD: SampleRate = SampleRate::HZ_48000;
const L16_48: Encoding = Encoding::L16(L16 {
    rate: CARD,
    channels: Channels::Mono,
});

/// A group of these tests' own, on a port that is free, reached by the loopback.
fn place(last: u8) -> Place {
    let probe = UdpSocket::bind("127.80.79.95:0").unwrap();
    let port = probe.local_addr().unwrap().port();
    Place {
        address: (Ipv4Addr::new(239, 80, 79, last), port).into(),
        interface: Some("127.0.0.1".parse().unwrap()),
    }
}

fn sender(encoding: Encoding, ptime_ms: u64) -> SenderSettings {
    SenderSettings {
        encoding,
        payload_type: encoding.static_payload_type().unwrap_or(96),
        event_payload_type: None,
        event_clock_rate: 8_000,
        ptime: ptime_ms as u32 * MS,
        opus: OpusWish::default(),
        ssrc: 7,
        first_sequence: 1,
        first_timestamp: 1,
    }
}

fn spoken(name: &str, place: &Place, encoding: Encoding) -> Spoken {
    Spoken {
        name: name.to_owned(),
        place: place.clone(),
        ttl: 1,
        is_looped: false,
        dscp: Dscp::EF,
        announcer: AnnouncerSettings {
            sender: sender(encoding, 10),
            form: Form::Rtp,
        },
    }
}

fn heard(name: &str, place: &Place) -> Heard {
    Heard {
        name: name.to_owned(),
        place: place.clone(),
        sources: Vec::new(),
        form: HeardForm::Rtp {
            dynamic: Some(L16_48),
        },
        silent_after: 300 * MS,
    }
}

struct Rig {
    groups: Groups,
    events: UnboundedReceiver<Event>,
}

impl Rig {
    fn new() -> Self {
        let (tx, events) = unbounded_channel();
        let groups = Groups::spawn(tx).unwrap();
        Self { groups, events }
    }

    fn next(&mut self) -> Event {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Ok(event) = self.events.try_recv() {
                return event;
            }
            assert!(Instant::now() < until, "nothing happens");
            std::thread::sleep(MS);
        }
    }

    /// Listens, from the moment on that this returns.
    fn hear(&mut self, group: Heard) {
        self.groups.hear(group);
        assert_eq!(self.state(), None);
    }

    fn state(&mut self) -> Option<String> {
        let Event::State { fault, .. } = self.next() else {
            panic!("not a state");
        };
        fault
    }

    fn begun(&mut self) -> (String, StreamId, SocketAddr, FeedRx) {
        match self.next() {
            Event::Begun {
                group,
                stream,
                from,
                feed,
                ..
            } => (group, stream, from, feed),
            Event::PassedOver { why, .. } => panic!("passed over: {why}"),
            Event::State { .. } | Event::Over { .. } => panic!("nobody begins"),
        }
    }

    fn over(&mut self) -> (StreamId, Report) {
        let Event::Over { stream, report, .. } = self.next() else {
            panic!("it is not over");
        };
        (stream, report)
    }
}

/// Somebody who speaks to a group, from an address of its own.
struct Talker {
    socket: UdpSocket,
    sender: Sender,
}

impl Talker {
    fn new(place: &Place, from: &str, encoding: Encoding) -> Self {
        let socket = socket2::Socket::new(
            socket2::Domain::IPV4,
            socket2::Type::DGRAM,
            Some(socket2::Protocol::UDP),
        );
        let socket = socket.unwrap();
        let from: SocketAddr = format!("{from}:0").parse().unwrap();
        socket.bind(&from.into()).unwrap();
        socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
        socket.connect(&place.address.into()).unwrap();
        Self {
            socket: socket.into(),
            sender: Sender::new(sender(encoding, 20)),
        }
    }

    /// So many packets of this level.
    fn say(&mut self, n: usize, level: f32) {
        for _ in 0..n {
            let pcm = vec![level; self.sender.frames_per_packet()];
            self.socket.send(self.sender.packet(&pcm)).unwrap();
        }
    }

    fn at(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }
}

fn rise(feed: &mut FeedRx) -> f32 {
    let mut frames = vec![0.0; feed.fill()];
    feed.pop(&mut frames);
    frames.iter().fold(0.0, |most: f32, x| most.max(x.abs()))
}

fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(MS);
    }
}

/// Over the network packet by packet, and in virtual time, so that nothing is late.
#[test]
fn uncompressed_sound_crosses_the_network_to_the_bit() {
    let place = place(1);
    let ear = sockets::hearing(&place).unwrap();
    ear.set_nonblocking(false).unwrap();
    ear.set_read_timeout(Some(PATIENCE)).unwrap();
    let spoken = spoken("x", &place, L16_48);
    let mouth = sockets::speaking(&spoken).unwrap();
    let mut announcer = Announcer::new(spoken.announcer, CARD);
    announcer.hold(true);
    let mut receiver = Receiver::new(ReceiverSettings {
        encoding: L16_48,
        payload_type: 96,
        event_payload_type: Some(255),
        event_clock_rate: 48_000,
    });
    let (mut tx, mut rx) = feed(CARD, 48_000);
    // Half a second of silence, in which the buffer finds its length, and ten of noise.
    let noise = |n: u32| (n.wrapping_mul(2_654_435_761) >> 16) as i16;
    let said: Vec<f32> = (0..504_000)
        .map(|n| {
            if n < 24_000 {
                0.0
            } else {
                f32::from(noise(n)) / 32_768.0
            }
        })
        .collect();
    let mut now = Instant::now();
    let (mut heard, mut datagram) = (Vec::new(), [0; 4_096]);
    for block in said.chunks(480) {
        announcer.push(block);
        while let Some(packet) = announcer.poll() {
            mouth.send(packet).unwrap();
            let n = ear.recv(&mut datagram).unwrap();
            receiver.handle_rtp(&datagram[..n], now);
        }
        while let Some(frames) = receiver.poll(now, tx.fill()) {
            tx.push(frames);
        }
        tx.set_target(receiver.target());
        now += 10 * MS;
        let mut played = vec![0.0; 480];
        let n = rx.pop(&mut played);
        heard.extend_from_slice(&played[..n]);
    }
    let report = receiver.report();
    assert_eq!((report.received, report.lost, report.late), (1_050, 0, 0));
    let start = heard.iter().position(|x| *x != 0.0).unwrap();
    let loud = &said[24_000 + usize::from(said[24_000] == 0.0)..];
    let n = heard.len() - start;
    assert!(n > 470_000, "{n} {report:?}");
    assert!(heard[start..] == loud[..n], "{report:?}");
}

#[test]
fn what_a_zone_hears_reaches_those_who_listen_and_ends_when_it_is_silent() {
    let mut rig = Rig::new();
    let place = place(2);
    rig.hear(heard("in", &place));
    rig.groups.speak(spoken("out", &place, L16_48));
    assert_eq!(rig.state(), None);
    let (mut tx, rx) = feed(CARD, 48_000);
    rig.groups.feed("out", rx);
    // Nothing is said yet.
    tx.push(&[0.0; 4_800]);
    let push = |tx: &mut FeedTx, n: usize| {
        tx.push(&vec![0.25; n * 480]);
        std::thread::sleep(5 * MS);
    };
    push(&mut tx, 4);
    let (group, stream, from, mut feed) = rig.begun();
    assert_eq!(
        (group.as_str(), from.ip()),
        ("in", IpAddr::from([127, 0, 0, 1]))
    );
    assert_eq!(feed.rate(), CARD);
    let mut n = 4;
    wait("what was said must be heard", || {
        push(&mut tx, 1);
        n += 1;
        (rise(&mut feed) - 0.25).abs() < 1e-3
    });
    let (over, report) = rig.over();
    assert_eq!((over, report.received, report.lost), (stream, n as u64, 0));
    assert!(feed.is_abandoned());
    // The ring of another card takes its place, and the stream goes on.
    let (mut tx, rx) = crate::base::feed(SampleRate::HZ_8000, 8_000);
    rig.groups.feed("out", rx);
    tx.push(&[0.25; 800]);
    let (_, _, again, _feed) = rig.begun();
    assert_eq!(again, from);
}

#[test]
fn a_second_speaker_waits_until_the_first_is_silent_and_is_told_of_once() {
    let mut rig = Rig::new();
    let place = place(3);
    rig.hear(heard("in", &place));
    let mut first = Talker::new(&place, "127.80.79.96", Encoding::Pcmu);
    let mut second = Talker::new(&place, "127.80.79.97", Encoding::Pcmu);
    first.say(2, 0.25);
    let (_, stream, from, mut feed) = rig.begun();
    assert_eq!(from, first.at());
    let mut told = Vec::new();
    wait("the second must be told of", || {
        first.say(1, 0.25);
        second.say(3, 0.9);
        if let Ok(Event::PassedOver { from, why, .. }) = rig.events.try_recv() {
            told.push((from, why));
        }
        !told.is_empty()
    });
    assert_eq!(told[0].0, second.at());
    assert_eq!(told[0].1, format!("speaks while {} does", first.at()));
    assert!(rise(&mut feed) < 0.3);
    let (over, report) = rig.over();
    assert_eq!((over, report.stray), (stream, 0));
    second.say(2, 0.9);
    assert_eq!(rig.begun().2, second.at());
}

#[test]
fn only_sources_that_may_speak_are_heard_and_garbage_is_none() {
    let mut rig = Rig::new();
    let place = place(4);
    rig.hear(Heard {
        sources: vec!["127.80.79.98".parse().unwrap()],
        form: HeardForm::Rtp { dynamic: None },
        ..heard("in", &place)
    });
    let mut stranger = Talker::new(&place, "127.80.79.99", Encoding::Pcmu);
    stranger.say(5, 0.5);
    let Event::PassedOver { from, why, .. } = rig.next() else {
        panic!("a stranger is not told of");
    };
    assert_eq!(
        (from, why.as_str()),
        (stranger.at(), "is not one of the sources")
    );
    let mut friend = Talker::new(&place, "127.80.79.98", Encoding::Pcma);
    for n in 0..200_usize {
        let garbage: Vec<u8> = (0..n).map(|at| (at * n * 31) as u8 & 0x7F).collect();
        friend.socket.send(&garbage).unwrap();
    }
    // One packet may be a mistake; two are a speaker.
    friend.say(2, 0.5);
    let (_, _, from, feed) = rig.begun();
    assert_eq!((from, feed.rate()), (friend.at(), SampleRate::HZ_8000));
}

#[test]
fn another_group_on_the_same_port_is_not_heard() {
    let mut rig = Rig::new();
    let place = place(5);
    let mut other = place.clone();
    other.address.set_ip(Ipv4Addr::new(239, 80, 79, 6).into());
    rig.hear(heard("one", &place));
    rig.hear(heard("other", &other));
    let mut talker = Talker::new(&other, "127.80.79.96", Encoding::Pcmu);
    talker.say(2, 0.5);
    let (group, stream, ..) = rig.begun();
    assert_eq!(group, "other");
    assert_eq!(rig.over().0, stream);
}

#[test]
fn fifty_groups_are_heard_at_once_each_by_itself() {
    let mut rig = Rig::new();
    let places: Vec<Place> = (100..150).map(place).collect();
    let mut talkers: Vec<Talker> = Vec::new();
    for (n, place) in places.iter().enumerate() {
        let group = Heard {
            silent_after: PATIENCE,
            ..heard(&n.to_string(), place)
        };
        rig.hear(group);
        talkers.push(Talker::new(place, "127.80.79.96", L16_48));
    }
    let level = |n: usize| (n + 1) as f32 / 64.0;
    for (n, talker) in talkers.iter_mut().enumerate() {
        talker.say(3, level(n));
    }
    let mut feeds: Vec<(usize, FeedRx)> = Vec::new();
    for _ in &places {
        let (group, _, _, feed) = rig.begun();
        feeds.push((group.parse().unwrap(), feed));
    }
    let mut left: Vec<usize> = (0..50).collect();
    wait("every group must be heard", || {
        for (n, feed) in &mut feeds {
            let heard = rise(feed);
            assert!(heard < level(*n) + 1e-3, "group {n} has {heard} of another");
            if (heard - level(*n)).abs() < 1e-3 {
                left.retain(|it| it != n);
            } else {
                talkers[*n].say(1, level(*n));
            }
        }
        left.is_empty()
    });
}

#[test]
fn a_group_page_of_a_telephone_has_a_name_and_an_end() {
    let mut rig = Rig::new();
    let place = place(7);
    rig.hear(Heard {
        form: HeardForm::Polycom { channel: Some(27) },
        silent_after: PATIENCE,
        ..heard("in", &place)
    });
    let talker = Talker::new(&place, "127.80.79.96", Encoding::Pcmu);
    let send = |channel: u8, packet: &dyn Fn(Sign) -> Vec<u8>| {
        let sign = Sign::new(channel, 99, "Front desk");
        talker.socket.send(&packet(sign)).unwrap();
    };
    let written = |packet: Paged<'_>| {
        let mut out = Vec::new();
        packet.write(&mut out);
        out
    };
    let audio = |n: u32| {
        let frame = |n: u32| (0..160).map(move |at| (at + n) as u8 | 0x80);
        let frames: Vec<u8> = if n == 0 {
            frame(0).collect()
        } else {
            frame(n - 1).chain(frame(n)).collect()
        };
        move |sign: Sign| {
            written(Paged::Audio(
                sign,
                Audio {
                    codec: 0,
                    flags: 0,
                    samples: n * 160,
                    frames: &frames,
                },
            ))
        }
    };
    // Another channel of the same address is not meant.
    for n in 0..3 {
        send(26, &audio(n));
    }
    for _ in 0..3 {
        send(27, &|sign| written(Paged::Alert(sign)));
    }
    for n in 0..4 {
        send(27, &audio(n));
    }
    let Event::Begun { caller, stream, .. } = rig.next() else {
        panic!("nobody begins");
    };
    assert_eq!(caller.as_deref(), Some("Front desk"));
    for _ in 0..12 {
        send(27, &|sign| written(Paged::End(sign)));
    }
    let (over, report) = rig.over();
    assert_eq!((over, report.received, report.lost), (stream, 4, 0));
}

#[test]
fn a_stream_that_nobody_wants_is_passed_over_to_its_end() {
    let mut rig = Rig::new();
    let place = place(8);
    rig.hear(heard("in", &place));
    let mut talker = Talker::new(&place, "127.80.79.96", Encoding::G722);
    talker.say(2, 0.5);
    let (_, stream, _, feed) = rig.begun();
    rig.groups.release(stream);
    wait("its feed must go", || feed.is_abandoned());
    talker.say(5, 0.5);
    let (over, report) = rig.over();
    assert_eq!((over, report.received), (stream, 7));
    // When it is left, a stream is over at once.
    talker.say(2, 0.5);
    let (_, stream, ..) = rig.begun();
    rig.groups.ignore("in");
    assert_eq!(rig.over().0, stream);
}

#[test]
fn a_network_that_is_not_there_is_told_and_the_others_go_on() {
    let mut rig = Rig::new();
    let nowhere = Place {
        interface: Some("nowhere0".parse().unwrap()),
        ..place(9)
    };
    let text = "there is no network \"nowhere0\" on this machine";
    rig.groups.hear(heard("in", &nowhere));
    assert_eq!(rig.state().as_deref(), Some(text));
    rig.groups.speak(spoken("out", &nowhere, Encoding::Pcmu));
    assert_eq!(rig.state().as_deref(), Some(text));
    let good = place(10);
    rig.hear(heard("good", &good));
    let mut talker = Talker::new(&good, "127.80.79.96", Encoding::Pcmu);
    talker.say(2, 0.5);
    assert_eq!(rig.begun().0, "good");
    let before = rig.groups.beat();
    wait("the thread must turn", || rig.groups.beat() > before);
}

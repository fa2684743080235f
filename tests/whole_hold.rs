//! Do callers hear music on hold, messages, and what tries a telephone, from the whole program?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon};
use common::folder::Folder;
use common::measure;
use common::phone::Phone;
use common::signal::{from_ulaw, sine, write_wav};

const SOON: Duration = Duration::from_secs(30);

/// Each 20 ms have a level of their own, one that µ-law knows: the loudest first.
const STAIRS: u8 = 100;

fn stairs(file: &Path) {
    let level = |i: u8| from_ulaw(0x80 + i);
    let sound: Vec<f32> = (0..STAIRS).flat_map(|i| [level(i); 160]).collect();
    write_wav(file, 8_000, &[&sound]);
}

/// The stair that a packet is, seen in its middle.
fn stair(datagram: &[u8]) -> u8 {
    datagram[12 + 80] - 0x80
}

fn ear(ip: &str) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket
}

fn next(ear: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2_000];
    let n = ear.recv(&mut buffer).unwrap();
    buffer[..n].to_vec()
}

fn offer(ear: SocketAddr, direction: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\n\
         m=audio {1} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n\
         a={direction}\r\n",
        ear.ip(),
        ear.port()
    )
}

fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// The daemon with music at number 100, once it is loaded.
fn on_hold(more: &str) -> (Daemon, Folder) {
    let folder = Folder::new("music");
    let file = folder.path().join("music.wav");
    stairs(&file);
    let section = format!(
        "[moh:lobby]\nextensions = 100 123\nsource = {}\nloudness = no\n{more}",
        file.display()
    );
    let daemon = Daemon::start(&Conf::timer().sip("max-calls = 1").more(&section));
    daemon.process.wait_for("[moh:lobby]: 2.0 s of sound", SOON);
    (daemon, folder)
}

#[test]
fn a_hundred_telephones_hear_the_music_each_as_its_own_stream() {
    let (mut daemon, _music) = on_hold("start = beginning");
    let mut phones: Vec<(Phone, UdpSocket)> = (0..100)
        .map(|_| (daemon.phone(), ear("127.0.0.1")))
        .collect();
    for (phone, ear) in &mut phones {
        phone.invite_with(&offer(ear.local_addr().unwrap(), "sendrecv"));
        phone.answered(SOON);
    }
    let mut streams = Vec::new();
    for (nth, (_, ear)) in phones.iter().enumerate() {
        let heard: Vec<Vec<u8>> = (0..STAIRS).map(|_| next(ear)).collect();
        // The sound, sample by sample: all of it, from its beginning.
        for (i, datagram) in heard.iter().enumerate() {
            assert_eq!(datagram[12..], [0x80 + i as u8; 160], "phone {nth}");
        }
        let first = &heard[0];
        for (i, datagram) in heard.iter().enumerate() {
            let sequence = number(&datagram[2..4]).wrapping_sub(number(&first[2..4]));
            assert_eq!(sequence & 0xFFFF, i as u32);
            assert_eq!(datagram[8..12], first[8..12], "one stream");
        }
        streams.push(number(&first[8..12]));
    }
    streams.sort_unstable();
    streams.dedup();
    assert_eq!(streams.len(), 100);
    for (phone, _) in &mut phones {
        phone.hang_up();
    }
    assert_eq!(daemon.stop().0, Some(0));
    let log = daemon.process.log();
    assert_eq!(log.matches("hears moh:lobby").count(), 100, "{log}");
    assert_eq!(log.matches("packets sent").count(), 100, "{log}");
}

#[test]
fn who_comes_later_hears_what_the_others_hear() {
    let (daemon, _music) = on_hold("");
    let [mut first, mut second] = [daemon.phone(), daemon.phone()];
    let ears = [ear("127.0.0.1"), ear("127.0.0.1")];
    first.invite_with(&offer(ears[0].local_addr().unwrap(), "sendrecv"));
    first.answered(SOON);
    for nth in 0..20 {
        assert_eq!(stair(&next(&ears[0])), nth);
    }
    second.invite_with(&offer(ears[1].local_addr().unwrap(), "sendrecv"));
    second.answered(SOON);
    let late = stair(&next(&ears[1]));
    assert!(late >= 19, "{late}");
    // From then on both hear the same, over the joint too.
    for nth in 1..150 {
        assert_eq!(stair(&next(&ears[1])), (late + nth) % STAIRS);
    }
    first.hang_up();
    second.hang_up();
}

#[test]
fn music_as_it_plays_is_joined_by_all_and_one_that_cannot_play_is_told() {
    let folder = Folder::new("live");
    stairs(&folder.path().join("music.wav"));
    let path = folder.path().display();
    let conf = Conf::timer().more(&format!(
        "[moh:lobby]\nextensions = 100\nsource = music:lounge\ncodecs = pcmu\n\
         [music:lounge]\npath = {path}\nloudness = no\n\
         [moh:none]\nextensions = 101\nsource = music:gone\n[music:gone]\npath = {path}/gone\n"
    ));
    let daemon = Daemon::start(&conf);
    let log = &daemon.process;
    log.wait_for("music lounge for moh:lobby: plays", SOON);
    log.wait_for("music gone for moh:none: silent", SOON);
    let mut refused = daemon.phone();
    refused.invite("101");
    assert_eq!(refused.expect_final(SOON).status(), 503);
    let mut phones = [daemon.phone(), daemon.phone()];
    let ears = [ear("127.0.0.1"), ear("127.0.0.1")];
    let mut heard: [Vec<(u32, Vec<u8>)>; 2] = Default::default();
    for (phone, ear) in phones.iter_mut().zip(&ears) {
        phone.invite_with(&offer(ear.local_addr().unwrap(), "sendrecv"));
        phone.answered(SOON);
        next(ear);
    }
    for (heard, ear) in heard.iter_mut().zip(&ears) {
        for _ in 0..150 {
            let datagram = next(ear);
            heard.push((number(&datagram[4..8]), datagram[12..].to_vec()));
        }
    }
    // The second came later, somewhere in what the first hears.
    let [first, second] = heard.map(|all| all.into_iter().map(|(_, x)| x).collect::<Vec<_>>());
    let joined = first.windows(20).position(|run| *run == second[..20]);
    assert!(joined.is_some());
    // Over the seam of the file as well: a stair after the other.
    let middle = |payload: &Vec<u8>| payload[80];
    let steps = second
        .windows(2)
        .map(|w| middle(&w[1]).abs_diff(middle(&w[0])));
    assert!(steps.filter(|step| *step > 1).count() <= 2);
    for phone in &mut phones {
        phone.hang_up();
    }
}

#[test]
fn a_telephone_that_holds_has_the_music_sent_to_the_one_it_holds() {
    // RFC 7088: the offer is that of the other side, which only listens. A DP750 does it so.
    let (daemon, _music) = on_hold("start = beginning");
    let held = ear("127.0.0.9");
    let mut phone = daemon.phone();
    phone.invite_with(&offer(held.local_addr().unwrap(), "recvonly"));
    let answer = phone.answered(SOON);
    assert!(answer.body().contains("a=sendonly"), "{}", answer.body());
    for nth in 0..10 {
        assert_eq!(stair(&next(&held)), nth);
    }
    phone.hang_up();
}

#[test]
fn a_message_rings_is_fetched_once_heard_for_its_time_and_hung_up() {
    let folder = Folder::new("message");
    let file = folder.path().join("talk.wav");
    stairs(&file);
    let (address, n_fetched) = serve(std::fs::read(&file).unwrap());
    let conf = |more: &str| {
        Conf::timer().more(&format!(
            "[play:news]\nextensions = 100\nfile = http://{address}/talk.wav\nduration = 1.0\n\
             answer-delay = 0.5\n{more}"
        ))
    };
    let mut daemon = Daemon::start(&conf("speech-filter = yes"));
    daemon.process.wait_for("[play:news]: 2.0 s of sound", SOON);
    let ear = ear("127.0.0.1");
    let mut phone = daemon.phone();
    let invited = phone.invite_with(&offer(ear.local_addr().unwrap(), "sendrecv"));
    let answer = phone.answered(SOON);
    let waited = answer.at - invited;
    assert!(waited >= Duration::from_millis(490), "{waited:?}");
    assert!(phone.request("BYE", SOON).is_some());
    ear.set_nonblocking(true).unwrap();
    let n_heard = std::iter::from_fn(|| ear.recv(&mut [0; 2_000]).ok()).count();
    assert!(
        (10..=60).contains(&n_heard),
        "{n_heard} packets of about 50"
    );
    assert!(daemon.process.log().contains("heard for as long as it may"));

    // Another shape of the same file: it is there already.
    daemon.write_conf(&conf("speech-filter = no\nloudness = no"));
    daemon.reload();
    let ready = |daemon: &Daemon| daemon.process.log().matches("s of sound are ready").count();
    let give_up = Instant::now() + SOON;
    while ready(&daemon) < 2 {
        assert!(Instant::now() < give_up, "{}", daemon.process.log());
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(n_fetched.load(Ordering::Relaxed), 1);
    assert_eq!(daemon.stop().0, Some(0));
}

/// A server that gives these bytes to everybody, and counts.
fn serve(body: Vec<u8>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let n_served = Arc::new(AtomicUsize::new(0));
    let count = n_served.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            count.fetch_add(1, Ordering::Relaxed);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    (address, n_served)
}

#[test]
fn a_sound_that_is_not_there_is_told_and_its_callers_are_refused() {
    let conf =
        Conf::timer().more("[play:news]\nextensions = 100\nfile = http://127.0.0.1:1/talk.wav");
    let daemon = Daemon::start(&conf);
    daemon
        .process
        .wait_for("[play:news]: callers hear nothing", SOON);
    let mut phone = daemon.phone();
    phone.invite("100");
    assert_eq!(phone.expect_final(SOON).status(), 503);
}

/// Hertz, by the first and the last time that it rises through zero.
fn pitch(sound: &[f32]) -> f64 {
    let rises = (1..sound.len()).filter(|&n| sound[n - 1] < 0.0 && sound[n] >= 0.0);
    let at = |n: usize| n as f64 - f64::from(sound[n] / (sound[n] - sound[n - 1]));
    let rises: Vec<f64> = rises.map(at).collect();
    let span = rises[rises.len() - 1] - rises[0];
    (rises.len() - 1) as f64 * 8_000.0 / span
}

/// What a phone hears, until so much of it is loud.
fn loud(phone: &Phone, frames: usize) -> Vec<f32> {
    let until = Instant::now() + SOON;
    let mut heard = Vec::new();
    let n_loud = |heard: &[f32]| {
        let blocks = heard.chunks(160).filter(|it| measure::rms(it) > 0.05);
        blocks.count() * 160
    };
    while n_loud(&heard) < frames {
        assert!(Instant::now() < until, "{} of {frames}", n_loud(&heard));
        std::thread::sleep(Duration::from_millis(2));
        heard.extend(phone.heard_sound());
    }
    heard
}

#[test]
fn a_telephone_is_tried_by_a_milliwatt_and_by_its_own_voice() {
    let section = "[page:talk]\nextensions = 100\n[test:echo]\nextensions = 9196\n\
                   [test:tone]\nextensions = 9197\nkind = milliwatt\n";
    let mut daemon = Daemon::start(&Conf::timer().more(section));
    let mut phone = daemon.phone();
    phone.call("9197", SOON);
    let tone = loud(&phone, 16_000);
    let first = tone.iter().position(|it| it.abs() > 0.1).unwrap();
    let tone = &tone[first..first + 12_000];
    let hertz = pitch(tone);
    assert!((hertz - 1_004.0).abs() < 0.2, "{hertz} Hz");
    // The digital milliwatt of ITU-T G.711, table 6, decoded as every phone does.
    let milliwatt = [0x1e, 0x0b, 0x0b, 0x1e, 0x9e, 0x8b, 0x8b, 0x9e].map(from_ulaw);
    let level = measure::db(measure::rms(tone) / measure::rms(&milliwatt));
    assert!(level.abs() < 0.1, "{level} dBm0");
    phone.hang_up();

    let mut phone = daemon.phone();
    phone.call("9196", SOON);
    let said = sine(8_000, 440.0, 0.4, 1.0);
    let talking = phone.start_talking(said);
    let mut heard = loud(&phone, 160);
    let came = Instant::now();
    let began = talking.join().unwrap();
    heard.extend(loud(&phone, 6_400));
    let delay = came.duration_since(began);
    println!("the echo comes back after {delay:?}, {level:.3} dBm0 at {hertz:.2} Hz");
    assert!(delay < Duration::from_millis(500), "{delay:?}");
    let loudest = measure::level_over_time(&heard, 8_000, 440.0, 800);
    let loudest = loudest.into_iter().fold(0.0, f32::max);
    assert!(measure::db(loudest / 0.4).abs() < 0.5, "{loudest}");
    phone.hang_up();
    assert_eq!(daemon.stop().0, Some(0));
}

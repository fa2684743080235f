//! What does somebody send who wants to do harm, and cannot be found?

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::common::signal::Dice;

/// Ten thousand datagrams a second from addresses that change all the time, until it is dropped.
pub struct Flood {
    stop: Arc<AtomicBool>,
    n_sent: Arc<AtomicU64>,
    began: Instant,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    pub fn start(to: SocketAddr, a_second: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let n_sent = Arc::new(AtomicU64::new(0));
        let (until, count) = (stop.clone(), n_sent.clone());
        let thread = std::thread::spawn(move || pour(to, a_second, &until, &count));
        Self {
            stop,
            n_sent,
            began: Instant::now(),
            thread: Some(thread),
        }
    }

    /// Ends it; how many a second it was.
    pub fn stop(mut self) -> f64 {
        self.end();
        self.n_sent.load(Ordering::Relaxed) as f64 / self.began.elapsed().as_secs_f64()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.end();
    }
}

fn pour(to: SocketAddr, a_second: u32, until: &AtomicBool, n_sent: &AtomicU64) {
    let mut dice = Dice(2_463_534_242);
    let mut places: Vec<UdpSocket> = (0..PLACES).map(|_| somewhere(&mut dice)).collect();
    let began = Instant::now();
    let mut n: u64 = 0;
    while !until.load(Ordering::Relaxed) {
        let due = (began.elapsed().as_secs_f64() * f64::from(a_second)) as u64;
        // What was missed while others had the processor is not made up for in one gush.
        n = n.max(due.saturating_sub(u64::from(a_second) / 50));
        while n < due {
            let at = dice.next() as usize % PLACES;
            if dice.next().is_multiple_of(MOVES) {
                places[at] = somewhere(&mut dice);
            }
            let datagram = datagram(&mut dice, places[at].local_addr().ok(), to);
            if places[at].send_to(&datagram, to).is_ok() {
                n_sent.fetch_add(1, Ordering::Relaxed);
            }
            n += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// An address that nobody else on the bench has.
fn somewhere(dice: &mut Dice) -> UdpSocket {
    loop {
        let n = dice.next();
        let ip = Ipv4Addr::new(127, 16 + (n % 200) as u8, (n >> 8) as u8, (n >> 16) as u8);
        if let Ok(socket) = UdpSocket::bind((ip, 0)) {
            return socket;
        }
    }
}

fn datagram(dice: &mut Dice, from: Option<SocketAddr>, to: SocketAddr) -> Vec<u8> {
    let Some(from) = from else {
        return Vec::new();
    };
    match dice.next() % 100 {
        0..30 => noise(dice),
        30..50 => {
            let mut torn = request("INVITE", dice, from, to, "").into_bytes();
            let n = dice.next() as usize % torn.len();
            torn.truncate(n);
            torn
        }
        50..60 => {
            let mut bent = request("OPTIONS", dice, from, to, "").into_bytes();
            for _ in 0..8 {
                let at = dice.next() as usize % bent.len();
                bent[at] = dice.next() as u8;
            }
            bent
        }
        60..75 => request("OPTIONS", dice, from, to, "").into_bytes(),
        75..85 => request("REGISTER", dice, from, to, "").into_bytes(),
        85..92 => {
            let name = "User-Agent: friendly-scanner\r\n";
            request("INVITE", dice, from, to, name).into_bytes()
        }
        // Calls that look like any other, and are never confirmed.
        92..97 => request("INVITE", dice, from, to, "").into_bytes(),
        _ => format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {to};branch=z9hG4bK{n}\r\nFrom: <sip:a@b>;tag=1\r\n\
             To: <sip:c@d>;tag=2\r\nCall-ID: {n}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
            n = dice.next()
        )
        .into_bytes(),
    }
}

fn noise(dice: &mut Dice) -> Vec<u8> {
    let n = 1 + dice.next() % 400;
    (0..n).map(|_| dice.next() as u8).collect()
}

fn request(method: &str, dice: &mut Dice, from: SocketAddr, to: SocketAddr, more: &str) -> String {
    let (id, user) = (dice.next(), dice.next() % 10_000);
    let body = match method {
        "INVITE" => OFFER,
        _ => "",
    };
    let kind = match body {
        "" => "",
        _ => "Content-Type: application/sdp\r\n",
    };
    format!(
        "{method} sip:{user}@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};rport;branch=z9hG4bK{id}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{user}@{from}>;tag={id}\r\nTo: <sip:{user}@{to}>\r\n\
         Call-ID: {id}@{}\r\nCSeq: 1 {method}\r\nContact: <sip:{user}@{from}>\r\n{more}{kind}\
         Content-Length: {}\r\n\r\n{body}",
        from.ip(),
        body.len()
    )
}

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// Addresses in use at a time, and after how many datagrams each is given up: in a minute some
/// sixty thousand are seen.
const PLACES: usize = 300;
const MOVES: u64 = 10;

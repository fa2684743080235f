//! Do two thousand phones stay registered? Each has a user and a password of its own, fifty share
//! an address, and all refresh in half the life that they ask for.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use md5::Digest as _;

use crate::common::signal::Dice;
use crate::tls::header;

pub const N_PHONES: usize = 2_000;

/// What became of the registrations so far.
#[derive(Clone, Debug, Default)]
pub struct Score {
    /// Phones that are registered now.
    pub n_there: usize,
    pub n_answered: u64,
    /// Registrations that ran out before the next was confirmed.
    pub n_lapsed: u64,
    /// Answers that are neither 200 nor a question for the password.
    pub n_refused: u64,
    /// Requests that were sent again because nothing came.
    pub n_repeated: u64,
    pub slowest: Duration,
}

/// All phones, on a thread of their own until they are told to stop.
pub struct Phones {
    stop: Arc<AtomicBool>,
    shared: Arc<Mutex<Score>>,
    thread: Option<JoinHandle<()>>,
}

impl Phones {
    pub fn start(server: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let shared: Arc<Mutex<Score>> = Arc::default();
        let mut crowd = Crowd::new(server);
        let (until, told) = (stop.clone(), Arc::clone(&shared));
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                crowd.turn();
                *told.lock().unwrap() = crowd.score.clone();
                std::thread::sleep(TURN);
            }
        });
        Self {
            stop,
            shared,
            thread: Some(thread),
        }
    }

    pub fn score(&self) -> Score {
        self.shared.lock().unwrap().clone()
    }

    /// Waits until all are registered for the first time.
    pub fn wait_until_there(&self, longest: Duration) -> bool {
        let until = Instant::now() + longest;
        while self.score().n_there < N_PHONES && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(100));
        }
        self.score().n_there == N_PHONES
    }
}

impl Drop for Phones {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub fn user(n: usize) -> String {
    format!("phone{n}")
}

pub fn password(n: usize) -> String {
    format!("secret-{}", n * 7 + 1)
}

struct Crowd {
    server: SocketAddr,
    houses: Vec<UdpSocket>,
    phones: Vec<Phone>,
    dice: Dice,
    score: Score,
}

/// One phone.
struct Phone {
    seq: u32,
    nonce: Option<String>,
    count: u32,
    /// What is on its way, since when, and when it is sent again.
    asked: Option<(String, Instant, Instant)>,
    due_at: Instant,
    runs_out_at: Option<Instant>,
}

impl Crowd {
    fn new(server: SocketAddr) -> Self {
        let house = |n: usize| {
            let socket = UdpSocket::bind((format!("127.3.0.{}", n + 1), 0)).unwrap();
            socket.set_nonblocking(true).unwrap();
            socket
        };
        let now = Instant::now();
        let phone = |n: usize| Phone {
            seq: 0,
            nonce: None,
            count: 0,
            asked: None,
            // All in the first ten seconds, as after a power cut.
            due_at: now + Duration::from_millis(5) * n as u32,
            runs_out_at: None,
        };
        Self {
            server,
            houses: (0..N_PHONES / A_HOUSE).map(house).collect(),
            phones: (0..N_PHONES).map(phone).collect(),
            dice: Dice(99),
            score: Score::default(),
        }
    }

    fn turn(&mut self) {
        let mut buffer = [0; 4_096];
        for house in 0..self.houses.len() {
            while let Ok(n) = self.houses[house].recv(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                self.hear(&text);
            }
        }
        let now = Instant::now();
        for n in 0..self.phones.len() {
            self.tick(n, now);
        }
        let is_there = |phone: &&Phone| phone.runs_out_at.is_some();
        self.score.n_there = self.phones.iter().filter(is_there).count();
    }

    fn tick(&mut self, n: usize, now: Instant) {
        let phone = &mut self.phones[n];
        if phone.runs_out_at.is_some_and(|at| at <= now) {
            phone.runs_out_at = None;
            self.score.n_lapsed += 1;
        }
        match &mut phone.asked {
            Some((_, since, _)) if now > *since + LOST => {
                phone.asked = None;
                phone.due_at = now;
            }
            Some((text, _, again)) if now >= *again => {
                *again = now + AGAIN;
                self.score.n_repeated += 1;
                let _ = self.houses[n / A_HOUSE].send_to(text.as_bytes(), self.server);
            }
            None if now >= phone.due_at => self.ask(n, now),
            Some(_) | None => {}
        }
    }

    fn ask(&mut self, n: usize, now: Instant) {
        let phone = &mut self.phones[n];
        phone.seq += 1;
        phone.count += 1;
        let local = self.houses[n / A_HOUSE].local_addr().unwrap();
        let (user, seq, server) = (user(n), phone.seq, self.server);
        let proof = phone.nonce.as_ref();
        let proof = proof.map_or(String::new(), |nonce| proof_of(n, nonce, phone.count));
        let text = format!(
            "REGISTER sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {local};rport;branch=z9hG4bK{n}-{seq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{server}>;tag={n}\r\nTo: <sip:{user}@{server}>\r\n\
             Call-ID: {n}-soak\r\nCSeq: {seq} REGISTER\r\nContact: <sip:{user}@{local}>\r\n\
             Expires: {}\r\n{proof}Content-Length: 0\r\n\r\n",
            LIFE.as_secs()
        );
        let _ = self.houses[n / A_HOUSE].send_to(text.as_bytes(), server);
        phone.asked = Some((text, now, now + AGAIN));
    }

    fn hear(&mut self, text: &str) {
        let id = header(text, "Call-ID").split('-').next();
        let Some(n) = id.and_then(|id| id.parse::<usize>().ok()) else {
            return;
        };
        let seq = header(text, "CSeq").split(' ').next();
        let phone = &mut self.phones[n];
        let is_awaited = seq.and_then(|seq| seq.parse().ok()) == Some(phone.seq);
        let Some((_, since, _)) = phone.asked.take_if(|_| is_awaited) else {
            return;
        };
        let now = Instant::now();
        match text.get(8..11) {
            Some("200") => {
                self.score.n_answered += 1;
                self.score.slowest = self.score.slowest.max(now - since);
                phone.runs_out_at = Some(since + LIFE);
                let share = self.dice.between(0.4, 0.6);
                phone.due_at = now + LIFE.mul_f32(share);
            }
            Some("401") => {
                phone.nonce = nonce(text);
                phone.count = 0;
                self.ask(n, now);
            }
            _ => {
                self.score.n_refused += 1;
                phone.due_at = now + Duration::from_secs(5);
            }
        }
    }
}

/// The nonce of the question that MD5 answers.
fn nonce(text: &str) -> Option<String> {
    let line = |line: &&str| line.starts_with("WWW-Authenticate") && line.contains("algorithm=MD5");
    let (_, rest) = text.lines().find(line)?.split_once("nonce=\"")?;
    rest.split('"').next().map(str::to_owned)
}

/// RFC 2617 section 3.2.2.
fn proof_of(n: usize, nonce: &str, count: u32) -> String {
    let hash = |text: String| -> String {
        let sum = md5::Md5::digest(text);
        sum.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let (user, uri) = (user(n), "sip:site");
    let secret = hash(format!("{user}:paging:{}", password(n)));
    let what = hash(format!("REGISTER:{uri}"));
    let response = hash(format!("{secret}:{nonce}:{count:08x}:c:auth:{what}"));
    format!(
        "Authorization: Digest username=\"{user}\", realm=\"paging\", nonce=\"{nonce}\", \
         uri=\"{uri}\", response=\"{response}\", algorithm=MD5, qop=auth, nc={count:08x}, \
         cnonce=\"c\"\r\n"
    )
}

/// Phones that share an address.
const A_HOUSE: usize = 50;

/// The shortest that our registrar grants.
const LIFE: Duration = Duration::from_secs(60);

const TURN: Duration = Duration::from_millis(2);

/// RFC 3261 section 17.1.2.2, without the doubling.
const AGAIN: Duration = Duration::from_millis(500);
const LOST: Duration = Duration::from_secs(16);

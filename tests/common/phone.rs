//! How does a test call the daemon when every packet counts? A small SIP phone over UDP that
//! shares no code with the program.

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::keys;
use super::ports::sound_socket;
use super::signal::{Dice, from_ulaw, ulaw};

/// One phone with one call at a time.
pub struct Phone {
    sip: UdpSocket,
    rtp: UdpSocket,
    server: SocketAddr,
    call: Call,
}

/// What the phone remembers of its call.
#[derive(Clone, Default)]
struct Call {
    id: String,
    user: String,
    tag: u32,
    /// The To header as the last response gave it.
    to: String,
    branch: String,
    sequence: u32,
    /// Once proxies want to stay in between: where the other side is, and the way to it.
    way: Option<(String, Vec<String>)>,
    media: Option<SocketAddr>,
    /// Header lines for the next request only.
    more: String,
    /// Numbers taken since the INVITE, whose own its ACK needs.
    n_pracks: u32,
}

/// What came in, whole.
#[derive(Clone, Debug)]
pub struct Message {
    pub at: Instant,
    pub from: SocketAddr,
    pub text: String,
}

impl Message {
    /// Of a response; 0 for a request.
    pub fn status(&self) -> u16 {
        let rest = self.text.strip_prefix("SIP/2.0 ");
        rest.map_or(0, |rest| rest[..3].parse().unwrap())
    }

    /// The value of the first header `name`; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.text.lines();
        let found = lines.find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        });
        found.unwrap_or("")
    }

    pub fn body(&self) -> &str {
        self.text
            .split_once("\r\n\r\n")
            .map_or("", |(_, body)| body)
    }
}

impl Phone {
    pub fn new(server: SocketAddr) -> Self {
        Self::at("127.0.0.1", server)
    }

    /// One whose address is not the usual one.
    pub fn at(ip: &str, server: SocketAddr) -> Self {
        let sip = UdpSocket::bind((ip, 0)).unwrap();
        Self {
            sip,
            rtp: sound_socket(ip),
            server,
            call: Call::default(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.sip.local_addr().unwrap()
    }

    /// Sends an INVITE for `user`; returns when it left.
    pub fn invite(&mut self, user: &str) -> Instant {
        self.call = self.new_call(user);
        let offer = self.offer("sendrecv");
        self.send("INVITE", &offer)
    }

    /// As `invite`, by a phone that confirms what it is told before the answer (RFC 3262).
    pub fn invite_reliably(&mut self, user: &str) -> Instant {
        self.call = self.new_call(user);
        self.call.more = "Supported: 100rel\r\n".to_owned();
        let offer = self.offer("sendrecv");
        self.send("INVITE", &offer)
    }

    /// Confirms what came before the answer.
    pub fn acknowledge_early(&mut self, early: &Message) {
        let (rseq, cseq) = (early.header("RSeq"), early.header("CSeq"));
        self.call.more = format!("RAck: {rseq} {cseq}\r\n");
        self.call.n_pracks += 1;
        let sequence = self.call.sequence + self.call.n_pracks;
        let text = self.compose("PRACK", "", sequence, true);
        self.call.more.clear();
        self.send_raw(text.as_bytes());
    }

    /// As `invite`, with a session description of the test's.
    pub fn invite_with(&mut self, offer: &str) -> Instant {
        self.call = self.new_call("100");
        self.send("INVITE", offer)
    }

    /// A re-INVITE that changes the direction, `sendonly` for hold and `sendrecv` back.
    pub fn reinvite(&mut self, direction: &str) -> Message {
        let offer = self.offer(direction);
        self.send("INVITE", &offer);
        let answer = self.expect_final(Duration::from_secs(5));
        self.acknowledge(answer.status());
        answer
    }

    /// A re-INVITE or UPDATE that offers these payload types, as `8 101`.
    pub fn change(&mut self, method: &str, formats: &str, direction: &str) -> Message {
        let offer = self.offer_of(formats, direction);
        self.change_with(method, &offer)
    }

    /// As `change`, with a session description of the test's.
    pub fn change_with(&mut self, method: &str, offer: &str) -> Message {
        self.send(method, offer);
        let answer = self.expect_final(Duration::from_secs(5));
        if method == "INVITE" && answer.status() < 300 {
            self.acknowledge(answer.status());
        }
        answer
    }

    /// A re-INVITE that wants the other side to offer; the answer goes into the ACK.
    pub fn ask_for_an_offer(&mut self, formats: &str) -> Message {
        self.send("INVITE", "");
        let offer = self.expect_final(Duration::from_secs(5));
        let answer = self.offer_of(formats, "sendrecv");
        let text = self.compose("ACK", &answer, self.call.sequence, true);
        self.sip.send_to(text.as_bytes(), self.server).unwrap();
        offer
    }

    /// From now on we listen and speak elsewhere; the other side has yet to be told.
    pub fn move_sound(&mut self) {
        self.rtp = sound_socket("127.0.0.1");
    }

    /// Calls `user` and acknowledges; panics unless the answer is 200 within `longest`.
    pub fn call(&mut self, user: &str, longest: Duration) -> Message {
        self.invite(user);
        self.answered(longest)
    }

    /// Waits for the 200 to the INVITE and acknowledges it.
    pub fn answered(&mut self, longest: Duration) -> Message {
        let answer = self.expect_final(longest);
        assert_eq!(answer.status(), 200, "{}", answer.text);
        self.take_up(answer)
    }

    /// As `answered`; `None` if it was refused or nobody answered.
    pub fn try_answered(&mut self, longest: Duration) -> Option<Message> {
        let answer = self.final_response(longest)?;
        (answer.status() == 200).then(|| self.take_up(answer))
    }

    fn take_up(&mut self, answer: Message) -> Message {
        self.call.media = Some(media_address(answer.body()));
        self.call.way = way(&answer);
        self.acknowledge(200);
        answer
    }

    /// The next final response; an INVITE that was refused is acknowledged.
    pub fn expect_final(&mut self, longest: Duration) -> Message {
        self.final_response(longest)
            .unwrap_or_else(|| panic!("no final response within {longest:?}"))
    }

    pub fn final_response(&mut self, longest: Duration) -> Option<Message> {
        let until = Instant::now() + longest;
        loop {
            let message = self.receive(until)?;
            if message.status() >= 200 && !message.header("CSeq").ends_with("PRACK") {
                if message.status() >= 300 && message.header("CSeq").ends_with("INVITE") {
                    self.acknowledge(message.status());
                }
                return Some(message);
            }
        }
    }

    /// The next response of any kind, such as 180.
    pub fn response(&mut self, longest: Duration) -> Option<Message> {
        let until = Instant::now() + longest;
        loop {
            let message = self.receive(until)?;
            if message.status() > 0 {
                return Some(message);
            }
        }
    }

    /// Waits until the other side sends `method`, and answers 200.
    pub fn request(&mut self, method: &str, longest: Duration) -> Option<Message> {
        let until = Instant::now() + longest;
        loop {
            let message = self.receive(until)?;
            if message.text.starts_with(method) {
                return Some(message);
            }
        }
    }

    /// Gives up before the answer; returns the final response to the INVITE.
    pub fn cancel(&mut self) -> Message {
        let text = self.compose("CANCEL", "", self.call.sequence, false);
        self.sip.send_to(text.as_bytes(), self.server).unwrap();
        loop {
            let message = self.expect_final(Duration::from_secs(5));
            if message.header("CSeq").ends_with("INVITE") {
                return message;
            }
        }
    }

    /// Hangs up and waits for the 200.
    pub fn hang_up(&mut self) -> Message {
        let answer = self.try_hang_up(Duration::from_secs(5)).expect("no answer");
        assert_eq!(answer.status(), 200, "{}", answer.text);
        answer
    }

    /// As `hang_up`; `None` if nobody is there any more.
    pub fn try_hang_up(&mut self, longest: Duration) -> Option<Message> {
        self.send("BYE", "");
        self.final_response(longest)
    }

    /// The time from an OPTIONS to its 200.
    pub fn options(&mut self, longest: Duration) -> Option<Duration> {
        let (sent, answer) = self.alone("OPTIONS", "ping", longest);
        answer.map(|answer| answer.at - sent)
    }

    /// The answer to a REGISTER without credentials.
    pub fn register(&mut self, user: &str) -> Message {
        let (_, answer) = self.alone("REGISTER", user, Duration::from_secs(3));
        answer.expect("REGISTER is answered")
    }

    /// A request outside the call; the call is as before afterwards.
    fn alone(&mut self, method: &str, user: &str, longest: Duration) -> (Instant, Option<Message>) {
        let other = self.new_call(user);
        let call = std::mem::replace(&mut self.call, other);
        let sent = self.send(method, "");
        let until = sent + longest;
        let mut answer = None;
        // Sent again until it is answered, as RFC 3261 timer E has it for UDP.
        while answer.is_none() && Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            answer = self.final_response(left.min(TIMER_1));
            if answer.is_none() {
                let again = self.compose(method, "", self.call.sequence, false);
                self.send_raw(again.as_bytes());
            }
        }
        self.call = call;
        (sent, answer)
    }

    fn new_call(&self, user: &str) -> Call {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Call {
            id: format!("{count}-{}@test", std::process::id()),
            user: user.into(),
            tag: count,
            to: format!("<sip:{user}@{}>", self.server),
            ..Call::default()
        }
    }

    /// Bytes as they are to the SIP port.
    pub fn send_raw(&self, bytes: &[u8]) {
        self.sip.send_to(bytes, self.server).unwrap();
    }

    /// Where the other side listens for our sound.
    pub fn media(&self) -> SocketAddr {
        self.call.media.expect("the call is answered")
    }

    /// Sends `sound` (8 kHz) in real time from now on; `fate` says per packet how late it leaves,
    /// `None` for never. Returns when the first packet was due.
    pub fn talk(&self, sound: &[f32], fate: impl Fn(u16) -> Option<Duration>) -> Instant {
        talk(&self.rtp, self.media(), sound, fate)
    }

    /// As `talk`, all in time, and then one press of a key; each time in a stream of its own.
    pub fn talk_and_press(&self, sound: &[f32], key: u8) {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let ssrc = COUNT.fetch_add(1, Ordering::Relaxed) << 8;
        let sound = sound.chunks(PACKET).zip(0..);
        let mut packets: Vec<_> = sound.map(|(it, i)| packet(i, ssrc, it)).collect();
        packets.extend(keys::press(key, packets.len() as u16, ssrc));
        let started = Instant::now();
        for (bytes, i) in packets.iter().zip(0u32..) {
            let due = started + Duration::from_millis(20) * i;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.rtp.send_to(bytes, self.media()).unwrap();
        }
    }

    /// `talk` beside the test, all packets in time.
    pub fn start_talking(&self, sound: Vec<f32>) -> JoinHandle<Instant> {
        let (rtp, to) = (self.rtp.try_clone().unwrap(), self.media());
        std::thread::spawn(move || talk(&rtp, to, &sound, |_| Some(Duration::ZERO)))
    }

    /// Speaks `sound` (8 kHz, whole packets) again and again beside the test, by a clock that is
    /// `ppm` millionths too fast, until the result is dropped.
    pub fn keep_talking(&self, sound: Arc<[f32]>, ppm: f64) -> Talking {
        let (rtp, to) = (self.rtp.try_clone().unwrap(), self.media());
        let (is_over, started) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let is_told = is_over.clone();
        let interval = Duration::from_secs_f64(0.02 / (1.0 + ppm * 1e-6));
        let thread = std::thread::spawn(move || {
            for (i, frames) in (0u32..).zip(sound.chunks_exact(PACKET).cycle()) {
                let due = started + interval * i;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if is_told.load(Ordering::Relaxed) {
                    return;
                }
                // The other side may be gone by now.
                let _ = rtp.send_to(&packet_at(i, u32::from(to.port()), frames), to);
            }
        });
        Talking {
            started,
            interval,
            is_over,
            thread: Some(thread),
        }
    }

    /// RTP packets that came in since the last look.
    pub fn n_heard(&self) -> usize {
        let mut buffer = [0; 2_048];
        std::iter::from_fn(|| self.rtp.recv_from(&mut buffer).ok()).count()
    }

    /// Where the RTP packets came from that came in since the last look.
    pub fn heard_from(&self) -> BTreeSet<SocketAddr> {
        let mut buffer = [0; 2_048];
        let next = || self.rtp.recv_from(&mut buffer).ok().map(|(_, from)| from);
        std::iter::from_fn(next).collect()
    }

    /// Payload types of the RTP packets that came in since the last look.
    pub fn heard_formats(&self) -> Vec<u8> {
        let mut buffer = [0; 2_048];
        std::iter::from_fn(|| {
            let (length, _) = self.rtp.recv_from(&mut buffer).ok()?;
            Some(if length > 1 { buffer[1] & 0x7f } else { 0x7f })
        })
        .collect()
    }

    /// The sound of the RTP packets of PCMU that came in since the last look.
    pub fn heard_sound(&self) -> Vec<f32> {
        let mut buffer = [0; 2_048];
        let mut sound = Vec::new();
        while let Ok((length, _)) = self.rtp.recv_from(&mut buffer) {
            sound.extend(buffer[..length].iter().skip(12).copied().map(from_ulaw));
        }
        sound
    }

    /// How many RTP packets of PCMU came in since the last look that are not all silence.
    pub fn heard_loud(&self) -> usize {
        let mut buffer = [0; 2_048];
        let next = || {
            let (length, _) = self.rtp.recv_from(&mut buffer).ok()?;
            Some(
                buffer[..length]
                    .iter()
                    .skip(12)
                    .any(|byte| byte | 0x80 < 0xf0),
            )
        };
        std::iter::from_fn(next).filter(|loud| *loud).count()
    }

    fn offer(&self, direction: &str) -> String {
        self.offer_of("0 8 101", direction)
    }

    fn offer_of(&self, formats: &str, direction: &str) -> String {
        let at = self.rtp.local_addr().unwrap();
        let (ip, port) = (at.ip(), at.port());
        format!(
            "v=0\r\no=- {} {} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP {formats}\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na={direction}\r\n",
            self.call.tag, self.call.sequence
        )
    }

    fn send(&mut self, method: &str, body: &str) -> Instant {
        self.call.sequence += 1 + std::mem::take(&mut self.call.n_pracks);
        self.call.branch = format!("z9hG4bK-{}-{}", self.call.id, self.call.sequence);
        let text = self.compose(method, body, self.call.sequence, false);
        self.call.more.clear();
        let now = Instant::now();
        self.sip.send_to(text.as_bytes(), self.server).unwrap();
        now
    }

    /// Sends the ACK for a final response.
    pub fn acknowledge(&self, status: u16) {
        let text = self.compose("ACK", "", self.call.sequence, status < 300);
        self.sip.send_to(text.as_bytes(), self.server).unwrap();
    }

    fn compose(&self, method: &str, body: &str, sequence: u32, new_branch: bool) -> String {
        let (me, call) = (self.address(), &self.call);
        // The ACK to a 2xx is a transaction of its own (RFC 3261 section 13.2.2.4).
        let branch = if new_branch { "-ack" } else { "" };
        // A CANCEL carries the To of its INVITE, without a tag (RFC 3261 section 9.1).
        let to = match method {
            "CANCEL" => call.to.split(";tag").next().unwrap_or(""),
            _ => &call.to,
        };
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let (target, route) = match &call.way {
            Some((target, hops)) if method != "CANCEL" => {
                let line = |hop: &String| format!("Route: {hop}\r\n");
                (target.clone(), hops.iter().map(line).collect())
            }
            _ => (format!("sip:{}@{}", call.user, self.server), String::new()),
        };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch={}{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: \"Test\" <sip:tester@{me}>;tag={}\r\nTo: {to}\r\n\
             Call-ID: {}\r\nCSeq: {sequence} {method}\r\nContact: <sip:tester@{me}>\r\n\
             {route}{}{kind}Content-Length: {}\r\n\r\n{body}",
            call.branch,
            call.tag,
            call.id,
            call.more,
            body.len()
        )
    }

    /// The next message of this call until `until`; requests are answered 200 on the way.
    fn receive(&mut self, until: Instant) -> Option<Message> {
        let mut buffer = [0; 8_192];
        loop {
            let left = until.checked_duration_since(Instant::now())?;
            let longest = left.max(Duration::from_micros(100));
            self.sip.set_read_timeout(Some(longest)).unwrap();
            let Ok((n, from)) = self.sip.recv_from(&mut buffer) else {
                continue;
            };
            let at = Instant::now();
            let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
            let message = Message { at, from, text };
            if message.header("Call-ID") != self.call.id {
                continue;
            }
            if message.status() == 0 {
                self.confirm(&message, from);
            } else if message.header("To").contains("tag=") {
                self.call.to = message.header("To").to_owned();
            }
            return Some(message);
        }
    }

    fn confirm(&self, request: &Message, to: SocketAddr) {
        let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            answer += &format!("{name}: {}\r\n", request.header(name));
        }
        answer += "Content-Length: 0\r\n\r\n";
        self.sip.send_to(answer.as_bytes(), to).unwrap();
    }
}

/// A voice that goes on until this is dropped.
pub struct Talking {
    /// When the first packet was due.
    pub started: Instant,
    /// From packet to packet.
    pub interval: Duration,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Talking {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// RFC 3261 section 17.1.1.2.
const TIMER_1: Duration = Duration::from_millis(500);

/// What an answer tells about the way of later requests (RFC 3261 section 12.1.2), if there is
/// any proxy on it.
fn way(answer: &Message) -> Option<(String, Vec<String>)> {
    let lines = answer.text.lines();
    let routes = lines.filter_map(|line| line.strip_prefix("Record-Route:"));
    let hops: Vec<String> = routes.map(|hop| hop.trim().to_owned()).rev().collect();
    let contact = answer.header("Contact");
    let target = contact.split(['<', '>']).nth(1).unwrap_or(contact);
    (!hops.is_empty()).then(|| (target.to_owned(), hops))
}

/// Where an SDP body wants its audio.
fn media_address(sdp: &str) -> SocketAddr {
    let line = |start: &str| sdp.lines().find_map(|line| line.strip_prefix(start));
    let host = line("c=IN IP4 ").unwrap().trim();
    let port = line("m=audio ").unwrap().split(' ').next().unwrap();
    format!("{host}:{port}").parse().unwrap()
}

/// Frames of a 20 ms packet at 8 kHz.
const PACKET: usize = 160;

fn talk(
    rtp: &UdpSocket,
    to: SocketAddr,
    sound: &[f32],
    fate: impl Fn(u16) -> Option<Duration>,
) -> Instant {
    let ssrc = Dice(u64::from(to.port()) + 1).next() as u32;
    let started = Instant::now();
    let mut due: Vec<(Duration, Vec<u8>)> = sound
        .chunks(PACKET)
        .zip(0u16..)
        .filter_map(|(frames, i)| {
            let late = fate(i)?;
            let at = Duration::from_millis(20) * u32::from(i) + late;
            Some((at, packet(i, ssrc, frames)))
        })
        .collect();
    due.sort_by_key(|(at, _)| *at);
    for (at, bytes) in due {
        std::thread::sleep((started + at).saturating_duration_since(Instant::now()));
        rtp.send_to(&bytes, to).unwrap();
    }
    started
}

/// One RTP packet of PCMU (RFC 3550 section 5.1), the first of a talk with the marker.
pub fn packet(sequence: u16, ssrc: u32, frames: &[f32]) -> Vec<u8> {
    packet_at(u32::from(sequence), ssrc, frames)
}

/// The packet of that number in a talk that may be longer than sequence numbers reach.
fn packet_at(number: u32, ssrc: u32, frames: &[f32]) -> Vec<u8> {
    let marker = if number == 0 { 0x80 } else { 0 };
    let mut bytes = vec![0x80, marker];
    bytes.extend((number as u16).to_be_bytes());
    bytes.extend(number.wrapping_mul(PACKET as u32).to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend(frames.iter().map(|&frame| ulaw(frame)));
    bytes
}

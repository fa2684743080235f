//! Does each message of our own collection get its right answer, over real sockets?
//!
//! `tests/data/sip/rules.txt` goes through the rules of RFC 3261, `phones.txt` through what
//! phones, adapters and PBXs really send.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use paging::sip::{Event, Transport};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use crate::parts::{ANSWER, Named, Phone, Raw, header};

/// How a case travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Udp,
    Tcp,
}

/// What came back.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A final answer and its text.
    Status(u16, String),
    Nothing,
}

/// Long enough on one machine; silence is waited for that long.
const SILENCE: Duration = Duration::from_millis(400);

/// A peer that sends bytes and reads messages.
pub(crate) enum Peer {
    Udp(UdpSocket, SocketAddr),
    Tcp(TcpStream, Vec<u8>),
}

impl Peer {
    pub(crate) async fn towards(phone: &Phone, way: Way) -> Self {
        match way {
            Way::Udp => {
                let socket = UdpSocket::bind((another_ip(), 0)).await.unwrap();
                Self::Udp(socket, phone.address(Transport::Udp))
            }
            Way::Tcp => {
                let stream = TcpStream::connect(phone.address(Transport::Tcp)).await;
                Self::Tcp(stream.unwrap(), Vec::new())
            }
        }
    }

    pub(crate) async fn send(&self, bytes: &[u8]) {
        match self {
            Self::Udp(socket, to) => drop(socket.send_to(bytes, to).await.unwrap()),
            Self::Tcp(stream, _) => {
                stream.writable().await.unwrap();
                assert_eq!(stream.try_write(bytes).unwrap(), bytes.len());
            }
        }
    }

    /// The next message, as far as its text goes.
    async fn receive(&mut self) -> Option<String> {
        match self {
            Self::Udp(socket, _) => {
                let mut buffer = vec![0; 65_535];
                let received = timeout(SILENCE, socket.recv(&mut buffer)).await.ok()?;
                Some(String::from_utf8_lossy(&buffer[..received.ok()?]).into_owned())
            }
            Self::Tcp(stream, buffer) => loop {
                let text = String::from_utf8_lossy(buffer).into_owned();
                if let Some((head, _)) = text.split_once("\r\n\r\n") {
                    let body: usize = header(head, "Content-Length")?.parse().ok()?;
                    let end = head.len() + 4 + body;
                    if buffer.len() >= end {
                        let message = buffer.drain(..end).collect::<Vec<_>>();
                        return Some(String::from_utf8_lossy(&message).into_owned());
                    }
                }
                let n = timeout(SILENCE, stream.read_buf(buffer)).await.ok()?.ok()?;
                if n == 0 {
                    return None;
                }
            },
        }
    }

    /// Whether an OPTIONS of another peer is still answered, within two seconds.
    pub(crate) async fn lives(&self, phone: &Phone) -> bool {
        let raw = Raw::at(&another_ip(), phone.address(Transport::Udp)).await;
        raw.send(raw.request("OPTIONS", Named::first("alive"), "", ""))
            .await;
        let answer = timeout(Duration::from_secs(2), raw.receive()).await;
        answer.is_ok_and(|text| text.starts_with("SIP/2.0 200 "))
    }
}

/// One peer that asked all of this would not be listened to for long.
fn another_ip() -> String {
    static LAST: AtomicU8 = AtomicU8::new(0);
    format!("127.0.3.{}", LAST.fetch_add(1, Ordering::Relaxed) % 250 + 1)
}

/// Answers what rings, and waits for the final answer that the peer gets.
pub(crate) async fn final_answer(phone: &mut Phone, peer: &mut Peer) -> Outcome {
    for _ in 0..8 {
        let Some(text) = peer.receive().await else {
            break;
        };
        while let Some(event) = phone.event_at_hand() {
            if let Event::Incoming { call, .. } = event {
                phone.endpoint.answer(call, ANSWER.to_owned());
            }
        }
        let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
        match status {
            Some(status @ 200..) => return Outcome::Status(status, text),
            _ if text.starts_with("SIP/2.0 1") => {}
            _ => panic!("{text}"),
        }
    }
    Outcome::Nothing
}

/// One message of a collection.
struct Case {
    name: String,
    way: Way,
    /// A status, or `none`.
    wanted: String,
    /// Header lines that the answer must have.
    details: Vec<(String, String)>,
    bytes: Vec<u8>,
}

/// Reads a collection: `== name | udp or tcp | outcome [| header: value]`, lines of comment
/// with `#`, then the message. Line ends are CRLF on the wire; `\n`, `\r`, `\t`, `\\` and `\xff`
/// stand for bytes, a backslash at the end of a line joins it with the next, `{pad N}` for
/// N letters, and `{length}` for the length of what follows the empty line.
fn cases(text: &str) -> Vec<Case> {
    let blocks = text.split("\n== ").skip(1);
    blocks.map(case).collect()
}

fn case(block: &str) -> Case {
    let (title, rest) = block.split_once('\n').unwrap();
    let mut fields = title.split(" | ").map(str::trim);
    let (name, way) = (fields.next().unwrap().to_owned(), fields.next().unwrap());
    let wanted = fields.next().unwrap().to_owned();
    let details = fields
        .map(|detail| detail.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let lines = rest.lines().skip_while(|line| line.starts_with('#'));
    let mut bytes = Vec::new();
    for line in lines {
        match line
            .strip_suffix('\\')
            .filter(|begun| !begun.ends_with('\\'))
        {
            Some(begun) => bytes.extend(unescaped(begun)),
            None => {
                bytes.extend(unescaped(line));
                bytes.extend(b"\r\n");
            }
        }
    }
    // A message without a body ends with the empty line that the collection leaves out.
    if bytes.ends_with(b"\r\n") && !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        bytes.extend(b"\r\n");
    }
    Case {
        name,
        way: match way {
            "udp" => Way::Udp,
            "tcp" => Way::Tcp,
            other => panic!("no way {other}"),
        },
        wanted,
        details,
        bytes: with_length(bytes),
    }
}

fn with_length(bytes: Vec<u8>) -> Vec<u8> {
    let mark = b"{length}";
    let Some(at) = bytes.windows(mark.len()).position(|part| part == mark) else {
        return bytes;
    };
    // Line ends may stand in front of the message, too.
    let rest = &bytes[at..];
    let end = rest.windows(4).position(|four| four == b"\r\n\r\n");
    let length = (rest.len() - end.unwrap() - 4).to_string();
    [&bytes[..at], length.as_bytes(), &bytes[at + mark.len()..]].concat()
}

fn unescaped(line: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let (bytes, used) = if let Some(escape) = rest.strip_prefix('\\') {
            match escape.as_bytes()[0] {
                b'n' => (vec![b'\n'], 2),
                b'r' => (vec![b'\r'], 2),
                b't' => (vec![b'\t'], 2),
                b'x' => (vec![u8::from_str_radix(&escape[1..3], 16).unwrap()], 4),
                other => (vec![other], 2),
            }
        } else if let Some(pad) = rest.strip_prefix("{pad ") {
            let (count, _) = pad.split_once('}').unwrap();
            (
                vec![b'p'; count.parse().unwrap()],
                "{pad }".len() + count.len(),
            )
        } else {
            (c.to_string().into_bytes(), c.len_utf8())
        };
        out.extend(bytes);
        rest = &rest[used..];
    }
    out
}

/// Sends every case and tells all that went wrong.
async fn run(collection: &str) {
    let mut phone = Phone::new().await;
    let mut wrong = Vec::new();
    let cases = cases(collection);
    assert!(cases.len() > 10, "{} cases", cases.len());
    for case in &cases {
        let mut peer = Peer::towards(&phone, case.way).await;
        peer.send(&case.bytes).await;
        let outcome = final_answer(&mut phone, &mut peer).await;
        let what = match &outcome {
            Outcome::Status(status, _) => status.to_string(),
            Outcome::Nothing => "none".to_owned(),
        };
        if what != case.wanted {
            wrong.push(format!(
                "{}: {what}, not {}: {outcome:?}",
                case.name, case.wanted
            ));
        }
        if let Outcome::Status(status, text) = &outcome {
            for (name, value) in &case.details {
                let found = header(text, name).unwrap_or_default();
                let is_right = match value.strip_suffix('*') {
                    Some(start) => found.starts_with(start),
                    None => found == value,
                };
                if !is_right {
                    wrong.push(format!("{}: {name} is {found:?}", case.name));
                }
            }
            let most = case.bytes.len() + 256;
            // An accepted call answers with a description of its own.
            if case.way == Way::Udp && *status >= 300 && text.len() > most {
                wrong.push(format!("{}: {} bytes for {}", case.name, text.len(), most));
            }
        }
        if !peer.lives(&phone).await {
            wrong.push(format!("{}: broke the endpoint", case.name));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_rule_has_its_answer() {
    run(include_str!("../data/sip/rules.txt")).await;
}

#[tokio::test]
async fn what_phones_send_oddly_is_served() {
    run(include_str!("../data/sip/phones.txt")).await;
}

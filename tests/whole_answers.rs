//! Does the whole daemon give odd invitations the answer they deserve?
#![allow(clippy::unwrap_used)]

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use common::daemon::{Conf, Daemon};
use common::turn;

const PATIENCE: Duration = Duration::from_secs(5);

/// A peer that sends text.
struct Peer {
    socket: UdpSocket,
    to: SocketAddr,
}

/// A final answer, cut up.
#[derive(Debug)]
struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let mut lines = self
            .text
            .lines()
            .skip(1)
            .take_while(|line| !line.is_empty());
        lines
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_default()
    }

    fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").unwrap().1
    }

    fn streams(&self) -> Vec<&str> {
        self.body()
            .lines()
            .filter(|line| line.starts_with("m="))
            .collect()
    }
}

impl Peer {
    fn towards(daemon: &Daemon) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let to = daemon.sip;
        Self { socket, to }
    }

    fn text(&self, method: &str, call: &str, extra: &str, body: &str) -> String {
        self.inside(method, call, 1, "", extra, body)
    }

    fn inside(
        &self,
        method: &str,
        call: &str,
        seq: u32,
        tag: &str,
        extra: &str,
        body: &str,
    ) -> String {
        let (local, to) = (self.socket.local_addr().unwrap(), self.to);
        format!(
            "{method} sip:100@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{call}{seq}\r\n\
             From: <sip:c@{local}>;tag=1\r\nTo: <sip:100@{to}>{tag}\r\nCall-ID: {call}\r\n\
             CSeq: {seq} {method}\r\nContact: <sip:c@{local}>\r\nMax-Forwards: 70\r\n\
             {extra}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn send(&self, text: impl AsRef<[u8]>) {
        self.socket.send_to(text.as_ref(), self.to).unwrap();
    }

    fn receive(&self) -> String {
        let mut buffer = vec![0; 65_535];
        let length = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// The first final answer to that call.
    fn answer(&self, call: &str) -> Answer {
        loop {
            let text = self.receive();
            let status = text.split(' ').nth(1).and_then(|code| code.parse().ok());
            let answer = Answer {
                status: status.unwrap_or_default(),
                text,
            };
            if answer.status >= 200 && answer.header("Call-ID") == call {
                return answer;
            }
        }
    }

    /// Invites, and ends the call if it was taken.
    fn invite(&self, call: &str, extra: &str, body: &str) -> Answer {
        self.send(self.text("INVITE", call, extra, body));
        let answer = self.answer(call);
        let (_, tag) = answer.header("To").split_once(";tag=").unwrap();
        let tag = format!(";tag={tag}");
        if answer.status == 200 {
            let ours = body.is_empty().then(|| session(&["audio 4000 RTP/AVP 0"]));
            let ours = ours.unwrap_or_default();
            let kind = "Content-Type: application/sdp\r\n";
            self.send(self.inside("ACK", call, 1, &tag, kind, &ours));
            self.send(self.inside("BYE", call, 2, &tag, "", ""));
            while self.answer(call).header("CSeq") != "2 BYE" {}
        } else {
            self.send(self.inside("ACK", call, 1, &tag, "", ""));
        }
        answer
    }
}

const SDP: &str = "Content-Type: application/sdp\r\n";

fn session(streams: &[&str]) -> String {
    let mut text =
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n".to_owned();
    for stream in streams {
        text += &format!("m={stream}\r\n");
    }
    text
}

fn port(stream: &str) -> u16 {
    stream.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn audio_is_kept_and_other_streams_are_refused() {
    let _turn = turn();
    let daemon = Daemon::start(&Conf::timer());
    let peer = Peer::towards(&daemon);
    let streams = [
        "video 3000 RTP/AVP 31",
        "audio 4000 RTP/AVP 0 8",
        "image 5000 udptl t38",
    ];
    let answer = peer.invite("several", SDP, &session(&streams));
    assert_eq!(answer.status, 200, "{answer:?}");
    let kept: Vec<_> = answer.streams().into_iter().map(|m| port(m) > 0).collect();
    assert_eq!(kept, [false, true, false], "{answer:?}");
}

#[test]
fn a_session_is_found_among_other_parts_and_beyond_8_kb() {
    let _turn = turn();
    let daemon = Daemon::start(&Conf::timer());
    let peer = Peer::towards(&daemon);
    let audio = session(&["audio 4000 RTP/AVP 0"]);
    let parts = format!(
        "--b\r\nContent-Type: text/plain\r\n\r\n{}\r\n--b\r\n{SDP}\r\n{audio}--b--\r\n",
        "x".repeat(9_000)
    );
    let kind = "Content-Type: multipart/mixed;boundary=b\r\n";
    let answer = peer.invite("parts", kind, &parts);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.streams().len(), 1);
}

#[test]
fn a_caller_that_makes_no_offer_gets_ours() {
    let _turn = turn();
    let daemon = Daemon::start(&Conf::timer());
    let peer = Peer::towards(&daemon);
    let answer = peer.invite("late", "", "");
    assert_eq!((answer.status, answer.streams().len()), (200, 1));
    assert!(port(answer.streams()[0]) > 0);
}

#[test]
fn what_cannot_be_agreed_on_is_said_with_a_warning() {
    let _turn = turn();
    let daemon = Daemon::start(&Conf::timer());
    let peer = Peer::towards(&daemon);
    let table = [
        ("codec", "audio 4000 RTP/AVP 3", "305 "),
        ("media", "video 4000 RTP/AVP 31", "304 "),
        ("transport", "audio 4000 TCP/RTP/AVP 0", "302 "),
    ];
    for (call, stream, code) in table {
        let answer = peer.invite(call, SDP, &session(&[stream]));
        assert_eq!(answer.status, 488, "{call}");
        let warning = answer.header("Warning");
        assert!(warning.starts_with(code), "{call}: {warning:?}");
        assert_eq!(warning.matches('"').count(), 2, "{warning:?}");
    }
    assert_eq!(peer.invite("text", SDP, "not a session").status, 400);
}

#[test]
fn no_answer_to_a_stranger_is_much_longer_than_its_request() {
    let _turn = turn();
    let daemon = Daemon::start(&Conf::timer());
    let peer = Peer::towards(&daemon);
    let local = peer.socket.local_addr().unwrap();
    let short = |method: &str, call: &str, extra: &str| {
        format!(
            "{method} sip:{0} SIP/2.0\r\nv:SIP/2.0/UDP {local}\r\nf:<sip:a>;tag=1\r\nt:<sip:b>\r\n\
             i:{call}\r\nCSeq:1 {method}\r\n{extra}\r\n",
            peer.to
        )
    };
    let methods = [
        "OPTIONS",
        "REGISTER",
        "BYE",
        "CANCEL",
        "MESSAGE",
        "NOTIFY",
        "SUBSCRIBE",
        "PUBLISH",
        "REFER",
        "UPDATE",
        "INFO",
        "PRACK",
        "DANCE",
    ];
    let extras = ["", "Require: x\r\n", "l: x\r\n", "e: gzip\r\n"];
    for method in methods {
        for (n, extra) in extras.into_iter().enumerate() {
            let call = format!("{method}{n}");
            let request = short(method, &call, extra);
            peer.send(&request);
            let answer = peer.answer(&call);
            let most = request.len() + 256;
            assert!(answer.text.len() <= most, "{request}\n{}", answer.text);
        }
    }
}

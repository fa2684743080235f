//! What must hold for every message that a stranger may send?

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rsipstack::sip::{Headers, Request, Response, SipMessage, Transport};

use crate::sip::address::{self, NameAddr};
use crate::sip::call::auto_answer;
use crate::sip::call::dialog::{Dialog, Key};
use crate::sip::call::keys;
use crate::sip::call::reason;
use crate::sip::call::redirect::Redirects;
use crate::sip::call::replaces::Replaces;
use crate::sip::call::session_timer::SessionTimer;
use crate::sip::digest::{self, Challenge, Proof};
use crate::sip::entry::body;
use crate::sip::entry::ingress::{self, Answer, SLACK, Verdict};
use crate::sip::entry::intake;
use crate::sip::entry::peek;
use crate::sip::entry::spelling;
use crate::sip::message;
use crate::sip::settings::{Secret, Transport as Over};
use crate::sip::sight::mask;
use crate::sip::user::challenge::{Challenger, Credentials, Judgement};
use crate::sip::user::registrar::{Bindings, Enrolment, Way};
use crate::sip::wire::framing::{self, Frame};

/// One datagram, all the way to what we read in it.
pub fn ingress(bytes: &[u8]) {
    let _ = peek::kind(bytes);
    assert_eq!(mask::mask(bytes).len(), bytes.len());
    match ingress::datagram(bytes) {
        Verdict::Ignore(_) => {}
        Verdict::Answer(answer) => answered(&answer, bytes.len()),
        Verdict::Deliver(put_right) => delivered(&put_right),
    }
}

/// An answer is no more than was asked for, and nobody answers it.
fn answered(answer: &Answer<'_>, n_asked: usize) {
    let Some(reply) = answer.to(peer()) else {
        return;
    };
    assert!(reply.len() <= n_asked + SLACK, "{} bytes", reply.len());
    let again = ingress::datagram(&reply);
    let text = String::from_utf8_lossy(&reply);
    assert!(!matches!(again, Verdict::Answer(_)), "{text}");
}

fn delivered(put_right: &[u8]) {
    let text = || String::from_utf8_lossy(put_right).into_owned();
    match ingress::datagram(put_right) {
        Verdict::Deliver(again) => assert_eq!(text(), String::from_utf8_lossy(&again)),
        other @ (Verdict::Answer(_) | Verdict::Ignore(_)) => {
            panic!("put right, it is still wrong: {other:?}\n{}", text())
        }
    }
    let Some(message) = intake::understood(put_right, peer(), Transport::Udp) else {
        if let Verdict::Answer(answer) = ingress::not_understood(put_right) {
            answered(&answer, put_right.len());
        }
        return;
    };
    let _ = spelling::without_stand_in(&message.to_bytes());
    match message {
        SipMessage::Request(request) => asked(&request),
        SipMessage::Response(response) => told(&response),
    }
}

/// All that is read of a request, of whatever method.
fn asked(request: &Request) {
    let headers = &request.headers;
    read(headers, &request.body);
    let _ = (message::dialled(request), message::is_foreign(request));
    let _ = (message::caller(headers), auto_answer::wish(request));
    let _ = (Replaces::read(headers), Key::of_request(request));
    let _ = (
        keys::pressed(headers, &request.body),
        reason::given(headers),
    );
    if let Ok(Some(agreed)) = SessionTimer::default().asked(headers, None) {
        let _ = agreed.response_headers(headers);
        assert!(agreed.due_after() <= agreed.over_after(), "{agreed:?}");
    }
    let mut dialog = Dialog::invited(request, "ours");
    let _ = (dialog.is_in_order(request), dialog.is_direct());
    one_line(dialog.next_hop());
    enrol(headers);
}

/// All that is read of a response.
fn told(response: &Response) {
    read(&response.headers, &response.body);
    let _ = (message::reason(response), message::complaint(response));
    let _ = SessionTimer::default().answered(&response.headers);
    let mut redirects = Redirects::from("sip:first@h");
    redirects.handle(response);
    while let Some(uri) = redirects.next() {
        one_line(&uri);
    }
    let challenges = message::values(&response.headers, "WWW-Authenticate");
    if let Some(mut challenge) = Challenge::choose(challenges, |_| true) {
        one_line(&challenge.answer(proof("u", "p", "c")));
    }
}

/// All that is read of either.
fn read(headers: &Headers, content: &[u8]) {
    let kind = message::value(headers, "Content-Type");
    if let Some(text) = body::session(kind, content) {
        crate::sdp::fuzzing::sdp(text.as_bytes());
    }
    let _ = (message::seq(headers), message::tag(headers, "From"));
    let _ = (
        message::unsupported(headers),
        message::seconds(headers, "Retry-After"),
    );
    message::recorded_routes(headers)
        .iter()
        .for_each(|route| one_line(route));
    if let Some(contact) = message::contact(headers) {
        one_line(&contact);
        let _ = address::Uri::parse(&contact).map(|uri| address::unescaped(uri.user));
    }
    for value in message::values(headers, "Authorization") {
        let _ = Credentials::parse(value);
    }
}

/// What registering would keep of it.
fn enrol(headers: &Headers) {
    let contacts = message::values(headers, "Contact").flat_map(address::list);
    let path = message::values(headers, "Path").flat_map(address::list);
    let (mut bindings, now) = (Bindings::default(), Instant::now());
    let wish = Enrolment {
        contacts: contacts.collect(),
        expires: message::value(headers, "Expires"),
        path: path.collect(),
        call_id: "x",
        seq: message::seq(headers),
        way: Way {
            transport: Over::Udp,
            remote: peer(),
        },
    };
    if bindings.register("u", &wish, now).is_err() {
        return;
    }
    for binding in bindings.of("u", now) {
        let contact = binding.contact(now);
        one_line(&contact);
        let uri = NameAddr::parse(&contact).map(|contact| contact.uri.to_owned());
        assert_eq!(uri.as_ref(), Some(&binding.uri), "{contact}");
    }
    assert!(
        bindings
            .expire(now + Duration::from_secs(86_400 * 366))
            .len()
            <= 1
    );
}

/// A stream that comes in pieces says the same as one that comes at once.
pub fn stream(bytes: &[u8]) {
    let (cuts, bytes) = bytes.split_at(bytes.len().min(8));
    let whole = frames([bytes]);
    let mut pieces = Vec::new();
    let (mut rest, mut cuts) = (bytes, cuts.iter().cycle());
    while !rest.is_empty() {
        let n = cuts.next().map_or(1, |&n| usize::from(n) + 1);
        let (piece, next) = rest.split_at(n.min(rest.len()));
        pieces.push(piece);
        rest = next;
    }
    assert_eq!(frames(pieces), whole);
}

/// Whole messages, and how many bytes wait at the end; none if the stream broke.
fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Option<usize>) {
    let (mut messages, mut buffer) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match framing::next(&buffer) {
                Frame::Wait => break,
                Frame::Broken(n) => {
                    if let Verdict::Answer(answer) = ingress::last_words(&buffer[..n]) {
                        answered(&answer, n);
                    }
                    return (messages, None);
                }
                Frame::Ping(n) | Frame::Skip(n) => drop(buffer.drain(..n)),
                Frame::Message(n) => {
                    let message: Vec<u8> = buffer.drain(..n).collect();
                    if let Verdict::Deliver(put_right) = ingress::framed(&message) {
                        delivered(&put_right);
                    }
                    messages.push(message);
                }
            }
        }
    }
    (messages, Some(buffer.len()))
}

/// Challenges and proofs of strangers; and what we prove to ourselves is believed once.
pub(crate) fn digest([user, password, cnonce, method]: [String; 4], theirs: &[u8]) {
    // What a client sends as its own text needs no escapes, as ours does not.
    let cnonce = cnonce.replace(['"', '\\'], "");
    believed(&user, &password, &cnonce, &method);
    let theirs = String::from_utf8_lossy(theirs).replace(['\r', '\n'], " ");
    strangers(&theirs, proof(&user, &password, &cnonce));
}

fn believed(user: &str, password: &str, cnonce: &str, method: &str) {
    let now = Instant::now();
    let mut challenger = Challenger::new([7; 32], now);
    let from = peer().ip();
    let secret = Secret::new(password);
    for algorithm in 0..2 {
        let challenge = &challenger.challenges(from, false, now)[algorithm];
        let mut judge = |header: &str, secret: &Secret, from: IpAddr| {
            let proof = Credentials::parse(header).expect("we read what we write");
            assert_eq!(proof.user, user);
            challenger.judge(&proof, Some(secret), method, from, now)
        };
        let mut challenge = Challenge::choose([challenge.as_str()].into_iter(), |_| true)
            .expect("our challenge can be answered");
        let mut next = || {
            let proof = Proof {
                method,
                ..proof(user, password, cnonce)
            };
            challenge.answer(proof)
        };
        let (first, second) = (next(), next());
        assert_eq!(judge(&first, &secret, from), Judgement::Right, "{first}");
        assert_eq!(judge(&first, &secret, from), Judgement::Stale, "{first}");
        assert_eq!(judge(&second, &secret, from), Judgement::Right, "{second}");
        let other = Secret::new(format!("{password}x"));
        assert_eq!(judge(&second, &other, from), Judgement::Wrong);
        assert_eq!(
            judge(&second, &other, [192, 0, 2, 1].into()),
            Judgement::Foreign
        );
    }
}

/// An answer to a foreign challenge is one line that says what it should.
fn strangers(text: &str, proof: Proof<'_>) {
    let now = Instant::now();
    for text in [text.to_owned(), format!("Digest {text}")] {
        if let Some(proof) = Credentials::parse(&text) {
            let mut challenger = Challenger::new([7; 32], now);
            let secret = Secret::new("secret");
            let judgement = challenger.judge(&proof, Some(&secret), "INVITE", peer().ip(), now);
            assert!(matches!(judgement, Judgement::Wrong | Judgement::Foreign));
        }
        let Some(mut challenge) = Challenge::choose([text.as_str()].into_iter(), |_| true) else {
            continue;
        };
        let answer = challenge.answer(proof);
        one_line(&answer);
        let (_, asked) = text
            .trim()
            .split_once(char::is_whitespace)
            .unwrap_or_default();
        for name in ["realm", "nonce", "opaque"] {
            if let Some(asked) = field(asked, name) {
                assert_eq!(field(&answer, name), Some(asked), "{answer}");
            }
        }
    }
}

/// A field of a challenge or proof.
fn field(text: &str, wanted: &str) -> Option<String> {
    let fields = digest::fields(text.trim_start_matches("Digest "));
    let mut named = fields
        .into_iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
    named.next().map(|(_, value)| value)
}

/// Whatever surrounds a secret, the trace does not show it.
pub(crate) fn mask(texts: [String; 4], fold: u8, behind: &[u8]) {
    let [mut before, user, cnonce, fields] = texts;
    let fold = usize::from(fold);
    before.retain(|c| c.is_ascii_alphanumeric() || "-_.!~*'()&=+$,;?/%".contains(c));
    let challenge = format!("Digest realm=\"r\", nonce=\"{NONCE}\", {fields}");
    let mut secrets = vec![NONCE.to_owned(), PASSWORD.to_owned(), KEY.to_owned()];
    let mut proof_line = String::new();
    if let Some(mut challenge) = Challenge::choose([challenge.as_str()].into_iter(), |_| true) {
        let cnonce = cnonce.replace(['"', '\\'], "");
        proof_line = challenge.answer(proof(&user, "p", &cnonce));
        secrets.extend(field(&proof_line, "response"));
    }
    let padding = ["", "\r\n\r\n", "\0", " \r\n"][fold % 4];
    if fold % 8 > 4 {
        proof_line = proof_line.replace("\", ", "\" ");
    }
    let text = format!(
        "{padding}INVITE sip:{before}:{PASSWORD}@h SIP/2.0\r\nAuthorization: {}\r\n\
         WWW-Authenticate: {}\r\n\r\na=crypto:1 S inline:{KEY}\r\n",
        folded(&proof_line, fold),
        folded(&challenge, fold),
    );
    let message = [text.as_bytes(), behind].concat();
    let masked = mask::mask(&message);
    assert_eq!(masked.len(), message.len());
    let shown = String::from_utf8_lossy(&masked[..text.len()]);
    let is_spelt_elsewhere = |secret: &str| {
        [&before, &user, &cnonce, &fields]
            .iter()
            .any(|t| t.contains(secret))
    };
    for secret in secrets.iter().filter(|secret| !is_spelt_elsewhere(secret)) {
        assert!(!shown.contains(secret.as_str()), "{secret}: {shown}");
    }
}

/// Every `n`th blank becomes a new line that goes on with the header.
fn folded(line: &str, n: usize) -> Cow<'_, str> {
    if n == 0 {
        return line.into();
    }
    let mut out = String::with_capacity(line.len() * 2);
    for (at, word) in line.split(' ').enumerate() {
        out.push_str(match at {
            0 => "",
            _ if at % n == 0 => "\r\n ",
            _ if n > 100 => "\r\n \r\n\t",
            _ => " ",
        });
        out.push_str(word);
    }
    out.into()
}

fn proof<'a>(user: &'a str, password: &'a str, cnonce: &'a str) -> Proof<'a> {
    Proof {
        user,
        password,
        method: "INVITE",
        uri: "sip:7@h",
        cnonce,
    }
}

/// What we write into a header must not begin another.
fn one_line(text: &str) {
    assert!(!text.contains(['\r', '\n']), "{text:?}");
}

fn peer() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 5060))
}

/// Secrets that no other text resembles.
const NONCE: &str = "Zq8vNonce5Wk1";
const PASSWORD: &str = "Yh3vPass7Gt2";
const KEY: &str = "Xj6vKey9Ru4";

//! Phones of our own kind, and a peer that speaks raw text.

use std::net::SocketAddr;
use std::time::Duration;

use paging::base::CallId;
use paging::sip::{Account, Endpoint, Event, HowEnded, Listen, Settings, Timing, Transport};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;

pub(crate) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
    c=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0\r\n";
pub(crate) const ANSWER: &str = "v=0\r\no=- 2 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
    c=IN IP4 127.0.0.1\r\nm=audio 5000 RTP/AVP 0\r\n";

/// Nothing on one machine takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Short enough that timeouts can be waited for: 64 × T1 is 1.28 s.
pub(crate) const QUICK: Timing = Timing {
    t1: Duration::from_millis(20),
    retry_first: Duration::from_millis(100),
    retry_longest: Duration::from_millis(400),
    keep_alive: Duration::from_millis(150),
    refused_first: Duration::from_millis(600),
    refused_longest: Duration::from_millis(1_200),
};

pub(crate) struct Phone {
    pub(crate) endpoint: Endpoint,
    events: mpsc::UnboundedReceiver<Event>,
}

pub(crate) fn on(transport: Transport, address: &str) -> Listen {
    Listen {
        transport,
        address: address.parse().unwrap(),
    }
}

impl Phone {
    pub(crate) async fn start(settings: Settings) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let endpoint = Endpoint::start(settings, tell).await.unwrap();
        Self { endpoint, events }
    }

    /// With the usual timers: nothing is sent twice however busy the machine is.
    pub(crate) async fn new() -> Self {
        Self::timed(Timing::default(), Vec::new()).await
    }

    /// With timers that run out while a test waits.
    pub(crate) async fn quick() -> Self {
        Self::with(Vec::new()).await
    }

    pub(crate) async fn with(accounts: Vec<Account>) -> Self {
        Self::timed(QUICK, accounts).await
    }

    pub(crate) async fn timed(timing: Timing, accounts: Vec<Account>) -> Self {
        Self::start(Settings {
            listen: vec![
                on(Transport::Udp, "127.0.0.1:0"),
                on(Transport::Tcp, "127.0.0.1:0"),
            ],
            accounts,
            user_agent: "paging/test".to_owned(),
            timing,
            ..Settings::default()
        })
        .await
    }

    pub(crate) fn address(&self, transport: Transport) -> SocketAddr {
        let mut listening = self.endpoint.listening().iter();
        listening
            .find(|l| l.transport == transport)
            .unwrap()
            .address
    }

    pub(crate) async fn event(&mut self) -> Event {
        let event = timeout(PATIENCE, self.events.recv()).await;
        event.expect("an event in time").expect("events go on")
    }

    /// The next event, however late.
    pub(crate) async fn event_ever(&mut self) -> Event {
        self.events.recv().await.expect("events go on")
    }

    pub(crate) fn event_at_hand(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    pub(crate) async fn quiet_for(&mut self, span: Duration) {
        if let Ok(event) = timeout(span, self.events.recv()).await {
            panic!("unexpected {event:?}");
        }
    }

    /// The next event, which has to be an incoming call.
    pub(crate) async fn incoming(&mut self) -> (CallId, Option<String>) {
        match self.event().await {
            Event::Incoming { call, offer, .. } => (call, offer),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn dial(&self, transport: Transport, to: SocketAddr) -> CallId {
        let call = self.endpoint.new_call();
        let target = format!("sip:100@{to};transport={transport}");
        self.endpoint.dial(call, &target, None, OFFER.to_owned());
        call
    }

    /// Ends an answered call that `other` knows as `theirs`; both are told so.
    pub(crate) async fn hang_up(&mut self, ours: CallId, other: &mut Self, theirs: CallId) {
        self.endpoint.hang_up(ours, "");
        assert!(matches!(self.event().await, Event::Ended { call, .. } if call == ours));
        let hung_up = Event::Ended {
            call: theirs,
            how: HowEnded::HungUp,
            reason: None,
        };
        assert_eq!(other.event().await, hung_up);
    }

    /// Waits until no dialog is left.
    pub(crate) async fn settled(&self) {
        none_left("dialogs", || self.endpoint.n_dialogs()).await;
    }
}

/// Waits until a count is zero.
pub(crate) async fn none_left(what: &str, count: impl Fn() -> usize) {
    let end = tokio::time::Instant::now() + PATIENCE;
    while count() > 0 {
        assert!(tokio::time::Instant::now() < end, "{} {what} left", count());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A peer that sends text and looks at the text that comes back.
pub(crate) struct Raw {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Raw {
    pub(crate) async fn towards(to: SocketAddr) -> Self {
        Self::at("127.0.0.1", to).await
    }

    /// One whose address is not the usual one.
    pub(crate) async fn at(ip: &str, to: SocketAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).await.unwrap();
        Self { socket, to }
    }

    pub(crate) fn local(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) {
        self.socket.send_to(bytes.as_ref(), self.to).await.unwrap();
    }

    /// To another address than usual.
    pub(crate) async fn send_to(&self, bytes: impl AsRef<[u8]>, to: SocketAddr) {
        self.socket.send_to(bytes.as_ref(), to).await.unwrap();
    }

    pub(crate) async fn receive(&self) -> String {
        let mut buffer = vec![0; 65_535];
        let received = timeout(PATIENCE, self.socket.recv_from(&mut buffer)).await;
        let (length, _) = received.expect("a message in time").unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// The next message, and the address that it came from.
    pub(crate) async fn receive_from(&self) -> (String, SocketAddr) {
        let mut buffer = vec![0; 65_535];
        let received = timeout(PATIENCE, self.socket.recv_from(&mut buffer)).await;
        let (length, from) = received.expect("a message in time").unwrap();
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        (text, from)
    }

    /// The length of the next datagram, if one comes within that time.
    pub(crate) async fn length_within(&self, span: Duration) -> Option<usize> {
        let mut buffer = [0; 8_192];
        let received = timeout(span, self.socket.recv_from(&mut buffer)).await;
        received.ok().map(|received| received.unwrap().0)
    }

    /// Whether anything comes within that time.
    pub(crate) async fn hears_within(&self, span: Duration) -> bool {
        let mut buffer = [0; 2_048];
        matches!(
            timeout(span, self.socket.recv_from(&mut buffer)).await,
            Ok(Ok(_))
        )
    }

    /// The next message whose first line contains that.
    pub(crate) async fn receive_that(&self, wanted: &str) -> String {
        loop {
            let text = self.receive().await;
            if text.lines().next().unwrap_or_default().contains(wanted) {
                return text;
            }
        }
    }

    /// A request; `extra` is more header lines.
    pub(crate) fn request(&self, method: &str, of: Named<'_>, extra: &str, body: &str) -> String {
        let (local, to) = (self.local(), self.to);
        let Named { call, seq, to_tag } = of;
        let kind = if method == "CANCEL" { "INVITE" } else { method };
        let to_tag = to_tag.map(|tag| format!(";tag={tag}")).unwrap_or_default();
        format!(
            "{method} sip:100@{to} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};rport;branch=z9hG4bK{call}{kind}{seq}\r\n\
             Max-Forwards: 70\r\nFrom: \"Raw\" <sip:raw@{local}>;tag=raw\r\n\
             To: <sip:100@{to}>{to_tag}\r\nCall-ID: {call}\r\nCSeq: {seq} {method}\r\n\
             Contact: <sip:raw@{local}>\r\n{extra}Content-Length: {length}\r\n\r\n{body}",
            length = body.len(),
        )
    }
}

/// An answer to a request that was received, under a tag of ours if it is to make a dialog.
pub(crate) fn answer(request: &str, status: &str, tag: &str, extra: &str, body: &str) -> String {
    let is_copied = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        ["Via", "From", "Call-ID", "CSeq"].contains(&name)
    };
    let copied: String = request
        .lines()
        .take_while(|line| !line.is_empty())
        .filter(is_copied)
        .map(|line| format!("{line}\r\n"))
        .collect();
    let to = header(request, "To").unwrap();
    let tag = if tag.is_empty() || to.contains(";tag=") {
        String::new()
    } else {
        format!(";tag={tag}")
    };
    format!(
        "SIP/2.0 {status}\r\n{copied}To: {to}{tag}\r\n{extra}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The number of CSeq.
pub(crate) fn seq(text: &str) -> u32 {
    let value = header(text, "CSeq").unwrap();
    value.split(' ').next().unwrap().parse().unwrap()
}

/// The names that put a request into its place.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    pub(crate) call: &'a str,
    pub(crate) seq: u32,
    pub(crate) to_tag: Option<&'a str>,
}

impl<'a> Named<'a> {
    pub(crate) fn first(call: &'a str) -> Self {
        Self {
            call,
            seq: 1,
            to_tag: None,
        }
    }
}

/// The value of a header line.
pub(crate) fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
}

pub(crate) fn to_tag(text: &str) -> &str {
    let (_, tag) = header(text, "To").unwrap().split_once(";tag=").unwrap();
    tag
}

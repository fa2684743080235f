//! A registrar whose moods a test decides.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use md5::Digest as _;
use paging::sip::{Account, Secret};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::parts::{answer, header};

/// How the registrar behaves from now on.
#[derive(Clone, Debug)]
pub(crate) struct Mood {
    /// The algorithms it challenges with, in order; none lets everybody in.
    pub(crate) algorithms: Vec<&'static str>,
    pub(crate) password: &'static str,
    pub(crate) least_expires: u64,
    /// The life it grants at most.
    pub(crate) most_expires: u64,
    /// Answers everything with this.
    pub(crate) refuse: Option<&'static str>,
    pub(crate) silent: bool,
    /// Answers an OPTIONS, too.
    pub(crate) takes_options: bool,
    /// More header lines of its 200.
    pub(crate) extra: String,
    /// What it makes of the `;rport;` in our Via: where it sees us.
    pub(crate) seen_at: &'static str,
}

impl Default for Mood {
    fn default() -> Self {
        Self {
            algorithms: vec!["MD5"],
            password: "s3%cret",
            least_expires: 0,
            most_expires: 3_600,
            refuse: None,
            silent: false,
            takes_options: false,
            extra: String::new(),
            seen_at: ";rport;",
        }
    }
}

/// A REGISTER that came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) expires: u64,
    pub(crate) authorization: Option<String>,
    pub(crate) contact: String,
    pub(crate) uri: String,
    pub(crate) route: Option<String>,
    pub(crate) supported: Option<String>,
    pub(crate) status: u16,
}

pub(crate) struct Registrar {
    pub(crate) address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    pub(crate) n_beats: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Registrar {
    pub(crate) async fn start(mood: Mood) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let (mood, seen) = (Arc::new(Mutex::new(mood)), Arc::default());
        let n_beats = Arc::new(AtomicUsize::new(0));
        let serving = serve(socket, mood.clone(), Arc::clone(&seen), n_beats.clone());
        let task = tokio::spawn(serving);
        Self {
            address,
            mood,
            seen,
            n_beats,
            task,
        }
    }

    pub(crate) fn account(&self) -> Account {
        Account {
            name: "pbx".to_owned(),
            domain: self.address.to_string(),
            user: "7 00".to_owned(),
            auth_user: Some("seven".to_owned()),
            password: Secret::new("s3%cret"),
            ..Account::default()
        }
    }

    pub(crate) fn mood(&self, change: impl FnOnce(&mut Mood)) {
        change(&mut self.mood.lock().unwrap());
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn forget(&self) {
        self.seen.lock().unwrap().clear();
    }
}

impl Drop for Registrar {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    socket: UdpSocket,
    mood: Arc<Mutex<Mood>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    n_beats: Arc<AtomicUsize>,
) {
    let mut buffer = vec![0; 65_535];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let text = String::from_utf8(buffer[..length].to_vec()).unwrap();
        let mood = mood.lock().unwrap().clone();
        if text == "\r\n\r\n" {
            n_beats.fetch_add(1, Ordering::Relaxed);
        }
        if mood.silent {
            continue;
        }
        if mood.takes_options && text.starts_with("OPTIONS ") {
            let answer = answer(&text, "200 OK", "opt", "", "");
            socket.send_to(answer.as_bytes(), from).await.unwrap();
        }
        if !text.starts_with("REGISTER ") {
            continue;
        }
        let (status, extra) = judge(&text, &mood);
        seen.lock().unwrap().push(Seen {
            at: Instant::now(),
            expires: header(&text, "Expires").unwrap().parse().unwrap(),
            authorization: header(&text, "Authorization").map(str::to_owned),
            contact: header(&text, "Contact").unwrap().to_owned(),
            uri: text.split(' ').nth(1).unwrap().to_owned(),
            route: header(&text, "Route").map(str::to_owned),
            supported: header(&text, "Supported").map(str::to_owned),
            status: status[..3].parse().unwrap(),
        });
        let mut answer = format!("SIP/2.0 {status}\r\n");
        for name in ["Via", "From", "Call-ID", "CSeq"] {
            let value = header(&text, name).unwrap();
            let value = value.replacen(";rport;", mood.seen_at, 1);
            let _ = write!(answer, "{name}: {value}\r\n");
        }
        let to = header(&text, "To").unwrap();
        let _ = write!(
            answer,
            "To: {to};tag=reg\r\n{extra}Content-Length: 0\r\n\r\n"
        );
        socket.send_to(answer.as_bytes(), from).await.unwrap();
    }
}

fn judge(text: &str, mood: &Mood) -> (String, String) {
    if let Some(status) = mood.refuse {
        return (status.to_owned(), "Retry-After: 0 (soon)\r\n".to_owned());
    }
    let proof = header(text, "Authorization");
    if !mood.algorithms.is_empty() && !proof.is_some_and(|p| is_right(p, mood.password)) {
        let challenges = mood.algorithms.iter().map(|algorithm| {
            format!(
                "WWW-Authenticate: Digest realm=\"{}\", nonce=\"n1\", qop=\"auth\", \
                 algorithm={algorithm}\r\n",
                REALM.replace('"', "\\\""),
            )
        });
        return ("401 Unauthorized".to_owned(), challenges.collect());
    }
    let expires: u64 = header(text, "Expires").unwrap().parse().unwrap();
    if expires > 0 && expires < mood.least_expires {
        let least = format!("Min-Expires: {}\r\n", mood.least_expires);
        return ("423 Interval Too Brief".to_owned(), least);
    }
    let contact = header(text, "Contact").unwrap();
    let granted = expires.min(mood.most_expires);
    let bound = format!(
        "Contact: <sip:other@192.0.2.1>;expires=7777\r\nContact: {contact};q=0.5;{GRUU};expires={granted}\r\n{}",
        mood.extra
    );
    ("200 OK".to_owned(), bound)
}

fn is_right(proof: &str, password: &str) -> bool {
    let field = |name: &str| {
        let at = proof.find(&format!("{name}="))? + name.len() + 1;
        let value = &proof[at..];
        Some(match value.strip_prefix('"') {
            Some(quoted) => quoted[..quoted.find('"')?].to_owned(),
            None => value.split(',').next()?.trim().to_owned(),
        })
    };
    let hash = |text: String| {
        let bytes = match field("algorithm").as_deref() {
            Some("MD5") => md5::Md5::digest(&text).to_vec(),
            Some("SHA-256" | "SHA256") => sha2::Sha256::digest(&text).to_vec(),
            _ => return "?".to_owned(),
        };
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    };
    let get = |name| field(name).unwrap_or_default();
    let secret = hash(format!("seven:{REALM}:{password}"));
    let what = hash(format!("REGISTER:{}", get("uri")));
    let (nonce, nc, cnonce) = (get("nonce"), get("nc"), get("cnonce"));
    get("username") == "seven"
        && nonce == "n1"
        && get("response") == hash(format!("{secret}:{nonce}:{nc}:{cnonce}:auth:{what}"))
}

/// With quotes, which have to be escaped on the way and not in the proof.
pub(crate) const REALM: &str = "the \"house\"";

/// What a registrar of RFC 5627 adds, as nasty as it may be.
const GRUU: &str = "+sip.instance=\"<urn:uuid:1>\";pub-gruu=\"sip:7@h;gr=urn:uuid:1;expires=1\";\
    temp-gruu=\"sip:t,<x>@h;gr\"";

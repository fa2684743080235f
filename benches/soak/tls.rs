//! How are calls made over TLS, each on a connection of its own? SIPp in Debian cannot.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// What became of all connections.
pub struct Score {
    pub n_made: u64,
    pub n_failed: u64,
    pub lasted: Duration,
    /// From the first byte of TCP to the 200, 99 of 100.
    pub late: Duration,
    pub first_error: Option<String>,
}

/// Opens `a_second` new connections for `span`, with a whole handshake and a whole call on each.
pub fn run(server: SocketAddr, authority: &Path, a_second: u32, span: Duration) -> Score {
    let config = Arc::new(config(authority));
    let n = (f64::from(a_second) * span.as_secs_f64()) as u64;
    let next = AtomicU64::new(0);
    let waits = Mutex::new(Vec::new());
    let errors = Mutex::new(Vec::new());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= n {
                        return;
                    }
                    let due = began + Duration::from_secs(1) / a_second * i as u32;
                    std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    match call(server, &config, i) {
                        Ok(waited) => waits.lock().unwrap().push(waited),
                        Err(why) => errors.lock().unwrap().push(why.to_string()),
                    }
                }
            });
        }
    });
    let mut waits = waits.into_inner().unwrap();
    waits.sort();
    let errors = errors.into_inner().unwrap();
    Score {
        n_made: n,
        n_failed: errors.len() as u64,
        lasted: began.elapsed(),
        late: waits
            .get(waits.len() * 99 / 100)
            .copied()
            .unwrap_or_default(),
        first_error: errors.into_iter().next(),
    }
}

fn config(authority: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let cert = CertificateDer::from_pem_file(authority).unwrap();
    roots.add(cert).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let mut config = config
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Every handshake is a whole one.
    config.resumption = Resumption::disabled();
    config
}

/// One connection, one call, the end; returns how long the answer took.
fn call(server: SocketAddr, config: &Arc<ClientConfig>, n: u64) -> io::Result<Duration> {
    let began = Instant::now();
    let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let local = stream.local_addr()?;
    let name = ServerName::from(server.ip());
    let tls = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    let mut line = Line {
        stream: StreamOwned::new(tls, stream),
        came: Vec::new(),
    };
    let request = |method: &str, seq: u32, to: &str, body: &str| {
        let kind = match body {
            "" => "",
            _ => "Content-Type: application/sdp\r\n",
        };
        format!(
            "{method} sip:100@{server} SIP/2.0\r\n\
             Via: SIP/2.0/TLS {local};branch=z9hG4bK-{n}-{method}\r\nMax-Forwards: 70\r\n\
             From: <sip:soak@{local}>;tag={n}\r\nTo: {to}\r\nCall-ID: tls-{n}-{}\r\n\
             CSeq: {seq} {method}\r\nContact: <sip:soak@{local};transport=tls>\r\n\
             {kind}Content-Length: {}\r\n\r\n{body}",
            local.port(),
            body.len()
        )
    };
    line.stream
        .write_all(request("INVITE", 1, "<sip:100@site>", OFFER).as_bytes())?;
    let answer = line.last_answer()?;
    let waited = began.elapsed();
    let to = header(&answer, "To");
    line.stream
        .write_all(request("ACK", 1, to, "").as_bytes())?;
    line.stream
        .write_all(request("BYE", 2, to, "").as_bytes())?;
    line.last_answer()?;
    line.stream.conn.send_close_notify();
    line.stream.flush()?;
    Ok(waited)
}

struct Line {
    stream: StreamOwned<ClientConnection, TcpStream>,
    came: Vec<u8>,
}

impl Line {
    /// The next final answer; anything but 200 is an error.
    fn last_answer(&mut self) -> io::Result<String> {
        loop {
            let answer = self.message()?;
            match answer.get(8..11) {
                Some("200") => return Ok(answer),
                Some(status) if status.starts_with('1') => {}
                _ => return Err(io::Error::other(answer)),
            }
        }
    }

    fn message(&mut self) -> io::Result<String> {
        loop {
            if let Some(n) = whole(&self.came) {
                let message = self.came.drain(..n).collect();
                return String::from_utf8(message).map_err(io::Error::other);
            }
            let mut buffer = [0; 4_096];
            let n = self.stream.read(&mut buffer)?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.came.extend_from_slice(&buffer[..n]);
        }
    }
}

/// The length of the message at the front, once it is all there.
fn whole(came: &[u8]) -> Option<usize> {
    let end = came.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&came[..end]);
    let length: usize = header(&head, "Content-Length").parse().ok()?;
    (came.len() >= end + length).then_some(end + length)
}

/// The value of a header; empty if there is none.
pub fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let found = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    });
    found.unwrap_or("")
}

/// The sound of these calls is nobody's concern.
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
    m=audio 9 RTP/AVP 0\r\na=inactive\r\n";

/// Calls that may be under way at the same time.
const WORKERS: usize = 16;

const PATIENCE: Duration = Duration::from_secs(5);

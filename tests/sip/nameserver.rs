//! A name server of the tests' own (RFC 1035), on a loopback port.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What a record says.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    A(Ipv4Addr),
    /// Priority, weight, port and target.
    Srv(u16, u16, u16, &'static str),
    /// Order, preference, service and replacement.
    Naptr(u16, u16, &'static str, &'static str),
}

impl Record {
    fn kind(&self) -> u16 {
        match self {
            Self::A(_) => 1,
            Self::Srv(..) => 33,
            Self::Naptr(..) => 35,
        }
    }

    fn data(&self) -> Vec<u8> {
        let mut data = Vec::new();
        match self {
            Self::A(ip) => data.extend(ip.octets()),
            Self::Srv(priority, weight, port, target) => {
                for number in [priority, weight, port] {
                    data.extend(number.to_be_bytes());
                }
                data.extend(name(target));
            }
            Self::Naptr(order, preference, service, replacement) => {
                data.extend(order.to_be_bytes());
                data.extend(preference.to_be_bytes());
                for text in ["s", service, ""] {
                    data.push(text.len() as u8);
                    data.extend(text.bytes());
                }
                data.extend(name(replacement));
            }
        }
        data
    }
}

type Zone = HashMap<String, (u32, Vec<Record>)>;

pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl NameServer {
    pub(crate) async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let zone: Arc<Mutex<Zone>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let task = tokio::spawn(serve(socket, zone.clone(), asked.clone()));
        Self {
            address,
            zone,
            asked,
            task,
        }
    }

    /// Sets all records of a name, which may be kept for `ttl` seconds.
    pub(crate) fn set(&self, name: &str, ttl: u32, records: Vec<Record>) {
        let mut zone = self.zone.lock().unwrap();
        zone.insert(name.to_owned(), (ttl, records));
    }

    /// How often something about a name was asked.
    pub(crate) fn n_asked(&self, name: &str) -> usize {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|other| *other == name).count()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: UdpSocket, zone: Arc<Mutex<Zone>>, asked: Arc<Mutex<Vec<String>>>) {
    let mut buffer = [0; 2_048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let (question, name, kind) = question(&buffer[..length]);
        asked.lock().unwrap().push(name.clone());
        let reply = {
            let zone = zone.lock().unwrap();
            reply(&buffer[..2], question, kind, zone.get(&name))
        };
        socket.send_to(&reply, from).await.unwrap();
    }
}

/// The question as sent, its name and its type.
fn question(query: &[u8]) -> (&[u8], String, u16) {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] > 0 {
        let length = usize::from(query[at]);
        let label = &query[at + 1..=at + length];
        labels.push(String::from_utf8(label.to_ascii_lowercase()).unwrap());
        at += 1 + length;
    }
    let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
    (&query[12..at + 5], labels.join("."), kind)
}

fn reply(id: &[u8], question: &[u8], kind: u16, known: Option<&(u32, Vec<Record>)>) -> Vec<u8> {
    let (ttl, records) = known.cloned().unwrap_or_default();
    let records: Vec<_> = records.iter().filter(|r| r.kind() == kind).collect();
    let status = if known.is_some() { 0 } else { 3 };
    let n_authorities = u16::from(records.is_empty());
    let mut reply = id.to_vec();
    // An authoritative answer, recursion available; a name that is not there is NXDOMAIN.
    reply.extend([0x85, 0x80 | status]);
    for count in [1, records.len() as u16, n_authorities, 0] {
        reply.extend(count.to_be_bytes());
    }
    reply.extend(question);
    let mut add = |owner: &[u8], kind: u16, ttl: u32, data: Vec<u8>| {
        reply.extend(owner);
        reply.extend(kind.to_be_bytes());
        reply.extend(1_u16.to_be_bytes());
        reply.extend(ttl.to_be_bytes());
        reply.extend((data.len() as u16).to_be_bytes());
        reply.extend(data);
    };
    for record in &records {
        // The owner is the name in the question.
        add(&[0xc0, 12], record.kind(), ttl, record.data());
    }
    if records.is_empty() {
        let mut soa = [name("ns.test"), name("who.test")].concat();
        soa.extend(
            [1_u32, 60, 60, 60, NEGATIVE]
                .into_iter()
                .flat_map(u32::to_be_bytes),
        );
        add(&name("test"), 6, NEGATIVE, soa);
    }
    reply
}

fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend(label.bytes());
    }
    bytes.push(0);
    bytes
}

/// Seconds for which "there is none" may be kept.
const NEGATIVE: u32 = 3_600;

//! Does the capture file show what passed, and nothing that is secret?

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use paging::sip::{Account, Event, Secret, Settings, Transport, UserState};

use crate::parts::{ANSWER, OFFER, Phone, none_left};
use crate::users::{bob, guarded};

/// A message in a capture file.
#[derive(Debug)]
struct Packet {
    from: SocketAddr,
    to: SocketAddr,
    is_stream: bool,
    text: String,
}

fn packets(file: &Path) -> Vec<Packet> {
    let bytes = std::fs::read(file).unwrap();
    assert_eq!(bytes[..4], 0xa1b2_c3d4_u32.to_le_bytes());
    let mut rest = &bytes[24..];
    let mut packets = Vec::new();
    while rest.len() > 16 {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let frame = &rest[16..16 + length];
        packets.push(packet(&frame[14..]));
        rest = &rest[16 + length..];
    }
    packets
}

fn packet(ip: &[u8]) -> Packet {
    assert_eq!(ip[0], 0x45);
    let address = |at: usize, port: usize| {
        let host: [u8; 4] = ip[at..at + 4].try_into().unwrap();
        let port = u16::from_be_bytes(ip[port..port + 2].try_into().unwrap());
        SocketAddr::from((Ipv4Addr::from(host), port))
    };
    let is_stream = ip[9] == 6;
    let body = &ip[if is_stream { 40 } else { 28 }..];
    Packet {
        from: address(12, 20),
        to: address(16, 22),
        is_stream,
        text: String::from_utf8(body.to_vec()).unwrap(),
    }
}

fn file(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("paging-sip-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("trace.pcap")
}

/// A phone registers and calls, while everything is written down.
async fn traced(transport: Transport, path: &Path) -> SocketAddr {
    let mut server = Phone::start(Settings {
        trace: Some(path.to_owned()),
        ..guarded(bob())
    })
    .await;
    let address = server.address(transport);
    let phone = Phone::with(vec![Account {
        name: "us".to_owned(),
        domain: address.to_string(),
        user: "bob".to_owned(),
        password: Secret::new("p:w%"),
        transport: Some(transport),
        ..Account::default()
    }])
    .await;
    assert!(matches!(
        server.event().await,
        Event::User {
            state: UserState::Registered(_),
            ..
        }
    ));
    let call = phone.endpoint.new_call();
    phone
        .endpoint
        .dial(call, "100", Some("us"), OFFER.to_owned());
    let (call, _) = server.incoming().await;
    server.endpoint.answer(call, ANSWER.to_owned());
    assert!(matches!(server.event().await, Event::Confirmed { .. }));
    server.endpoint.set_trace(None).unwrap();
    // The file is whole once its thread is done; nobody waits for it but tests.
    none_left("ACK to be written", || {
        let has_ack = packets(path).iter().any(|p| p.text.starts_with("ACK "));
        usize::from(!has_ack)
    })
    .await;
    server.endpoint.hang_up(call, "enough");
    assert!(matches!(server.event().await, Event::Ended { .. }));
    assert_eq!(server.endpoint.counts().untraced, 0);
    address
}

#[tokio::test]
async fn every_message_is_written_with_its_ways_and_without_secrets() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let path = file(transport.name());
        let server = traced(transport, &path).await;
        let packets = packets(&path);
        for (start, sent) in [
            ("REGISTER ", false),
            ("SIP/2.0 401 ", true),
            ("SIP/2.0 200 ", true),
            ("INVITE ", false),
            ("ACK ", false),
        ] {
            let found = packets.iter().find(|p| p.text.starts_with(start));
            let found = found.unwrap_or_else(|| panic!("no {start}"));
            let ours = if sent { found.from } else { found.to };
            assert_eq!(ours, server);
            assert_eq!(found.is_stream, transport == Transport::Tcp);
        }
        assert!(packets.iter().all(|p| !p.text.starts_with("BYE ")));
        for packet in &packets {
            for secret in ["nonce=", "response="] {
                for (at, _) in packet.text.match_indices(secret) {
                    let behind = &packet.text[at + secret.len()..];
                    assert!(behind.starts_with('*'), "{}", packet.text);
                }
            }
        }
        assert!(packets.iter().any(|p| p.text.contains("username=\"bob\"")));
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_named() {
    let (tell, _events) = tokio::sync::mpsc::unbounded_channel();
    let started = paging::sip::Endpoint::start(
        Settings {
            trace: Some("/proc/no/such/trace.pcap".into()),
            ..guarded(bob())
        },
        tell,
    )
    .await;
    let why = started.err().unwrap().to_string();
    assert!(why.contains("/proc/no/such/trace.pcap"), "{why}");
}

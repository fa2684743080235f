//! Does a peer meet the same address of ours throughout, on every kind of network?

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use paging::base::{CallId, Dscp};
use paging::sip::{Account, Event, Here, HowEnded, SessionTimer, Settings, Transport};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::parts::{ANSWER, Named, OFFER, Phone, Raw, header, on, to_tag};

async fn listening(on_all: Vec<paging::sip::Listen>) -> Phone {
    Phone::start(Settings {
        listen: on_all,
        user_agent: "paging/test".to_owned(),
        ..Settings::default()
    })
    .await
}

/// The next event, which has to be an incoming call.
async fn arrived(phone: &mut Phone) -> (CallId, Here) {
    match phone.event().await {
        Event::Incoming { call, here, .. } => (call, here),
        other => panic!("{other:?}"),
    }
}

fn only(ip: IpAddr) -> Here {
    Here {
        bound: ip,
        advertised: ip,
    }
}

#[tokio::test]
async fn each_address_of_a_socket_for_all_answers_for_itself() {
    let listen = ["0.0.0.0:0", "[::]:0"].map(|at| on(Transport::Udp, at));
    let mut phone = listening(listen.to_vec()).await;
    let ports: Vec<u16> = phone
        .endpoint
        .listening()
        .iter()
        .map(|l| l.address.port())
        .collect();
    for (id, ours, theirs, port) in [
        ("a", "127.0.0.5", "127.0.0.1", ports[0]),
        ("b", "127.9.0.77", "127.0.0.1", ports[0]),
        ("c", "127.0.0.1", "127.0.0.1", ports[0]),
        ("d", "::1", "::1", ports[1]),
    ] {
        let at = SocketAddr::new(ours.parse().unwrap(), port);
        let raw = Raw::at(theirs, at).await;
        // What the stack never sees is answered by the same way.
        raw.send(
            raw.request("OPTIONS", Named::first("odd"), "", "")
                .replace("SIP/2.0\r\nVia", "SIP/3.0\r\nVia"),
        )
        .await;
        let (answer, from) = raw.receive_from().await;
        assert!(answer.starts_with("SIP/2.0 505 "), "{answer}");
        assert_eq!(from, at);

        let mut named = Named::first(id);
        raw.send(raw.request("INVITE", named, "Content-Type: application/sdp\r\n", OFFER))
            .await;
        let (call, here) = arrived(&mut phone).await;
        assert_eq!(here, only(at.ip()));
        phone.endpoint.answer(call, ANSWER.to_owned());
        let answer = loop {
            let (text, from) = raw.receive_from().await;
            assert_eq!(from, at, "{text}");
            if text.starts_with("SIP/2.0 200 ") {
                break text;
            }
        };
        let contact = header(&answer, "Contact").unwrap();
        assert!(contact.contains(&format!("{at}")), "{contact}");
        named.to_tag = Some(to_tag(&answer));
        raw.send(raw.request("ACK", named, "", "")).await;
        assert!(matches!(phone.event().await, Event::Confirmed { .. }));
        phone.endpoint.hang_up(call, "done");
        let (bye, from) = raw.receive_from().await;
        assert!(bye.starts_with("BYE "), "{bye}");
        assert_eq!(from, at);
        let via = header(&bye, "Via").unwrap();
        assert!(via.starts_with(&format!("SIP/2.0/UDP {at};")), "{via}");
        raw.send(crate::parts::answer(&bye, "200 OK", "", "", ""))
            .await;
        assert!(matches!(phone.event().await, Event::Ended { .. }));
    }
}

#[tokio::test]
async fn a_peer_that_turns_to_another_address_is_answered_from_there() {
    let mut phone = listening(vec![on(Transport::Udp, "0.0.0.0:0")]).await;
    let port = phone.address(Transport::Udp).port();
    let first = Raw::towards(SocketAddr::from(([127, 0, 0, 5], port))).await;
    for (n, last) in [5, 6, 5, 7].into_iter().enumerate() {
        let at = SocketAddr::from(([127, 0, 0, last], port));
        let id = format!("turn{n}");
        let request = first.request("OPTIONS", Named::first(&id), "", "");
        first.send_to(request, at).await;
        let (answer, from) = first.receive_from().await;
        assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
        assert_eq!(from, at);
    }
    assert!(phone.event_at_hand().is_none());
}

#[tokio::test]
async fn a_stream_to_any_address_is_answered_for_that_one() {
    let mut phone = listening(vec![on(Transport::Tcp, "0.0.0.0:0")]).await;
    let port = phone.address(Transport::Tcp).port();
    let at = SocketAddr::from(([127, 0, 0, 5], port));
    let mut stream = TcpStream::connect(at).await.unwrap();
    let local = stream.local_addr().unwrap();
    let invite = format!(
        "INVITE sip:100@{at} SIP/2.0\r\nVia: SIP/2.0/TCP {local};branch=z9hG4bKt\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:100@{at}>\r\nCall-ID: t\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:a@{local};transport=tcp>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{OFFER}",
        OFFER.len()
    );
    stream.write_all(invite.as_bytes()).await.unwrap();
    let (call, here) = arrived(&mut phone).await;
    assert_eq!(here, only(at.ip()));
    phone.endpoint.answer(call, ANSWER.to_owned());
    let mut text = String::new();
    while !text.contains("\r\nContact:") || !text.ends_with(ANSWER) {
        let mut buffer = [0; 2_048];
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(length > 0, "{text}");
        text += std::str::from_utf8(&buffer[..length]).unwrap();
    }
    assert!(text.contains(&format!("{at};transport=tcp>")), "{text}");
}

#[tokio::test]
async fn a_call_over_ipv6_is_answered_and_hung_up_by_udp_tcp_and_tls() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let pair = KeyPair::generate().unwrap();
    let named = CertificateParams::new(vec!["::1".to_owned()]).unwrap();
    let made = named.signed_by(&pair, &authority).unwrap();
    let folder = std::env::temp_dir().join(format!("paging-ipv6-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = |name: &str, text: String| {
        std::fs::write(folder.join(name), text).unwrap();
        Some(folder.join(name))
    };
    let tls = paging::sip::Tls {
        cert: file("cert.pem", made.pem()),
        key: file("key.pem", pair.serialize_pem()),
        ca: file("ca.pem", authority.pem()),
        verify_clients: false,
    };
    let all = [Transport::Udp, Transport::Tcp, Transport::Tls];
    let start = || {
        Phone::start(Settings {
            listen: all.map(|transport| on(transport, "[::1]:0")).to_vec(),
            tls: tls.clone(),
            ..Settings::default()
        })
    };
    let (mut called, mut caller) = (start().await, start().await);
    for transport in all {
        let ours = caller.dial(transport, called.address(transport));
        let (theirs, here) = arrived(&mut called).await;
        assert_eq!(here, only("::1".parse().unwrap()));
        called.endpoint.answer(theirs, ANSWER.to_owned());
        assert!(
            matches!(caller.event().await, Event::Answered { .. }),
            "{transport}"
        );
        assert!(matches!(called.event().await, Event::Confirmed { .. }));
        // By the Contact of the caller, which has brackets.
        called.endpoint.hang_up(theirs, "done");
        assert!(matches!(called.event().await, Event::Ended { .. }));
        match caller.event().await {
            Event::Ended { call, how, .. } => assert_eq!((call, how), (ours, HowEnded::HungUp)),
            other => panic!("{other:?}"),
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn the_unspecified_addresses_of_both_families_share_a_port() {
    let phone = listening(vec![
        on(Transport::Udp, "0.0.0.0:0"),
        on(Transport::Tcp, "0.0.0.0:0"),
    ])
    .await;
    let same = |transport| {
        let port = phone.address(transport).port();
        on(transport, &format!("[::]:{port}"))
    };
    let other = listening(vec![same(Transport::Udp), same(Transport::Tcp)]).await;
    for (phone, ip) in [(&phone, "127.0.0.1"), (&other, "::1")] {
        let at = SocketAddr::new(ip.parse().unwrap(), phone.address(Transport::Udp).port());
        let raw = Raw::at(ip, at).await;
        raw.send(raw.request("OPTIONS", Named::first("o"), "", ""))
            .await;
        let (answer, from) = raw.receive_from().await;
        assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
        assert_eq!(from, at);
    }
}

/// The traffic class of the next datagram.
fn class_of_next(socket: &std::net::UdpSocket) -> u8 {
    use std::os::fd::AsRawFd;
    let mut buffer = [0; 4_096];
    let mut parts = [std::io::IoSliceMut::new(&mut buffer)];
    let mut about = nix::cmsg_space!(i32);
    let got = recvmsg::<()>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut about),
        MsgFlags::empty(),
    );
    let got = got.unwrap();
    let class = got.cmsgs().unwrap().find_map(|about| match about {
        ControlMessageOwned::Ipv4Tos(class) => Some(class),
        ControlMessageOwned::Ipv6TClass(class) => Some(class as u8),
        _ => None,
    });
    class.expect("the class of the datagram")
}

#[tokio::test]
async fn messages_carry_their_class_and_take_a_new_one_at_run_time() {
    for ip in ["127.0.0.1", "::1"] {
        let ip: IpAddr = ip.parse().unwrap();
        let peer = std::net::UdpSocket::bind((ip, 0)).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        if ip.is_ipv4() {
            setsockopt(&peer, sockopt::IpRecvTos, &true).unwrap();
        } else {
            setsockopt(&peer, sockopt::Ipv6RecvTClass, &true).unwrap();
        }
        let listen = SocketAddr::new(ip, 0).to_string();
        let settings = |dscp| Settings {
            listen: vec![on(Transport::Udp, &listen)],
            dscp,
            ..Settings::default()
        };
        let phone = Phone::start(settings(Dscp::CS3)).await;
        for (dscp, class) in [(Dscp::CS3, 24 << 2), (Dscp::EF, 46 << 2)] {
            phone.endpoint.adapt(&settings(dscp));
            phone.dial(Transport::Udp, peer.local_addr().unwrap());
            let peer = peer.try_clone().unwrap();
            let got = tokio::task::spawn_blocking(move || class_of_next(&peer));
            assert_eq!(got.await.unwrap(), class, "{ip}");
        }
    }
}

#[tokio::test]
async fn registrars_hear_of_another_external_address() {
    let registrar = Raw::towards(SocketAddr::from(([127, 0, 0, 1], 9))).await;
    let settings = |external: Option<&str>| Settings {
        listen: vec![on(Transport::Udp, "127.0.0.1:0")],
        accounts: vec![Account {
            name: "pbx".to_owned(),
            domain: registrar.local().to_string(),
            user: "7".to_owned(),
            ..Account::default()
        }],
        external_address: external.map(|ip| ip.parse().unwrap()),
        ..Settings::default()
    };
    let phone = Phone::start(settings(None)).await;
    let at = phone.address(Transport::Udp);
    let answer = async |wanted: &str| {
        let request = registrar.receive_that("REGISTER ").await;
        let expires = header(&request, "Expires").unwrap();
        assert!(expires == wanted, "{request}");
        let extra = format!(
            "Contact: {};expires=300\r\n",
            header(&request, "Contact").unwrap()
        );
        let text = crate::parts::answer(&request, "200 OK", "x", &extra, "");
        registrar.send_to(text, at).await;
    };
    answer("300").await;
    phone.endpoint.adapt(&settings(None));
    phone.endpoint.adapt(&settings(Some("203.0.113.7")));
    answer("0").await;
    answer("300").await;
}

#[tokio::test]
async fn another_session_timer_counts_from_the_next_call_on() {
    let settings = |expires| Settings {
        listen: vec![on(Transport::Udp, "127.0.0.1:0")],
        session_timer: SessionTimer {
            expires: Some(Duration::from_secs(expires)),
            ..SessionTimer::default()
        },
        ..Settings::default()
    };
    let mut phone = Phone::start(settings(1_800)).await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    for (id, wanted) in [("first", 1_800), ("second", 600)] {
        phone.endpoint.adapt(&settings(wanted));
        let extra = "Supported: timer\r\nContent-Type: application/sdp\r\n";
        raw.send(raw.request("INVITE", Named::first(id), extra, OFFER))
            .await;
        let (call, _) = phone.incoming().await;
        phone.endpoint.answer(call, ANSWER.to_owned());
        let answer = raw.receive_that(" 200 ").await;
        let expires = header(&answer, "Session-Expires").unwrap();
        assert!(expires.starts_with(&wanted.to_string()), "{expires}");
        let mut named = Named::first(id);
        named.to_tag = Some(to_tag(&answer));
        raw.send(raw.request("ACK", named, "", "")).await;
        assert!(matches!(phone.event().await, Event::Confirmed { .. }));
    }
}

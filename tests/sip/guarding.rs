//! Are scanners and guessers kept out while others call?

use std::time::Duration;

use paging::sip::{Callers, Event, Notice, Offence, Transport};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::parts::{ANSWER, Named, OFFER, Phone, Raw, none_left, on};
use crate::users::{bob, guarded, proof};

async fn silenced(phone: &mut Phone, ip: &str, wanted: Offence) {
    match phone.event().await {
        Event::Guard(Notice::Silenced {
            source, offence, ..
        }) => assert_eq!((source.to_string().as_str(), offence), (ip, wanted)),
        other => panic!("{other:?}"),
    }
}

/// A call from the usual address comes through.
async fn others_call(phone: &mut Phone) {
    let other = Phone::quick().await;
    let out = other.dial(Transport::Udp, phone.address(Transport::Udp));
    let (call, _) = phone.incoming().await;
    phone.endpoint.answer(call, ANSWER.to_owned());
    assert!(matches!(phone.event().await, Event::Confirmed { .. }));
    other.endpoint.hang_up(out, "enough");
    assert!(matches!(phone.event().await, Event::Ended { .. }));
}

/// svmap: OPTIONS, REGISTER and INVITE under its own name.
#[tokio::test]
async fn a_scanner_gets_no_answer_and_one_line() {
    let mut phone = Phone::start(guarded(Callers::default())).await;
    let raw = Raw::at("127.0.0.66", phone.address(Transport::Udp)).await;
    for n in 0..300 {
        let method = ["OPTIONS", "REGISTER", "INVITE"][n % 3];
        let name = "User-Agent: friendly-scanner\r\n";
        let call = format!("scan{n}");
        raw.send(raw.request(method, Named::first(&call), name, ""))
            .await;
    }
    silenced(&mut phone, "127.0.0.66", Offence::Scanner).await;
    raw.send(raw.request("OPTIONS", Named::first("plain"), "", ""))
        .await;
    assert!(!raw.hears_within(Duration::from_millis(200)).await);
    assert_eq!(phone.event_at_hand(), None);
    let counts = phone.endpoint.counts();
    assert_eq!((counts.silenced, counts.delivered), (301, 0));
    others_call(&mut phone).await;
}

/// svwar: which extensions are there? It has changed its name.
#[tokio::test]
async fn who_asks_for_extensions_learns_nothing_and_is_silenced() {
    let mut phone = Phone::start(guarded(bob())).await;
    let raw = Raw::at("127.0.0.67", phone.address(Transport::Udp)).await;
    let mut answers = Vec::new();
    for n in 0..1_000 {
        let user = if n == 7 {
            "bob".to_owned()
        } else {
            n.to_string()
        };
        let text = raw.request("REGISTER", Named::first(&format!("war{n}")), "", "");
        raw.send(text.replace("sip:100@", &format!("sip:{user}@")))
            .await;
        if n < 10 {
            let answer = raw.receive().await;
            answers.push(answer.lines().next().unwrap().to_owned());
        }
    }
    answers.dedup();
    assert_eq!(answers, ["SIP/2.0 401 Unauthorized"]);
    silenced(&mut phone, "127.0.0.67", Offence::Flood).await;
    assert!(phone.endpoint.counts().challenged < 700);
    assert_eq!(phone.event_at_hand(), None);
}

/// svcrack: one user, many passwords.
#[tokio::test]
async fn who_guesses_passwords_is_silenced_even_with_the_right_one() {
    let mut phone = Phone::start(guarded(bob())).await;
    let raw = Raw::at("127.0.0.68", phone.address(Transport::Udp)).await;
    let ask = async |n: u32, auth: &str| {
        let call = format!("crack{n}");
        let text = raw.request("REGISTER", Named::first(&call), auth, "");
        raw.send(text.replace("sip:100@", "sip:bob@")).await;
    };
    ask(0, "").await;
    let mut challenge = raw.receive().await;
    for n in 1..=10 {
        ask(n, &proof(&challenge, &format!("guess{n}"), "REGISTER", 1)).await;
        challenge = raw.receive().await;
        assert!(challenge.starts_with("SIP/2.0 401"));
    }
    ask(11, &proof(&challenge, "guess", "REGISTER", 1)).await;
    silenced(&mut phone, "127.0.0.68", Offence::Guessing).await;
    let _ = raw.receive().await;
    ask(12, &proof(&challenge, "p:w%", "REGISTER", 1)).await;
    assert!(!raw.hears_within(Duration::from_millis(200)).await);
    assert_eq!(phone.endpoint.counts().wrong_passwords, 11);
}

#[tokio::test]
async fn wrong_numbers_are_guesses_too() {
    let mut phone = Phone::start(guarded(Callers::default())).await;
    let raw = Raw::at("127.0.0.69", phone.address(Transport::Udp)).await;
    let kind = "Content-Type: application/sdp\r\n";
    for n in 0..11 {
        let call = format!("number{n}");
        raw.send(raw.request("INVITE", Named::first(&call), kind, OFFER))
            .await;
        let (call, _) = phone.incoming().await;
        phone.endpoint.refuse(call, 404, "", None, None);
        assert!(matches!(
            phone.event().await,
            Event::Ended { .. } | Event::Guard(_)
        ));
    }
    while phone.event_at_hand().is_some() {}
    raw.send(raw.request("INVITE", Named::first("more"), kind, OFFER))
        .await;
    phone.quiet_for(Duration::from_millis(100)).await;
}

#[tokio::test]
async fn outside_of_the_allowed_networks_nobody_is_heard() {
    let mut phone = Phone::start(guarded(Callers {
        allow: vec!["127.0.0.1".parse().unwrap()],
        ..Callers::default()
    }))
    .await;
    let raw = Raw::at("127.0.0.70", phone.address(Transport::Udp)).await;
    raw.send(raw.request("OPTIONS", Named::first("o1"), "", ""))
        .await;
    assert!(!raw.hears_within(Duration::from_millis(100)).await);

    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.70:0".parse().unwrap()).unwrap();
    let mut stream = socket.connect(phone.address(Transport::Tcp)).await.unwrap();
    let closed = timeout(Duration::from_secs(5), stream.read(&mut [0; 9])).await;
    assert!(matches!(closed.unwrap(), Ok(0) | Err(_)));
    assert_eq!(phone.endpoint.counts().not_allowed, 2);
    others_call(&mut phone).await;

    phone.endpoint.set_callers(Callers::default());
    raw.send(raw.request("OPTIONS", Named::first("o2"), "", ""))
        .await;
    assert!(raw.receive().await.starts_with("SIP/2.0 200"));
}

#[tokio::test]
async fn allowed_networks_hold_for_ipv6_and_change_while_we_run() {
    let callers = |allow: &str| Callers {
        allow: vec![allow.parse().unwrap()],
        ..Callers::default()
    };
    let mut settings = guarded(callers("2001:db8::/32"));
    settings.listen = vec![on(Transport::Udp, "[::1]:0")];
    let phone = Phone::start(settings).await;
    let raw = Raw::at("::1", phone.address(Transport::Udp)).await;
    let ask = async |call: &str| {
        raw.send(raw.request("OPTIONS", Named::first(call), "", ""))
            .await;
    };
    ask("o1").await;
    assert!(!raw.hears_within(Duration::from_millis(200)).await);
    assert_eq!(phone.endpoint.counts().not_allowed, 1);
    phone.endpoint.set_callers(callers("::/64"));
    ask("o2").await;
    assert!(raw.receive().await.starts_with("SIP/2.0 200"));
    phone.endpoint.set_callers(callers("127.0.0.0/8"));
    ask("o3").await;
    assert!(!raw.hears_within(Duration::from_millis(200)).await);
}

#[tokio::test]
async fn one_peer_cannot_take_all_connections() {
    let phone = Phone::start(guarded(Callers::default())).await;
    let to = phone.address(Transport::Tcp);
    let mut streams = Vec::new();
    for _ in 0..560 {
        streams.push(TcpStream::connect(to).await.unwrap());
    }
    none_left("connections to refuse", || {
        usize::from(phone.endpoint.counts().beyond_caps < 48)
    })
    .await;
    let last = streams.last_mut().unwrap();
    let closed = timeout(Duration::from_secs(5), last.read(&mut [0; 9])).await;
    assert!(matches!(closed.unwrap(), Ok(0) | Err(_)));
}

/// The rest of the machine's calls are not slowed by any of it.
#[tokio::test]
async fn a_flood_from_invented_addresses_leaves_calls_alone() {
    let mut phone = Phone::start(guarded(Callers::default())).await;
    let to = phone.address(Transport::Udp);
    let flood = tokio::spawn(async move {
        for n in 0..3_000_u32 {
            let raw = Raw::at(&format!("127.1.{}.{}", n / 200, n % 200 + 1), to).await;
            let call = format!("flood{n}");
            raw.send(raw.request("OPTIONS", Named::first(&call), "", ""))
                .await;
            raw.send([0x80, 0, 1, 2]).await;
            if n % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    for _ in 0..10 {
        others_call(&mut phone).await;
    }
    flood.await.unwrap();
}

//! Are servers found as RFC 3263 says, and does another one stand in for one that fails?

use std::time::{Duration, Instant};

use paging::sip::{Account, AccountState, Event, Settings, Timing, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::nameserver::{NameServer, Record};
use crate::parts::{OFFER, Phone, Raw, answer, header, on, seq};
use crate::registrar::{Mood, Registrar};

/// Silence shows after 800 ms, which a busy machine does not take to answer.
const PATIENT: Timing = Timing {
    t1: Duration::from_millis(100),
    retry_first: Duration::from_millis(100),
    retry_longest: Duration::from_millis(400),
    keep_alive: Duration::from_secs(60),
    refused_first: Duration::from_secs(60),
    refused_longest: Duration::from_secs(60),
};

pub(crate) async fn phone(names: &NameServer, accounts: Vec<Account>) -> Phone {
    Phone::start(Settings {
        listen: vec![
            on(Transport::Udp, "127.0.0.1:0"),
            on(Transport::Tcp, "127.0.0.1:0"),
        ],
        accounts,
        user_agent: "paging/test".to_owned(),
        timing: PATIENT,
        name_server: Some(names.address),
        ..Settings::default()
    })
    .await
}

/// A registrar that lets everybody in, for so many seconds.
async fn open(most_expires: u64) -> Registrar {
    Registrar::start(Mood {
        algorithms: Vec::new(),
        most_expires,
        ..Mood::default()
    })
    .await
}

fn at_domain(registrar: &Registrar, domain: &str) -> Account {
    Account {
        domain: domain.to_owned(),
        ..registrar.account()
    }
}

fn localhost() -> Vec<Record> {
    vec![Record::A([127, 0, 0, 1].into())]
}

impl Phone {
    /// The next news of the account, the first attempt left out.
    async fn standing(&mut self) -> AccountState {
        loop {
            match self.event().await {
                Event::Account {
                    state: AccountState::Registering,
                    ..
                } => {}
                Event::Account { state, .. } => return state,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Where the account is registered now, and why not elsewhere.
    async fn registered_at(&mut self) -> (String, Option<String>) {
        match self.standing().await {
            AccountState::Registered { server, left, .. } => (server, left),
            other => panic!("{other:?}"),
        }
    }

    async fn unreachable(&mut self) -> String {
        match self.standing().await {
            AccountState::Unreachable { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_domain_says_by_naptr_and_srv_where_its_registrar_is() {
    let (names, registrar) = (NameServer::start().await, open(300).await);
    let port = registrar.address.port();
    let naptr = vec![
        Record::Naptr(20, 1, "SIP+D2T", "_sip._tcp.pbx.test"),
        Record::Naptr(10, 1, "SIP+D2U", "special.pbx.test"),
    ];
    names.set("pbx.test", 60, naptr);
    names.set(
        "special.pbx.test",
        60,
        vec![Record::Srv(1, 1, port, "one.pbx.test")],
    );
    names.set("one.pbx.test", 60, localhost());
    let mut phone = phone(&names, vec![at_domain(&registrar, "pbx.test")]).await;
    let place = format!("one.pbx.test:{port} (127.0.0.1)");
    assert_eq!(phone.registered_at().await, (place, None));
    assert_eq!(registrar.seen()[0].uri, "sip:pbx.test");
}

#[tokio::test]
async fn a_wanted_transport_has_records_of_its_own() {
    let (names, registrar) = (NameServer::start().await, open(300).await);
    let port = registrar.address.port();
    let naptr = vec![Record::Naptr(1, 1, "SIP+D2T", "_sip._tcp.pbx.test")];
    names.set("pbx.test", 60, naptr);
    names.set(
        "_sip._tcp.pbx.test",
        60,
        vec![Record::Srv(1, 1, 1, "no.pbx.test")],
    );
    names.set(
        "_sip._udp.pbx.test",
        60,
        vec![Record::Srv(1, 1, port, "one.pbx.test")],
    );
    names.set("one.pbx.test", 60, localhost());
    let account = Account {
        transport: Some(Transport::Udp),
        ..at_domain(&registrar, "pbx.test")
    };
    let mut phone = phone(&names, vec![account]).await;
    let place = format!("one.pbx.test:{port} (127.0.0.1)");
    assert_eq!(phone.registered_at().await, (place, None));
    assert_eq!(
        names.n_asked("pbx.test") + names.n_asked("_sip._tcp.pbx.test"),
        0
    );
}

#[tokio::test]
async fn a_port_says_which_server_is_meant() {
    let (names, registrar) = (NameServer::start().await, open(300).await);
    let domain = format!("pbx.test:{}", registrar.address.port());
    names.set("pbx.test", 60, localhost());
    names.set(
        "_sip._udp.pbx.test",
        60,
        vec![Record::Srv(1, 1, 1, "no.pbx.test")],
    );
    let mut phone = phone(&names, vec![at_domain(&registrar, &domain)]).await;
    let place = format!("{domain} (127.0.0.1)");
    assert_eq!(phone.registered_at().await, (place, None));
    assert_eq!(names.n_asked("_sip._udp.pbx.test"), 0);
}

#[tokio::test]
async fn a_name_that_is_not_there_is_said_at_once_and_not_asked_for_again_at_once() {
    let names = NameServer::start().await;
    let registrar = open(300).await;
    let begun = Instant::now();
    let mut phone = phone(&names, vec![at_domain(&registrar, "pbx.test")]).await;
    let why = phone.unreachable().await;
    assert_eq!(why, "cannot find \"pbx.test\": there is no such name");
    assert!(
        begun.elapsed() < Duration::from_secs(4),
        "{:?}",
        begun.elapsed()
    );
    let n_asked = || ["pbx.test", "_sip._udp.pbx.test"].map(|name| names.n_asked(name));
    let before = n_asked();
    for _ in 0..3 {
        let call = phone.endpoint.new_call();
        let target = "sip:1@pbx.test";
        phone.endpoint.dial(call, target, None, OFFER.to_owned());
        match phone.event().await {
            Event::Refused { status, reason, .. } => {
                assert_eq!((status, reason), (503, why.clone()));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(n_asked(), before, "\"there is none\" is kept for a while");
}

#[tokio::test]
async fn answers_are_kept_as_long_as_they_say() {
    let (names, registrar) = (NameServer::start().await, open(1).await);
    let port = registrar.address.port();
    names.set(
        "_sip._udp.pbx.test",
        1,
        vec![Record::Srv(1, 1, port, "one.pbx.test")],
    );
    names.set("one.pbx.test", 3_600, localhost());
    let account = Account {
        transport: Some(Transport::Udp),
        ..at_domain(&registrar, "pbx.test")
    };
    let mut phone = phone(&names, vec![account]).await;
    phone.registered_at().await;
    let n_first = names.n_asked("one.pbx.test");
    let patience = Instant::now() + Duration::from_secs(20);
    // A refresh every 0.7 s or so: each second one has to ask anew.
    while registrar.seen().len() < 6 {
        assert!(Instant::now() < patience);
        phone.quiet_for(Duration::from_millis(50)).await;
    }
    assert!(names.n_asked("_sip._udp.pbx.test") > 1);
    assert_eq!(names.n_asked("one.pbx.test"), n_first);
}

#[tokio::test]
async fn another_server_takes_over_and_the_first_is_used_again_once_it_lives() {
    let names = NameServer::start().await;
    let (first, second) = (open(1).await, open(1).await);
    let srv =
        |priority, of: &Registrar, target| Record::Srv(priority, 1, of.address.port(), target);
    let both = vec![srv(2, &second, "b.pbx.test"), srv(1, &first, "a.pbx.test")];
    names.set("_sip._udp.pbx.test", 60, both);
    names.set("a.pbx.test", 60, localhost());
    names.set("b.pbx.test", 60, localhost());
    let place = |name, of: &Registrar| format!("{name}:{} (127.0.0.1)", of.address.port());
    let (a, b) = (place("a.pbx.test", &first), place("b.pbx.test", &second));
    let mut phone = phone(&names, vec![at_domain(&first, "pbx.test")]).await;
    assert_eq!(phone.registered_at().await, (a.clone(), None));
    assert!(second.seen().is_empty());

    first.mood(|mood| mood.silent = true);
    let why = format!("{a} does not answer");
    assert_eq!(phone.registered_at().await, (b.clone(), Some(why)));
    // It is asked again with each refresh, and said nothing about as long as it is silent.
    phone.quiet_for(Duration::from_millis(2_500)).await;

    first.mood(|mood| mood.silent = false);
    assert_eq!(phone.registered_at().await, (a.clone(), None));
    first.mood(|mood| mood.refuse = Some("503 Booting"));
    let why = format!("{a} says 503 Booting");
    assert_eq!(phone.registered_at().await, (b.clone(), Some(why)));

    second.mood(|mood| mood.silent = true);
    let why = phone.unreachable().await;
    assert_eq!(why, format!("{a} says 503 Booting; {b} does not answer"));
}

#[tokio::test]
async fn a_list_of_registrars_has_one_domain_and_a_list_of_proxies_a_route_each() {
    let names = NameServer::start().await;
    let (dead, alive) = (open(300).await, open(300).await);
    dead.mood(|mood| mood.silent = true);
    let account = Account {
        more_domains: vec!["gone.test".to_owned(), alive.address.to_string()],
        ..dead.account()
    };
    let mut listed = phone(&names, vec![account]).await;
    let whys = [
        "cannot find \"gone.test\": there is no such name".to_owned(),
        format!("{} does not answer", dead.address),
    ];
    let wanted = (alive.address.to_string(), Some(whys.join("; ")));
    assert_eq!(listed.registered_at().await, wanted);
    let seen = alive.seen().remove(0);
    assert_eq!(seen.uri, format!("sip:{}", dead.address));
    drop(listed);

    alive.forget();
    let proxies = [&dead, &alive].map(|proxy| proxy.address.to_string());
    let account = Account {
        outbound_proxies: proxies.to_vec(),
        ..at_domain(&dead, "office.test")
    };
    let mut proxied = phone(&names, vec![account]).await;
    assert_eq!(proxied.registered_at().await.0, alive.address.to_string());
    let seen = alive.seen().remove(0);
    assert_eq!(seen.uri, "sip:office.test");
    assert_eq!(seen.route, Some(format!("<sip:{};lr>", alive.address)));
}

#[tokio::test]
async fn a_call_goes_on_to_the_next_server_when_one_is_silent_or_overloaded() {
    let names = NameServer::start().await;
    let mut phone = phone(&names, Vec::new()).await;
    let us = phone.address(Transport::Udp);
    let (silent, busy, alive) = (
        Raw::towards(us).await,
        Raw::towards(us).await,
        Raw::towards(us).await,
    );
    let servers = [&silent, &busy, &alive].into_iter().zip(1_u16..);
    let servers = servers.map(|(raw, n)| Record::Srv(n, 1, raw.local().port(), "x.pbx.test"));
    names.set("_sip._udp.pbx.test", 60, servers.collect());
    names.set("x.pbx.test", 60, localhost());
    let call = phone.endpoint.new_call();
    let target = "sip:1@pbx.test";
    phone.endpoint.dial(call, target, None, OFFER.to_owned());
    let first = silent.receive_that("INVITE sip:1@pbx.test ").await;
    let second = busy.receive_that("INVITE sip:1@pbx.test ").await;
    busy.send(answer(&second, "503 Overloaded", "b", "", ""))
        .await;
    busy.receive_that("ACK ").await;
    let third = alive.receive_that("INVITE sip:1@pbx.test ").await;
    assert_eq!(
        [&first, &second, &third].map(|invite| seq(invite)),
        [1, 2, 3]
    );
    for name in ["Call-ID", "From", "To"] {
        assert_eq!(header(&third, name), header(&first, name));
    }
    alive.send(answer(&third, "180 Ringing", "c", "", "")).await;
    assert!(matches!(phone.event().await, Event::Ringing { .. }));

    // Whoever wakes up too late is told that nobody waits any more.
    silent
        .send(answer(&first, "180 Ringing", "a", "", ""))
        .await;
    let cancel = silent.receive_that("CANCEL ").await;
    assert_eq!(seq(&cancel), 1);

    // The next call begins with the one that is well.
    let call = phone.endpoint.new_call();
    phone.endpoint.dial(call, target, None, OFFER.to_owned());
    let invite = alive.receive_that("INVITE sip:1@pbx.test ").await;
    assert_eq!(seq(&invite), 1);
}

#[tokio::test]
async fn a_registrar_that_falls_silent_between_refreshes_is_noticed_and_left() {
    let names = NameServer::start().await;
    let (first, second) = (open(300).await, open(300).await);
    first.mood(|mood| mood.takes_options = true);
    let account = Account {
        more_domains: vec![second.address.to_string()],
        keep_alive: Some(Duration::from_millis(100)),
        ..first.account()
    };
    let mut phone = phone(&names, vec![account]).await;
    assert_eq!(
        phone.registered_at().await,
        (first.address.to_string(), None)
    );
    // Time for some questions, which are answered.
    phone.quiet_for(Duration::from_millis(700)).await;
    assert_eq!(first.seen().len(), 1);
    first.mood(|mood| mood.silent = true);
    let why = format!("{} does not answer", first.address);
    let wanted = (second.address.to_string(), Some(why));
    assert_eq!(phone.registered_at().await, wanted);
    // The second has never answered such a question: its silence means nothing.
    phone.quiet_for(Duration::from_millis(2_000)).await;
    assert_eq!(second.seen().len(), 1);
}

#[tokio::test]
async fn a_stream_whose_keep_alives_are_not_answered_any_more_is_replaced() {
    let names = NameServer::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let account = Account {
        name: "pbx".to_owned(),
        domain: listener.local_addr().unwrap().to_string(),
        user: "7".to_owned(),
        transport: Some(Transport::Tcp),
        keep_alive: Some(Duration::from_millis(100)),
        ..Account::default()
    };
    let mut phone = phone(&names, vec![account]).await;
    let (mut stream, _) = listener.accept().await.unwrap();
    take_registration(&mut stream).await;
    phone.registered_at().await;
    for _ in 0..3 {
        let mut ping = [0; 4];
        stream.read_exact(&mut ping).await.unwrap();
        assert_eq!(&ping, b"\r\n\r\n");
        stream.write_all(b"\r\n").await.unwrap();
    }
    let (mut next, _) = listener.accept().await.unwrap();
    take_registration(&mut next).await;
    // The same server: nobody needs to hear of it.
    phone.quiet_for(Duration::from_millis(100)).await;
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"\r\n\r\n", "one more ping, and the end");
}

/// Reads a REGISTER and lets it in.
async fn take_registration(stream: &mut TcpStream) {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") || text.trim().is_empty() {
        text.push(stream.read_u8().await.unwrap().into());
    }
    assert!(text.starts_with("REGISTER "), "{text}");
    let contact = format!("Contact: {}\r\n", header(&text, "Contact").unwrap());
    let answer = answer(&text, "200 OK", "t", &contact, "");
    stream.write_all(answer.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn calls_take_the_service_route_that_the_registrar_gave() {
    let names = NameServer::start().await;
    let registrar = open(300).await;
    let mut phone = phone(&names, Vec::new()).await;
    let edge = Raw::towards(phone.address(Transport::Udp)).await;
    let route = format!("<sip:{};lr>", edge.local());
    let more = "<sip:core.test;lr>, <sip:strict.test>";
    let extra = format!("Service-Route: {route}, {more}\r\nPath: <sip:p.test;lr>\r\n");
    registrar.mood(|mood| mood.extra = extra);
    phone.endpoint.set_accounts(vec![registrar.account()]);
    phone.registered_at().await;
    let call = phone.endpoint.new_call();
    phone
        .endpoint
        .dial(call, "100", Some("pbx"), OFFER.to_owned());
    let invite = edge.receive_that("INVITE ").await;
    assert!(invite.starts_with(&format!("INVITE sip:100@{} ", registrar.address)));
    let wanted = format!("{route}, <sip:core.test;lr>");
    assert_eq!(header(&invite, "Route"), Some(wanted.as_str()));
    assert_eq!(registrar.seen()[0].route, None);
}

#[tokio::test]
async fn a_call_that_finds_the_registrar_silent_goes_on_and_has_it_looked_at() {
    let names = NameServer::start().await;
    // It registers us and hears nothing of calls.
    let registrar = open(300).await;
    let mut phone = phone(&names, Vec::new()).await;
    let other = Raw::towards(phone.address(Transport::Udp)).await;
    let account = Account {
        more_domains: vec![other.local().to_string()],
        ..registrar.account()
    };
    phone.endpoint.set_accounts(vec![account]);
    phone.registered_at().await;
    let call = phone.endpoint.new_call();
    phone
        .endpoint
        .dial(call, "100", Some("pbx"), OFFER.to_owned());
    let invite = other.receive_that("INVITE ").await;
    assert!(invite.starts_with(&format!("INVITE sip:100@{} ", registrar.address)));
    let patience = Instant::now() + Duration::from_secs(10);
    while registrar.seen().len() < 2 {
        assert!(Instant::now() < patience, "it registers anew");
        phone.quiet_for(Duration::from_millis(20)).await;
    }
}

//! Does it work with kamailio as the registrar and proxy?

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use paging::sip::{Account, AccountState, Event, HowEnded, Secret, Timing, Transport};

use crate::finding;
use crate::nameserver::NameServer;
use crate::parts::{ANSWER, OFFER, Phone, Raw};

/// A kamailio of this test's own, on its own port and in its own directory.
struct Kamailio {
    address: SocketAddr,
    place: PathBuf,
    process: Child,
}

impl Kamailio {
    async fn start(algorithm: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let place = std::env::temp_dir().join(format!("paging-kamailio-{port}"));
        std::fs::create_dir_all(&place).unwrap();
        let config = CONFIG
            .replace("PORT", &port.to_string())
            .replace("ALGORITHM", algorithm);
        std::fs::write(place.join("kamailio.cfg"), config).unwrap();
        let process = Self::launch(&place);
        let kamailio = Self {
            address: ([127, 0, 0, 1], port).into(),
            place,
            process,
        };
        kamailio.ready().await;
        kamailio
    }

    fn launch(place: &PathBuf) -> Child {
        let log = File::create(place.join("log")).unwrap();
        Command::new("/usr/sbin/kamailio")
            .args(["-DD", "-E", "-m", "16", "-M", "4", "-f"])
            .arg(place.join("kamailio.cfg"))
            .arg("-Y")
            .arg(place)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("/usr/sbin/kamailio must be installed (Debian package kamailio)")
    }

    async fn ready(&self) {
        let raw = Raw::towards(self.address).await;
        for n in 0..100 {
            raw.send(raw.request(
                "OPTIONS",
                crate::parts::Named::first(&n.to_string()),
                "",
                "",
            ))
            .await;
            if raw.hears_within(Duration::from_millis(100)).await {
                return;
            }
        }
        let log = std::fs::read_to_string(self.place.join("log")).unwrap();
        panic!("kamailio does not answer:\n{log}");
    }

    fn die(&mut self) {
        let pid = self.process.id().to_string();
        Command::new("kill").arg(pid).status().unwrap();
        self.process.wait().unwrap();
    }

    async fn return_to_life(&mut self) {
        self.process = Self::launch(&self.place);
        self.ready().await;
    }

    fn account(&self, user: &str, transport: Transport) -> Account {
        Account {
            name: user.to_owned(),
            domain: self.address.to_string(),
            user: user.to_owned(),
            password: Secret::new("s3%cret"),
            transport: Some(transport),
            ..Account::default()
        }
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        self.die();
        let _ = std::fs::remove_dir_all(&self.place);
    }
}

async fn registered(account: Account) -> Phone {
    let mut phone = Phone::with(vec![account]).await;
    assert!(matches!(
        phone.event().await,
        Event::Account {
            state: AccountState::Registering,
            ..
        }
    ));
    wait_registered(&mut phone).await;
    phone
}

async fn wait_registered(phone: &mut Phone) {
    match phone.event().await {
        Event::Account {
            state: AccountState::Registered { .. },
            ..
        } => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn calls_go_through_a_record_routing_proxy_with_digest() {
    let (udp, tcp) = (Transport::Udp, Transport::Tcp);
    for (algorithm, first, second) in [("MD5", udp, tcp), ("SHA-256", tcp, udp)] {
        let kamailio = Kamailio::start(algorithm).await;
        let mut alice = registered(kamailio.account("alice", first)).await;
        let mut bob = registered(kamailio.account("bob", second)).await;
        for alice_leaves in [true, false] {
            let ours = alice.endpoint.new_call();
            alice
                .endpoint
                .dial(ours, "bob", Some("alice"), OFFER.to_owned());
            let theirs = match bob.event().await {
                Event::Incoming {
                    call,
                    account,
                    dialled,
                    caller,
                    offer,
                    ..
                } => {
                    assert_eq!(account.as_deref(), Some("bob"));
                    assert_eq!((dialled.as_str(), caller.user.as_str()), ("bob", "alice"));
                    assert_eq!(offer.as_deref(), Some(OFFER));
                    call
                }
                other => panic!("{other:?}"),
            };
            bob.endpoint.ringing(theirs);
            assert_eq!(alice.event().await, Event::Ringing { call: ours });
            bob.endpoint.answer(theirs, ANSWER.to_owned());
            assert!(matches!(
                alice.event().await,
                Event::Answered {
                    answer: Some(_),
                    ..
                }
            ));
            assert!(matches!(bob.event().await, Event::Confirmed { .. }));
            let how = HowEnded::HungUp;
            if alice_leaves {
                alice.endpoint.hang_up(ours, "");
                assert!(matches!(alice.event().await, Event::Ended { .. }));
                assert_eq!(
                    bob.event().await,
                    Event::Ended {
                        call: theirs,
                        how,
                        reason: None
                    }
                );
            } else {
                bob.endpoint.hang_up(theirs, "");
                assert!(matches!(bob.event().await, Event::Ended { .. }));
                assert_eq!(
                    alice.event().await,
                    Event::Ended {
                        call: ours,
                        how,
                        reason: None
                    }
                );
            }
            alice.settled().await;
            bob.settled().await;
        }
        // A caller who gives up while the proxy is in between.
        let ours = alice.endpoint.new_call();
        alice
            .endpoint
            .dial(ours, "bob", Some("alice"), OFFER.to_owned());
        let (theirs, _) = bob.incoming().await;
        alice.endpoint.hang_up(ours, "");
        let how = HowEnded::Cancelled;
        assert_eq!(
            bob.event().await,
            Event::Ended {
                call: theirs,
                how,
                reason: None
            }
        );

        bob.endpoint.stop().await;
        alice.event().await;
        let ours = alice.endpoint.new_call();
        alice
            .endpoint
            .dial(ours, "bob", Some("alice"), OFFER.to_owned());
        match alice.event().await {
            Event::Refused { status, .. } => assert_eq!(status, 404, "un-registered at stop"),
            other => panic!("{other:?}"),
        }
    }
}

/// Calls `target` by that account and hangs up; how the other side sees the call: who calls, by
/// which account of its own.
async fn one_call(
    from: &mut Phone,
    account: &str,
    target: &str,
    to: &mut Phone,
) -> (String, Option<String>) {
    let ours = from.endpoint.new_call();
    let offer = OFFER.to_owned();
    from.endpoint.dial(ours, target, Some(account), offer);
    let (theirs, seen) = match to.event().await {
        Event::Incoming {
            call,
            account,
            caller,
            ..
        } => (call, (caller.user, account)),
        other => panic!("{account} to {target}: {other:?}"),
    };
    to.endpoint.answer(theirs, ANSWER.to_owned());
    let answered = from.event().await;
    assert!(
        matches!(answered, Event::Answered { call, .. } if call == ours),
        "{account} to {target}: {answered:?}"
    );
    assert!(matches!(to.event().await, Event::Confirmed { .. }));
    from.endpoint.hang_up(ours, "");
    assert!(matches!(from.event().await, Event::Ended { .. }));
    assert!(matches!(to.event().await, Event::Ended { .. }));
    seen
}

#[tokio::test]
async fn calls_reach_and_leave_through_each_of_thirty_accounts() {
    let kamailios = [
        Kamailio::start("MD5").await,
        Kamailio::start("SHA-256").await,
    ];
    let timed = |accounts| Phone::timed(Timing::default(), accounts);
    let account = |n: usize| {
        let transport = [Transport::Udp, Transport::Tcp][n / 2 % 2];
        kamailios[n % 2].account(&format!("user{n}"), transport)
    };
    let mut many = timed((0..30).map(account).collect()).await;
    let mut n_registered = 0;
    for _ in 0..60 {
        match many.event().await {
            Event::Account {
                state: AccountState::Registering,
                ..
            } => {}
            Event::Account {
                state: AccountState::Registered { .. },
                ..
            } => n_registered += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(n_registered, 30, "one event for each change of state");
    for (which, kamailio) in kamailios.iter().enumerate() {
        let mut peer = timed(vec![kamailio.account("peer", Transport::Udp)]).await;
        peer.event().await;
        wait_registered(&mut peer).await;
        for n in (0..30).filter(|n| n % 2 == which) {
            let user = format!("user{n}");
            let seen = one_call(&mut many, &user, "peer", &mut peer).await;
            assert_eq!(seen, (user.clone(), Some("peer".to_owned())));
            let seen = one_call(&mut peer, "peer", &user, &mut many).await;
            assert_eq!(seen, ("peer".to_owned(), Some(user)));
        }
    }
    assert_eq!(many.event_at_hand(), None);
}

#[tokio::test]
async fn a_wrong_password_is_refused_once() {
    let kamailio = Kamailio::start("MD5").await;
    let mut account = kamailio.account("eve", Transport::Udp);
    account.password = Secret::new("guess");
    let mut eve = Phone::with(vec![account]).await;
    eve.event().await;
    match eve.event().await {
        Event::Account {
            state: AccountState::Refused { status, .. },
            ..
        } => assert_eq!(status, 401),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_reboot_of_the_registrar_is_survived() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut kamailio = Kamailio::start("MD5").await;
        let mut account = kamailio.account("alice", transport);
        account.expires = Duration::from_secs(1);
        let mut alice = registered(account).await;
        kamailio.die();
        match alice.event().await {
            Event::Account {
                state: AccountState::Unreachable { .. },
                ..
            } => {}
            other => panic!("{other:?}"),
        }
        kamailio.return_to_life().await;
        wait_registered(&mut alice).await;
    }
}

#[tokio::test]
async fn another_registrar_takes_over_with_its_calls_until_the_first_is_back() {
    let names = NameServer::start().await;
    for transport in [Transport::Udp, Transport::Tcp] {
        let (mut first, second) = (Kamailio::start("MD5").await, Kamailio::start("MD5").await);
        let places = [first.address.to_string(), second.address.to_string()];
        let account = |user: &str| Account {
            more_domains: vec![places[1].clone()],
            expires: Duration::from_secs(3),
            keep_alive: Some(Duration::from_millis(200)),
            ..first.account(user, transport)
        };
        let mut alice = finding::phone(&names, vec![account("alice")]).await;
        let mut bob = finding::phone(&names, vec![account("bob")]).await;
        until_at(&mut alice, &places[0]).await;
        until_at(&mut bob, &places[0]).await;
        first.die();
        until_at(&mut alice, &places[1]).await;
        until_at(&mut bob, &places[1]).await;
        let call = alice.endpoint.new_call();
        let offer = OFFER.to_owned();
        alice.endpoint.dial(call, "bob", Some("alice"), offer);
        let (theirs, _) = bob.incoming().await;
        bob.endpoint.answer(theirs, ANSWER.to_owned());
        while !matches!(alice.event().await, Event::Answered { .. }) {}
        first.return_to_life().await;
        until_at(&mut alice, &places[0]).await;
        until_at(&mut bob, &places[0]).await;
    }
}

/// Waits until the account is registered there.
async fn until_at(phone: &mut Phone, place: &str) {
    loop {
        match phone.event().await {
            Event::Account {
                state: AccountState::Registered { server, .. },
                ..
            } if server == place => return,
            Event::Account { .. } | Event::Confirmed { .. } => {}
            other => panic!("{other:?}"),
        }
    }
}

const CONFIG: &str = r#"#!KAMAILIO
debug=0
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
listen=udp:127.0.0.1:PORT
listen=tcp:127.0.0.1:PORT
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("auth", "algorithm", "ALGORITHM")
modparam("registrar", "min_expires", 1)
request_route {
    if (has_totag()) {
        if (loose_route()) { t_relay(); exit; }
        if (is_method("ACK")) {
            if (t_check_trans()) { t_relay(); }
            exit;
        }
        sl_send_reply("404", "Not Here");
        exit;
    }
    if (is_method("CANCEL")) {
        if (t_check_trans()) { t_relay(); }
        exit;
    }
    if (is_method("OPTIONS")) { sl_send_reply("200", "OK"); exit; }
    if (is_method("REGISTER")) {
        if (!pv_www_authenticate("house", "s3%cret", "0")) {
            www_challenge("house", "1");
            exit;
        }
        save("location");
        exit;
    }
    if (!pv_proxy_authenticate("house", "s3%cret", "0")) {
        proxy_challenge("house", "1");
        exit;
    }
    consume_credentials();
    record_route();
    if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
    t_relay();
}
"#;

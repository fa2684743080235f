//! Does an account stay registered, whatever its registrar does?

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use paging::sip::{Account, AccountState, Event, Secret, Transport};
use tokio::time::sleep;

use crate::parts::{Named, Phone, Raw};
use crate::registrar::{Mood, REALM, Registrar};

impl Phone {
    async fn account_state(&mut self) -> AccountState {
        match self.event().await {
            Event::Account { name, state } if name == "pbx" => state,
            other => panic!("{other:?}"),
        }
    }

    async fn registered(&mut self) -> Duration {
        match self.account_state().await {
            AccountState::Registered { expires, .. } => expires,
            other => panic!("{other:?}"),
        }
    }
}

async fn registering(mood: Mood) -> (Registrar, Phone) {
    let registrar = Registrar::start(mood).await;
    let mut phone = Phone::with(vec![registrar.account()]).await;
    assert_eq!(phone.account_state().await, AccountState::Registering);
    (registrar, phone)
}

#[tokio::test]
async fn a_password_is_proved_once_and_taken_back_at_the_end() {
    for algorithms in [
        vec!["MD5"],
        vec!["SHA-256", "MD5"],
        vec!["SHA-512-256", "SHA256"],
        vec![],
    ] {
        let n_challenges = usize::from(!algorithms.is_empty());
        let mood = Mood {
            algorithms: algorithms.clone(),
            ..Mood::default()
        };
        let (registrar, mut phone) = registering(mood).await;
        assert_eq!(phone.registered().await, Duration::from_secs(300));
        let seen = registrar.seen();
        assert_eq!(seen.len(), 1 + n_challenges, "{algorithms:?}");
        let port = phone.address(Transport::Udp).port();
        assert_eq!(seen[0].contact, format!("<sip:7%2000@127.0.0.1:{port}>"));

        phone.endpoint.stop().await;
        let seen = registrar.seen();
        assert_eq!(
            seen.len(),
            2 + n_challenges,
            "the nonce is used again: {seen:?}"
        );
        let last = seen.last().unwrap();
        assert_eq!((last.expires, last.status), (0, 200));
        let proof = last.authorization.as_deref();
        assert!(n_challenges == 0 || proof.unwrap().contains("nc=00000002"));
    }
}

#[tokio::test]
async fn a_registration_is_refreshed_in_time_and_quietly() {
    let mood = Mood {
        most_expires: 1,
        ..Mood::default()
    };
    let (registrar, mut phone) = registering(mood).await;
    assert_eq!(phone.registered().await, Duration::from_secs(1));
    phone.quiet_for(Duration::from_millis(1_700)).await;
    let granted: Vec<_> = registrar
        .seen()
        .into_iter()
        .filter(|s| s.status == 200)
        .collect();
    assert!(granted.len() >= 3, "{granted:?}");
    for pair in granted.windows(2) {
        assert!(pair[1].at - pair[0].at < Duration::from_millis(950));
    }
}

#[tokio::test]
async fn a_nat_is_kept_open_between_refreshes() {
    let (registrar, mut phone) = registering(Mood::default()).await;
    phone.registered().await;
    phone.quiet_for(Duration::from_millis(500)).await;
    let n_beats = registrar.n_beats.load(Ordering::Relaxed);
    assert!((2..=4).contains(&n_beats), "{n_beats}");
}

#[tokio::test]
async fn behind_a_nat_the_binding_names_the_address_that_the_registrar_sees() {
    let (registrar, mut phone) = registering(Mood {
        algorithms: Vec::new(),
        seen_at: ";received=203.0.113.9;rport=4242;",
        ..Mood::default()
    })
    .await;
    phone.registered().await;
    let port = phone.address(Transport::Udp).port();
    let hidden = format!("<sip:7%2000@127.0.0.1:{port}>");
    let seen = "<sip:7%2000@203.0.113.9:4242>".to_owned();
    let told: Vec<_> = registrar
        .seen()
        .into_iter()
        .map(|s| (s.contact, s.expires))
        .collect();
    assert_eq!(
        told,
        [(hidden.clone(), 300), (hidden, 0), (seen.clone(), 300)]
    );
    phone.endpoint.stop().await;
    let last = registrar.seen().pop().unwrap();
    assert_eq!((last.contact, last.expires), (seen, 0));
}

#[tokio::test]
async fn a_registrar_may_ask_for_a_longer_life() {
    let mood = Mood {
        least_expires: 1_800,
        ..Mood::default()
    };
    let (registrar, mut phone) = registering(mood).await;
    assert_eq!(phone.registered().await, Duration::from_secs(1_800));
    let statuses: Vec<_> = registrar.seen().iter().map(|s| s.status).collect();
    assert_eq!(statuses, [401, 423, 200]);
}

#[tokio::test]
async fn a_wrong_password_is_said_once_and_tried_seldom() {
    let mood = Mood {
        password: "other",
        ..Mood::default()
    };
    let (registrar, mut phone) = registering(mood).await;
    match phone.account_state().await {
        AccountState::Refused {
            status,
            reason,
            other_realm,
            retry_in,
        } => {
            assert_eq!((status, reason.as_str()), (401, "Unauthorized"));
            assert_eq!(other_realm, None);
            assert!(retry_in >= Duration::from_millis(450));
        }
        other => panic!("{other:?}"),
    }
    phone.quiet_for(Duration::from_millis(1_000)).await;
    let seen = registrar.seen();
    assert!((3..=4).contains(&seen.len()), "{seen:?}");
    registrar.mood(|mood| mood.password = "s3%cret");
    phone.registered().await;
}

/// RFC 3261 §22.1: a realm is what a password is for.
#[tokio::test]
async fn a_password_is_proved_to_its_own_realm_only() {
    let registrar = Registrar::start(Mood::default()).await;
    let of = |realm: &str| Account {
        realm: Some(realm.to_owned()),
        ..registrar.account()
    };
    let mut phone = Phone::with(vec![of("another house")]).await;
    assert_eq!(phone.account_state().await, AccountState::Registering);
    match phone.account_state().await {
        AccountState::Refused {
            status: 401,
            other_realm,
            ..
        } => assert_eq!(other_realm.as_deref(), Some(REALM)),
        other => panic!("{other:?}"),
    }
    let seen = registrar.seen();
    assert!(seen.iter().all(|s| s.authorization.is_none()), "{seen:?}");
    phone.endpoint.set_accounts(vec![of(REALM)]);
    assert_eq!(phone.account_state().await, AccountState::Gone);
    assert_eq!(phone.account_state().await, AccountState::Registering);
    phone.registered().await;
}

/// RFC 3327 §5.1.
#[tokio::test]
async fn each_register_says_that_paths_are_understood() {
    let (registrar, mut phone) = registering(Mood::default()).await;
    phone.registered().await;
    phone.endpoint.stop().await;
    let seen = registrar.seen();
    assert_eq!(seen.len(), 3, "{seen:?}");
    for register in seen {
        assert_eq!(register.supported.as_deref(), Some("path"));
    }
}

#[tokio::test]
async fn names_are_looked_up_and_proxies_are_used() {
    let registrar = Registrar::start(Mood::default()).await;
    let (named, mut proxied) = (
        Account {
            domain: format!("localhost:{}", registrar.address.port()),
            ..registrar.account()
        },
        registrar.account(),
    );
    proxied.domain = "office.invalid".to_owned();
    proxied.outbound_proxies = vec![format!("sip:{};lr", registrar.address)];
    for (account, uri, routed) in [
        (named.clone(), format!("sip:{}", named.domain), false),
        (proxied, "sip:office.invalid".to_owned(), true),
    ] {
        registrar.forget();
        let mut phone = Phone::with(vec![account]).await;
        assert_eq!(phone.account_state().await, AccountState::Registering);
        phone.registered().await;
        let seen = registrar.seen().remove(0);
        assert_eq!((seen.uri, seen.route.is_some()), (uri, routed));
        drop(phone);
    }
    let nobody = Account {
        domain: "no.such.name.invalid".to_owned(),
        ..registrar.account()
    };
    let mut phone = Phone::with(vec![nobody]).await;
    assert_eq!(phone.account_state().await, AccountState::Registering);
    match phone.account_state().await {
        AccountState::Unreachable { why, .. } => {
            assert!(
                why.starts_with("cannot find \"no.such.name.invalid\""),
                "{why}"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_of_another_kind_has_its_own_line() {
    let mood = Mood {
        refuse: Some("403 Not From Here"),
        ..Mood::default()
    };
    let (registrar, mut phone) = registering(mood).await;
    match phone.account_state().await {
        AccountState::Refused {
            status: 403,
            reason,
            ..
        } => assert_eq!(reason, "Not From Here"),
        other => panic!("{other:?}"),
    }
    registrar.mood(|mood| mood.refuse = Some("503 Booting"));
    match phone.account_state().await {
        AccountState::Unreachable { why, .. } => {
            assert_eq!(why, format!("{} says 503 Booting", registrar.address));
        }
        other => panic!("{other:?}"),
    }
    registrar.mood(|mood| mood.refuse = None);
    phone.registered().await;
}

#[tokio::test]
async fn a_registrar_that_dies_and_returns_is_found_again() {
    let mood = Mood {
        most_expires: 1,
        ..Mood::default()
    };
    let (registrar, mut phone) = registering(mood).await;
    phone.registered().await;
    registrar.mood(|mood| mood.silent = true);
    match phone.account_state().await {
        AccountState::Unreachable { why, retry_in } => {
            assert_eq!(why, format!("{} does not answer", registrar.address));
            assert!(retry_in <= Duration::from_millis(400));
        }
        other => panic!("{other:?}"),
    }
    phone.quiet_for(Duration::from_millis(500)).await;
    registrar.mood(|mood| mood.silent = false);
    let returned = Instant::now();
    phone.registered().await;
    assert!(returned.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_dead_registrar() {
    let mood = Mood {
        silent: true,
        ..Mood::default()
    };
    let (_registrar, phone) = registering(mood).await;
    sleep(Duration::from_millis(50)).await;
    let begun = Instant::now();
    phone.endpoint.stop().await;
    assert!(begun.elapsed() < Duration::from_millis(1_700));
}

#[tokio::test]
async fn a_changed_account_moves_and_an_unchanged_one_stays() {
    let (registrar, mut phone) = registering(Mood::default()).await;
    phone.registered().await;
    registrar.forget();
    phone.endpoint.set_accounts(vec![registrar.account()]);
    phone.quiet_for(Duration::from_millis(50)).await;
    assert!(registrar.seen().is_empty());

    let mut changed = registrar.account();
    changed.user = "8".to_owned();
    phone.endpoint.set_accounts(vec![changed.clone()]);
    assert_eq!(phone.account_state().await, AccountState::Gone);
    assert_eq!(phone.account_state().await, AccountState::Registering);
    phone.registered().await;
    let bound: Vec<_> = registrar
        .seen()
        .into_iter()
        .filter(|s| s.status == 200)
        .collect();
    assert_eq!((bound[0].expires, bound[1].expires), (0, 300));
    assert!(
        bound[0].contact.starts_with("<sip:7%2000@") && bound[1].contact.starts_with("<sip:8@")
    );

    changed.password = Secret::new("wrong");
    phone.endpoint.set_accounts(vec![changed]);
    assert_eq!(phone.account_state().await, AccountState::Gone);
    assert_eq!(phone.account_state().await, AccountState::Registering);
    assert!(matches!(
        phone.account_state().await,
        AccountState::Refused { .. }
    ));

    phone.endpoint.set_accounts(Vec::new());
    assert_eq!(phone.account_state().await, AccountState::Gone);
    phone.quiet_for(Duration::from_millis(50)).await;
}

#[tokio::test]
async fn a_call_from_the_registrar_belongs_to_the_account() {
    let (_registrar, mut phone) = registering(Mood::default()).await;
    phone.registered().await;
    let raw = Raw::towards(phone.address(Transport::Udp)).await;
    let invite = raw.request("INVITE", Named::first("a"), "", "");
    let invite = invite.replace("INVITE sip:100@", "INVITE sip:7%2000@");
    raw.send(invite).await;
    match phone.event().await {
        Event::Incoming {
            account,
            dialled,
            caller,
            ..
        } => {
            assert_eq!(account.as_deref(), Some("pbx"));
            assert_eq!((dialled.as_str(), caller.user.as_str()), ("7 00", "raw"));
        }
        other => panic!("{other:?}"),
    }
}

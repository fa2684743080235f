//! Can phones of our own register, call and be called?

use std::time::Duration;

use md5::Digest as _;
use paging::sip::{
    Account, AccountState, Callers, Event, Secret, Settings, Transport, User, UserState,
};

use crate::parts::{ANSWER, Named, OFFER, Phone, QUICK, Raw, header, on};

pub(crate) fn guarded(callers: Callers) -> Settings {
    Settings {
        listen: vec![
            on(Transport::Udp, "127.0.0.1:0"),
            on(Transport::Tcp, "127.0.0.1:0"),
        ],
        user_agent: "paging/test".to_owned(),
        timing: QUICK,
        callers,
        ..Settings::default()
    }
}

pub(crate) fn bob() -> Callers {
    Callers {
        users: vec![User {
            name: "bob".to_owned(),
            password: Secret::new("p:w%"),
        }],
        require_auth: true,
        ..Callers::default()
    }
}

fn account(server: &Phone, transport: Transport, password: &str) -> Account {
    Account {
        name: "us".to_owned(),
        domain: server.address(transport).to_string(),
        user: "bob".to_owned(),
        password: Secret::new(password),
        transport: Some(transport),
        ..Account::default()
    }
}

/// The Authorization for the last challenge in a 401, counted `nc`.
pub(crate) fn proof(challenge: &str, password: &str, method: &str, nc: u32) -> String {
    let hash = |text: String| -> String {
        let sum = md5::Md5::digest(text);
        sum.iter().map(|b| format!("{b:02x}")).collect()
    };
    let at = challenge.find("nonce=\"").unwrap() + "nonce=\"".len();
    let nonce = challenge[at..].split('"').next().unwrap();
    let secret = hash(format!("bob:paging:{password}"));
    let what = hash(format!("{method}:sip:us"));
    let response = hash(format!("{secret}:{nonce}:{nc:08x}:c:auth:{what}"));
    format!(
        "Authorization: Digest username=\"bob\", realm=\"paging\", nonce=\"{nonce}\", \
         uri=\"sip:us\", response=\"{response}\", algorithm=MD5, qop=auth, nc={nc:08x}, \
         cnonce=\"c\"\r\n"
    )
}

#[tokio::test]
async fn a_phone_registers_calls_and_is_called() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut server = Phone::start(guarded(bob())).await;
        let mut phone = Phone::with(vec![account(&server, transport, "p:w%")]).await;
        assert!(matches!(
            server.event().await,
            Event::User { name, state: UserState::Registered(_) } if name == "bob"
        ));
        loop {
            if let Event::Account { state, .. } = phone.event().await
                && matches!(state, AccountState::Registered { .. })
            {
                break;
            }
        }

        let down = server.endpoint.new_call();
        server.endpoint.dial(down, "bob", None, OFFER.to_owned());
        let (heard, _) = phone.incoming().await;
        phone.endpoint.answer(heard, ANSWER.to_owned());
        assert!(matches!(server.event().await, Event::Answered { call, .. } if call == down));
        assert!(matches!(phone.event().await, Event::Confirmed { .. }));
        server.endpoint.hang_up(down, "enough");
        assert!(matches!(server.event().await, Event::Ended { .. }));
        assert!(matches!(phone.event().await, Event::Ended { .. }));

        let up = phone.endpoint.new_call();
        phone.endpoint.dial(up, "100", Some("us"), OFFER.to_owned());
        let Event::Incoming { call, user, .. } = server.event().await else {
            panic!("no call");
        };
        assert_eq!(user.as_deref(), Some("bob"));
        server.endpoint.answer(call, ANSWER.to_owned());
        assert!(matches!(phone.event().await, Event::Answered { .. }));
        phone.endpoint.hang_up(up, "enough");
        assert!(matches!(server.event().await, Event::Confirmed { .. }));
        assert!(matches!(server.event().await, Event::Ended { .. }));

        phone.endpoint.stop().await;
        assert!(matches!(
            server.event().await,
            Event::User { name, state: UserState::Gone } if name == "bob"
        ));
        let nobody = server.endpoint.new_call();
        server.endpoint.dial(nobody, "bob", None, OFFER.to_owned());
        assert!(matches!(
            server.event().await,
            Event::Refused { status: 480, .. }
        ));
    }
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_counted() {
    let mut server = Phone::start(guarded(bob())).await;
    let mut phone = Phone::with(vec![account(&server, Transport::Udp, "guess")]).await;
    loop {
        if let Event::Account { state, .. } = phone.event().await
            && matches!(state, AccountState::Refused { status: 401, .. })
        {
            break;
        }
    }
    assert!(server.endpoint.counts().wrong_passwords >= 1);
    assert_eq!(server.event_at_hand(), None);
}

#[tokio::test]
async fn a_stranger_is_asked_once_with_hardly_more_than_it_sent() {
    let mut server = Phone::start(guarded(bob())).await;
    let raw = Raw::towards(server.address(Transport::Udp)).await;
    let kind = "Content-Type: application/sdp\r\n";
    let invite = raw.request("INVITE", Named::first("a1"), kind, OFFER);
    raw.send(&invite).await;
    let answer = raw.receive_that("401").await;
    let most = invite.len() * 5 / 4;
    assert!(answer.len() <= most, "{most} {answer}");
    let n_asked = answer.matches("WWW-Authenticate:").count();
    assert_eq!(n_asked, 2, "{answer}");
    assert!(answer.find("SHA-256").unwrap() < answer.find("MD5").unwrap());
    assert!(!answer.contains("paging/test"), "{answer}");
    assert!(!raw.hears_within(Duration::from_millis(300)).await);

    let small = raw.request("REGISTER", Named::first("a2"), "", "");
    raw.send(&small).await;
    let answer = raw.receive_that("401").await;
    assert!(answer.len() <= small.len() + 80, "{} {answer}", small.len());
    assert!(answer.contains("algorithm=MD5"));
    assert_eq!(server.endpoint.counts().challenged, 2);
    assert_eq!(server.endpoint.n_transactions(), 0);
    assert_eq!(server.event_at_hand(), None);
}

#[tokio::test]
async fn nobody_calls_in_the_name_of_a_line_without_its_password_and_strangers_as_ever() {
    let callers = Callers {
        lines: vec!["bob".to_owned()],
        require_auth: false,
        ..bob()
    };
    let mut server = Phone::start(guarded(callers)).await;
    let raw = Raw::towards(server.address(Transport::Udp)).await;
    let kind = "Content-Type: application/sdp\r\n";
    let from_bob = |text: String| text.replace("\"Raw\" <sip:raw@", "\"Raw\" <sip:bob@");
    let named = |seq| Named {
        call: "line",
        seq,
        to_tag: None,
    };
    let invite = from_bob(raw.request("INVITE", named(1), kind, OFFER));
    assert!(invite.contains("<sip:bob@"), "{invite}");
    raw.send(&invite).await;
    let challenge = raw.receive_that("401").await;
    assert_eq!(server.event_at_hand(), None);
    let proof = proof(&challenge, "p:w%", "INVITE", 1);
    let invite = raw.request("INVITE", named(2), &format!("{proof}{kind}"), OFFER);
    raw.send(from_bob(invite)).await;
    let Event::Incoming { user, .. } = server.event().await else {
        panic!("no call");
    };
    assert_eq!(user.as_deref(), Some("bob"));

    let stranger = Raw::towards(server.address(Transport::Udp)).await;
    let invite = stranger.request("INVITE", Named::first("other"), kind, OFFER);
    stranger.send(&invite).await;
    let Event::Incoming { user, .. } = server.event().await else {
        panic!("no call");
    };
    assert_eq!(user, None);
}

#[tokio::test]
async fn the_registrar_answers_as_the_rfc_says() {
    let server = Phone::start(guarded(bob())).await;
    let raw = Raw::towards(server.address(Transport::Udp)).await;
    let to_bob = |text: String| text.replace("To: <sip:100@", "To: <sip:bob@");
    let mut seq = 0;
    let mut ask = async |contacts: &str, auth: &str| {
        seq += 1;
        let named = Named {
            call: "reg",
            seq,
            to_tag: None,
        };
        let text = raw.request("REGISTER", named, &format!("{auth}{contacts}"), "");
        let own = format!("Contact: <sip:raw@{}>\r\n", raw.local());
        raw.send(to_bob(text.replace(&own, ""))).await;
        raw.receive().await
    };
    let challenge = ask("", "").await;
    assert!(challenge.starts_with("SIP/2.0 401"));
    let mut nc = 0;
    let mut auth = || {
        nc += 1;
        proof(&challenge, "p:w%", "REGISTER", nc)
    };
    let brief = ask("Contact: <sip:b@h>;expires=5\r\n", &auth()).await;
    assert!(brief.starts_with("SIP/2.0 423"), "{brief}");
    assert_eq!(header(&brief, "Min-Expires"), Some("60"));
    let two = "Contact: <sip:b@h1>;expires=90, <sip:b@h2>;q=0.2\r\nExpires: 80\r\n\
               Supported: gruu, outbound\r\n";
    let bound = ask(two, &auth()).await;
    assert!(bound.starts_with("SIP/2.0 200"), "{bound}");
    assert!(bound.contains("<sip:b@h1>;expires=90") && bound.contains("<sip:b@h2>;expires=80"));
    let asked = ask("", &auth()).await;
    assert_eq!(asked.matches("Contact:").count(), 2, "{asked}");
    let used = proof(&challenge, "p:w%", "REGISTER", 1);
    let stale = ask("", &used).await;
    assert!(stale.starts_with("SIP/2.0 401") && stale.contains("stale=true"));
    let nonsense = ask("Contact: *\r\nExpires: 5\r\n", &auth()).await;
    assert!(nonsense.starts_with("SIP/2.0 400"), "{nonsense}");
    let gone = ask("Contact: *\r\nExpires: 0\r\n", &auth()).await;
    assert!(
        gone.starts_with("SIP/2.0 200") && !gone.contains("Contact:"),
        "{gone}"
    );
}

#[tokio::test]
async fn a_user_is_called_along_the_path_that_its_registration_came() {
    let server = Phone::start(guarded(bob())).await;
    let proxy = Raw::towards(server.address(Transport::Udp)).await;
    let path = "<sip:edge.test;lr>, <sip:access.test;lr>";
    let register = async |seq, auth: &str| {
        let named = Named {
            call: "path",
            seq,
            to_tag: None,
        };
        let gruu = "+sip.instance=\"<urn:uuid:1>\";pub-gruu=\"sip:bob@h;gr=urn:uuid:1\"";
        let extra = format!("Contact: <sip:bob@192.0.2.7>;{gruu};expires=90\r\nPath: {path}\r\n");
        let text = proxy.request("REGISTER", named, &format!("{auth}{extra}"), "");
        let text = text.replace("To: <sip:100@", "To: <sip:bob@");
        let own = format!("Contact: <sip:raw@{}>\r\n", proxy.local());
        proxy.send(text.replace(&own, "")).await;
        proxy.receive().await
    };
    let challenge = register(1, "").await;
    let bound = register(2, &proof(&challenge, "p:w%", "REGISTER", 1)).await;
    assert!(bound.starts_with("SIP/2.0 200"), "{bound}");
    let echoed: Vec<_> = bound
        .lines()
        .filter_map(|l| l.strip_prefix("Path: "))
        .collect();
    assert_eq!(echoed.join(", "), path);
    let again = register(3, &proof(&challenge, "p:w%", "REGISTER", 2)).await;
    assert_eq!(again.matches("Contact:").count(), 1, "{again}");

    let call = server.endpoint.new_call();
    server.endpoint.dial(call, "bob", None, OFFER.to_owned());
    let invite = proxy.receive_that("INVITE sip:bob@192.0.2.7 ").await;
    assert_eq!(header(&invite, "Route"), Some(path));
}

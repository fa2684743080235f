//! Does TLS carry calls and registrations, and say clearly why not when it does not?

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use paging::sip::{Account, AccountState, Endpoint, Event, Listen, Settings, Tls};
use paging::sip::{Error, Transport};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::nameserver::{NameServer, Record};
use crate::parts::{ANSWER, OFFER, Phone, header, on};

/// An authority and a folder for its files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: PathBuf,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let title = format!("Authority of {name}");
        params.distinguished_name.push(DnType::CommonName, title);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let unique = format!("paging-tls-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// The files of a peer with these names, which believes this authority.
    fn vouch_for(&self, names: &[&str]) -> Tls {
        let cert = self.folder.join(format!("{}.pem", names.join("_")));
        let key = cert.with_extension("key");
        self.write(names, &cert, &key);
        Tls {
            cert: Some(cert),
            key: Some(key),
            ca: Some(self.folder.join("ca.pem")),
            verify_clients: false,
        }
    }

    fn write(&self, names: &[&str], cert: &PathBuf, key: &PathBuf) {
        self.write_as(names, cert, key, |_| {});
    }

    fn write_as(
        &self,
        names: &[&str],
        cert: &PathBuf,
        key: &PathBuf,
        change: impl Fn(&mut CertificateParams),
    ) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let made = params.signed_by(&pair, &self.issuer).unwrap();
        std::fs::write(cert, made.pem()).unwrap();
        std::fs::write(key, pair.serialize_pem()).unwrap();
    }

    /// Believes this authority and has no certificate.
    fn believer(&self) -> Tls {
        Tls {
            ca: Some(self.folder.join("ca.pem")),
            ..Tls::default()
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

async fn phone(listen: Vec<Listen>, tls: Tls, accounts: Vec<Account>) -> Phone {
    Phone::start(Settings {
        listen,
        tls,
        accounts,
        user_agent: "paging/test".to_owned(),
        ..Settings::default()
    })
    .await
}

async fn listening(tls: Tls) -> Phone {
    phone(vec![on(Transport::Tls, "127.0.0.1:0")], tls, Vec::new()).await
}

/// Why a call over TLS to `host` at the port of `called` cannot be, and how long that took.
async fn refusal(caller: &mut Phone, host: &str, port: u16) -> (String, Duration) {
    let begun = Instant::now();
    let call = caller.endpoint.new_call();
    let target = format!("sip:100@{host}:{port};transport=tls");
    let offer = OFFER.to_owned();
    caller.endpoint.dial(call, &target, None, offer);
    match caller.event().await {
        Event::Refused { status, reason, .. } => {
            assert_eq!(status, 503, "{reason}");
            (reason, begun.elapsed())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_call_over_tls_is_answered_and_hung_up_by_either_side() {
    let authority = Authority::new("calls");
    for scheme in [
        "sip:100@127.0.0.1:PORT;transport=tls",
        "sips:100@127.0.0.1:PORT",
    ] {
        let mut called = listening(authority.vouch_for(&["127.0.0.1"])).await;
        let mut caller = phone(Vec::new(), authority.believer(), Vec::new()).await;
        let port = called.address(Transport::Tls).port();
        let ours = caller.endpoint.new_call();
        let target = scheme.replace("PORT", &port.to_string());
        caller.endpoint.dial(ours, &target, None, OFFER.to_owned());
        let (theirs, offer) = called.incoming().await;
        assert_eq!(offer.as_deref(), Some(OFFER));
        called.endpoint.answer(theirs, ANSWER.to_owned());
        assert!(matches!(caller.event().await, Event::Answered { .. }));
        assert!(matches!(called.event().await, Event::Confirmed { .. }));
        if scheme.starts_with("sips") {
            caller.hang_up(ours, &mut called, theirs).await;
        } else {
            called.hang_up(theirs, &mut caller, ours).await;
        }
        caller.settled().await;
        called.settled().await;
    }
}

#[tokio::test]
async fn a_bad_certificate_is_told_in_words_and_at_once() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let called = listening(ours.vouch_for(&["pbx.example.com"])).await;
    let port = called.address(Transport::Tls).port();
    let mut stranger = phone(Vec::new(), others.believer(), Vec::new()).await;
    let (reason, took) = refusal(&mut stranger, "127.0.0.1", port).await;
    assert!(reason.contains("tls-ca"), "{reason}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    let mut believer = phone(Vec::new(), ours.believer(), Vec::new()).await;
    let (reason, took) = refusal(&mut believer, "127.0.0.1", port).await;
    assert!(reason.contains("other names"), "{reason}");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_told_in_words() {
    let authority = Authority::new("times");
    let files = authority.vouch_for(&["127.0.0.1"]);
    let called = listening(files.clone()).await;
    let port = called.address(Transport::Tls).port();
    let (cert, key) = (files.cert.unwrap(), files.key.unwrap());
    for (from, to, wanted) in [(2001, 2002, "has expired"), (3001, 3002, "the clock")] {
        authority.write_as(&["127.0.0.1"], &cert, &key, |params| {
            params.not_before = rcgen::date_time_ymd(from, 1, 1);
            params.not_after = rcgen::date_time_ymd(to, 1, 1);
        });
        let mut caller = phone(Vec::new(), authority.believer(), Vec::new()).await;
        let (reason, took) = refusal(&mut caller, "127.0.0.1", port).await;
        assert!(reason.contains(wanted), "{reason}");
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
}

#[tokio::test]
async fn phones_prove_who_they_are_if_they_have_to() {
    let (ours, others) = (Authority::new("phones"), Authority::new("nobody"));
    let strict = Tls {
        verify_clients: true,
        ..ours.vouch_for(&["127.0.0.1"])
    };
    let mut called = listening(strict).await;
    let at = called.address(Transport::Tls);
    // What the other side's authority signed is shown all the same, and does not count.
    let forged = Tls {
        ca: ours.believer().ca,
        ..others.vouch_for(&["phone"])
    };
    for wrong in [ours.believer(), forged] {
        let mut caller = phone(Vec::new(), wrong, Vec::new()).await;
        let begun = Instant::now();
        caller.dial(Transport::Tls, at);
        assert!(matches!(caller.event().await, Event::Refused { .. }));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    assert!(called.event_at_hand().is_none());
    let known = phone(Vec::new(), ours.vouch_for(&["phone"]), Vec::new()).await;
    known.dial(Transport::Tls, at);
    called.incoming().await;
}

#[tokio::test]
async fn a_peer_that_speaks_no_tls_is_told_in_seconds() {
    let authority = Authority::new("mute");
    let mut caller = phone(Vec::new(), authority.believer(), Vec::new()).await;
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    let chatter = tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"SIP/2.0 400 What\r\n\r\n").await.unwrap();
        // The next one hears nothing at all.
        plain.accept().await.unwrap()
    });
    let (reason, took) = refusal(&mut caller, "127.0.0.1", port).await;
    assert!(reason.contains("TLS fails"), "{reason}");
    assert!(took < Duration::from_secs(3), "{took:?}");
    let (reason, took) = refusal(&mut caller, "127.0.0.1", port).await;
    assert!(
        reason.contains("no answer to the TLS handshake"),
        "{reason}"
    );
    assert!(took < Duration::from_secs(8), "{took:?}");
    drop(chatter.await.unwrap());
}

#[tokio::test]
async fn a_renewed_certificate_counts_without_a_restart_and_a_broken_one_does_not() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let files = old.vouch_for(&["127.0.0.1"]);
    let mut called = listening(files.clone()).await;
    let port = called.address(Transport::Tls).port();
    let mut caller = phone(Vec::new(), new.believer(), Vec::new()).await;
    let (reason, _) = refusal(&mut caller, "127.0.0.1", port).await;
    assert!(reason.contains("tls-ca"), "{reason}");

    let (cert, key) = (files.cert.unwrap(), files.key.unwrap());
    new.write(&["127.0.0.1"], &cert, &key);
    caller.dial(Transport::Tls, called.address(Transport::Tls));
    called.incoming().await;

    // At once, and again: a renewal writes two files, one after the other.
    new.write(&["127.0.0.1"], &cert, &key);
    let mut again = phone(Vec::new(), new.believer(), Vec::new()).await;
    again.dial(Transport::Tls, called.address(Transport::Tls));
    called.incoming().await;
    assert!(again.event_at_hand().is_none());

    std::fs::write(&cert, "half a certif").unwrap();
    let mut another = phone(Vec::new(), new.believer(), Vec::new()).await;
    another.dial(Transport::Tls, called.address(Transport::Tls));
    called.incoming().await;
    assert!(another.event_at_hand().is_none());
}

#[tokio::test]
async fn listening_without_a_usable_certificate_is_refused_at_the_start() {
    let authority = Authority::new("unusable");
    let (mine, other) = (authority.vouch_for(&["a"]), authority.vouch_for(&["b"]));
    let missing = Some(authority.folder.join("missing.pem"));
    let rows = [
        (Tls::default(), "tls-cert"),
        (
            Tls {
                cert: missing.clone(),
                ..mine.clone()
            },
            "missing.pem",
        ),
        (
            Tls {
                cert: mine.key.clone(),
                ..mine.clone()
            },
            "a.key",
        ),
        (
            Tls {
                key: other.key,
                ..mine
            },
            "do not fit",
        ),
    ];
    for (tls, wanted) in rows {
        let settings = Settings {
            listen: vec![on(Transport::Tls, "127.0.0.1:0")],
            tls,
            ..Settings::default()
        };
        let (tell, _events) = mpsc::unbounded_channel();
        match Endpoint::start(settings, tell).await {
            Err(Error::Tls(why)) => assert!(why.contains(wanted), "{why}"),
            Err(other) => panic!("{other:?}"),
            Ok(_) => panic!("it must not start: {wanted}"),
        }
    }
}

/// The next message head on a stream.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        text.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap()
}

async fn options(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    let request = "OPTIONS sip:127.0.0.1 SIP/2.0\r\n\
        Via: SIP/2.0/TLS 127.0.0.1:9;rport;branch=z9hG4bKo\r\nMax-Forwards: 70\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n\
        Content-Length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    head(stream).await
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken() {
    let authority = Authority::new("versions");
    let files = authority.vouch_for(&["localhost"]);
    let called = listening(files.clone()).await;
    let mut roots = rustls::RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(files.ca.unwrap()).unwrap();
    roots.add(ca).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        let stream = TcpStream::connect(called.address(Transport::Tls))
            .await
            .unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, stream).await.unwrap();
        let answer = options(&mut stream).await;
        assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
        stream.write_all(b"\r\n\r\n").await.unwrap();
        let mut pong = [0; 2];
        stream.read_exact(&mut pong).await.unwrap();
        assert_eq!(&pong, b"\r\n");
    }
}

#[tokio::test]
async fn we_call_who_speaks_only_one_version() {
    let authority = Authority::new("one-version");
    let files = authority.vouch_for(&["127.0.0.1"]);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = CertificateDer::from_pem_file(files.cert.as_ref().unwrap()).unwrap();
        let key = PrivateKeyDer::from_pem_file(files.key.as_ref().unwrap()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let caller = phone(Vec::new(), authority.believer(), Vec::new()).await;
        caller.dial(Transport::Tls, listener.local_addr().unwrap());
        let (stream, _) = listener.accept().await.unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let mut stream = acceptor.accept(stream).await.unwrap();
        let spoken = stream.get_ref().1.protocol_version();
        assert_eq!(spoken, Some(version.version));
        let request = head(&mut stream).await;
        assert!(request.starts_with("INVITE "), "{request}");
    }
}

#[tokio::test]
async fn an_account_registers_over_tls_and_asks_for_its_registrar_by_name() {
    let authority = Authority::new("registrar");
    let files = authority.vouch_for(&["localhost"]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_file(files.cert.unwrap()).unwrap()];
    let key = PrivateKeyDer::from_pem_file(files.key.unwrap()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let account = Account {
        name: "pbx".to_owned(),
        domain: format!("localhost:{port}"),
        user: "7".to_owned(),
        transport: Some(Transport::Tls),
        ..Account::default()
    };
    let mut phone = phone(Vec::new(), authority.believer(), vec![account]).await;
    let (stream, _) = listener.accept().await.unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let mut stream = acceptor.accept(stream).await.unwrap();
    assert_eq!(stream.get_ref().1.server_name(), Some("localhost"));
    let request = head(&mut stream).await;
    assert!(request.starts_with("REGISTER "), "{request}");
    let contact = header(&request, "Contact").unwrap();
    assert!(contact.contains(";transport=tls>"), "{contact}");
    let via = header(&request, "Via").unwrap();
    assert!(via.starts_with("SIP/2.0/TLS "), "{via}");
    let copied: String = ["Via", "From", "Call-ID", "CSeq", "Contact"]
        .map(|name| format!("{name}: {}\r\n", header(&request, name).unwrap()))
        .concat();
    let to = header(&request, "To").unwrap();
    let answer = format!(
        "SIP/2.0 200 OK\r\n{copied}To: {to};tag=x\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    loop {
        match phone.event().await {
            Event::Account {
                state: AccountState::Registered { expires, .. },
                ..
            } => break assert_eq!(expires, Duration::from_secs(60)),
            Event::Account {
                state: AccountState::Registering,
                ..
            } => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_certificate_must_name_the_domain_and_not_the_server_that_the_dns_names() {
    let authority = Authority::new("domains");
    let names = NameServer::start().await;
    names.set("one.pbx.test", 60, vec![Record::A([127, 0, 0, 1].into())]);
    for (named, is_right) in [("pbx.test", true), ("one.pbx.test", false)] {
        let mut called = listening(authority.vouch_for(&[named])).await;
        let port = called.address(Transport::Tls).port();
        let srv = vec![Record::Srv(1, 1, port, "one.pbx.test")];
        names.set("_sips._tcp.pbx.test", 0, srv);
        let mut caller = Phone::start(Settings {
            tls: authority.believer(),
            name_server: Some(names.address),
            ..Settings::default()
        })
        .await;
        let call = caller.endpoint.new_call();
        let target = "sip:100@pbx.test;transport=tls";
        caller.endpoint.dial(call, target, None, OFFER.to_owned());
        if is_right {
            called.incoming().await;
            continue;
        }
        match caller.event().await {
            Event::Refused { status, reason, .. } => {
                assert_eq!(status, 503);
                let wrong = "the certificate of \"pbx.test\" is for other names";
                assert!(reason.contains(wrong), "{reason}");
                assert!(reason.contains("one.pbx.test:"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}

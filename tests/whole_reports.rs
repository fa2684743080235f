//! Do error reports leave the house when asked to, and nothing else with them?
#![allow(clippy::unwrap_used, reason = "a broken bench shall stop the test")]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use common::daemon::{Conf, Daemon};

/// Takes error reports as Sentry does; gives each one's text.
fn collector() -> (u16, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (reports, inbox) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let report = receive(stream.unwrap());
            if reports.send(report).is_err() {
                return;
            }
        }
    });
    (port, inbox)
}

/// One HTTP request with a Content-Length or chunks; answered with 200.
fn receive(stream: TcpStream) -> String {
    stream
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while reader.read_line(&mut head).unwrap() > 2 {}
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().unwrap())
    });
    let mut body = Vec::new();
    match length {
        Some(length) => {
            body.resize(length, 0);
            reader.read_exact(&mut body).unwrap();
        }
        None => {
            let _until_the_peer_waits = reader.read_to_end(&mut body);
        }
    }
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
    (&stream).write_all(answer.as_bytes()).unwrap();
    String::from_utf8_lossy(&body).into_owned()
}

#[test]
fn a_site_without_sound_is_reported_and_its_secrets_are_not() {
    let (port, reports) = collector();
    let conf = Conf {
        // A server that does not exist: nobody can be heard, which is an error.
        audio: "backend = jack\njack-server-name = nobody-there\njack-autostart = no\n".into(),
        ..Conf::default()
    };
    let conf = conf
        .sip("domain = 127.0.0.1:9\nuser = alice\npass = no sound with me")
        .more(&format!(
            "[server]\nsentry_dsn = http://key@127.0.0.1:{port}/1"
        ));
    let mut daemon = Daemon::spawn(&conf);
    let report = reports
        .recv_timeout(Duration::from_secs(15))
        .expect("a report comes");
    assert!(report.contains("nobody can be heard"), "{report}");
    assert!(report.contains("paging@"), "the version is told: {report}");
    assert!(
        !report.contains("no sound with me"),
        "the password leaks: {report}"
    );
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let host = host.trim();
    assert!(
        host.is_empty() || host == "localhost" || !report.contains(host),
        "{report}"
    );
    assert_eq!(daemon.stop().0, Some(0));
}

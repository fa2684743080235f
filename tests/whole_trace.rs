//! Does Wireshark read what the daemon has written down, and find nothing secret in it?
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::daemon::{Conf, Daemon, run};
use common::folder::Folder;
use common::http::Http;
use common::ports::free_address;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);

/// What tshark says of one message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Dissected {
    at: u64,
    transport: &'static str,
    from_port: u16,
    to_port: u16,
    /// `INVITE`, `200` and so on.
    what: String,
}

/// All messages of a capture file; every packet has to be SIP and sound.
fn dissected(file: &Path) -> Vec<Dissected> {
    let fields = [
        "frame.time_epoch",
        "frame.protocols",
        "ip.src",
        "ip.dst",
        "udp.srcport",
        "udp.dstport",
        "tcp.srcport",
        "tcp.dstport",
        "sip.Method",
        "sip.Status-Code",
        "_ws.malformed",
        "ip.checksum.status",
        "tcp.analysis.flags",
    ];
    let mut command = Command::new("tshark");
    command.args(["-n", "-o", "ip.check_checksum:TRUE", "-r"]);
    command
        .arg(file)
        .args(["-T", "fields", "-E", "separator=|"]);
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = command.output().expect("tshark; run scripts/test");
    let text = String::from_utf8(output.stdout).unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{complaint}");
    text.lines().map(one).collect()
}

fn one(line: &str) -> Dissected {
    let fields: Vec<&str> = line.split('|').collect();
    let [
        at,
        protocols,
        from,
        to,
        ports @ ..,
        method,
        status,
        broken,
        sum,
        odd,
    ] = fields.as_slice()
    else {
        panic!("{line}");
    };
    assert!(protocols.contains(":sip"), "{line}");
    assert_eq!((*broken, *sum, *odd), ("", "1", ""), "{line}");
    assert!(from.starts_with("127.") && to.starts_with("127."), "{line}");
    let is_stream = ports[0].is_empty();
    let [from_port, to_port] = if is_stream {
        [ports[2], ports[3]]
    } else {
        [ports[0], ports[1]]
    };
    Dissected {
        at: at.split('.').next().unwrap().parse().unwrap(),
        transport: if is_stream { "tcp" } else { "udp" },
        from_port: from_port.parse().unwrap(),
        to_port: to_port.parse().unwrap(),
        what: [*method, *status].concat(),
    }
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < until, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// A certificate for 127.0.0.1, its key and its authority, as files.
fn certificate(folder: &Folder) -> [String; 3] {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let pair = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let made = params.signed_by(&pair, &authority).unwrap();
    [
        ("cert.pem", made.pem()),
        ("key.pem", pair.serialize_pem()),
        ("ca.pem", authority.pem()),
    ]
    .map(|(name, text)| folder.write(name, text).to_str().unwrap().to_owned())
}

#[test]
fn every_message_of_every_transport_is_dissected_as_sip() {
    let begun = now();
    let folder = Folder::new("certificate");
    let [cert, key, ca] = certificate(&folder);
    let (sip, tls) = (free_address(), free_address());
    let conf = Conf::timer()
        .sip(&format!("listen = udp:{sip} tcp:{sip} tls:{tls}"))
        .sip("trace = yes\nrequire-auth = yes\nsrtp = optional")
        .sip(&format!("tls-cert = {cert}\ntls-key = {key}"))
        .more("[user:desk]\npass = hush%1");
    let mut daemon = Daemon::spawn_at(&conf, sip);
    daemon.wait_ready();
    let call = |uri: &str| {
        let arguments = ["call", uri, "--user", "desk", "--pass", "hush%1"];
        let more = ["--duration", "0.5", "--srtp", "optional", "--tls-ca", &ca];
        let (code, text) = run(&daemon.folder, &[&arguments[..], &more].concat(), SOON * 2);
        assert_eq!(code, Some(0), "{text}");
    };
    call(&format!("sip:100@{}", daemon.sip));
    call(&format!("sip:100@{};transport=tcp", daemon.sip));
    call(&format!("sip:100@{tls};transport=tls"));
    assert_eq!(daemon.stop().0, Some(0));

    let file = daemon.folder.join("sip-trace.pcap");
    let all = dissected(&file);
    let ours = [daemon.sip.port(), tls.port()];
    for (transport, port) in [("udp", ours[0]), ("tcp", ours[0]), ("tcp", ours[1])] {
        let of: Vec<&Dissected> = all
            .iter()
            .filter(|m| m.transport == transport && (m.from_port == port || m.to_port == port))
            .collect();
        let (got, sent): (Vec<&Dissected>, Vec<&Dissected>) =
            of.into_iter().partition(|m| m.to_port == port);
        let names =
            |of: &[&Dissected]| -> BTreeSet<String> { of.iter().map(|m| m.what.clone()).collect() };
        for what in ["INVITE", "ACK", "BYE"] {
            assert!(names(&got).contains(what), "{transport} {what}: {got:?}");
        }
        for what in ["401", "200"] {
            assert!(names(&sent).contains(what), "{transport} {what}: {sent:?}");
        }
        assert!(!names(&got).contains("200") && !names(&sent).contains("INVITE"));
    }
    assert!(all.iter().all(|m| (begun..=now()).contains(&m.at)));
    assert!(all.is_sorted_by_key(|m| m.at));

    let bytes = std::fs::read(&file).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("inline:xxxxxxxxxxxxxxxx"));
    for (at, key) in text.match_indices("inline:") {
        let shown = text[at + key.len()..].lines().next().unwrap();
        assert!(shown.bytes().all(|b| b == b'x'), "{shown}");
    }
    assert!(text.contains("response=*") && text.contains("nonce=*"));
    assert!(!text.contains("hush"));
}

#[test]
fn the_trace_is_turned_on_and_off_while_the_daemon_runs() {
    let http = Http::new(free_address());
    let conf = || Conf::timer().more(&format!("[http]\nlisten = {}\n", http.at));
    let mut daemon = Daemon::start(&conf());
    daemon.process.wait_for("http: answering at", SOON);
    let file = daemon.folder.join("sip-trace.pcap");
    let has = |n: usize| {
        let n_options = || {
            let all = dissected(&file);
            all.iter().filter(|m| m.what == "OPTIONS").count()
        };
        wait_until(&format!("{n} OPTIONS"), || n_options() == n);
    };
    let ask = || assert!(daemon.phone().options(SOON).is_some());
    ask();
    assert!(!file.exists());
    daemon.process.signal("USR1");
    daemon.process.wait_for("every message is written to", SOON);
    ask();
    has(1);
    daemon.process.signal("USR1");
    daemon.process.wait_for("not written down any more", SOON);
    ask();
    has(1);
    // By the configuration too; what was there is kept as .old.
    daemon.write_conf(&conf().sip("trace = yes"));
    daemon.reload();
    daemon.process.wait_for("reloading: [sip] trace", SOON);
    wait_until("a new file", || {
        daemon.folder.join("sip-trace.pcap.old").exists()
    });
    ask();
    has(1);
    ask();
    has(2);
    // By a request, for a while; what the configuration wants has no end.
    let turn = |wanted: Value| {
        let headers = "content-type: application/json\r\n";
        let reply = http.ask("PUT", "/v1/trace", headers, &wanted.to_string());
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    };
    assert_eq!(turn(json!({"on": true}))["until"], Value::Null);
    daemon.write_conf(&conf());
    daemon.reload();
    wait_until("the end", || http.get("/v1/trace").json()["on"] == false);
    let on = turn(json!({"on": true, "minutes": 5}));
    assert!(on["until"].is_string() && on["size_bytes"] == 24, "{on}");
    ask();
    has(1);
    turn(json!({"on": true, "minutes": 10}));
    ask();
    has(2);
    let size = http.get("/v1/trace").json()["size_bytes"].as_u64();
    assert!(size > Some(500), "{size:?}");
    turn(json!({"on": true, "minutes": 0.02}));
    wait_until("its own end", || {
        http.get("/v1/trace").json()["on"] == false
    });
    ask();
    has(2);
    assert_eq!(turn(json!({"on": false}))["until"], Value::Null);
    let log = daemon.process.log();
    assert!(
        log.contains("sip trace: on for 5 min, asked for by"),
        "{log}"
    );
    assert_eq!(daemon.stop().0, Some(0));
}

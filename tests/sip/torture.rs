//! Does each message of RFC 4475 get what the RFC says it deserves?
//!
//! The messages themselves are kept beside the project, in `../shared/torture` or where
//! `PAGING_TORTURE` says; without them there is nothing to see here. The cases of our own in
//! `cases.rs` stand in for them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cases::{Outcome, Peer, Way, final_answer};
use crate::parts::{Phone, header};

/// A row of the table of expectations, by its column names.
type Row = BTreeMap<String, String>;

fn folder() -> Option<PathBuf> {
    let given = std::env::var_os("PAGING_TORTURE").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/torture");
    given
        .or(Some(beside))
        .filter(|folder| folder.join("expectations.csv").exists())
}

/// Splits a line at commas; quotes hold commas together and double themselves.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut quoted) = (vec![String::new()], false);
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                cells.last_mut().unwrap().push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            c => cells.last_mut().unwrap().push(c),
        }
    }
    cells
}

fn rows(table: &str) -> Vec<Row> {
    let mut lines = table.lines().map(cells);
    let names = lines.next().unwrap();
    let row = |cells: Vec<String>| names.iter().cloned().zip(cells).collect();
    lines.map(row).collect()
}

/// Whether a status is one of `405|2xx`.
fn is_among(list: &str, status: u16) -> bool {
    list.split('|').any(|one| match one.strip_suffix("xx") {
        Some(class) => class.parse() == Ok(status / 100),
        None => one.parse() == Ok(status),
    })
}

#[tokio::test]
async fn each_message_gets_the_answer_that_its_row_prefers() {
    let Some(folder) = folder() else {
        println!("skipped: no messages of RFC 4475 beside the project");
        return;
    };
    let rows = rows(&std::fs::read_to_string(folder.join("expectations.csv")).unwrap());
    let mut phone = Phone::new().await;
    let (mut wrong, mut n_preferred) = (Vec::new(), 0);
    for row in &rows {
        let raw = std::fs::read(folder.join(&row["file"])).unwrap();
        let way = match row["top_via_transport"].as_str() {
            "UDP" => Way::Udp,
            // What is told about TLS is about the message, not about the keys.
            _ => Way::Tcp,
        };
        let mut peer = Peer::towards(&phone, way).await;
        peer.send(&raw).await;
        let outcome = final_answer(&mut phone, &mut peer).await;
        let preferred = row["preferred"].as_str();
        let right = match outcome {
            Outcome::Nothing => preferred == "none",
            Outcome::Status(status, _) => is_among(preferred, status),
        };
        if let Outcome::Status(_, text) = &outcome {
            check_details(&row["id"], text);
        }
        n_preferred += usize::from(right);
        if !right {
            wrong.push(format!("{}: {outcome:?} is not {preferred}", row["id"]));
        }
        assert!(peer.lives(&phone).await, "{} broke the endpoint", row["id"]);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{n_preferred} of {} as preferred", rows.len());
}

/// What the notes of the table ask for beside the status.
fn check_details(id: &str, answer: &str) {
    let named = |name| header(answer, name).unwrap_or_default().to_owned();
    match id.rsplit(':').next().unwrap() {
        "dblreq" => assert!(named("CSeq").ends_with("REGISTER")),
        "bext01" => assert_eq!(
            named("Unsupported"),
            "nothingSupportsThis, nothingSupportsThisEither"
        ),
        "invut" => assert_eq!(named("Accept"), "application/sdp"),
        "intmeth" | "esc02" | "escnull" => assert!(named("Allow").contains("INVITE")),
        "transports" => {
            let vias = answer
                .lines()
                .filter(|l| l.to_lowercase().starts_with("via:"));
            let hosts: Vec<_> = vias
                .map(|via| via.split(['.', ' ']).nth(2).unwrap().to_owned())
                .collect();
            assert_eq!(hosts, ["0/UDP", "0/SCTP", "0/TLS", "0/UNKNOWN", "0/TCP"]);
        }
        _ => {}
    }
}

#[tokio::test]
async fn a_second_request_on_a_bare_branch_is_no_repeat() {
    let Some(folder) = folder() else {
        println!("skipped: no messages of RFC 4475 beside the project");
        return;
    };
    let raw = std::fs::read_to_string(folder.join("badbranch.dat")).unwrap();
    let mut phone = Phone::new().await;
    let mut peer = Peer::towards(&phone, Way::Udp).await;
    for call in ["one", "two"] {
        peer.send(raw.replace("badbranch.", call).as_bytes()).await;
        let Outcome::Status(_, answer) = final_answer(&mut phone, &mut peer).await else {
            panic!("no answer");
        };
        assert!(header(&answer, "Call-ID").unwrap().starts_with(call));
    }
}

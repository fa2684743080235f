//! What do the tools of SIPVicious find out about a daemon that anybody can reach?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon, run};
use common::folder::Folder;
use common::phone::Phone;
use common::turn;

const SOON: Duration = Duration::from_secs(20);

/// Where Debian installs the tools.
const TOOLS: &str = "/usr/share/sipvicious/sipvicious";

/// The tools, under a name that no list of scanners has.
struct Disguised(Folder);

impl Disguised {
    fn new() -> Self {
        let folder = Folder::new("scanners");
        let copied = Command::new("cp")
            .args(["-r", TOOLS])
            .arg(folder.path())
            .status();
        assert!(copied.unwrap().success(), "no SIPVicious; run scripts/test");
        let change = "s/friendly-scanner/Acme Phone 1.0/; s/\"sipvicious\"/\"desk\"/";
        let changed = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "sed -i '{change}' sipvicious/*.py sipvicious/libs/*.py"
            ))
            .current_dir(folder.path())
            .status();
        assert!(changed.unwrap().success());
        Self(folder)
    }

    /// All that a tool prints.
    fn run(&self, tool: &str, server: SocketAddr, arguments: &[&str]) -> String {
        let code = format!("from sipvicious.{tool} import main; main()");
        let mut command = Command::new("/usr/bin/python3");
        command
            .args(["-B", "-c", &code])
            .env("PYTHONPATH", self.0.path());
        printed(command, server, arguments)
    }
}

fn plain(tool: &str, server: SocketAddr, arguments: &[&str]) -> String {
    printed(Command::new(tool), server, arguments)
}

fn printed(command: Command, server: SocketAddr, arguments: &[&str]) -> String {
    // Without a limit svcrack waits for ever for who does not answer.
    let mut limited = Command::new("timeout");
    limited.args(["60"]).arg(command.get_program());
    limited.args(command.get_args()).args(arguments);
    for (name, value) in command.get_envs() {
        limited.env(name, value.unwrap());
    }
    limited.args(["-p", &server.port().to_string(), "127.0.0.1"]);
    let output = limited.env("TERM", "dumb").output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// The tools come from 127.0.0.1, the phone that has to go on from elsewhere.
fn others_call(daemon: &Daemon) {
    let mut phone = Phone::at("127.0.0.77", daemon.sip);
    phone.call("100", SOON);
    phone.hang_up();
}

fn daemon() -> Daemon {
    Daemon::start(&Conf::timer().more("[user:100]\npass = 12345\n[user:desk]\npass = hush%1"))
}

#[test]
fn tools_that_give_their_name_find_nothing() {
    let _turn = turn();
    for (tool, arguments) in [
        ("svmap", &[][..]),
        ("svwar", &["-e98-102"]),
        ("svcrack", &["-u", "100", "-r", "12340-12350"]),
    ] {
        let daemon = daemon();
        let text = plain(tool, daemon.sip, arguments);
        assert!(text.contains("found nothing"), "{tool}: {text}");
        daemon.process.wait_for(
            "127.0.0.1 is not listened to for 60 s: it is a scanner",
            SOON,
        );
        others_call(&daemon);
    }
}

#[test]
fn a_disguised_svwar_cannot_tell_users_from_others() {
    let _turn = turn();
    let tools = Disguised::new();
    for method in ["REGISTER", "INVITE"] {
        let daemon = Daemon::start(
            &Conf::timer()
                .sip("require-auth = yes")
                .more("[user:100]\npass = 12345"),
        );
        let text = tools.run("svwar", daemon.sip, &["-e98-102", "-m", method]);
        let lines: Vec<&str> = text.lines().collect();
        let found: Vec<&&str> = lines.iter().filter(|line| line.contains("| ")).collect();
        // Either none, or all of them in the same manner.
        let kinds: std::collections::BTreeSet<&str> = found
            .iter()
            .filter(|line| (98..=102).any(|n| line.contains(&n.to_string())))
            .map(|line| line.rsplit('|').nth(1).unwrap().trim())
            .collect();
        assert!(kinds.len() <= 1, "{method}: {text}");
        assert!(!kinds.contains("noauth"), "{method}: {text}");
    }
}

#[test]
fn a_disguised_svcrack_is_silenced_soon_and_longer_each_time() {
    let _turn = turn();
    let tools = Disguised::new();
    let mut daemon = daemon();
    let begun = Instant::now();
    // The right one is the 46th.
    let guess = ["-u", "100", "-r", "12300-12400", "--maximumtime=5"];
    let text = tools.run("svcrack", daemon.sip, &guess);
    assert!(!text.contains("12345"), "{text}");
    daemon.process.wait_for(
        "user \"100\" at 127.0.0.1 is not listened to for 60 s",
        SOON,
    );
    others_call(&daemon);
    // Who shares the address and knows a password gets in.
    let uri = format!("sip:100@{}", daemon.sip);
    let arguments = ["call", &uri, "--user", "desk", "--pass", "hush%1"];
    let (code, text) = run(
        &daemon.folder,
        &[&arguments[..], &["--duration", "0.3"]].concat(),
        SOON,
    );
    assert_eq!(code, Some(0), "{text}");
    println!("svcrack was done with after {:?}", begun.elapsed());
    let is_told = |status: &str| status.contains("1 source silenced");
    daemon.notify.wait_status(is_told, SOON).unwrap();
    assert_eq!(daemon.stop().0, Some(0));
    daemon.process.wait_for("kept out since the start", SOON);
    let log = daemon.process.log();
    let line = log.lines().find(|l| l.contains("kept out")).unwrap();
    assert!(line.contains("wrong passwords"), "{line}");
}

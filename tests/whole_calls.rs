//! Does the daemon go through every turn that a call can take, with SIPp as the caller?
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::daemon::{Conf, Daemon};
use common::folder::Folder;
use common::sipp::Sipp;
use common::{signal, turn};

const LONG: Duration = Duration::from_secs(40);

/// Each is a scenario of `tests/sipp`; all run at once, ten calls each.
const SCENARIOS: [&str; 4] = ["hold.xml", "move.xml", "late-offer.xml", "too-short.xml"];

#[test]
fn sipp_holds_moves_changes_codec_offers_late_and_asks_too_little() {
    let _turn = turn();
    let daemon = Daemon::start(&Conf::timer().calls("hold-concurrent = no"));
    let start = |scenario: &&str| {
        let arguments = ["-m", "10", "-r", "20", "-s", "100"];
        Sipp::start(scenario, daemon.sip, &arguments, &[])
    };
    let runs: Vec<_> = SCENARIOS.iter().map(start).collect();
    for (scenario, run) in SCENARIOS.iter().zip(runs) {
        let score = run.finish(LONG);
        let counted = (score.exit, score.n_succeeded, score.n_failed);
        assert_eq!(counted, (Some(0), 10, 0), "{scenario}: {score:?}");
    }
}

/// A klaxon of half a second, which the caller hears as well.
fn audible(folder: &Folder) -> Conf {
    let wav = folder.join("klaxon.wav");
    signal::write_wav(&wav, 8_000, &[&signal::sine(8_000, 800.0, 0.3, 0.5)]);
    Conf::timer()
        .audio(&format!("klaxon = {}", wav.display()))
        .calls("hold-concurrent = no\nannounce-to-caller = klaxon")
}

#[test]
fn the_caller_hears_the_klaxon_before_the_answer() {
    let _turn = turn();
    let folder = Folder::new("early");
    let daemon = Daemon::start(&audible(&folder));
    let mut phone = daemon.phone();
    phone.invite("100");
    let early = loop {
        let response = phone.response(LONG).expect("sound before the answer");
        if response.status() == 183 {
            break response;
        }
    };
    let answer = phone.answered(LONG);
    // The same session before and after.
    assert_eq!(early.body(), answer.body());
    let loud = phone.heard_loud();
    assert!(
        (20..=26).contains(&loud),
        "{loud} packets of 20 ms with sound"
    );
    phone.hang_up();
}

#[test]
fn sipp_acknowledges_the_klaxon_before_the_answer() {
    let _turn = turn();
    let folder = Folder::new("early");
    let daemon = Daemon::start(&audible(&folder));
    let arguments = ["-m", "10", "-r", "20", "-s", "100"];
    let score = Sipp::start("early.xml", daemon.sip, &arguments, &[]).finish(LONG);
    let counted = (score.exit, score.n_succeeded, score.n_failed);
    assert_eq!(counted, (Some(0), 10, 0), "{score:?}");
}

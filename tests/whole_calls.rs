//! Does the daemon go through every turn that a call can take, with SIPp as the caller?
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::daemon::{Conf, Daemon};
use common::sipp::Sipp;
use common::turn;

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

//! What becomes of held calls that no program has?

use super::held::site;
use super::site::ms;
use crate::base::CallId;
use crate::control::{CallState, Demand, Input, Way};

#[test]
fn a_call_of_nobody_is_for_whoever_joins_it_and_ends_a_minute_after_the_last() {
    let mut site = site();
    assert_eq!(
        site.sends_out(1, "line:kitchen"),
        "0.0 order 1 Err(Gone)",
        "a telephone is rung"
    );
    assert_eq!(site.sends_out(1, "relay:office"), "0.0 order 1 Ok(None)");
    let shown = site.snapshot().calls.remove(0);
    assert_eq!((shown.way, shown.state), (Way::Out, CallState::Ringing));
    assert_eq!(shown.desk.as_deref(), Some("relay:office"));
    // Neither a program at the relay nor one that joins before the answer has it.
    site.comes(7, "relay:office");
    site.joins(8, 1);
    site.feed(Input::CallAnswered { call: CallId(1) });
    site.goes(7);
    site.pass(ms(100_000));
    site.joins(9, 1);
    site.goes(8);
    site.pass(ms(100_000));
    site.goes(9);
    site.pass(ms(50_000));
    let keys = Demand::Press(CallId(1), "1".to_owned());
    assert_eq!(site.wants(keys), "250.0 order 1 Ok(None)");
    site.pass(ms(90_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 dial 0912 as #1 for relay:office",
            "0.0 tell nobody: #1 to 0912: dials",
            "0.0 record 1 of held #1 as relay:office-0912",
            "0.0 tell nobody: #1 to 0912: answered",
            "0.0 greet #1",
            "250.0 press 1 at #1",
            "310.0 tell nobody: #1 to 0912: over, no program talks with it",
            "310.0 end of 1",
            "310.0 hang up #1: no program talks with it",
        ]
    );
    assert_eq!(
        site.wants(Demand::Join(CallId(1))),
        "340.0 order 1 Err(Gone)"
    );
    site.assert_quiet();
}

#[test]
fn one_that_rings_while_no_program_is_there_is_answered_by_whoever_asks_or_the_next_that_comes() {
    let mut site = site();
    for call in 1..4 {
        site.dials(call, "501");
    }
    assert_eq!(
        site.wants(Demand::Answer(CallId(1))),
        "0.0 order 1 Ok(None)"
    );
    assert_eq!(site.wants(Demand::Join(CallId(1))), "0.0 order 1 Ok(None)");
    site.pass(ms(100));
    site.joins(8, 1);
    site.ends(2, "caller hung up");
    site.comes(7, "relay:night");
    site.pass(ms(100_000));
    site.wants(Demand::Answer(CallId(3)));
    site.pass(ms(100));
    site.goes(7);
    site.dials(4, "501");
    site.pass(ms(70_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 tell nobody: #1 from 101: rings",
            "0.0 ring #1",
            "0.0 tell nobody: #2 from 101: rings",
            "0.0 ring #2",
            "0.0 tell nobody: #3 from 101: rings",
            "0.0 ring #3",
            "0.0 hold #1 for relay:night",
            "0.0 tell nobody: #1 from 101: answered",
            "0.1 tell nobody: #2 from 101: ignored",
            "0.1 tell driver 7: #3 from 101: rings",
            "60.0 ring #3",
            "100.1 hold #3 for relay:night",
            "100.1 tell driver 7: #3 from 101: answered",
            "100.2 tell driver 7: #3 from 101: over, its program is gone",
            "100.2 hang up #3: its program is gone",
            "100.2 tell nobody: #4 from 101: rings",
            "100.2 ring #4",
            "160.2 tell nobody: #4 from 101: ignored",
            "160.2 refuse #4 480",
        ]
    );
    assert_eq!(site.snapshot().calls.len(), 1);
}

#[test]
fn a_number_for_tests_needs_no_program_and_ends_by_itself() {
    let mut site = site();
    site.dials(1, "9196");
    site.pass(ms(400_000));
    assert_eq!(
        site.seen(),
        [
            "0.0 hold #1 for test:echo",
            "0.0 tell test:echo: #1 from 101: answered",
            "300.0 tell test:echo: #1 from 101: over, the time limit",
            "300.0 hang up #1: the time limit",
        ]
    );
    site.assert_quiet();
}

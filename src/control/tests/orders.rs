//! Is what users ask for done exactly as far as they may?

use super::ranks::{clip, start};
use super::site::{Site, ms, policy, without_klaxon};
use crate::base::{CallId, ZoneId, ZoneSet};
use crate::control::{Demand, Input, Order, OrderId, Policy, Rights, Role, Start};
use crate::page::{Busy, Outcome, PageId, Phase, Priority};

fn site() -> Site {
    Site::new(Policy {
        zones: ZoneSet::first(3),
        ..without_klaxon()
    })
}

fn rights(role: Role, zones: &[u16]) -> Rights {
    Rights {
        role,
        zones: Some(zones.iter().map(|id| ZoneId(*id)).collect()),
    }
}

impl Site {
    /// What is answered, as the line of the order says it.
    fn ordered(&mut self, by: Rights, what: Demand) -> String {
        let id = OrderId(1);
        self.timeline.clear();
        self.feed(Input::Order(Order { id, by, what }));
        let answer = self
            .timeline
            .iter()
            .find_map(|it| it.split_once(" order 1 "));
        answer.expect("every order is answered").1.to_owned()
    }
}

#[test]
fn a_page_is_begun_by_who_may_and_shown_with_its_zones() {
    let mut site = site();
    let gong = start("gong", &[0, 1], 1);
    let viewer = rights(Role::Viewer, &[0, 1]);
    assert_eq!(
        site.ordered(viewer, Demand::Page(Box::new(gong.clone()))),
        "Err(Role(Operator))"
    );
    let narrow = rights(Role::Operator, &[0]);
    assert!(
        site.ordered(narrow, Demand::Page(Box::new(gong.clone())))
            .starts_with("Err(Zones(")
    );
    let urgent = Start {
        priority: Priority(200),
        ..gong.clone()
    };
    let operator = rights(Role::Operator, &[0, 1]);
    assert_eq!(
        site.ordered(operator, Demand::Page(Box::new(urgent))),
        "Err(Priority(Priority(199)))"
    );
    assert_eq!(site.core.snapshot().pages, []);
    let began = site.ordered(operator, Demand::Page(Box::new(gong)));
    let shown = site.core.snapshot().pages;
    assert_eq!(began, format!("Ok(Some({:?}))", shown[0].page));
    assert_eq!((shown[0].phase, shown[0].call), (Phase::Live, None));
    assert_eq!(
        (shown[0].wanted, shown[0].heard),
        (ZoneSet::first(2), ZoneSet::first(2))
    );
    site.pass(ms(5_000));
    assert_eq!(site.outcomes[&shown[0].page], Outcome::Heard);
    assert_eq!(site.core.snapshot().pages, []);
}

#[test]
fn what_cannot_be_is_told_at_once_and_leaves_nothing() {
    let mut site = site();
    let gong = start("gong", &[0], 1);
    let reject = Start {
        busy: Busy::Reject,
        ..gong.clone()
    };
    site.ordered(Rights::ALL, Demand::Page(Box::new(gong.clone())));
    assert_eq!(
        site.ordered(Rights::ALL, Demand::Page(Box::new(reject))),
        "Err(Busy)"
    );
    site.feed(Input::SoundDown {
        why: "gone".to_owned(),
    });
    assert_eq!(
        site.ordered(Rights::ALL, Demand::Page(Box::new(gong.clone()))),
        "Err(NoSound)"
    );
    assert_eq!(
        site.ordered(Rights::ALL, Demand::Stop(PageId(99))),
        "Err(Gone)"
    );
    assert_eq!(
        site.ordered(Rights::ALL, Demand::HangUp(CallId(99))),
        "Err(Gone)"
    );
    site.feed(Input::Shutdown);
    assert_eq!(
        site.ordered(Rights::ALL, Demand::Page(Box::new(gong))),
        "Err(ShuttingDown)"
    );
}

#[test]
fn calls_and_pages_are_ended_by_who_may() {
    let mut site = Site::new(policy());
    site.arrives(1);
    site.pass(ms(3_000));
    let viewer = rights(Role::Viewer, &[0]);
    let (call, page) = (CallId(1), site.core.snapshot().pages[0].page);
    for what in [Demand::HangUp(call), Demand::Stop(page)] {
        assert_eq!(site.ordered(viewer, what.clone()), "Err(Role(Operator))");
        let elsewhere = rights(Role::Admin, &[1]);
        assert!(site.ordered(elsewhere, what).starts_with("Err(Zones("));
    }
    let operator = rights(Role::Operator, &[0]);
    assert_eq!(site.ordered(operator, Demand::HangUp(call)), "Ok(None)");
    assert!(site.core.snapshot().calls.is_empty());
    site.pass(ms(1_000));
    site.arrives(2);
    site.pass(ms(3_000));
    let page = site.core.snapshot().pages[0].page;
    assert_eq!(site.ordered(operator, Demand::Stop(page)), "Ok(None)");
    assert!(site.core.snapshot().pages.is_empty());
}

#[test]
fn a_sound_that_was_made_for_one_page_goes_with_it() {
    let mut site = site();
    let once = |length: u32, zones: &[u16], busy: Busy| {
        let clip = clip(length);
        Demand::PageOnce(Box::new(Start {
            busy,
            clip,
            ..start("text", zones, 1)
        }))
    };
    let is_forgotten = |site: &Site, length: u32| {
        let line = format!("forget {length}");
        site.timeline.iter().any(|it| it.ends_with(&line))
    };
    let began = site.ordered(Rights::ALL, once(2_000, &[0], Busy::Queue));
    assert!(began.starts_with("Ok(Some("), "{began}");
    site.pass(ms(1_500));
    assert!(!is_forgotten(&site, 2_000), "{:?}", site.timeline);
    site.pass(ms(5_000));
    assert!(is_forgotten(&site, 2_000), "{:?}", site.timeline);

    site.ordered(Rights::ALL, once(2_001, &[0], Busy::Queue));
    let viewer = rights(Role::Viewer, &[0]);
    for (by, length, busy, answer) in [
        (Rights::ALL, 2_002, Busy::Reject, "Err(Busy)"),
        (viewer, 2_003, Busy::Queue, "Err(Role(Operator))"),
        (Rights::ALL, 21 * 60_000, Busy::Mix, "Err(TooMany)"),
    ] {
        assert_eq!(site.ordered(by, once(length, &[0], busy)), answer);
        assert!(is_forgotten(&site, length), "{answer}: {:?}", site.timeline);
    }
}

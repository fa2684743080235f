//! Does a user change exactly what they may, and is it told who did?

use std::time::Instant;

use super::site::policy;
use crate::base::{Db, ZoneId, ZoneSet};
use crate::control::{
    About, Change, Core, Demand, Effect, Input, Note, Order, OrderId, Policy, Rights, Role,
};
use crate::music::{self, Minute, Moment};
use crate::page::Priority;

fn core() -> Core {
    let policy = Policy {
        zones: ZoneSet::first(2),
        music: vec!["radio".to_owned()].into_iter().collect(),
        ..policy()
    };
    Core::new(policy, Instant::now())
}

fn change(needs: Role, priority: u8) -> Change {
    Change {
        who: "bob".to_owned(),
        what: "schedule lesson".to_owned(),
        text: "does not ring any more".to_owned(),
        needs,
        priority: Priority(priority),
        zones: ZoneSet::first(1),
        music: None,
    }
}

fn of_music(demands: Vec<music::Demand>) -> Change {
    let at = Moment {
        day: 1,
        minute: Minute::new(9, 0).unwrap(),
    };
    Change {
        what: "music in hall".to_owned(),
        music: Some((demands, at)),
        ..change(Role::Operator, 0)
    }
}

/// The answer, and what else was done.
fn ordered(core: &mut Core, by: Rights, change: Change) -> (String, Vec<Effect>) {
    let what = Demand::Change(Box::new(change));
    let id = OrderId(1);
    core.handle(Input::Order(Order { id, by, what }), Instant::now());
    let mut effects: Vec<Effect> = std::iter::from_fn(|| core.poll()).collect();
    let Some(Effect::Ordered { answer, .. }) = effects.pop() else {
        panic!("no answer: {effects:?}");
    };
    (format!("{answer:?}"), effects)
}

fn rights(role: Role, zone: u16) -> Rights {
    Rights {
        role,
        zones: Some(ZoneId(zone).into()),
    }
}

#[test]
fn role_priority_and_zones_decide_and_what_was_done_names_who_did_it() {
    let mut core = core();
    let (operator, elsewhere) = (rights(Role::Operator, 0), rights(Role::Operator, 1));
    let bell = || change(Role::Operator, 100);
    let rows = [
        (rights(Role::Viewer, 0), bell(), "Err(Role(Operator))"),
        (operator, change(Role::Admin, 0), "Err(Role(Admin))"),
        (
            operator,
            change(Role::Operator, 200),
            "Err(Priority(Priority(199)))",
        ),
    ];
    for (by, change, expected) in rows {
        assert_eq!(
            ordered(&mut core, by, change),
            (expected.to_owned(), Vec::new())
        );
    }
    let (strange, _) = ordered(&mut core, elsewhere, bell());
    assert!(strange.starts_with("Err(Zones("), "{strange}");
    let (done, effects) = ordered(&mut core, operator, bell());
    assert_eq!(done, "Ok(None)");
    let [Effect::Log(Note { about, text, .. })] = &effects[..] else {
        panic!("{effects:?}");
    };
    assert_eq!(
        *about,
        About::Change {
            who: "bob".to_owned(),
            what: "schedule lesson".to_owned(),
        }
    );
    assert_eq!(
        text,
        "schedule lesson: does not ring any more, asked for by bob"
    );
    core.handle(Input::Shutdown, Instant::now());
    while core.poll().is_some() {}
    assert_eq!(ordered(&mut core, operator, bell()).0, "Err(ShuttingDown)");
}

#[test]
fn music_is_changed_all_together_or_not_at_all() {
    let mut core = core();
    let operator = rights(Role::Operator, 0);
    let zones = ZoneSet::first(1);
    let play = |name: &str| music::Demand::Play {
        zones,
        source: Some(name.to_owned()),
    };
    let softer = music::Demand::Volume {
        zones,
        to: Db(-12.0),
    };
    let wrong = of_music(vec![softer.clone(), play("lounge")]);
    assert_eq!(
        ordered(&mut core, operator, wrong),
        ("Err(Gone)".to_owned(), Vec::new())
    );
    let right = of_music(vec![play("radio"), softer]);
    let (done, effects) = ordered(&mut core, operator, right);
    assert_eq!(done, "Ok(None)");
    let Some(Effect::Music { hand }) = effects.last() else {
        panic!("{effects:?}");
    };
    let now = Moment {
        day: 1,
        minute: Minute::new(10, 0).unwrap(),
    };
    let never = music::Timetable::<()>::empty();
    assert_eq!(hand.source(ZoneId(0), &never, now), Some(Some("radio")));
    assert_eq!(hand.volume(ZoneId(0), &never, now), Some(Db(-12.0)));
    let source = "radio".to_owned();
    let next = of_music(vec![music::Demand::Next { source }]);
    let (_, effects) = ordered(&mut core, operator, next);
    assert!(
        matches!(effects.last(), Some(Effect::NextPiece { .. })),
        "{effects:?}"
    );
}

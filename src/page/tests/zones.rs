//! Which pages wait for which, one scenario a sentence.

use std::time::{Duration, Instant};

use super::{ask, tone, zones};
use crate::base::PlayId;
use crate::page::{Ask, Busy, Event, Machine, Output, PageId};

fn drain(machine: &mut Machine) -> Vec<Event> {
    std::iter::from_fn(|| machine.poll()).collect()
}

/// The pages granted by what was just done.
fn granted(machine: &mut Machine) -> Vec<u64> {
    let mut granted = Vec::new();
    for event in drain(machine) {
        if let Event::Granted { page, .. } = event {
            granted.push(page.0);
        }
    }
    granted
}

#[test]
fn pages_in_different_zones_do_not_wait_for_each_other() {
    let now = Instant::now();
    let mut machine = Machine::new(Output::Up);
    machine.handle_ask(PageId(1), ask(&[0, 1], Busy::Queue), now);
    machine.handle_ask(PageId(2), ask(&[2], Busy::Queue), now);
    assert_eq!(granted(&mut machine), [1, 2]);
}

#[test]
fn a_page_waits_until_all_its_zones_are_free() {
    let now = Instant::now();
    let mut machine = Machine::new(Output::Up);
    machine.handle_ask(PageId(1), ask(&[0], Busy::Queue), now);
    machine.handle_ask(PageId(2), ask(&[1], Busy::Queue), now);
    drain(&mut machine);
    machine.handle_ask(PageId(3), ask(&[0, 1], Busy::Queue), now);
    let (page, n_before) = (PageId(3), 2);
    assert_eq!(drain(&mut machine), [Event::Queued { page, n_before }]);
    machine.handle_end(PageId(1), now);
    assert_eq!(granted(&mut machine), [0; 0]);
    machine.handle_end(PageId(2), now);
    assert_eq!(granted(&mut machine), [3]);
}

#[test]
fn nobody_overtakes_into_a_zone_that_an_earlier_page_waits_for() {
    let now = Instant::now();
    let mut machine = Machine::new(Output::Up);
    machine.handle_ask(PageId(1), ask(&[0], Busy::Queue), now);
    machine.handle_ask(PageId(2), ask(&[0, 1], Busy::Queue), now);
    machine.handle_ask(PageId(3), ask(&[1], Busy::Queue), now);
    machine.handle_ask(PageId(4), ask(&[2], Busy::Queue), now);
    assert_eq!(granted(&mut machine), [1, 4]);
    machine.handle_end(PageId(2), now);
    assert_eq!(granted(&mut machine), [3]);
}

#[test]
fn a_mixing_page_waits_for_nobody_but_a_queueing_one_waits_for_it() {
    let now = Instant::now();
    let mut machine = Machine::new(Output::Up);
    machine.handle_ask(PageId(1), ask(&[0], Busy::Queue), now);
    machine.handle_ask(PageId(2), ask(&[0], Busy::Mix), now);
    machine.handle_ask(PageId(3), ask(&[0], Busy::Queue), now);
    assert_eq!(granted(&mut machine), [1, 2]);
    machine.handle_end(PageId(1), now);
    assert_eq!(granted(&mut machine), [0; 0]);
    machine.handle_end(PageId(2), now);
    assert_eq!(granted(&mut machine), [3]);
}

#[test]
fn a_revised_page_keeps_its_place_and_a_started_one_stays_as_it_is() {
    let now = Instant::now();
    let mut machine = Machine::new(Output::Up);
    for page in 1..=3 {
        machine.handle_ask(PageId(page), ask(&[0], Busy::Queue), now);
    }
    drain(&mut machine);
    machine.handle_revised(PageId(2), ask(&[0, 1], Busy::Queue), now);
    machine.handle_revised(PageId(1), ask(&[7], Busy::Queue), now);
    machine.handle_end(PageId(1), now);
    assert_eq!(granted(&mut machine), [2]);
    machine.handle_revised(PageId(3), ask(&[2], Busy::Queue), now);
    assert_eq!(granted(&mut machine), [3]);
}

#[test]
fn the_queue_stands_still_without_sound() {
    let now = Instant::now();
    let mut machine = Machine::new(Output::Down);
    machine.handle_ask(PageId(1), ask(&[0], Busy::Queue), now);
    machine.handle_ask(PageId(2), ask(&[0], Busy::Mix), now);
    assert_eq!(granted(&mut machine), [0; 0]);
    machine.handle_output(Output::Up, now);
    assert_eq!(granted(&mut machine), [1, 2]);
}

#[test]
fn only_the_zones_that_are_left_get_their_music_back() {
    let mut machine = Machine::new(Output::Up);
    let now = Instant::now();
    for (page, ids) in [(1, [0, 1]), (2, [1, 2])] {
        machine.handle_ask(PageId(page), ask(&ids, Busy::Mix), now);
        machine.handle_begin(PageId(page), now);
        machine.handle_speak(PageId(page), now);
    }
    let events = drain(&mut machine);
    for ids in [&[0, 1][..], &[2]] {
        let zones = zones(ids);
        assert!(events.contains(&Event::Ducked { zones }));
    }
    machine.handle_end(PageId(1), now);
    let back = zones(&[0]);
    let released = Event::Released { zones: back };
    assert!(drain(&mut machine).contains(&released));
    assert_eq!(machine.ducked(), zones(&[1, 2]));
}

#[test]
fn a_taken_over_zone_stays_ducked_and_another_waits_for_its_first_sound() {
    let mut machine = Machine::new(Output::Up);
    let now = Instant::now();
    machine.handle_ask(PageId(1), ask(&[0], Busy::Queue), now);
    machine.handle_begin(PageId(1), now);
    machine.handle_speak(PageId(1), now);
    machine.handle_ask(PageId(2), ask(&[0, 1], Busy::Queue), now);
    machine.handle_end(PageId(1), now);
    assert_eq!(machine.ducked(), zones(&[0]));
    machine.handle_begin(PageId(2), now);
    machine.handle_speak(PageId(2), now);
    assert_eq!(machine.ducked(), zones(&[0, 1]));
}

#[test]
fn verbs_out_of_place_do_nothing() {
    let mut machine = Machine::new(Output::Up);
    let now = Instant::now();
    let klaxon = tone(Duration::from_secs(1), 0.0);
    let wanted = ask(&[0], Busy::Queue);
    machine.handle_ask(PageId(1), Ask { klaxon, ..wanted }, now);
    drain(&mut machine);
    machine.handle_speak(PageId(1), now);
    machine.handle_end(PageId(9), now);
    machine.handle_begin(PageId(9), now);
    machine.handle_play_ended(PlayId(9), now);
    assert_eq!(drain(&mut machine), []);
    machine.handle_begin(PageId(1), now);
    drain(&mut machine);
    machine.handle_begin(PageId(1), now);
    machine.handle_speak(PageId(1), now);
    assert_eq!(drain(&mut machine), []);
}

#[test]
fn an_engine_that_forgot_is_told_who_is_live_and_what_is_ducked() {
    let mut machine = Machine::new(Output::Up);
    let now = Instant::now();
    for page in 1..=2 {
        machine.handle_ask(PageId(page), ask(&[page as u16], Busy::Queue), now);
    }
    machine.handle_begin(PageId(2), now);
    machine.handle_speak(PageId(2), now);
    drain(&mut machine);
    machine.restate();
    let zones = zones(&[2]);
    let page = PageId(2);
    assert_eq!(
        drain(&mut machine),
        [Event::Ducked { zones }, Event::Voice { page, zones }]
    );
}

#[test]
fn a_page_is_in_the_way_of_those_who_wait_for_its_zones() {
    let now = Instant::now();
    let mut machine = Machine::new(Output::Up);
    machine.handle_ask(PageId(1), ask(&[0], Busy::Queue), now);
    machine.handle_ask(PageId(2), ask(&[1], Busy::Queue), now);
    machine.handle_ask(PageId(3), ask(&[1], Busy::Mix), now);
    let in_the_way = |machine: &Machine| -> Vec<u64> {
        let is_in_the_way = |page: &u64| machine.is_in_the_way(PageId(*page));
        (1..=4).filter(is_in_the_way).collect()
    };
    assert_eq!(in_the_way(&machine), [0; 0]);
    machine.handle_ask(PageId(4), ask(&[0], Busy::Queue), now);
    assert_eq!(in_the_way(&machine), [1]);
    machine.handle_end(PageId(1), now);
    assert_eq!(in_the_way(&machine), [0; 0]);
}

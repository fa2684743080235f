//! Who gives way to whom, one scenario a sentence.

use std::time::{Duration, Instant};

use super::{ask, zones};
use crate::page::{
    Ask, Busy, Event, Extent, Hearing, Limit, Machine, Outcome, Output, Over, PageId, Priority,
    Source, Tone, Warning,
};

const SECOND: Duration = Duration::from_secs(1);

struct Room {
    machine: Machine,
    now: Instant,
}

impl Room {
    fn new() -> Self {
        Self {
            machine: Machine::new(Output::Up),
            now: Instant::now(),
        }
    }

    fn asks(&mut self, page: u64, ask: Ask) {
        self.machine.handle_ask(PageId(page), ask, self.now);
    }

    /// A page of this priority that is live at once, if it can be.
    fn speaks(&mut self, page: u64, ids: &[u16], priority: u8) {
        self.asks(page, ranked(ids, priority));
        self.machine.handle_begin(PageId(page), self.now);
        self.machine.handle_speak(PageId(page), self.now);
    }

    fn ends(&mut self, page: u64) {
        self.machine.handle_close(PageId(page), self.now);
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
        self.machine.handle_timeout(self.now);
    }

    fn seen(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.machine.poll()).collect()
    }

    fn voices(&mut self) -> Vec<(u64, Vec<u16>)> {
        let voice = |event| {
            let Event::Voice { page, zones } = event else {
                return None;
            };
            Some((page.0, zones.iter().map(|it| it.0).collect()))
        };
        self.seen().into_iter().filter_map(voice).collect()
    }

    fn overs(&mut self) -> Vec<(u64, Over, Hearing)> {
        let over = |event| {
            let Event::Over { page, how, hearing } = event else {
                return None;
            };
            Some((page.0, how, hearing))
        };
        self.seen().into_iter().filter_map(over).collect()
    }
}

fn ranked(ids: &[u16], priority: u8) -> Ask {
    Ask {
        priority: Priority(priority),
        ..ask(ids, Busy::Queue)
    }
}

fn message(ids: &[u16], times: u32) -> Ask {
    Ask {
        source: Source::Message {
            duration: SECOND,
            times,
        },
        ..ask(ids, Busy::Queue)
    }
}

#[test]
fn a_higher_page_takes_just_the_zones_that_it_needs_and_gives_them_back() {
    let mut room = Room::new();
    room.speaks(1, &[0, 1, 2], 100);
    room.seen();
    room.speaks(2, &[2, 3], 150);
    assert_eq!(room.voices(), [(1, vec![0, 1]), (2, vec![2, 3])]);
    room.ends(2);
    assert_eq!(room.voices(), [(1, vec![0, 1, 2])]);
    room.ends(1);
    let hearing = Hearing {
        zones: zones(&[0, 1, 2]),
        reached: zones(&[0, 1, 2]),
        missed: zones(&[2]),
    };
    assert_eq!(hearing.outcome(), Outcome::PartlyHeard);
    assert_eq!(room.overs(), [(1, Over::Finished, hearing)]);
}

#[test]
fn a_live_page_that_loses_all_its_zones_is_silent_until_one_comes_back() {
    let mut room = Room::new();
    room.speaks(1, &[0], 100);
    room.speaks(2, &[0, 1], 200);
    assert_eq!(room.voices(), [(1, vec![0]), (1, vec![]), (2, vec![0, 1])]);
    assert_eq!(room.machine.ducked(), zones(&[0, 1]));
    room.ends(2);
    assert_eq!(room.voices(), [(1, vec![0])]);
    assert_eq!(room.machine.ducked(), zones(&[0]));
}

#[test]
fn a_page_that_loses_all_its_zones_before_its_first_word_waits_again_klaxon_and_all() {
    let mut room = Room::new();
    let klaxon = super::tone(SECOND, 0.0);
    room.asks(
        1,
        Ask {
            klaxon,
            ..ranked(&[0], 100)
        },
    );
    room.machine.handle_begin(PageId(1), room.now);
    room.seen();
    room.speaks(2, &[0], 101);
    let seen = room.seen();
    let (page, n_before) = (PageId(1), 1);
    assert!(seen.contains(&Event::Queued { page, n_before }), "{seen:?}");
    assert!(seen.iter().any(|it| matches!(it, Event::StopPlay { .. })));
    room.ends(2);
    let zones = zones(&[0]);
    assert!(room.seen().contains(&Event::Granted { page, zones }));
}

#[test]
fn an_emergency_waits_for_no_lesser_page_but_for_an_earlier_emergency_of_its_rank() {
    let mut room = Room::new();
    room.speaks(1, &[0, 1], 199);
    room.speaks(2, &[0], 200);
    room.speaks(3, &[0], 200);
    room.speaks(4, &[0, 1], 150);
    assert_eq!(room.voices(), [(1, vec![0, 1]), (1, vec![1]), (2, vec![0])]);
    room.ends(2);
    let page = PageId(3);
    assert!(room.seen().contains(&Event::Granted {
        page,
        zones: zones(&[0])
    }));
}

#[test]
fn a_partial_page_begins_where_it_can_and_joins_the_rest_later() {
    let mut room = Room::new();
    room.speaks(1, &[0], 100);
    let extent = Extent::Partial;
    room.asks(
        2,
        Ask {
            extent,
            ..ranked(&[0, 1], 100)
        },
    );
    let page = PageId(2);
    assert!(room.seen().contains(&Event::Granted {
        page,
        zones: zones(&[1])
    }));
    room.machine.handle_begin(page, room.now);
    room.machine.handle_speak(page, room.now);
    // Who comes later does not get in between.
    room.asks(3, ranked(&[0], 100));
    room.ends(1);
    assert_eq!(room.voices(), [(2, vec![1]), (2, vec![0, 1])]);
}

#[test]
fn a_page_that_rejects_is_over_when_its_zones_are_busy_and_one_that_expires_after_its_time() {
    let mut room = Room::new();
    room.speaks(1, &[0], 100);
    room.asks(2, ask(&[0, 1], Busy::Reject));
    let expires_at = Some(room.now + SECOND);
    room.asks(
        3,
        Ask {
            expires_at,
            ..ask(&[0], Busy::Queue)
        },
    );
    let over = |page, how, ids: &[u16]| {
        let zones = zones(ids);
        (
            page,
            how,
            Hearing {
                zones,
                ..Hearing::default()
            },
        )
    };
    assert_eq!(room.overs(), [over(2, Over::Rejected, &[0, 1])]);
    room.pass(SECOND);
    assert_eq!(room.overs(), [over(3, Over::Expired, &[0])]);
}

#[test]
fn a_message_is_played_so_often_and_ends_by_itself() {
    let mut room = Room::new();
    room.asks(1, message(&[0], 2));
    room.machine.handle_begin(PageId(1), room.now);
    let mut plays = Vec::new();
    for _ in 0..4 {
        for event in room.seen() {
            if let Event::Play { play, tone, .. } = event {
                plays.push((play, tone));
                room.machine.handle_play_ended(play, room.now);
            }
        }
    }
    assert_eq!(plays.len(), 2);
    assert!(plays.iter().all(|(_, tone)| *tone == Tone::Message));
    assert!(room.machine.ducked().is_empty());
    assert_eq!(room.machine.poll_timeout(), None);
}

#[test]
fn a_message_that_was_displaced_begins_again_when_its_zones_come_back() {
    let mut room = Room::new();
    room.asks(1, message(&[0], 1));
    room.machine.handle_begin(PageId(1), room.now);
    room.seen();
    room.speaks(2, &[0], 200);
    assert!(
        room.seen()
            .iter()
            .any(|it| matches!(it, Event::StopPlay { .. }))
    );
    room.ends(2);
    let again = |it: &Event| {
        matches!(
            it,
            Event::Play {
                tone: Tone::Message,
                ..
            }
        )
    };
    assert!(room.seen().iter().any(again));
}

#[test]
fn a_limit_warns_first_and_an_end_tone_follows_the_last_word() {
    let mut room = Room::new();
    let warning = Some(Warning {
        before: SECOND,
        tone: Some(SECOND / 4),
    });
    let limit = Some(Limit {
        span: 5 * SECOND,
        warning,
    });
    let end_tone = Some(SECOND);
    room.asks(
        1,
        Ask {
            limit,
            end_tone,
            ..ranked(&[0], 100)
        },
    );
    room.machine.handle_begin(PageId(1), room.now);
    room.machine.handle_speak(PageId(1), room.now);
    room.seen();
    let tones = |room: &mut Room| -> Vec<Tone> {
        let tone = |event| {
            let Event::Play { tone, .. } = event else {
                return None;
            };
            Some(tone)
        };
        room.seen().into_iter().filter_map(tone).collect()
    };
    room.pass(4 * SECOND - Duration::from_millis(1));
    assert_eq!(tones(&mut room), []);
    room.pass(Duration::from_millis(1));
    assert_eq!(tones(&mut room), [Tone::Warning]);
    room.pass(SECOND);
    assert_eq!(tones(&mut room), [Tone::End]);
    assert_eq!(room.machine.ducked(), zones(&[0]));
    room.pass(3 * SECOND);
    assert!(room.machine.ducked().is_empty());
}

#[test]
fn amplifiers_have_their_quiet_before_the_first_tone() {
    let mut room = Room::new();
    let klaxon = super::tone(SECOND, 0.0);
    let pre_roll = SECOND / 2;
    room.asks(
        1,
        Ask {
            klaxon,
            pre_roll,
            ..ranked(&[0], 100)
        },
    );
    room.machine.handle_begin(PageId(1), room.now);
    let plays = |room: &mut Room| {
        room.seen()
            .iter()
            .any(|it| matches!(it, Event::Play { .. }))
    };
    assert!(!plays(&mut room));
    assert_eq!(room.machine.ducked(), zones(&[0]));
    room.pass(pre_roll);
    assert!(plays(&mut room));
}

//! What is retained at the broker, what should be, and what is to be published next?
//!
//! Only what differs is published. What somebody has left there before, such as ourselves before a
//! restart with another configuration, is taken away.

use std::collections::{BTreeMap, BTreeSet};

use super::discovery::{Device, entities};

/// Something to publish, to be retained; nothing takes away what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Post {
    /// The whole name of the topic.
    pub(super) topic: String,
    pub(super) payload: String,
}

/// One broker, from one connection to the next.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// By whole names of topics.
    wanted: BTreeMap<String, String>,
    device: Option<Device>,
    /// Published by this connection.
    known: BTreeMap<String, String>,
    /// Where something else is wanted than is known.
    stale: BTreeSet<String>,
    /// Left by somebody before.
    strange: BTreeSet<String>,
    /// Entities that Home Assistant knows by this connection, and their platforms.
    entities: BTreeMap<String, String>,
    /// Those that it has to forget first.
    gone: BTreeMap<String, String>,
    /// Once something is wanted; before, nothing can be told to be strange.
    is_begun: bool,
}

impl Board {
    /// This shall be there, and nothing else.
    pub(super) fn want(&mut self, states: BTreeMap<String, String>, device: Option<Device>) {
        self.is_begun = true;
        self.wanted = states;
        if let Some(device) = &device {
            let document = device.document(&BTreeMap::new());
            self.wanted.insert(device.topic.clone(), document);
        }
        let topics = self.wanted.keys().chain(self.known.keys());
        let differs = |topic: &&String| self.wanted.get(*topic) != self.known.get(*topic);
        self.stale = topics.filter(differs).cloned().collect();
        self.device = device;
        self.miss_entities();
    }

    /// The broker has something retained there.
    pub(super) fn found(&mut self, topic: &str, payload: &[u8], is_device: bool) {
        if payload.is_empty() {
            return;
        }
        if is_device {
            self.entities.extend(entities(payload));
            if self.is_begun {
                self.miss_entities();
            }
        }
        if !self.known.contains_key(topic) {
            self.strange.insert(topic.to_owned());
        }
    }

    /// Home Assistant has started.
    pub(super) fn introduce(&mut self) {
        let topic = self.device.as_ref().map(|device| device.topic.clone());
        self.stale.extend(topic);
    }

    /// A new connection: nobody knows what is there.
    pub(super) fn forget(&mut self) {
        self.known.clear();
        self.strange.clear();
        self.entities.clear();
        self.gone.clear();
        self.stale = self.wanted.keys().cloned().collect();
    }

    /// The next thing to publish; `posted` follows, or it is the next one again.
    pub(super) fn next(&self) -> Option<Post> {
        if !self.is_begun {
            return None;
        }
        if let Some(device) = self.device.as_ref().filter(|_| !self.gone.is_empty()) {
            return Some(Post {
                topic: device.topic.clone(),
                payload: device.document(&self.gone),
            });
        }
        let strange = || {
            self.strange
                .iter()
                .find(|it| !self.wanted.contains_key(*it))
        };
        let topic = self.stale.first().or_else(strange)?;
        Some(Post {
            topic: topic.clone(),
            payload: self.wanted.get(topic).cloned().unwrap_or_default(),
        })
    }

    /// It is on its way.
    pub(super) fn posted(&mut self, post: Post) {
        let device = self.device.as_ref();
        let is_device = device.is_some_and(|device| device.topic == post.topic);
        self.strange.remove(&post.topic);
        if is_device && !self.gone.is_empty() {
            // They are told once more without.
            for id in std::mem::take(&mut self.gone).keys() {
                self.entities.remove(id);
            }
            self.stale.insert(post.topic);
            return;
        }
        if is_device {
            self.entities = device.map(Device::platforms).unwrap_or_default();
        }
        self.stale.remove(&post.topic);
        if post.payload.is_empty() {
            self.known.remove(&post.topic);
        } else {
            self.known.insert(post.topic, post.payload);
        }
    }

    /// All that is to be taken away, for good.
    pub(super) fn leave(self) -> Vec<Post> {
        let topics: BTreeSet<String> = self.known.into_keys().chain(self.strange).collect();
        let empty = |topic| Post {
            topic,
            payload: String::new(),
        };
        topics.into_iter().map(empty).collect()
    }

    fn miss_entities(&mut self) {
        let Some(device) = &self.device else {
            return;
        };
        let there = device.platforms();
        let is_gone = |id: &String| !there.contains_key(id);
        let gone = self.entities.iter().filter(|(id, _)| is_gone(id));
        self.gone = gone.map(|(id, it)| (id.clone(), it.clone())).collect();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::picture::tests::zone;
    use super::super::settings::{House, Places};
    use super::*;
    use crate::api::{Music, Site};

    fn states(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        let text = |(topic, payload): &(&str, &str)| ((*topic).to_owned(), (*payload).to_owned());
        all.iter().map(text).collect()
    }

    fn device(zones: &[&str]) -> Option<Device> {
        let places = Places {
            topic: "paging".to_owned(),
            discovery: Some("ha".to_owned()),
        };
        let site = Site {
            zones: zones.iter().map(|name| zone(name, &[])).collect(),
            ..Site::default()
        };
        Device::new(&places, &House::default(), &site, &Music::default())
    }

    fn drain(board: &mut Board) -> Vec<(String, String)> {
        let mut all = Vec::new();
        while let Some(post) = board.next() {
            all.push((post.topic.clone(), post.payload.clone()));
            board.posted(post);
            assert!(all.len() < 100, "{all:?}");
        }
        all
    }

    fn texts(all: &[(String, String)]) -> Vec<(&str, &str)> {
        all.iter()
            .map(|it| (it.0.as_str(), it.1.as_str()))
            .collect()
    }

    #[test]
    fn what_differs_is_published_once_and_again_by_a_new_connection() {
        let mut board = Board::default();
        assert_eq!(board.next(), None);
        board.want(states(&[("a", "1"), ("b", "2")]), None);
        assert_eq!(texts(&drain(&mut board)), [("a", "1"), ("b", "2")]);
        board.want(states(&[("a", "1"), ("c", "3")]), None);
        assert_eq!(texts(&drain(&mut board)), [("b", ""), ("c", "3")]);
        board.forget();
        assert_eq!(texts(&drain(&mut board)), [("a", "1"), ("c", "3")]);
    }

    #[test]
    fn what_was_left_there_is_taken_away_and_only_that() {
        let mut board = Board::default();
        board.found("a", b"old", false);
        board.found("z", b"old", false);
        assert_eq!(board.next(), None, "nothing is strange yet");
        board.want(states(&[("a", "1")]), None);
        assert_eq!(texts(&drain(&mut board)), [("a", "1"), ("z", "")]);
        board.found("a", b"old", false);
        board.found("y", b"", false);
        assert_eq!(drain(&mut board), []);
        assert_eq!(
            board.leave(),
            [Post {
                topic: "a".to_owned(),
                payload: String::new()
            }]
        );
    }

    #[test]
    fn entities_that_vanish_are_first_told_to_go_even_those_of_an_earlier_run() {
        let ids = |document: &str| -> Vec<String> {
            let told: Value = serde_json::from_str(document).unwrap();
            let components = told["components"].as_object().unwrap();
            let zones = components.iter().filter(|(id, _)| id.starts_with("zone_"));
            zones
                .map(|(id, it)| format!("{id} {}", it.as_object().unwrap().len()))
                .collect()
        };
        let old = device(&["yard", "hall"])
            .unwrap()
            .document(&BTreeMap::new());
        let mut board = Board::default();
        board.want(states(&[]), device(&["yard"]));
        drain(&mut board);
        // What was retained before may come after we have published already.
        board.found("ha/device/paging/config", old.as_bytes(), true);
        let told = drain(&mut board);
        assert_eq!(told.len(), 2);
        assert_eq!(ids(&told[0].1), ["zone_hall 1", "zone_yard 7"]);
        assert_eq!(ids(&told[1].1), ["zone_yard 7"]);
        board.introduce();
        assert_eq!(drain(&mut board).len(), 1);
        board.want(states(&[]), None);
        assert_eq!(texts(&drain(&mut board)), [("ha/device/paging/config", "")]);
    }

    /// What is retained at a broker.
    #[derive(Default)]
    struct Retained(BTreeMap<String, String>);

    impl Retained {
        fn take(&mut self, board: &mut Board) {
            for (topic, payload) in drain(board) {
                if payload.is_empty() {
                    self.0.remove(&topic);
                } else {
                    self.0.insert(topic, payload);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn in_the_end_there_is_what_is_wanted(
            steps in prop::collection::vec((0u8..4, 0usize..4, 0u8..3, any::<bool>()), 0..40),
        ) {
            let (mut board, mut broker) = (Board::default(), Retained::default());
            let mut wanted = BTreeMap::new();
            for (kind, at, value, drains) in steps {
                let topic = ["a", "b", "c", "d"][at].to_owned();
                match kind {
                    0 => {
                        wanted.insert(topic, value.to_string());
                        board.want(wanted.clone(), None);
                    }
                    1 => {
                        wanted.remove(&topic);
                        board.want(wanted.clone(), None);
                    }
                    2 => {
                        board.forget();
                        for (topic, payload) in &broker.0 {
                            board.found(topic, payload.as_bytes(), false);
                        }
                    }
                    // Somebody else leaves something.
                    _ if !broker.0.contains_key(&topic) => {
                        board.found(&topic, b"x", false);
                        broker.0.insert(topic, "x".to_owned());
                    }
                    _ => {}
                }
                if drains {
                    broker.take(&mut board);
                }
            }
            board.want(wanted.clone(), None);
            broker.take(&mut board);
            prop_assert_eq!(broker.0, wanted);
        }
    }
}

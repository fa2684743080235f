//! How does Home Assistant find us?
//!
//! By one document for the device with all that belongs to it, as Home Assistant reads it since
//! 2024.11. What an entity shows is a member of the state that its topic has; what it does is a
//! command as any other. Who may not command gets nothing to press.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::picture::{OFFLINE, ONLINE};
use super::settings::{House, KLAXON, Places};
use super::topics::{self, AVAILABILITY, HEALTH, PAGES};
use super::wish::OFF;
use crate::api::{Music, Site};
use crate::control::Role;

/// What Home Assistant shall know of us.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Device {
    /// The whole name of the topic.
    pub(super) topic: String,
    places: Places,
    components: Components,
}

/// Entities by ids that stay as long as the configuration names what they are of.
pub(super) type Components = BTreeMap<String, Value>;

impl Device {
    /// All that there is, if somebody looks for it.
    pub(super) fn new(places: &Places, house: &House, site: &Site, music: &Music) -> Option<Self> {
        let mut draft = Draft {
            places,
            house,
            components: Components::new(),
        };
        draft.site();
        if draft.may_command() {
            draft.buttons();
        }
        for zone in &site.zones {
            draft.zone(&zone.name);
        }
        for zone in &music.zones {
            draft.music(&zone.zone, music);
        }
        Some(Self {
            topic: places.device()?,
            components: draft.components,
            places: places.clone(),
        })
    }

    /// The document; `gone` are entities that are not there any more, which Home Assistant forgets
    /// when only their platform is told.
    pub(super) fn document(&self, gone: &BTreeMap<String, String>) -> String {
        let mut components = self.components.clone();
        for (id, platform) in gone {
            components.insert(id.clone(), json!({ "platform": platform }));
        }
        let name = match self.places.topic.as_str() {
            "paging" => "Paging".to_owned(),
            topic => format!("Paging {topic}"),
        };
        let version = env!("CARGO_PKG_VERSION");
        let document = json!({
            "device": {
                "identifiers": [self.places.node()],
                "name": name,
                "manufacturer": "paging",
                "model": "Public address",
                "sw_version": version,
            },
            "origin": { "name": "paging", "sw_version": version },
            "availability_topic": self.places.own(AVAILABILITY),
            "payload_available": ONLINE,
            "payload_not_available": OFFLINE,
            "qos": 1,
            "components": components,
        });
        document.to_string()
    }

    /// Each entity and its platform.
    pub(super) fn platforms(&self) -> BTreeMap<String, String> {
        platforms(&self.components)
    }
}

/// The entities of a document that was published before.
pub(super) fn entities(document: &[u8]) -> BTreeMap<String, String> {
    let parsed: Option<Value> = serde_json::from_slice(document).ok();
    let components = parsed.as_ref().and_then(|it| it.get("components"));
    let components = components.and_then(Value::as_object);
    let components = components.into_iter().flatten();
    platforms(components)
}

fn platforms<'a>(
    components: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> BTreeMap<String, String> {
    let platform = |value: &Value| value.get("platform")?.as_str().map(str::to_owned);
    let components = components.into_iter();
    components
        .filter_map(|(id, value)| Some((id.clone(), platform(value)?)))
        .collect()
}

/// A document in the making.
struct Draft<'a> {
    places: &'a Places,
    house: &'a House,
    components: Components,
}

impl Draft<'_> {
    fn may_command(&self) -> bool {
        let who = self.house.who.as_ref();
        who.is_some_and(|it| it.role >= Role::Operator)
    }

    fn may_command_in(&self, zone: &str) -> bool {
        let zones = self.house.who.as_ref().map(|it| &it.zones);
        let is_own = |zones: &Vec<String>| zones.is_empty() || zones.iter().any(|it| it == zone);
        self.may_command() && zones.is_some_and(is_own)
    }

    fn add(&mut self, id: &str, platform: &str, name: &str, what: Value) {
        let mut entity = Map::new();
        entity.insert("platform".to_owned(), json!(platform));
        entity.insert("name".to_owned(), json!(name));
        let unique = format!("{}_{id}", self.places.node());
        entity.insert("unique_id".to_owned(), json!(unique));
        if let Value::Object(what) = what {
            entity.extend(what);
        }
        self.components.insert(id.to_owned(), Value::Object(entity));
    }

    fn site(&mut self) {
        let health = self.places.own(HEALTH);
        self.add(
            "health",
            "sensor",
            "Health",
            json!({
                "state_topic": health,
                "value_template": "{{ value_json.status }}",
                "json_attributes_topic": health,
                "device_class": "enum",
                "options": ["ok", "degraded", "failed"],
                "entity_category": "diagnostic",
                "icon": "mdi:stethoscope",
            }),
        );
        self.add(
            "problem",
            "binary_sensor",
            "Problem",
            json!({
                "state_topic": health,
                "value_template": "{{ 'OFF' if value_json.status == 'ok' else 'ON' }}",
                "device_class": "problem",
                "entity_category": "diagnostic",
            }),
        );
        let pages = self.places.own(PAGES);
        self.add("page", "sensor", "Page", shown(&pages, "mdi:bullhorn"));
    }

    fn buttons(&mut self) {
        let stop = json!({
            "command_topic": self.places.own("pages/stop"),
            "payload_press": "all",
            "icon": "mdi:stop",
        });
        self.add("stop", "button", "Stop all pages", stop);
        let say = json!({
            "command_topic": self.places.own("pages/say"),
            "icon": "mdi:text-to-speech",
        });
        self.add("say", "notify", "Say", say);
        for message in self.house.messages.clone() {
            let name = match message.as_str() {
                KLAXON => "Klaxon",
                name => name,
            };
            let play = json!({
                "command_topic": self.places.own("pages/start"),
                "payload_press": json!({ "play": message }).to_string(),
                "icon": "mdi:bullhorn",
            });
            let id = format!("play_{}", topics::plain(&message));
            self.add(&id, "button", name, play);
        }
    }

    fn zone(&mut self, name: &str) {
        let topic = self.places.own(&topics::zone(name));
        let id = format!("zone_{}", topics::plain(name));
        let title = format!("{name} page");
        self.add(&id, "sensor", &title, shown(&topic, "mdi:speaker"));
    }

    fn music(&mut self, zone: &str, music: &Music) {
        if !self.may_command_in(zone) {
            return;
        }
        let topic = self.places.own(&topics::music(zone));
        let own = topics::plain(zone);
        self.add(
            &format!("volume_{own}"),
            "number",
            &format!("{zone} music volume"),
            json!({
                "state_topic": topic,
                "value_template": "{{ value_json.volume_db }}",
                "command_topic": format!("{topic}/volume_db/set"),
                "min": -100,
                "max": 20,
                "step": 0.5,
                "mode": "slider",
                "unit_of_measurement": "dB",
                "icon": "mdi:volume-high",
            }),
        );
        if music.sources.is_empty() {
            return;
        }
        self.add(
            &format!("music_{own}"),
            "switch",
            &format!("{zone} music"),
            json!({
                "state_topic": topic,
                "value_template":
                    "{{ 'ON' if value_json.source and not value_json.paused else 'OFF' }}",
                "state_on": "ON",
                "state_off": "OFF",
                "command_topic": format!("{topic}/paused/set"),
                "payload_on": "false",
                "payload_off": "true",
                "icon": "mdi:music",
            }),
        );
        let sources = music.sources.iter().map(|it| it.name.as_str());
        self.add(
            &format!("source_{own}"),
            "select",
            &format!("{zone} music source"),
            json!({
                "state_topic": topic,
                "value_template": format!("{{{{ value_json.source or '{OFF}' }}}}"),
                "command_topic": format!("{topic}/source/set"),
                "options": sources.chain([OFF]).collect::<Vec<_>>(),
                "icon": "mdi:playlist-music",
            }),
        );
        self.add(
            &format!("next_{own}"),
            "button",
            &format!("{zone} next piece"),
            json!({
                "command_topic": format!("{topic}/next"),
                "payload_press": "next",
                "icon": "mdi:skip-next",
            }),
        );
    }
}

/// A sensor for a state that has a `text`; all else is in its attributes.
fn shown(topic: &str, icon: &str) -> Value {
    json!({
        "state_topic": topic,
        "value_template": "{{ value_json.text }}",
        "json_attributes_topic": topic,
        "icon": icon,
    })
}

#[cfg(test)]
mod tests {
    use super::super::picture::tests::{plays, source, zone};
    use super::*;
    use crate::api::{Way, Who};

    fn places() -> Places {
        Places {
            topic: "paging".to_owned(),
            discovery: Some("homeassistant".to_owned()),
        }
    }

    fn house(role: Option<Role>) -> House {
        House {
            who: role.map(|role| Who {
                name: "ha".to_owned(),
                role,
                zones: vec!["yard".to_owned()],
                way: Way::Mqtt,
            }),
            messages: vec!["fire drill".to_owned(), "klaxon".to_owned()],
            state_dir: None,
        }
    }

    fn device(role: Option<Role>, has_music: bool) -> Device {
        let site = Site {
            zones: vec![zone("yard", &[]), zone("hall", &[])],
            ..Site::default()
        };
        let music = Music {
            sources: has_music.then(|| source("radio")).into_iter().collect(),
            zones: vec![plays("yard", None), plays("hall", None)],
        };
        Device::new(&places(), &house(role), &site, &music).unwrap()
    }

    fn ids(device: &Device) -> Vec<String> {
        device.components.keys().cloned().collect()
    }

    #[test]
    fn the_document_has_what_home_assistant_asks_for() {
        let device = device(Some(Role::Operator), true);
        assert_eq!(device.topic, "homeassistant/device/paging/config");
        let told: Value = serde_json::from_str(&device.document(&BTreeMap::new())).unwrap();
        assert_eq!(told["device"]["identifiers"][0], "paging");
        assert_eq!(told["origin"]["name"], "paging");
        assert_eq!(told["availability_topic"], "paging/availability");
        let components = told["components"].as_object().unwrap();
        let mut unique: Vec<&str> = Vec::new();
        for (id, entity) in components {
            assert!(entity["platform"].is_string(), "{id}");
            assert!(entity["name"].is_string(), "{id}");
            unique.push(entity["unique_id"].as_str().unwrap());
        }
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), components.len());
        let play = &components["play_fire_20drill"];
        assert_eq!(play["command_topic"], "paging/pages/start");
        assert_eq!(play["payload_press"], r#"{"play":"fire drill"}"#);
        assert_eq!(
            components["volume_yard"]["command_topic"],
            "paging/zones/yard/music/volume_db/set"
        );
        assert_eq!(
            components["source_yard"]["options"],
            json!(["radio", "off"])
        );
        assert_eq!(
            components["source_yard"]["value_template"],
            "{{ value_json.source or 'off' }}"
        );
    }

    #[test]
    fn only_what_may_be_commanded_and_is_there_can_be_pressed() {
        let looks = ["health", "page", "problem", "zone_hall", "zone_yard"];
        assert_eq!(ids(&device(None, true)), looks);
        assert_eq!(ids(&device(Some(Role::Viewer), true)), looks);
        let operator = ids(&device(Some(Role::Admin), false));
        assert!(operator.contains(&"volume_yard".to_owned()));
        assert!(
            !operator.contains(&"volume_hall".to_owned()),
            "not its zone"
        );
        assert!(!operator.contains(&"music_yard".to_owned()), "no music");
    }

    #[test]
    fn entities_that_are_gone_are_told_by_their_platform_alone() {
        let before = device(Some(Role::Operator), true);
        let known = entities(before.document(&BTreeMap::new()).as_bytes());
        assert_eq!(known, before.platforms());
        let now = device(None, true);
        let gone = BTreeMap::from([("stop".to_owned(), known["stop"].clone())]);
        let told: Value = serde_json::from_str(&now.document(&gone)).unwrap();
        assert_eq!(told["components"]["stop"], json!({"platform": "button"}));
        assert_eq!(entities(b"nonsense"), BTreeMap::new());
    }

    #[test]
    fn without_discovery_there_is_no_device() {
        let places = Places {
            discovery: None,
            ..places()
        };
        let found = Device::new(&places, &house(None), &Site::default(), &Music::default());
        assert_eq!(found, None);
    }
}

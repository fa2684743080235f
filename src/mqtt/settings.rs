//! Which broker is told, what is there to be told of, and for whom are commands carried out?

use std::path::PathBuf;

use crate::api::{Way, Who};
use crate::config::{Broker, Config, Page, Secret};

/// What a configuration says about MQTT.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    pub(super) link: Link,
    pub(super) house: House,
}

/// Where we connect, and how; another one is connected to anew.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Link {
    pub(super) broker: Broker,
    /// Empty for none.
    pub(super) login: String,
    pub(super) password: Secret,
    /// Authorities to believe instead of those of the system.
    pub(super) ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub(super) identity: Option<(PathBuf, PathBuf)>,
    pub(super) client_id: String,
    pub(super) places: Places,
}

/// Where things are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Places {
    /// What our topics begin with.
    pub(super) topic: String,
    /// What topics of the discovery begin with; `None` is no discovery.
    pub(super) discovery: Option<String>,
}

/// What is not asked of the daemon at run time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct House {
    /// Whose commands they are; `None` obeys none.
    pub(super) who: Option<Who>,
    /// What can be begun by name: pages that have a message, and the klaxon.
    pub(super) messages: Vec<String>,
    /// The folder whose disk is watched.
    pub(super) state_dir: Option<PathBuf>,
}

impl Settings {
    /// What the configuration says, if it names a broker; `state_dir` is where the daemon keeps
    /// its files.
    pub fn new(config: &Config, state_dir: Option<PathBuf>) -> Option<Self> {
        let mqtt = &config.mqtt;
        let link = Link {
            broker: mqtt.broker.clone()?,
            login: mqtt.login.clone(),
            password: mqtt.password.clone(),
            ca: mqtt.tls_ca.clone(),
            identity: mqtt.tls_cert.clone().zip(mqtt.tls_key.clone()),
            client_id: match mqtt.client_id.as_str() {
                "" => mqtt.topic.replace('/', "-"),
                own => own.to_owned(),
            },
            places: Places {
                topic: mqtt.topic.clone(),
                discovery: mqtt.discovery.clone(),
            },
        };
        let user = config.sip.users.iter().find(|it| it.name == mqtt.user);
        let who = user.map(|user| Who {
            name: user.name.clone(),
            role: user.role,
            zones: user.zones.clone(),
            way: Way::Mqtt,
        });
        let house = House {
            who,
            messages: messages(config),
            state_dir,
        };
        Some(Self { link, house })
    }
}

fn messages(config: &Config) -> Vec<String> {
    let has_message = |page: &&Page| page.message.is_some() || page.say.is_some();
    let pages = config.pages.iter().filter(has_message);
    let mut names: Vec<String> = pages.map(|page| page.name.clone()).collect();
    if config.audio.klaxon.is_some() && !names.iter().any(|name| name == KLAXON) {
        names.push(KLAXON.to_owned());
    }
    names
}

/// As requests name it.
pub(super) const KLAXON: &str = "klaxon";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::read_texts;
    use crate::control::Role;

    fn settings(text: &str) -> Option<Settings> {
        let loaded = read_texts([(Path::new("x"), text.as_bytes())], &[]);
        assert_eq!(loaded.mistakes, []);
        Settings::new(&loaded.config.unwrap(), None)
    }

    #[test]
    fn a_broker_turns_it_on_and_a_user_lends_its_rights() {
        assert_eq!(settings("[mqtt]\ntopic = x\n"), None);
        let bare = settings("[mqtt]\nbroker = mqtt://b\ntopic = site/north\n").unwrap();
        assert_eq!(bare.link.client_id, "site-north");
        assert_eq!(bare.house.who, None);
        let text = "[mqtt]\nbroker = mqtts://b\nuser = ha\n[user:ha]\nrole = operator\n\
                    zones = yard\n[zone:yard]\noutputs = a\n[page:fire]\nextensions = 1\n\
                    message = /fire.wav\n[page:talk]\nextensions = 2\n[audio]\nklaxon = /k.wav\n";
        let house = settings(text).unwrap().house;
        let who = house.who.unwrap();
        assert_eq!((who.role, who.way), (Role::Operator, Way::Mqtt));
        assert_eq!(who.zones, ["yard"]);
        assert_eq!(house.messages, ["fire", "klaxon"]);
    }
}

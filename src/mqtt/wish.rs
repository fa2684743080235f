//! What does a message want of the daemon?
//!
//! Bodies are those of the same requests over HTTP; beside them are plain payloads, as buttons and
//! sliders send them.

use super::topics;
use crate::api::{MusicWanted, OfMusic, PageWanted, Problem, Question, Who};
use crate::control::Role;

/// What is to be asked of the daemon.
#[derive(Debug)]
pub(super) enum Wish {
    One(Box<Question>),
    /// Stop every page that is not over.
    StopAll(Who),
}

/// The topics of commands, behind our beginning.
#[derive(Debug)]
enum Command {
    Start,
    Say,
    Stop,
    HangUp,
    Set { zone: String, what: What },
    Next { zone: String },
    Reset { zone: String },
}

/// Of the music of a zone.
#[derive(Debug)]
enum What {
    /// As the body of the request.
    Json,
    Source,
    Volume,
    Paused,
}

/// Whether something would be done for a message there.
pub(super) fn is_command(rest: &str) -> bool {
    command(rest).is_some()
}

/// Reads a message to a topic behind our beginning, for a user if there is one.
///
/// # Errors
/// What is wrong, as over HTTP.
pub(super) fn read(who: Option<&Who>, rest: &str, payload: &[u8]) -> Result<Wish, Problem> {
    let Some(command) = command(rest) else {
        return Err(Problem::not_found(&format!(
            "{rest:?} is no command; there are {COMMANDS}"
        )));
    };
    let Some(who) = who else {
        return Err(Problem::forbidden(
            "no command is obeyed over MQTT; write user = NAME into [mqtt], and a section \
             [user:NAME] with its role",
        ));
    };
    who.needs(Role::Operator)?;
    if payload.is_empty() {
        return Err(Problem::unusable("the message is empty; see docs/mqtt.md"));
    }
    if payload.len() > MOST_BYTES {
        return Err(Problem::unusable(
            "the message is too long; send 64 kB at most",
        ));
    }
    meant(command, who.clone(), payload)
}

fn command(rest: &str) -> Option<Command> {
    let levels: Vec<&str> = rest.split('/').collect();
    let what = match *levels.as_slice() {
        ["pages", "start"] => return Some(Command::Start),
        ["pages", "say"] => return Some(Command::Say),
        ["pages", "stop"] => return Some(Command::Stop),
        ["calls", "hangup"] => return Some(Command::HangUp),
        ["zones", _, "music", "next"] => None,
        ["zones", _, "music", "reset"] => None,
        ["zones", _, "music", "set"] => Some(What::Json),
        ["zones", _, "music", "source", "set"] => Some(What::Source),
        ["zones", _, "music", "volume_db", "set"] => Some(What::Volume),
        ["zones", _, "music", "paused", "set"] => Some(What::Paused),
        _ => return None,
    };
    let zone = topics::read(levels[1])?;
    Some(match what {
        Some(what) => Command::Set { zone, what },
        None if levels[3] == "next" => Command::Next { zone },
        None => Command::Reset { zone },
    })
}

fn meant(command: Command, who: Who, payload: &[u8]) -> Result<Wish, Problem> {
    let question = match command {
        Command::Start => {
            let wanted = PageWanted::read(payload)?;
            Question::Start { who, wanted }
        }
        Command::Say => {
            let wanted = PageWanted {
                say: Some(text(payload)?.to_owned()),
                ..PageWanted::default()
            };
            wanted.check()?;
            Question::Start { who, wanted }
        }
        Command::Stop if payload == b"all" => return Ok(Wish::StopAll(who)),
        Command::Stop => {
            let page = text(payload)?.to_owned();
            Question::Stop { who, page }
        }
        Command::HangUp => {
            let call = text(payload)?.to_owned();
            Question::HangUp { who, call }
        }
        Command::Set { zone, what } => {
            let wanted = wanted(&what, payload)?;
            Question::Music(OfMusic::Zone { who, zone, wanted })
        }
        Command::Next { zone } => Question::Music(OfMusic::NextIn { who, zone }),
        Command::Reset { zone } => Question::Music(OfMusic::Reset { who, zone }),
    };
    Ok(Wish::One(Box::new(question)))
}

fn wanted(what: &What, payload: &[u8]) -> Result<MusicWanted, Problem> {
    let nothing = MusicWanted::default();
    let wanted = match what {
        What::Json => return MusicWanted::read(payload),
        What::Source => {
            let name = text(payload)?;
            let source = (name != OFF).then(|| name.to_owned());
            MusicWanted {
                source: Some(source),
                ..nothing
            }
        }
        What::Volume => MusicWanted {
            volume_db: Some(number(payload)?),
            ..nothing
        },
        What::Paused => MusicWanted {
            paused: Some(truth(payload)?),
            ..nothing
        },
    };
    wanted.checked()
}

fn text(payload: &[u8]) -> Result<&str, Problem> {
    let text = std::str::from_utf8(payload).ok().map(str::trim);
    text.filter(|it| !it.is_empty() && it.len() <= LONGEST)
        .ok_or_else(|| Problem::unusable("the message is no short text; see docs/mqtt.md"))
}

fn number(payload: &[u8]) -> Result<f32, Problem> {
    let number = text(payload)?
        .parse()
        .ok()
        .filter(|it: &f32| it.is_finite());
    number.ok_or_else(|| Problem::unusable("the message is no number; send e.g. -6"))
}

fn truth(payload: &[u8]) -> Result<bool, Problem> {
    match text(payload)? {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::unusable(
            "the message is neither; send true or false",
        )),
    }
}

/// What a zone plays that plays nothing, as the configuration has it.
pub(super) const OFF: &str = "off";

const COMMANDS: &str = "pages/start, pages/say, pages/stop, calls/hangup, \
                        zones/ZONE/music/set, …/next, \
                        …/reset, …/source/set, …/volume_db/set and …/paused/set";

/// As bodies of requests.
const MOST_BYTES: usize = 65_536;

/// Of names, ids and texts, in bytes.
const LONGEST: usize = 4_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Way;

    fn who(role: Role) -> Who {
        Who {
            name: "ha".to_owned(),
            role,
            zones: Vec::new(),
            way: Way::Mqtt,
        }
    }

    fn read_as(role: Role, rest: &str, payload: &str) -> Result<Wish, String> {
        let told = |problem: Problem| problem.detail().to_owned();
        read(Some(&who(role)), rest, payload.as_bytes()).map_err(told)
    }

    fn question(rest: &str, payload: &str) -> Question {
        match read_as(Role::Operator, rest, payload) {
            Ok(Wish::One(question)) => *question,
            other => panic!("{other:?}"),
        }
    }

    fn music(rest: &str, payload: &str) -> MusicWanted {
        let asked = question(rest, payload);
        let Question::Music(OfMusic::Zone { zone, wanted, .. }) = asked else {
            panic!("{asked:?}");
        };
        assert_eq!(zone, "a/b");
        wanted
    }

    #[test]
    fn messages_are_the_requests_that_they_stand_for() {
        let body = r#"{"play": "fire", "zones": ["yard"], "times": 2}"#;
        let Question::Start { wanted, .. } = question("pages/start", body) else {
            panic!("no page");
        };
        assert_eq!(
            (wanted.play.as_deref(), wanted.times),
            (Some("fire"), Some(2))
        );
        let Question::Start { wanted, .. } = question("pages/say", " We close at 6. ") else {
            panic!("no page");
        };
        assert_eq!(wanted.say.as_deref(), Some("We close at 6."));
        assert!(
            matches!(question("pages/stop", "p1-2"), Question::Stop { page, .. } if page == "p1-2")
        );
        assert!(
            matches!(question("calls/hangup", "c1-2"), Question::HangUp { call, .. } if call == "c1-2")
        );
        let all = read_as(Role::Operator, "pages/stop", "all");
        assert!(matches!(all, Ok(Wish::StopAll(_))));
        for rest in ["zones/a%2Fb/music/next", "zones/a%2Fb/music/reset"] {
            let asked = format!("{:?}", question(rest, "PRESS"));
            assert!(asked.contains("a/b"), "{asked}");
        }
    }

    #[test]
    fn music_is_set_by_plain_payloads_and_by_json() {
        let set = |what: &str, payload: &str| music(&format!("zones/a%2Fb/music/{what}"), payload);
        assert_eq!(set("volume_db/set", "-12.5").volume_db, Some(-12.5));
        assert_eq!(set("paused/set", "true").paused, Some(true));
        assert_eq!(
            set("source/set", "radio").source,
            Some(Some("radio".to_owned()))
        );
        assert_eq!(set("source/set", "off").source, Some(None));
        let both = set("set", r#"{"volume_db": -3, "paused": false}"#);
        assert_eq!((both.volume_db, both.paused), (Some(-3.0), Some(false)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_words() {
        for (rest, payload, words) in [
            ("pages/begin", "x", "no command; there are pages/start"),
            ("zones/%/music/next", "x", "no command"),
            ("pages/start", "", "is empty"),
            ("pages/start", "fire", "cannot be used"),
            ("pages/start", r#"["fire"]"#, "no JSON object"),
            ("pages/start", r#"{"play": ""}"#, "play is empty"),
            ("pages/stop", "\u{0}  ", "cannot"),
            ("zones/a/music/volume_db/set", "loud", "no number"),
            ("zones/a/music/volume_db/set", "NaN", "no number"),
            ("zones/a/music/volume_db/set", "40", "from -100 to 20"),
            ("zones/a/music/paused/set", "ON", "true or false"),
            ("zones/a/music/set", "{}", "nothing is to change"),
        ] {
            let told = match read_as(Role::Operator, rest, payload) {
                Err(told) => told,
                // The daemon says of strange ids that there is no such thing.
                Ok(Wish::One(_)) if rest == "pages/stop" => continue,
                other => panic!("{rest} {payload}: {other:?}"),
            };
            assert!(told.contains(words), "{rest} {payload}: {told}");
        }
        let long = format!(r#"{{"play": "{}"}}"#, "x".repeat(70_000));
        let told = read_as(Role::Operator, "pages/start", &long).unwrap_err();
        assert!(told.contains("64 kB"), "{told}");
    }

    #[test]
    fn nobody_and_a_viewer_are_refused() {
        let told = read(None, "pages/stop", b"all").unwrap_err();
        assert!(told.detail().contains("user = NAME into [mqtt]"));
        let told = read_as(Role::Viewer, "pages/stop", "all").unwrap_err();
        assert!(told.contains("operator"), "{told}");
    }
}

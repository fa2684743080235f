//! Which words does the text protocol of relays have?

use axum::extract::ws::Message;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

use super::desk::{CallTold, Happening};
use crate::control::{Parting, Way};

/// How sound is sent to a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RelayForm {
    #[default]
    Hex,
    Base64,
    Binary,
}

/// What a program says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Call(String),
    /// For that call; 16 bits at 8 kHz.
    Sound(Option<String>, Vec<i16>),
    /// Answer a call that rings.
    Answer(String),
    /// Press keys at the other side of that call.
    Press(String, String),
    /// End a call, or do not answer it.
    HangUp(String),
    HangUpAll,
    /// Nothing of the protocol; its beginning.
    Strange(String),
}

/// What a program is told; ids of calls but for `CALL_FAILED`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Saying {
    /// Number and id.
    Ring(String, String),
    RingAns(String, String),
    RingIgnore(String),
    CallAns(String),
    CallIgnore(String),
    CallFailed(u16, String),
    Bye(String),
    Dtmf(String, char),
}

impl Command {
    /// From a text message.
    pub(super) fn read(text: &str) -> Self {
        let text = text.trim();
        let (word, rest) = text.split_once(':').unwrap_or((text, ""));
        let rest = rest.trim();
        let id = || rest.to_owned();
        match (word.to_ascii_uppercase().as_str(), rest) {
            ("CALL", number) if is_number(number) => Self::Call(number.to_owned()),
            ("RTP", rest) => heard(rest).unwrap_or_else(|| strange(text)),
            ("BYE" | "HANGUP", "") => Self::HangUpAll,
            ("BYE" | "HANGUP" | "CALL_IGNORE" | "RING_IGNORE", rest) if is_id(rest) => {
                Self::HangUp(id())
            }
            ("DTMF", rest) => keys(rest).unwrap_or_else(|| strange(text)),
            ("CALL_ANS" | "RING_ANS", rest) if is_id(rest) => Self::Answer(id()),
            _ => strange(text),
        }
    }

    /// From a binary message: `RTP:`, maybe an id with `##` behind it, and samples as they are.
    pub(super) fn read_bytes(bytes: &[u8]) -> Self {
        let Some(rest) = bytes.strip_prefix(b"RTP:") else {
            return Self::Strange(format!("{} bytes", bytes.len()));
        };
        let head = &rest[..rest.len().min(LONGEST_ID + MARK.len())];
        let mark = head
            .windows(MARK.len())
            .position(|it| it == MARK.as_bytes());
        let id = mark.and_then(|at| std::str::from_utf8(&head[..at]).ok());
        match id.filter(|id| is_id(id)) {
            Some(id) => {
                let sound = &rest[id.len() + MARK.len()..];
                Self::Sound(Some(id.to_owned()), samples(sound))
            }
            None => Self::Sound(None, samples(rest)),
        }
    }
}

impl Saying {
    /// What there is to say of what has happened, if there is something.
    pub(super) fn of(told: &CallTold) -> Option<Self> {
        let (id, number) = (told.id.to_string(), told.number.clone());
        Some(match (&told.what, told.way) {
            (Happening::Dials, _) => return None,
            (Happening::Rings, _) => Self::Ring(number, id),
            (Happening::Answered(_), Way::In) => Self::RingAns(number, id),
            (Happening::Answered(_), Way::Out) => Self::CallAns(id),
            (Happening::Key(key), _) => Self::Dtmf(id, *key),
            (Happening::Over(Parting::HungUp(_)), _) => Self::Bye(id),
            (Happening::Over(Parting::Ignored), _) => Self::RingIgnore(id),
            (Happening::Over(Parting::Refused { status, reason }), _) => match status {
                // Its person did not take it; all else means that it was never asked.
                408 | 480 | 486 | 487 | 600 | 603 => Self::CallIgnore(id),
                _ => Self::CallFailed(*status, reason.clone()),
            },
        })
    }

    /// Whether it says what has come of `CALL:`.
    pub(super) fn is_about_dialling(&self) -> bool {
        match self {
            Self::CallAns(_) | Self::CallIgnore(_) | Self::CallFailed(..) => true,
            Self::Ring(..)
            | Self::RingAns(..)
            | Self::RingIgnore(_)
            | Self::Bye(_)
            | Self::Dtmf(..) => false,
        }
    }
}

/// As a message has it.
pub(super) fn said(saying: &Saying) -> String {
    match saying {
        Saying::Ring(number, id) => format!("RING:{number}{MARK}{id}"),
        Saying::RingAns(number, id) => format!("RING_ANS:{number}{MARK}{id}"),
        Saying::RingIgnore(id) => format!("RING_IGNORE:{id}"),
        Saying::CallAns(id) => format!("CALL_ANS:{id}"),
        Saying::CallIgnore(id) => format!("CALL_IGNORE:{id}"),
        Saying::CallFailed(status, reason) => format!("CALL_FAILED:{status} {reason}"),
        Saying::Bye(id) => format!("BYE:{id}"),
        Saying::Dtmf(id, key) => format!("DTMF:{id}{MARK}{key}"),
    }
}

/// Sound as a message has it.
pub(super) fn sound(form: RelayForm, call: &str, frames: &[i16]) -> Message {
    let bytes: Vec<u8> = frames.iter().flat_map(|it| it.to_le_bytes()).collect();
    match form {
        RelayForm::Hex => {
            let mut text = String::with_capacity("RTP:".len() + 2 * bytes.len());
            text.push_str("RTP:");
            text.extend(bytes.iter().flat_map(|byte| digits(*byte)));
            Message::Text(text.into())
        }
        RelayForm::Base64 => {
            let text = format!("RTP:{call}{MARK}{}", STANDARD.encode(bytes));
            Message::Text(text.into())
        }
        RelayForm::Binary => {
            let head = format!("RTP:{call}{MARK}");
            Message::Binary([head.as_bytes(), &bytes].concat().into())
        }
    }
}

fn digits(byte: u8) -> [char; 2] {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    [digit(byte >> 4), digit(byte & 15)]
}

/// `ID##BASE64`, or hex alone.
fn heard(rest: &str) -> Option<Command> {
    let Some((id, sound)) = rest.split_once(MARK) else {
        return Some(Command::Sound(None, samples(&of_hex(rest)?)));
    };
    // Some encoders leave the padding out.
    let sound = sound.trim().trim_end_matches('=');
    let sound = STANDARD_NO_PAD.decode(sound).ok()?;
    is_id(id).then(|| Command::Sound(Some(id.to_owned()), samples(&sound)))
}

/// `ID##12#`.
fn keys(rest: &str) -> Option<Command> {
    let (id, keys) = rest.split_once(MARK)?;
    (are_keys(keys) && is_id(id)).then(|| Command::Press(id.to_owned(), keys.to_owned()))
}

fn of_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
        Some((digit(0)? * 16 + digit(1)?) as u8)
    };
    pairs.map(byte).collect()
}

/// The low byte first; half a sample at the end is none.
fn samples(bytes: &[u8]) -> Vec<i16> {
    let pairs = bytes.chunks_exact(2);
    pairs.map(|it| i16::from_le_bytes([it[0], it[1]])).collect()
}

/// Keys of a telephone, not too many.
pub(super) fn are_keys(text: &str) -> bool {
    let is_key = |c: char| c.is_ascii_digit() || "*#ABCD".contains(c);
    (1..=MOST_KEYS).contains(&text.len()) && text.chars().all(is_key)
}

/// A number, or an address as `sip:bob@host`.
pub(super) fn is_number(text: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_graphic() && !"<>\"".contains(c);
    (1..=LONGEST_NUMBER).contains(&text.len()) && text.chars().all(is_fit)
}

fn is_id(text: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (1..=LONGEST_ID).contains(&text.len()) && text.chars().all(is_fit)
}

fn strange(text: &str) -> Command {
    Command::Strange(text.chars().take(SHOWN).collect())
}

/// Between the parts of a message.
const MARK: &str = "##";

const LONGEST_NUMBER: usize = 255;
const LONGEST_ID: usize = 64;

/// In one message.
const MOST_KEYS: usize = 64;

/// Of what nobody understands; sound is long.
const SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn commands_are_read_in_both_forms() {
        let id = || "c1-2".to_owned();
        let sound = |call: Option<&str>, frames: &[i16]| {
            Command::Sound(call.map(str::to_owned), frames.to_vec())
        };
        let table = [
            ("CALL:0912341234", Command::Call("0912341234".to_owned())),
            (" call: +49-30 ", Command::Call("+49-30".to_owned())),
            ("CALL:+49-30", Command::Call("+49-30".to_owned())),
            ("RTP:0100ff7f0080", sound(None, &[1, 32_767, -32_768])),
            (
                "RTP:c1-2##AQD/fwCA",
                sound(Some("c1-2"), &[1, 32_767, -32_768]),
            ),
            ("RTP:c1-2##AQA=", sound(Some("c1-2"), &[1])),
            ("RTP:c1-2##AQA", sound(Some("c1-2"), &[1])),
            ("RTP:", sound(None, &[])),
            ("BYE", Command::HangUpAll),
            ("BYE:c1-2", Command::HangUp(id())),
            ("HANGUP:c1-2", Command::HangUp(id())),
            ("hangup", Command::HangUpAll),
            ("CALL_IGNORE:c1-2", Command::HangUp(id())),
            ("RING_IGNORE:c1-2", Command::HangUp(id())),
            ("DTMF:c1-2##12#", Command::Press(id(), "12#".to_owned())),
            ("RING_ANS:c1-2", Command::Answer(id())),
            ("CALL_ANS:c1-2\n", Command::Answer(id())),
        ];
        for (text, wanted) in table {
            assert_eq!(Command::read(text), wanted, "{text}");
        }
        for text in [
            "",
            "CALL:",
            "CALL:a b",
            "RTP:xyz",
            "RTP:c 1##AQA=",
            "HELLO:1",
            "DTMF:c1-2##1x",
            "DTMF:5",
            "BYE:<x>",
        ] {
            let read = Command::read(text);
            assert!(matches!(read, Command::Strange(_)), "{text}: {read:?}");
        }
    }

    #[test]
    fn binary_messages_hold_samples_as_they_are() {
        let sound = |call: Option<&str>| Command::Sound(call.map(str::to_owned), vec![258, -2]);
        assert_eq!(
            Command::read_bytes(b"RTP:c1-2##\x02\x01\xfe\xff"),
            sound(Some("c1-2"))
        );
        assert_eq!(
            Command::read_bytes(b"RTP:\x02\x01\xfe\xff\x07"),
            sound(None)
        );
        assert!(matches!(
            Command::read_bytes(b"\x02\x01"),
            Command::Strange(_)
        ));
        // What looks like a mark may be sound.
        let noise = Command::read_bytes(b"RTP:\xff##\x00");
        assert_eq!(noise, Command::Sound(None, vec![9_215, 35]));
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        for form in [RelayForm::Hex, RelayForm::Base64, RelayForm::Binary] {
            let frames = [0, 1, -1, 32_767, -32_768];
            let read = match sound(form, "c1-2", &frames) {
                Message::Text(text) => Command::read(&text),
                Message::Binary(bytes) => Command::read_bytes(&bytes),
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) => panic!("no sound"),
            };
            let call = (form != RelayForm::Hex).then(|| "c1-2".to_owned());
            assert_eq!(read, Command::Sound(call, frames.to_vec()), "{form:?}");
        }
    }

    #[test]
    fn every_end_of_a_call_has_a_word() {
        let told = |way, what| CallTold {
            desk: "relay:office".to_owned(),
            id: Arc::from("c1-2"),
            way,
            number: "101".to_owned(),
            dialled: "500".to_owned(),
            at: String::new(),
            what,
        };
        let refused = |status, reason: &str| {
            let reason = reason.to_owned();
            Happening::Over(Parting::Refused { status, reason })
        };
        let hung_up = || Happening::Over(Parting::HungUp("caller hung up".to_owned()));
        for (way, what, text) in [
            (Way::In, Happening::Rings, "RING:101##c1-2"),
            (
                Way::In,
                Happening::Over(Parting::Ignored),
                "RING_IGNORE:c1-2",
            ),
            (Way::In, hung_up(), "BYE:c1-2"),
            (Way::Out, hung_up(), "BYE:c1-2"),
            (Way::Out, refused(486, "Busy Here"), "CALL_IGNORE:c1-2"),
            (Way::Out, refused(408, "No Answer"), "CALL_IGNORE:c1-2"),
            (
                Way::Out,
                refused(404, "Not Found"),
                "CALL_FAILED:404 Not Found",
            ),
            (Way::In, Happening::Key('#'), "DTMF:c1-2###"),
        ] {
            assert_eq!(said(&Saying::of(&told(way, what)).unwrap()), text);
        }
        assert_eq!(Saying::of(&told(Way::Out, Happening::Dials)), None);
    }
}

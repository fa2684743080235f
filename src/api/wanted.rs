//! What may be asked to be paged?

use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::object;
use super::problem::Problem;

/// What to page: exactly one of `play`, `say` and `tone`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PageWanted {
    /// NAME of a `[page:NAME]` that has a message, `klaxon`, or the file name of a sound that some
    /// page of the configuration names.
    #[schema(min_length = 1, max_length = 255, examples("klaxon"))]
    #[serde(default)]
    pub play: Option<String>,
    /// A text that is spoken by `speech-command` of `[audio]`.
    #[schema(
        min_length = 1,
        max_length = 1_000,
        pattern = r"^[^\x00-\x1f\x7f]*$",
        examples("The office closes in ten minutes.")
    )]
    #[serde(default)]
    pub say: Option<String>,
    /// A tone, to try loudspeakers.
    #[serde(default)]
    pub tone: Option<ToneWanted>,
    /// Zones by name; otherwise those of the page that is played, or all.
    #[schema(min_items = 1, max_items = 512)]
    #[serde(default)]
    pub zones: Option<Vec<String>>,
    /// 200 and above is an emergency, which takes the role admin; otherwise that of the page that
    /// is played, or 100.
    #[schema(minimum = 0, maximum = 255)]
    #[serde(default)]
    pub priority: Option<u8>,
    /// Whether the klaxon sounds before; otherwise as the page that is played has it, or not.
    #[serde(default)]
    pub klaxon: Option<bool>,
    /// How often; otherwise as the page that is played has it, or once.
    #[schema(minimum = 1, maximum = 100)]
    #[serde(default)]
    pub times: Option<u32>,
    /// What it does when others are heard in its zones; otherwise as the page that is played has
    /// it, or it waits.
    #[serde(default)]
    pub busy: Option<Busy>,
}

/// A sine.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToneWanted {
    /// Its pitch.
    #[schema(minimum = 20, maximum = 20_000, examples(1_000))]
    pub hz: f64,
    /// How long it sounds.
    #[schema(minimum = 0.1, maximum = 60)]
    pub seconds: f64,
    /// The level of its peaks below full scale; −20 dBFS if left out.
    #[serde(default = "usual_level")]
    #[schema(minimum = -60, maximum = 0)]
    pub level_dbfs: f32,
}

fn usual_level() -> f32 {
    -20.0
}

/// What a page does when others are heard in its zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Busy {
    /// Waits its turn.
    Queue,
    /// Sounds beside them.
    Mix,
    /// Gives up at once.
    Reject,
}

/// What is heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Content<'a> {
    /// Something that has a name.
    Play(&'a str),
    /// A text.
    Say(&'a str),
    Tone(ToneWanted),
}

impl PageWanted {
    /// What is heard; `None` if nothing, or more than one thing, is asked for.
    pub fn content(&self) -> Option<Content<'_>> {
        match (&self.play, &self.say, self.tone) {
            (Some(name), None, None) => Some(Content::Play(name)),
            (None, Some(text), None) => Some(Content::Say(text)),
            (None, None, Some(tone)) => Some(Content::Tone(tone)),
            _ => None,
        }
    }

    /// As the body of a request has it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(body: &[u8]) -> Result<Self, Problem> {
        let wanted: Self = object(body)?;
        wanted.check()?;
        Ok(wanted)
    }

    /// Whether its sound is not there yet, so that it takes a while.
    pub fn has_to_be_made(&self) -> bool {
        !matches!(self.content(), Some(Content::Play(_)))
    }

    /// What the types cannot say.
    ///
    /// # Errors
    /// 422 with a remedy.
    pub fn check(&self) -> Result<(), Problem> {
        let why = match self.content() {
            None => {
                Some("it is to play, to say or to sound a tone; write exactly one of the three")
            }
            Some(Content::Play(name)) if name.is_empty() || name.chars().count() > 255 => {
                Some("play is empty or too long; name a page with a message, a sound, or klaxon")
            }
            Some(Content::Say(text)) if !is_text(text) => Some(
                "say is empty, or of more than 1,000 characters, or of others than text; write a \
                 sentence",
            ),
            Some(Content::Tone(tone)) if !tone.may_be() => Some(
                "hz is not from 20 to 20,000, or seconds not from 0.1 to 60, or level_dbfs not from \
                 -60 to 0; write e.g. 1000, 2 and -20",
            ),
            Some(_) => self.misplaced(),
        };
        let told = |detail| Problem::plain(StatusCode::UNPROCESSABLE_ENTITY, detail);
        why.map_or(Ok(()), |detail| Err(told(detail)))
    }

    fn misplaced(&self) -> Option<&'static str> {
        let is_often = |times: u32| !(1..=100).contains(&times);
        if self.times.is_some_and(is_often) {
            return Some("times is not from 1 to 100; write e.g. 2, or leave it out");
        }
        let is_many = |zones: &Vec<String>| zones.is_empty() || zones.len() > 512;
        if self.zones.as_ref().is_some_and(is_many) {
            return Some("zones is empty or too long; name zones, or leave it out");
        }
        None
    }
}

impl ToneWanted {
    fn may_be(&self) -> bool {
        (20.0..=20_000.0).contains(&self.hz)
            && (0.1..=60.0).contains(&self.seconds)
            && (-60.0..=0.0).contains(&self.level_dbfs)
    }
}

fn is_text(text: &str) -> bool {
    let n = text.chars().count();
    (1..=1_000).contains(&n) && !text.chars().any(char::is_control) && !text.trim().is_empty()
}

//! How does a telephone ring, and when is it silent in between?

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// A way to ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// One that the adapter of the telephone knows by that name, such as `Bellcore-dr2`.
    Named(String),
    /// One that we make ourselves, by calling and taking the call back.
    Rhythm(Rhythm),
}

/// How long it rings, how long it is silent, and so on; after the last it begins anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rhythm(Vec<(Duration, Duration)>);

/// How far a telephone that rings is in its pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ringing {
    pattern: Option<Pattern>,
    /// By then it has rung for long enough.
    pub(super) until: Instant,
    /// Of the rhythm: the ring that sounds, or comes next.
    nth: usize,
}

impl FromStr for Pattern {
    type Err = String;

    /// Fails with a remedy.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<&str> = text
            .split([' ', '\t', ','])
            .filter(|it| !it.is_empty())
            .collect();
        match words.as_slice() {
            [name] if span(name).is_none() && is_name(name) => Ok(Self::Named((*name).to_owned())),
            [] | [_] => Err(format!("no name of a pattern, and no rhythm; {REMEDY}")),
            spans => rhythm(spans).map(Self::Rhythm),
        }
    }
}

/// As it is read.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Rhythm(Rhythm(rings)) => {
                let spans = rings.iter().flat_map(|(ring, pause)| [ring, pause]);
                let spans: Vec<String> = spans.map(written).collect();
                f.write_str(&spans.join(" "))
            }
        }
    }
}

impl Ringing {
    /// It begins now, or is about to.
    pub(super) fn new(pattern: Option<Pattern>, until: Instant) -> Self {
        Self {
            pattern,
            until,
            nth: 0,
        }
    }

    /// The name that the adapter knows it by.
    pub(super) fn tone(&self) -> Option<String> {
        match &self.pattern {
            Some(Pattern::Named(name)) => Some(name.clone()),
            Some(Pattern::Rhythm(_)) | None => None,
        }
    }

    /// Until when it rings that begins to ring now.
    pub(super) fn rings_until(&self, now: Instant) -> Instant {
        let ring = self.present().map(|(ring, _)| now + ring);
        ring.map_or(self.until, |at| at.min(self.until))
    }

    /// Until when it is silent that ceases to ring now.
    pub(super) fn pauses_until(&mut self, now: Instant) -> Instant {
        let pause = self.present().map(|(_, pause)| now + pause);
        self.nth += 1;
        pause.map_or(self.until, |at| at.min(self.until))
    }

    fn present(&self) -> Option<(Duration, Duration)> {
        match &self.pattern {
            Some(Pattern::Rhythm(Rhythm(rings))) => {
                rings.get(self.nth % rings.len().max(1)).copied()
            }
            Some(Pattern::Named(_)) | None => None,
        }
    }
}

fn rhythm(words: &[&str]) -> Result<Rhythm, String> {
    if !words.len().is_multiple_of(2) || words.len() > MOST_SPANS {
        return Err(format!(
            "a rhythm is 2, 4 or up to {MOST_SPANS} lengths of time, a silence behind each ring; {REMEDY}"
        ));
    }
    let spans = words.iter().map(|word| {
        let span = span(word).filter(|it| (LEAST..=MOST).contains(it));
        span.ok_or_else(|| format!("{word:?} is no length of time from 200ms to 60s; {REMEDY}"))
    });
    let spans: Vec<Duration> = spans.collect::<Result<_, _>>()?;
    let rings = spans.chunks_exact(2).map(|it| (it[0], it[1]));
    Ok(Rhythm(rings.collect()))
}

/// A length of time, to the millisecond.
fn span(word: &str) -> Option<Duration> {
    let (number, scale) = match word.strip_suffix("ms") {
        Some(number) => (number, 1.0),
        None => (word.strip_suffix('s')?, 1_000.0),
    };
    let is_plain = number.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    let number: f64 = number.parse().ok().filter(|_| is_plain)?;
    Some(Duration::from_millis((number * scale).round() as u64))
}

fn written(span: &Duration) -> String {
    let ms = span.as_millis();
    match ms % 1_000 {
        0 => format!("{}s", ms / 1_000),
        _ => format!("{ms}ms"),
    }
}

fn is_name(name: &str) -> bool {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    name.len() <= LONGEST_NAME && name.chars().all(is_fit)
}

const REMEDY: &str = "write e.g. Bellcore-dr2, or ring and silence in turn: 400ms 200ms 400ms 2s";

const LONGEST_NAME: usize = 64;

/// Enough for any that people tell apart.
const MOST_SPANS: usize = 16;

/// Less is over before an adapter has begun to ring, or has done with the ring before.
const LEAST: Duration = Duration::from_millis(200);
const MOST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn pattern(text: &str) -> Pattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_pattern_is_a_name_or_rings_and_silences_in_turn() {
        for name in ["Bellcore-dr8", "ring10", "bell.3_x", "5"] {
            assert_eq!(pattern(name), Pattern::Named(name.to_owned()));
        }
        let rhythm = |spans: &[(u64, u64)]| {
            let rings = spans.iter().map(|(ring, pause)| (ms(*ring), ms(*pause)));
            Pattern::Rhythm(Rhythm(rings.collect()))
        };
        assert_eq!(pattern("2s 4s"), rhythm(&[(2_000, 4_000)]));
        let twice = rhythm(&[(400, 200), (400, 2_000)]);
        assert_eq!(pattern(" 400ms, 200ms,400ms 2s "), twice);
        assert_eq!(pattern("0.4s 0.2s .4s 2.0s"), twice);
        assert_eq!(twice.to_string(), "400ms 200ms 400ms 2s");
        for (wrong, why) in [
            ("", "no name"),
            ("2s", "no name"),
            ("ring 3", "\"ring\" is no length"),
            ("rïng", "no name"),
            ("2s 4s 2s", "a rhythm is"),
            ("100ms 2s", "\"100ms\" is no length"),
            ("2s 61s", "\"61s\" is no length"),
            ("2s -4s", "\"-4s\" is no length"),
            ("2s 1e9s", "\"1e9s\" is no length"),
            ("2 4", "\"2\" is no length"),
        ] {
            let told = wrong.parse::<Pattern>().unwrap_err();
            assert!(
                told.starts_with(why) && told.contains("write e.g."),
                "{wrong}: {told}"
            );
        }
        assert!("1s 1s ".repeat(9).parse::<Pattern>().is_err());
    }

    #[test]
    fn a_rhythm_begins_anew_until_it_has_rung_for_long_enough() {
        let now = Instant::now();
        let at = |n| now + ms(n);
        let mut ringing = Ringing::new(Some(pattern("400ms 200ms 600ms 2s")), at(4_000));
        assert_eq!(ringing.tone(), None);
        assert_eq!(ringing.rings_until(now), at(400));
        assert_eq!(ringing.pauses_until(at(400)), at(600));
        assert_eq!(ringing.rings_until(at(600)), at(1_200));
        assert_eq!(ringing.pauses_until(at(1_200)), at(3_200));
        assert_eq!(ringing.rings_until(at(3_200)), at(3_600));
        assert_eq!(ringing.pauses_until(at(3_600)), at(3_800));
        assert_eq!(ringing.rings_until(at(3_800)), at(4_000));
        let named = Ringing::new(Some(pattern("ring2")), at(4_000));
        assert_eq!(named.tone().as_deref(), Some("ring2"));
        assert_eq!(named.rings_until(now), at(4_000));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(spans in prop::collection::vec((200..60_001_u64, 200..60_001_u64), 1..9)) {
            let rings = spans.into_iter().map(|(ring, pause)| (ms(ring), ms(pause)));
            let rhythm = Pattern::Rhythm(Rhythm(rings.collect()));
            prop_assert_eq!(pattern(&rhythm.to_string()), rhythm);
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,40}") {
            if let Ok(read) = text.parse::<Pattern>() {
                prop_assert_eq!(pattern(&read.to_string()), read);
            }
        }
    }
}

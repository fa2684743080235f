//! By which numbers is a line tried, and how do sections `[test:NAME]` become that?

use crate::config::desk::is_name;
use crate::config::keys;
use crate::config::load::Loading;
use crate::config::model::Config;
use crate::config::place::{Mistake, Place, Remark};
use crate::page::Extension;

/// A number that a technician calls to try a telephone and the way to it.
#[derive(Clone, Debug, PartialEq)]
pub struct TestNumber {
    /// NAME of `[test:NAME]`.
    pub name: String,
    /// One or more.
    pub extensions: Vec<Extension>,
    pub kind: TestKind,
}

/// What the caller hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestKind {
    /// Itself.
    Echo,
    /// 1004 Hz at 0 dBm0.
    Milliwatt,
}

impl TestNumber {
    /// The section it stands in; also how the log names it.
    pub fn section(&self) -> String {
        format!("{TEST}{}", self.name)
    }
}

/// What the section of a number for tests begins with.
pub(super) const TEST: &str = "test:";

/// Reads them all.
pub(super) fn read(loading: &mut Loading, config: &mut Config) {
    let sections: Vec<(String, Place)> = loading
        .layers
        .sections()
        .filter(|(section, _)| section.starts_with(TEST))
        .map(|(section, place)| (section.to_owned(), place.clone()))
        .collect();
    for (section, place) in sections {
        let n_mistakes = loading.mistakes.len();
        let number = number(loading, &section, config);
        match missing(&number) {
            None => config.tests.push(number),
            Some(_) if loading.mistakes.len() > n_mistakes => {}
            Some(text) => loading.mistakes.push(Mistake(Remark {
                place: Some(place),
                subject: format!("[{section}]"),
                text: text.to_owned(),
            })),
        }
    }
}

fn missing(number: &TestNumber) -> Option<&'static str> {
    if !is_name(&number.name) {
        return Some(
            "needs a name of letters, digits, dots and dashes after the colon; write e.g. \
             [test:echo]",
        );
    }
    let has_none = number.extensions.is_empty();
    has_none.then_some("has no number to call it by; write e.g. extensions = 9196")
}

fn number(loading: &mut Loading, section: &str, config: &mut Config) -> TestNumber {
    let mut number = TestNumber {
        name: section[TEST.len()..].to_owned(),
        extensions: Vec::new(),
        kind: TestKind::Echo,
    };
    for row in keys::of_test() {
        let value = loading.value(section, &row.key);
        let set = |text: &str, remarks: &mut Vec<String>| row.set(&mut number, text, remarks);
        if let Some(written) = loading.apply(section, &row.key, value, set) {
            let at = (section.to_owned(), row.key.name.to_owned());
            config.places.insert(at, written);
        }
    }
    number
}

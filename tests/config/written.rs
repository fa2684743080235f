//! What does a configuration say that a test has written?
#![allow(dead_code, reason = "each test asks for its own things")]

use std::path::Path;

use paging::config::{Config, Loaded, read_texts};

pub(crate) fn text(text: &str) -> Loaded {
    read_texts([(Path::new("paging.conf"), text.as_bytes())], &[])
}

/// Nothing is to be said about it.
#[track_caller]
pub(crate) fn good(written: &str) -> Config {
    let loaded = text(written);
    assert_eq!(loaded.mistakes, [], "{written}");
    assert_eq!(loaded.warnings, [], "{written}");
    loaded.config.unwrap()
}

/// Just this is said about it.
#[track_caller]
pub(crate) fn says(written: &str, want: &str) {
    says_all(written, &[want]);
}

/// Just these are said about it, mistakes first.
#[track_caller]
pub(crate) fn says_all(written: &str, want: &[&str]) {
    let loaded = text(written);
    let mistakes = loaded.mistakes.iter().map(ToString::to_string);
    let warnings = loaded.warnings.iter().map(ToString::to_string);
    let all: Vec<String> = mistakes.chain(warnings).collect();
    assert_eq!(all, want, "{written}");
}

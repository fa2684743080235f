//! Does paging.example.conf hold every key at its default, explained as in the table?
#![allow(clippy::unwrap_used)]

use std::path::Path;

use paging::config::{Config, Key, Loaded, keys, read_texts};

const EXAMPLE: &str = include_str!("../paging.example.conf");

fn read(text: &str) -> Loaded {
    read_texts([(Path::new("paging.example.conf"), text.as_bytes())], &[])
}

fn block(key: &Key) -> String {
    let mut block: String = key.doc.lines().map(|line| format!("# {line}\n")).collect();
    block += format!(";{} = {}", key.name, key.default).trim_end();
    block + "\n"
}

#[test]
fn as_it_is_it_changes_nothing() {
    let loaded = read(EXAMPLE);
    assert_eq!(loaded.mistakes, []);
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.unwrap(), Config::default());
}

#[test]
fn with_every_key_uncommented_it_changes_nothing_either() {
    let text = EXAMPLE.replace("\n;", "\n");
    let loaded = read(&text);
    assert_eq!(loaded.mistakes, []);
    assert_eq!(loaded.warnings, []);
    let config = loaded.config.unwrap();
    assert_eq!(config, Config::default());
    for key in keys() {
        assert!(
            config.place(key.section, key.name).is_some(),
            "{}",
            key.name
        );
    }
}

#[test]
fn every_key_stands_there_once_in_the_order_of_the_table() {
    let mut rest = EXAMPLE;
    let (mut section, mut group) = ("", "");
    for key in keys() {
        if key.section != section {
            section = key.section;
            rest = after(rest, &format!("\n[{section}]\n"));
        }
        if key.group != group {
            group = key.group;
            rest = after(rest, &format!("\n# --- {group} ---\n"));
        }
        rest = after(rest, &format!("\n{}", block(key)));
    }
    let n_commented = EXAMPLE.lines().filter(|line| line.starts_with(';')).count();
    assert_eq!(
        n_commented,
        keys().count(),
        "a line with ; is no key of the table"
    );
}

#[track_caller]
fn after<'a>(text: &'a str, block: &str) -> &'a str {
    let at = text.find(block);
    let at = at.unwrap_or_else(|| panic!("paging.example.conf lacks, in this order:\n{block}"));
    // The line break that ends this block begins the next.
    &text[at + block.len() - 1..]
}

#[test]
fn explanations_are_short() {
    for key in keys() {
        assert!((1..=4).contains(&key.doc.lines().count()), "{}", key.name);
        for line in block(key).lines() {
            assert!(line.chars().count() <= 92, "{line}");
        }
    }
}

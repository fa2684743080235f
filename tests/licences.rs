//! May everything that is linked into the program be shipped with it? `deny.toml` says what may.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::process::Command;

const DENY: &str = include_str!("../deny.toml");

/// Texts in quotes of the lines between `start` and `]`, comments left out.
fn list_in_deny(start: &str) -> BTreeSet<String> {
    let lines = DENY
        .lines()
        .skip_while(|line| !line.starts_with(start))
        .skip(1);
    let lines = lines.take_while(|line| !line.starts_with(']'));
    let entries = lines.filter_map(|line| line.split('"').nth(1));
    entries.map(str::to_owned).collect()
}

/// Name and licence of every crate that is built into the program for this machine.
fn crates() -> Vec<(String, String)> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "tree",
            "--locked",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .args(["--format", "{p}|{l}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let unique: BTreeSet<&str> = text.lines().filter(|line| line.contains('|')).collect();
    let parts = unique.into_iter().map(|line| line.split_once('|').unwrap());
    parts
        .map(|(package, licence)| {
            let name = package.split(' ').next().unwrap();
            (name.to_owned(), licence.trim_end_matches(" (*)").to_owned())
        })
        .collect()
}

/// Whether an SPDX expression can be met with licences of `allowed`.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    // The old way to write OR.
    let spaced = expression.replace('/', " OR ");
    let spaced = spaced.replace('(', " ( ").replace(')', " ) ");
    let mut words: Vec<&str> = spaced.split_whitespace().rev().collect();
    let verdict = any_of(&mut words, allowed);
    verdict && words.is_empty()
}

/// Words are taken from the back.
fn any_of(words: &mut Vec<&str>, allowed: &BTreeSet<String>) -> bool {
    let mut verdict = all_of(words, allowed);
    while words.last() == Some(&"OR") {
        words.pop();
        verdict |= all_of(words, allowed);
    }
    verdict
}

fn all_of(words: &mut Vec<&str>, allowed: &BTreeSet<String>) -> bool {
    let mut verdict = one(words, allowed);
    while words.last() == Some(&"AND") {
        words.pop();
        verdict &= one(words, allowed);
    }
    verdict
}

fn one(words: &mut Vec<&str>, allowed: &BTreeSet<String>) -> bool {
    let Some(word) = words.pop() else {
        return false;
    };
    if word == "(" {
        let verdict = any_of(words, allowed);
        return words.pop() == Some(")") && verdict;
    }
    let mut licence = word.to_owned();
    if words.last() == Some(&"WITH") {
        words.pop();
        licence = format!("{licence} WITH {}", words.pop().unwrap_or(""));
    }
    allowed.contains(&licence)
}

#[test]
fn every_crate_has_a_licence_that_mit_software_may_ship() {
    let allowed = list_in_deny("allow = [");
    assert!(allowed.contains("MIT"), "{allowed:?}");
    let crates = crates();
    assert!(crates.len() > 50, "cargo tree shows only {crates:?}");
    let strange = crates
        .iter()
        .filter(|(_, licence)| !is_allowed(licence, &allowed));
    let strange: Vec<_> = strange.collect();
    assert!(strange.is_empty(), "not allowed by deny.toml: {strange:?}");
}

#[test]
fn no_second_tls_library_is_in_the_tree() {
    let banned = list_in_deny("deny = [");
    assert!(banned.contains("aws-lc-rs"), "{banned:?}");
    let present = crates()
        .into_iter()
        .filter(|(name, _)| banned.contains(name));
    let present: Vec<_> = present.collect();
    assert!(present.is_empty(), "{present:?}");
}

#[test]
fn expressions_are_judged_as_spdx_means_them() {
    let allowed: BTreeSet<String> = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"]
        .map(str::to_owned)
        .into();
    for fine in [
        "MIT",
        "GPL-3.0 OR MIT",
        "MIT/Apache-2.0",
        "(MIT AND ISC) OR GPL-2.0",
    ] {
        assert!(is_allowed(fine, &allowed), "{fine}");
    }
    assert!(is_allowed("Apache-2.0 WITH LLVM-exception", &allowed));
    for bad in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "Apache-2.0",
        "(MIT",
        "MIT ISC",
    ] {
        assert!(!is_allowed(bad, &allowed), "{bad}");
    }
}

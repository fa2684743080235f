//! Does every row of the table of RFCs name a test that is there, or a reason?

use std::collections::BTreeSet;
use std::path::Path;

/// What is wrong with the rows of `table`, when these are the names of all tests.
fn faults(table: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for row in table.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let &[rfc, _, state, shown_by] = cells.as_slice() else {
            faults.push(format!("not four cells: {row}"));
            continue;
        };
        if rfc == "RFC" || rfc == "---" {
            continue;
        }
        let (word, why) = state.split_once(':').unwrap_or((state, ""));
        let needs_reason = word != "done";
        if !["done", "partly", "not done"].contains(&word) || why.is_empty() == needs_reason {
            faults.push(format!("RFC {rfc}: neither done nor a reason: {state}"));
        }
        let named: Vec<_> = shown_by.split('`').skip(1).step_by(2).collect();
        if named.is_empty() != (word == "not done") {
            faults.push(format!("RFC {rfc}: what is done, and only that, is shown"));
        }
        let missing = named.iter().filter(|name| !tests.contains(**name));
        faults.extend(missing.map(|name| format!("RFC {rfc}: there is no test {name}")));
    }
    faults
}

/// The names of the tests in these files.
fn tests_in<'a>(texts: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for text in texts {
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            let attribute = line.trim_start_matches("#[").trim_start_matches("tokio::");
            if line.starts_with("#[") {
                is_test |= attribute.starts_with("test]") || attribute.starts_with("test(");
                continue;
            }
            let Some((_, behind)) = line.split_once("fn ").filter(|_| is_test) else {
                continue;
            };
            let name = behind.split('(').next().unwrap_or_default();
            names.insert(name.to_owned());
            is_test = false;
        }
    }
    names
}

#[test]
fn every_row_of_the_rfc_table_names_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("docs/rfcs.md")).unwrap();
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        crate::collect(&root.join(folder), &mut files);
    }
    let texts: Vec<_> = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let faults = faults(&table, &tests_in(texts.iter().map(String::as_str)));
    assert!(faults.is_empty(), "docs/rfcs.md:\n{}", faults.join("\n"));
}

#[test]
fn a_row_that_promises_too_much_is_caught() {
    let text = "#[test]\nfn a_sun_rises() {}\n#[tokio::test]\nasync fn it_sets() {}\nfn other() {}";
    let tests = tests_in([text].into_iter());
    assert_eq!(tests.len(), 2);
    let table = [
        ("| 1 | x | done | `a_sun_rises`, `it_sets` |", 0),
        ("| 2 | x | not done: nobody wants it | – |", 0),
        ("| 3 | x | partly: half | `it_sets` |", 0),
        ("| 4 | x | done | `other` |", 1),
        ("| 5 | x | done | – |", 1),
        ("| 6 | x | not done | – |", 1),
        ("| 7 | x | partly | `it_sets` |", 1),
        ("| 8 | done | `it_sets` |", 1),
    ];
    for (row, n) in table {
        assert_eq!(faults(row, &tests).len(), n, "{row}");
    }
}

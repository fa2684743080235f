//! Which of several files and spellings of a key counts?

use std::path::Path;

use super::*;
use crate::config::dialect;

fn layers(texts: &[&str]) -> (Layers, Vec<Warning>) {
    let mut layers = Layers::default();
    let mut warnings = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        let file = Path::new(&format!("{i}.conf")).into();
        warnings.extend(layers.add(dialect::parse(&file, text.as_bytes())));
    }
    (layers, warnings)
}

fn value(texts: &[&str], key: &str) -> Option<Result<String, String>> {
    layers(texts).0.find("sip", &[key]).map(|found| found.text)
}

#[track_caller]
fn says(texts: &[&str], key: &str, want: &str) {
    assert_eq!(value(texts, key), Some(Ok(want.to_owned())), "{texts:?}");
}

#[test]
fn later_files_count_key_by_key() {
    let texts = ["[sip]\nuser=1\npass=2", "[sip]\nuser=3"];
    says(&texts, "user", "3");
    says(&texts, "pass", "2");
}

#[test]
fn dashes_count_before_underscores_wherever_they_stand() {
    says(&["[sip]\na-b-c=1\na_b_c=2"], "a-b-c", "1");
    says(&["[sip]\na_b_c=2\na-b-c=1"], "a-b-c", "1");
    says(&["[sip]\na-b-c=1", "[sip]\na_b_c=2"], "a-b-c", "1");
    says(&["[DEFAULT]\na-b-c=1\n[sip]\na_b_c=2"], "a_b_c", "1");
    says(&["[sip]\na_b_c=2"], "a-b-c", "2");
    assert_eq!(value(&["[sip]\na-b_c=1"], "a-b-c"), None);
    let (mut both, _) = layers(&["[sip]\na_b=2\na-b=1"]);
    let found = both.find("sip", &["a-b"]).unwrap();
    assert_eq!(found.shadowed.unwrap().1.line(), Some(2));
    let (mut one, _) = layers(&["[sip]\nuser=1"]);
    assert_eq!(one.find("sip", &["user"]).unwrap().shadowed, None);
}

#[test]
fn the_default_section_fills_sections_that_are_there() {
    says(&["[DEFAULT]\nuser=1\n[sip]"], "user", "1");
    says(&["[sip]", "[DEFAULT]\nuser=1"], "user", "1");
    says(&["[DEFAULT]\nuser=1\n[sip]\nuser=2"], "user", "2");
    assert_eq!(value(&["[DEFAULT]\nuser=1"], "user"), None);
}

#[test]
fn percent_quotes_other_keys_and_is_else_itself() {
    for (text, want) in [
        ("a=100%", "100%"),
        ("a=ab%cd", "ab%cd"),
        ("a=%", "%"),
        ("a=%%", "%"),
        ("a=%%%", "%%"),
        ("a=%%(user)s", "%(user)s"),
        ("a=%(user", "%(user"),
        ("a=%(user)", "%(user)"),
        ("a=%(user)d", "%(user)d"),
        ("a=%()s", "%()s"),
        ("a=%(user)s@%(HOST)s\nuser=5\nhost=h", "5@h"),
        ("a=%(b-c)s\nb_c=1", "1"),
        ("a=%(b)s\nb=%(c)s%%\nc=1", "1%"),
        ("a=%(b)s\nb=1%", "1%"),
        ("a=%(__name__)s", "sip"),
        ("a=%(b)sx\nb=\n", "x"),
    ] {
        says(&[&format!("[sip]\n{text}")], "a", want);
    }
    says(&["[DEFAULT]\nhost=h\n[sip]\na=%(host)s"], "a", "h");
}

#[test]
fn a_quotation_that_leads_nowhere_is_a_mistake() {
    for (text, hint) in [
        ("a=%(b)s", "no key \"b\" in [sip]"),
        ("a=%(a)s", "itself"),
        ("a=%(b)s\nb=%(a)s", "itself"),
        ("a=%(b)s\nb", "no '='"),
        ("a", "no '='"),
    ] {
        let why = value(&[&format!("[sip]\n{text}")], "a")
            .unwrap()
            .unwrap_err();
        assert!(why.contains(hint), "{text}: {why}");
    }
}

#[test]
fn quotations_of_quotations_do_not_fill_the_memory() {
    let mut text = "[sip]\na=%(b0)s\n".to_owned();
    for i in 0..9 {
        let next = format!("%(b{})s", i + 1).repeat(40);
        text += &format!("b{i}={next}\n");
    }
    text += "b9=0123456789\n";
    let why = value(&[&text], "a").unwrap().unwrap_err();
    assert!(why.contains("too long"), "{why}");
}

#[test]
fn values_that_begin_on_the_next_line_lose_only_the_break() {
    says(&["[sip]\na =\n  x ;y\n  z"], "a", "x ;y\nz");
}

#[test]
fn a_key_set_twice_in_one_file_is_told() {
    let (_, warnings) = layers(&["[sip]\nuser=1\n[sip]\nUSER=2", "[sip]\nuser=3"]);
    let texts: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        ["0.conf:2: warning: [sip] user: is set again in line 4, which counts"]
    );
}

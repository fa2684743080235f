//! Is every row of the legacy dialect read as the old parser read it?

use proptest::prelude::*;

use super::*;

fn parsed(text: &[u8]) -> Parsed {
    parse(&Path::new("p.conf").into(), text)
}

/// `section.name=value` of every entry, `section.name` for a key without `=`.
fn entries(text: &str) -> Vec<String> {
    let parsed = parsed(text.as_bytes());
    let show = |entry: &Entry| match &entry.value {
        Some(value) => format!("{}.{}={value}", entry.section, entry.name),
        None => format!("{}.{}", entry.section, entry.name),
    };
    parsed.entries.iter().map(show).collect()
}

/// Every row was compared with Python 2.7's `SafeConfigParser`.
#[test]
fn lines_are_read_as_the_old_parser_read_them() {
    for (text, want) in [
        ("user = 5", "user=5"),
        ("USER=5", "user=5"),
        ("user: 5", "user=5"),
        ("user = a=b:c", "user=a=b:c"),
        ("user : a = b", "user=a = b"),
        ("klaxon-Max_length=1", "klaxon-max_length=1"),
        ("klaxon", "klaxon"),
        ("klaxon =", "klaxon="),
        ("pass = ab ; c", "pass=ab"),
        ("pass = a;b ; c", "pass=a;b ; c"),
        ("pass = a;b", "pass=a;b"),
        ("pass = ab # c", "pass=ab # c"),
        ("pass = ;ab", "pass=;ab"),
        ("pass = ;ab ", "pass="),
        ("pass = a\t;b", "pass=a"),
        ("pass = \"x\"", "pass=\"x\""),
        ("pass = \"\"", "pass="),
        ("pass = \"\" ; none", "pass="),
        ("pass = ab\r", "pass=ab"),
        ("pass = a%b", "pass=a%b"),
        ("two words = x", "two words=x"),
        ("remark = 1", "remark=1"),
        ("rem=1", "rem=1"),
        ("a = 1\n  2\n\t3", "a=1\n2\n3"),
        ("a = 1\n\n  2", "a=1\n2"),
        ("a = 1\n# c\n  2", "a=1\n2"),
        ("a = 1\n  2 ; c", "a=1\n2 ; c"),
        ("a = 1\n  # c", "a=1\n# c"),
        ("a =\n  1", "a=\n1"),
        ("a = 1\n  b = 2", "a=1\nb = 2"),
    ] {
        let got = entries(&format!("[sip]\n{text}"));
        assert_eq!(got, [format!("sip.{want}")], "{text:?}");
        assert_eq!(
            parsed(text.as_bytes()).entries,
            [],
            "{text:?} without a section"
        );
    }
}

#[test]
fn comments_and_empty_lines_say_nothing() {
    for text in [
        "", "\r", "   ", "# x", "; x", "#", "rem x", "REM", "Rem\tx", "\x0b\x0c",
    ] {
        assert_eq!(entries(&format!("[sip]\n{text}\n")), [""; 0], "{text:?}");
        let parsed = parsed(text.as_bytes());
        assert!(parsed.mistakes.is_empty() && parsed.warnings.is_empty());
    }
}

#[test]
fn sections_keep_their_case_and_may_come_twice() {
    let text = "[sip] ; x\na=1\n[SIP]\nb=2\n[sip]\nc=3\n[a b]]\nd=4\n[ x ]\n[DEFAULT]\ne=5";
    assert_eq!(
        entries(text),
        ["sip.a=1", "SIP.b=2", "sip.c=3", "a b.d=4", "DEFAULT.e=5"]
    );
    let names: Vec<String> = parsed(text.as_bytes())
        .sections
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["sip", "SIP", "sip", "a b", " x ", "DEFAULT"]);
}

#[test]
fn every_entry_knows_its_line_and_column() {
    let parsed = parsed("\u{feff}[sip]\r\n\r\nüser =  5\r\n".as_bytes());
    assert_eq!(
        parsed.entries[0].place,
        Place::Line {
            file: Path::new("p.conf").into(),
            line: 3,
            column: 9
        }
    );
    assert_eq!(parsed.entries[0].place.to_string(), "p.conf:3");
}

#[test]
fn what_the_old_parser_gave_up_on_is_told_and_the_rest_is_read() {
    for (text, line, hint) in [
        ("a = 1\nb = 2\n[sip]\nc=3", 1, "before any section"),
        ("[sip]\n  a = 1\nc=3", 2, "indented"),
        ("[sip]\n= 1\nc=3", 2, "without a key"),
        ("[sip]\n: 1\nc=3", 2, "without a key"),
        ("[sip]\n[audio\nc=3", 2, "not a section"),
        ("[sip]\n[]\nc=3", 2, "not a section"),
        ("[sip]\nklaxon\n  x\nc=3", 3, "no '='"),
    ] {
        let parsed = parsed(text.as_bytes());
        assert_eq!(parsed.mistakes.len(), 1, "{text:?}");
        let mistake = &parsed.mistakes[0];
        assert_eq!(mistake.0.place.as_ref().unwrap().line(), Some(line));
        assert!(mistake.to_string().contains(hint), "{mistake}");
        let last = parsed.entries.last().unwrap();
        assert_eq!(
            (last.name.as_str(), last.value.as_deref()),
            ("c", Some("3"))
        );
    }
}

#[test]
fn a_section_that_was_not_closed_is_taken_as_meant() {
    assert_eq!(entries("[sip\na=1\n[]\nb=2"), ["sip.a=1", "sip.b=2"]);
}

#[test]
fn a_stray_line_is_told_without_its_value() {
    for text in [
        "pass = hunter2",
        "[sip]\n  pass: hunter2",
        "[sip]\n= hunter2",
    ] {
        let told = parsed(text.as_bytes()).mistakes[0].to_string();
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_latin_1_line_by_line() {
    let parsed = parsed(b"[sip]\n# \xff\npass = p\xe4ss\nuser = \xc3\xa4\n");
    let values: Vec<_> = parsed.entries.iter().map(|e| e.value.as_deref()).collect();
    assert_eq!(values, [Some("päss"), Some("ä")]);
    assert_eq!(parsed.warnings.len(), 1);
    let warning = parsed.warnings[0].to_string();
    assert!(warning.starts_with("p.conf:3: warning: "), "{warning}");
}

#[test]
fn utf_16_is_named() {
    let parsed = parsed(b"\xff\xfe[\0s\0");
    assert!(parsed.mistakes[0].to_string().contains("UTF-16"));
}

proptest! {
    #[test]
    fn any_bytes_have_a_result(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        parsed(&bytes);
    }

    #[test]
    fn anything_near_the_dialect_has_a_result(text in "(\\[?[a-z_-]{0,3}[\\] =:;%#\t\"]{0,3}\r?\n? ?){0,20}") {
        parsed(text.as_bytes());
    }
}

//! Do old regular expressions mean what they meant?

use super::*;

fn finds(pattern: &str, text: &str) -> bool {
    Pattern::new(pattern).unwrap().regex().is_match(text)
}

/// Every row was compared with Python 2.7's `re.search`.
#[test]
fn patterns_mean_what_they_meant_in_python() {
    for (pattern, found, not_found) in [
        ("playback", "system:playback_1", "system:capture_1"),
        (r"^mpd\.paging:(.*)$", "mpd.paging:left", "mpd_paging:left"),
        (
            "(left|playback_1)",
            "system:playback_1",
            "system:playback_2",
        ),
        (r"left\Z", "a:left", "a:left2"),
        (r"\<x\>", "a<x>", "a x "),
        ("[[]0", "hw[0", "hw0"),
        ("[]x]", "]", "["),
        ("[^]x]", "a", "]x"),
        ("[a&&b]", "&", "c"),
        ("[a~~b]", "~", "c"),
        ("[--a]", "/", "b"),
        ("[+--]", ",", "."),
        (r"[a\-c]", "-", "b"),
        (r"[\]]", "]", "a"),
        ("a{b}", "a{b}", "ab"),
        ("x{", "x{", "x"),
        ("^a{,2}$", "aa", "aaa"),
        ("^a{2}$", "aa", "a"),
        ("^a{1,}$", "aaa", ""),
        ("a(?#a remark)b", "ab", "a b"),
        ("system(?i)", "SYSTEM", "sys"),
        ("(?i)a(?i)", "A", "b"),
        ("(?u)a", "a", "b"),
        (r"a\ b\_c\%", "a b_c%", "ab"),
        (r"\pq", "pq", "q"),
        ("(?P<side>left)", "left", "right"),
        (r"\x41", "A", "x41"),
    ] {
        assert!(finds(pattern, found), "{pattern} in {found}");
        assert!(!finds(pattern, not_found), "{pattern} in {not_found}");
    }
}

#[test]
fn what_cannot_be_translated_is_explained() {
    for (pattern, hint) in [
        ("a(?=b)", "look-around"),
        ("a(?!b)", "look-around"),
        ("(?<=a)b", "look-around"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", "back-references"),
        ("(?P<x>a)(?P=x)", "back-references"),
        ("(a)?(?(1)b|c)", "conditions"),
        ("a(b", "unclosed group"),
        ("*a", "repetition operator missing expression"),
        ("[z-a]", "invalid character class range"),
        ("a\\", "incomplete escape"),
        ("(a{1000}){1000}", "exceeds size limit"),
    ] {
        let why = Pattern::new(pattern).unwrap_err();
        assert!(why.contains(hint), "{pattern}: {why}");
        assert!(!why.contains('\n'), "{pattern}: {why}");
    }
}

#[test]
fn case_counts_only_where_it_did() {
    assert!(!finds("system", "SYSTEM"));
    let device = Pattern::any_case("^usb.*dac").unwrap();
    assert!(device.regex().is_match("USB Audio DAC"));
    assert_eq!(device.as_str(), "^usb.*dac");
}

//! Which known name did the writer mean?

/// The candidate closest to `name`, if one is close enough to be meant.
pub(super) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name = plain(name);
    let far = 1 + name.chars().count() / 4;
    candidates
        .into_iter()
        .map(|candidate| (distance(&name, &plain(candidate)), candidate))
        .filter(|&(steps, _)| steps <= far)
        .min()
        .map(|(_, candidate)| candidate)
}

/// What to do about a name that stands for nothing: the one that was meant, or a section for it.
pub(super) fn remedy<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    section: &str,
) -> String {
    match nearest(name, known) {
        Some(meant) => format!("did you mean {meant}? Else write a section [{section}{name}]"),
        None => format!("write a section [{section}{name}]"),
    }
}

/// Names differ only in what a reader sees as different: case, `_` and blanks do not count.
fn plain(name: &str) -> String {
    let name = name.trim().to_lowercase();
    name.replace(['_', ' '], "-")
}

/// Insertions, deletions, replacements and swaps of neighbours from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(LONGEST).collect();
    let b: Vec<char> = b.chars().take(LONGEST).collect();
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        rows[i][0] = i;
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            rows[i][j] = if swapped {
                best.min(rows[i - 2][j - 2] + 1)
            } else {
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

/// No name of ours is longer; the table of a longer one would only cost time.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_finger_are_understood() {
        let names = ["klaxon", "klaxon-max-length", "duck", "volume-music"];
        for (written, meant) in [
            ("klaxno", Some("klaxon")),
            ("klaxon_max-length", Some("klaxon-max-length")),
            ("Klaxon max length", Some("klaxon-max-length")),
            ("klaxon-maxlength", Some("klaxon-max-length")),
            ("music-volume-of-all", None),
            ("dcuk", Some("duck")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, names), meant, "{written}");
        }
    }
}

//! Which characters of a Rust file are code of the program itself, and not comment, text or test?

/// `text` with the insides of comments, strings and characters as blanks; lines stay where they
/// are.
pub(crate) fn without_comments_and_text(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = chars.clone();
    let mut at = 0;
    while at < chars.len() {
        let end = end_of_other(&chars, at);
        for (place, c) in chars.iter().enumerate().take(end).skip(at) {
            if *c != '\n' {
                out[place] = ' ';
            }
        }
        at = end.max(at + 1);
    }
    out.into_iter().collect()
}

/// Where what starts at `at` ends when it is no code; `at` itself when it is.
fn end_of_other(chars: &[char], at: usize) -> usize {
    let next = |i: usize| chars.get(at + i).copied().unwrap_or('\0');
    let after_word = at > 0 && is_word(chars[at - 1]);
    match chars[at] {
        '/' if next(1) == '/' => until(chars, at, |c| c == '\n'),
        '/' if next(1) == '*' => end_of_block_comment(chars, at),
        '"' => end_of_string(chars, at + 1),
        'b' if !after_word && next(1) == '"' => end_of_string(chars, at + 2),
        'r' if !after_word && (next(1) == '"' || next(1) == '#') => end_of_raw(chars, at, 1),
        'b' if !after_word && next(1) == 'r' => end_of_raw(chars, at, 2),
        '\'' => end_of_character(chars, at),
        _ => at,
    }
}

fn until(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    let found = (from..chars.len()).find(|&i| stop(chars[i]));
    found.unwrap_or(chars.len())
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn end_of_string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// Of `r"…"` or `r#"…"#`; a raw identifier such as `r#type` is code.
fn end_of_raw(chars: &[char], start: usize, prefix: usize) -> usize {
    let quote = until(chars, start + prefix, |c| c != '#');
    if chars.get(quote) != Some(&'"') {
        return start;
    }
    let n_hashes = quote - start - prefix;
    let closes = |&at: &usize| {
        let hashes = chars[at + 1..].iter().take_while(|c| **c == '#').count();
        chars[at] == '"' && hashes >= n_hashes
    };
    let end = (quote + 1..chars.len()).find(closes);
    end.map_or(chars.len(), |end| end + 1 + n_hashes)
}

/// Of `'x'` or `'\n'`; a lifetime is code.
fn end_of_character(chars: &[char], start: usize) -> usize {
    match chars[start + 1..] {
        ['\\', ..] => until(chars, start + 3, |c| c == '\'') + 1,
        [_, '\'', ..] => start + 3,
        _ => start,
    }
}

/// `code` with everything under `#[cfg(test)]` as blanks.
pub(crate) fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let end = end_of_item(&out, start);
        let blank: String = out[start..end].chars().map(blank).collect();
        out.replace_range(start..end, &blank);
    }
    out
}

fn blank(c: char) -> char {
    if c == '\n' { c } else { ' ' }
}

/// The byte after the item that starts with attributes at `start`.
fn end_of_item(code: &str, start: usize) -> usize {
    let mut depth = 0;
    for (i, c) in code[start..].char_indices() {
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth -= 1,
            _ => {}
        }
        let end = start + i + c.len_utf8();
        if depth == 0 && (c == ';' || c == '}') {
            return end;
        }
    }
    code.len()
}

/// Modules in files of their own that `code` declares under `#[cfg(test)]`.
pub(crate) fn test_modules(code: &str) -> Vec<String> {
    let starts = code.match_indices("#[cfg(test)]");
    let items = starts.map(|(start, _)| &code[start..end_of_item(code, start)]);
    let declared = items.filter_map(|item| {
        let name = item.strip_suffix(';')?.rsplit_once("mod ")?.1.trim();
        Some(name.to_owned())
    });
    declared.collect()
}

/// Whether `word` stands in `line`, and not within a longer name.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    let edge = |inner: Option<char>, outer: Option<char>| {
        !(inner.is_some_and(is_word) && outer.is_some_and(is_word))
    };
    line.match_indices(word).any(|(at, _)| {
        edge(word.chars().next(), line[..at].chars().next_back())
            && edge(
                word.chars().next_back(),
                line[at + word.len()..].chars().next(),
            )
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Modules named through `crate::`, each with its line from 1; groups are taken apart.
pub(crate) fn crate_names(code: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (at, found) in code.match_indices("crate::") {
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + found.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(group_members(group).map(|name| (line, name))),
            None => names.push((line, first_name(rest))),
        }
    }
    names
}

fn group_members(group: &str) -> impl Iterator<Item = String> {
    let mut depth = 0;
    let ends = move |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth < 0
    };
    let inside = &group[..group.find(ends).unwrap_or(group.len())];
    let mut depth = 0;
    let members: Vec<&str> = inside
        .split(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth == 0 && c == ','
        })
        .collect();
    let names: Vec<String> = members.into_iter().map(|m| first_name(m.trim())).collect();
    names.into_iter().filter(|name| !name.is_empty())
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|c| is_word(*c)).collect()
}

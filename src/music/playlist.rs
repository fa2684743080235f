//! What does a playlist name?
//!
//! | kind | what it is |
//! |---|---|
//! | M3U, M3U8 | a path or an address a line, `#` begins a remark |
//! | PLS | `File1=…`, `File2=…` in an INI section |
//! | XSPF | XML, each track with a `<location>` that is a URI |
//!
//! Text is UTF-8, with or without a mark at its start, or else Latin-1; lines end as they like.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One piece of music.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    /// A file; relative paths are joined to the folder of the playlist. Of a playlist that is not
    /// UTF-8, `raw` is the name with its bytes as they stand there.
    Path { path: PathBuf, raw: Option<PathBuf> },
    /// An address that begins with `http://` or `https://`.
    Address(String),
}

impl Item {
    /// A file by its path alone.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self::Path {
            path: path.into(),
            raw: None,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path, .. } => write!(f, "{}", path.display()),
            Self::Address(address) => f.write_str(&without_secrets(address)),
        }
    }
}

/// An address without the name and password that may stand in it.
fn without_secrets(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("//") else {
        return address.to_owned();
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let shown = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}//{shown}{}", &rest[host.len()..])
}

/// How a playlist is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    M3u,
    Pls,
    Xspf,
}

impl Kind {
    /// By the end of a file's name; `None` is no playlist.
    pub fn of_name(name: &Path) -> Option<Self> {
        let extension = name.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "m3u" | "m3u8" => Some(Self::M3u),
            "pls" => Some(Self::Pls),
            "xspf" => Some(Self::Xspf),
            _ => None,
        }
    }

    /// By the media type that a server tells; `None` is no playlist.
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let media_type = media_type.split(';').next().unwrap_or_default();
        match media_type.trim().to_ascii_lowercase().as_str() {
            "audio/x-mpegurl"
            | "audio/mpegurl"
            | "application/x-mpegurl"
            | "application/vnd.apple.mpegurl" => Some(Self::M3u),
            "audio/x-scpls" | "application/pls+xml" => Some(Self::Pls),
            "application/xspf+xml" => Some(Self::Xspf),
            _ => None,
        }
    }
}

/// Why a playlist names nothing that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAPlaylist {
    /// It names no piece at all.
    Empty,
    /// It lists the segments of an HLS stream.
    Hls,
}

impl fmt::Display for NotAPlaylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the playlist names nothing"),
            Self::Hls => f.write_str(
                "the playlist is one of HLS, which is not supported; \
                 name the station's Icecast or MP3 stream",
            ),
        }
    }
}

impl std::error::Error for NotAPlaylist {}

/// The pieces that the playlist names, in its order. `folder` is where it stands.
pub fn parse(kind: Kind, bytes: &[u8], folder: &Path) -> Result<Vec<Item>, NotAPlaylist> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let items = match kind {
        Kind::M3u => m3u(bytes, folder)?,
        Kind::Pls => pls(bytes, folder),
        Kind::Xspf => xspf(&text(bytes), folder),
    };
    if items.is_empty() {
        return Err(NotAPlaylist::Empty);
    }
    Ok(items)
}

fn m3u(bytes: &[u8], folder: &Path) -> Result<Vec<Item>, NotAPlaylist> {
    if lines(bytes).any(|line| line.starts_with(b"#EXT-X-")) {
        return Err(NotAPlaylist::Hls);
    }
    Ok(lines(bytes)
        .filter(|line| !line.starts_with(b"#"))
        .filter_map(|line| item(line, folder))
        .collect())
}

fn pls(bytes: &[u8], folder: &Path) -> Vec<Item> {
    let mut numbered: Vec<(u32, Item)> = lines(bytes)
        .filter_map(|line| {
            let equals = line.iter().position(|&b| b == b'=')?;
            let (key, value) = (text(&line[..equals]), &line[equals + 1..]);
            let key = key.trim().to_ascii_lowercase();
            let number = key.strip_prefix("file")?.parse().ok()?;
            Some((number, item(value.trim_ascii(), folder)?))
        })
        .collect();
    numbered.sort_by_key(|(number, _)| *number);
    numbered.into_iter().map(|(_, item)| item).collect()
}

fn xspf(text: &str, folder: &Path) -> Vec<Item> {
    let text = without_remarks(text);
    // What stands outside of tracks is about the list itself.
    elements(&text, "track")
        .filter_map(|track| elements(track, "location").next())
        .filter_map(|location| uri(unescaped(location).trim(), folder))
        .collect()
}

/// One line of a list: an address, or a path as this or another system writes it.
fn item(line: &[u8], folder: &Path) -> Option<Item> {
    let decoded = text(line);
    if decoded.is_empty() {
        return None;
    }
    if is_uri(&decoded) {
        return uri(&decoded, folder);
    }
    let raw = std::str::from_utf8(line).is_err().then(|| {
        let name = OsString::from_vec(line.to_vec());
        folder.join(name)
    });
    Some(Item::Path {
        path: folder.join(with_our_slashes(&decoded)),
        raw,
    })
}

fn is_uri(text: &str) -> bool {
    let has = |scheme: &str| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    has("http://") || has("https://") || has("file:")
}

/// An absolute URI, or a path relative to the list, percent signs and all.
fn uri(text: &str, folder: &Path) -> Option<Item> {
    if text.is_empty() {
        return None;
    }
    if is_uri(text) && !text[..5].eq_ignore_ascii_case("file:") {
        return Some(Item::Address(text.to_owned()));
    }
    let path = if is_uri(text) { &text[5..] } else { text };
    // An empty host and localhost mean this machine.
    let path = path.strip_prefix("//localhost").unwrap_or(path);
    let path = path.strip_prefix("//").unwrap_or(path);
    let name = OsString::from_vec(percent_decoded(path));
    Some(Item::path(folder.join(name)))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3);
        let code = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match code.filter(|_| byte == b'%') {
            Some(code) => {
                out.push(code);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Lists made on Windows part folders by a backslash.
fn with_our_slashes(path: &str) -> String {
    if path.contains('/') {
        return path.to_owned();
    }
    path.replace('\\', "/")
}

/// What the bytes say: UTF-8, or Latin-1 where they are not.
fn text(bytes: &[u8]) -> String {
    let latin_1 = |_| bytes.iter().copied().map(char::from).collect();
    std::str::from_utf8(bytes).map_or_else(latin_1, str::to_owned)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = bytes.split(|&byte| byte == b'\n' || byte == b'\r');
    lines
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
}

fn without_remarks(xml: &str) -> String {
    let (mut out, mut rest) = (String::new(), xml);
    while let Some((before, remark)) = rest.split_once("<!--") {
        out.push_str(before);
        rest = remark.split_once("-->").map_or("", |(_, after)| after);
    }
    out + rest
}

/// The contents of all elements of a name.
fn elements<'a>(xml: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = xml;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('<')?;
            rest = after;
            let Some(attributes) = after.strip_prefix(name) else {
                continue;
            };
            if !attributes.starts_with(|c: char| c == '>' || c.is_ascii_whitespace()) {
                continue;
            }
            let (_, content) = attributes.split_once('>')?;
            let end = content.find(&format!("</{name}"))?;
            rest = &content[end..];
            return Some(&content[..end]);
        }
    })
}

fn unescaped(xml: &str) -> String {
    let plain = xml
        .trim()
        .strip_prefix("<![CDATA[")
        .and_then(|text| text.strip_suffix("]]>"));
    if let Some(plain) = plain {
        return plain.to_owned();
    }
    let (mut out, mut rest) = (String::new(), xml);
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let known = after
            .split_once(';')
            .and_then(|(name, after)| Some((entity(name)?, after)));
        let (c, after) = known.unwrap_or(('&', after));
        out.push(c);
        rest = after;
    }
    out + rest
}

fn entity(name: &str) -> Option<char> {
    let number = |text: &str, radix| {
        let code = u32::from_str_radix(text, radix).ok();
        code.and_then(char::from_u32)
    };
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(name.strip_prefix('#')?, 10),
        },
    }
}

#[cfg(test)]
#[path = "playlist_tests.rs"]
mod tests;

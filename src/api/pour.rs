//! How is a file sent, or a part of it (RFC 9110, section 14)?

use std::fs::{File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use tokio::task::spawn_blocking;

use super::problem::Problem;
use super::tags::{names, tag};

/// The file, or the part of it that is asked for; `media` is what it is.
pub(super) async fn file(
    headers: &HeaderMap,
    path: PathBuf,
    media: &'static str,
) -> Result<Response, Problem> {
    let gone = |_| Problem::not_found("it is not there any more; list what is there");
    let opened = spawn_blocking(move || open(&path)).await;
    let opened = opened.map_err(|_| Problem::unavailable("it cannot be read; try again"))?;
    let (file, length, tag) = opened.map_err(gone)?;
    let always = [
        (header::ETAG, tag.clone()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::CACHE_CONTROL, "private, no-cache".to_owned()),
    ];
    if names(headers, &header::IF_NONE_MATCH, &tag) == Some(true) {
        return Ok((StatusCode::NOT_MODIFIED, always).into_response());
    }
    let kind = (header::CONTENT_TYPE, media.to_owned());
    let asked = headers.get(header::RANGE).and_then(|it| it.to_str().ok());
    let asked = asked.filter(|_| is_same(headers, &tag));
    let part = asked.map_or(Part::All, |asked| part(asked, length));
    let (range, is_part) = match part {
        Part::All => (0..length, false),
        Part::Some(range) => (range, true),
        Part::Nothing => return Ok(beyond(length)),
    };
    let size = (
        header::CONTENT_LENGTH,
        (range.end - range.start).to_string(),
    );
    if !is_part {
        return Ok((always, [kind, size], poured(file, range)).into_response());
    }
    let told = format!("bytes {}-{}/{length}", range.start, range.end - 1);
    let told = (header::CONTENT_RANGE, told);
    let answer = (always, [kind, size, told], poured(file, range));
    Ok((StatusCode::PARTIAL_CONTENT, answer).into_response())
}

fn beyond(length: u64) -> Response {
    let size = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
    let detail = format!("the range lies behind the end; there are {length} bytes");
    let problem = Problem::plain(StatusCode::RANGE_NOT_SATISFIABLE, detail);
    (size, problem).into_response()
}

/// Which bytes are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    All,
    /// Not empty.
    Some(Range<u64>),
    /// There are none of them.
    Nothing,
}

/// One range as it is meant; what is none, and several at once, is all.
fn part(asked: &str, length: u64) -> Part {
    let range = asked
        .strip_prefix("bytes=")
        .and_then(|it| it.split_once('-'));
    let Some((first, last)) = range else {
        return Part::All;
    };
    let number = |text: &str| {
        let is_plain = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        // A number beyond all is as far as anybody can go.
        is_plain.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (first, last) = match (first.trim(), number(last.trim()), last.trim()) {
        ("", Some(0), _) => return Part::Nothing,
        ("", Some(n), _) => (length.saturating_sub(n), length),
        (first, last, text) => match (number(first), last) {
            (Some(first), None) if text.is_empty() => (first, length),
            (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1)),
            (Some(_) | None, _) => return Part::All,
        },
    };
    let range = first..last.min(length);
    if range.is_empty() {
        return Part::Nothing;
    }
    Part::Some(range)
}

/// Whoever has a part already wants another one of the same, or else all of it (`If-Range`).
fn is_same(headers: &HeaderMap, tag: &str) -> bool {
    let known = headers.get(header::IF_RANGE);
    known.is_none_or(|known| known.as_bytes() == tag.as_bytes())
}

fn open(path: &PathBuf) -> io::Result<(File, u64, String)> {
    let mut options = OpenOptions::new();
    // A link is not ours.
    let file = options.read(true).custom_flags(libc::O_NOFOLLOW);
    let file = file.open(path)?;
    let about = file.metadata()?;
    let shape = (about.ino(), about.len(), about.mtime(), about.mtime_nsec());
    Ok((file, about.len(), tag(format!("{shape:?}").as_bytes())))
}

/// Read as it is taken, piece by piece.
fn poured(file: File, range: Range<u64>) -> Body {
    let stream = unfold(Some((file, range)), |state| async {
        let (file, range) = state.filter(|(_, range)| !range.is_empty())?;
        match spawn_blocking(move || piece(file, range)).await {
            Ok(Ok((bytes, rest))) => Some((Ok(bytes), Some(rest))),
            // The connection is cut off then, so that nobody takes it for all.
            Ok(Err(why)) => Some((Err(why), None)),
            Err(why) => Some((Err(io::Error::other(why)), None)),
        }
    });
    Body::from_stream(stream)
}

fn piece(file: File, range: Range<u64>) -> io::Result<(Bytes, (File, Range<u64>))> {
    let mut bytes = vec![0; (range.end - range.start).min(PIECE) as usize];
    file.read_exact_at(&mut bytes, range.start)?;
    let rest = range.start + bytes.len() as u64..range.end;
    Ok((bytes.into(), (file, rest)))
}

/// Half a second of the largest recordings.
const PIECE: u64 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_understood_as_far_as_there_is_something() {
        let table = [
            ("bytes=0-9", Part::Some(0..10)),
            ("bytes=90-", Part::Some(90..100)),
            ("bytes=-10", Part::Some(90..100)),
            ("bytes=-1000", Part::Some(0..100)),
            ("bytes=50-1000", Part::Some(50..100)),
            ("bytes=99-99999999999999999999999", Part::Some(99..100)),
            ("bytes=100-", Part::Nothing),
            ("bytes=-0", Part::Nothing),
            ("bytes=9-1", Part::All),
            ("bytes=0-1,5-6", Part::All),
            ("bytes=a-b", Part::All),
            ("bytes=-", Part::All),
            ("bytes=+1-2", Part::All),
            ("lines=0-1", Part::All),
        ];
        for (asked, expected) in table {
            assert_eq!(part(asked, 100), expected, "{asked}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Nothing);
    }

    #[test]
    fn another_file_is_sent_whole() {
        let with = |tag: &str| HeaderMap::from_iter([(header::IF_RANGE, tag.parse().unwrap())]);
        assert!(is_same(&HeaderMap::new(), "\"a\""));
        assert!(is_same(&with("\"a\""), "\"a\""));
        assert!(!is_same(&with("\"b\""), "\"a\""));
        assert!(!is_same(&with("Sat, 21 Nov 2026 10:30:15 GMT"), "\"a\""));
    }
}

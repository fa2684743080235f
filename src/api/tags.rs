//! Is what a program knows still so (RFC 9110, sections 8.8.3 and 13)?
//!
//! Whatever is set by people has a tag that is made of all that is answered: who asks again with
//! it gets no second copy, and who changes it can make sure that nobody else did meanwhile.

use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// It, with its tag; or only the word that it is as it was known.
pub(super) fn tagged<T: Serialize>(headers: &HeaderMap, value: &T) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let tag = tag(&body);
    let as_ever = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    if names(headers, &header::IF_NONE_MATCH, &tag) == Some(true) {
        return (StatusCode::NOT_MODIFIED, as_ever).into_response();
    }
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (as_ever, kind, body).into_response()
}

/// Whether somebody who wants to change it knows it as it is, or does not care.
///
/// # Errors
/// 412 if it is otherwise by now.
pub(super) fn still<T: Serialize>(headers: &HeaderMap, value: &T) -> Result<(), Problem> {
    let tag = tag(&serde_json::to_vec(value).unwrap_or_default());
    match names(headers, &header::IF_MATCH, &tag) {
        Some(false) => Err(changed()),
        Some(true) | None => Ok(()),
    }
}

/// The request wants what is not so.
pub(super) fn changed() -> Problem {
    Problem::named(
        StatusCode::PRECONDITION_FAILED,
        "changed",
        "Changed meanwhile",
        "it is not as the request takes it to be; get it again, and then change it",
    )
}

/// Of those bytes.
pub(super) fn tag(bytes: &[u8]) -> String {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let hash = u128::from_be_bytes(std::array::from_fn(|at| hash[at]));
    format!("\"{hash:032x}\"")
}

/// Whether the header names the tag; `None` without the header. Tags that are told to be weak
/// count where they only save a copy.
pub(super) fn names(headers: &HeaderMap, name: &HeaderName, tag: &str) -> Option<bool> {
    let mut all = headers.get_all(name).iter().peekable();
    all.peek()?;
    let is_saving = name == header::IF_NONE_MATCH;
    let is_it = |known: &str| {
        let strong = known.strip_prefix("W/").filter(|_| is_saving);
        known == "*" || strong.unwrap_or(known) == tag
    };
    let texts = all.filter_map(|value| value.to_str().ok());
    let mut known = texts.flat_map(|text| text.split(',')).map(str::trim);
    Some(known.any(is_it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn a_tag_is_found_among_others_and_weak_ones_never_allow_a_change() {
        let tag = tag(b"7");
        let known =
            |header: &HeaderName, value: &str| names(&with(header.clone(), value), header, &tag);
        let (other, own) = (header::IF_NONE_MATCH, header::IF_MATCH);
        for header in [&other, &own] {
            assert_eq!(names(&HeaderMap::new(), header, &tag), None);
            assert_eq!(known(header, &tag), Some(true));
            assert_eq!(known(header, &format!("\"a\", {tag}")), Some(true));
            assert_eq!(known(header, "*"), Some(true));
            assert_eq!(known(header, "\"a\""), Some(false));
        }
        assert_eq!(known(&other, &format!("W/{tag}")), Some(true));
        assert_eq!(known(&own, &format!("W/{tag}")), Some(false));
    }

    #[test]
    fn what_is_known_is_not_sent_again_and_what_was_changed_is_not_overwritten() {
        let known = with(header::IF_NONE_MATCH, &tag(b"7"));
        assert_eq!(tagged(&known, &7).status(), 304);
        assert_eq!(tagged(&known, &8).status(), 200);
        let known = with(header::IF_MATCH, &tag(b"7"));
        assert_eq!(still(&known, &7), Ok(()));
        assert_eq!(still(&known, &8).unwrap_err().status(), 412);
        assert_eq!(still(&HeaderMap::new(), &8), Ok(()));
    }
}

//! Which part of a long list is answered?

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::Problem;
use super::site::{Call, Page};

/// Which part of the list to answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Window {
    /// How many at most.
    #[serde(default)]
    #[param(minimum = 1, maximum = 500, default = 100)]
    pub(super) limit: Option<u32>,
    /// Those after this one: `next` of the answer before.
    #[serde(default)]
    #[param(max_length = 64, pattern = "^[cp][0-9a-f]{1,16}-[0-9]{1,20}$")]
    pub(super) after: Option<String>,
}

/// Calls, the first come first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Calls {
    pub(super) items: Vec<Call>,
    /// For `after`, if there are more.
    pub(super) next: Option<String>,
}

/// Pages that are not over, the first asked first.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Pages {
    pub(super) items: Vec<Page>,
    /// For `after`, if there are more.
    pub(super) next: Option<String>,
}

/// The part of the list, and where the next begins. Ids rise along the list, so that one that is
/// gone has its place still.
pub(super) fn cut<T>(
    items: Vec<T>,
    id: impl Fn(&T) -> &str,
    window: &Window,
) -> Result<(Vec<T>, Option<String>), Problem> {
    let limit = limit(window.limit)?;
    let after = window.after.as_deref().map(place).transpose()?;
    let is_later = |it: &T| after.is_none_or(|after| place(id(it)).is_ok_and(|at| at > after));
    let mut later = items.into_iter().filter(is_later);
    let cut: Vec<T> = later.by_ref().take(limit).collect();
    let next = later.next().and(cut.last()).map(|last| id(last).to_owned());
    Ok((cut, next))
}

/// How many to answer.
///
/// # Errors
/// None, or more than anybody reads at once.
pub(super) fn limit(asked: Option<u32>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        let detail = format!("limit is not from 1 to {MOST}; write e.g. limit={USUAL}");
        return Err(Problem::plain(StatusCode::BAD_REQUEST, detail));
    }
    Ok(limit as usize)
}

/// The run and the number that an id is made of.
fn place(id: &str) -> Result<(u64, u64), Problem> {
    let parts = || {
        let (run, number) = id.strip_prefix(['c', 'p'])?.split_once('-')?;
        let is_plain = number.bytes().all(|it| it.is_ascii_digit());
        let run = u64::from_str_radix(run, 16).ok()?;
        Some((run, number.parse().ok().filter(|_| is_plain)?))
    };
    parts().ok_or_else(|| {
        let detail = "after is no id; write next of the answer before";
        Problem::plain(StatusCode::BAD_REQUEST, detail)
    })
}

const USUAL: u32 = 100;
const MOST: u32 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn window(limit: u32, after: Option<&str>) -> Window {
        Window {
            limit: Some(limit),
            after: after.map(str::to_owned),
        }
    }

    #[test]
    fn a_list_is_read_to_its_end_in_parts_whatever_goes_meanwhile() {
        let ids = |numbers: &[u64]| -> Vec<String> {
            numbers.iter().map(|n| format!("c67412f3a-{n}")).collect()
        };
        let read = |all: &[u64], after: Option<&str>| {
            cut(ids(all), String::as_str, &window(2, after)).unwrap()
        };
        let (first, next) = read(&[1, 2, 9, 10], None);
        assert_eq!(
            (first, next.as_deref()),
            (ids(&[1, 2]), Some("c67412f3a-2"))
        );
        let (second, next) = read(&[1, 9, 10], next.as_deref());
        assert_eq!((second, next), (ids(&[9, 10]), None));
    }

    #[test]
    fn what_makes_no_sense_is_told() {
        for bad in [
            window(0, None),
            window(501, None),
            window(1, Some("x")),
            window(1, Some("c1-+2")),
        ] {
            let told = cut(Vec::<String>::new(), String::as_str, &bad);
            assert_eq!(told.unwrap_err().status(), 400, "{bad:?}");
        }
    }
}

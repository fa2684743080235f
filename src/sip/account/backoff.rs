//! How long until the next try?

use std::time::Duration;

/// A wait that doubles with each failure in a row, with a quarter of chance in it, so that a
/// house full of devices does not come back all at once.
///
/// `chance` is any number; its low bits decide.
pub(crate) fn wait(first: Duration, longest: Duration, n_failures: u32, chance: u64) -> Duration {
    let doubled = first.saturating_mul(1_u32.checked_shl(n_failures.min(31)).unwrap_or(u32::MAX));
    jittered(doubled.min(longest), chance)
}

/// When to refresh a registration of that life: well before its end, but not so early that it
/// is a burden.
pub(crate) fn refresh_after(life: Duration, chance: u64) -> Duration {
    jittered(life.mul_f64(0.8), chance)
}

/// Between three and four quarters of the span.
fn jittered(span: Duration, chance: u64) -> Duration {
    let part = (chance % 1_024) as f64 / 1_024.0;
    span.mul_f64(0.75 + part / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let (first, longest) = (Duration::from_secs(2), Duration::from_secs(60));
        let most = |n| wait(first, longest, n, 1_023).as_secs_f64().round();
        assert_eq!([0, 1, 2, 5, 40].map(most), [2.0, 4.0, 8.0, 60.0, 60.0]);
    }

    #[test]
    fn chance_only_shortens() {
        for chance in [0, 1, 511, 1_023, u64::MAX] {
            let life = Duration::from_secs(100);
            let refresh = refresh_after(life, chance).as_secs_f64();
            assert!((60.0..=80.0).contains(&refresh), "{refresh}");
        }
    }
}

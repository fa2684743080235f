//! How is a moment written?

use jiff::Timestamp;

/// RFC 3339 in UTC with milliseconds, as `2026-11-21T12:00:00.000Z`.
pub fn written(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_milliseconds_and_end_in_z() {
        let at = Timestamp::from_millisecond(1_763_730_000_007).unwrap();
        assert_eq!(written(at), "2025-11-21T13:00:00.007Z");
        let at = Timestamp::from_second(1_763_730_000).unwrap();
        assert_eq!(written(at), "2025-11-21T13:00:00.000Z");
    }
}

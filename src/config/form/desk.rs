//! How is written what calls for programs need?

use std::ops::RangeInclusive;

use crate::config::form::network::PORTS;
use crate::config::form::{Form, integer, optional};
use crate::config::test_number::TestKind;
use crate::control::Pattern;

/// When a call is answered; true is when the program says so.
pub(in crate::config) const ANSWER: Form<bool> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "at-once" => Ok(false),
        "by-program" => Ok(true),
        _ => Err("no such choice; write at-once or by-program".to_owned()),
    },
    show: |&asks| if asks { "by-program" } else { "at-once" }.to_owned(),
};

/// What is heard at a number for tests.
pub(in crate::config) const TEST: Form<TestKind> = Form {
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "echo" => Ok(TestKind::Echo),
        "milliwatt" => Ok(TestKind::Milliwatt),
        _ => Err("no such test; write echo or milliwatt".to_owned()),
    },
    show: |kind| {
        match kind {
            TestKind::Echo => "echo",
            TestKind::Milliwatt => "milliwatt",
        }
        .to_owned()
    },
};

/// How a telephone shall ring; `None` as usual.
pub(in crate::config) const RING_PATTERN: Form<Option<Pattern>> = Form {
    parse: |text| optional(text, str::parse),
    show: |pattern| pattern.as_ref().map(Pattern::to_string).unwrap_or_default(),
};

/// `None` where nothing is written.
pub(in crate::config) const OPTIONAL_PORTS: Form<Option<RangeInclusive<u16>>> = Form {
    parse: |text| optional(text, PORTS.parse),
    show: |ports| ports.as_ref().map(PORTS.show).unwrap_or_default(),
};

/// From one pair of ports to the next.
pub(in crate::config) const SPACING: Form<u16> = Form {
    parse: |text| {
        let step = integer(text, 2..=1_000, 4)? as u16;
        if step % 2 == 1 {
            return Err(format!("not even; write e.g. {}", step + 1));
        }
        Ok(step)
    },
    show: u16::to_string,
};

//! With which words and which code does the program end?

use std::process::ExitCode;

use crate::config::Mistake;
use crate::output;

/// The command line or the configuration is wrong; nothing was touched.
pub(super) const MISTAKE: u8 = 2;

/// Something went wrong while running.
pub(super) const FAILURE: u8 = 1;

/// Prints every mistake on its own line.
pub(super) fn mistakes(mistakes: &[Mistake]) -> ExitCode {
    for mistake in mistakes {
        say(&mistake.to_string());
    }
    ExitCode::from(MISTAKE)
}

/// Prints one line and picks the code by what went wrong.
pub(super) fn failure(error: &anyhow::Error) -> ExitCode {
    say(&format!("{error:#}"));
    let is_mistake = error.is::<Mistake>()
        || matches!(error.downcast_ref(), Some(output::Error::ManyDevices(_)));
    ExitCode::from(if is_mistake { MISTAKE } else { FAILURE })
}

/// One thread runs signalling and control; nothing on it waits.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

/// The last words of a program that did not work belong on standard error, log or no log.
#[expect(clippy::print_stderr, reason = "there may be no log yet")]
fn say(text: &str) {
    eprintln!("paging: {text}");
}

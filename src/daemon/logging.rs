//! What does a technician read, and where does it go?
//!
//! Text lines keep the shape of the program this one succeeds:
//! `2026-11-21 08:30:00 :: call INFO :: #3 alice: on the speakers`. Under systemd the journal
//! stamps the time, so the line starts at the name. JSON lines carry the same words.

use std::fmt;

use jiff::Zoned;
use sentry::integrations::tracing::{BreadcrumbLayer, ErrorLayer};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::{self, WorkerGuard};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::log_file::LogFile;

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Text,
    Json,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) format: Format,
    /// Everything we know how to say, instead of one line per thing that happened.
    pub(super) debug: bool,
    /// 0 to 10 as the old program counted; 3 shows what the SIP stack warns of, 5 its notes, 6 and
    /// more everything but message bodies.
    pub(super) sip_level: u8,
    /// The journal writes the time itself.
    pub(super) timestamps: bool,
}

/// Sends every event of this process to the file, or to standard error, from now on. When what it
/// returns is dropped, all lines are in the file.
///
/// A second call in one process changes nothing.
pub(super) fn start(settings: Settings, file: Option<LogFile>) -> Option<WorkerGuard> {
    let timestamps = settings.timestamps || file.is_some();
    let ring = file.map(non_blocking::NonBlocking::new);
    let (writer, guard) = match ring {
        Some((ring, guard)) => (BoxMakeWriter::new(ring), Some(guard)),
        None => (BoxMakeWriter::new(std::io::stderr), None),
    };
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let lines = match settings.format {
        Format::Json => lines.json().flatten_event(true).boxed(),
        Format::Text => lines.event_format(Text { timestamps }).boxed(),
    };
    let registry = tracing_subscriber::registry()
        .with(lines.with_filter(EnvFilter::new(directives(settings))))
        .with(BreadcrumbLayer::new().with_filter(EnvFilter::new("off,paging=info,call=info")))
        .with(ErrorLayer::new().with_filter(LevelFilter::ERROR));
    // A test may have started logging already; its subscriber serves as well.
    let _already = registry.try_init();
    guard
}

/// The SIP stack writes whole messages, credentials included, at its info level and below: what
/// the caller may turn up ends at its warnings unless a technician asks for more by number. What the
/// client of MQTT says of each message, we say once.
fn directives(settings: Settings) -> String {
    let ours = if settings.debug { "debug" } else { "info" };
    let stack = match settings.sip_level {
        0..=2 => "error",
        3..=4 => "warn",
        _ => "warn,rsipstack::dialog=debug,rsipstack::transaction=debug",
    };
    format!("warn,rumqttc=off,paging={ours},call={ours},rsipstack={stack}")
}

struct Text {
    timestamps: bool,
}

impl<S, N> FormatEvent<S, N> for Text
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.timestamps {
            write!(writer, "{} :: ", Zoned::now().strftime("%Y-%m-%d %H:%M:%S"))?;
        }
        let meta = event.metadata();
        write!(
            writer,
            "{} {} :: ",
            room(meta.target()),
            level_name(*meta.level())
        )?;
        let mut line = Line {
            text: String::new(),
            fields: String::new(),
        };
        event.record(&mut line);
        writeln!(writer, "{}{}", line.text, line.fields)
    }
}

/// `paging::sip::account` is logged as `sip`, foreign crates by their own name.
fn room(target: &str) -> &str {
    let inner = target.strip_prefix("paging::").unwrap_or(target);
    inner.split("::").next().unwrap_or(inner)
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARNING",
        Level::INFO => "INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

struct Line {
    text: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write;
        // A log line from outside must not be able to forge a second one.
        let written = match field.name() {
            "message" => write!(self.text, "{}", one_line(&format!("{value:?}"))),
            name => write!(self.fields, " {name}={}", one_line(&format!("{value:?}"))),
        };
        written.expect("writing to a string cannot fail");
    }
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_room_and_not_the_path() {
        assert_eq!(room("paging::sip::account"), "sip");
        assert_eq!(room("call"), "call");
        assert_eq!(room("rsipstack::transport::udp"), "rsipstack");
    }

    #[test]
    fn the_stack_is_quiet_unless_asked() {
        let quiet = Settings {
            format: Format::Text,
            debug: true,
            sip_level: 0,
            timestamps: true,
        };
        assert!(directives(quiet).ends_with("rsipstack=error"));
        assert!(
            directives(Settings {
                sip_level: 3,
                ..quiet
            })
            .ends_with("rsipstack=warn")
        );
    }

    #[test]
    fn line_breaks_from_outside_cannot_forge_a_line() {
        assert_eq!(one_line("a\r\nb"), "a  b");
    }
}

//! What may leave the house when something goes wrong?
//!
//! Error reports go to Sentry only when a DSN is configured, and never with a secret, a SIP
//! message or the host's name in them: [`Scrub`] is the last thing that sees a report.

use sentry::protocol::{Event, Value};
use sentry::{ClientInitGuard, ClientOptions};

/// Starts reporting errors and panics to `dsn`; the guard sends what is left when dropped.
///
/// # Errors
/// Text that is no DSN.
pub(super) fn start(dsn: &str, secrets: Vec<String>) -> Result<ClientInitGuard, String> {
    let dsn: sentry::types::Dsn = dsn
        .parse()
        .map_err(|e| format!("sentry_dsn is not a DSN ({e}); write https://KEY@HOST/PROJECT"))?;
    let scrub = Scrub { secrets };
    let options = ClientOptions::new()
        .release(concat!("paging@", env!("CARGO_PKG_VERSION")))
        .server_name("paging")
        .send_default_pii(false)
        .before_send(move |event| Some(scrub.event(event)));
    Ok(sentry::init((dsn, options)))
}

/// Takes out of a report what is nobody else's business.
struct Scrub {
    secrets: Vec<String>,
}

impl Scrub {
    fn event(&self, mut event: Event<'static>) -> Event<'static> {
        event.request = None;
        event.user = None;
        event.server_name = None;
        event.message = event.message.map(|text| self.text(&text));
        if let Some(entry) = &mut event.logentry {
            entry.message = self.text(&entry.message);
            entry.params.iter_mut().for_each(|value| self.value(value));
        }
        for exception in &mut event.exception.values {
            exception.value = exception.value.take().map(|text| self.text(&text));
        }
        for crumb in &mut event.breadcrumbs.values {
            crumb.message = crumb.message.take().map(|text| self.text(&text));
            crumb.data.values_mut().for_each(|value| self.value(value));
        }
        event.extra.values_mut().for_each(|value| self.value(value));
        event.contexts.remove("device");
        event
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(values) => values.iter_mut().for_each(|v| self.value(v)),
            Value::Object(fields) => fields.values_mut().for_each(|v| self.value(v)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Masks secrets, and cuts at the first sign of a SIP message.
    fn text(&self, text: &str) -> String {
        let cut = ["SIP/2.0", "Authorization:", "authorization:", "v=0\r\n"]
            .iter()
            .filter_map(|sign| text.find(sign))
            .min();
        let mut kept = match cut {
            Some(at) => format!("{}[SIP message removed]", &text[..at]),
            None => text.to_owned(),
        };
        for secret in self.secrets.iter().filter(|s| s.len() > 2) {
            kept = kept.replace(secret.as_str(), "***");
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_messages_never_leave() {
        let scrub = Scrub {
            secrets: vec!["geheim".into()],
        };
        assert_eq!(
            scrub.text("password geheim refused"),
            "password *** refused"
        );
        let text = scrub.text("bad answer: SIP/2.0 401 Unauthorized\r\nAuthorization: x");
        assert_eq!(text, "bad answer: [SIP message removed]");
    }

    #[test]
    fn every_text_of_a_report_is_scrubbed() {
        let scrub = Scrub {
            secrets: vec!["geheim".into()],
        };
        let mut event = Event {
            message: Some("geheim".into()),
            ..Event::default()
        };
        event.server_name = Some("box-in-the-school".into());
        event.extra.insert(
            "a".into(),
            Value::Array(vec![Value::String("x geheim".into())]),
        );
        let crumb = sentry::Breadcrumb {
            message: Some("geheim".into()),
            ..Default::default()
        };
        event.breadcrumbs.values.push(crumb);
        let out = format!("{:?}", scrub.event(event));
        assert!(
            !out.contains("geheim") && !out.contains("box-in-the-school"),
            "{out}"
        );
    }

    #[test]
    fn a_wrong_dsn_is_an_error_with_a_remedy() {
        let Err(why) = start("nonsense", Vec::new()) else {
            panic!("accepted nonsense")
        };
        assert!(why.contains("https://KEY@HOST/PROJECT"), "{why}");
    }
}

//! How long may a session last without a sign of life, and who gives it? (RFC 4028)

use std::time::Duration;

use rsipstack::sip::{Header, Headers};

use crate::sip::address;
use crate::sip::message;

/// What we want of session timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimer {
    /// The life that we ask for; `None` turns session timers off.
    pub expires: Option<Duration>,
    /// The shortest life that a peer may ask for; whole seconds.
    pub least: Duration,
}

impl Default for SessionTimer {
    fn default() -> Self {
        Self {
            expires: Some(Duration::from_secs(1_800)),
            // RFC 4028 §5.
            least: Duration::from_secs(90),
        }
    }
}

/// What two peers have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    pub(crate) expires: Duration,
    pub(crate) refresher: Side,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Us,
    Peer,
}

/// What a request of the peer says.
struct Asked {
    expires: Option<Duration>,
    least: Duration,
    /// The refresher it names, seen from us.
    refresher: Option<Side>,
    is_able: bool,
}

impl SessionTimer {
    /// The headers of an INVITE or UPDATE of ours: inside a call what holds there `now`
    /// (RFC 4028 §7.4), else what we want; `least` is what a 422 asked for.
    pub(crate) fn request_headers(
        self,
        now: Option<Agreed>,
        least: Option<Duration>,
    ) -> Vec<Header> {
        let Some(wanted) = self.expires else {
            return Vec::new();
        };
        let refresher = now.map(|agreed| agreed.refresher);
        let expires = now.map_or(wanted, |agreed| agreed.expires);
        let expires = expires.max(least.unwrap_or_default()).as_secs();
        let refresher = refresher.map_or("", |side| match side {
            Side::Us => ";refresher=uac",
            Side::Peer => ";refresher=uas",
        });
        let mut headers = vec![Header::SessionExpires(
            format!("{expires}{refresher}").into(),
        )];
        if let Some(least) = least {
            headers.push(Header::MinSE(least.as_secs().to_string().into()));
        }
        headers
    }

    /// What the answer of the peer to such a request means; `None` if the session lasts for
    /// ever.
    pub(crate) fn answered(self, answer: &Headers) -> Option<Agreed> {
        self.expires?;
        let (expires, params) = session_expires(answer)?;
        let is_peer = address::param(params, "refresher")
            .is_some_and(|side| side.eq_ignore_ascii_case("uas"));
        Some(Agreed {
            expires,
            refresher: if is_peer { Side::Peer } else { Side::Us },
        })
    }

    /// What comes of a request of the peer. `now` is what held before, if it is not the first.
    ///
    /// # Errors
    /// The header of the 422 that it deserves.
    pub(crate) fn asked(
        self,
        request: &Headers,
        now: Option<Agreed>,
    ) -> Result<Option<Agreed>, Header> {
        let Some(ours) = self.expires else {
            return Ok(None);
        };
        let asked = Asked::read(request);
        let least = self.least.max(asked.least);
        let expires = match asked.expires {
            Some(short) if short < self.least && asked.is_able => {
                return Err(Header::MinSE(self.least.as_secs().to_string().into()));
            }
            Some(theirs) => theirs.min(ours).max(least),
            None => ours.max(least),
        };
        // RFC 4028 §9, table 2: who does not know timers cannot refresh.
        let refresher = if asked.is_able {
            let before = now.map(|agreed| agreed.refresher);
            asked.refresher.or(before).unwrap_or(Side::Peer)
        } else {
            Side::Us
        };
        Ok(Some(Agreed { expires, refresher }))
    }
}

impl Asked {
    fn read(headers: &Headers) -> Self {
        let found = session_expires(headers);
        let named = found.and_then(|(_, params)| address::param(params, "refresher"));
        Self {
            expires: found.map(|(expires, _)| expires),
            least: message::value(headers, "Min-SE")
                .and_then(|value| seconds(value).map(|(least, _)| least))
                .unwrap_or_default(),
            refresher: named.and_then(|side| match side.to_ascii_lowercase().as_str() {
                "uac" => Some(Side::Peer),
                "uas" => Some(Side::Us),
                _ => None,
            }),
            is_able: message::supports(headers, message::TIMER),
        }
    }
}

impl Agreed {
    /// The headers of our 2xx to a request that led to this (RFC 4028 §9).
    pub(crate) fn response_headers(self, request: &Headers) -> Vec<Header> {
        let refresher = match self.refresher {
            Side::Us => "uas",
            Side::Peer => "uac",
        };
        let expires = format!("{};refresher={refresher}", self.expires.as_secs());
        let mut headers = vec![Header::SessionExpires(expires.into())];
        if message::supports(request, message::TIMER) {
            headers.push(Header::Require(message::TIMER.into()));
        }
        headers
    }

    /// When to do something about it, counted from the last sign of life (RFC 4028 §10).
    pub(crate) fn due_after(self) -> Duration {
        match self.refresher {
            Side::Us => self.expires / 2,
            Side::Peer => self.over_after(),
        }
    }

    /// When to give the session up, counted from the last sign of life.
    pub(crate) fn over_after(self) -> Duration {
        self.expires - (self.expires / 3).min(MARGIN)
    }
}

/// The life that a 422 wants.
pub(crate) fn least_wanted(answer: &Headers) -> Option<Duration> {
    let (least, _) = seconds(message::value(answer, "Min-SE")?)?;
    (least <= LONGEST).then_some(least)
}

fn session_expires(headers: &Headers) -> Option<(Duration, &str)> {
    seconds(message::value(headers, "Session-Expires")?)
}

/// Delta-seconds and the parameters behind them.
fn seconds(value: &str) -> Option<(Duration, &str)> {
    let value = value.trim();
    let end = value.find(|c: char| !c.is_ascii_digit());
    let (digits, rest) = value.split_at(end.unwrap_or(value.len()));
    let seconds: u32 = digits.parse().ok()?;
    let params = rest.find(';').map_or("", |at| &rest[at..]);
    Some((Duration::from_secs(seconds.into()), params))
}

/// The BYE shall leave before the peer gives up by itself (RFC 4028 §10).
const MARGIN: Duration = Duration::from_secs(32);

/// A peer that wants more than a day asks for no timer at all.
const LONGEST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use rsipstack::sip::Request;

    const OURS: SessionTimer = SessionTimer {
        expires: Some(Duration::from_secs(1_800)),
        least: Duration::from_secs(90),
    };

    fn headers(lines: &str) -> Headers {
        let text = format!(
            "INVITE sip:7@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
             From: <sip:b@d>;tag=1\r\nTo: <sip:7@h>\r\nCall-ID: x\r\nCSeq: 3 INVITE\r\n\
             {lines}Content-Length: 0\r\n\r\n"
        );
        Request::try_from(text.as_str()).unwrap().headers
    }

    fn agreed(seconds: u64, refresher: Side) -> Agreed {
        Agreed {
            expires: Duration::from_secs(seconds),
            refresher,
        }
    }

    #[test]
    fn the_table_of_refreshers_is_kept() {
        let table = [
            ("", 1_800, Side::Us),
            ("Session-Expires: 600\r\n", 600, Side::Us),
            ("x: 20\r\n", 90, Side::Us),
            ("Supported: timer\r\n", 1_800, Side::Peer),
            ("k: 100rel, timer\r\nx: 600\r\n", 600, Side::Peer),
            ("k: timer\r\nx: 600;refresher=uac\r\n", 600, Side::Peer),
            ("k: timer\r\nx: 600 ; refresher=UAS\r\n", 600, Side::Us),
            ("k: timer\r\nx: 7200\r\nMin-SE: 3600\r\n", 3_600, Side::Peer),
            ("k: timer\r\nx: soon\r\n", 1_800, Side::Peer),
        ];
        for (lines, seconds, side) in table {
            let wanted = Ok(Some(agreed(seconds, side)));
            let found = OURS.asked(&headers(lines), None);
            assert_eq!(found.map_err(|h| h.to_string()), wanted, "{lines}");
        }
    }

    #[test]
    fn too_short_a_life_is_refused_to_who_can_ask_again() {
        let short = headers("Supported: timer\r\nSession-Expires: 60\r\n");
        let refused = OURS.asked(&short, None).unwrap_err();
        assert_eq!(refused.to_string(), "Min-SE: 90");
        let unable = headers("Session-Expires: 60\r\n");
        assert_eq!(OURS.asked(&unable, None), Ok(Some(agreed(90, Side::Us))));
    }

    #[test]
    fn roles_stay_unless_the_peer_changes_them() {
        let plain = headers("Supported: timer\r\nSession-Expires: 600\r\n");
        let before = Some(agreed(600, Side::Us));
        assert_eq!(OURS.asked(&plain, before), Ok(before));
    }

    #[test]
    fn our_own_request_is_followed_by_what_the_answer_says() {
        let table = [
            (
                "Session-Expires: 900;refresher=uas\r\n",
                Some(agreed(900, Side::Peer)),
            ),
            (
                "Session-Expires: 900;refresher=uac\r\n",
                Some(agreed(900, Side::Us)),
            ),
            ("Session-Expires: 900\r\n", Some(agreed(900, Side::Us))),
            ("", None),
        ];
        for (lines, wanted) in table {
            assert_eq!(OURS.answered(&headers(lines)), wanted, "{lines}");
        }
        let least = Some(Duration::from_secs(3_600));
        let now = agreed(900, Side::Us);
        let lines = |now, least| {
            let lines = OURS.request_headers(now, least);
            lines.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            lines(Some(now), least),
            ["Session-Expires: 3600;refresher=uac", "Min-SE: 3600"]
        );
        assert_eq!(
            lines(Some(now), None),
            ["Session-Expires: 900;refresher=uac"]
        );
        assert_eq!(lines(None, None), ["Session-Expires: 1800"]);
    }

    #[test]
    fn switched_off_nothing_is_said_or_heard() {
        let off = SessionTimer {
            expires: None,
            ..OURS
        };
        let asked = headers("Supported: timer\r\nSession-Expires: 60\r\n");
        assert_eq!(off.asked(&asked, None), Ok(None));
        assert_eq!(off.answered(&asked), None);
        assert!(off.request_headers(None, None).is_empty());
    }

    #[test]
    fn refreshing_comes_long_before_giving_up() {
        assert_eq!(agreed(1_800, Side::Us).due_after().as_secs(), 900);
        assert_eq!(agreed(1_800, Side::Peer).due_after().as_secs(), 1_768);
        assert_eq!(agreed(90, Side::Peer).due_after().as_secs(), 60);
    }
}

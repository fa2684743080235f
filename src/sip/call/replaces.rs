//! Which call does a new INVITE want to take the place of? (RFC 3891)

use rsipstack::sip::{Headers, StatusCode};

use crate::sip::address;
use crate::sip::call::dialog::Key;
use crate::sip::message;

/// A dialog of ours that the sender of an INVITE wants to step into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Replaces {
    pub(crate) dialog: Key,
    /// Only while it rings.
    pub(crate) early_only: bool,
}

impl Replaces {
    /// What the Replaces header says; `None` if there is none.
    ///
    /// # Errors
    /// The status for a header that cannot be read, or that stands twice (RFC 3891 §3).
    pub(crate) fn read(headers: &Headers) -> Result<Option<Self>, StatusCode> {
        let mut values = message::values(headers, "Replaces").flat_map(address::list);
        let Some(value) = values.next() else {
            return Ok(None);
        };
        let (call_id, params) = value.find(';').map_or((value, ""), |at| value.split_at(at));
        let param = |name| address::param(params, name);
        // To is the end that receives the header: ours (§3).
        let tags = param("to-tag").zip(param("from-tag"));
        let (Some((ours, theirs)), None) = (tags, values.next()) else {
            return Err(StatusCode::BadRequest);
        };
        // A tag of "0" stands for none, as RFC 2543 had it.
        let theirs = if theirs == "0" { "" } else { theirs };
        Ok(Some(Self {
            dialog: Key {
                call_id: call_id.trim().to_owned(),
                local_tag: ours.to_owned(),
                remote_tag: theirs.to_owned(),
            },
            early_only: param("early-only").is_some(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsipstack::sip::Request;

    fn read(lines: &str) -> Result<Option<Replaces>, StatusCode> {
        let text = format!(
            "INVITE sip:7@h SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\n\
             From: <sip:b@d>;tag=1\r\nTo: <sip:7@h>\r\nCall-ID: x\r\nCSeq: 3 INVITE\r\n\
             {lines}Content-Length: 0\r\n\r\n"
        );
        Replaces::read(&Request::try_from(text.as_str()).unwrap().headers)
    }

    #[test]
    fn the_dialog_is_named_from_our_side() {
        let found = read("Replaces: 98732@h;from-tag=r33th;to-tag=ff87 ; early-only\r\n");
        let key = |remote: &str| Key {
            call_id: "98732@h".to_owned(),
            local_tag: "ff87".to_owned(),
            remote_tag: remote.to_owned(),
        };
        assert_eq!(
            found,
            Ok(Some(Replaces {
                dialog: key("r33th"),
                early_only: true
            }))
        );
        let old = read("Replaces: 98732@h;from-tag=0;to-tag=ff87\r\n");
        assert_eq!(old.unwrap().unwrap().dialog, key(""));
        assert_eq!(read(""), Ok(None));
    }

    #[test]
    fn half_a_name_or_two_names_are_refused() {
        for lines in [
            "Replaces: 1;from-tag=a\r\n",
            "Replaces: 1\r\n",
            "Replaces: 1;from-tag=a;to-tag=b\r\nReplaces: 2;from-tag=a;to-tag=b\r\n",
        ] {
            assert_eq!(read(lines), Err(StatusCode::BadRequest), "{lines}");
        }
    }
}

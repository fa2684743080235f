//! Where else shall an INVITE of ours go? (RFC 3261 §8.1.3.4)

use std::collections::VecDeque;

use rsipstack::sip::Response;

use crate::sip::address::{self, NameAddr};
use crate::sip::message;

/// The addresses that redirections have named, each tried once.
pub(crate) struct Redirects {
    tried: Vec<String>,
    open: VecDeque<String>,
}

impl Redirects {
    /// `first` is what was called already.
    pub(crate) fn from(first: &str) -> Self {
        Self {
            tried: vec![first.to_owned()],
            open: VecDeque::new(),
        }
    }

    /// Takes what a 300, 301 or 302 names, before whatever was named earlier.
    pub(crate) fn handle(&mut self, response: &Response) {
        if !matches!(response.status_code.code(), 300..=302) {
            return;
        }
        for uri in contacts(response).into_iter().rev() {
            if !self.tried.contains(&uri) && !self.open.contains(&uri) {
                self.open.push_front(uri);
            }
        }
    }

    /// The next address to call; no more of them than anybody means in earnest.
    pub(crate) fn next(&mut self) -> Option<String> {
        if self.tried.len() > MOST {
            return None;
        }
        let uri = self.open.pop_front()?;
        self.tried.push(uri.clone());
        Some(uri)
    }
}

/// The addresses in all Contact headers that we can call, the preferred first.
fn contacts(response: &Response) -> Vec<String> {
    let mut found: Vec<(u16, String)> = message::values(&response.headers, "Contact")
        .flat_map(address::list)
        .filter_map(|text| {
            let contact = NameAddr::parse(text)?;
            let uri = address::Uri::parse(contact.uri)?;
            let can_call = uri.scheme.eq_ignore_ascii_case("sip");
            let plain = contact.uri.split('?').next().unwrap_or_default();
            can_call.then(|| (rank(contact.params), plain.to_owned()))
        })
        .collect();
    // Stable: among equals the order of the peer counts.
    found.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    found.into_iter().map(|(_, uri)| uri).collect()
}

/// The q of a Contact in thousandths; none stands for the best.
fn rank(params: &str) -> u16 {
    let q = address::param(params, "q").and_then(|q| q.parse::<f64>().ok());
    (q.unwrap_or(1.0).clamp(0.0, 1.0) * 1_000.0) as u16
}

/// A chain of forwarding that is longer than this is a mistake.
const MOST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(status: &str, contacts: &str) -> Response {
        let text = format!("SIP/2.0 {status}\r\nCSeq: 3 INVITE\r\n{contacts}\r\n");
        Response::try_from(text.as_str()).unwrap()
    }

    fn all(redirects: &mut Redirects) -> Vec<String> {
        std::iter::from_fn(|| redirects.next()).collect()
    }

    #[test]
    fn the_preferred_address_is_called_first_and_each_once() {
        let mut redirects = Redirects::from("sip:1@a");
        redirects.handle(&moved(
            "302 Moved Temporarily",
            "Contact: <sip:2@b>;q=0.1, <tel:5>, <sip:3@c?Subject=x>;q=0.7\r\n\
             Contact: sip:4@d, <sip:1@a>, <sips:9@e>\r\n",
        ));
        assert_eq!(all(&mut redirects), ["sip:4@d", "sip:3@c", "sip:2@b"]);
        redirects.handle(&moved("302 Moved", "Contact: <sip:4@d>\r\n"));
        assert!(all(&mut redirects).is_empty());
    }

    #[test]
    fn only_redirections_redirect_and_not_for_ever() {
        let mut redirects = Redirects::from("sip:1@a");
        redirects.handle(&moved("305 Use Proxy", "Contact: <sip:2@b>\r\n"));
        redirects.handle(&moved("200 OK", "Contact: <sip:2@b>\r\n"));
        assert_eq!(redirects.next(), None);
        for n in 0..100 {
            redirects.handle(&moved("301 Moved", &format!("Contact: <sip:{n}@b>\r\n")));
        }
        assert_eq!(all(&mut redirects).len(), MOST);
    }
}

//! What did the called phones say before one of them answered? (RFC 3262, calling side)

use rsipstack::sip::{Header, Method, Request, Response};

use crate::sip::call::dialog::Dialog;
use crate::sip::message;

/// The early dialogs of one INVITE of ours: one for each phone that it was forked to.
#[derive(Default)]
pub(crate) struct Earlies(Vec<Early>);

struct Early {
    dialog: Dialog,
    /// The number of the last reliable response.
    rseq: Option<u32>,
    /// The first session description it sent.
    answer: Option<String>,
}

/// What a provisional response brought.
#[derive(Default)]
pub(crate) struct News {
    /// A dialog that was not known.
    pub(crate) dialog: Option<Dialog>,
    /// The answer to our offer, when it comes for the first time.
    pub(crate) answer: Option<String>,
    /// The dialog and the RAck value of a PRACK that is due.
    pub(crate) prack: Option<(Dialog, String)>,
}

impl Earlies {
    /// Takes a provisional response above 100.
    pub(crate) fn handle(&mut self, invite: &Request, response: &Response) -> News {
        let Some(tag) = message::tag(&response.headers, "To") else {
            return News::default();
        };
        let mut news = News::default();
        let known = self.0.iter().position(|e| e.dialog.key.remote_tag == tag);
        if known.is_none() && self.0.len() == MOST {
            return News::default();
        }
        let at = known.unwrap_or_else(|| {
            let dialog = Dialog::answered(invite, response);
            news.dialog = Some(dialog.clone());
            self.0.push(Early {
                dialog,
                rseq: None,
                answer: None,
            });
            self.0.len() - 1
        });
        let early = &mut self.0[at];
        if let Some(rseq) = reliable_number(response) {
            if early.rseq.is_some_and(|last| rseq != last + 1) {
                // A repeat, or one whose forerunner is lost; it comes again (RFC 3262 §4).
                return news;
            }
            early.rseq = Some(rseq);
            let rack = format!("{rseq} {} INVITE", message::seq(&invite.headers));
            news.prack = Some((early.dialog.clone(), rack));
            early.dialog.skip(1);
        }
        if early.answer.is_none() {
            early.answer = message::sdp(&response.headers, &response.body);
            news.answer = early.answer.clone();
        }
        news
    }

    /// The dialog that a 2xx makes, and the answer to our offer.
    pub(crate) fn settle(&self, invite: &Request, answer: &Response) -> (Dialog, Option<String>) {
        let mut dialog = Dialog::answered(invite, answer);
        let early = self.0.iter().find(|early| early.dialog.key == dialog.key);
        let sdp = message::sdp(&answer.headers, &answer.body);
        let Some(early) = early else {
            return (dialog, sdp);
        };
        dialog.continue_from(&early.dialog);
        // What came reliably was the answer; some repeat nothing in the 2xx.
        (dialog, sdp.or_else(|| early.answer.clone()))
    }

    /// Whether a phone has answered our offer already.
    pub(crate) fn is_answered(&self) -> bool {
        self.0.iter().any(|early| early.answer.is_some())
    }
}

/// The PRACK for a reliable response.
pub(crate) fn prack(mut dialog: Dialog, rack: &str, via: String) -> Request {
    let mut request = dialog.request(Method::PRack, via);
    request.headers.push(Header::RAck(rack.into()));
    request
}

/// More phones than any number rings at; the rest is heard of when it answers.
const MOST: usize = 64;

fn reliable_number(response: &Response) -> Option<u32> {
    if !message::requires(&response.headers, message::RELIABLE) {
        return None;
    }
    message::value(&response.headers, "RSeq")?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite() -> Request {
        let text = "INVITE sip:7@them SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=z9hG4bK1\r\n\
            From: <sip:us@us>;tag=f\r\nTo: <sip:7@them>\r\nCall-ID: x\r\nCSeq: 3 INVITE\r\n\
            Content-Length: 0\r\n\r\n";
        Request::try_from(text).unwrap()
    }

    fn response(status: &str, tag: &str, extra: &str) -> Response {
        let text = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP us;branch=z9hG4bK1\r\nFrom: <sip:us@us>;tag=f\r\n\
             To: <sip:7@them>;tag={tag}\r\nCall-ID: x\r\nCSeq: 3 INVITE\r\nContact: <sip:{tag}>\r\n\
             {extra}\r\n"
        );
        Response::try_from(text.as_str()).unwrap()
    }

    fn rack(news: News) -> Option<String> {
        news.prack.map(|(_, rack)| rack)
    }

    #[test]
    fn each_reliable_response_of_each_phone_is_acknowledged_once() {
        let (mut earlies, invite) = (Earlies::default(), invite());
        let mut handle = |tag, rseq| {
            let extra = format!("Require: 100rel\r\nRSeq: {rseq}\r\n");
            rack(earlies.handle(&invite, &response("180 Ringing", tag, &extra)))
        };
        assert_eq!(handle("a", 7), Some("7 3 INVITE".to_owned()));
        assert_eq!(handle("a", 7), None);
        assert_eq!(handle("b", 9), Some("9 3 INVITE".to_owned()));
        assert_eq!(handle("a", 9), None);
        assert_eq!(handle("a", 8), Some("8 3 INVITE".to_owned()));
        let (mut dialog, _) = earlies.settle(&invite, &response("200 OK", "a", ""));
        let bye = dialog.request(Method::Bye, "SIP/2.0/UDP us;branch=z9hG4bK2".into());
        // 4 and 5 were the PRACKs.
        assert_eq!(message::value(&bye.headers, "CSeq"), Some("6 BYE"));
    }

    #[test]
    fn plain_ringing_needs_no_acknowledgement() {
        let (mut earlies, invite) = (Earlies::default(), invite());
        let news = earlies.handle(&invite, &response("180 Ringing", "a", "RSeq: 1\r\n"));
        assert!(news.dialog.is_some() && rack(news).is_none());
    }
}

//! Which texts does a peer choose when it proves who it is?

use crate::fuzzing::Input;
use crate::sip::fuzzing;

/// Name, password, the client's own text, method; and what a stranger writes instead.
pub fn digest(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let texts = [input.line(), input.line(), input.line(), input.line()];
    fuzzing::digest(texts, input.rest());
}

/// What stands around the secrets of a message.
pub fn mask(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (before, user, cnonce) = (input.line(), input.line(), input.line());
    let (fold, fields) = (input.byte(), input.line());
    fuzzing::mask([before, user, cnonce, fields], fold, input.rest());
}

//! Which keys does `[user:NAME]` have?

use crate::config::form;
use crate::config::keys::{Access, Key, Part, Slot};

/// Beside the table: no user is there unless written.
pub(in crate::config) const KEYS: &[Key] = &[Key {
    section: "user",
    name: "pass",
    aliases: &[],
    group: "A phone or adapter of our own",
    default: "",
    doc: "The password it registers and calls with.",
    part: Part::Callers,
    is_secret: true,
    slot: Slot::User(Access {
        set: |user, text, _| {
            user.password = (form::SECRET.parse)(text)?;
            Ok(())
        },
        show: |user| (form::SECRET.show)(&user.password),
    }),
}];

//! Which keys does `[user:NAME]` have?

use crate::config::form;
use crate::config::keys::{Access, Key, Part, Slot};

const OURS: &str = "A phone or adapter of our own";
const HTTP: &str = "A user of the HTTP interface";

/// Beside the table: no user is there unless written.
pub(in crate::config) const KEYS: &[Key] = &[
    Key {
        section: "user",
        name: "pass",
        aliases: &[],
        group: OURS,
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
    },
    Key {
        section: "user",
        name: "role",
        aliases: &[],
        group: HTTP,
        default: "viewer",
        doc: "What its token is good for: viewer looks, operator pages, admin pages emergencies too.",
        part: Part::Http,
        is_secret: false,
        slot: Slot::User(Access {
            set: |user, text, _| {
                user.role = (form::ROLE.parse)(text)?;
                Ok(())
            },
            show: |user| (form::ROLE.show)(&user.role),
        }),
    },
    Key {
        section: "user",
        name: "token",
        aliases: &[],
        group: HTTP,
        default: "",
        doc: "The hash of its token; paging token NAME makes both.",
        part: Part::Http,
        is_secret: true,
        slot: Slot::User(Access {
            set: |user, text, _| {
                user.token = (form::TOKEN.parse)(text)?;
                Ok(())
            },
            show: |user| (form::TOKEN.show)(&user.token),
        }),
    },
    Key {
        section: "user",
        name: "zones",
        aliases: &[],
        group: HTTP,
        default: "all",
        doc: "The zones that it may page over HTTP, by name; all: every zone.",
        part: Part::Http,
        is_secret: false,
        slot: Slot::User(Access {
            set: |user, text, _| {
                user.zones = (form::ZONE_NAMES.parse)(text)?;
                Ok(())
            },
            show: |user| (form::ZONE_NAMES.show)(&user.zones),
        }),
    },
];

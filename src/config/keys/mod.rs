//! Which keys are there, what is each one's default, and which field does it fill?
//!
//! The parser, the dumps, the example file and the tests all read this one table.

mod audio;
mod calls;
mod desk;
mod gone;
mod group;
mod http;
mod mqtt;
mod music;
mod page;
mod player;
mod schedule;
mod server;
mod sip;
mod user;
mod zone;

use crate::config::desk::{Line, Relay};
use crate::config::group::{GroupIn, GroupOut};
use crate::config::model::{ACCOUNT, Account, Config, User};
use crate::config::music::Music;
use crate::config::page::Page;
use crate::config::player::Player;
use crate::config::schedule::{DayPlan, Schedule};
use crate::config::test_number::TestNumber;
use crate::config::zone::Zone;

pub(super) use gone::{gone, gone_section};

/// One key of one section.
#[derive(Debug)]
pub struct Key {
    /// `sip` also stands for every `[sip:NAME]` if the key belongs to an account.
    pub section: &'static str,
    /// As the example file writes it; dashes and underscores may be swapped as a whole.
    pub name: &'static str,
    /// Other names for the same key.
    pub aliases: &'static [&'static str],
    /// The heading it stands under in the example file.
    pub group: &'static str,
    /// As it would be written.
    pub default: &'static str,
    /// What it does, in one to four lines.
    pub doc: &'static str,
    /// What has to be told when it changes.
    pub part: Part,
    /// Never shown unless asked for.
    pub is_secret: bool,
    slot: Slot,
}

/// Which part of the daemon a key concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Registrations: those that changed must be renewed.
    Accounts,
    /// Who may call and register.
    Callers,
    /// Whether and where SIP messages are written down.
    Trace,
    /// The SIP sockets; a change needs a restart.
    Listen,
    /// Certificates, timers and what we tell of ourselves; holds from the next call on.
    Signalling,
    /// Codecs, RTP ports and the RTP timeout; holds from the next call on.
    Media,
    /// The sound backend, its device and its connections.
    Output,
    /// The klaxon's file must be read again.
    Klaxon,
    /// How recordings are written and kept.
    Recordings,
    /// Rules that the control core applies.
    Policy,
    /// Which music plays where, and how loud.
    Music,
    /// What is done to the voices of callers.
    Voices,
    /// What callers hear; new sounds must be loaded.
    Players,
    /// Which zones there are, and how their sound is fitted.
    Zones,
    /// What rings by the calendar.
    Bells,
    /// Multicast groups that are spoken to or listened to.
    Groups,
    /// Control over HTTP: where, and by whom.
    Http,
    /// The broker that is told how things stand.
    Mqtt,
    /// How much is logged.
    Logging,
    /// Read once at start; a change needs a restart.
    Process,
}

/// Where the value of a key goes.
#[derive(Clone, Copy, Debug)]
enum Slot {
    Whole(Access<Config>),
    Account(Access<Account>),
    /// Of the whole; an account may have a value of its own, which is empty unless written.
    Shared(Access<Config>, Access<Account>),
    User(Access<User>),
    /// Into what its `Row` fills.
    Named,
}

/// `set` may add remarks for the operator; `show` writes what `set` reads.
#[derive(Debug)]
struct Access<T> {
    set: fn(&mut T, &str, &mut Vec<String>) -> Result<(), String>,
    show: fn(&T) -> String,
}

impl<T> Clone for Access<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Access<T> {}

impl Key {
    /// Whether it may also stand in `[sip:NAME]`.
    pub fn is_of_account(&self) -> bool {
        matches!(self.slot, Slot::Account(_) | Slot::Shared(..))
    }

    /// Whether its value in `[sip]` is one of the whole, and not only of the account there.
    pub(super) fn is_of_whole(&self) -> bool {
        matches!(self.slot, Slot::Whole(_) | Slot::Shared(..))
    }

    /// What counts in that section where it is not written.
    pub(super) fn default_in(&self, section: &str) -> &'static str {
        match self.slot {
            Slot::Shared(..) if section.starts_with(ACCOUNT) => "",
            Slot::Whole(_) | Slot::Account(_) | Slot::Shared(..) | Slot::User(_) | Slot::Named => {
                self.default
            }
        }
    }

    /// Its name and aliases.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Fills the field; the error says what to write instead.
    pub(super) fn set(
        &self,
        config: &mut Config,
        text: &str,
        remarks: &mut Vec<String>,
    ) -> Result<(), String> {
        match self.slot {
            Slot::Whole(access) | Slot::Shared(access, _) => (access.set)(config, text, remarks),
            Slot::Account(access) => (access.set)(&mut config.sip.main, text, remarks),
            Slot::User(_) | Slot::Named => Ok(()),
        }
    }

    /// Fills the field of an account; a key that no account has changes nothing.
    pub(super) fn set_account(
        &self,
        account: &mut Account,
        text: &str,
        remarks: &mut Vec<String>,
    ) -> Result<(), String> {
        match self.slot {
            Slot::Whole(_) | Slot::User(_) | Slot::Named => Ok(()),
            Slot::Account(access) | Slot::Shared(_, access) => (access.set)(account, text, remarks),
        }
    }

    /// The value as it would be written, secrets included.
    pub(super) fn show(&self, config: &Config) -> String {
        match self.slot {
            Slot::Whole(access) | Slot::Shared(access, _) => (access.show)(config),
            Slot::Account(access) => (access.show)(&config.sip.main),
            Slot::User(_) | Slot::Named => String::new(),
        }
    }

    /// As `show`, for one account; empty for a key that no account has.
    pub(super) fn show_account(&self, account: &Account) -> String {
        match self.slot {
            Slot::Whole(_) | Slot::User(_) | Slot::Named => String::new(),
            Slot::Account(access) | Slot::Shared(_, access) => (access.show)(account),
        }
    }

    /// As `set_account`, for a user.
    pub(super) fn set_user(
        &self,
        user: &mut User,
        text: &str,
        remarks: &mut Vec<String>,
    ) -> Result<(), String> {
        match self.slot {
            Slot::Whole(_) | Slot::Account(_) | Slot::Shared(..) | Slot::Named => Ok(()),
            Slot::User(access) => (access.set)(user, text, remarks),
        }
    }

    /// As `show_account`, for a user.
    pub(super) fn show_user(&self, user: &User) -> String {
        match self.slot {
            Slot::Whole(_) | Slot::Account(_) | Slot::Shared(..) | Slot::Named => String::new(),
            Slot::User(access) => (access.show)(user),
        }
    }
}

/// All keys, in the order of the example file, which is also the order of filling.
pub fn all() -> impl Iterator<Item = &'static Key> {
    [
        sip::KEYS,
        audio::KEYS,
        calls::KEYS,
        http::KEYS,
        mqtt::KEYS,
        server::KEYS,
    ]
    .into_iter()
    .flatten()
}

/// One key of sections `[KIND:NAME]`, each of which becomes a `T`.
#[derive(Debug)]
pub(super) struct Row<T: 'static> {
    pub key: Key,
    access: Access<T>,
}

impl<T> Row<T> {
    /// Fills the field; the error says what to write instead.
    pub(super) fn set(
        &self,
        into: &mut T,
        text: &str,
        remarks: &mut Vec<String>,
    ) -> Result<(), String> {
        (self.access.set)(into, text, remarks)
    }

    /// The value as it would be written, secrets included.
    pub(super) fn show(&self, of: &T) -> String {
        (self.access.show)(of)
    }
}

/// The keys of every `[zone:NAME]`.
pub(super) fn of_zone() -> impl Iterator<Item = &'static Row<Zone>> {
    zone::KEYS.iter()
}

/// The keys of every `[page:NAME]`.
pub(super) fn of_page() -> impl Iterator<Item = &'static Row<Page>> {
    page::KEYS.iter()
}

/// The keys of every `[schedule:NAME]`.
pub(super) fn of_schedule() -> impl Iterator<Item = &'static Row<Schedule>> {
    schedule::KEYS.iter()
}

/// The keys of every `[plan:NAME]`.
pub(super) fn of_plan() -> impl Iterator<Item = &'static Row<DayPlan>> {
    schedule::PLAN_KEYS.iter()
}

/// The values of all rows as they would be written.
pub(super) fn written<T: 'static>(
    rows: impl Iterator<Item = &'static Row<T>>,
    of: &T,
) -> Vec<String> {
    rows.map(|row| row.show(of)).collect()
}

/// The keys of every `[music:NAME]`.
pub(super) fn of_music() -> impl Iterator<Item = &'static Row<Music>> {
    music::KEYS.iter()
}

/// The keys of every `[moh:NAME]`.
pub(super) fn of_hold() -> &'static [Row<Player>] {
    player::HOLD_KEYS
}

/// The keys of every `[play:NAME]`.
pub(super) fn of_message() -> &'static [Row<Player>] {
    player::MESSAGE_KEYS
}

/// The keys of every `[line:NAME]`.
pub(super) fn of_line() -> &'static [Row<Line>] {
    desk::LINE_KEYS
}

/// The keys of every `[relay:NAME]`.
pub(super) fn of_relay() -> &'static [Row<Relay>] {
    desk::RELAY_KEYS
}

/// The keys of every `[test:NAME]`.
pub(super) fn of_test() -> &'static [Row<TestNumber>] {
    desk::TEST_KEYS
}

/// The keys of every `[multicast-out:NAME]`.
pub(super) fn of_group_out() -> &'static [Row<GroupOut>] {
    group::OUT_KEYS
}

/// The keys of every `[multicast-in:NAME]`.
pub(super) fn of_group_in() -> &'static [Row<GroupIn>] {
    group::IN_KEYS
}

/// The keys of all sections that stand in a file only with a name, as `[zone:NAME]`.
pub(super) fn of_named() -> impl Iterator<Item = &'static Key> {
    let of_players = of_hold().iter().chain(of_message());
    of_user()
        .chain(of_zone().map(|row| &row.key))
        .chain(of_page().map(|row| &row.key))
        .chain(of_schedule().map(|row| &row.key))
        .chain(of_plan().map(|row| &row.key))
        .chain(of_music().map(|row| &row.key))
        .chain(of_players.map(|row| &row.key))
        .chain(of_relay().iter().map(|row| &row.key))
        .chain(of_line().iter().map(|row| &row.key))
        .chain(of_test().iter().map(|row| &row.key))
        .chain(of_group_out().iter().map(|row| &row.key))
        .chain(of_group_in().iter().map(|row| &row.key))
}

/// The keys of every `[user:NAME]`; they stand in no file by themselves.
pub(super) fn of_user() -> impl Iterator<Item = &'static Key> {
    user::KEYS.iter()
}

/// A row for a field of `Config`.
macro_rules! whole {
    ($section:literal, $group:expr, $name:literal, $part:ident, $($field:ident).+,
     $form:expr, $default:literal, $doc:expr) => {
        $crate::config::keys::Key {
            section: $section,
            name: $name,
            aliases: &[],
            group: $group,
            default: $default,
            doc: $doc,
            part: $crate::config::keys::Part::$part,
            is_secret: false,
            slot: $crate::config::keys::Slot::Whole($crate::config::keys::Access {
                set: |config, text, _| {
                    config.$($field).+ = ($form.parse)(text)?;
                    Ok(())
                },
                show: |config| ($form.show)(&config.$($field).+),
            }),
        }
    };
}
use whole;

/// A row for a field of `Account`.
macro_rules! account {
    ($name:literal, $field:ident, $form:expr, $default:literal, $doc:expr) => {
        $crate::config::keys::Key {
            section: "sip",
            name: $name,
            aliases: &[],
            group: "Account at the PBX",
            default: $default,
            doc: $doc,
            part: $crate::config::keys::Part::Accounts,
            is_secret: false,
            slot: $crate::config::keys::Slot::Account($crate::config::keys::Access {
                set: |account, text, _| {
                    account.$field = ($form.parse)(text)?;
                    Ok(())
                },
                show: |account| ($form.show)(&account.$field),
            }),
        }
    };
}
use account;

/// A `Row` for a field of what `[KIND:NAME]` becomes.
macro_rules! row {
    ($section:literal, $group:expr, $name:literal, $part:ident, $($field:ident).+,
     $form:expr, $default:literal, $doc:expr) => {
        $crate::config::keys::Row {
            key: $crate::config::keys::Key {
                section: $section,
                name: $name,
                aliases: &[],
                group: $group,
                default: $default,
                doc: $doc,
                part: $crate::config::keys::Part::$part,
                is_secret: false,
                slot: $crate::config::keys::Slot::Named,
            },
            access: $crate::config::keys::Access {
                set: |into, text, _| {
                    into.$($field).+ = ($form.parse)(text)?;
                    Ok(())
                },
                show: |of| ($form.show)(&of.$($field).+),
            },
        }
    };
}
use row;

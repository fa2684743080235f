//! What is different in a new configuration, and which parts of the daemon does it concern?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::config::desk::{Line, Relay};
use crate::config::group::{GroupIn, GroupOut};
use crate::config::keys::{self, Part};
use crate::config::model::{Account, Config, User};
use crate::config::music::Music;
use crate::config::page::Page;
use crate::config::player::Player;
use crate::config::test_number::TestNumber;
use crate::config::zone::Zone;

/// The smallest change from one configuration to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What must be told about it.
    pub parts: BTreeSet<Part>,
    /// Accounts by name, that of `[sip]` as `sip`; empty without `Part::Accounts`.
    pub accounts: Vec<(String, AccountChange)>,
    /// Every key that differs, as `[audio] duck`.
    pub keys: Vec<String>,
}

/// What happened to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChange {
    Added,
    Removed,
    Changed,
}

impl Changes {
    /// Whether nothing has to be done.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether this part has something to do.
    pub fn concern(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }
}

/// One line for the log; values are not told.
impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing changed");
        }
        f.write_str(&self.keys.join(", "))
    }
}

/// All that is set; where it is written makes no difference.
impl PartialEq for Config {
    fn eq(&self, other: &Self) -> bool {
        self.sip == other.sip
            && self.audio == other.audio
            && self.calls == other.calls
            && self.http == other.http
            && self.mqtt == other.mqtt
            && self.server == other.server
            && self.zones == other.zones
            && self.pages == other.pages
            && self.bells == other.bells
            && self.plans == other.plans
            && self.music == other.music
            && self.players == other.players
            && self.relays == other.relays
            && self.lines == other.lines
            && self.tests == other.tests
            && self.groups_out == other.groups_out
            && self.groups_in == other.groups_in
    }
}

/// Compares key by key, so that nothing of the table can be forgotten.
pub fn diff(old: &Config, new: &Config) -> Changes {
    let mut changes = Changes::default();
    for key in keys::all().filter(|key| key.is_of_whole()) {
        if key.show(old) != key.show(new) {
            changes.parts.insert(key.part);
            changes.keys.push(format!("[{}] {}", key.section, key.name));
        }
    }
    accounts(old, new, &mut changes);
    users(old, new, &mut changes);
    zones(old, new, &mut changes);
    pages(old, new, &mut changes);
    bells(old, new, &mut changes);
    music(old, new, &mut changes);
    players(old, new, &mut changes);
    groups(old, new, &mut changes);
    desks(old, new, &mut changes);
    changes
}

fn accounts(old: &Config, new: &Config, changes: &mut Changes) {
    for account in old.sip.accounts() {
        if find(new, &account.name).is_none() {
            account_changed(account, AccountChange::Removed, changes);
        }
    }
    for account in new.sip.accounts() {
        match find(old, &account.name) {
            None => {
                changes.parts.insert(Part::Media);
                account_changed(account, AccountChange::Added, changes);
            }
            Some(before) if before != account => {
                if before.codecs != account.codecs {
                    changes.parts.insert(Part::Media);
                }
                account_changed(account, AccountChange::Changed, changes);
            }
            Some(_) => {}
        }
    }
}

fn users(old: &Config, new: &Config, changes: &mut Changes) {
    let (old, new) = (&old.sip.users, &new.sip.users);
    let is_gone = |user: &&User| new.iter().all(|other| other.name != user.name);
    let differing = new.iter().filter(|user| !old.contains(user));
    for user in differing.chain(old.iter().filter(is_gone)) {
        let password = |users: &[User]| {
            let found = users.iter().find(|it| it.name == user.name);
            found.map(|it| it.password.clone()).unwrap_or_default()
        };
        if password(old) != password(new) {
            changes.parts.insert(Part::Callers);
        }
        changes.parts.insert(Part::Http);
        changes.keys.push(format!("[{}]", user.section()));
    }
}

/// Where a zone is heard concerns the way out too.
fn zones(old: &Config, new: &Config, changes: &mut Changes) {
    let named = |zones: &'_ [Zone], name: &str| zones.iter().find(|z| z.name == name).cloned();
    let is_gone = |zone: &&Zone| named(&new.zones, &zone.name).is_none();
    let differing = new.zones.iter().filter(|zone| !old.zones.contains(zone));
    for zone in differing.chain(old.zones.iter().filter(is_gone)) {
        let outputs = |config: &Config| named(&config.zones, &zone.name).map(|z| z.outputs);
        if outputs(old) != outputs(new) {
            changes.parts.insert(Part::Output);
        }
        changes.parts.insert(Part::Zones);
        changes.keys.push(format!("[{}]", zone.section()));
    }
}

fn pages(old: &Config, new: &Config, changes: &mut Changes) {
    let (old, new) = (&old.pages, &new.pages);
    let is_gone = |page: &&Page| new.iter().all(|other| other.name != page.name);
    let differing = new.iter().filter(|page| !old.contains(page));
    for page in differing.chain(old.iter().filter(is_gone)) {
        changes.parts.insert(Part::Policy);
        changes.keys.push(format!("[{}]", page.section()));
    }
}

fn bells(old: &Config, new: &Config, changes: &mut Changes) {
    let sections = |config: &Config| {
        let bells = config.bells.iter();
        let bells = bells.map(|it| (it.section(), keys::written(keys::of_schedule(), it)));
        let plans = config.plans.iter();
        let plans = plans.map(|it| (it.section(), keys::written(keys::of_plan(), it)));
        bells.chain(plans).collect::<BTreeMap<_, _>>()
    };
    let (old, new) = (sections(old), sections(new));
    let differ = |section: &&String| old.get(*section) != new.get(*section);
    let both: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for section in both.into_iter().filter(differ) {
        changes.parts.insert(Part::Bells);
        changes.keys.push(format!("[{section}]"));
    }
}

fn music(old: &Config, new: &Config, changes: &mut Changes) {
    let (old, new) = (&old.music, &new.music);
    let is_gone = |music: &&Music| new.iter().all(|other| other.name != music.name);
    let differing = new.iter().filter(|music| !old.contains(music));
    for music in differing.chain(old.iter().filter(is_gone)) {
        changes.parts.insert(Part::Music);
        changes.keys.push(format!("[{}]", music.section()));
    }
}

fn players(old: &Config, new: &Config, changes: &mut Changes) {
    let has = |players: &[Player], section: &str| players.iter().any(|it| it.section() == section);
    let differing = new.players.iter().filter(|it| !old.players.contains(it));
    let gone = old
        .players
        .iter()
        .filter(|it| !has(&new.players, &it.section()));
    for player in differing.chain(gone) {
        changes.parts.insert(Part::Players);
        changes.keys.push(format!("[{}]", player.section()));
    }
}

fn groups(old: &Config, new: &Config, changes: &mut Changes) {
    let out = |config: &Config| by_section(&config.groups_out, GroupOut::section);
    let heard = |config: &Config| by_section(&config.groups_in, GroupIn::section);
    let sections = differing(&out(old), &out(new));
    for section in sections
        .into_iter()
        .chain(differing(&heard(old), &heard(new)))
    {
        changes.parts.insert(Part::Groups);
        changes.keys.push(format!("[{section}]"));
    }
}

fn desks(old: &Config, new: &Config, changes: &mut Changes) {
    let relays = |config: &Config| by_section(&config.relays, Relay::section);
    for section in differing(&relays(old), &relays(new)) {
        changes
            .parts
            .extend([Part::Policy, Part::Media, Part::Http]);
        changes.keys.push(format!("[{section}]"));
    }
    let lines = |config: &Config| by_section(&config.lines, Line::section);
    for section in differing(&lines(old), &lines(new)) {
        changes
            .parts
            .extend([Part::Policy, Part::Callers, Part::Http]);
        changes.keys.push(format!("[{section}]"));
    }
    let tests = |config: &Config| by_section(&config.tests, TestNumber::section);
    for section in differing(&tests(old), &tests(new)) {
        changes.parts.insert(Part::Policy);
        changes.keys.push(format!("[{section}]"));
    }
}

fn by_section<T: Clone>(all: &[T], section: fn(&T) -> String) -> BTreeMap<String, T> {
    all.iter().map(|it| (section(it), it.clone())).collect()
}

/// What is there only once, or otherwise.
fn differing<T: PartialEq>(old: &BTreeMap<String, T>, new: &BTreeMap<String, T>) -> Vec<String> {
    let both: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differ = both
        .into_iter()
        .filter(|section| old.get(*section) != new.get(*section));
    differ.cloned().collect()
}

fn account_changed(account: &Account, change: AccountChange, changes: &mut Changes) {
    changes.parts.insert(Part::Accounts);
    changes.keys.push(format!("[{}]", account.section()));
    changes.accounts.push((account.name.clone(), change));
}

fn find<'a>(config: &'a Config, name: &str) -> Option<&'a Account> {
    config.sip.accounts().find(|account| account.name == name)
}

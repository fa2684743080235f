//! How is a configuration written out, so that it can be read in again?

use std::collections::BTreeMap;

use crate::config::dialect::is_space;
use crate::config::keys::{self, Key};
use crate::config::model::Config;

/// What the first line of a dump says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Title {
    /// `Default configuration options`
    Defaults,
    /// `Current configuration options`
    Current,
}

/// Whether passwords are written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// A comment stands in their place, so that the dump read after the original file
    /// leaves the password of that file as it is.
    Hidden,
    /// As in the file.
    Shown,
}

/// All settings in the legacy format: sections and keys by name, keys with underscores.
pub fn dump(config: &Config, title: Title, secrets: Secrets) -> String {
    let mut out = match title {
        Title::Defaults => ";; Default configuration options\n",
        Title::Current => ";; Current configuration options\n",
    }
    .to_owned();
    for (section, lines) in sections(config, secrets) {
        out.push_str(&format!("\n[{section}]\n"));
        for (name, line) in lines {
            match line {
                Line::Value(text) => out.push_str(&format!("{name} = {}\n", escaped(&text))),
                Line::Hidden => {
                    out.push_str(&format!(";{name} = **** (set; --show-secrets writes it)\n"));
                }
            }
        }
    }
    out
}

enum Line {
    Value(String),
    Hidden,
}

type Sections = BTreeMap<String, BTreeMap<String, Line>>;

fn sections(config: &Config, secrets: Secrets) -> Sections {
    let mut sections = Sections::new();
    let mut add = |section: String, key: &Key, text: String| {
        let is_hidden = key.is_secret && secrets == Secrets::Hidden && !text.is_empty();
        let line = if is_hidden {
            Line::Hidden
        } else {
            Line::Value(text)
        };
        let name = key.name.replace('-', "_");
        sections.entry(section).or_default().insert(name, line);
    };
    for key in keys::all() {
        add(key.section.to_owned(), key, key.show(config));
    }
    for account in &config.sip.further {
        for key in keys::all().filter(|key| key.is_of_account()) {
            add(account.section(), key, key.show_account(account));
        }
    }
    for user in &config.sip.users {
        for key in keys::of_user() {
            add(user.section(), key, key.show_user(user));
        }
    }
    for music in &config.music {
        for row in keys::of_music() {
            add(music.section(), &row.key, row.show(music));
        }
    }
    for zone in &config.zones {
        for row in keys::of_zone() {
            add(zone.section(), &row.key, row.show(zone));
        }
    }
    for page in &config.pages {
        for row in keys::of_page() {
            add(page.section(), &row.key, row.show(page));
        }
    }
    for bell in &config.bells {
        for row in keys::of_schedule() {
            add(bell.section(), &row.key, row.show(bell));
        }
    }
    for plan in &config.plans {
        for row in keys::of_plan() {
            add(plan.section(), &row.key, row.show(plan));
        }
    }
    for group in &config.groups_out {
        // One that only its address tells of has no section.
        if config.place(&group.section(), "address").is_some() {
            for row in keys::of_group_out() {
                add(group.section(), &row.key, row.show(group));
            }
        }
    }
    for group in &config.groups_in {
        for row in keys::of_group_in() {
            add(group.section(), &row.key, row.show(group));
        }
    }
    for line in &config.lines {
        for row in keys::of_line() {
            add(line.section(), &row.key, row.show(line));
        }
    }
    for test in &config.tests {
        for row in keys::of_test() {
            add(test.section(), &row.key, row.show(test));
        }
    }
    for relay in &config.relays {
        for row in keys::of_relay() {
            add(relay.section(), &row.key, row.show(relay));
        }
    }
    for player in &config.players {
        for row in player.rows() {
            add(player.section(), &row.key, row.show(player));
        }
    }
    sections
}

/// Text that the dialect reads as `text`. Where the line of the key would lose something,
/// the value begins on the next line.
fn escaped(text: &str) -> String {
    let text = text.replace('%', "%%");
    let before_comment = text.split(';').next().filter(|before| *before != text);
    let is_cut = before_comment.is_some_and(|text| text.is_empty() || text.ends_with(is_space));
    if !is_cut && !text.contains('\n') && text != "\"\"" {
        return text;
    }
    let lines: Vec<&str> = text.lines().collect();
    format!("\n    {}", lines.join("\n    "))
}

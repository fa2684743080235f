//! Which of several written values counts, and what does it say after interpolation?

use std::collections::{BTreeMap, BTreeSet};

use crate::config::dialect::{Entry, Parsed, is_space};
use crate::config::place::{Place, Remark, Warning};

/// All files laid over each other, a later entry over an earlier one of the same written name.
#[derive(Debug, Default)]
pub(super) struct Layers {
    sections: BTreeMap<String, Section>,
    /// Entries that some interpolation took its text from.
    quoted: BTreeSet<(String, String)>,
}

#[derive(Debug)]
struct Section {
    place: Place,
    entries: BTreeMap<String, Entry>,
}

/// The entry that counts for a key.
#[derive(Debug)]
pub(super) struct Found {
    /// The key as it was written.
    pub name: String,
    pub place: Place,
    /// Trimmed; an error says what is wrong with the text as written.
    pub text: Result<String, String>,
    /// Another spelling of the same key, which does not count.
    pub shadowed: Option<(String, Place)>,
}

impl Layers {
    /// Lays one more file over the others; warns of keys that it sets twice.
    pub(super) fn add(&mut self, file: Parsed) -> Vec<Warning> {
        for (name, place) in file.sections {
            let entries = BTreeMap::new();
            self.sections
                .entry(name)
                .or_insert(Section { place, entries });
        }
        file.entries
            .into_iter()
            .filter_map(|entry| self.insert(entry))
            .collect()
    }

    fn insert(&mut self, entry: Entry) -> Option<Warning> {
        let section = self
            .sections
            .get_mut(&entry.section)
            .expect("a file names each section before the entries in it");
        let (place, subject) = (
            entry.place.clone(),
            format!("[{}] {}", entry.section, entry.name),
        );
        let old = section.entries.insert(entry.name.clone(), entry)?;
        old.place.same_file(&place).then(|| {
            let line = place.line().unwrap_or_default();
            Warning(Remark {
                place: Some(old.place),
                subject,
                text: format!("is set again in line {line}, which counts"),
            })
        })
    }

    /// Sections that stand in some file, except `[DEFAULT]`.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.sections
            .iter()
            .filter(|(name, _)| *name != DEFAULT)
            .map(|(name, section)| (name.as_str(), &section.place))
    }

    /// Whether the section stands in some file.
    pub(super) fn has(&self, section: &str) -> bool {
        self.sections.contains_key(section)
    }

    /// The entries of one section, `[DEFAULT]` not mixed in.
    pub(super) fn entries(&self, section: &str) -> impl Iterator<Item = &Entry> {
        self.sections
            .get(section)
            .into_iter()
            .flat_map(|section| section.entries.values())
    }

    /// Whether another value was made from this entry by `%(name)s`.
    pub(super) fn is_quoted(&self, section: &str, name: &str) -> bool {
        self.quoted.contains(&(section.to_owned(), name.to_owned()))
    }

    /// The entry that counts for the key with these names. Of each name the dashed spelling
    /// comes before the one with underscores, even if it stands in `[DEFAULT]`.
    pub(super) fn find(&mut self, section: &str, names: &[&str]) -> Option<Found> {
        let mut hits: Vec<Entry> = names
            .iter()
            .flat_map(|name| spellings(name))
            .filter_map(|name| self.lookup(section, &name).cloned())
            .collect();
        if hits.is_empty() {
            return None;
        }
        let entry = hits.remove(0);
        let text = match &entry.value {
            None => Err(
                "has no '='; write key = value, or an empty value after '=' if none is meant"
                    .to_owned(),
            ),
            Some(value) => self.interpolated(section, value, 0),
        };
        let shadowed = hits.into_iter().find(|other| other.name != entry.name);
        Some(Found {
            name: entry.name,
            place: entry.place,
            text: text.map(|text| text.trim_matches(is_space).to_owned()),
            shadowed: shadowed.map(|other| (other.name, other.place)),
        })
    }

    fn lookup(&self, section: &str, name: &str) -> Option<&Entry> {
        let own = self.sections.get(section)?;
        own.entries
            .get(name)
            .or_else(|| self.sections.get(DEFAULT)?.entries.get(name))
    }

    /// `%%` is `%`, `%(name)s` is another key of the section; any other `%` is just that.
    fn interpolated(&mut self, section: &str, value: &str, depth: usize) -> Result<String, String> {
        if depth > MAX_DEPTH {
            return Err("quotes itself by %(name)s; write the text out".to_owned());
        }
        let mut out = String::new();
        let mut rest = value;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("%%") {
                out.push('%');
                rest = after;
            } else if let Some((name, after)) = reference(rest) {
                out.push_str(&self.quoted(section, name, depth)?);
                if out.len() > MAX_TEXT {
                    return Err("grows too long by %(name)s; write the text out".to_owned());
                }
                rest = after;
            } else {
                out.push('%');
                rest = &rest[1..];
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn quoted(&mut self, section: &str, name: &str, depth: usize) -> Result<String, String> {
        let lower = name.to_ascii_lowercase();
        if lower == "__name__" {
            return Ok(section.to_owned());
        }
        let found = std::iter::once(lower.clone())
            .chain(spellings(&lower))
            .find_map(|name| self.lookup(section, &name));
        let Some(entry) = found.cloned() else {
            return Err(format!(
                "there is no key \"{name}\" in [{section}] or [{DEFAULT}]; \
                 write %%({name})s if the text itself is meant"
            ));
        };
        self.quoted.insert((entry.section, entry.name));
        let value = entry.value.ok_or_else(|| {
            format!("the key \"{name}\" that it quotes has no '='; write {name} = value")
        })?;
        self.interpolated(section, &value, depth + 1)
    }
}

/// The section whose values stand in for those that others lack.
pub(super) const DEFAULT: &str = "DEFAULT";

/// As deep as the old parser followed references.
const MAX_DEPTH: usize = 10;

/// Ten levels of references could otherwise fill the memory; no real value comes near.
const MAX_TEXT: usize = 65_536;

/// The two ways to write a key; a mixture of both is another key.
fn spellings(name: &str) -> [String; 2] {
    [name.replace('_', "-"), name.replace('-', "_")]
}

/// The name in `%(name)s` at the start of `text`, and what follows.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix("%(")?.split_once(')')?;
    let rest = rest.strip_prefix('s')?;
    (!name.is_empty()).then_some((name, rest))
}

#[cfg(test)]
#[path = "layers_tests.rs"]
mod tests;

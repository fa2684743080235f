//! How do files and options become one checked configuration?

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::check;
use crate::config::desk;
use crate::config::dialect;
use crate::config::group;
use crate::config::http;
use crate::config::keys::{self, Key};
use crate::config::layers::{Found, Layers};
use crate::config::model::{ACCOUNT, Account, Config, MAIN, Written};
use crate::config::mqtt;
use crate::config::music;
use crate::config::page;
use crate::config::place::{Mistake, Place, Remark, Warning};
use crate::config::player;
use crate::config::schedule;
use crate::config::test_number;
use crate::config::users;
use crate::config::zone;

/// One file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As it is named in messages.
    pub path: PathBuf,
    /// Its absence is a mistake.
    pub is_required: bool,
}

/// The value of a key from the command line, which counts before all files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// As in the table.
    pub section: &'static str,
    /// As in the table.
    pub key: &'static str,
    /// As it would stand in a file.
    pub value: String,
    /// The option it came from, as `--debug`.
    pub option: &'static str,
}

/// What came of reading everything.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Present if there is no mistake.
    pub config: Option<Config>,
    /// In the order of the files.
    pub mistakes: Vec<Mistake>,
    /// In the order of the files.
    pub warnings: Vec<Warning>,
    /// The files that were there, in the order of reading.
    pub files: Vec<PathBuf>,
    /// What was read, with the default in place of each mistake.
    draft: Config,
}

/// The files that are looked for before any named on the command line; later ones count.
pub fn default_sources() -> Vec<Source> {
    [
        "paging.conf",
        "/etc/paging.conf",
        "callpipe.conf",
        "/etc/callpipe.conf",
    ]
    .map(|path| Source {
        path: path.into(),
        is_required: false,
    })
    .into()
}

/// Reads all files in order and checks what they say; all mistakes are found at once.
pub fn load(
    sources: &[Source],
    overrides: &[Override],
) -> Result<(Config, Vec<Warning>), Vec<Mistake>> {
    read(sources, overrides).result()
}

/// As `load`, but keeps the warnings beside the mistakes.
pub fn read(sources: &[Source], overrides: &[Override]) -> Loaded {
    let mut loading = Loading::default();
    for source in sources {
        match std::fs::read(&source.path) {
            Ok(bytes) => loading.file(&source.path, &bytes),
            Err(error) => loading.unreadable(source, &error),
        }
    }
    loading.finish(overrides)
}

/// As `read`, of texts that need not be in files.
pub fn read_texts<'a>(
    texts: impl IntoIterator<Item = (&'a Path, &'a [u8])>,
    overrides: &[Override],
) -> Loaded {
    let mut loading = Loading::default();
    for (path, bytes) in texts {
        loading.file(path, bytes);
    }
    loading.finish(overrides)
}

#[derive(Default)]
pub(super) struct Loading {
    pub(super) layers: Layers,
    files: Vec<PathBuf>,
    pub(super) mistakes: Vec<Mistake>,
    warnings: Vec<Warning>,
}

impl Loading {
    fn file(&mut self, path: &Path, bytes: &[u8]) {
        let name: Arc<Path> = path.into();
        let mut parsed = dialect::parse(&name, bytes);
        self.mistakes.append(&mut parsed.mistakes);
        self.warnings.append(&mut parsed.warnings);
        self.warnings.extend(self.layers.add(parsed));
        self.files.push(path.to_owned());
    }

    fn unreadable(&mut self, source: &Source, error: &io::Error) {
        let path = source.path.display();
        let is_missing = matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
        );
        let (place, text) = match (is_missing, source.is_required) {
            (true, false) => return,
            (true, true) => (
                None,
                format!("Specified config file does not exists: {path}"),
            ),
            (false, _) => (
                Some(Place::File(source.path.as_path().into())),
                unreadable_text(error),
            ),
        };
        self.mistakes.push(Mistake(Remark {
            place,
            subject: String::new(),
            text,
        }));
    }

    fn finish(mut self, overrides: &[Override]) -> Loaded {
        let mut config = Config::blank();
        for key in keys::all() {
            self.fill(&mut config, key, overrides);
        }
        self.further_accounts(&mut config);
        let tokens = http::tokens(&mut self, &config);
        users::read(&mut self, &mut config, &tokens);
        zone::read(&mut self, &mut config);
        group::read(&mut self, &mut config);
        http::settle(&mut self, &mut config, tokens);
        page::read(&mut self, &mut config);
        schedule::read(&mut self, &mut config);
        music::read(&mut self, &mut config);
        music::check(&mut self, &config);
        player::read(&mut self, &mut config);
        test_number::read(&mut self, &mut config);
        desk::read(&mut self, &mut config);
        check::names(&self.layers, &mut self.warnings);
        self.warnings.extend(check::together(&config));
        self.warnings.extend(http::together(&config));
        self.warnings.extend(mqtt::together(&config));
        let mut loaded = Loaded {
            config: self.mistakes.is_empty().then(|| config.clone()),
            draft: config,
            mistakes: self.mistakes,
            warnings: self.warnings,
            files: self.files,
        };
        loaded.sort();
        loaded
    }

    fn fill(&mut self, config: &mut Config, key: &'static Key, overrides: &[Override]) {
        let value = overrides
            .iter()
            .find(|over| over.section == key.section && over.key == key.name)
            .map(Value::from_option)
            .or_else(|| self.value(key.section, key));
        let set = |text: &str, remarks: &mut Vec<String>| key.set(config, text, remarks);
        let written = self.apply(key.section, key, value, set);
        if let Some(written) = written {
            let at = (key.section.to_owned(), key.name.to_owned());
            config.places.insert(at, written);
        }
    }

    fn further_accounts(&mut self, config: &mut Config) {
        let sections: Vec<(String, Place)> = self
            .layers
            .sections()
            .filter(|(section, _)| section.starts_with(ACCOUNT))
            .map(|(section, place)| (section.to_owned(), place.clone()))
            .collect();
        for (section, place) in sections {
            let account = self.account(&section, config);
            let name = account.name.trim();
            let text = if name.is_empty() || name == MAIN || name != account.name {
                "needs another name after the colon; write e.g. [sip:office]"
            } else if account.domain.is_empty() && !config.is_filled(&section, "domain") {
                "has no domain; write domain = HOST into it"
            } else {
                config.sip.further.push(account);
                continue;
            };
            self.mistakes.push(Mistake(Remark {
                place: Some(place),
                subject: format!("[{section}]"),
                text: text.to_owned(),
            }));
        }
    }

    fn account(&mut self, section: &str, config: &mut Config) -> Account {
        let mut account = Account::blank(&section[ACCOUNT.len()..]);
        for key in keys::all().filter(|key| key.is_of_account()) {
            let value = self.value(section, key);
            let set = |text: &str, remarks: &mut Vec<String>| {
                key.set_account(&mut account, text, remarks)
            };
            if let Some(written) = self.apply(section, key, value, set) {
                let at = (section.to_owned(), key.name.to_owned());
                config.places.insert(at, written);
            }
        }
        account
    }

    pub(super) fn value(&mut self, section: &str, key: &Key) -> Option<Value> {
        let names: Vec<&str> = key.names().collect();
        let mut found = self.layers.find(section, &names)?;
        if let Some((name, place)) = found.shadowed.take() {
            let text = format!(
                "is also set as {} at {}, which counts",
                found.name, found.place
            );
            self.warnings.push(Warning(Remark {
                place: Some(place),
                subject: format!("[{section}] {name}"),
                text,
            }));
        }
        if key.is_secret && found.text.as_ref().is_err_and(|why| why.contains("%(")) {
            found.text = Err(QUOTING_SECRET.to_owned());
        }
        Some(Value::from_file(found))
    }

    /// Sets one value, or the default; tells how it was written, if it was.
    pub(super) fn apply(
        &mut self,
        section: &str,
        key: &Key,
        value: Option<Value>,
        mut set: impl FnMut(&str, &mut Vec<String>) -> Result<(), String>,
    ) -> Option<Written> {
        let Some(value) = value else {
            let default = set(key.default_in(section), &mut Vec::new());
            default.expect("the table's defaults are valid");
            return None;
        };
        let written = value.written(section, key);
        let mut remarks = Vec::new();
        if value.text.as_ref().is_ok_and(|text| is_quoted(text)) {
            remarks.push("the quotes are part of the value; remove them if not meant".to_owned());
        }
        let result = value.text.and_then(|text| set(&text, &mut remarks));
        let remark = |text| Remark {
            place: Some(written.place.clone()),
            subject: written.subject.clone(),
            text,
        };
        self.warnings
            .extend(remarks.into_iter().map(|text| Warning(remark(text))));
        if let Err(text) = result {
            self.mistakes.push(Mistake(remark(text)));
        }
        Some(written)
    }
}

impl Loaded {
    /// The configuration and its warnings, or every mistake.
    pub fn result(self) -> Result<(Config, Vec<Warning>), Vec<Mistake>> {
        match self.config {
            Some(config) => Ok((config, self.warnings)),
            None => Err(self.mistakes),
        }
    }

    /// Adds the mistakes that only a look at the things themselves shows, such as a sound file
    /// that is not there. `look` sees the default where another mistake stands.
    pub fn look_further<I>(mut self, look: impl FnOnce(&Config) -> I) -> Self
    where
        I: IntoIterator<Item = Mistake>,
    {
        let n_before = self.mistakes.len();
        self.mistakes.extend(look(&self.draft));
        if self.mistakes.len() > n_before {
            self.config = None;
            self.sort();
        }
        self
    }

    /// Files in their order of reading, lines in theirs, and once each.
    fn sort(&mut self) {
        let files = self.files.clone();
        let rank = |remark: &Remark| match &remark.place {
            Some(Place::Line { file, line, .. }) => {
                let at = files.iter().position(|path| **path == **file);
                (at.unwrap_or(files.len()), *line)
            }
            Some(Place::File(_) | Place::Option(_)) | None => (files.len(), 0),
        };
        self.mistakes.sort_by_key(|mistake| rank(&mistake.0));
        self.mistakes.dedup();
        self.warnings.sort_by_key(|warning| rank(&warning.0));
        self.warnings.dedup();
    }
}

/// A value as it was written, before anybody asked what it means.
pub(super) struct Value {
    name: String,
    place: Place,
    text: Result<String, String>,
}

impl Value {
    fn from_option(over: &Override) -> Self {
        Self {
            name: over.key.to_owned(),
            place: Place::Option(over.option),
            text: Ok(over.value.clone()),
        }
    }

    fn from_file(found: Found) -> Self {
        Self {
            name: found.name,
            place: found.place,
            text: found.text,
        }
    }

    fn written(&self, section: &str, key: &Key) -> Written {
        let name = &self.name;
        let subject = match &self.text {
            Err(_) => format!("[{section}] {name}"),
            Ok(_) if key.is_secret => format!("[{section}] {name} = ****"),
            Ok(text) if text.is_empty() => format!("[{section}] {name} ="),
            Ok(text) => format!("[{section}] {name} = {}", excerpt(text)),
        };
        Written {
            place: self.place.clone(),
            subject,
            is_empty: self.text.as_ref().is_ok_and(String::is_empty),
        }
    }
}

fn is_quoted(text: &str) -> bool {
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inner.is_some_and(|inner| !inner.contains('"'))
}

/// The first line, cut where it gets too long to read in a message.
fn excerpt(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(LONGEST_EXCERPT).collect();
    if short.len() < text.len() {
        return format!("{short}…");
    }
    short
}

fn unreadable_text(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return "exists but must not be read by this user; make it readable, \
                e.g. as root:paging with mode 0640"
            .to_owned();
    }
    if error.kind() == io::ErrorKind::IsADirectory {
        return "is a directory; name a file".to_owned();
    }
    format!("cannot be read: {error}")
}

/// Says nothing of the text, which is a password.
const QUOTING_SECRET: &str =
    "quotes a key by %(name)s that cannot be used; write %%( where %( itself is meant";

/// So that a message stays on one line of a terminal or two.
const LONGEST_EXCERPT: usize = 60;

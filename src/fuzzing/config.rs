//! Is any text either a configuration or a list of mistakes?

use std::path::Path;

use crate::config::{Config, Loaded, Secrets, Title, dump, read_texts};

/// A file that somebody has written: it is read or refused, and a dump of what was read means
/// the same.
pub fn config(bytes: &[u8]) {
    let loaded = read(bytes);
    let Some(config) = loaded.config.filter(|_| loaded.mistakes.is_empty()) else {
        assert!(!loaded.mistakes.is_empty(), "refused without a reason");
        return;
    };
    let written = dump(&config, Title::Current, Secrets::Shown);
    let again = read(written.as_bytes());
    assert_eq!(again.mistakes, [], "{written}");
    assert_eq!(again.config.as_ref(), Some(&config), "{written}");
    hides(&config);
}

fn hides(config: &Config) {
    let hidden = dump(config, Title::Current, Secrets::Hidden);
    let passwords = config
        .sip
        .accounts()
        .map(|account| account.password.reveal());
    // A short one stands in other words by chance.
    for password in passwords.filter(|password| password.len() > 12) {
        let others = dump(config, Title::Current, Secrets::Shown);
        if others.matches(password).count() == 1 {
            assert!(!hidden.contains(password), "{hidden}");
        }
    }
}

fn read(bytes: &[u8]) -> Loaded {
    read_texts([(Path::new("paging.conf"), bytes)], &[])
}

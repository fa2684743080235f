//! What is set for the HTTP interface, and where do the tokens of its users stand?

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::load::Loading;
use crate::config::model::{Config, User};
use crate::config::place::{Mistake, Place, Remark, Warning};
use crate::config::token::TokenHash;
use crate::config::zone;

/// The HTTP interface; its users stand among those of SIP.
#[derive(Clone, Debug, PartialEq)]
pub struct Http {
    /// Each once; none turns the interface off.
    pub listen: Vec<SocketAddr>,
    /// Where further hashes of tokens stand.
    pub token_file: Option<PathBuf>,
    /// Our certificate in PEM.
    pub tls_cert: Option<PathBuf>,
    /// The key of our certificate.
    pub tls_key: Option<PathBuf>,
    /// Origins of web pages that may ask, in small letters.
    pub cors: Vec<String>,
}

impl Http {
    pub(super) fn blank() -> Self {
        Self {
            listen: Vec::new(),
            token_file: None,
            tls_cert: None,
            tls_key: None,
            cors: Vec::new(),
        }
    }
}

/// The hashes that the token file has, by the name of the user, each with its line.
pub(super) type Tokens = BTreeMap<String, (TokenHash, Place)>;

/// Reads the token file; a line that cannot be used is a mistake.
pub(super) fn tokens(loading: &mut Loading, config: &Config) -> Tokens {
    let Some(path) = &config.http.token_file else {
        return Tokens::new();
    };
    match std::fs::read_to_string(path) {
        Ok(text) => lines(loading, path, &text),
        Err(error) => {
            let text = format!(
                "cannot be read: {error}; put a file there, with a line NAME HASH for each token"
            );
            loading
                .mistakes
                .push(config.mistake("http", "token-file", text));
            Tokens::new()
        }
    }
}

fn lines(loading: &mut Loading, path: &Path, text: &str) -> Tokens {
    let file: Arc<Path> = path.into();
    let mut tokens = Tokens::new();
    for (number, line) in (1..).zip(text.lines()) {
        let place = Place::Line {
            file: Arc::clone(&file),
            line: number,
            column: 1,
        };
        match token(line) {
            Ok(None) => {}
            Ok(Some((name, _))) if tokens.contains_key(name) => {
                let text = format!("has a second token of {name}; remove one of the lines");
                loading.mistakes.push(about(place, "", text));
            }
            Ok(Some((name, hash))) => {
                tokens.insert(name.to_owned(), (hash, place));
            }
            Err(text) => loading.mistakes.push(about(place, "", text.to_owned())),
        }
    }
    tokens
}

/// Errors say nothing of the line, which may hold the token itself.
fn token(line: &str) -> Result<Option<(&str, TokenHash)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with(['#', ';']) {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (Some(name), Some(hash), None) = (words.next(), words.next(), words.next()) else {
        return Err(NOT_A_TOKEN);
    };
    let hash = hash.parse().map_err(|_| NOT_A_TOKEN)?;
    Ok(Some((name, hash)))
}

/// Gives users the tokens of the file, and finds what does not fit together.
pub(super) fn settle(loading: &mut Loading, config: &mut Config, tokens: Tokens) {
    for (name, (hash, place)) in tokens {
        let mut users = config.sip.users.iter_mut();
        let user = users.find(|user| user.name == name);
        let text = match user {
            Some(user) if user.token.is_some() => {
                format!("[{}] has a token too; remove one of them", user.section())
            }
            Some(user) => {
                user.token = Some(hash);
                continue;
            }
            None => format!("there is no user {name}; write a section [user:{name}]"),
        };
        loading.mistakes.push(about(place, "", text));
    }
    for user in config.sip.users.clone() {
        zone::must_exist(loading, config, &user.section(), "zones", &user.zones);
        twice(loading, config, &user);
    }
}

/// Nobody could tell two users with one token apart.
fn twice(loading: &mut Loading, config: &Config, user: &User) {
    let before = config
        .sip
        .users
        .iter()
        .take_while(|other| other.name != user.name);
    let mut same = before.filter(|other| other.token.is_some() && other.token == user.token);
    if let Some(other) = same.next() {
        let text = format!(
            "is the token of [{}] too; run paging token {} for one of its own",
            other.section(),
            user.name
        );
        let mistake = config.mistake(&user.section(), "token", text);
        loading.mistakes.push(mistake);
    }
}

/// Finds what each key alone could not see.
pub(super) fn together(config: &Config) -> Vec<Warning> {
    let http = &config.http;
    let mut warnings = Vec::new();
    let mut warn = |section: &str, key: &str, text: &str| {
        warnings.push(Warning(config.mistake(section, key, text).0));
    };
    match (&http.tls_cert, &http.tls_key) {
        (Some(_), None) => warn(
            "http",
            "tls-cert",
            "has no key, so nothing is encrypted; write tls-key = FILE",
        ),
        (None, Some(_)) => warn(
            "http",
            "tls-key",
            "has no certificate, so nothing is encrypted; write tls-cert = FILE",
        ),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let reaches_out = http
        .listen
        .iter()
        .any(|address| !address.ip().is_loopback());
    let has_tokens = config.sip.users.iter().any(|user| user.token.is_some());
    if reaches_out && !has_tokens {
        let text = "no user has a token, so only programs on this machine are let in; run paging \
                    token NAME, and write the section [user:NAME] that it prints";
        warn("http", "listen", text);
    } else if reaches_out && (http.tls_cert.is_none() || http.tls_key.is_none()) {
        let text = "tokens cross the network unencrypted; write tls-cert = FILE and tls-key = FILE";
        warn("http", "listen", text);
    }
    let idle = |user: &&User| user.token.is_none() && user.name != config.mqtt.user;
    for user in config.sip.users.iter().filter(idle) {
        if config.place(&user.section(), "role").is_some() {
            let text = "it has no token, so the role counts for nothing; run paging token NAME";
            warn(&user.section(), "role", text);
        }
    }
    warnings
}

fn about(place: Place, subject: &str, text: String) -> Mistake {
    Mistake(Remark {
        place: Some(place),
        subject: subject.to_owned(),
        text,
    })
}

const NOT_A_TOKEN: &str = "not a line of a token file; write NAME HASH, as paging token NAME \
                           prints it, or a comment after #";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Loaded, read_texts};

    const ANN: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const BOB: &str = "sha256:cb8379ac2098aa165029e3938a51da0bcecfc008fd6795f401178647f96c5b34";

    /// What comes of a configuration beside a token file.
    fn read(name: &str, tokens: &str, text: &str) -> (Loaded, String) {
        let file = format!("paging-tokens-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, tokens).unwrap();
        let text = format!("[http]\ntoken-file = {}\n{text}", path.display());
        let loaded = read_texts([(Path::new("x"), text.as_bytes())], &[]);
        std::fs::remove_file(&path).unwrap();
        (loaded, path.display().to_string())
    }

    #[test]
    fn a_token_file_gives_users_their_tokens() {
        let tokens = format!("# ours\n\nann {ANN}\n  bob\t{BOB}\n");
        let users = "[user:ann]\nrole = admin\n[user:bob]\npass = x\n";
        let (loaded, _) = read("good", &tokens, users);
        assert_eq!(
            (&loaded.mistakes[..], &loaded.warnings[..]),
            (&[][..], &[][..])
        );
        let users = loaded.config.unwrap().sip.users;
        let written: Vec<String> = users
            .iter()
            .filter_map(|user| Some(user.token.as_ref()?.written()))
            .collect();
        assert_eq!(written, [ANN, BOB]);
    }

    #[test]
    fn every_mistake_of_a_token_file_is_told_with_its_line_and_without_its_text() {
        let tokens = format!("ann hunter2\nann\neve {ANN}\nbob {BOB}\nbob {BOB}\nzoe {BOB}\n");
        let users = format!("[user:bob]\ntoken = {BOB}\n[user:zoe]\npass = x\n");
        let (loaded, path) = read("bad", &tokens, &users);
        let told: Vec<String> = loaded.mistakes.iter().map(ToString::to_string).collect();
        for (line, text) in [
            (1, "not a line of a token file"),
            (2, "not a line of a token file"),
            (3, "there is no user eve; write a section [user:eve]"),
            (4, "[user:bob] has a token too; remove one of them"),
            (5, "has a second token of bob; remove one of the lines"),
        ] {
            let start = format!("{path}:{line}: ");
            let found = told
                .iter()
                .any(|it| it.starts_with(&start) && it.contains(text));
            assert!(found, "{line} {text}: {told:#?}");
        }
        let twice = "is the token of [user:bob] too; run paging token zoe for one of its own";
        assert!(told.iter().any(|it| it.contains(twice)), "{told:#?}");
        assert!(!told.iter().any(|it| it.contains("hunter2")));
    }

    #[test]
    fn a_token_file_that_is_not_there_and_zones_that_are_not_are_told() {
        let text = format!(
            "[http]\ntoken-file = /nowhere\n[user:ann]\ntoken = {ANN}\nzones = yrad\n\
             [zone:yard]\noutputs = x\n"
        );
        let loaded = read_texts([(Path::new("x"), text.as_bytes())], &[]);
        let told: Vec<String> = loaded.mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:#?}");
        assert!(told[0].starts_with("x:2: [http] token-file = /nowhere: cannot be read"));
        assert!(told[1].starts_with(
            "x:5: [user:ann] zones = yrad: there is no zone \"yrad\"; did you mean yard?"
        ));
    }
}

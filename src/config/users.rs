//! How do sections `[user:NAME]` become users?

use crate::config::http::Tokens;
use crate::config::keys;
use crate::config::load::Loading;
use crate::config::model::{Config, USER, User};
use crate::config::place::{Mistake, Place, Remark};

/// Reads them all; one without a usable name, or with neither password nor token, is a mistake.
pub(super) fn read(loading: &mut Loading, config: &mut Config, tokens: &Tokens) {
    let sections: Vec<(String, Place)> = loading
        .layers
        .sections()
        .filter(|(section, _)| section.starts_with(USER))
        .map(|(section, place)| (section.to_owned(), place.clone()))
        .collect();
    for (section, place) in sections {
        let n_mistakes = loading.mistakes.len();
        let user = user(loading, &section, config);
        let is_name =
            !user.name.is_empty() && !user.name.contains(|c: char| " \t@<>\"".contains(c));
        let text = if !is_name {
            "needs a name after the colon, as it stands before the @; write e.g. [user:door]"
        } else if user.password.is_empty()
            && user.token.is_none()
            && !tokens.contains_key(&user.name)
            && user.name != config.mqtt.user
            && loading.mistakes.len() == n_mistakes
        {
            "has no password; write pass = SECRET into it, or token = HASH for HTTP alone"
        } else {
            config.sip.users.push(user);
            continue;
        };
        loading.mistakes.push(Mistake(Remark {
            place: Some(place),
            subject: format!("[{section}]"),
            text: text.to_owned(),
        }));
    }
}

fn user(loading: &mut Loading, section: &str, config: &mut Config) -> User {
    let mut user = User::blank(&section[USER.len()..]);
    for key in keys::of_user() {
        let value = loading.value(section, key);
        let set = |text: &str, remarks: &mut Vec<String>| key.set_user(&mut user, text, remarks);
        if let Some(written) = loading.apply(section, key, value, set) {
            let at = (section.to_owned(), key.name.to_owned());
            config.places.insert(at, written);
        }
    }
    user
}

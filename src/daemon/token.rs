//! How does a user get a token?
#![expect(
    clippy::print_stdout,
    reason = "printing is what this command asks for"
)]

use std::process::ExitCode;

use crate::config::TokenHash;
use crate::daemon::chance;

/// Prints a fresh token, and what to write so that it counts.
pub(super) fn print(name: &str) -> ExitCode {
    let token = fresh();
    print!("{}", told(name, &token));
    ExitCode::SUCCESS
}

/// 256 bits, so that nobody guesses it and a plain hash keeps it.
fn fresh() -> String {
    let digits: String = chance::bytes::<32>()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("paging-{digits}")
}

fn told(name: &str, token: &str) -> String {
    let hash = TokenHash::of(token).written();
    format!(
        "The token of {name}, which is shown only now; keep it secret:\n\
         {token}\n\n\
         Write its hash into the configuration, with the role viewer, operator or admin:\n\
         [user:{name}]\n\
         role = operator\n\
         token = {hash}\n\n\
         Or keep the section without token =, and write this line into the token-file of [http]:\n\
         {name} {hash}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read_texts;
    use std::path::Path;

    #[test]
    fn what_is_printed_can_be_written_as_it_stands() {
        let token = fresh();
        assert_eq!(token.len(), 71);
        assert_ne!(token, fresh());
        let text = told("ann", &token);
        let section: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.starts_with('['))
            .take(3)
            .collect();
        let loaded = read_texts([(Path::new("x"), section.join("\n").as_bytes())], &[]);
        let (config, warnings) = loaded.result().unwrap();
        assert_eq!(warnings, []);
        let user = &config.sip.users[0];
        let hash = TokenHash::of(&token);
        assert!(bool::from(user.token.as_ref().unwrap().matches(&hash)));
    }
}

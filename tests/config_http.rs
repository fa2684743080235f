//! Is every mistake about the HTTP interface told with its line and what to write instead?
#![allow(clippy::unwrap_used)]

use std::path::Path;

use paging::config::read_texts;

#[test]
fn each_mistake_has_its_line_and_a_remedy() {
    let cases = [
        (
            "[http]\nlisten = localhost",
            "x:2: [http] listen = localhost: \"localhost\" is not an address to listen \
             at; write e.g. 127.0.0.1:8080 or [::]:8443, or nothing for none",
        ),
        (
            "[http]\ncors = *",
            "x:2: [http] cors = *: \"*\" is not the origin of web pages; write e.g. \
             https://intranet.example.com",
        ),
        (
            "[http]\nlisten = 0.0.0.0:8080",
            "x:2: warning: [http] listen = 0.0.0.0:8080: no user has a token, so only \
             programs on this machine are let in; run paging token NAME, and write the section \
             [user:NAME] that it prints",
        ),
        (
            "[http]\ntls-cert = x.pem",
            "x:2: warning: [http] tls-cert = x.pem: has no key, so nothing is \
             encrypted; write tls-key = FILE",
        ),
        (
            "[user:ann]\ntoken = hunter2",
            "x:2: [user:ann] token = ****: not the hash of a token; run paging token \
             NAME and write the line that it prints",
        ),
        (
            "[user:ann]\npass = x\nrole = boss",
            "x:3: [user:ann] role = boss: no such role; write viewer, operator or admin",
        ),
    ];
    for (text, wanted) in cases {
        let loaded = read_texts([(Path::new("x"), text.as_bytes())], &[]);
        let mistakes = loaded.mistakes.iter().map(ToString::to_string);
        let warnings = loaded.warnings.iter().map(ToString::to_string);
        let told: Vec<String> = mistakes.chain(warnings).collect();
        // A mistake may bring a warning with it.
        assert_eq!(told[0], wanted, "{text}");
    }
}

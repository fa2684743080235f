//! Which keys does `[http]` have?

use crate::config::form;
use crate::config::keys::{Key, whole};

const HTTP: &str = "Control over HTTP";

pub(super) const KEYS: &[Key] = &[
    whole!(
        "http",
        HTTP,
        "listen",
        Http,
        http.listen,
        form::HTTP_LISTEN,
        "127.0.0.1:8080",
        "Where programs and browsers ask: address:port, several parted by blanks. Empty: nowhere.\n\
         Programs on this machine need no token at 127.0.0.1 and ::1; all others do, which\n\
         paging token NAME makes. See docs/http.md."
    ),
    whole!(
        "http",
        HTTP,
        "token-file",
        Http,
        http.token_file,
        form::PATH,
        "",
        "A file of its own for the hashes of tokens, a line NAME HASH for each [user:NAME]."
    ),
    whole!(
        "http",
        HTTP,
        "tls-cert",
        Http,
        http.tls_cert,
        form::PATH,
        "",
        "Our certificate (PEM), with those that link it to an authority. With it and tls-key, all\n\
         addresses but those of this machine itself speak HTTPS."
    ),
    whole!(
        "http",
        HTTP,
        "tls-key",
        Http,
        http.tls_key,
        form::PATH,
        "",
        "The private key of our certificate (PEM)."
    ),
    whole!(
        "http",
        HTTP,
        "cors",
        Http,
        http.cors,
        form::ORIGINS,
        "",
        "Origins of foreign web pages whose scripts may ask, as https://intranet.example.com.\n\
         Empty: none but our own."
    ),
];

//! How do we prove a password without sending it? (RFC 7616, RFC 8760; client side)

use std::fmt::Write as _;

use md5::Digest as _;

/// A challenge of a server, with the count of its uses.
#[derive(Clone, Debug)]
pub(super) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// As the server spelled it, to be sent back the same way.
    spelling: Option<String>,
    /// Whether the server knows `qop=auth`; the older form has no counter (RFC 2069).
    qop: bool,
    /// The server says that the password was right and only the nonce too old.
    pub(super) stale: bool,
    uses: u32,
}

/// Who proves it, and for which request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proof<'a> {
    pub(super) user: &'a str,
    pub(super) password: &'a str,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    /// Random text of the client.
    pub(super) cnonce: &'a str,
}

/// How the sums are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Algorithm {
    hash: Hash,
    session: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
}

impl Challenge {
    /// The first challenge that we can answer: servers list the preferred one first (RFC 8760
    /// §2.4). It has to be of a realm that `knows` says is ours.
    pub(super) fn choose<'a>(
        values: impl Iterator<Item = &'a str>,
        knows: impl Fn(&str) -> bool,
    ) -> Option<Self> {
        values
            .filter_map(Self::parse)
            .find(|challenge| knows(&challenge.realm))
    }

    /// Whose password is asked for.
    pub(super) fn realm(&self) -> &str {
        &self.realm
    }

    fn parse(value: &str) -> Option<Self> {
        let field = parameters(value)?;
        let spelling = field("algorithm");
        let offered = field("qop");
        let qop = offered.as_deref().is_some_and(|list| {
            list.split(',')
                .any(|q| q.trim().eq_ignore_ascii_case("auth"))
        });
        if offered.is_some() && !qop {
            return None;
        }
        Some(Self {
            realm: field("realm")?,
            nonce: field("nonce")?,
            opaque: field("opaque"),
            algorithm: Algorithm::named(spelling.as_deref().unwrap_or("MD5"))?,
            spelling,
            qop,
            stale: field("stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
            uses: 0,
        })
    }

    /// The value of an Authorization header; each call counts as one use of the nonce.
    pub(super) fn answer(&mut self, proof: Proof<'_>) -> String {
        self.uses += 1;
        let nc = format!("{:08x}", self.uses);
        let response = self.response(proof, &nc);
        let mut out = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{}\", uri=\"{}\", response=\"{response}\"",
            escaped(proof.user),
            escaped(&self.realm),
            escaped(&self.nonce),
            proof.uri,
        );
        if let Some(spelling) = &self.spelling {
            let _ = write!(out, ", algorithm={spelling}");
        }
        if self.qop {
            let _ = write!(out, ", cnonce=\"{}\", qop=auth, nc={nc}", proof.cnonce);
        }
        if let Some(opaque) = &self.opaque {
            let _ = write!(out, ", opaque=\"{}\"", escaped(opaque));
        }
        out
    }

    fn response(&self, proof: Proof<'_>, nc: &str) -> String {
        let sums = Sums {
            algorithm: self.algorithm,
            user: proof.user,
            realm: &self.realm,
            password: proof.password,
            nonce: &self.nonce,
            method: proof.method,
            uri: proof.uri,
            counted: self.qop.then_some((nc, proof.cnonce)),
        };
        sums.response()
    }
}

/// All that goes into a response (RFC 7616 §3.4.1), on either side.
#[derive(Clone, Copy)]
pub(super) struct Sums<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) user: &'a str,
    pub(super) realm: &'a str,
    pub(super) password: &'a str,
    pub(super) nonce: &'a str,
    pub(super) method: &'a str,
    pub(super) uri: &'a str,
    /// With `qop=auth`: the count as written, and the client's own text.
    pub(super) counted: Option<(&'a str, &'a str)>,
}

impl Sums<'_> {
    pub(super) fn response(self) -> String {
        let hash = |text: String| self.algorithm.hash.hex(&text);
        let nonce = self.nonce;
        let mut secret = hash(format!("{}:{}:{}", self.user, self.realm, self.password));
        if self.algorithm.session {
            let cnonce = self.counted.map_or("", |(_, cnonce)| cnonce);
            secret = hash(format!("{secret}:{nonce}:{cnonce}"));
        }
        let what = hash(format!("{}:{}", self.method, self.uri));
        match self.counted {
            None => hash(format!("{secret}:{nonce}:{what}")),
            Some((nc, cnonce)) => hash(format!("{secret}:{nonce}:{nc}:{cnonce}:auth:{what}")),
        }
    }
}

impl Algorithm {
    /// `SHA256` without the dash is how some servers spell it.
    pub(super) fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        let (name, session) = match name.strip_suffix("-SESS") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let hash = match name {
            "MD5" => Hash::Md5,
            "SHA-256" | "SHA256" => Hash::Sha256,
            _ => return None,
        };
        Some(Self { hash, session })
    }
}

impl Hash {
    fn hex(self, text: &str) -> String {
        match self {
            Self::Md5 => hex(&md5::Md5::digest(text)),
            Self::Sha256 => hex(&sha2::Sha256::digest(text)),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The parameters of a Digest header by their names; `None` if it is of another scheme.
pub(super) fn parameters(value: &str) -> Option<impl Fn(&str) -> Option<String>> {
    let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
    let fields = scheme
        .eq_ignore_ascii_case("digest")
        .then(|| fields(rest))?;
    Some(move |name: &str| {
        let mut fields = fields.iter();
        let found = fields.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    })
}

/// `key=value` pairs, quoted or not, separated by commas.
pub(super) fn fields(text: &str) -> Vec<(&str, String)> {
    let mut fields = Vec::new();
    let mut rest = text;
    while let Some((key, behind)) = rest.split_once('=') {
        let key = key.trim_matches(|c: char| c == ',' || c.is_whitespace());
        let (value, next) = value(behind.trim_start());
        fields.push((key, value));
        rest = next;
    }
    fields
}

fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return (text[..end].trim().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            _ => value.push(c),
        }
    }
    (value, "")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mufasa<'a>(uri: &'a str, cnonce: &'a str) -> Proof<'a> {
        Proof {
            user: "Mufasa",
            password: "Circle of Life",
            method: "GET",
            uri,
            cnonce,
        }
    }

    /// RFC 7616 §3.9.1.
    #[test]
    fn the_examples_of_the_rfc_come_out() {
        let challenge = |algorithm: &str| {
            format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            )
        };
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let md5 = "8ca523f5e9506fed4657c9700eebdbec";
        let sha256 = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1";
        for (name, wanted) in [("MD5", md5), ("SHA-256", sha256), ("SHA256", sha256)] {
            let proof = Proof {
                password: "Circle of Life",
                ..mufasa("/dir/index.html", cnonce)
            };
            let text = challenge(name);
            let mut challenge = Challenge::choose([text.as_str()].into_iter(), |_| true).unwrap();
            let answer = challenge.answer(proof);
            assert!(
                answer.contains(&format!("response=\"{wanted}\"")),
                "{answer}"
            );
            assert!(answer.contains(&format!("algorithm={name}")), "{answer}");
            assert!(answer.contains("nc=00000001"), "{answer}");
            assert!(challenge.answer(proof).contains("nc=00000002"));
        }
    }

    #[test]
    fn a_server_without_qop_gets_the_old_form() {
        let value = r#"Digest realm="a\"b", nonce="n""#;
        let mut challenge = Challenge::choose([value].into_iter(), |_| true).unwrap();
        let answer = challenge.answer(mufasa("sip:x", "c"));
        let secret = Hash::Md5.hex("Mufasa:a\"b:Circle of Life");
        let wanted = Hash::Md5.hex(&format!("{secret}:n:{}", Hash::Md5.hex("GET:sip:x")));
        assert!(answer.contains(&format!("response=\"{wanted}\"")));
        assert!(!answer.contains("qop") && answer.contains(r#"realm="a\"b""#));
    }

    #[test]
    fn unknown_challenges_are_passed_over() {
        let values = [
            "Basic realm=\"x\"",
            "Digest realm=\"a\", nonce=\"1\", algorithm=SHA-512-256",
            "Digest realm=\"b\", nonce=\"2\", qop=\"auth-int\"",
            "Digest realm=\"c\", nonce=\"3\", stale=TRUE",
        ];
        let chosen = Challenge::choose(values.into_iter(), |_| true).unwrap();
        assert_eq!((chosen.realm.as_str(), chosen.stale), ("c", true));
        assert!(Challenge::choose(values[..3].iter().copied(), |_| true).is_none());
    }

    #[test]
    fn a_challenge_of_another_realm_is_passed_over() {
        let values = [
            "Digest realm=\"proxy\", nonce=\"1\"",
            "Digest realm=\"a \\\"b\\\"\", nonce=\"2\"",
        ];
        let chosen = |realm: &str| {
            let chosen = Challenge::choose(values.into_iter(), |asked| asked == realm);
            chosen.map(|challenge| challenge.nonce)
        };
        assert_eq!(chosen("a \"b\"").as_deref(), Some("2"));
        assert_eq!(chosen("proxy").as_deref(), Some("1"));
        assert_eq!(chosen("Proxy"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_challenges_never_panic(text in "\\PC{0,80}") {
            let _ = Challenge::parse(&text);
            let _ = Challenge::parse(&format!("Digest {text}"));
        }
    }
}

//! What does the command line ask of a call?

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use regex::Regex;

use super::seconds;
use crate::base::Encoding;
use crate::config::Secret;

/// Call somebody: a test phone, and a load generator
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(after_help = CALL_EXAMPLES)]
pub struct Call {
    /// Whom to call, as sip:USER@HOST:PORT, with ;transport=tcp or ;transport=tls behind it
    #[arg(value_name = "URI", value_parser = sip_uri)]
    pub uri: String,

    /// Send this sound file; silence otherwise
    #[arg(long, value_name = "FILE")]
    pub play: Option<PathBuf>,

    /// Send marks, and tell how late they come out at a port of the JACK graph: the first that
    /// takes sound and whose name matches this regular expression
    #[arg(
        long,
        value_name = "PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "^system:playback_1$",
        value_parser = pattern,
        conflicts_with_all = ["play", "calls"]
    )]
    pub measure: Option<String>,

    /// Write what is heard into this WAV file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,

    /// Ask the phone to pick up by itself, as an intercom does
    #[arg(long)]
    pub auto_answer: bool,

    /// Press these keys once the call is answered: 0-9 * # A-D, a comma waits a second
    #[arg(long, value_name = "KEYS", value_parser = keys)]
    pub dtmf: Option<String>,

    /// How many calls to make
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub calls: u32,

    /// How many of them at the same time at most
    #[arg(long, value_name = "M", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub concurrent: u32,

    /// New calls a second at most
    #[arg(long, value_name = "R", default_value = "10", value_parser = rate)]
    pub rate: f64,

    /// Hang up after so many seconds; otherwise when the file has been played, or after 10
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,

    /// Codecs to offer, the preferred first: of opus, g722, pcmu, pcma, l16; otherwise those of
    /// the account, or pcmu,pcma
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = codec)]
    pub codec: Vec<Codec>,

    /// Protect the sound: off, optional (if the other side can) or required
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Srtp::Off)]
    pub srtp: Srtp,

    /// Also believe the authorities in this file (PEM) when calling over TLS
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,

    /// Log in as an account of the configuration: sip, or the name of a further account
    #[arg(long, value_name = "NAME", conflicts_with_all = ["user", "pass"])]
    pub account: Option<String>,

    /// The name to log in with if the other side asks
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,

    /// The password to log in with
    #[arg(long, value_name = "PASSWORD", requires = "user", value_parser = secret)]
    pub pass: Option<Secret>,

    /// Who we say we are, as sip:USER@HOST
    #[arg(long, value_name = "URI", value_parser = sip_uri)]
    pub from: Option<String>,

    /// The port to call from; 0 takes any
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub local_port: u16,
}

impl Call {
    /// The encodings to offer, the preferred first.
    pub fn codecs(&self) -> Vec<Encoding> {
        if self.codec.is_empty() {
            return vec![Encoding::Pcmu, Encoding::Pcma];
        }
        self.codec
            .iter()
            .flat_map(|codec| codec.0.clone())
            .collect()
    }
}

/// The encodings that one name on the command line stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec(pub Vec<Encoding>);

/// Whether the sound of a call is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Srtp {
    /// Never
    #[default]
    Off,
    /// If the other side can
    Optional,
    /// Always
    Required,
}

impl From<Srtp> for crate::config::Srtp {
    fn from(srtp: Srtp) -> Self {
        match srtp {
            Srtp::Off => Self::Off,
            Srtp::Optional => Self::Optional,
            Srtp::Required => Self::Required,
        }
    }
}

fn sip_uri(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("sip:").unwrap_or_default();
    if rest.is_empty() || text.contains(|c: char| c.is_whitespace() || "<>\"".contains(c)) {
        return Err("write sip:USER@HOST, e.g. sip:100@192.0.2.1:5060".to_owned());
    }
    Ok(text.to_owned())
}

fn pattern(text: &str) -> Result<String, String> {
    Regex::new(text)
        .map(|_| text.to_owned())
        .map_err(|why| format!("no regular expression: {why}"))
}

fn keys(text: &str) -> Result<String, String> {
    let is_key = |c: char| "0123456789*#ABCD,".contains(c.to_ascii_uppercase());
    if text.is_empty() || !text.chars().all(is_key) {
        return Err("write keys of a phone: 0-9 * # A-D, and commas to wait".to_owned());
    }
    Ok(text.to_ascii_uppercase())
}

fn codec(text: &str) -> Result<Codec, String> {
    match Encoding::from_config_name(text) {
        none if none.is_empty() => Err("write opus, g722, pcmu, pcma or l16".to_owned()),
        all => Ok(Codec(all)),
    }
}

fn secret(text: &str) -> Result<Secret, String> {
    Ok(Secret::new(text))
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    rate.filter(|rate| *rate > 0.0 && *rate <= 100_000.0)
        .ok_or_else(|| "write a number of calls a second above 0, e.g. 10".to_owned())
}

const CALL_EXAMPLES: &str = "\
Examples:
  paging call sip:100@192.0.2.1 --play hello.wav
  paging call sip:100@192.0.2.1 --record heard.wav --duration 10
  paging call sip:100@192.0.2.1 --dtmf 12#
  paging call sip:100@127.0.0.1 --measure
  paging call sip:100@pbx.example.com --user 101 --pass secret
  paging call sip:100@192.0.2.1 --calls 500 --concurrent 50 --rate 20 --duration 2

Exit codes: 0 every call was answered and ended well, 1 otherwise, 2 command line.";

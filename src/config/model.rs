//! What does a checked configuration say?

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::{Db, Dscp, Encoding, Network, SampleRate};
use crate::config::command::Command;
use crate::config::desk::{Line, Relay};
use crate::config::group::{GroupIn, GroupOut};
use crate::config::http::Http;
use crate::config::keys;
use crate::config::mqtt::Mqtt;
use crate::config::music::Music;
use crate::config::page::Page;
use crate::config::pattern::Pattern;
use crate::config::place::{Mistake, Place, Remark};
use crate::config::player::Player;
use crate::config::schedule::{DayPlan, Schedule};
use crate::config::secret::Secret;
use crate::config::server::Server;
use crate::config::test_number::TestNumber;
use crate::config::token::TokenHash;
use crate::config::zone::Zone;
use crate::control::Role;
use crate::dsp::Cure;

/// Everything the daemon wants to know, checked; equal when all settings are, wherever written.
#[derive(Clone, Debug)]
pub struct Config {
    pub sip: Sip,
    pub audio: Audio,
    pub calls: Calls,
    pub http: Http,
    pub mqtt: Mqtt,
    pub server: Server,
    /// By name; none stands for one that has every output.
    pub zones: Vec<Zone>,
    /// By name; without any, every call pages every zone.
    pub pages: Vec<Page>,
    /// By name.
    pub bells: Vec<Schedule>,
    /// By name; of several that claim a day, the first has it.
    pub plans: Vec<DayPlan>,
    /// By name; each has something to play.
    pub music: Vec<Music>,
    /// What callers may hear.
    pub players: Vec<Player>,
    /// Calls that programs talk with.
    pub relays: Vec<Relay>,
    /// Analog phones.
    pub lines: Vec<Line>,
    /// Numbers by which a line is tried.
    pub tests: Vec<TestNumber>,
    /// By name, and then those that zones name by their address only.
    pub groups_out: Vec<GroupOut>,
    /// By name.
    pub groups_in: Vec<GroupIn>,
    /// By section and key as in the table; a key at its default is missing.
    pub(super) places: BTreeMap<(String, String), Written>,
}

/// How and where a key was set.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub place: Place,
    /// As `[audio] klaxon = x.wav`, a secret masked.
    pub subject: String,
    /// Whether nothing stands after the `=`.
    pub is_empty: bool,
}

/// Signalling: who we are at which registrar, and what callers may do.
#[derive(Clone, Debug, PartialEq)]
pub struct Sip {
    /// The account of `[sip]`; without a domain it is not used.
    pub(super) main: Account,
    /// The accounts of `[sip:NAME]`, by name.
    pub(super) further: Vec<Account>,
    /// One or more, none twice.
    pub listen: Vec<Listen>,
    /// One or more, the preferred first.
    pub codecs: Vec<Encoding>,
    /// Holds at least one pair of an even port and the next.
    pub rtp_ports: RangeInclusive<u16>,
    /// 1 or more; a call beyond gets 486.
    pub max_calls: usize,
    /// What peers beyond a NAT see us as.
    pub external_address: Option<IpAddr>,
    /// The class of signalling in the network.
    pub sip_dscp: Dscp,
    /// The class of sound in the network.
    pub rtp_dscp: Dscp,
    /// How long a call lasts without a sign of life of the peer (RFC 4028); `None` for ever.
    pub session_expires: Option<Duration>,
    /// Whether the sound of calls is protected.
    pub srtp: Srtp,
    /// Our certificate in PEM; needed to listen on TLS.
    pub tls_cert: Option<PathBuf>,
    /// The key of our certificate.
    pub tls_key: Option<PathBuf>,
    /// Authorities to believe besides those of the system.
    pub tls_ca: Option<PathBuf>,
    /// Phones need a certificate of `tls_ca`.
    pub tls_verify_clients: bool,
    /// None stands for all.
    pub allow: Vec<Network>,
    /// Strangers need the password of a user.
    pub require_auth: bool,
    /// Every message is written down.
    pub trace: bool,
    /// Where; `None` lets the daemon choose.
    pub trace_file: Option<PathBuf>,
    /// By name.
    pub users: Vec<User>,
}

impl Sip {
    /// The accounts to register, `[sip]` first; none if no domain is set.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        std::iter::once(&self.main)
            .chain(&self.further)
            .filter(|account| !account.domain.is_empty())
    }

    /// What calls through the account may use, the preferred first.
    pub fn codecs_of<'a>(&'a self, account: &'a Account) -> &'a [Encoding] {
        if account.codecs.is_empty() {
            return &self.codecs;
        }
        &account.codecs
    }
}

/// One who may call and register here, ask over HTTP, or command over MQTT.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    /// NAME of `[user:NAME]`.
    pub name: String,
    /// Empty for one who has a token alone.
    pub password: Secret,
    /// What the token is good for.
    pub role: Role,
    /// Missing for one who has a password alone.
    pub token: Option<TokenHash>,
    /// Names of the zones that it may page over HTTP; none stands for all.
    pub zones: Vec<String>,
}

impl User {
    /// The section it stands in.
    pub fn section(&self) -> String {
        format!("{USER}{}", self.name)
    }

    pub(super) fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            password: Secret::default(),
            role: Role::Viewer,
            token: None,
            zones: Vec::new(),
        }
    }
}

/// One registration at one registrar.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// `sip` for `[sip]`, NAME for `[sip:NAME]`.
    pub name: String,
    /// The registrars as `host` or `host:port`, the preferred first; it is also our domain.
    pub domain: Vec<String>,
    /// The user part of our address; may be empty.
    pub user: String,
    /// The numbers that calls of the account may be for, besides the user; none stands for all.
    pub extensions: Vec<String>,
    /// The digest password; may be empty.
    pub password: Secret,
    /// The name in digest answers; the user unless set.
    pub auth_user: String,
    /// The realm whose challenges are answered; empty for any.
    pub realm: String,
    /// Empty for none.
    pub display_name: String,
    /// As `host` or `host:port`, the preferred first.
    pub outbound_proxy: Vec<String>,
    /// How the registrar is reached; `None` leaves it to the DNS.
    pub transport: Option<Transport>,
    /// How long a registration shall last.
    pub expires: Duration,
    /// The time between two signs of life; zero for never.
    pub keep_alive: Duration,
    /// For its calls, the preferred first; empty for those of `Sip::codecs`.
    pub codecs: Vec<Encoding>,
}

/// What carries SIP messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// Whether the sound of calls is protected by SRTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Srtp {
    /// Never.
    Off,
    /// If the other side can.
    #[default]
    Optional,
    /// Always; a call without is refused.
    Required,
}

/// One socket that waits for SIP messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    pub transport: Transport,
    pub address: SocketAddr,
}

/// Sound: what plays it, and what is played.
#[derive(Clone, Debug, PartialEq)]
pub struct Audio {
    /// The clock of all sound.
    pub backend: Backend,
    /// The sound device of the device backend; `None` is the system's default.
    pub device: Option<Device>,
    /// `None` takes the device's or server's own.
    pub sample_rate: Option<SampleRate>,
    /// Frames a callback; `None` takes the device's or server's own.
    pub period: Option<usize>,
    /// The file to play before each page; not looked for yet.
    pub klaxon: Option<PathBuf>,
    /// `None` plays it to its end.
    pub klaxon_max_length: Option<Duration>,
    /// Seconds from the klaxon's end to the answer; negative answers before its end.
    pub klaxon_padding_s: f64,
    /// What is added to the music's level while somebody is heard; 0 dB or less.
    pub duck: Db,
    /// From full music to ducked.
    pub duck_attack: Duration,
    /// From ducked music to full.
    pub duck_release: Duration,
    /// The name of the source that zones play which name none; it may be `OFF`.
    pub music: Option<String>,
    /// The level of music between pages.
    pub volume_music: Volume,
    /// The level of the klaxon.
    pub volume_klaxon: Volume,
    /// The level of callers.
    pub volume_call: Volume,
    /// What is done about loudspeakers that feed phones.
    pub howl: Cure,
    /// The loudness in LUFS that callers are brought to; `None` leaves them as they are.
    pub agc: Option<Db>,
    /// Where the bands of the speech filter part, in hertz; `None` is no filter.
    pub speech_filter: Option<[f32; 2]>,
    /// What speaks texts; {file} is where it writes a WAV file, {text} what it says.
    pub speech_command: Command,
    /// The JACK client, whether or not the backend is JACK.
    pub jack: Jack,
}

/// How we are a client of JACK and what we connect there.
#[derive(Clone, Debug, PartialEq)]
pub struct Jack {
    /// Whether to start a server if none runs.
    pub autostart: bool,
    /// `None` lets JACK choose.
    pub server_name: Option<String>,
    /// Never empty.
    pub client_name: String,
    /// Searched in full port names; `None` takes every audio input port.
    pub output_ports: Option<Pattern>,
    /// Searched in full port names; a group is the short name that links use.
    pub music_client: Pattern,
    /// A music port that none names is not connected.
    pub music_links: Vec<Link>,
}

/// Which music ports go to which outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Searched in the short name of a music port.
    pub from: Pattern,
    /// Searched in the full name of an output port; `None` is every output.
    pub to: Option<Pattern>,
}

/// What turns frames into sound, and is the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// The first of the others that is there.
    Auto,
    /// A JACK or PipeWire server.
    Jack,
    /// A sound device of the system.
    Device,
    /// No sound hardware at all.
    Timer,
}

/// How a sound device is chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Device {
    /// Its place in the list of `--dump-devices`.
    Index(usize),
    /// Must be found in exactly one name; case does not count.
    Named(Pattern),
}

/// A volume setting of the old kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Volume {
    /// As it comes.
    Untouched,
    /// As PulseAudio counts: 100 is unchanged, 50 is −18 dB, 0 is silence.
    Percent(f32),
    /// In decibels.
    Level(Db),
}

impl Volume {
    /// The gain it means; PulseAudio's percentages are cubic.
    pub fn level(self) -> Db {
        match self {
            Self::Untouched => Db::UNITY,
            Self::Percent(percent) => Db::from_gain((percent / 100.0).powi(3)),
            Self::Level(level) => level,
        }
    }
}

/// The rules of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Calls {
    /// The longest a call may last; `None` for ever.
    pub hang_up_after: Option<Duration>,
    /// Pages wait their turn; otherwise they are mixed.
    pub hold_concurrent: bool,
    /// How long it rings before anything happens.
    pub answer_delay: Duration,
    /// The klaxon sounds while the caller hears ringing; otherwise after the answer.
    pub klaxon_before_answer: bool,
    /// Which callers the klaxon announces.
    pub klaxon_for: KlaxonFor,
    /// What callers hear of their page.
    pub announce_to_caller: AnnounceToCaller,
    /// A call without RTP for so long is ended; `None` waits for ever.
    pub rtp_timeout: Option<Duration>,
    /// A caller on the speakers who says nothing for so long is hung up on.
    pub silence_hang_up: Option<Duration>,
}

/// What a caller hears while the klaxon sounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnnounceToCaller {
    /// Ringing, or silence once answered.
    Nothing,
    /// The klaxon as well.
    Klaxon,
    /// A sound file; not looked for yet.
    File(PathBuf),
}

/// Whose call is announced by the klaxon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KlaxonFor {
    /// Every caller.
    All,
    /// Callers whose phone rings us; not those who ask to be put through by themselves.
    NotAutoAnswer,
}

impl Config {
    /// Where the key was set, `None` while it has its default; `section` may be `sip:NAME`.
    pub fn place(&self, section: &str, key: &str) -> Option<&Place> {
        self.written(section, key).map(|written| &written.place)
    }

    /// A mistake found only now, such as a missing sound file, told like those of the file.
    pub fn mistake(&self, section: &str, key: &str, text: impl Into<String>) -> Mistake {
        let (place, subject) = match self.written(section, key) {
            Some(written) => (Some(written.place.clone()), written.subject.clone()),
            None => (None, format!("[{section}] {key}")),
        };
        Mistake(Remark {
            place,
            subject,
            text: text.into(),
        })
    }

    /// Whether the key was set to something.
    pub(super) fn is_filled(&self, section: &str, key: &str) -> bool {
        self.written(section, key)
            .is_some_and(|written| !written.is_empty)
    }

    fn written(&self, section: &str, key: &str) -> Option<&Written> {
        self.places.get(&(section.to_owned(), key.to_owned()))
    }

    /// What stands in the fields until the table has filled every one of them.
    pub(super) fn blank() -> Self {
        Self {
            sip: Sip {
                main: Account::blank(MAIN),
                further: Vec::new(),
                listen: Vec::new(),
                codecs: Vec::new(),
                rtp_ports: 0..=0,
                max_calls: 0,
                external_address: None,
                sip_dscp: Dscp::CS0,
                rtp_dscp: Dscp::CS0,
                session_expires: None,
                srtp: Srtp::Off,
                tls_cert: None,
                tls_key: None,
                tls_ca: None,
                tls_verify_clients: false,
                allow: Vec::new(),
                require_auth: false,
                trace: false,
                trace_file: None,
                users: Vec::new(),
            },
            audio: Audio::blank(),
            calls: Calls {
                hang_up_after: None,
                hold_concurrent: true,
                answer_delay: Duration::ZERO,
                klaxon_before_answer: true,
                klaxon_for: KlaxonFor::All,
                announce_to_caller: AnnounceToCaller::Nothing,
                rtp_timeout: None,
                silence_hang_up: None,
            },
            http: Http::blank(),
            mqtt: Mqtt::blank(),
            server: Server::blank(),
            zones: Vec::new(),
            pages: Vec::new(),
            bells: Vec::new(),
            plans: Vec::new(),
            music: Vec::new(),
            players: Vec::new(),
            relays: Vec::new(),
            lines: Vec::new(),
            tests: Vec::new(),
            groups_out: Vec::new(),
            groups_in: Vec::new(),
            places: BTreeMap::new(),
        }
    }
}

impl Audio {
    fn blank() -> Self {
        Self {
            backend: Backend::Auto,
            device: None,
            sample_rate: None,
            period: None,
            klaxon: None,
            klaxon_max_length: None,
            klaxon_padding_s: 0.0,
            duck: Db::UNITY,
            duck_attack: Duration::ZERO,
            duck_release: Duration::ZERO,
            music: None,
            volume_music: Volume::Untouched,
            volume_klaxon: Volume::Untouched,
            volume_call: Volume::Untouched,
            howl: Cure::Off,
            agc: None,
            speech_filter: None,
            speech_command: Command::default(),
            jack: Jack {
                autostart: true,
                server_name: None,
                client_name: String::new(),
                output_ports: None,
                music_client: Pattern::new("").expect("an empty pattern compiles"),
                music_links: Vec::new(),
            },
        }
    }
}

impl Account {
    /// Whether a call to that number is one for us.
    pub fn answers(&self, dialled: &str) -> bool {
        let is_it = |extension: &String| extension == dialled;
        self.extensions.is_empty() || self.user == dialled || self.extensions.iter().any(is_it)
    }

    /// The section it stands in.
    pub fn section(&self) -> String {
        if self.name == MAIN {
            return MAIN.to_owned();
        }
        format!("{ACCOUNT}{}", self.name)
    }

    pub(super) fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            domain: Vec::new(),
            user: String::new(),
            extensions: Vec::new(),
            password: Secret::default(),
            auth_user: String::new(),
            realm: String::new(),
            display_name: String::new(),
            outbound_proxy: Vec::new(),
            transport: None,
            expires: Duration::ZERO,
            keep_alive: Duration::ZERO,
            codecs: Vec::new(),
        }
    }
}

/// All keys at their defaults.
impl Default for Config {
    fn default() -> Self {
        let mut config = Self::blank();
        for key in keys::all() {
            key.set(&mut config, key.default, &mut Vec::new())
                .expect("the table's defaults are valid");
        }
        config
    }
}

/// The name of the account in `[sip]`.
pub(super) const MAIN: &str = "sip";

/// What the section of a user begins with.
pub(super) const USER: &str = "user:";

/// What the section of a further account begins with.
pub(super) const ACCOUNT: &str = "sip:";

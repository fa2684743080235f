//! What does the one configuration mean to each part?
//!
//! Parts know nothing of configuration files; this is where the words of the file become the
//! settings of the parts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::{Db, ZoneId, ZoneSet};
use crate::config::{self, Config};
use crate::control::{
    self, Alert, Clip, Cues, Delayed, Digits, Klaxon, KlaxonFor, Policy, Rule, Sound, Stops,
};
use crate::daemon::library::Library;
use crate::daemon::players::{Recipe, Source};
use crate::daemon::zones::Zones;
use crate::daemon::{desks, jukebox, legs, logging, players};
use crate::dsp::{Curve, FLAT, FLAT_Q, Speech};
use crate::media::{Repeat, Start};
use crate::mix::{EngineSettings, Fitting, Treatment};
use crate::music::{Hand, Moment};
use crate::output::record;
use crate::page::{Entry, Extent, Priority};
use crate::sounds::Shape;
use crate::{output, sip};

/// The rules for callers; `klaxon` is how long the loaded klaxon sounds, and the library has the
/// sounds of the pages.
pub(super) fn policy(
    config: &Config,
    zones: &Zones,
    klaxon: Option<Duration>,
    library: &Library,
) -> Policy {
    let audio = &config.audio;
    let rule = |page: &config::Page| rule(page, zones, klaxon, library);
    Policy {
        zones: zones.all(),
        zone_names: zones.names(),
        max_calls: config.sip.max_calls,
        hold_concurrent: config.calls.hold_concurrent,
        klaxon: klaxon.map(|duration| Klaxon { duration }),
        klaxon_for: match config.calls.klaxon_for {
            config::KlaxonFor::All => KlaxonFor::All,
            config::KlaxonFor::NotAutoAnswer => KlaxonFor::NotAutoAnswer,
        },
        klaxon_max: audio.klaxon_max_length,
        klaxon_padding: audio.klaxon_padding_s,
        klaxon_before_answer: config.calls.klaxon_before_answer,
        announce: config.calls.announce_to_caller != config::AnnounceToCaller::Nothing,
        answer_delay: config.calls.answer_delay,
        hang_up_after: config.calls.hang_up_after,
        silence_hang_up: config.calls.silence_hang_up,
        duck: audio.duck,
        duck_attack: audio.duck_attack,
        duck_release: audio.duck_release,
        volume_klaxon: audio.volume_klaxon.level(),
        volume_call: audio.volume_call.level(),
        pages: config.pages.iter().map(rule).collect(),
        recorded: recorded(config, zones),
        streams: {
            let rule = |group| stream(group, zones, klaxon, library);
            config.groups_in.iter().map(rule).collect()
        },
        players: players(config),
        desks: desks::of(config, library).into(),
        music: config.music.iter().map(|it| it.name.clone()).collect(),
    }
}

/// Zones that are recorded while pages are heard there.
fn recorded(config: &Config, zones: &Zones) -> ZoneSet {
    let recorded = config.zones.iter().filter(|zone| zone.record);
    recorded.filter_map(|zone| zones.id(&zone.name)).collect()
}

/// How recordings are written and kept.
pub(super) fn recordings(config: &Config) -> record::Settings {
    let server = &config.server;
    let of_pages = config.pages.iter().any(|page| page.record.is_some());
    let of_relays = config.relays.iter().any(|relay| relay.record);
    record::Settings {
        folder: server
            .recordings_dir
            .clone()
            .unwrap_or_else(|| state_file(config, "recordings")),
        format: server.recordings_format,
        limits: record::Limits {
            days: server.retention_days,
            bytes: server.recordings_max_size,
        },
        is_wanted: of_pages || of_relays || config.zones.iter().any(|zone| zone.record),
    }
}

/// A sound around a page, if there is one.
fn clip_of(tone: &config::Tone, klaxon: Option<Duration>, library: &Library) -> Option<Clip> {
    match tone {
        config::Tone::Nothing => None,
        config::Tone::Klaxon => klaxon.map(|duration| Clip {
            sound: Sound::Klaxon,
            duration,
        }),
        config::Tone::File(path) => library.clip(path),
    }
}

/// The rule for what comes by a multicast group.
fn stream(
    group: &config::GroupIn,
    zones: &Zones,
    klaxon: Option<Duration>,
    library: &Library,
) -> Rule {
    Rule {
        name: group.name.clone(),
        entry: Entry::default(),
        zones: zones.named(&group.zones),
        priority: Priority(group.priority),
        busy: group.busy,
        extent: if group.partial {
            Extent::Partial
        } else {
            Extent::Whole
        },
        klaxon: clip_of(&group.klaxon, klaxon, library),
        pre_roll: Duration::ZERO,
        end_tone: clip_of(&group.end_tone, klaxon, library),
        queue_timeout: None,
        max_duration: group.max_duration,
        warning: None,
        message: None,
        delayed: None,
        greeting: None,
        record: None,
        cues: Cues::Silent,
        pin: None,
        codes: Vec::new(),
        stops: None,
    }
}

pub(super) fn rule(
    page: &config::Page,
    zones: &Zones,
    klaxon: Option<Duration>,
    library: &Library,
) -> Rule {
    let tone = |tone: &config::Tone| clip_of(tone, klaxon, library);
    let message = page.message.as_deref().and_then(|path| library.clip(path));
    let words = page.say.as_deref().and_then(|text| library.words(text));
    let longest = page.longest();
    let is_in_time = !page.warning.is_zero() && longest.is_some_and(|it| it > page.warning);
    let delayed = longest.filter(|_| page.mode == config::Mode::Delayed);
    Rule {
        name: page.name.clone(),
        entry: page.entry(),
        zones: heard_in(page, zones),
        priority: Priority(page.priority),
        busy: page.busy,
        extent: if page.partial {
            Extent::Partial
        } else {
            Extent::Whole
        },
        klaxon: tone(&page.klaxon),
        pre_roll: page.pre_roll,
        end_tone: tone(&page.end_tone),
        queue_timeout: page.queue_timeout,
        max_duration: longest,
        warning: is_in_time.then(|| Alert {
            before: page.warning,
            clip: tone(&page.warning_tone),
        }),
        message: message.or(words).map(|clip| (clip, page.repeat)),
        record: page.record,
        greeting: page
            .record_greeting
            .as_deref()
            .and_then(|path| library.clip(path)),
        delayed: delayed.map(|longest| Delayed {
            longest,
            warning: is_in_time.then_some(page.warning),
            times: page.repeat,
        }),
        cues: if page.announce_to_caller {
            Cues::Told
        } else {
            Cues::Silent
        },
        pin: page.pin.as_ref().and_then(|pin| Digits::new(pin.reveal())),
        codes: codes(page, zones).collect(),
        stops: match page.stops.as_slice() {
            [] => None,
            _ if page.stops_all() => Some(Stops::All),
            names => Some(Stops::Named(names.to_vec())),
        },
    }
}

fn heard_in(page: &config::Page, zones: &Zones) -> ZoneSet {
    if page.codes.is_empty() {
        return zones.named(&page.zones);
    }
    codes(page, zones).fold(ZoneSet::EMPTY, |all, (_, zones)| all.union(&zones))
}

fn codes(page: &config::Page, zones: &Zones) -> impl Iterator<Item = (Digits, ZoneSet)> {
    let code = |code: &config::Code| Some((Digits::new(&code.digits)?, zones.named(&code.zones)));
    page.codes.iter().filter_map(code)
}

/// What callers may hear, and by which rules.
pub(super) fn players(config: &Config) -> Vec<control::Player> {
    let player = |from: &config::Player| control::Player {
        name: from.section(),
        entry: Entry {
            extensions: from.extensions.clone(),
            ..Entry::default()
        },
        answer_delay: from.answer_delay,
        duration: from.duration,
        most: from.max_listeners,
    };
    config.players.iter().map(player).collect()
}

/// What they play, by the names above.
pub(super) fn recipes(config: &Config) -> BTreeMap<String, Recipe> {
    let recipe = |from: &config::Player| Recipe {
        source: source(config, from),
        shape: Shape {
            rate: players::rate(if from.codecs.is_empty() {
                &config.sip.codecs
            } else {
                &from.codecs
            }),
            loudness: from.loudness,
            speech: from.speech_filter.map(|splits_hz| Speech {
                splits_hz,
                ..Speech::default()
            }),
        },
        start: if from.from_beginning {
            Start::Beginning
        } else {
            Start::Joined
        },
        repeat: if from.repeats {
            Repeat::Forever
        } else {
            Repeat::Once
        },
        encodings: from.codecs.clone(),
    };
    let all = config.players.iter();
    all.map(|from| (from.section(), recipe(from))).collect()
}

fn source(config: &Config, from: &config::Player) -> Source {
    let music = from.music();
    let music = music.and_then(|name| config.music.iter().find(|music| music.name == name));
    match music {
        Some(music) => {
            let settings = jukebox::settings(config, music);
            Source::Music(Box::new(settings), music.volume.level())
        }
        None => players::source(&from.source),
    }
}

/// How loud a zone is, and how its sound is fitted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tuning {
    pub(super) speech: Db,
    pub(super) klaxon: Db,
    pub(super) music: Db,
    pub(super) fitting: Fitting,
}

impl Tuning {
    /// How the engine has a zone before it is told anything.
    pub(super) const PLAIN: Self = Self {
        speech: Db::UNITY,
        klaxon: Db::UNITY,
        music: Db::UNITY,
        fitting: Fitting::NONE,
    };
}

/// Of each zone, the nameless one included, at that time.
pub(super) fn tunings(
    config: &Config,
    zones: &Zones,
    hand: &Hand,
    now: Moment,
) -> Vec<(ZoneId, Tuning)> {
    if config.zones.is_empty() {
        let plain = |id| Tuning {
            music: jukebox::plain_volume(config, id, hand, now),
            ..Tuning::PLAIN
        };
        return zones.all().iter().map(|id| (id, plain(id))).collect();
    }
    let tuning = |id, zone: &config::Zone| Tuning {
        speech: zone.volume.level(),
        klaxon: zone.klaxon_volume.level(),
        music: jukebox::volume(config, (id, zone), hand, now),
        fitting: fitting(zone),
    };
    let of = |zone: &config::Zone| {
        let id = zones.id(&zone.name)?;
        Some((id, tuning(id, zone)))
    };
    config.zones.iter().filter_map(of).collect()
}

fn fitting(zone: &config::Zone) -> Fitting {
    let high_pass = zone.high_pass.map(|hz| Curve::HighPass { hz, q: FLAT_Q });
    let mut curves = FLAT;
    for (curve, wanted) in curves.iter_mut().zip(high_pass.iter().chain(&zone.eq)) {
        *curve = Some(*wanted);
    }
    Fitting {
        curves,
        delay: zone.delay,
        ceiling: zone.limiter,
    }
}

/// What is done to the voices of callers.
pub(super) fn treatment(config: &Config) -> Treatment {
    let audio = &config.audio;
    let filter = |splits_hz| Speech {
        splits_hz,
        ..Speech::default()
    };
    Treatment {
        howl: audio.howl,
        agc: audio.agc,
        speech_filter: audio.speech_filter.map(filter),
    }
}

pub(super) fn sip(config: &Config) -> sip::Settings {
    sip::Settings {
        listen: config.sip.listen.iter().map(listen).collect(),
        accounts: accounts(config),
        external_address: config.sip.external_address,
        user_agent: user_agent(),
        session_timer: sip::SessionTimer {
            expires: config.sip.session_expires,
            ..sip::SessionTimer::default()
        },
        dscp: config.sip.sip_dscp,
        tls: sip::Tls {
            cert: config.sip.tls_cert.clone(),
            key: config.sip.tls_key.clone(),
            ca: config.sip.tls_ca.clone(),
            verify_clients: config.sip.tls_verify_clients,
        },
        callers: callers(config),
        name_server: None,
        trace: trace(config),
        timing: sip::Timing::default(),
        caps: sip::Caps::default(),
    }
}

pub(super) fn callers(config: &Config) -> sip::Callers {
    let user = |user: &config::User| sip::User {
        name: user.name.clone(),
        password: sip::Secret::new(user.password.reveal()),
    };
    sip::Callers {
        users: config
            .sip
            .users
            .iter()
            .filter(|it| !it.password.is_empty())
            .map(user)
            .collect(),
        lines: config.lines.iter().map(|line| line.user.clone()).collect(),
        require_auth: config.sip.require_auth,
        allow: config.sip.allow.clone(),
        half_open: Some((config.sip.max_calls / 2).max(1)),
    }
}

/// Where messages are written down, if they are.
pub(super) fn trace(config: &Config) -> Option<PathBuf> {
    config.sip.trace.then(|| trace_file(config))
}

/// Where messages would be written down.
pub(super) fn trace_file(config: &Config) -> PathBuf {
    let usual = || {
        // systemd makes it for the service, which may write nowhere else.
        let folder = std::env::var_os("STATE_DIRECTORY").unwrap_or_default();
        PathBuf::from(folder).join("sip-trace.pcap")
    };
    config.sip.trace_file.clone().unwrap_or_else(usual)
}

/// Where something is kept that must outlive a restart.
pub(super) fn state_file(config: &Config, name: &str) -> PathBuf {
    state_dir(config).join(name)
}

/// The folder of what must outlive a restart.
pub(super) fn state_dir(config: &Config) -> PathBuf {
    let is_set = config.place("server", "state-dir").is_some();
    let of_systemd = std::env::var_os("STATE_DIRECTORY").filter(|_| !is_set);
    let usual = || config.server.state_dir.clone().unwrap_or_default();
    of_systemd.map_or_else(usual, PathBuf::from)
}

/// What we call ourselves in every message.
pub(super) fn user_agent() -> String {
    format!("paging/{}", env!("CARGO_PKG_VERSION"))
}

pub(super) fn accounts(config: &Config) -> Vec<sip::Account> {
    config.sip.accounts().map(account).collect()
}

/// One account, to be registered.
pub(super) fn account(from: &config::Account) -> sip::Account {
    let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
    sip::Account {
        name: from.name.clone(),
        domain: from.domain.first().cloned().unwrap_or_default(),
        more_domains: from.domain.iter().skip(1).cloned().collect(),
        user: from.user.clone(),
        extensions: from.extensions.clone(),
        auth_user: filled(&from.auth_user),
        password: sip::Secret::new(from.password.reveal()),
        realm: filled(&from.realm),
        display_name: filled(&from.display_name),
        outbound_proxies: from.outbound_proxy.clone(),
        transport: from.transport.map(transport),
        expires: from.expires,
        keep_alive: Some(from.keep_alive),
        presence: sip::Presence::Registered,
    }
}

fn listen(from: &config::Listen) -> sip::Listen {
    sip::Listen {
        transport: transport(from.transport),
        address: from.address,
    }
}

fn transport(from: config::Transport) -> sip::Transport {
    match from {
        config::Transport::Udp => sip::Transport::Udp,
        config::Transport::Tcp => sip::Transport::Tcp,
        config::Transport::Tls => sip::Transport::Tls,
    }
}

pub(super) fn legs(config: &Config) -> legs::Settings {
    let encodings = |account: &config::Account| {
        let encodings = config.sip.codecs_of(account).to_vec();
        (account.name.clone(), encodings)
    };
    legs::Settings {
        ports: config.sip.rtp_ports.clone(),
        dscp: config.sip.rtp_dscp,
        encodings: config.sip.codecs.clone(),
        allow: config.sip.allow.clone(),
        of_accounts: config.sip.accounts().map(encodings).collect(),
        srtp: config.sip.srtp,
        rtp_timeout: config.calls.rtp_timeout,
        of_desks: desks::ports(config),
    }
}

/// Room for what a reload may bring: as many zones as have numbers, each with some outputs.
/// Room for as many voices as calls are let in, each with its klaxon; a reload may let in more
/// than the start did, up to the default of the engine.
pub(super) fn engine(config: &Config, zones: &Zones) -> EngineSettings {
    let room = EngineSettings::default();
    let n_voices = config.sip.max_calls.max(room.n_voices) + config.groups_in.len();
    let n_outputs = output::N_OUTPUTS + OUTPUTS_A_ZONE * config.zones.len();
    EngineSettings {
        n_zones: zones.capacity(),
        n_inputs: output::N_INPUTS,
        n_outputs: n_outputs + card_outputs(config),
        n_taps: (config.groups_out.len() + SPARE_TAPS).min(config::MOST_OUT),
        n_voices,
        n_plays: n_voices,
        n_music: config::MOST_MUSIC,
        ..room
    }
}

/// Room for the channels of sound devices that are not the clock, and for some that a reload brings.
fn card_outputs(config: &Config) -> usize {
    OUTPUTS_A_DEVICE * (config::devices(&config.zones).len() + 1)
}

pub(super) fn output(config: &Config, zones: &Zones) -> output::Settings {
    let audio = &config.audio;
    let jack = &audio.jack;
    let link = |link: &config::Link| output::Link {
        from: link.from.regex().clone(),
        to: link.to.as_ref().map(|to| to.regex().clone()),
    };
    output::Settings {
        backend: match audio.backend {
            config::Backend::Auto => output::Backend::Auto,
            config::Backend::Jack => output::Backend::Jack,
            config::Backend::Device => output::Backend::Device,
            config::Backend::Timer => output::Backend::Timer,
        },
        jack: output::JackSettings {
            autostart: jack.autostart,
            server_name: jack.server_name.clone(),
            client_name: jack.client_name.clone(),
            output_ports: jack
                .output_ports
                .as_ref()
                .map(|ports| ports.regex().clone()),
            music_client: jack.music_client.regex().clone(),
            music_links: jack.music_links.iter().map(link).collect(),
            clients: config.music.iter().filter_map(jack_client).collect(),
        },
        device: audio.device.as_ref().map(device),
        sample_rate: audio.sample_rate,
        period: audio.period,
        zones: config
            .zones
            .iter()
            .filter_map(|zone| output_zone(zone, zones))
            .collect(),
        n_card_outputs: card_outputs(config),
    }
}

fn jack_client(music: &config::Music) -> Option<output::JackClient> {
    let ports = music.jack_client.as_ref()?.regex().clone();
    let music = music.name.clone();
    Some(output::JackClient { music, ports })
}

/// `None` for a zone that there is no room for.
fn output_zone(zone: &config::Zone, zones: &Zones) -> Option<output::Zone> {
    let output = |from: &config::ZoneOutput| match from {
        config::ZoneOutput::Ports(ports) => Some(output::OutputMatch::Ports(ports.regex().clone())),
        config::ZoneOutput::Device {
            device: named,
            channels,
        } => Some(output::OutputMatch::Device {
            device: device(named),
            channels: *channels,
        }),
        // Those are sent what is tapped, whatever the clock is.
        config::ZoneOutput::Multicast(_) => None,
    };
    Some(output::Zone {
        id: zones.id(&zone.name)?,
        name: zone.name.clone(),
        outputs: zone.outputs.iter().filter_map(output).collect(),
    })
}

fn device(from: &config::Device) -> output::DeviceMatch {
    match from {
        config::Device::Index(index) => output::DeviceMatch::Index(*index),
        config::Device::Named(name) => output::DeviceMatch::Pattern(name.regex().clone()),
    }
}

/// `for_systemd`: the journal writes the time itself.
pub(super) fn logging(config: &Config, for_systemd: bool) -> logging::Settings {
    logging::Settings {
        format: match config.server.log_format {
            config::LogFormat::Text => logging::Format::Text,
            config::LogFormat::Json => logging::Format::Json,
        },
        debug: config.server.debug,
        sip_level: config.server.sip_log_level,
        timestamps: !for_systemd,
    }
}

/// Groups that a reload may add; each costs some ten kilobytes.
const SPARE_TAPS: usize = 8;
/// As many channels as a device is asked for at most.
const OUTPUTS_A_DEVICE: usize = 32;
/// Beside those of a usual site: more loudspeakers than these can share an output by a splitter.
const OUTPUTS_A_ZONE: usize = 2;

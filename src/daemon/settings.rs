//! What does the one configuration mean to each part?
//!
//! Parts know nothing of configuration files; this is where the words of the file become the
//! settings of the parts.

mod phones;
mod rules;

use std::path::PathBuf;

use crate::base::{Db, ZoneId};
use crate::config::{self, Config};
use crate::daemon::zones::Zones;
use crate::daemon::{jukebox, logging};
use crate::dsp::{Curve, FLAT, FLAT_Q, Speech};
use crate::mix::{EngineSettings, Fitting, Treatment};
use crate::music::{Hand, Moment};
use crate::output;
use crate::output::record;

pub(super) use phones::{account, accounts, callers, legs, sip, trace_file, user_agent};
pub(super) use rules::{policy, recipes, rule};

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

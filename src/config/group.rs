//! What is set for a multicast group, and how do sections `[multicast-out:NAME]` and
//! `[multicast-in:NAME]` become groups?

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::{Dscp, Encoding, Network};
use crate::config::keys::{self, Row};
use crate::config::load::Loading;
use crate::config::model::Config;
use crate::config::near::remedy;
use crate::config::page::Tone;
use crate::config::place::{Mistake, Place, Remark, Warning};
use crate::config::zone::{self, ZoneOutput};
use crate::net::group::Interface;
use crate::page::Busy;

/// A group that the sound of zones is sent to.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupOut {
    /// NAME of the section; its address if no section names it.
    pub name: String,
    /// Always there once it was read.
    pub address: Option<SocketAddr>,
    pub form: GroupForm,
    pub codec: Encoding,
    /// For codecs that have none of their own.
    pub payload_type: Option<u8>,
    /// Of sound in a packet.
    pub ptime: Duration,
    /// Music is sent too.
    pub music: bool,
    /// 1 to 25, for telephones that page in groups.
    pub channel: u8,
    /// What telephones show that page in groups.
    pub caller: String,
    pub ttl: u8,
    pub interface: Option<Interface>,
    /// Programs on this machine hear it too.
    pub loops: bool,
    pub dscp: Dscp,
}

/// A group that is listened to.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupIn {
    /// NAME of the section; without blanks and commas.
    pub name: String,
    /// Always there once it was read.
    pub address: Option<SocketAddr>,
    pub form: GroupForm,
    /// What is expected of packets that do not say it; `None` is nothing.
    pub codec: Option<Encoding>,
    /// 0 to 25, for telephones that page in groups; 0 is any.
    pub channel: u8,
    /// Who may speak; none stands for all.
    pub sources: Vec<Network>,
    pub interface: Option<Interface>,
    /// A page ends when nothing came for so long.
    pub silence_timeout: Duration,
    /// Names of zones; none stands for all.
    pub zones: Vec<String>,
    /// 200 and above is emergency.
    pub priority: u8,
    pub busy: Busy,
    pub partial: bool,
    pub max_duration: Option<Duration>,
    pub klaxon: Tone,
    pub end_tone: Tone,
    pub fade: Duration,
}

/// How packets look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupForm {
    Rtp,
    /// Group pages of Polycom's telephones.
    Polycom,
}

/// How a zone names a group among its outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupName {
    /// NAME of a `[multicast-out:NAME]`.
    Named(String),
    At(SocketAddr),
}

impl GroupOut {
    /// The section it stands in.
    pub fn section(&self) -> String {
        format!("{OUT}{}", self.name)
    }

    /// Whether a zone means this group.
    pub fn is(&self, name: &GroupName) -> bool {
        match name {
            GroupName::Named(name) => self.name == *name,
            GroupName::At(address) => self.address == Some(*address),
        }
    }

    /// The names of the zones that are sent to it.
    pub fn zones<'a>(&'a self, config: &'a Config) -> impl Iterator<Item = &'a str> {
        let means = |output: &ZoneOutput| match output {
            ZoneOutput::Multicast(name) => self.is(name),
            ZoneOutput::Ports(_) | ZoneOutput::Device { .. } => false,
        };
        let zones = config.zones.iter();
        let sent = zones.filter(move |zone| zone.outputs.iter().any(means));
        sent.map(|zone| zone.name.as_str())
    }

    fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            address: None,
            form: GroupForm::Rtp,
            codec: Encoding::G722,
            payload_type: None,
            ptime: Duration::ZERO,
            music: false,
            channel: 1,
            caller: String::new(),
            ttl: 1,
            interface: None,
            loops: false,
            dscp: Dscp::EF,
        }
    }
}

impl GroupIn {
    /// The section it stands in.
    pub fn section(&self) -> String {
        format!("{IN}{}", self.name)
    }

    fn blank(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            address: None,
            form: GroupForm::Rtp,
            codec: None,
            channel: 1,
            sources: Vec::new(),
            interface: None,
            silence_timeout: Duration::ZERO,
            zones: Vec::new(),
            priority: 0,
            busy: Busy::Queue,
            partial: false,
            max_duration: None,
            klaxon: Tone::Nothing,
            end_tone: Tone::Nothing,
            fade: Duration::ZERO,
        }
    }
}

/// What the section of a group begins with that is spoken to.
pub(super) const OUT: &str = "multicast-out:";
/// What the section of a group begins with that is listened to.
pub(super) const IN: &str = "multicast-in:";

/// Groups that can be spoken to.
pub const MOST_OUT: usize = 64;
/// Groups that can be listened to.
pub const MOST_IN: usize = 256;

/// Reads them all; zones have been read before.
pub(super) fn read(loading: &mut Loading, config: &mut Config) {
    for (section, place) in sections(loading, OUT) {
        let mut group = GroupOut::blank(&section[OUT.len()..]);
        let n_mistakes = loading.mistakes.len();
        fill(loading, config, &section, keys::of_group_out(), &mut group);
        let is_whole = loading.mistakes.len() == n_mistakes;
        let wrong = named_and_placed(&group.name, group.address, OUT);
        if let Some(text) = wrong.filter(|_| is_whole) {
            loading.mistakes.push(about(&section, &place, text));
        }
        // Also one with a mistake, so that who names it makes none.
        config.groups_out.push(group);
    }
    for (section, place) in sections(loading, IN) {
        let mut group = GroupIn::blank(&section[IN.len()..]);
        let n_mistakes = loading.mistakes.len();
        fill(loading, config, &section, keys::of_group_in(), &mut group);
        zone::must_exist(loading, config, &section, "zones", &group.zones);
        let is_whole = loading.mistakes.len() == n_mistakes;
        let wrong = named_and_placed(&group.name, group.address, IN);
        if let Some(text) = wrong.filter(|_| is_whole) {
            loading.mistakes.push(about(&section, &place, text));
        }
        config.groups_in.push(group);
    }
    together(loading, config);
    outputs(loading, config);
}

fn sections(loading: &Loading, kind: &str) -> Vec<(String, Place)> {
    let all = loading.layers.sections();
    let ours = all.filter(|(section, _)| section.starts_with(kind));
    ours.map(|(section, place)| (section.to_owned(), place.clone()))
        .collect()
}

fn fill<T: 'static>(
    loading: &mut Loading,
    config: &mut Config,
    section: &str,
    rows: &'static [Row<T>],
    into: &mut T,
) {
    for row in rows {
        let value = loading.value(section, &row.key);
        let set = |text: &str, remarks: &mut Vec<String>| row.set(into, text, remarks);
        if let Some(written) = loading.apply(section, &row.key, value, set) {
            let at = (section.to_owned(), row.key.name.to_owned());
            config.places.insert(at, written);
        }
    }
}

fn named_and_placed(name: &str, address: Option<SocketAddr>, kind: &str) -> Option<String> {
    if !zone::is_plain(name) || name.contains([':', '[', ']']) {
        return Some(format!(
            "needs a name after the colon, without blanks, commas and colons; write e.g. \
             [{kind}phones]"
        ));
    }
    let missing = "has no address; write e.g. address = 239.1.2.3:5004";
    address.is_none().then(|| missing.to_owned())
}

/// What only two keys or two sections together show.
fn together(loading: &mut Loading, config: &Config) {
    let mut mistake = |section: &str, key: &str, text: String| {
        loading.mistakes.push(config.mistake(section, key, text));
    };
    for (n, group) in config.groups_out.iter().enumerate() {
        let section = group.section();
        let is_theirs = matches!(group.codec, Encoding::Pcmu | Encoding::G722);
        if group.form == GroupForm::Polycom && !is_theirs {
            let text = "not a codec of Poly telephones; write pcmu or g722";
            mistake(&section, "codec", text.to_owned());
        }
        let before = &config.groups_out[..n];
        let key = |it: &GroupOut| {
            (
                it.address,
                (it.form == GroupForm::Polycom).then_some(it.channel),
            )
        };
        let meets = |it: &&GroupOut| it.address.is_some() && key(it) == key(group);
        if let Some(other) = before.iter().find(meets) {
            mistake(&section, "address", taken(config, &other.section()));
        }
    }
    for (n, group) in config.groups_in.iter().enumerate() {
        let section = group.section();
        let before = &config.groups_in[..n];
        let meets = |it: &&GroupIn| {
            let channels = (it.channel, group.channel);
            let are_apart = it.form == GroupForm::Polycom
                && group.form == GroupForm::Polycom
                && channels.0 != channels.1
                && channels.0 != 0
                && channels.1 != 0;
            it.address.is_some() && it.address == group.address && !are_apart
        };
        if let Some(other) = before.iter().find(meets) {
            mistake(&section, "address", taken(config, &other.section()));
        }
        let mut echoes = config.groups_out.iter().filter(|it| it.loops);
        let meets = |it: &&GroupOut| it.address.is_some() && it.address == group.address;
        if let Some(echo) = echoes.find(meets) {
            let text = format!(
                "is spoken to by [{}] with loop = yes, so what it says would come back; write \
                 another, or loop = no there",
                echo.section()
            );
            mistake(&section, "address", text);
        }
    }
    let (n_out, n_in) = (config.groups_out.len(), config.groups_in.len());
    for (group, n, most) in [(OUT, n_out, MOST_OUT), (IN, n_in, MOST_IN)] {
        if n > most {
            loading.mistakes.push(Mistake(Remark {
                place: None,
                subject: format!("[{group}NAME]"),
                text: format!("there are {n} of them; there is room for {most}"),
            }));
        }
    }
}

fn taken(config: &Config, other: &str) -> String {
    let at = config.place(other, "address");
    let at = at.map_or_else(String::new, |place| format!(" at {place}"));
    format!("is the group of [{other}]{at} too; write another, or remove one of them")
}

/// The groups that zones name must be there, or be addresses, which have the usual settings.
fn outputs(loading: &mut Loading, config: &mut Config) {
    for at in 0..config.zones.len() {
        let zone = config.zones[at].clone();
        for output in &zone.outputs {
            let ZoneOutput::Multicast(name) = output else {
                continue;
            };
            let is_known = config.groups_out.iter().any(|group| group.is(name));
            match name {
                _ if is_known => {}
                GroupName::At(address) => {
                    let mut group = GroupOut::blank(&address.to_string());
                    let section = group.section();
                    fill(loading, config, &section, keys::of_group_out(), &mut group);
                    group.address = Some(*address);
                    config.groups_out.push(group);
                }
                GroupName::Named(name) => {
                    let known = config.groups_out.iter().map(|group| group.name.as_str());
                    let remedy = remedy(name, known, OUT);
                    let text = format!(
                        "there is no group \"{name}\"; {remedy}, or its address as \
                         multicast:239.1.2.3:5004"
                    );
                    let mistake = config.mistake(&zone.section(), "outputs", text);
                    loading.mistakes.push(mistake);
                }
            }
        }
    }
}

/// Groups that nothing is sent to.
pub(super) fn idle(config: &Config) -> Vec<Warning> {
    let idle = |group: &&GroupOut| group.address.is_some() && group.zones(config).next().is_none();
    let idle = config.groups_out.iter().filter(idle);
    let text = |name: &str| {
        format!("no zone is sent there; write multicast:{name} into the outputs of a zone")
    };
    idle.map(|group| {
        let text = text(&group.name);
        Warning(config.mistake(&group.section(), "address", text).0)
    })
    .collect()
}

fn about(section: &str, place: &Place, text: String) -> Mistake {
    Mistake(Remark {
        place: Some(place.clone()),
        subject: format!("[{section}]"),
        text,
    })
}

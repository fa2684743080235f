//! Which foreign ports of a JACK graph get what? The rules of the old configuration, as values.
//!
//! ```text
//!  mpd.paging:left ──► music_1 ─┐ paging ┌─ out_1 ──► system:playback_1
//!  mpd.paging:right ─► music_2 ─┘  × ducking └─ out_2 ──► system:playback_2
//! ```

use crate::base::ZoneSet;
use crate::output::settings::{JackSettings, Link};
use crate::output::zones::{self, Zone};

/// An audio port of another client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphPort {
    /// `client:port`, as the server writes it.
    pub name: String,
    /// Which way its samples go.
    pub kind: PortKind,
}

/// Which way a foreign port's samples go, seen from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortKind {
    /// A JACK *input* port: it plays what we send.
    Speaker,
    /// A JACK *output* port: a player or other sound source.
    Source,
}

/// What must be connected, in the order of the graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Ports that get what is paged.
    pub outputs: Vec<Speaker>,
    /// Music ports and the outputs that each reaches; never empty in `to`.
    pub music: Vec<Music>,
    /// Music ports that no link takes anywhere: they are connected to nothing.
    pub unlinked: Vec<String>,
    /// Ports of the sources that zones choose.
    pub players: Vec<Player>,
}

/// A port of a source that zones choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Player {
    /// `client:port`.
    pub port: String,
    /// The name of the source.
    pub music: String,
}

/// A loudspeaker of the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// `client:port`.
    pub port: String,
    /// The zones that it is of; one or more.
    pub zones: ZoneSet,
    /// The name of the first of them, if zones have names.
    pub zone: Option<String>,
}

/// A music port and where it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Music {
    /// `client:port`.
    pub port: String,
    /// Names of some of [`Plan::outputs`].
    pub to: Vec<String>,
}

/// Applies the settings to the foreign audio ports of a graph.
pub fn plan(ports: &[GraphPort], settings: &JackSettings, zones: &[Zone]) -> Plan {
    let outputs: Vec<Speaker> = names(ports, PortKind::Speaker)
        .filter(|name| is_output(name, settings))
        .filter_map(|name| speaker(name, zones))
        .collect();
    let mut plan = Plan {
        outputs,
        ..Plan::default()
    };
    for port in names(ports, PortKind::Source) {
        if let Some(player) = player(port, settings) {
            plan.players.push(player);
            continue;
        }
        let Some(short) = music_name(port, settings) else {
            continue;
        };
        let to = linked(short, &plan.outputs, &settings.music_links);
        if to.is_empty() {
            plan.unlinked.push(port.to_owned());
        } else {
            plan.music.push(Music {
                port: port.to_owned(),
                to,
            });
        }
    }
    plan
}

fn names(ports: &[GraphPort], kind: PortKind) -> impl Iterator<Item = &str> {
    ports
        .iter()
        .filter(move |port| port.kind == kind)
        .map(|port| port.name.as_str())
}

fn is_output(name: &str, settings: &JackSettings) -> bool {
    settings
        .output_ports
        .as_ref()
        .is_none_or(|pattern| pattern.is_match(name))
}

/// `None` for a port that is of no zone.
fn speaker(port: &str, zones: &[Zone]) -> Option<Speaker> {
    let set = zones::of_port(zones, port);
    (!set.is_empty()).then(|| Speaker {
        port: port.to_owned(),
        zones: set,
        zone: zones::first_name(zones, set).map(str::to_owned),
    })
}

/// Of several sources that it could be of, the first has it.
fn player(port: &str, settings: &JackSettings) -> Option<Player> {
    let mut clients = settings.clients.iter();
    let client = clients.find(|client| client.ports.is_match(port))?;
    Some(Player {
        port: port.to_owned(),
        music: client.music.clone(),
    })
}

/// The short name that links look at, if the port is music.
fn music_name<'a>(port: &'a str, settings: &JackSettings) -> Option<&'a str> {
    let found = settings.music_client.captures(port)?;
    Some(found.get(1).map_or(port, |group| group.as_str()))
}

fn linked(short: &str, outputs: &[Speaker], links: &[Link]) -> Vec<String> {
    let links: Vec<&Link> = links
        .iter()
        .filter(|link| link.from.is_match(short))
        .collect();
    let ports = outputs.iter().map(|speaker| &speaker.port);
    ports
        .filter(|port| links.iter().any(|link| reaches(link, port)))
        .cloned()
        .collect()
}

fn reaches(link: &Link, output: &str) -> bool {
    link.to
        .as_ref()
        .is_none_or(|pattern| pattern.is_match(output))
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;
    use crate::output::settings::JackClient;

    /// The graph that most rows look at.
    const GRAPH: [(&str, PortKind); 8] = [
        ("system:capture_1", PortKind::Source),
        ("system:playback_1", PortKind::Speaker),
        ("system:playback_2", PortKind::Speaker),
        ("alsa_out:left", PortKind::Speaker),
        ("alsa_out:right", PortKind::Speaker),
        ("mpd.paging:left", PortKind::Source),
        ("mpd.paging:right", PortKind::Source),
        ("mpd.paging:centre", PortKind::Source),
    ];

    fn graph() -> Vec<GraphPort> {
        GRAPH
            .iter()
            .map(|&(name, kind)| GraphPort {
                name: name.to_owned(),
                kind,
            })
            .collect()
    }

    fn settings(outputs: &str, music: &str, links: &str) -> JackSettings {
        JackSettings {
            output_ports: (!outputs.is_empty()).then(|| Regex::new(outputs).unwrap()),
            music_client: Regex::new(music).unwrap(),
            music_links: Link::parse_list(links).unwrap(),
            ..JackSettings::default()
        }
    }

    /// `music->output` for every link that a row makes, ports shortened to what is unique.
    fn links(plan: &Plan) -> Vec<String> {
        plan.music
            .iter()
            .flat_map(|m| m.to.iter().map(|to| format!("{}->{to}", m.port)))
            .collect()
    }

    const MPD: &str = "^mpd\\.paging:(.*)$";

    #[test]
    fn every_row_links_what_the_old_program_linked() {
        type Row<'a> = (&'a str, &'a str, &'a str, &'a [&'a str], usize);
        let rows: &[Row<'_>] = &[
            // The old default joins only ports of like names.
            (
                "",
                MPD,
                "left---left right---right",
                &[
                    "mpd.paging:left->alsa_out:left",
                    "mpd.paging:right->alsa_out:right",
                ],
                1,
            ),
            // With a plain server it joins nothing.
            ("^system:", MPD, "left---left right---right", &[], 3),
            // The later default knows the server's own ports.
            (
                "^system:",
                MPD,
                "left---(left|playback_1) right---(right|playback_2)",
                &[
                    "mpd.paging:left->system:playback_1",
                    "mpd.paging:right->system:playback_2",
                ],
                1,
            ),
            // An empty right side means every output; links add up without doubles.
            (
                "^system:",
                MPD,
                "left--- left---playback_1",
                &[
                    "mpd.paging:left->system:playback_1",
                    "mpd.paging:left->system:playback_2",
                ],
                2,
            ),
            // Patterns are searched anywhere in the name.
            (
                "playback_2",
                MPD,
                "ent---play",
                &["mpd.paging:centre->system:playback_2"],
                2,
            ),
            // Case counts.
            ("^system:", MPD, "Left---playback", &[], 3),
            ("^SYSTEM:", MPD, "left---", &[], 3),
            // Without a group the full name is what the link sees.
            (
                "^system:",
                "^mpd",
                "^mpd.*left---_1 ^left---_2",
                &["mpd.paging:left->system:playback_1"],
                2,
            ),
            // A group that took no part leaves the full name.
            (
                "^system:",
                "^mpd.paging:(le)?",
                "^le$---_1 ^mpd.*right---_2",
                &[
                    "mpd.paging:left->system:playback_1",
                    "mpd.paging:right->system:playback_2",
                ],
                1,
            ),
            // No links at all.
            ("", MPD, "", &[], 3),
        ];
        for (outputs, music, rules, expected, n_unlinked) in rows.iter().copied() {
            let plan = plan(&graph(), &settings(outputs, music, rules), &[]);
            assert_eq!(links(&plan), *expected, "{outputs} {music} {rules}");
            assert_eq!(plan.unlinked.len(), n_unlinked, "{outputs} {music} {rules}");
        }
    }

    #[test]
    fn no_filter_takes_every_speaker_of_the_graph_in_its_order() {
        let plan = plan(&graph(), &settings("", MPD, ""), &[]);
        let outputs: Vec<&str> = plan.outputs.iter().map(|it| it.port.as_str()).collect();
        assert_eq!(
            outputs,
            [
                "system:playback_1",
                "system:playback_2",
                "alsa_out:left",
                "alsa_out:right"
            ]
        );
    }

    #[test]
    fn a_filter_that_matches_nothing_is_no_error() {
        let plan = plan(&graph(), &settings("^nowhere:", MPD, "left---"), &[]);
        assert!(plan.outputs.is_empty() && plan.music.is_empty());
    }

    #[test]
    fn a_port_of_a_source_is_no_other_music_and_the_first_source_has_it() {
        let client = |music: &str, ports: &str| JackClient {
            music: music.to_owned(),
            ports: Regex::new(ports).unwrap(),
        };
        let mut settings = settings("^system:", MPD, "left--- right---");
        settings.clients = vec![client("left", "^mpd.*:left$"), client("rest", "^mpd.*t$")];
        let plan = plan(&graph(), &settings, &[]);
        let players = plan.players.iter();
        let players: Vec<_> = players.map(|it| (&it.port[..], &it.music[..])).collect();
        let expected = [("mpd.paging:left", "left"), ("mpd.paging:right", "rest")];
        assert_eq!(players, expected);
        assert!(plan.music.is_empty());
        assert_eq!(plan.unlinked, ["mpd.paging:centre"]);
    }

    #[test]
    fn ports_that_are_not_music_are_left_alone() {
        let plan = plan(&graph(), &settings("", "^other:", "---"), &[]);
        assert!(plan.music.is_empty() && plan.unlinked.is_empty());
    }
}

//! What must be connected and disconnected so that a graph becomes what it should be?

use std::collections::BTreeMap;

/// For each foreign port that matters the ports that it is connected to.
pub(crate) type Connections = BTreeMap<String, Vec<String>>;

/// What the graph should look like around us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The start of the names of all our ports: our client's name and a colon.
    pub(crate) own: String,
    /// An out port of ours and the loudspeaker that it feeds.
    pub(crate) outputs: Vec<(String, String)>,
    /// A music port and the in port of ours that it feeds; `None`: nothing at all.
    pub(crate) music: Vec<(String, Option<String>)>,
}

/// One change of the graph, from an output port to an input port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Connect(String, String),
    Disconnect(String, String),
}

/// What leads from `present` to `wish`. Each loudspeaker is fed by its out port and by none of
/// our others; what else feeds it or listens to us is not our business. Each music port feeds us
/// and nobody else, so that all of it is ducked.
pub(crate) fn moves(wish: &Wish, present: &Connections) -> Vec<Move> {
    let of = |port: &String| present.get(port).map_or(&[][..], Vec::as_slice);
    let mut moves = Vec::new();
    for (ours, speaker) in &wish.outputs {
        let feeding = of(speaker);
        let strays = feeding
            .iter()
            .filter(|name| name.starts_with(&wish.own) && *name != ours);
        moves.extend(strays.map(|stray| Move::Disconnect(stray.clone(), speaker.clone())));
        if !feeding.contains(ours) {
            moves.push(Move::Connect(ours.clone(), speaker.clone()));
        }
    }
    for (source, ours) in &wish.music {
        let fed = of(source);
        let strays = fed.iter().filter(|name| Some(*name) != ours.as_ref());
        moves.extend(strays.map(|stray| Move::Disconnect(source.clone(), stray.clone())));
        if let Some(ours) = ours.as_ref().filter(|ours| !fed.contains(ours)) {
            moves.push(Move::Connect(source.clone(), ours.clone()));
        }
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish() -> Wish {
        Wish {
            own: "paging:".to_owned(),
            outputs: vec![("paging:out_1".to_owned(), "system:playback_1".to_owned())],
            music: vec![
                ("mpd:left".to_owned(), Some("paging:music_1".to_owned())),
                ("mpd:odd".to_owned(), None),
            ],
        }
    }

    fn present(connections: &[(&str, &[&str])]) -> Connections {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        connections
            .iter()
            .map(|&(port, names)| (port.to_owned(), owned(names)))
            .collect()
    }

    fn connect(from: &str, to: &str) -> Move {
        Move::Connect(from.to_owned(), to.to_owned())
    }

    fn disconnect(from: &str, to: &str) -> Move {
        Move::Disconnect(from.to_owned(), to.to_owned())
    }

    #[test]
    fn a_fresh_graph_is_wired() {
        assert_eq!(
            moves(&wish(), &Connections::new()),
            [
                connect("paging:out_1", "system:playback_1"),
                connect("mpd:left", "paging:music_1"),
            ]
        );
    }

    #[test]
    fn music_is_cut_off_from_all_others() {
        let present = present(&[
            ("system:playback_1", &["mpd:left", "paging:out_1"]),
            ("mpd:left", &["system:playback_1", "paging:music_1"]),
            ("mpd:odd", &["system:playback_1", "meter:in"]),
        ]);
        assert_eq!(
            moves(&wish(), &present),
            [
                disconnect("mpd:left", "system:playback_1"),
                disconnect("mpd:odd", "system:playback_1"),
                disconnect("mpd:odd", "meter:in"),
            ]
        );
    }

    #[test]
    fn a_speaker_hears_one_of_our_ports_and_any_of_others() {
        let present = present(&[
            ("system:playback_1", &["paging:out_7", "organ:out"]),
            ("mpd:left", &["paging:music_1"]),
        ]);
        assert_eq!(
            moves(&wish(), &present),
            [
                disconnect("paging:out_7", "system:playback_1"),
                connect("paging:out_1", "system:playback_1"),
            ]
        );
    }

    #[test]
    fn a_graph_that_is_right_is_left_alone() {
        let present = present(&[
            ("system:playback_1", &["paging:out_1"]),
            ("mpd:left", &["paging:music_1"]),
            ("mpd:odd", &[]),
        ]);
        assert_eq!(moves(&wish(), &present), []);
    }
}

//! How does a list of ports or devices look on paper? As the program before this one printed it.

use std::fmt::Write;

/// One entry of a printed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Shown in brackets before the name.
    pub(crate) id: Option<usize>,
    pub(crate) name: String,
    /// Shown below the name, sorted.
    pub(crate) attributes: Vec<(&'static str, String)>,
}

/// A title line, then each entry in the order given.
pub(crate) fn print(title: &str, entries: &[Entry]) -> String {
    let mut text = format!("{title}:\n");
    for entry in entries {
        push(&mut text, entry);
    }
    text
}

fn push(text: &mut String, entry: &Entry) {
    let id = entry.id.map(|id| format!("[{id}] ")).unwrap_or_default();
    let mut attributes = entry.attributes.clone();
    attributes.sort();
    let written = writeln!(text, "  {id}{}", entry.name).and_then(|()| {
        attributes
            .iter()
            .try_for_each(|(name, value)| writeln!(text, "    {name}: {value}"))
    });
    written.expect("a string takes all that is written to it");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_a_title_entries_and_sorted_attributes() {
        let entries = [
            Entry {
                id: Some(0),
                name: "default".to_owned(),
                attributes: vec![("outputs", "2".to_owned()), ("driver", "x".to_owned())],
            },
            Entry {
                id: None,
                name: "system:playback_1".to_owned(),
                attributes: Vec::new(),
            },
        ];
        assert_eq!(
            print("Detected things", &entries),
            "Detected things:\n  [0] default\n    driver: x\n    outputs: 2\n  system:playback_1\n"
        );
    }
}

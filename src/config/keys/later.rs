//! Which sections are known but not supported by this version?

/// Whether the section, `NAME` or `NAME:ANY`, belongs to a later version.
pub(in crate::config) fn later_section(section: &str) -> bool {
    let kind = section.split(':').next().unwrap_or(section);
    SECTIONS.contains(&kind)
}

const SECTIONS: [&str; 2] = ["line", "relay"];

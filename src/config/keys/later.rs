//! Which sections and keys are known but not supported by this version?

/// Whether a key belongs to a later version, its name in either spelling; `sip` also means
/// `[sip:NAME]`.
pub(in crate::config) fn later_key(section: &str, name: &str) -> bool {
    let name = name.replace('_', "-");
    KEYS.iter()
        .any(|(of, names)| *of == section && names.contains(&name.as_str()))
}

/// Whether the section, `NAME` or `NAME:ANY`, belongs to a later version.
pub(in crate::config) fn later_section(section: &str) -> bool {
    let kind = section.split(':').next().unwrap_or(section);
    SECTIONS.contains(&kind)
}

const SECTIONS: [&str; 3] = ["line", "relay", "http"];

const KEYS: &[(&str, &[&str])] = &[("user", &["role"])];

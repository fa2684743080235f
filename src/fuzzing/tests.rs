//! Does everything hold for what fuzzing has found so far?

use std::path::Path;

use super::*;

type Check = fn(&[u8]);

const CHECKS: [(&str, Check); 9] = [
    ("ingress", ingress),
    ("stream", stream),
    ("digest", digest),
    ("mask", mask),
    ("sdp", sdp),
    ("srtp", srtp),
    ("media", media),
    ("polycom", polycom),
    ("config", config),
];

#[test]
fn the_corpus_holds() {
    for (name, check) in CHECKS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        let entries = std::fs::read_dir(folder.join(name)).unwrap();
        let mut n_read = 0;
        for entry in entries {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let held = std::panic::catch_unwind(|| check(&bytes));
            assert!(held.is_ok(), "{}", path.display());
            n_read += 1;
        }
        assert!(n_read > 0, "{name} has no corpus");
    }
}

#[test]
fn every_check_has_its_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _) in CHECKS {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name}");
        let target = folder.join(format!("fuzz_targets/{name}.rs"));
        let target = std::fs::read_to_string(target).unwrap();
        assert!(target.contains(&format!("paging::fuzzing::{name}(bytes)")));
    }
}

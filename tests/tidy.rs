//! Does every source file keep to its floor and to the manners of the project?
#![allow(clippy::unwrap_used)]

#[path = "tidy/code.rs"]
mod code;
#[path = "tidy/rfcs.rs"]
mod rfcs;

use std::fmt;
use std::path::{Path, PathBuf};

/// Which modules each module may name besides itself. Rows stand floor by floor; a row may only
/// name rows above it, but for `config`, which knows the settings of the modules of its own floor.
const FLOORS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("dsp", &["base"]),
    ("codec", &["base"]),
    ("rtp", &["base"]),
    ("sdp", &["base"]),
    ("media", &["base", "dsp", "codec", "rtp"]),
    ("mix", &["base", "dsp"]),
    ("page", &["base"]),
    ("bells", &["base"]),
    ("music", &["base", "dsp"]),
    (
        "control",
        &[
            "base", "dsp", "codec", "rtp", "sdp", "media", "mix", "page", "music",
        ],
    ),
    ("sip", &["base", "sdp"]),
    ("net", &["base", "rtp", "media"]),
    ("output", &["base", "codec", "rtp", "dsp", "mix"]),
    ("sounds", &["base", "dsp", "music"]),
    ("store", &["base"]),
    (
        "config",
        &[
            "base", "dsp", "codec", "rtp", "sdp", "media", "mix", "page", "bells", "music",
            "control", "sip", "net", "output", "sounds", "store",
        ],
    ),
    ("api", &["base", "control", "config", "store"]),
    // Asks the daemon what is asked over HTTP.
    ("mqtt", &["base", "control", "config", "api"]),
    (
        // No part of the program.
        "fuzzing",
        &["base", "rtp", "sdp", "media", "sip", "config"],
    ),
    (
        "daemon",
        &[
            "base", "dsp", "codec", "rtp", "sdp", "media", "mix", "page", "bells", "music",
            "control", "sip", "net", "output", "sounds", "store", "config", "api", "mqtt",
        ],
    ),
];

/// Modules without clock, socket, file, thread, environment or `async`.
const PURE: &[&str] = &[
    "base", "dsp", "codec", "rtp", "sdp", "media", "mix", "page", "bells", "music", "control",
];

const IMPURE_WORDS: &[&str] = &[
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "TimeZone::get",
    "TimeZone::system",
    "SystemTime",
    "elapsed()",
    "std::fs",
    "File::",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "UnixStream",
    "UnixDatagram",
    "std::thread",
    "thread::spawn",
    "thread::sleep",
    "std::env",
    "env::var",
    "std::process",
    "std::io::stdin",
    "std::io::stdout",
    "async",
    ".await",
    "tokio",
    "mio",
    "println!",
    "eprintln!",
];

/// Crates that only one module (or file) may name.
const OWNED_CRATES: &[(&str, &[&str])] = &[
    ("rsipstack", &["sip"]),
    ("jack", &["output"]),
    ("cpal", &["output"]),
    ("axum", &["api"]),
    ("rusqlite", &["store"]),
    ("rumqttc", &["mqtt"]),
    ("symphonia", &["sounds"]),
    ("sdp_types", &["sdp"]),
    ("sentry", &["daemon"]),
    ("clap", &["daemon"]),
    ("anyhow", &["daemon", "main.rs"]),
];

/// Below this line a file runs in the sound callback.
const REALTIME_MARK: &str = "// == realtime below ==";

/// What allocates, waits, prints, asks the system or panics.
const NOT_REALTIME: &[&str] = &[
    "Vec::new",
    "Vec::with_capacity",
    "vec!",
    "Box::new",
    "Rc::new",
    "Arc::new",
    "String::",
    "format!",
    "to_string",
    "to_owned",
    "to_vec",
    "collect",
    "HashMap",
    "BTreeMap",
    "Mutex",
    "RwLock",
    "Condvar",
    "lock()",
    "recv()",
    "join()",
    "sleep",
    "yield_now",
    "Instant::now",
    "SystemTime",
    "std::fs",
    "std::net",
    "std::thread",
    "std::env",
    "std::process",
    "println!",
    "eprintln!",
    "print!",
    "dbg!",
    "tracing",
    "log::",
    "unwrap",
    "expect",
    "panic!",
    "unreachable!",
    "todo!",
    "unimplemented!",
    "assert!",
    "assert_eq!",
    "assert_ne!",
];

/// Style asks for about 300; at this many a file answers a second question.
const MOST_LINES: usize = 600;

/// One place that breaks a rule.
struct Fault {
    path: PathBuf,
    line: usize,
    what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.what)
    }
}

/// A file with its path below the repository and the parts of it that rules look at.
struct Source {
    path: PathBuf,
    text: String,
    /// Without comments, texts and tests.
    code: String,
}

impl Source {
    fn new(path: impl Into<PathBuf>, text: &str) -> Self {
        let code = code::without_tests(&code::without_comments_and_text(text));
        Self {
            path: path.into(),
            text: text.into(),
            code,
        }
    }

    /// The module of `src` it belongs to, or the file's name when it lies in `src` itself.
    fn module(&self) -> String {
        let mut parts = self.path.iter().skip(1);
        let first = parts.next().unwrap_or_default();
        first.to_string_lossy().into_owned()
    }

    /// How many `super` lead from this file to the top of the crate.
    fn depth(&self) -> usize {
        let is_mod = self.path.ends_with("mod.rs");
        self.path.iter().count() - if is_mod { 2 } else { 1 }
    }

    fn fault(&self, line: usize, what: impl Into<String>) -> Fault {
        Fault {
            path: self.path.clone(),
            line,
            what: what.into(),
        }
    }

    /// A fault for each line from `first` on that has one of `words`.
    fn words(&self, words: &[&str], first: usize, why: &str) -> Vec<Fault> {
        let lines = self.code.lines().enumerate().skip(first);
        let found = lines.flat_map(|(i, line)| {
            let words = words.iter().filter(move |word| code::has_word(line, word));
            words.map(move |word| self.fault(i + 1, format!("`{word}` {why}")))
        });
        found.collect()
    }
}

fn floors(source: &Source) -> Vec<Fault> {
    let module = source.module();
    let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == module) else {
        return match module.as_str() {
            "lib.rs" | "main.rs" => Vec::new(),
            _ => vec![source.fault(1, format!("module `{module}` has no row in the floors"))],
        };
    };
    let is_module = |name: &str| FLOORS.iter().any(|(row, _)| *row == name);
    let named = code::crate_names(&source.code);
    let above = named.into_iter().filter(|(_, name)| {
        *name != module && is_module(name) && !allowed.contains(&name.as_str())
    });
    let mut faults: Vec<Fault> = above
        .map(|(line, name)| source.fault(line, format!("`{module}` may not name `{name}`")))
        .collect();
    let out_of_module = "super::".repeat(source.depth());
    faults.extend(source.words(&[&out_of_module], 0, "leaves the module; write `crate::`"));
    faults
}

fn purity(source: &Source) -> Vec<Fault> {
    if !PURE.contains(&source.module().as_str()) {
        return Vec::new();
    }
    source.words(
        IMPURE_WORDS,
        0,
        "has no place in a pure module; take it as an argument",
    )
}

fn owned_crates(source: &Source) -> Vec<Fault> {
    let module = source.module();
    let strange = OWNED_CRATES
        .iter()
        .filter(|(_, by)| !by.contains(&module.as_str()));
    let paths: Vec<String> = strange
        .flat_map(|(name, _)| [format!("{name}::"), format!("use {name};")])
        .collect();
    let words: Vec<&str> = paths.iter().map(String::as_str).collect();
    let faults = source.words(&words, 0, "belongs to another module");
    // `crate::output::jack::X` names a module of ours, not the crate.
    let ours = |fault: &Fault| {
        let line = source.code.lines().nth(fault.line - 1).unwrap_or("");
        let name = fault.what.split('`').nth(1).unwrap_or("");
        let is_ours = |(at, _): (usize, &str)| {
            let before = line[..at].strip_suffix("::");
            before.is_some_and(|path| path.ends_with(char::is_alphanumeric))
        };
        line.match_indices(name).all(is_ours)
    };
    faults.into_iter().filter(|fault| !ours(fault)).collect()
}

fn realtime(source: &Source) -> Vec<Fault> {
    let marked = source.text.lines().position(|l| l.trim() == REALTIME_MARK);
    let Some(mark) = marked else {
        return Vec::new();
    };
    source.words(NOT_REALTIME, mark, "may not run in the sound callback")
}

fn manners(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    let n_lines = source.text.lines().count();
    if n_lines > MOST_LINES {
        let what = format!("{n_lines} lines are too many; which second question is in here?");
        faults.push(source.fault(n_lines, what));
    }
    if !source.text.starts_with("//! ") {
        faults.push(source.fault(1, "starts without a `//!` line that says its question"));
    }
    for (i, line) in source.text.lines().enumerate() {
        let later = ["TO\u{44}O", "FIX\u{4d}E", "XX\u{58}"];
        if let Some(word) = later.iter().find(|word| code::has_word(line, word)) {
            faults.push(source.fault(i + 1, format!("`{word}`: do it or leave it")));
        }
    }
    faults
}

/// All Rust files below `folder` of the repository, tests of modules left out on demand.
fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(&root.join(folder), &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        Source::new(path.strip_prefix(root).unwrap(), &text)
    };
    paths.iter().map(read).collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// Files of `src` that are no tests.
fn program() -> Vec<Source> {
    let all = sources("src");
    let tests: Vec<String> = all
        .iter()
        .flat_map(|source| {
            code::test_modules(&code::without_comments_and_text(&source.text))
                .into_iter()
                .map(|name| format!("{}/{name}", source.module()))
        })
        .collect();
    let is_test = |source: &Source| {
        let names = source
            .path
            .iter()
            .skip(2)
            .map(|part| part.to_string_lossy());
        names.into_iter().any(|part| {
            let name = part.trim_end_matches(".rs");
            tests.contains(&format!("{}/{name}", source.module()))
        })
    };
    all.into_iter().filter(|source| !is_test(source)).collect()
}

fn insist(rule: fn(&Source) -> Vec<Fault>, sources: Vec<Source>) {
    assert!(!sources.is_empty(), "there are no sources to look at");
    let faults: Vec<String> = sources
        .iter()
        .flat_map(rule)
        .map(|f| f.to_string())
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn modules_name_only_what_their_floor_allows() {
    insist(floors, program());
}

#[test]
fn pure_modules_have_no_clock_socket_file_thread_environment_or_async() {
    insist(purity, program());
}

#[test]
fn crates_stay_behind_their_module() {
    insist(owned_crates, program());
}

#[test]
fn nothing_in_the_sound_callback_allocates_waits_prints_or_panics() {
    insist(realtime, program());
}

#[test]
fn every_file_says_its_question_and_stays_short() {
    let everything = ["src", "tests", "examples", "benches"].map(sources);
    insist(manners, everything.into_iter().flatten().collect());
}

#[test]
fn the_engine_and_its_clocks_have_realtime_parts() {
    let marked = |module: &str| {
        let mut files = program()
            .into_iter()
            .filter(|source| source.module() == module);
        files.any(|source| source.text.lines().any(|l| l.trim() == REALTIME_MARK))
    };
    assert!(
        marked("mix"),
        "no file of `mix` has the line {REALTIME_MARK:?}"
    );
    assert!(
        marked("output"),
        "no file of `output` has the line {REALTIME_MARK:?}"
    );
}

// The rules themselves, fed with bad snippets.

fn lines(rule: fn(&Source) -> Vec<Fault>, path: &str, text: &str) -> Vec<usize> {
    let faults = rule(&Source::new(path, text));
    faults.iter().map(|fault| fault.line).collect()
}

#[test]
fn a_module_that_reaches_up_is_caught_however_it_is_written() {
    let caught = |text| lines(floors, "src/page/plan.rs", text);
    assert_eq!(caught("//! x\nuse crate::sip::Event;\n"), [2]);
    assert_eq!(caught("//! x\n\nfn f() { crate::mix::engine() }\n"), [3]);
    assert_eq!(
        caught("use crate::{base::{Db, Pcm}, config, page::X};\n"),
        [1]
    );
    assert_eq!(caught("use super::super::mix;\n"), [1]);
    assert!(caught("use crate::base::Db;\nuse crate::page::Y;\nuse super::plan;\n").is_empty());
    assert!(caught("// crate::sip\nconst A: &str = \"crate::sip\";\n").is_empty());
    assert!(caught("#[cfg(test)]\nmod tests {\n    use crate::sip::Event;\n}\n").is_empty());
    assert_eq!(lines(floors, "src/mix/mod.rs", "use super::net;\n"), [1]);
    assert_eq!(lines(floors, "src/gadget/mod.rs", "//! x\n"), [1]);
}

#[test]
fn rows_name_only_rows_above_them() {
    let place = |name: &&str| FLOORS.iter().position(|(row, _)| row == name).unwrap();
    for (row, allowed) in FLOORS {
        assert!(allowed.iter().all(|name| place(name) < place(row)), "{row}");
    }
}

#[test]
fn a_clock_in_a_pure_module_is_caught() {
    let caught = |text| lines(purity, "src/control/core.rs", text);
    assert_eq!(caught("let now = Instant::now();\n"), [1]);
    assert_eq!(caught("\nasync fn f() {}\n"), [2]);
    assert_eq!(caught("let x = std::env::var(\"A\");\n").len(), 2);
    assert_eq!(
        caught("#[cfg(test)]\nmod tests {}\nstd::fs::read(p);\n"),
        [3]
    );
    assert!(caught("fn f(now: Instant) { /* SystemTime */ }\n").is_empty());
    assert!(caught("#[test]\nfn g() {} // Instant::now\n").is_empty());
    assert!(lines(purity, "src/net/media.rs", "Instant::now();\n").is_empty());
}

#[test]
fn a_crate_in_the_wrong_module_is_caught() {
    assert_eq!(
        lines(owned_crates, "src/net/x.rs", "use rsipstack::sip;\n"),
        [1]
    );
    assert_eq!(
        lines(owned_crates, "src/mix/x.rs", "a();\njack::Client::new();\n"),
        [2]
    );
    assert_eq!(
        lines(owned_crates, "src/mix/x.rs", "::jack::Client::new();\n"),
        [1]
    );
    assert!(lines(owned_crates, "src/output/x.rs", "use jack::Client;\n").is_empty());
    let ours = "use crate::output::jack::Settings;\nuse crate::config::cpal_names;\n";
    assert!(lines(owned_crates, "src/daemon/x.rs", ours).is_empty());
    assert!(
        lines(
            owned_crates,
            "src/main.rs",
            "fn main() -> anyhow::Result<()> {}\n"
        )
        .is_empty()
    );
}

#[test]
fn what_may_not_run_in_the_callback_is_caught_below_the_mark_only() {
    let text = format!("let a = vec![0];\n{REALTIME_MARK}\nlet b = vec![0];\nx.lock();\n");
    assert_eq!(lines(realtime, "src/mix/x.rs", &text), [3, 4]);
    let fine = format!("{REALTIME_MARK}\n// unwrap\ndebug_assert!(a);\nlet unwrapped = 1;\n");
    assert!(lines(realtime, "src/mix/x.rs", &fine).is_empty());
    let tests = format!("{REALTIME_MARK}\n#[cfg(test)]\nmod tests {{\n    a.unwrap();\n}}\n");
    assert!(lines(realtime, "src/mix/x.rs", &tests).is_empty());
}

#[test]
fn bad_manners_are_caught() {
    let long = format!("//! x\n{}", "\n".repeat(MOST_LINES));
    assert_eq!(lines(manners, "src/a/b.rs", &long), [MOST_LINES + 1]);
    assert_eq!(lines(manners, "src/a/b.rs", "fn f() {}\n"), [1]);
    let later = "//! x\n\n// TO\u{44}O: later\n";
    assert_eq!(lines(manners, "src/a/b.rs", later), [3]);
}

#[test]
fn texts_characters_and_raw_strings_are_told_from_code() {
    let plain = |text: &str| {
        let code = code::without_comments_and_text(text);
        assert_eq!(code.chars().count(), text.chars().count());
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(plain("a \"b\\\" c\" d"), "a d");
    assert_eq!(plain("a r#\"x\"y\"# z"), "a z");
    assert_eq!(plain("f('\"', 'x', '\\'') g"), "f( , , ) g");
    assert_eq!(plain("fn f<'a>(x: &'a str)"), "fn f<'a>(x: &'a str)");
    assert_eq!(plain("a /* b /* c */ d */ e // f\ng"), "a e g");
    assert_eq!(plain("r#type r2 br"), "r#type r2 br");
    let declared = code::test_modules("#[cfg(test)]\n#[path = \"\"]\nmod proofs;\n");
    assert_eq!(declared, ["proofs"]);
}

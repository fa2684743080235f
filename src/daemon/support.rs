//! What does somebody far away need to know to help?
//!
//! One text file, which can be read before it is sent: what the program and the machine are, what
//! the configuration means, how things stand, and what happened of late. Everything is asked of
//! programs, this one included, each with a time limit: what hangs may be what the report is about.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "how far it is, and where the file is, is for whoever asked"
)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use jiff::Zoned;

use crate::config::{self, Config, Secrets, Title};
use crate::daemon::args::{Args, Support};
use crate::daemon::exit;

/// Writes the report and says where it is.
pub(super) fn main(asked: &Support, args: &Args) -> ExitCode {
    let stamp = Zoned::now().strftime("paging-support-%Y%m%d-%H%M%S.txt");
    let path = asked.output.clone();
    let path = path.unwrap_or_else(|| PathBuf::from(stamp.to_string()));
    match write(&path, asked, args) {
        Ok(()) => {
            println!(
                "wrote {}: passwords and tokens are left out, names and numbers of callers are \
                 not; read it before you send it",
                path.display()
            );
            ExitCode::SUCCESS
        }
        Err(error) => exit::failure(&error),
    }
}

fn write(path: &Path, asked: &Support, args: &Args) -> anyhow::Result<()> {
    let mut options = File::options();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("cannot write {}", path.display()))?;
    let loaded = config::read(&args.sources(), &args.overrides());
    let hidden = loaded.config.as_ref().map(secrets).unwrap_or_default();
    let mut questions = questions(asked);
    if let Some(config) = &loaded.config {
        questions.splice(FIRST..FIRST, of_the_daemon(config));
    }
    for question in questions {
        eprintln!("   {}", question.title);
        let text = question.ask().unwrap_or_else(|why| format!("({why})\n"));
        let text = without(&text, &hidden);
        write!(file, "== {}\n{}\n\n", question.title, text.trim_end())
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A section of the report, and who knows.
struct Question {
    title: &'static str,
    whom: Whom,
}

enum Whom {
    /// A program, with its arguments.
    Program(PathBuf, Vec<String>),
    /// The daemon that runs, by a path of its HTTP side.
    Daemon(SocketAddr, &'static str),
}

fn of_others(title: &'static str, program: &str, words: &[&str]) -> Question {
    let words = words.iter().map(|it| (*it).to_owned()).collect();
    let whom = Whom::Program(program.into(), words);
    Question { title, whom }
}

/// How things stand, and what it said of late.
fn of_the_daemon(config: &Config) -> Vec<Question> {
    let here = config.http.listen.iter().find(|at| at.ip().is_loopback());
    let about = |(title, path)| here.map(|at| (title, Whom::Daemon(*at, path)));
    let paths = [("health", "/health"), ("figures", "/metrics")];
    let asked = paths.into_iter().filter_map(about);
    let mut all: Vec<_> = asked
        .map(|(title, whom)| Question { title, whom })
        .collect();
    let lines = N_LINES.to_string();
    all.push(match &config.server.log_file {
        Some(path) => of_others("log", "tail", &["-n", &lines, &path.display().to_string()]),
        None => of_others(
            "log",
            "journalctl",
            &["--unit", "paging", "--no-pager", "--lines", &lines],
        ),
    });
    all
}

/// In the order of what is looked at first.
fn questions(asked: &Support) -> Vec<Question> {
    let this = std::env::current_exe().unwrap_or_else(|_| "paging".into());
    let of_us = |title, words: &[&str], files: bool| {
        let conf = asked.conf.iter().filter(|_| files);
        let conf = conf.map(|path| path.display().to_string());
        let words = words.iter().map(|it| (*it).to_owned());
        let whom = Whom::Program(this.clone(), words.chain(conf).collect());
        Question { title, whom }
    };
    let conf = asked
        .conf
        .iter()
        .map(|path| format!("--conf={}", path.display()));
    let history: Vec<String> = conf.collect();
    let mut history: Vec<&str> = history.iter().map(String::as_str).collect();
    history.splice(0..0, ["history", "--limit", "300"]);
    vec![
        of_us("program", &["--version"], false),
        of_others(
            "service",
            "systemctl",
            &["status", "paging", "--no-pager", "--lines", "0"],
        ),
        of_us("mistakes and warnings", &["--check"], true),
        of_us("configuration", &["--dump-conf"], true),
        of_us("history", &history, false),
        of_us("bells", &["bells"], true),
        of_us("sound devices", &["--dump-devices"], false),
        of_us("JACK ports", &["--dump-jack-ports"], true),
        of_others("connections in JACK", "jack_lsp", &["-c"]),
        of_others("system", "uname", &["-a"]),
        of_others("distribution", "cat", &["/etc/os-release"]),
        of_others("since when", "uptime", &[]),
        of_others("clock", "timedatectl", &[]),
        of_others("memory", "free", &["-m"]),
        of_others("disks", "df", &["-h"]),
        of_others("addresses", "ip", &["address"]),
        of_others("who listens", "ss", &["-lntup"]),
    ]
}

impl Question {
    /// The answer, or why there is none.
    fn ask(&self) -> Result<String, String> {
        match &self.whom {
            Whom::Program(program, words) => {
                let answer = printed(program, words);
                answer.map_err(|why| format!("{}: {why}", program.display()))
            }
            Whom::Daemon(at, path) => {
                let answer = got(*at, path);
                answer.map_err(|why| format!("nobody answers at {at}: {why}"))
            }
        }
    }
}

/// What a program prints, both streams; at most so much, and for so long.
fn printed(program: &Path, words: &[String]) -> io::Result<String> {
    let (mut reader, writer) = io::pipe()?;
    let mut command = Command::new(program);
    // What it starts ends with it.
    command.args(words).process_group(0).stdin(Stdio::null());
    command.stdout(writer.try_clone()?).stderr(writer);
    let started = command.spawn();
    // Holds the other end of the pipe.
    drop(command);
    let mut child = started?;
    let reading = thread::spawn(move || {
        let mut bytes = Vec::new();
        reader
            .by_ref()
            .take(MOST_BYTES)
            .read_to_end(&mut bytes)
            .ok();
        // A program that cannot print does not end.
        io::copy(&mut reader, &mut io::sink()).ok();
        bytes
    });
    let is_late = !ends(&mut child);
    let bytes = reading.join().unwrap_or_default();
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if is_late {
        text.push_str("(did not end in time)\n");
    }
    Ok(text)
}

/// What is answered at a path, head and body; as a program on the machine itself.
fn got(at: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&at, LONGEST)?;
    stream.set_read_timeout(Some(LONGEST))?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {at}\r\n\r\n")?;
    let mut bytes = Vec::new();
    stream.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).replace('\r', ""))
}

/// Whether it ends by itself; if not, it is ended.
fn ends(child: &mut Child) -> bool {
    let until = Instant::now() + LONGEST;
    while Instant::now() < until {
        if !matches!(child.try_wait(), Ok(None)) {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let group = nix::unistd::Pid::from_raw(-(child.id() as i32));
    nix::sys::signal::kill(group, nix::sys::signal::Signal::SIGKILL).ok();
    child.wait().ok();
    false
}

/// Values that nobody else may know. The log never has them, but a mistake may quote its line.
fn secrets(config: &Config) -> BTreeSet<String> {
    let dumped = |secrets| config::dump(config, Title::Current, secrets);
    let (shown, hidden) = (dumped(Secrets::Shown), dumped(Secrets::Hidden));
    let lines = shown.lines().zip(hidden.lines());
    let different = lines.filter(|(shown, hidden)| shown != hidden);
    different
        .filter_map(|(shown, _)| shown.split_once('='))
        .map(|(_, value)| value.trim().replace("%%", "%"))
        .filter(|value| value.len() >= SHORTEST)
        .collect()
}

fn without(text: &str, hidden: &BTreeSet<String>) -> String {
    // The longest first: one may begin another.
    let mut values: Vec<&String> = hidden.iter().collect();
    values.sort_by_key(|it| std::cmp::Reverse(it.len()));
    let replaced = |text: String, value: &&String| text.replace(value.as_str(), "(secret)");
    values.iter().fold(text.to_owned(), replaced)
}

/// Where in the report the daemon itself has its say: behind the program and its service.
const FIRST: usize = 2;
/// Of the log.
const N_LINES: usize = 5_000;
/// Of one answer.
const MOST_BYTES: u64 = 4 << 20;
const LONGEST: Duration = Duration::from_secs(10);
/// A shorter word stands everywhere, and is no secret worth the name.
const SHORTEST: usize = 4;

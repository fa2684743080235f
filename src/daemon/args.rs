//! What does the command line ask for?

mod call;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use jiff::civil::Date;

use crate::config::{Override, Source, default_sources};
use crate::daemon::history::Moment;
use crate::store::Kind;

pub use call::{Call, Codec, Srtp};

/// A public-address daemon: it answers SIP calls and puts the caller on the loudspeakers.
///
/// Without an option it runs in the foreground until it gets SIGINT or SIGTERM.
/// SIGHUP makes it read its configuration again.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "paging",
    version,
    after_help = EXAMPLES,
    infer_long_args = true,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub struct Args {
    /// Configuration files, read after paging.conf, /etc/paging.conf, callpipe.conf and
    /// /etc/callpipe.conf; what a later file says counts
    #[arg(value_name = "CONF")]
    pub conf: Vec<PathBuf>,

    /// Log everything that happens
    #[arg(short, long)]
    pub debug: bool,

    /// How much the log tells about SIP messages, 0 to 10
    #[arg(
        long,
        value_name = "N",
        alias = "sip-log-level",
        value_parser = clap::value_parser!(u8).range(0..=10)
    )]
    pub pjsua_log_level: Option<u8>,

    /// What log lines look like
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// Send reports of errors to this Sentry project; an empty DSN sends none
    #[arg(long, value_name = "DSN")]
    pub sentry_dsn: Option<String>,

    /// Tell systemd when we are ready and alive; automatic when NOTIFY_SOCKET is set
    #[arg(long)]
    pub systemd: bool,

    /// Read and check the configuration, print every mistake, exit with 0 or 2
    #[arg(long, help_heading = "Look and exit")]
    pub check: bool,

    /// Print the configuration as it is without any file
    #[arg(long, help_heading = "Look and exit")]
    pub dump_conf_defaults: bool,

    /// Print the configuration that counts, after files and options
    #[arg(long, help_heading = "Look and exit")]
    pub dump_conf: bool,

    /// Print passwords too, with --dump-conf
    #[arg(long, help_heading = "Look and exit")]
    pub show_secrets: bool,

    /// List the sound devices
    #[arg(long, alias = "dump-pjsua-devices", help_heading = "Look and exit")]
    pub dump_devices: bool,

    /// Accepted from old scripts; such ports no longer exist
    #[arg(long, hide = true)]
    pub dump_pjsua_conf_ports: bool,

    /// Accepted from old scripts; there is nothing of PulseAudio to print
    #[arg(long, hide = true)]
    pub dump_pulse_props: bool,

    /// List the JACK ports that give or take sound
    #[arg(long, help_heading = "Look and exit")]
    pub dump_jack_ports: bool,

    /// Play a sound file the way a call is played, and exit
    #[arg(long, value_name = "PATH", help_heading = "Look and exit")]
    pub test_audio_file: Option<PathBuf>,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What else the program can do; a configuration file of the same name is written `./call`.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    Call(Call),
    Demo(Demo),
    Bells(Bells),
    History(History),
    Token(Token),
    Support(Support),
}

/// Show the whole job on this machine, without PBX, JACK or sound card
///
/// Plays music, calls itself, sounds the klaxon, lowers the music, speaks, brings the music
/// back, and prints what happened when. Writes what the speaker got, and a picture of it.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct Demo {
    /// Where to write the files
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,

    /// How long the caller speaks
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = seconds)]
    pub seconds: Duration,
}

/// List what the bells will ring, day by day, and what not and why
///
/// Reads the schedule and plan sections of the configuration, calendars included,
/// and plays nothing. The next seven days, or the one day of --date.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(after_help = BELLS_EXAMPLES)]
pub struct Bells {
    /// How many days
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub days: Option<u32>,

    /// The first day, as 2026-12-24; today unless given
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub date: Option<Date>,

    /// Configuration files, read after the usual ones
    #[arg(value_name = "CONF")]
    pub conf: Vec<PathBuf>,
}

/// Print what has happened, the newest first: pages, calls, bells, failures and changes
///
/// Words choose what is printed: each has to begin a word of the caller, the page, the zones, the
/// outcome or the text. The daemon may run meanwhile.
#[derive(Clone, Debug, PartialEq, clap::Args)]
#[command(after_help = HISTORY_EXAMPLES)]
pub struct History {
    /// Words that have to be there
    #[arg(value_name = "WORD")]
    pub words: Vec<String>,

    /// Not before: 2026-11-21, "2026-11-21 10:30", today, yesterday, or how long ago (90m, 36h, 7d)
    #[arg(long, value_name = "WHEN")]
    pub since: Option<Moment>,

    /// Before
    #[arg(long, value_name = "WHEN")]
    pub until: Option<Moment>,

    /// Only these, with commas between: page, call, bell, failure, change
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub kind: Vec<Kind>,

    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, conflicts_with = "all")]
    pub limit: usize,

    /// All there are
    #[arg(long)]
    pub all: bool,

    /// Comma-separated values (RFC 4180) with all columns, for spreadsheets
    #[arg(long)]
    pub csv: bool,

    /// A configuration file, read after the usual ones; may come several times
    #[arg(long, value_name = "CONF")]
    pub conf: Vec<PathBuf>,
}

impl History {
    /// How many to print at most.
    pub fn limit(&self) -> usize {
        if self.all { usize::MAX } else { self.limit }
    }
}

/// Make a token for a user of the HTTP interface
///
/// Prints the token, and the lines of the configuration that let its user in. Nothing is written.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct Token {
    /// Who gets it: the name of a user section
    #[arg(value_name = "NAME", value_parser = user_name)]
    pub name: String,
}

/// Write all that somebody needs who is to help into one text file
///
/// What the program and the machine are, the configuration, how things stand, what happened of
/// late, and the log. Passwords and tokens are left out.
#[derive(Clone, Debug, PartialEq, clap::Args)]
pub struct Support {
    /// The file to write, which must not be there yet; otherwise paging-support-DATE-TIME.txt
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Configuration files, read after the usual ones
    #[arg(value_name = "CONF")]
    pub conf: Vec<PathBuf>,
}

/// What a log line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One object a line, for log collectors
    Json,
}

/// The one thing to do now.
#[derive(Clone, Debug, PartialEq)]
pub enum Task<'a> {
    DumpConfDefaults,
    DumpConf,
    Check,
    DumpDevices,
    DumpConfPorts,
    DumpJackPorts,
    TestAudioFile(&'a Path),
    Call(&'a Call),
    Demo(&'a Demo),
    Bells(&'a Bells),
    History(&'a History),
    Token(&'a Token),
    Support(&'a Support),
    Run,
}

impl Args {
    /// What to do; of several options the first in this order counts.
    pub fn task(&self) -> Task<'_> {
        match &self.command {
            Some(Command::Call(call)) => return Task::Call(call),
            Some(Command::Demo(demo)) => return Task::Demo(demo),
            Some(Command::Bells(bells)) => return Task::Bells(bells),
            Some(Command::History(history)) => return Task::History(history),
            Some(Command::Token(token)) => return Task::Token(token),
            Some(Command::Support(support)) => return Task::Support(support),
            None => {}
        }
        let asked = [
            (self.dump_conf_defaults, Task::DumpConfDefaults),
            (self.dump_conf, Task::DumpConf),
            (self.check, Task::Check),
            (self.dump_devices, Task::DumpDevices),
            (self.dump_pjsua_conf_ports, Task::DumpConfPorts),
            (self.dump_jack_ports, Task::DumpJackPorts),
        ];
        let first = asked.into_iter().find(|(is_asked, _)| *is_asked);
        if let Some((_, task)) = first {
            return task;
        }
        match &self.test_audio_file {
            Some(path) => Task::TestAudioFile(path),
            None => Task::Run,
        }
    }

    /// The files to read in order; those named on the command line must be there.
    pub fn sources(&self) -> Vec<Source> {
        let of_command = match &self.command {
            Some(Command::Bells(bells)) => bells.conf.as_slice(),
            Some(Command::History(history)) => history.conf.as_slice(),
            Some(Command::Support(support)) => support.conf.as_slice(),
            Some(Command::Call(_) | Command::Demo(_) | Command::Token(_)) | None => &[],
        };
        let named = self.conf.iter().chain(of_command).map(|path| Source {
            path: in_home(path, std::env::home_dir().as_deref()),
            is_required: true,
        });
        default_sources().into_iter().chain(named).collect()
    }

    /// The options that count before what the files say.
    pub fn overrides(&self) -> Vec<Override> {
        let over = |key, option, value: Option<String>| {
            value.map(|value| Override {
                section: "server",
                key,
                value,
                option,
            })
        };
        let debug = self.debug.then(|| "yes".to_owned());
        let level = self.pjsua_log_level.map(|level| level.to_string());
        let format = self.log_format.map(|format| match format {
            LogFormat::Text => "text".to_owned(),
            LogFormat::Json => "json".to_owned(),
        });
        [
            over("debug", "--debug", debug),
            over("pjsua-log-level", "--pjsua-log-level", level),
            over("log-format", "--log-format", format),
            over("sentry_dsn", "--sentry-dsn", self.sentry_dsn.clone()),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// What to tell about options that are accepted but do nothing.
    pub fn remarks(&self) -> Vec<&'static str> {
        let pulse = self
            .dump_pulse_props
            .then_some("--dump-pulse-props no longer does anything; see --dump-jack-ports");
        pulse.into_iter().collect()
    }
}

/// `~` and `~/x` lie in the home directory, as the old program had it.
fn in_home(path: &Path, home: Option<&Path>) -> PathBuf {
    let mut parts = path.components();
    let first = parts.next().map(|part| part.as_os_str().to_owned());
    match (first.as_deref(), home) {
        (Some(tilde), Some(home)) if tilde == OsStr::new("~") => home.join(parts.as_path()),
        _ => path.to_owned(),
    }
}

fn date(text: &str) -> Result<Date, String> {
    text.parse()
        .map_err(|_| "write a day of the calendar, e.g. 2026-12-24".to_owned())
}

fn user_name(text: &str) -> Result<String, String> {
    let is_apart = |c: char| c.is_control() || " \t@<>\"[]".contains(c);
    if text.is_empty() || text.contains(is_apart) {
        return Err("write the name of a user, e.g. janitor".to_owned());
    }
    Ok(text.to_owned())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.strip_suffix('s').unwrap_or(text).parse().ok();
    number
        .filter(|seconds| *seconds > 0.0)
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "write a number of seconds above 0, e.g. 10 or 0.5".to_owned())
}

const EXAMPLES: &str = "\
Examples:
  paging site.conf                  run with the settings of site.conf
  paging --check site.conf          is everything in it right?
  paging --dump-conf                which settings count, and with which values?
  paging --dump-jack-ports          how are the speakers and players called?
  paging --test-audio-file a.wav    do the speakers work?
  paging demo                       see and hear it work, with no hardware at all
  paging bells --days 14            what will ring in the next two weeks?
  paging call sip:100@192.0.2.1 --play hello.wav
                                    page from here, as a phone would

A minimal paging.conf:
  [sip]
  domain = pbx.example.com
  user = 100
  pass = secret

paging.example.conf explains every setting. To read a file named call, demo
or bells, write ./call and so on.

Exit codes: 0 normal end or a signal, 1 failure while running, 2 command line or
configuration.";

const BELLS_EXAMPLES: &str = "\
Examples:
  paging bells                      the next seven days
  paging bells --days 30 site.conf  the next thirty, with the settings of site.conf
  paging bells --date 2026-12-24    that day alone

A bell in the configuration:
  [schedule:lesson]
  when = Mon-Fri 08:30 09:15 10:20
  play = gong.wav
  except = holidays.ics

Exit codes: 0 listed, 2 command line or configuration.";

const HISTORY_EXAMPLES: &str = "\
Examples:
  paging history                                   the last fifty things that happened
  paging history --since today --kind page         the pages of today
  paging history partly --since 30d                what was not heard everywhere
  paging history 101 hall                          what 101 had to do with the hall
  paging history --all --csv --since 2026-01-01 >2026.csv

Exit codes: 0 printed, 1 the history cannot be read, 2 command line or configuration.";

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;

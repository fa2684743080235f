//! How does the daemon live in a shell or under systemd: what starts, reloads and ends it?

use std::process::ExitCode;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::{self, Config, Mistake, Warning};
use crate::daemon::args::Args;
use crate::daemon::log_file::{self, LogFile};
use crate::daemon::service::{Extras, Handle, Request, Service};
use crate::daemon::{
    bells, exit, history, klaxon, library, logging, players, reports, settings, speech, words,
};

/// Runs until a signal ends it.
pub(super) fn run(args: &Args) -> ExitCode {
    let (config, warnings) = match read(args) {
        Ok(loaded) => loaded,
        Err(mistakes) => return exit::mistakes(&mistakes),
    };
    let for_systemd = args.systemd || std::env::var_os("NOTIFY_SOCKET").is_some();
    let file = match log_file(&config) {
        Ok(file) => file,
        Err(mistake) => return exit::mistakes(&[mistake]),
    };
    let _lines = logging::start(settings::logging(&config, for_systemd), file);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let _reports = match start_reports(&config) {
        Ok(guard) => guard,
        Err(mistake) => return exit::mistakes(&[mistake]),
    };
    match exit::runtime().and_then(|runtime| runtime.block_on(serve(config, args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::failure(&error),
    }
}

async fn serve(config: Config, args: &Args) -> anyhow::Result<()> {
    // Signals count from here on, not from the end of the start.
    let mut signals = Signals::new()?;
    if config.sip.accounts().next().is_none() {
        tracing::info!("no account is configured: calls must come straight to this machine");
    }
    let extras = Extras {
        history: Some(settings::state_file(&config, history::FILE)),
        ..Extras::default()
    };
    let (service, handle) = Service::start(config, extras).await?;
    for listen in service.listening() {
        tracing::info!("answering calls at {}", words::listening(&listen));
    }
    let life = service.run();
    tokio::pin!(life);
    loop {
        tokio::select! {
            () = &mut life => return Ok(()),
            sign = signals.next() => obey(sign, args, &handle),
        }
    }
}

/// A sound for callers that is not there is told with the other mistakes, and so is a klaxon that
/// cannot be played; when that is the only one, the start finds it.
fn read(args: &Args) -> Result<(Config, Vec<Warning>), Vec<Mistake>> {
    let loaded = config::read(&args.sources(), &args.overrides());
    let loaded = loaded.look_further(players::mistake);
    match loaded.config {
        Some(_) => loaded.result(),
        None => {
            let loaded = loaded.look_further(klaxon::mistake);
            let loaded = loaded.look_further(bells::mistakes);
            let loaded = loaded.look_further(library::mistakes);
            loaded.look_further(speech::mistakes).result()
        }
    }
}

/// Where the log goes if not to standard error.
fn log_file(config: &Config) -> Result<Option<LogFile>, Mistake> {
    let server = &config.server;
    let Some(path) = &server.log_file else {
        return Ok(None);
    };
    let limits = log_file::Limits {
        bytes: server.log_size,
        age: server.log_days.map(|days| DAY * days),
    };
    let opened = LogFile::open(path, limits);
    opened.map(Some).map_err(|why| {
        let text = format!(
            "cannot write {}: {why}; name a file that this user may write",
            path.display()
        );
        config.mistake("server", "log-file", text)
    })
}

const DAY: Duration = Duration::from_secs(86_400);

fn start_reports(config: &Config) -> Result<Option<sentry::ClientInitGuard>, Mistake> {
    let dsn = config.server.sentry_dsn.reveal();
    if dsn.is_empty() {
        return Ok(None);
    }
    let secrets = config
        .sip
        .accounts()
        .map(|a| a.password.reveal().to_owned())
        .collect();
    match reports::start(dsn, secrets) {
        Ok(guard) => Ok(Some(guard)),
        Err(why) => Err(config.mistake("server", "sentry_dsn", why)),
    }
}

fn obey(sign: Sign, args: &Args, handle: &Handle) {
    match sign {
        Sign::Stop(name) => {
            tracing::info!("stopping: got {name}");
            handle.ask(Request::Stop);
        }
        Sign::Reload => reload(args, handle),
        Sign::Trace => handle.ask(Request::TurnTrace),
    }
}

/// A bad new configuration leaves the old one running.
fn reload(args: &Args, handle: &Handle) {
    match read(args) {
        Ok((config, warnings)) => {
            for warning in warnings {
                tracing::warn!("{warning}");
            }
            handle.ask(Request::Reconfigure(Box::new(config)));
        }
        Err(mistakes) => {
            for mistake in &mistakes {
                tracing::error!("{mistake}");
            }
            tracing::error!("the new configuration is not used; the old one goes on");
        }
    }
}

enum Sign {
    Stop(&'static str),
    Reload,
    /// Messages shall be written down from now on, or no longer.
    Trace,
}

struct Signals {
    term: Signal,
    interrupt: Signal,
    hang_up: Signal,
    user: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    async fn next(&mut self) -> Sign {
        tokio::select! {
            _ = self.term.recv() => Sign::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Sign::Stop("SIGINT"),
            _ = self.hang_up.recv() => Sign::Reload,
            _ = self.user.recv() => Sign::Trace,
        }
    }
}

//! What does `paging call` do with its arguments?

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use crate::base::{Encoding, Pcm, SampleRate};
use crate::config::{self, Secret};
use crate::daemon::args::{Args, Call, Codec};
use crate::daemon::call::measure::{self, Measurement};
use crate::daemon::call::phone::{Moment, Outcome, Phone, PhoneSettings, Script, Step, host_port};
use crate::daemon::call::tally::Tally;
use crate::daemon::{exit, settings, wav};
use crate::{dsp, sip, sounds};

/// Between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(5);

/// The whole of `paging call`, for a thread without a runtime; `all` names the configuration,
/// which counts for `--account` only.
pub fn main(args: &Call, all: &Args) -> ExitCode {
    let mut args = args.clone();
    let account = match account(&mut args, all) {
        Ok(account) => account,
        Err(code) => return code,
    };
    exit::runtime()
        .and_then(|runtime| runtime.block_on(run(args, account)))
        .unwrap_or_else(|error| exit::failure(&error))
}

/// The account of the configuration that `--account` names; its codecs count unless the line has
/// others.
fn account(args: &mut Call, all: &Args) -> Result<Option<sip::Account>, ExitCode> {
    let Some(name) = &args.account else {
        return Ok(None);
    };
    let (config, _) = config::load(&all.sources(), &all.overrides())
        .map_err(|mistakes| exit::mistakes(&mistakes))?;
    let Some(account) = config.sip.accounts().find(|a| a.name == *name) else {
        say(&format!("the configuration has no account {name:?}"));
        return Err(ExitCode::from(exit::MISTAKE));
    };
    if args.codec.is_empty() {
        args.codec = vec![Codec(config.sip.codecs_of(account).to_vec())];
    }
    Ok(Some(settings::account(account)))
}

/// Makes the calls that `args` asks for and prints how they went; the exit code is 0 if each was
/// answered and ended as it should. `account` is the one that `args.account` names.
///
/// # Errors
/// What kept the phone from starting, or a file from being read or written.
pub async fn run(args: Call, account: Option<sip::Account>) -> anyhow::Result<ExitCode> {
    let encodings = args.codecs();
    let play = args.play.as_deref().map(|path| load(path, &encodings));
    let measurement = args
        .measure
        .as_deref()
        .map(Measurement::start)
        .transpose()?;
    let script = Script {
        target: args.uri.clone(),
        play: match measurement {
            Some(_) => Some(measure::sound()),
            None => play.transpose()?,
        },
        keys: args.dtmf.clone().unwrap_or_default(),
        duration: args.duration,
        record: args.record.is_some(),
        auto_answer: args.auto_answer,
    };
    let phone = Phone::start(PhoneSettings {
        target: args.uri.clone(),
        account: account.or_else(|| account_of(&args)).map(for_calls_only),
        local_port: args.local_port,
        encodings,
        srtp: args.srtp.into(),
        tls_ca: args.tls_ca.clone(),
    })
    .await?;
    let (stop, stopping) = watch::channel(false);
    let interrupt = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            let _ = stop.send(true);
        }
        // Keeps the sender alive: its end would read as a wish to stop.
        std::future::pending::<()>().await;
    });
    let run = Arc::new(Run {
        phone,
        script,
        stopping,
        tally: Mutex::default(),
        began: Mutex::default(),
        started_at: Instant::now(),
        record: args.record,
        n_calls: args.calls,
    });
    let written = run.clone().all(args.concurrent, args.rate).await;
    interrupt.abort();
    say(&run.tally().to_string());
    let n_failed = run.tally().n_failed();
    let began = run.began();
    if let Some(run) = Arc::into_inner(run) {
        run.phone.stop().await;
    }
    written?;
    let is_audible = match measurement {
        None => true,
        Some(measurement) => {
            let findings = measurement.finish(began)?;
            say(&findings.to_string());
            findings.is_audible()
        }
    };
    Ok(ExitCode::from(u8::from(n_failed > 0 || !is_audible)))
}

/// The calls under way and what they have in common.
struct Run {
    phone: Phone,
    script: Script,
    stopping: watch::Receiver<bool>,
    tally: Mutex<Tally>,
    /// When the sound of the last call began to be sent.
    began: Mutex<Option<Instant>>,
    started_at: Instant,
    record: Option<PathBuf>,
    n_calls: u32,
}

impl Run {
    /// Makes all calls, `rate` a second and `concurrent` at once at most.
    async fn all(self: Arc<Self>, concurrent: u32, rate: f64) -> anyhow::Result<()> {
        let places = Arc::new(Semaphore::new(concurrent as usize));
        let apart = Duration::from_secs_f64(1.0 / rate);
        let mut stopping = self.stopping.clone();
        let mut next_at = Instant::now();
        let mut calls = JoinSet::new();
        let mut written = Ok(());
        let progress = (self.n_calls > 1).then(|| tokio::spawn(self.clone().show_progress()));
        for number in 1..=self.n_calls {
            let turn = async {
                sleep_until(next_at.into()).await;
                places.clone().acquire_owned().await
            };
            let place = tokio::select! {
                biased;
                _ = stopping.wait_for(|stop| *stop) => break,
                place = turn => place?,
            };
            // Time lost waiting for a place is not made up by a burst.
            next_at = (next_at + apart).max(Instant::now());
            while let Some(call) = calls.try_join_next() {
                written = written.and(call.context("a call broke down")?);
            }
            let run = self.clone();
            calls.spawn(async move {
                let written = run.one(number).await;
                drop(place);
                written
            });
        }
        while let Some(call) = calls.join_next().await {
            written = written.and(call.context("a call broke down")?);
        }
        if let Some(progress) = progress {
            progress.abort();
            let _ = progress.await;
        }
        written
    }

    async fn one(&self, number: u32) -> anyhow::Result<()> {
        let is_only = self.n_calls == 1;
        let tell = |step: &Step| {
            if is_only {
                say(&self.line(step));
            }
        };
        let mut outcome = self
            .phone
            .call(&self.script, self.stopping.clone(), tell)
            .await;
        self.tally().add(&outcome);
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = outcome.began;
        if is_only && !outcome.is_success() {
            say(&format!("           {}", outcome.end));
        }
        self.write(number, &mut outcome)
    }

    fn write(&self, number: u32, outcome: &mut Outcome) -> anyhow::Result<()> {
        let Some(path) = &self.record else {
            return Ok(());
        };
        let heard = std::mem::take(&mut outcome.heard);
        wav::write_mono(&numbered(path, number), outcome.rate, heard)
    }

    fn line(&self, step: &Step) -> String {
        let since = step.at.saturating_duration_since(self.started_at);
        let what = match &step.what {
            Moment::Dialled => format!("calling {}", self.script.target),
            Moment::Ringing => "ringing".to_owned(),
            Moment::Answered => "answered".to_owned(),
            Moment::FirstSound => "first sound from the other side".to_owned(),
            Moment::Key(digit) => format!("the other side pressed {digit}"),
            Moment::Played => "sound played".to_owned(),
            Moment::HungUp => "hanging up".to_owned(),
            Moment::Ended => "over".to_owned(),
        };
        format!("{:>8.3} s {what}", since.as_secs_f64())
    }

    async fn show_progress(self: Arc<Self>) {
        let mut beat = interval(PROGRESS);
        beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
        beat.tick().await;
        loop {
            beat.tick().await;
            let tally = self.tally();
            say(&format!(
                "{:>6.0} s  {} of {} calls over, {} answered, {} failed",
                self.started_at.elapsed().as_secs_f64(),
                tally.n_calls(),
                self.n_calls,
                tally.n_answered(),
                tally.n_failed()
            ));
        }
    }

    fn began(&self) -> Option<Instant> {
        *self.began.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sound of a file at the rate of the best of the codecs, the others follow.
fn load(path: &Path, encodings: &[Encoding]) -> anyhow::Result<Arc<Pcm>> {
    let pcm = sounds::load(path)?;
    let rates = encodings.iter().map(|e| e.audio_rate());
    let rate = rates.max().unwrap_or(SampleRate::HZ_8000);
    let samples = dsp::convert(&pcm.to_mono(), pcm.rate, rate);
    Ok(Arc::new(Pcm::mono(rate, samples)))
}

/// Who has registered the account must not lose its calls to a test phone.
fn for_calls_only(account: sip::Account) -> sip::Account {
    sip::Account {
        presence: sip::Presence::CallsOnly,
        ..account
    }
}

/// Who we are, if the command line says; it goes to the target and nowhere else.
fn account_of(args: &Call) -> Option<sip::Account> {
    let from = args.from.as_deref();
    let from_user = from
        .and_then(|uri| uri.strip_prefix("sip:")?.split_once('@'))
        .map(|(user, _)| user.to_owned());
    let user = from_user.or_else(|| args.user.clone())?;
    let target = place(&args.uri)?;
    let domain = from.and_then(place).unwrap_or_else(|| target.clone());
    let uri = args.uri.to_ascii_lowercase();
    let (transport, param) = if uri.contains(";transport=tcp") {
        (Some(sip::Transport::Tcp), ";transport=tcp")
    } else if uri.contains(";transport=tls") {
        (Some(sip::Transport::Tls), ";transport=tls")
    } else {
        (None, "")
    };
    let proxy = (domain != target).then(|| format!("sip:{target}{param}"));
    Some(sip::Account {
        name: "call".to_owned(),
        domain,
        user,
        auth_user: args.user.clone(),
        password: sip::Secret::new(args.pass.as_ref().map_or("", Secret::reveal)),
        outbound_proxies: proxy.into_iter().collect(),
        transport,
        ..sip::Account::default()
    })
}

/// `host[:port]` of a SIP URI.
fn place(uri: &str) -> Option<String> {
    let (host, port) = host_port(uri)?;
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    Some(port.map_or(host.clone(), |port| format!("{host}:{port}")))
}

/// `heard.wav` for the first call, `heard-2.wav` for the second.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path
        .extension()
        .map(|e| format!(".{}", e.to_string_lossy()))
        .unwrap_or_default();
    path.with_file_name(format!("{stem}-{number}{extension}"))
}

/// Prints a line for the person at the terminal.
fn say(line: &str) {
    // A reader that is gone (`| head`) does not stop the calls.
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &[&str]) -> Call {
        use clap::Parser;
        let all = ["paging", "call"].iter().chain(line);
        let Some(crate::daemon::args::Command::Call(call)) = Args::parse_from(all).command else {
            panic!("a call was asked for");
        };
        call
    }

    #[test]
    fn without_a_name_there_is_no_account() {
        assert_eq!(account_of(&args(&["sip:100@192.0.2.1"])), None);
    }

    #[test]
    fn a_name_and_password_are_for_the_target() {
        let args = args(&["sip:100@[2001:db8::1]:5070", "--user", "bob", "--pass", "x"]);
        let account = account_of(&args).unwrap();
        assert_eq!(account.domain, "[2001:db8::1]:5070");
        assert_eq!(
            (account.user.as_str(), account.outbound_proxies),
            ("bob", Vec::new())
        );
        assert_eq!(account.password.reveal(), "x");
    }

    #[test]
    fn another_domain_is_reached_by_way_of_the_target() {
        let uri = "sip:100@192.0.2.1;transport=TCP";
        let args = args(&[uri, "--from", "sip:ann@example.com", "--user", "bob"]);
        let account = account_of(&args).unwrap();
        assert_eq!(account.domain, "example.com");
        assert_eq!(
            (account.user.as_str(), account.auth_user.as_deref()),
            ("ann", Some("bob"))
        );
        assert_eq!(account.outbound_proxies, ["sip:192.0.2.1;transport=tcp"]);
    }

    #[test]
    fn recordings_are_numbered_from_the_second_on() {
        let name = |n| numbered(Path::new("/x/heard.wav"), n).display().to_string();
        assert_eq!([name(1), name(2)], ["/x/heard.wav", "/x/heard-2.wav"]);
        assert_eq!(numbered(Path::new("a"), 3), Path::new("a-3"));
    }
}

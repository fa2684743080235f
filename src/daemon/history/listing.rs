//! What has happened, as people and spreadsheets read it?

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use jiff::{Timestamp, Zoned};

use crate::config;
use crate::daemon::args::{Args, History};
use crate::daemon::{exit, settings};
use crate::store::{Archive, Csv, Kept, Query};

/// Prints what is asked for, the newest first.
pub(in crate::daemon) fn list(asked: &History, args: &Args) -> ExitCode {
    let config = match config::read(&args.sources(), &args.overrides()).result() {
        Ok((config, _)) => config,
        Err(mistakes) => return exit::mistakes(&mistakes),
    };
    let file = settings::state_file(&config, FILE);
    match print(asked, &file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::failure(&error),
    }
}

fn print(asked: &History, file: &Path) -> anyhow::Result<()> {
    let now = Zoned::now();
    let archive = Archive::open(file)?;
    let mut query = query(asked, &now)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut left = asked.limit();
    let written = (|| {
        if asked.csv {
            let zone = now.time_zone();
            write!(out, "{}\r\n", Csv { kept: None, zone })?;
        }
        while left > 0 {
            query.limit = left.min(AT_ONCE);
            let found = archive.find(&query)?;
            for kept in &found {
                write_one(&mut out, kept, asked.csv, &now)?;
            }
            left = match found.len() == query.limit {
                true => left - found.len(),
                false => 0,
            };
            query.before = found.last().map(|kept| kept.id);
        }
        out.flush()?;
        anyhow::Ok(())
    })();
    match written {
        // Who reads has seen enough: `paging history | head`.
        Err(error) if is_closed(&error) => Ok(()),
        written => written,
    }
}

fn query(asked: &History, now: &Zoned) -> anyhow::Result<Query> {
    let time = |moment: Option<super::Moment>| moment.map(|it| it.time(now)).transpose();
    Ok(Query {
        since: time(asked.since).context("--since")?,
        until: time(asked.until).context("--until")?,
        kinds: asked.kind.clone(),
        words: asked.words.join(" "),
        ..Query::default()
    })
}

fn write_one(out: &mut impl Write, kept: &Kept, csv: bool, now: &Zoned) -> io::Result<()> {
    let zone = now.time_zone();
    if csv {
        let kept = Some(kept);
        return write!(out, "{}\r\n", Csv { kept, zone });
    }
    let at = Timestamp::try_from(kept.entry.at).unwrap_or(Timestamp::UNIX_EPOCH);
    let at = at.to_zoned(zone.clone()).strftime("%F %T");
    let text = kept.entry.text.replace(char::is_control, " ");
    writeln!(out, "{at}  {:7}  {text}", kept.entry.kind)
}

fn is_closed(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe)
}

/// In the folder of the state.
pub(in crate::daemon) const FILE: &str = "history.sqlite";
/// A year on the screen needs no year in memory.
const AT_ONCE: usize = 1_000;

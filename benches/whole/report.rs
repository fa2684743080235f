//! How are figures taken one by one and told, and which of them miss their limit?
#![allow(dead_code, reason = "each bench tells its own kinds of figures")]

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Instant;

use crate::meter;

/// Takes each of `all` whose name holds one of the words in `arguments`, or all if there is no
/// word, and tells what came of it; ends with 1 when a limit is missed.
pub fn run<T: Copy>(
    all: &[(&str, T)],
    arguments: &[String],
    take: impl Fn(T, &mut Report),
) -> ExitCode {
    let wanted: Vec<&String> = arguments.iter().filter(|w| !w.starts_with("--")).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(*w));
    let mut report = Report::default();
    for (name, step) in all.iter().filter(|(name, _)| is_wanted(name)) {
        let began = Instant::now();
        eprintln!("== {name} (load {:.1})", meter::load());
        take(*step, &mut report);
        eprintln!("-- {name}: {:.0} s", began.elapsed().as_secs_f64());
    }
    report.print();
    match report.n_missed() {
        0 => ExitCode::SUCCESS,
        n => {
            println!("{n} missed, at a load of {:.1}", meter::load());
            ExitCode::FAILURE
        }
    }
}

/// Every figure of a run, in the order they were taken.
#[derive(Default)]
pub struct Report {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    figure: String,
    limit: String,
    verdict: Verdict,
    beside: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Kept,
    Missed,
    /// Told for comparison only.
    Told,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Missed => "MISSED",
            Self::Told => "-",
        }
    }
}

/// A program of others that did the same in the same run.
pub struct Peer {
    pub name: &'static str,
    pub figure: f64,
}

impl Report {
    /// A figure that must stay below `limit`, beside what others needed.
    pub fn below(&mut self, what: &str, figure: f64, limit: f64, unit: &str, peers: &[Peer]) {
        let beside: Vec<String> = peers.iter().map(|p| against(figure, p, unit)).collect();
        self.rows.push(Row {
            what: what.into(),
            figure: with_unit(figure, unit),
            limit: format!("< {limit} {unit}"),
            verdict: verdict(figure < limit),
            beside: beside.join("; "),
        });
    }

    /// A figure that must reach `limit`, beside what others reached.
    pub fn above(&mut self, what: &str, figure: f64, limit: f64, unit: &str, peers: &[Peer]) {
        let beside: Vec<String> = peers.iter().map(|p| against(figure, p, unit)).collect();
        self.rows.push(Row {
            what: what.into(),
            figure: with_unit(figure, unit),
            limit: format!(">= {}", with_unit(limit, unit)),
            verdict: verdict(figure >= limit),
            beside: beside.join("; "),
        });
    }

    /// A figure that must reach `limit`; `note` stands beside it.
    pub fn at_least(
        &mut self,
        what: &str,
        figure: f64,
        limit: f64,
        unit: &str,
        note: impl Display,
    ) {
        self.rows.push(Row {
            what: what.into(),
            figure: with_unit(figure, unit),
            limit: format!(">= {} {unit}", number(limit)),
            verdict: verdict(figure >= limit),
            beside: note.to_string(),
        });
    }

    /// A count that must be zero; `note` stands beside it.
    pub fn none(&mut self, what: &str, count: u64, note: impl Display) {
        self.rows.push(Row {
            what: what.into(),
            figure: count.to_string(),
            limit: "0".into(),
            verdict: verdict(count == 0),
            beside: note.to_string(),
        });
    }

    /// A count without a limit; `note` stands beside it.
    pub fn seen(&mut self, what: &str, count: impl Display, note: impl Display) {
        self.rows.push(Row {
            what: what.into(),
            figure: count.to_string(),
            limit: String::new(),
            verdict: Verdict::Told,
            beside: note.to_string(),
        });
    }

    /// A figure without a limit.
    pub fn told(&mut self, what: &str, figure: f64, unit: &str, peers: &[Peer]) {
        let beside: Vec<String> = peers.iter().map(|p| against(figure, p, unit)).collect();
        self.rows.push(Row {
            what: what.into(),
            figure: with_unit(figure, unit),
            limit: String::new(),
            verdict: Verdict::Told,
            beside: beside.join("; "),
        });
    }

    pub fn n_missed(&self) -> usize {
        let missed = |row: &&Row| row.verdict == Verdict::Missed;
        self.rows.iter().filter(missed).count()
    }

    /// As a table of Markdown, which is readable as it is.
    pub fn print(&self) {
        let head = ["figure", "measured", "limit", "verdict", "beside"].map(String::from);
        let rows = self.rows.iter().map(|row| {
            let verdict = row.verdict.word().to_owned();
            let [what, figure, limit, beside] =
                [&row.what, &row.figure, &row.limit, &row.beside].map(Clone::clone);
            [what, figure, limit, verdict, beside]
        });
        let table: Vec<[String; 5]> = std::iter::once(head).chain(rows).collect();
        let width = |i: usize| table.iter().map(|row| row[i].chars().count()).max();
        let widths: [usize; 5] = std::array::from_fn(|i| width(i).unwrap_or(0));
        println!();
        for (n, row) in table.iter().enumerate() {
            println!("{}", line(row, widths, ' '));
            if n == 0 {
                let rule = row.clone().map(|_| String::new());
                println!("{}", line(&rule, widths, '-'));
            }
        }
        println!();
    }
}

fn line(cells: &[String; 5], widths: [usize; 5], fill: char) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| {
        let missing = width - cell.chars().count();
        format!("{fill}{cell}{}{fill}", fill.to_string().repeat(missing))
    });
    format!("|{}|", padded.collect::<Vec<_>>().join("|"))
}

fn verdict(is_kept: bool) -> Verdict {
    if is_kept {
        return Verdict::Kept;
    }
    Verdict::Missed
}

fn against(ours: f64, peer: &Peer, unit: &str) -> String {
    let theirs = with_unit(peer.figure, unit);
    if peer.figure <= 0.0 {
        return format!("{} {theirs}", peer.name);
    }
    format!(
        "{} {theirs} (ours is {} times that)",
        peer.name,
        number(ours / peer.figure)
    )
}

fn with_unit(figure: f64, unit: &str) -> String {
    format!("{} {unit}", number(figure)).trim_end().to_owned()
}

/// Three digits that count.
fn number(figure: f64) -> String {
    let digits = match figure.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{figure:.digits$}")
}

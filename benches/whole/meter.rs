//! What does a running program cost, as the kernel counts it?
#![allow(dead_code, reason = "each bench uses its own part")]

use std::fs;
use std::time::{Duration, Instant};

/// Memory of a program of its own: shared pages such as JACK's do not count.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Private pages, also those that are only a copy of a file: what `smem` calls USS.
    pub own_mb: f64,
    /// Private pages that were written to: what the program holds beside its own code.
    pub dirty_mb: f64,
}

impl Memory {
    pub fn of(pid: u32) -> Self {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(path).expect("the program runs");
        let mb = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key));
            let kb = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
            kb.expect("the kernel tells it") / 1_024.0
        };
        let dirty_mb = mb("Private_Dirty:");
        Self {
            own_mb: mb("Private_Clean:") + dirty_mb,
            dirty_mb,
        }
    }
}

/// Looks at the processor time of some programs over the same span.
pub struct Span {
    began: Instant,
    before: Vec<(u32, Duration)>,
}

impl Span {
    pub fn begin(pids: &[u32]) -> Self {
        Self {
            before: pids.iter().map(|&pid| (pid, cpu_time(pid))).collect(),
            began: Instant::now(),
        }
    }

    /// Percent of one core that each has used since.
    pub fn percent(&self) -> Vec<f64> {
        let span = self.began.elapsed().as_secs_f64();
        let used = self.before.iter().map(|&(pid, before)| {
            let used = cpu_time(pid).saturating_sub(before);
            100.0 * used.as_secs_f64() / span
        });
        used.collect()
    }
}

/// Time on a processor so far, all threads, in nanoseconds: the hundredths of a second in
/// `/proc/PID/stat` are too coarse for a program that is nearly idle.
fn cpu_time(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the program runs");
    let of_task = |task: std::io::Result<fs::DirEntry>| {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    Duration::from_nanos(tasks.filter_map(of_task).sum())
}

/// How busy the machine is with everything, this run included: programs that could run, averaged
/// over the last minute.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ')
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0.0)
}

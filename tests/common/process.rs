//! How does a test hold a program that runs beside it?

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// A running program with all that it has printed; killed on drop, and by the kernel should the
/// test die.
pub struct Process {
    name: String,
    child: Child,
    printed: Arc<Printed>,
}

#[derive(Default)]
struct Printed {
    lines: Mutex<Vec<(Instant, String)>>,
    more: Condvar,
}

impl Process {
    /// Starts `program`; `prepare` adds arguments, environment and so on.
    pub fn spawn(program: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", program]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        prepare(&mut command);
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {program}: {e}; run scripts/test"));
        let printed = Arc::new(Printed::default());
        collect(child.stdout.take().unwrap(), &printed);
        collect(child.stderr.take().unwrap(), &printed);
        let name = program.rsplit('/').next().unwrap_or(program).to_owned();
        Self {
            name,
            child,
            printed,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything printed so far, both streams in order of arrival.
    pub fn log(&self) -> String {
        let lines = self.printed.lines.lock().unwrap();
        lines.iter().map(|(_, line)| format!("{line}\n")).collect()
    }

    /// When a line that contains `text` came; waits for it.
    pub fn wait_for(&self, text: &str, longest: Duration) -> Instant {
        self.line_with(text, longest).unwrap_or_else(|| {
            panic!(
                "{} did not print {text:?} within {longest:?}:\n{}",
                self.name,
                self.log()
            )
        })
    }

    /// Like `wait_for`, but its absence is an answer.
    pub fn line_with(&self, text: &str, longest: Duration) -> Option<Instant> {
        let until = Instant::now() + longest;
        let mut lines = self.printed.lines.lock().unwrap();
        loop {
            if let Some((at, _)) = lines.iter().find(|(_, line)| line.contains(text)) {
                return Some(*at);
            }
            let left = until.checked_duration_since(Instant::now())?;
            lines = self.printed.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Sends a signal by its short name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let command = format!("kill -{name} {}", self.pid());
        let sent = Command::new("sh").args(["-c", &command]).status();
        assert!(sent.unwrap().success(), "{command}");
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end; `None` when it still runs after `longest`.
    pub fn wait(&mut self, longest: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + longest;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            if Instant::now() >= until {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Types a line.
    pub fn say(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("its input is open");
        writeln!(input, "{line}").unwrap();
    }

    /// Asks the program to end by closing its standard input.
    pub fn close_stdin(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("── {} printed:\n{}", self.name, self.log());
        }
    }
}

fn collect(stream: impl Read + Send + 'static, into: &Arc<Printed>) {
    let into = into.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).into_owned();
            into.lines.lock().unwrap().push((Instant::now(), line));
            into.more.notify_all();
        }
    });
}

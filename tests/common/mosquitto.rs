//! How does a test get a broker of MQTT, and follow and send what passes there?

use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::folder::Folder;
use super::ports::free_block;
use super::process::Process;

/// Mosquitto, which remembers nothing when it ends.
pub struct Mosquitto {
    pub port: u16,
    folder: Folder,
    process: Process,
    /// How its clients come in.
    arguments: Vec<String>,
}

/// Whom it lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Login {
    pub name: &'static str,
    pub password: &'static str,
}

impl Mosquitto {
    /// Lets that login in alone; with these files of an authority, a certificate and its key over
    /// TLS alone.
    pub fn start(login: Login, tls: Option<&[PathBuf; 3]>) -> Self {
        let folder = Folder::new("mosquitto");
        let port = free_block(1);
        // It would become another user, who may not read our files.
        let mut text = format!(
            "user root\npersistence false\nlog_dest stderr\nallow_anonymous false\n\
             password_file {}\nlistener {port} 127.0.0.1\n",
            password_file(&folder, login).display()
        );
        let mut arguments = vec!["-V".to_owned(), "5".to_owned(), "-p".to_owned()];
        arguments.push(port.to_string());
        for (option, value) in [("-u", login.name), ("-P", login.password)] {
            arguments.extend([option.to_owned(), value.to_owned()]);
        }
        if let Some([ca, cert, key]) = tls {
            let (cert, key) = (cert.display(), key.display());
            text += &format!("certfile {cert}\nkeyfile {key}\n");
            let ca = ca.display().to_string();
            arguments.extend(["-h", "localhost", "--cafile"].map(str::to_owned));
            arguments.push(ca);
        }
        folder.write("mosquitto.conf", text);
        let process = serve(&folder, port);
        Self {
            port,
            folder,
            process,
            arguments,
        }
    }

    /// Ends it at once, as a power cut would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again at the same port, where it knows nothing.
    pub fn restart(&mut self) {
        self.kill();
        self.process = serve(&self.folder, self.port);
    }

    /// Sends it a signal by its short name.
    pub fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Follows everything from now on, and what is retained.
    pub fn watch(&self) -> Watch {
        let process = Process::spawn("mosquitto_sub", |command| {
            command.args(&self.arguments);
            command.args(["-t", "#", "-q", "1", "-F", "%r %t %p"]);
        });
        Watch { process }
    }

    /// Publishes one message.
    pub fn publish(&self, topic: &str, payload: &str, more: &[&str]) {
        let mut command = Command::new("mosquitto_pub");
        command.args(&self.arguments).args(more);
        command.args(["-q", "1", "-t", topic, "-m", payload]);
        let sent = command.output().unwrap();
        let told = String::from_utf8_lossy(&sent.stderr);
        assert!(sent.status.success(), "{topic}: {told}");
    }
}

/// One who listens to everything.
pub struct Watch {
    process: Process,
}

impl Watch {
    /// All messages so far: whether they were retained before, topic and payload.
    pub fn all(&self) -> Vec<(bool, String, String)> {
        let log = self.process.log();
        let message = |line: &str| {
            let mut parts = line.splitn(3, ' ');
            let is_retained = parts.next()? == "1";
            let (topic, payload) = (parts.next()?, parts.next().unwrap_or_default());
            Some((is_retained, topic.to_owned(), payload.to_owned()))
        };
        log.lines().filter_map(message).collect()
    }

    /// The newest payload of a topic.
    pub fn last(&self, topic: &str) -> Option<String> {
        let all = self.all();
        let mut found = all.into_iter().rev().filter(|it| it.1 == topic);
        found.next().map(|it| it.2)
    }

    /// The newest payload of a topic as JSON, once `is_it` is true of it.
    pub fn wait_for(&self, topic: &str, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + SOON;
        loop {
            let last = self.last(topic).unwrap_or_default();
            let told = serde_json::from_str(&last).unwrap_or(Value::String(last));
            if is_it(&told) {
                return told;
            }
            assert!(Instant::now() < until, "{topic}: {what}: it is {told}");
            pause();
        }
    }

    /// The first message to a topic after so many others of all, as JSON.
    pub fn after(&self, n: usize, topic: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + SOON;
        loop {
            let all = self.all();
            let new = all.iter().skip(n).filter(|it| it.1 == topic);
            let mut told = new.map(|it| serde_json::from_str(&it.2).unwrap_or(Value::Null));
            if let Some(found) = told.find(&is_it) {
                return found;
            }
            assert!(Instant::now() < until, "nothing at {topic}: {all:#?}");
            pause();
        }
    }

    /// How many messages have come.
    pub fn n(&self) -> usize {
        self.all().len()
    }
}

fn serve(folder: &Folder, port: u16) -> Process {
    let conf = folder.join("mosquitto.conf");
    // Debian has it where only an administrator looks.
    let process = Process::spawn("/usr/sbin/mosquitto", |command| {
        command.arg("-c").arg(conf);
    });
    let until = Instant::now() + SOON;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < until, "no broker:\n{}", process.log());
        pause();
    }
    process
}

fn password_file(folder: &Folder, login: Login) -> PathBuf {
    let file = folder.join("passwords");
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .arg(&file)
        .args([login.name, login.password])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    file
}

fn pause() {
    std::thread::sleep(Duration::from_millis(10));
}

/// Generous: the machine may be loaded.
const SOON: Duration = Duration::from_secs(20);

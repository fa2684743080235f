//! How does a telephone behind an adapter that others wrote speak with the daemon? Baresip plays it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::folder::Folder;
use super::ports::{free_address, free_block};
use super::process::Process;

/// Registers, picks up when it is rung, and does what it is told.
pub struct Adapter {
    pub process: Process,
    control: TcpStream,
    /// What came by it.
    told: Vec<u8>,
    server: SocketAddr,
    _folder: Folder,
}

impl Adapter {
    /// Registers as that user; what its telephone hears, it says. It is picked up when it rings.
    pub fn start(server: SocketAddr, user: &str, password: &str) -> Self {
        Self::answering(server, user, password, "auto")
    }

    /// As `start`, but it rings until somebody picks it up.
    pub fn ringing(server: SocketAddr, user: &str, password: &str) -> Self {
        Self::answering(server, user, password, "manual")
    }

    fn answering(server: SocketAddr, user: &str, password: &str, mode: &str) -> Self {
        let folder = Folder::new("adapter");
        let control = free_address();
        let rtp = free_block(16);
        let text = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{}\naudio_player aubridge,phone\n\
             audio_source aubridge,phone\naudio_alert aubridge,bell\nausrc_srate 8000\n\
             auplay_srate 8000\naudio_level no\nrtp_ports {rtp}-{}\n\
             module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule aubridge.so\n\
             module ctrl_tcp.so\nctrl_tcp_listen {control}\nmodule_app account.so\n\
             module_app menu.so\naudio_buffer 20-160\n\
             ringback_disabled yes\n",
            free_address().port(),
            rtp + 15,
        );
        folder.write("config", text);
        let account = format!(
            "<sip:{user}@{server}>;auth_user={user};auth_pass={password};regint=60;\
             answermode={mode};audio_codecs=PCMU/8000/1\n"
        );
        folder.write("accounts", account);
        folder.write("contacts", "");
        let process = Process::spawn("baresip", |command| {
            command
                .args(["-s", "-f"])
                .arg(folder.path())
                .current_dir(folder.path());
        });
        Self {
            control: connect(control),
            told: Vec::new(),
            process,
            server,
            _folder: folder,
        }
    }

    /// Is picked up, and dials.
    pub fn dial(&mut self, number: &str) {
        let uri = format!("sip:{number}@{}", self.server);
        self.command("dial", &uri);
    }

    /// A key is pressed.
    pub fn press(&mut self, key: char) {
        self.command("sndcode", &key.to_string());
    }

    /// Is picked up while it rings; else nothing happens.
    pub fn pick_up(&mut self) {
        self.command("accept", "");
    }

    /// Is put down.
    pub fn put_down(&mut self) {
        self.command("hangup", "");
    }

    /// Waits until its other side has pressed these keys, since it was started.
    pub fn wait_for_keys(&mut self, keys: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.pressed() != keys {
            assert!(Instant::now() < until, "{keys}: {}", self.pressed());
            let mut bytes = [0; 4_096];
            if let Ok(n) = self.control.read(&mut bytes) {
                self.told.extend(&bytes[..n]);
            }
        }
    }

    /// Its events are netstrings of JSON.
    fn pressed(&self) -> String {
        let text = String::from_utf8_lossy(&self.told);
        let events = text.split("{\"event\":true").skip(1);
        let key = |event: &str| {
            let is_key = event.contains("\"CALL_DTMF_START\"");
            let rest = event.split("\"param\":\"").nth(1).filter(|_| is_key)?;
            rest.chars().next()
        };
        events.filter_map(key).collect()
    }

    /// A netstring of JSON, as the module wants it.
    fn command(&mut self, command: &str, params: &str) {
        let text = serde_json::json!({"command": command, "params": params}).to_string();
        write!(self.control, "{}:{text},", text.len()).unwrap();
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => {
                let patience = Some(Duration::from_millis(100));
                stream.set_read_timeout(patience).unwrap();
                return stream;
            }
            Err(why) => assert!(Instant::now() < until, "baresip: {why}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

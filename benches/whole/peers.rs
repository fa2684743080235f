//! What do others need for the same job?

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use crate::common::folder::Folder;
use crate::common::jackd::{Jackd, client_environment};
use crate::common::ports::free_address;
use crate::common::process::Process;

/// How the bench starts itself again to be the client that does nothing.
pub const IDLE_CLIENT: &str = "idle-client";

/// The floor of every JACK client: two outputs, joined to the speakers, that are filled with
/// silence and nothing else.
pub struct IdleClient {
    pub process: Process,
}

impl IdleClient {
    pub fn start(jackd: &Jackd) -> Self {
        let me = std::env::current_exe().expect("the bench is a file");
        let process = Process::spawn(me.to_str().expect("a plain path"), |command| {
            command
                .arg(IDLE_CLIENT)
                .envs(client_environment(&jackd.name));
        });
        process.wait_for("does nothing", Duration::from_secs(10));
        Self { process }
    }
}

struct Silence([jack::Port<jack::AudioOut>; 2]);

impl jack::ProcessHandler for Silence {
    fn process(&mut self, _: &jack::Client, scope: &jack::ProcessScope) -> jack::Control {
        for port in &mut self.0 {
            port.as_mut_slice(scope).fill(0.0);
        }
        jack::Control::Continue
    }
}

/// The process that `IdleClient` starts.
pub fn be_idle() {
    jack::set_logger(jack::LoggerType::None);
    let options = jack::ClientOptions::NO_START_SERVER;
    let (client, _) = jack::Client::new(IDLE_CLIENT, options).expect("the server runs");
    let ports = ["out_1", "out_2"].map(|name| {
        let port = client.register_port(name, jack::AudioOut::default());
        port.expect("the name is free")
    });
    let active = client.activate_async((), Silence(ports));
    let active = active.expect("the server runs");
    for n in [1, 2] {
        let (from, to) = (
            format!("{IDLE_CLIENT}:out_{n}"),
            format!("system:playback_{n}"),
        );
        let joined = active.as_client().connect_ports_by_name(&from, &to);
        joined.expect("the speakers are there");
    }
    println!("does nothing");
    // Until the bench closes its end.
    let _ = std::io::stdin().read(&mut [0]);
}

/// Baresip that answers every call at once and plays it to JACK.
pub struct Baresip {
    pub process: Process,
    pub sip: SocketAddr,
    _folder: Folder,
}

impl Baresip {
    pub fn start(jackd: &Jackd) -> Self {
        let folder = Folder::new("baresip-peer");
        let sip = free_address();
        folder.write("config", config(sip));
        folder.write(
            "accounts",
            "<sip:peer@127.0.0.1>;regint=0;answermode=auto;audio_codecs=PCMU/8000/1\n",
        );
        folder.write("contacts", "");
        let process = Process::spawn("baresip", |command| {
            command
                .arg("-f")
                .arg(folder.path())
                .current_dir(folder.path())
                .envs(client_environment(&jackd.name));
        });
        process.wait_for("baresip is ready", Duration::from_secs(10));
        Self {
            process,
            sip,
            _folder: folder,
        }
    }
}

fn config(sip: SocketAddr) -> String {
    format!(
        "poll_method epoll\nsip_listen {sip}\naudio_player jack\naudio_source ausine,440\n\
         audio_alert jack\nausrc_srate 48000\nauplay_srate 48000\nauplay_channels 1\nauplay_format float\nausrc_channels 2\n\
         audio_level no\nrtp_stats no\ncall_local_timeout 120\ncall_max_calls 200\njack_connect_ports yes\n\
         module_path /usr/lib/baresip/modules\nmodule stdio.so\nmodule g711.so\n\
         module ausine.so\nmodule jack.so\nmodule_app account.so\nmodule_app menu.so\n"
    )
}

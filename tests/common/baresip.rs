//! How does a phone that others wrote call the daemon?

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::folder::Folder;
use super::ports::free_address;
use super::process::Process;
use super::signal::write_wav;

/// Baresip that dials and speaks a sound.
pub struct Baresip {
    pub process: Process,
    _folder: Folder,
}

impl Baresip {
    /// Calls `user` at `server`, plays `sound` (8 kHz) and hangs up after `seconds`.
    pub fn call(server: SocketAddr, user: &str, sound: &[f32], seconds: u32) -> Self {
        Self::call_protected(server, user, sound, seconds, "")
    }

    /// As `call`; `protection` is what baresip calls `mediaenc`, empty for none.
    pub fn call_protected(
        server: SocketAddr,
        user: &str,
        sound: &[f32],
        seconds: u32,
        protection: &str,
    ) -> Self {
        let uri = format!("sip:{user}@{server}");
        Self::dial(&uri, server, sound, seconds, (PCMU, protection), "")
    }

    /// As `call`, with a codec as baresip names it (`opus/48000/2`) and the module that has it.
    pub fn call_with(
        server: SocketAddr,
        user: &str,
        sound: &[f32],
        seconds: u32,
        codec: (&str, &str),
    ) -> Self {
        let uri = format!("sip:{user}@{server}");
        let module = format!("module {}\n", codec.1);
        Self::dial(&uri, server, sound, seconds, (codec.0, ""), &module)
    }

    /// As `call`, but over TLS with SRTP; believes the authority in that file.
    pub fn call_secure(server: SocketAddr, user: &str, sound: &[f32], ca: &Path) -> Self {
        let uri = format!("sip:{user}@{server};transport=tls");
        let more = format!("sip_cafile {}\nsip_verify_server yes\n", ca.display());
        Self::dial(&uri, server, sound, 3, (PCMU, "srtp-mand"), &more)
    }

    fn dial(
        uri: &str,
        server: SocketAddr,
        sound: &[f32],
        seconds: u32,
        (codec, protection): (&str, &str),
        more: &str,
    ) -> Self {
        let protection = match protection {
            "" => String::new(),
            name => format!(";mediaenc={name}"),
        };
        let account = format!("<sip:caller@{}>;regint=0{protection}", host(server));
        Self::start((&account, codec), uri, server, sound, seconds, more)
    }

    /// Registers as `user` with that password, calls 100 there with a tone, and leaves after
    /// `seconds`.
    pub fn registered(server: SocketAddr, user: &str, password: &str, seconds: u32) -> Self {
        let account =
            format!("<sip:{user}@{server}>;auth_user={user};auth_pass={password};regint=60");
        let uri = format!("sip:100@{server}");
        let sound = vec![0.1; 8_000];
        Self::start((&account, PCMU), &uri, server, &sound, seconds, "")
    }

    fn start(
        (account, codec): (&str, &str),
        uri: &str,
        server: SocketAddr,
        sound: &[f32],
        seconds: u32,
        more: &str,
    ) -> Self {
        let folder = Folder::new("baresip");
        let wav = folder.join("sound.wav");
        // Of a pair of channels baresip wants both.
        let channels: &[&[f32]] = if codec.ends_with("/2") {
            &[sound, sound]
        } else {
            &[sound]
        };
        write_wav(&wav, 8_000, channels);
        folder.write("config", config(host(server), wav.to_str().unwrap()) + more);
        folder.write("accounts", format!("{account};audio_codecs={codec}\n"));
        folder.write("contacts", "");
        let process = Process::spawn("baresip", |command| {
            if server.is_ipv6() {
                command.arg("-6");
            }
            command
                .arg("-f")
                .arg(folder.path())
                .args(["-e", &format!("/dial {uri}")])
                .args(["-t", &seconds.to_string()])
                .current_dir(folder.path());
        });
        Self {
            process,
            _folder: folder,
        }
    }

    pub fn wait_established(&self, longest: Duration) {
        self.process.wait_for("Call established", longest);
    }

    /// Waits until its time is over and it has hung up.
    pub fn finish(&mut self, longest: Duration) {
        self.process.wait(longest).expect("baresip ends by itself");
    }
}

fn host(server: SocketAddr) -> &'static str {
    if server.is_ipv4() {
        "127.0.0.1"
    } else {
        "[::1]"
    }
}

const PCMU: &str = "PCMU/8000/1";

fn config(host: &str, wav: &str) -> String {
    let sip = format!("{host}:{}", free_address().port());
    format!(
        "poll_method epoll\nsip_listen {sip}\naudio_player aufile,/dev/null\n\
         audio_source aufile,{wav}\naudio_alert aufile,/dev/null\nausrc_srate 8000\n\
         auplay_srate 8000\naudio_level no\nrtp_stats yes\ncall_local_timeout 120\n\
         module_path /usr/lib/baresip/modules\nmodule stdio.so\nmodule g711.so\n\
         module aufile.so\nmodule srtp.so\nmodule_app account.so\nmodule_app menu.so\n\
         audio_buffer 20-160\n"
    )
}

//! How does linphone, with commands typed into it, call the daemon?

use super::folder::Folder;
use super::ports::free_address;
use super::process::Process;

/// Linphone without a screen.
pub struct Linphone {
    pub process: Process,
    _folder: Folder,
}

impl Linphone {
    /// Starts it with these lines in its section `[sip]`, and whole sections behind them.
    pub fn start(lines: &str) -> Self {
        let folder = Folder::new("linphone");
        std::fs::create_dir_all(folder.join(".local/share/linphone")).unwrap();
        let own = free_address().port();
        let settings = format!(
            "[sip]\nsip_port={own}\nsip_tcp_port=-1\nsip_tls_port=-1\nuse_ipv6=0\n{lines}\n"
        );
        let file = folder.write("linphonerc", settings);
        let process = Process::spawn("linphonec", |command| {
            command.arg("-b").arg(&file).arg("-c").arg(&file);
            command.env("HOME", folder.path()).env("TERM", "dumb");
        });
        Self {
            process,
            _folder: folder,
        }
    }
}

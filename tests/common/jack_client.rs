//! What do the speakers get, and where does the music come from?
//!
//! libjack chooses its server by an environment variable of the process, so each client is a
//! process of its own: the test program starts itself again and runs only `jack_client_process`.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant, SystemTime};

use super::folder::Folder;
use super::jackd::{Jackd, client_environment};
use super::process::Process;

/// Hears what `system:playback_1`, `_2` and so on hear: it mirrors their connections.
pub struct Recorder {
    process: Process,
    folder: Folder,
    rate: u32,
    n_ports: usize,
}

/// What the speakers got.
pub struct Recording {
    pub rate: u32,
    pub left: Vec<f32>,
    pub right: Vec<f32>,
    /// All of them, those two included.
    pub speakers: Vec<Vec<f32>>,
    /// When the first frame was played.
    pub started: Instant,
    /// Frames that the graph skipped; they are silent in the recording.
    pub n_skipped: u64,
    /// Cycles that JACK says came too late, whoever was guilty.
    pub n_xruns: u64,
}

impl Recorder {
    pub fn start(jackd: &Jackd) -> Self {
        let folder = Folder::new("recorder");
        let n_ports = jackd.n_ports;
        let process = spawn(jackd, &folder, &format!("record {n_ports}"));
        Self {
            process,
            folder,
            rate: jackd.rate,
            n_ports,
        }
    }

    /// Ends the recording and reads it.
    pub fn stop(mut self) -> Recording {
        self.process.close_stdin();
        let ended = self.process.wait(Duration::from_secs(10));
        assert!(ended.is_some_and(|s| s.success()), "{}", self.process.log());
        Recording::read(&self.folder, self.rate, self.n_ports)
    }
}

impl Recording {
    fn read(folder: &Folder, rate: u32, n_ports: usize) -> Self {
        let facts = std::fs::read_to_string(folder.join("facts")).unwrap();
        let facts: Vec<u64> = facts
            .split(' ')
            .map(|n| n.trim().parse().unwrap())
            .collect();
        let samples: Vec<f32> = std::fs::read(folder.join("samples"))
            .unwrap()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        let of = |port| {
            samples
                .iter()
                .copied()
                .skip(port)
                .step_by(n_ports)
                .collect()
        };
        let speakers: Vec<Vec<f32>> = (0..n_ports).map(of).collect();
        let began = SystemTime::UNIX_EPOCH + Duration::from_nanos(facts[0]);
        let age = SystemTime::now().duration_since(began).unwrap();
        Self {
            rate,
            left: speakers[0].clone(),
            right: speakers[1].clone(),
            speakers,
            started: Instant::now() - age,
            n_skipped: facts[1],
            n_xruns: facts[2],
        }
    }

    /// The place of `at` in the recording, in frames.
    pub fn frame_at(&self, at: Instant) -> usize {
        let span = at.saturating_duration_since(self.started);
        (span.as_secs_f64() * f64::from(self.rate)) as usize
    }

    pub fn seconds(&self) -> f64 {
        self.left.len() as f64 / f64::from(self.rate)
    }
}

/// A player like mpd: a client `name` with ports `left` and `right`, each a steady sine.
pub struct Music {
    process: Process,
    _folder: Folder,
}

impl Music {
    /// Frequencies in hertz, amplitude 0 to 1; `connect` joins it to the speakers itself, as
    /// players do.
    pub fn start(jackd: &Jackd, name: &str, hz: [f32; 2], amplitude: f32, connect: bool) -> Self {
        let folder = Folder::new("music");
        let what = format!("play {name} {} {} {amplitude} {connect}", hz[0], hz[1]);
        let process = spawn(jackd, &folder, &what);
        Self {
            process,
            _folder: folder,
        }
    }

    pub fn stop(mut self) {
        self.process.close_stdin();
        self.process.wait(Duration::from_secs(5));
    }
}

const WHAT: &str = "PAGING_TEST_JACK_CLIENT";
const WHERE: &str = "PAGING_TEST_JACK_FOLDER";

fn spawn(jackd: &Jackd, folder: &Folder, what: &str) -> Process {
    let me = std::env::current_exe().unwrap();
    let process = Process::spawn(me.to_str().unwrap(), |command| {
        command
            .args(["--exact", PROCESS])
            .args(["--ignored", "--nocapture"])
            .envs(client_environment(&jackd.name))
            .env(WHAT, what)
            .env(WHERE, folder.path());
    });
    process.wait_for("jack client is ready", Duration::from_secs(10));
    process
}

/// What the test program, or a bench, is started with to be such a client.
pub const PROCESS: &str = "common::jack_client::jack_client_process";

#[test]
#[ignore = "a process that other tests start"]
fn jack_client_process() {
    be_client();
}

/// The whole of that process.
pub fn be_client() {
    let (Ok(what), Ok(folder)) = (std::env::var(WHAT), std::env::var(WHERE)) else {
        return;
    };
    let words: Vec<&str> = what.split(' ').collect();
    match words[..] {
        ["record", n_ports] => record(Path::new(&folder), n_ports.parse().unwrap()),
        ["play", name, left, right, amplitude, connect] => play(
            name,
            [left, right].map(|hz| hz.parse().unwrap()),
            amplitude.parse().unwrap(),
            connect == "true",
        ),
        _ => panic!("no such client: {what}"),
    }
}

fn open(name: &str) -> jack::Client {
    jack::set_logger(jack::LoggerType::None);
    let options = jack::ClientOptions::NO_START_SERVER;
    jack::Client::new(name, options).unwrap().0
}

fn until_stdin_closes() -> mpsc::Receiver<()> {
    let (closed, is_closed) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read(&mut [0]);
        drop(closed);
    });
    is_closed
}

// ── the recorder's process ──

/// What the callback cannot tell otherwise.
struct Facts {
    /// By the callback that was the earliest: each may run late, also the first.
    started_ns: AtomicU64,
    n_skipped: AtomicU64,
    n_xruns: AtomicU64,
}

struct Ears {
    ports: Vec<jack::Port<jack::AudioIn>>,
    ring: rtrb::Producer<f32>,
    next_frame: Option<u32>,
    n_frames: u64,
    rate: u64,
    facts: Arc<Facts>,
}

impl jack::ProcessHandler for Ears {
    fn process(&mut self, _: &jack::Client, scope: &jack::ProcessScope) -> jack::Control {
        let now = scope.last_frame_time();
        // A callback that runs late may see the time of the next cycle, and then this one again.
        let ahead = |next| now.wrapping_sub(next) as i32;
        let skipped = self.next_frame.map_or(0, ahead).max(0) as u32;
        self.n_frames += u64::from(skipped);
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let age_ns = self.n_frames * 1_000_000_000 / self.rate;
        let started_ns = since.as_nanos() as u64 - age_ns;
        self.facts
            .started_ns
            .fetch_min(started_ns, Ordering::Relaxed);
        self.n_frames += u64::from(scope.n_frames());
        // After a pause of hours nobody looks at the silence.
        for _ in 0..skipped.min(1 << 20) as usize * self.ports.len() {
            let _ = self.ring.push(0.0);
        }
        self.facts
            .n_skipped
            .fetch_add(skipped.into(), Ordering::Relaxed);
        for frame in 0..scope.n_frames() as usize {
            for port in &self.ports {
                let _ = self.ring.push(port.as_slice(scope)[frame]);
            }
        }
        self.next_frame = Some(now.wrapping_add(scope.n_frames()));
        jack::Control::Continue
    }
}

struct Eyes {
    changed: mpsc::Sender<()>,
    facts: Arc<Facts>,
}

impl jack::NotificationHandler for Eyes {
    fn ports_connected(&mut self, _: &jack::Client, _: jack::PortId, _: jack::PortId, _: bool) {
        let _ = self.changed.send(());
    }

    fn port_registration(&mut self, _: &jack::Client, _: jack::PortId, _: bool) {
        let _ = self.changed.send(());
    }

    fn xrun(&mut self, _: &jack::Client) -> jack::Control {
        self.facts.n_xruns.fetch_add(1, Ordering::Relaxed);
        jack::Control::Continue
    }
}

fn record(folder: &Path, n_ports: usize) {
    let client = open("recorder");
    let facts = Arc::new(Facts {
        started_ns: AtomicU64::new(u64::MAX),
        n_skipped: AtomicU64::new(0),
        n_xruns: AtomicU64::new(0),
    });
    let port = |n| client.register_port(&format!("in_{n}"), jack::AudioIn::default());
    let ports: Vec<_> = (1..=n_ports).map(|n| port(n).unwrap()).collect();
    let own: Vec<String> = ports.iter().map(|port| port.name().unwrap()).collect();
    // Ten seconds of room for a writer that is kept waiting.
    let (ring, mut captured) = rtrb::RingBuffer::new(n_ports * 10 * client.sample_rate() as usize);
    let (changed, changes) = mpsc::channel();
    let ears = Ears {
        ports,
        ring,
        next_frame: None,
        n_frames: 0,
        rate: client.sample_rate() as u64,
        facts: facts.clone(),
    };
    let eyes = Eyes {
        changed,
        facts: facts.clone(),
    };
    let active = client.activate_async(eyes, ears).unwrap();
    mirror(active.as_client(), &own);
    println!("jack client is ready");

    let stop = until_stdin_closes();
    let mut file = std::io::BufWriter::new(std::fs::File::create(folder.join("samples")).unwrap());
    while stop.try_recv() != Err(mpsc::TryRecvError::Disconnected) {
        if changes.recv_timeout(Duration::from_millis(10)).is_ok() {
            mirror(active.as_client(), &own);
        }
        write_out(&mut captured, &mut file);
    }
    let _ = active.deactivate();
    write_out(&mut captured, &mut file);
    file.flush().unwrap();
    let [a, b, c] = [&facts.started_ns, &facts.n_skipped, &facts.n_xruns];
    let facts = [a, b, c].map(|n| n.load(Ordering::Relaxed).to_string());
    std::fs::write(folder.join("facts"), facts.join(" ")).unwrap();
}

fn write_out(captured: &mut rtrb::Consumer<f32>, file: &mut impl Write) {
    while let Ok(sample) = captured.pop() {
        file.write_all(&sample.to_le_bytes()).unwrap();
    }
}

/// Connects to our inputs what is connected to the speakers, and nothing else.
fn mirror(client: &jack::Client, own: &[String]) {
    for (place, own) in own.iter().enumerate() {
        let sources_of = |name: &str| {
            let port = client.port_by_name(name);
            port.map_or(Vec::new(), |port| port.get_connections())
        };
        let wanted = sources_of(&format!("system:playback_{}", place + 1));
        let present = sources_of(own);
        for source in wanted.iter().filter(|s| !present.contains(s)) {
            let _ = client.connect_ports_by_name(source, own);
        }
        for source in present.iter().filter(|s| !wanted.contains(s)) {
            let _ = client.disconnect_ports_by_name(source, own);
        }
    }
}

// ── the player's process ──

struct Player {
    ports: [jack::Port<jack::AudioOut>; 2],
    /// Turns a frame.
    speed: [f64; 2],
    phase: [f64; 2],
    amplitude: f32,
}

impl jack::ProcessHandler for Player {
    fn process(&mut self, _: &jack::Client, scope: &jack::ProcessScope) -> jack::Control {
        for (i, port) in self.ports.iter_mut().enumerate() {
            for sample in port.as_mut_slice(scope) {
                *sample = self.amplitude * (self.phase[i] * std::f64::consts::TAU).sin() as f32;
                self.phase[i] = (self.phase[i] + self.speed[i]).fract();
            }
        }
        jack::Control::Continue
    }
}

fn play(name: &str, hz: [f32; 2], amplitude: f32, connect: bool) {
    let client = open(name);
    let rate = f64::from(client.sample_rate());
    let names = ["left", "right"];
    let ports = names.map(|n| client.register_port(n, jack::AudioOut::default()).unwrap());
    let own = ports.each_ref().map(|port| port.name().unwrap());
    let player = Player {
        ports,
        speed: hz.map(|hz| f64::from(hz) / rate),
        phase: [0.0; 2],
        amplitude,
    };
    let active = client.activate_async((), player).unwrap();
    if connect {
        for (place, own) in own.iter().enumerate() {
            let speaker = format!("system:playback_{}", place + 1);
            let joined = active.as_client().connect_ports_by_name(own, &speaker);
            joined.unwrap();
        }
    }
    println!("jack client is ready");
    let _ = until_stdin_closes().recv();
}

/// Where a recording goes that a person may want to hear.
pub fn keep(recording: &Recording, name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(name);
    super::signal::write_wav(&path, recording.rate, &[&recording.left, &recording.right]);
    path
}

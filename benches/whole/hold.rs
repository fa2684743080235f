//! How many can be on hold at once, how exactly does each get its packets, and at what cost?
//!
//! ```text
//!  Callers ── INVITE, ACK ─► Daemon [moh:music] ── RTP, 50 a second each ─► Ears, on few sockets:
//!    from many addresses of this machine                                the kernel tells when
//! ```

use std::collections::HashMap;
use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::socket::sockopt::{Ipv4PacketInfo, ReceiveTimestampns};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, setsockopt,
};

use crate::common::daemon::{Conf, Daemon};
use crate::common::folder::Folder;
use crate::common::ports::free_address;
use crate::common::process::Process;
use crate::common::signal::write_wav;
use crate::figures::{Effort, SOON};
use crate::meter::Span;
use crate::report::{Peer, Report};

/// Two thousand who hear the same music, then five thousand, and what one listener costs others.
pub fn hold(effort: Effort, report: &mut Report) {
    let folder = Folder::new("hold");
    let file = folder.path().join("music.wav");
    write_wav(&file, 8_000, &[&music()]);
    let music = file.display().to_string();
    let peers = [
        Peer {
            name: "baresip, a process a call",
            figure: baresip(effort, &music),
        },
        Peer {
            name: "ffmpeg, a process a call",
            figure: ffmpeg(effort, &music),
        },
    ];
    for &n in effort.pick(&[2_000, 5_000][..], &[2_000]) {
        let crowd = crowd(effort, n, &music);
        crowd.tell(n, report, &peers);
    }
}

fn music() -> Vec<f32> {
    let second = |i: usize| (i as f32 * 0.31).sin() * 0.3 + (i as f32 * 0.0123).sin() * 0.2;
    (0..8_000 * 20).map(second).collect()
}

struct Figures {
    n_heard: usize,
    /// Milliseconds after their places, in rising order.
    late: Vec<f64>,
    /// Milliseconds from ACK to the first packet, in rising order.
    starts: Vec<f64>,
    percent: f64,
    n_missing: u64,
}

impl Figures {
    fn tell(&self, n: usize, report: &mut Report, peers: &[Peer]) {
        let of = |sorted: &[f64], share: f64| sorted[(sorted.len() as f64 * share) as usize];
        let silent = (n - self.n_heard) as u64;
        report.none(&format!("{n} listeners: that hear nothing"), silent, "");
        let what = format!("{n} listeners: packets that never came");
        report.none(&what, self.n_missing, format!("of {}", self.late.len()));
        let what = format!("{n} listeners: from its place (999 of 1,000)");
        report.below(&what, of(&self.late, 0.999), 5.0, "ms", &[]);
        let what = format!("{n} listeners: from its place (the worst)");
        report.told(&what, of(&self.late, 1.0 - f64::EPSILON), "ms", &[]);
        let what = format!("{n} listeners: ACK to the first packet (99 of 100)");
        report.below(&what, of(&self.starts, 0.99), 20.0, "ms", &[]);
        let what = format!("{n} listeners: of one core");
        report.below(&what, self.percent, 100.0, "%", &[]);
        let each = self.percent / n as f64;
        // A telephone program that answers, as one would be set up for it; ffmpeg knows no calls.
        let least = peers[0].figure / 20.0;
        let what = format!("{n} listeners: of one core, each");
        report.below(&what, each, least, "%", peers);
    }
}

/// `n` callers come, and all listen for a while.
fn crowd(effort: Effort, n: usize, music: &str) -> Figures {
    let conf = Conf::timer().sip("codecs = pcmu").more(&format!(
        "[moh:music]\nextensions = 123\nsource = {music}\nmax-listeners = {n}"
    ));
    let daemon = Daemon::start(&conf);
    daemon.process.wait_for("s of sound are ready", SOON);
    let ears = Ears::open();
    let acks = call(daemon.sip, n, &ears.ports);
    std::thread::sleep(Duration::from_secs(3));
    let used = Span::begin(&[daemon.process.pid()]);
    let from = now();
    std::thread::sleep(Duration::from_secs(effort.pick(20, 5)));
    let until = now();
    let percent = used.percent()[0];
    let heard = ears.close();
    judge(&heard, &acks, from..until, percent)
}

/// A listener, by where its packets go.
type Place = (Ipv4Addr, u16);

/// When each packet of a listener came, in nanoseconds, and which it was.
type Heard = HashMap<Place, Vec<(u64, u32)>>;

fn judge(
    heard: &Heard,
    acks: &HashMap<Place, u64>,
    span: std::ops::Range<u64>,
    percent: f64,
) -> Figures {
    let mut figures = Figures {
        n_heard: heard.len(),
        late: Vec::new(),
        starts: Vec::new(),
        percent,
        n_missing: 0,
    };
    for (place, packets) in heard {
        if let (Some(ack), Some((first, _))) = (acks.get(place), packets.first()) {
            figures.starts.push(first.saturating_sub(*ack) as f64 / 1e6);
        }
        let inside: Vec<_> = packets.iter().filter(|(at, _)| span.contains(at)).collect();
        let Some((began, zero)) = inside.first() else {
            continue;
        };
        // Where it is beside 20 ms for each packet since the first; the earliest is in its place.
        let beside = |(at, stamp): &&&(u64, u32)| {
            let nth = i64::from(stamp.wrapping_sub(*zero) / 160);
            (*at as i64 - *began as i64) - nth * 20_000_000
        };
        let offsets: Vec<i64> = inside.iter().map(|it| beside(&it)).collect();
        let least = offsets.iter().copied().min().unwrap_or(0);
        let late = offsets.iter().map(|offset| (offset - least) as f64 / 1e6);
        figures.late.extend(late);
        let last = inside[inside.len() - 1].1.wrapping_sub(*zero) / 160;
        figures.n_missing += u64::from(last + 1) - inside.len() as u64;
    }
    figures.late.sort_by(f64::total_cmp);
    figures.starts.sort_by(f64::total_cmp);
    figures
}

/// Sockets that hear whatever comes to any address of this machine.
struct Ears {
    ports: Vec<u16>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Heard>>,
}

impl Ears {
    fn open() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let sockets: Vec<UdpSocket> = (0..A_HOUSE).map(|_| ear()).collect();
        let port = |socket: &UdpSocket| socket.local_addr().expect("it is bound").port();
        Self {
            ports: sockets.iter().map(port).collect(),
            threads: sockets
                .into_iter()
                .map(|socket| {
                    let stop = stop.clone();
                    std::thread::spawn(move || listen(&socket, &stop))
                })
                .collect(),
            stop,
        }
    }

    fn close(self) -> Heard {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Heard::new();
        for thread in self.threads {
            all.extend(thread.join().expect("it listens to its end"));
        }
        all
    }
}

fn ear() -> UdpSocket {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a port is free");
    socket2::SockRef::from(&socket)
        .set_recv_buffer_size(8 << 20)
        .expect("the system has memory");
    setsockopt(&socket, ReceiveTimestampns, &true).expect("the kernel keeps time");
    setsockopt(&socket, Ipv4PacketInfo, &true).expect("the kernel knows where");
    socket
}

fn listen(socket: &UdpSocket, stop: &AtomicBool) -> Heard {
    let port = socket.local_addr().expect("it is bound").port();
    let mut heard = Heard::new();
    let space = nix::cmsg_space!(libc::timespec, libc::in_pktinfo);
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BURST, Some(space));
    let mut buffers = vec![[0_u8; 256]; BURST];
    while !stop.load(Ordering::Relaxed) {
        let mut slices: Vec<_> = buffers.iter_mut().map(|b| [IoSliceMut::new(b)]).collect();
        // To wake who waits at a socket is work of the sender, and telephones are not woken by it:
        // so nobody waits here. The kernel has written down when each packet came.
        let flags = MsgFlags::MSG_DONTWAIT;
        let fd = socket.as_raw_fd();
        let Ok(messages) = recvmmsg(fd, &mut headers, slices.iter_mut(), flags, None) else {
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        let told: Vec<_> = messages
            .map(|message| {
                let (mut at, mut to) = (0, Ipv4Addr::UNSPECIFIED);
                for control in message.cmsgs().expect("there is room for both") {
                    if let ControlMessageOwned::ScmTimestampns(time) = control {
                        at = time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64;
                    } else if let ControlMessageOwned::Ipv4PacketInfo(info) = control {
                        to = Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes());
                    }
                }
                (at, to)
            })
            .collect();
        for ((at, to), bytes) in told.into_iter().zip(&buffers) {
            let stamp = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
            heard.entry((to, port)).or_default().push((at, stamp));
        }
    }
    heard
}

/// Makes `n` calls, from as many places; says when each was acknowledged.
fn call(server: SocketAddr, n: usize, ports: &[u16]) -> HashMap<Place, u64> {
    let mut acks = HashMap::new();
    for house in 0..n.div_ceil(ports.len()) {
        let ip = Ipv4Addr::new(127, 100, (house / 250) as u8, (house % 250) as u8 + 1);
        let socket = UdpSocket::bind((ip, 0)).expect("every 127 is ours");
        socket
            .set_read_timeout(Some(SOON))
            .expect("it takes a time");
        let n_here = ports.len().min(n - house * ports.len());
        for &port in &ports[..n_here] {
            acks.insert((ip, port), one_call(&socket, server, (ip, port)));
            // Four hundred a second are a rush, but no attack.
            std::thread::sleep(Duration::from_micros(2_500));
        }
    }
    acks
}

fn one_call(socket: &UdpSocket, server: SocketAddr, place: Place) -> u64 {
    let here = socket.local_addr().expect("it is bound");
    let id = format!("{}-{}", place.0, place.1);
    let body = format!(
        "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio {1} RTP/AVP 0\r\n\
         a=ptime:20\r\n",
        place.0, place.1
    );
    let request = |method: &str, to: &str, body: &str| {
        format!(
            "{method} sip:123@{server} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {here};rport;branch=z9hG4bK{method}{id}\r\nMax-Forwards: 70\r\n\
             From: <sip:phone@{here}>;tag={id}\r\nTo: {to}\r\nCall-ID: {id}\r\n\
             CSeq: 1 {method}\r\nContact: <sip:phone@{here}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let to = format!("<sip:123@{server}>");
    let invite = request("INVITE", &to, &body);
    socket
        .send_to(invite.as_bytes(), server)
        .expect("it leaves");
    let mut buffer = [0; 4_096];
    loop {
        let n = socket.recv(&mut buffer).expect("the daemon answers");
        let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
        if text.starts_with("SIP/2.0 1") {
            continue;
        }
        assert!(text.starts_with("SIP/2.0 200"), "{text}");
        let line = text.lines().find(|line| line.starts_with("To:"));
        let to = line.expect("an answer has a To").trim_start_matches("To: ");
        let ack = request("ACK", to, "");
        let at = now();
        socket.send_to(ack.as_bytes(), server).expect("it leaves");
        return at;
    }
}

/// Nanoseconds of the clock by which the kernel tells when packets came.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("it is past 1970").as_nanos() as u64
}

/// Percent of a core that one ffmpeg needs to send the music as RTP, as a script that starts one
/// for each call does.
fn ffmpeg(effort: Effort, music: &str) -> f64 {
    let nobody = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let to = nobody.local_addr().expect("it is bound");
    let url = format!("rtp://{to}?pkt_size=172");
    let spawn = |_| {
        Process::spawn("ffmpeg", |command| {
            command
                .args([
                    "-nostdin",
                    "-loglevel",
                    "error",
                    "-re",
                    "-stream_loop",
                    "-1",
                ])
                .args([
                    "-i",
                    music,
                    "-ar",
                    "8000",
                    "-ac",
                    "1",
                    "-acodec",
                    "pcm_mulaw",
                ])
                .args(["-f", "rtp", &url]);
        })
    };
    let all: Vec<Process> = (0..N_PEERS).map(spawn).collect();
    cost(effort, &all)
}

/// The same for baresip: each has been called by somebody who listens.
fn baresip(effort: Effort, music: &str) -> f64 {
    let nobody = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let port = nobody.local_addr().expect("it is bound").port();
    let mut all = Vec::new();
    let mut folders = Vec::new();
    for n in 0..N_PEERS {
        let folder = Folder::new(&format!("baresip-hold-{n}"));
        let sip = free_address();
        folder.write(
            "config",
            format!(
                "poll_method epoll\nsip_listen {sip}\naudio_source aufile,{music}\n\
                 audio_player aufile,/dev/null\naudio_alert aufile,/dev/null\nausrc_srate 8000\n\
                 auplay_srate 8000\nausrc_channels 1\nauplay_channels 1\naudio_level no\n\
                 rtp_stats no\ncall_local_timeout 120\nmodule_path /usr/lib/baresip/modules\n\
                 module stdio.so\nmodule g711.so\nmodule aufile.so\nmodule_app account.so\n\
                 module_app menu.so\n"
            ),
        );
        let account = "<sip:123@127.0.0.1>;regint=0;answermode=auto;audio_codecs=PCMU/8000/1\n";
        folder.write("accounts", account);
        folder.write("contacts", "");
        let process = Process::spawn("baresip", |command| {
            command
                .arg("-f")
                .arg(folder.path())
                .current_dir(folder.path());
        });
        process.wait_for("baresip is ready", Duration::from_secs(10));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port is free");
        socket
            .set_read_timeout(Some(SOON))
            .expect("it takes a time");
        one_call(&socket, sip, (Ipv4Addr::LOCALHOST, port));
        all.push(process);
        folders.push(folder);
    }
    cost(effort, &all)
}

/// Percent of a core that one of them needs in the middle of its work.
fn cost(effort: Effort, all: &[Process]) -> f64 {
    std::thread::sleep(Duration::from_secs(3));
    let pids: Vec<u32> = all.iter().map(Process::pid).collect();
    let used = Span::begin(&pids);
    std::thread::sleep(Duration::from_secs(effort.pick(10, 4)));
    let percent: f64 = used.percent().iter().sum();
    percent / all.len() as f64
}

/// Listeners that share an address, each with a port of its own.
const A_HOUSE: usize = 10;

/// Packets that are taken from the kernel at a time.
const BURST: usize = 64;

/// Processes of others that are measured together.
const N_PEERS: usize = 5;

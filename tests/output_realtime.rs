//! Does the JACK callback stay clear of the heap, whatever is handed to it while it runs?
#![allow(clippy::unwrap_used, reason = "a broken bench shall stop the test")]

mod common;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use assert_no_alloc::{AllocDisabler, assert_no_alloc, violation_count};
use common::jack_client::Music;
use common::jackd::Jackd;
use jack::{AudioIn, AudioOut, Client, Control, ProcessHandler, ProcessScope};
use paging::base::{CallId, Db, FeedTx, Pcm, PlayId, SampleRate, ZoneSet, feed};
use paging::mix::{Console, EngineSettings, Link, Route, Routes, engine};
use paging::output::jack::{Autostart, Back, Callback, Remote, open, rig};
use paging::output::{Desk, N_INPUTS, N_OUTPUTS, Pulse};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

/// The callback under watch.
struct Watched {
    callback: Callback,
    n_violations: Arc<AtomicU64>,
    allocate_on_purpose: mpsc::Receiver<()>,
}

impl ProcessHandler for Watched {
    fn process(&mut self, client: &Client, scope: &ProcessScope) -> Control {
        let is_on_purpose = self.allocate_on_purpose.try_recv().is_ok();
        let control = assert_no_alloc(|| {
            if is_on_purpose {
                drop(std::hint::black_box(Box::new(1)));
            }
            self.callback.process(client, scope)
        });
        let n = u64::from(violation_count());
        self.n_violations.store(n, Ordering::Relaxed);
        control
    }
}

const N_VOICES: u64 = 20;

#[test]
fn the_jack_callback_never_allocates() {
    let jackd = Jackd::start(48_000, 256);
    let _music = Music::start(&jackd, "mpd.paging", [440.0, 660.0], 0.2, false);
    let (console, engine) = engine(EngineSettings {
        n_inputs: N_INPUTS,
        n_outputs: N_OUTPUTS,
        ..EngineSettings::default()
    });
    let pulse = Arc::new(Pulse::default());
    let (remote, callback) = rig(pulse.clone(), N_OUTPUTS);
    let n_violations = Arc::new(AtomicU64::new(0));
    let (on_purpose, allocate_on_purpose) = mpsc::channel();
    let watched = Watched {
        callback,
        n_violations: n_violations.clone(),
        allocate_on_purpose,
    };
    let client = open("watched", Some(&jackd.name), Autostart::No).unwrap();
    let active = client.activate_async((), watched).unwrap();

    let mut load = Load::new(active.as_client(), console, remote, Desk::new(engine));
    let until = Instant::now() + Duration::from_secs(4);
    let mut round = 0;
    while Instant::now() < until {
        load.round(round);
        round += 1;
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(pulse.n_cycles() > 300, "{}", pulse.n_cycles());
    assert!(load.n_homecomings > 3 && load.n_returned > 20);
    assert_eq!(n_violations.load(Ordering::Relaxed), 0);

    // The watch itself works.
    on_purpose.send(()).unwrap();
    let until = Instant::now() + Duration::from_secs(2);
    while n_violations.load(Ordering::Relaxed) == 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_ne!(n_violations.load(Ordering::Relaxed), 0);
    drop(load);
    active.deactivate().unwrap();
}

/// Everything that the daemon does to an engine in a bad hour, in four seconds.
struct Load<'a> {
    client: &'a Client,
    console: Console,
    remote: Remote,
    home: (mpsc::Sender<Desk>, mpsc::Receiver<Desk>),
    feeds: Vec<FeedTx>,
    klaxon: Arc<Pcm>,
    n_homecomings: usize,
    n_returned: usize,
}

impl<'a> Load<'a> {
    fn new(client: &'a Client, mut console: Console, mut remote: Remote, desk: Desk) -> Self {
        let home = mpsc::channel();
        assert!(remote.lend(desk, home.0.clone()));
        console.route(routes(2)).unwrap();
        let klaxon = Pcm::mono(SampleRate::new(22_050).unwrap(), vec![0.3; 8_000]);
        Self {
            client,
            console,
            remote,
            home,
            feeds: Vec::new(),
            klaxon: Arc::new(klaxon),
            n_homecomings: 0,
            n_returned: 0,
        }
    }

    fn round(&mut self, round: u64) {
        let zones = ZoneSet::first(1);
        let call = CallId(round % N_VOICES);
        if round < N_VOICES || round.is_multiple_of(31) {
            let (tx, rx) = feed(SampleRate::HZ_8000, 1_600);
            self.feeds.push(tx);
            let _ = self.console.add_voice(call, rx, zones, Db::UNITY);
        }
        if round.is_multiple_of(47) {
            self.console.remove_voice(call);
        }
        for feed in &mut self.feeds {
            feed.set_target(240);
            feed.push(&[0.01; 40]);
        }
        if round.is_multiple_of(19) {
            let play = PlayId(round);
            let _ = self.console.play(play, &self.klaxon, zones, Db(-6.0), None);
        }
        if round.is_multiple_of(11) {
            let to = Db(-20.0 * (round % 2) as f32);
            self.console.duck(zones, to, Duration::from_millis(30));
            self.console.route(routes(1 + round as usize % 5)).unwrap();
        }
        if round.is_multiple_of(13) {
            self.swap_ports(round as usize / 13 % 4);
        }
        if round.is_multiple_of(101) {
            self.remote.recall();
        }
        self.tidy_up();
    }

    /// Ports come in odd rounds and go in even ones.
    fn swap_ports(&mut self, place: usize) {
        let out = self
            .client
            .register_port(&format!("out_{place}"), AudioOut::default());
        match out {
            Ok(port) => assert!(self.remote.give_out(place, port)),
            Err(_) => assert!(self.remote.take_out(place)),
        }
        let name = format!("music_{place}");
        match self.client.register_port(&name, AudioIn::default()) {
            Ok(port) => {
                assert!(self.remote.give_in(place, port));
                let ours = format!("{}:{name}", self.client.name());
                let joined = self.client.connect_ports_by_name("mpd.paging:left", &ours);
                joined.unwrap();
            }
            Err(_) => assert!(self.remote.take_in(place)),
        }
    }

    fn tidy_up(&mut self) {
        while self.console.poll().is_some() {}
        while let Some(back) = self.remote.poll() {
            match back {
                Back::Engine(lent) => drop(lent),
                Back::Out(_, port) => {
                    self.client.unregister_port(port).unwrap();
                    self.n_returned += 1;
                }
                Back::In(_, port) => {
                    self.client.unregister_port(port).unwrap();
                    self.n_returned += 1;
                }
            }
        }
        if let Ok(desk) = self.home.1.try_recv() {
            self.n_homecomings += 1;
            assert!(self.remote.lend(desk, self.home.0.clone()));
        }
    }
}

fn routes(n_outputs: usize) -> Routes {
    let route = Route {
        zones: ZoneSet::first(1),
        music: vec![Link {
            input: 0,
            gain: Db::UNITY,
        }],
    };
    Routes {
        outputs: vec![route; n_outputs],
    }
}

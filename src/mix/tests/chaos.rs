//! Does anything that happens in any order make a click, a NaN or a sample too loud?

use super::*;
use proptest::prelude::*;

/// Anything that may happen to an engine.
#[derive(Clone, Debug)]
enum Act {
    Speak(u64, u8),
    Leave(u64),
    HangUp(u64),
    Stall(u64),
    Play(u8, Option<u64>),
    StopOldest,
    Duck(u8, f32, u64),
    MusicVolume(u8, f32),
    SpeechVolume(u8, f32),
    Route(u8),
    Process(usize),
}

fn act() -> impl Strategy<Value = Act> {
    let call = 0u64..6;
    let level = -40.0f32..0.0;
    prop_oneof![
        2 => (call.clone(), any::<u8>()).prop_map(|(call, zones)| Act::Speak(call, zones)),
        1 => call.clone().prop_map(Act::Leave),
        1 => call.clone().prop_map(Act::HangUp),
        2 => call.prop_map(Act::Stall),
        1 => (any::<u8>(), proptest::option::of(0u64..200)).prop_map(|(z, ms)| Act::Play(z, ms)),
        1 => Just(Act::StopOldest),
        1 => (any::<u8>(), level.clone(), 20u64..300).prop_map(|(z, db, ms)| Act::Duck(z, db, ms)),
        1 => (any::<u8>(), level.clone()).prop_map(|(z, db)| Act::MusicVolume(z, db)),
        1 => (any::<u8>(), level).prop_map(|(z, db)| Act::SpeechVolume(z, db)),
        1 => any::<u8>().prop_map(Act::Route),
        8 => prop_oneof![Just(64usize), Just(256), Just(1_024), 1usize..700].prop_map(Act::Process),
    ]
}

/// Some of three zones.
fn some(bits: u8) -> ZoneSet {
    (0..3)
        .filter(|i| bits & (1 << i) != 0)
        .map(ZoneId)
        .collect()
}

/// All outputs, each with one zone or more, in an order that depends on `bits`.
fn routes(bits: u8) -> Routes {
    let route = |i: u8| Route {
        zones: some(1 << ((i + bits % 3) % 3)).union(&some(bits >> (2 * i))),
        music: vec![Link {
            input: usize::from((i + bits / 3 % 3) % 3),
            gain: Db(-f32::from(bits % 20)),
        }],
    };
    Routes {
        outputs: (0..3 - bits % 2).map(route).collect(),
    }
}

/// A hum that begins and ends in silence, so that only the engine can make steps.
fn hum() -> Arc<Pcm> {
    let n = 24_000;
    let frames = (0..n).map(|i| 0.02 - 0.02 * (TAU * f64::from(i) / f64::from(n)).cos());
    Arc::new(Pcm::mono(RATE, frames.map(|x| x as f32).collect()))
}

struct Site {
    stage: Stage,
    /// By call; a stalled one says nothing for a while.
    talkers: Vec<(u64, Talker)>,
    hum: Arc<Pcm>,
    next_play: u64,
    n_begun: usize,
}

impl Site {
    fn new() -> Self {
        let mut stage = Stage::with_music(3, |_| 0.2);
        stage.settle();
        let hum = hum();
        Self {
            stage,
            talkers: vec![],
            hum,
            next_play: 0,
            n_begun: 0,
        }
    }

    fn act(&mut self, act: Act) {
        let Self { stage, talkers, .. } = self;
        match act {
            Act::Speak(call, zones) => {
                let (mut talker, rx) = Talker::new(0.0, |_| 0.04);
                talker.next_at = stage.now() as f64;
                let is_new = talkers.iter().all(|(other, _)| *other != call);
                let added = stage
                    .console
                    .add_voice(CallId(call), rx, some(zones), Db::UNITY);
                if added.is_ok() {
                    self.n_begun += usize::from(is_new);
                    talkers.retain(|(other, _)| *other != call);
                    talkers.push((call, talker));
                }
            }
            Act::Leave(call) => stage.console.remove_voice(CallId(call)),
            Act::HangUp(call) => talkers.retain(|(other, _)| *other != call),
            Act::Stall(call) => {
                let now = stage.now() as f64;
                for (_, talker) in talkers.iter_mut().filter(|(other, _)| *other == call) {
                    talker.next_at = now + 4_800.0;
                }
            }
            Act::Play(zones, longest) => {
                let longest = longest.map(Duration::from_millis);
                let id = PlayId(self.next_play);
                if stage
                    .console
                    .play(id, &self.hum, some(zones), Db::UNITY, longest)
                    .is_ok()
                {
                    self.next_play += 1;
                }
            }
            Act::StopOldest => (0..self.next_play).for_each(|id| stage.console.stop(PlayId(id))),
            Act::Duck(zones, db, ms) => {
                stage
                    .console
                    .duck(some(zones), Db(db), Duration::from_millis(ms));
            }
            Act::MusicVolume(z, db) => {
                stage
                    .console
                    .set_music_volume(ZoneId(u16::from(z % 3)), Db(db));
            }
            Act::SpeechVolume(z, db) => {
                stage
                    .console
                    .set_speech_volume(ZoneId(u16::from(z % 3)), Db(db));
            }
            Act::Route(bits) => stage.console.route(routes(bits)).unwrap(),
            Act::Process(frames) => {
                let now = stage.now();
                talkers.iter_mut().for_each(|(_, talker)| talker.talk(now));
                stage.process(frames);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_happens_nothing_clicks_and_everything_comes_back(
        acts in proptest::collection::vec(act(), 1..200),
    ) {
        let mut site = Site::new();
        for act in acts {
            site.act(act);
        }
        // Eight voices that fade at once: 8 × 0.04 × 1.5 / (4 ms in frames) in each of three
        // zones on one output; the rest moves slower. A click would be 0.04.
        for out in &site.stage.wires.out {
            prop_assert!(out.iter().all(|x| x.abs() <= CEILING));
            prop_assert!(largest_step(out) < 0.012, "{}", largest_step(out));
        }
        site.talkers.clear();
        site.act(Act::StopOldest);
        site.stage.run_ms(500);
        prop_assert_eq!(site.stage.n_ended(), site.next_play as usize);
        // Every play and voice has left its place.
        let stage = &mut site.stage;
        for n in 0..8 {
            let (_, rx) = feed(SampleRate::HZ_8000, 8);
            prop_assert!(stage.console.add_voice(CallId(100 + n), rx, zone(0), Db::UNITY).is_ok());
        }
    }
}

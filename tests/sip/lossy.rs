//! Do two of us come to the same end over a network that loses, repeats, delays and reorders?

use std::collections::BTreeMap;
use std::time::Duration;

use paging::base::CallId;
use paging::sip::{Endpoint, Event, HowEnded, Settings, Timing, Transport};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::parts::{ANSWER, OFFER, QUICK, none_left, on};
use crate::weather::{Network, Side, Weather};

/// What happens in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Story {
    CallerHangsUp,
    CalledHangsUp,
    BothHangUp,
    Changed,
    Refused,
    GivenUp,
    GivenUpWhileAnswered,
    NeverConfirmed,
}

const STORIES: [Story; 8] = [
    Story::CallerHangsUp,
    Story::CalledHangsUp,
    Story::BothHangUp,
    Story::Changed,
    Story::Refused,
    Story::GivenUp,
    Story::GivenUpWhileAnswered,
    Story::NeverConfirmed,
];

/// Calls with each story, in one network at once.
const OF_EACH: usize = 8;

/// 64 × T1 is 6.4 s: a machine that stands still for a moment ends no call.
const TIMING: Timing = Timing {
    t1: Duration::from_millis(100),
    ..QUICK
};

/// Everything is over by then, all repeats included.
const PATIENCE: Duration = Duration::from_secs(120);

const BAD: Weather = Weather {
    lost: 0.12,
    doubled: 0.1,
    delay: Duration::from_millis(80),
};

pub(crate) struct End {
    pub(crate) endpoint: Endpoint,
    events: mpsc::UnboundedReceiver<Event>,
}

impl End {
    pub(crate) async fn start(network: &Network, side: Side) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let settings = Settings {
            listen: vec![on(Transport::Udp, &format!("{}:0", network.home(side)))],
            timing: TIMING,
            ..Settings::default()
        };
        let endpoint = Endpoint::start(settings, tell).await.unwrap();
        let end = Self { endpoint, events };
        network.open(side, end.port()).await;
        end
    }

    pub(crate) fn port(&self) -> u16 {
        self.endpoint.listening()[0].address.port()
    }

    pub(crate) async fn event(&mut self) -> Event {
        let event = timeout(PATIENCE, self.events.recv()).await;
        event.expect("an event in time").expect("events go on")
    }

    /// Waits until nothing of any call is left.
    pub(crate) async fn settled(&self) {
        none_left("dialogs", || self.endpoint.n_dialogs()).await;
        let end = Instant::now() + PATIENCE;
        while !self.is_settled() {
            assert!(Instant::now() < end, "transactions are left");
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn is_settled(&self) -> bool {
        self.endpoint.n_dialogs() == 0 && self.endpoint.n_transactions() == 0
    }
}

/// How a call ended at one side, as often as it was told.
type Ends = BTreeMap<CallId, Vec<String>>;

struct Storm {
    network: Network,
    caller: End,
    called: End,
    /// The stories of the calls, by their ids at either side.
    ours: BTreeMap<CallId, (usize, Story)>,
    theirs: BTreeMap<CallId, (usize, Story)>,
    ended_here: Ends,
    ended_there: Ends,
}

impl Storm {
    async fn new(number: u8, seed: u64) -> Self {
        let banned = Some(["ACK sip:", "<sip:NeverConfirmed"]);
        let network = Network::new(number, seed, BAD, banned);
        Self {
            caller: End::start(&network, Side::Caller).await,
            called: End::start(&network, Side::Called).await,
            network,
            ours: BTreeMap::new(),
            theirs: BTreeMap::new(),
            ended_here: Ends::new(),
            ended_there: Ends::new(),
        }
    }

    /// Lives through all calls, until neither side remembers any.
    async fn pass(&mut self) {
        let end = Instant::now() + PATIENCE;
        let all = STORIES.len() * OF_EACH;
        let mut n_dialled = 0;
        let mut next_at = Instant::now();
        let mut given_up = Vec::new();
        loop {
            let first = given_up.first().map(|&(at, _)| at);
            tokio::select! {
                Some(event) = self.caller.events.recv() => self.at_caller(event),
                Some(event) = self.called.events.recv() => self.at_called(event),
                () = sleep_until(next_at), if n_dialled < all => {
                    let (call, story) = self.dial(n_dialled);
                    // From before the first message arrives until after the answer.
                    let after = Duration::from_millis(n_dialled as u64 * 37 % 300);
                    if matches!(story, Story::GivenUp | Story::GivenUpWhileAnswered) {
                        given_up.push((Instant::now() + after, call));
                        given_up.sort();
                    }
                    n_dialled += 1;
                    next_at = Instant::now() + Duration::from_millis(10);
                }
                () = sleep_until(first.unwrap_or(end)), if first.is_some() => {
                    self.caller.endpoint.hang_up(given_up.remove(0).1, "never mind");
                }
                () = sleep(Duration::from_millis(50)) => {
                    let is_over = n_dialled == all && self.ended_here.len() == all;
                    if is_over && self.caller.is_settled() && self.called.is_settled() {
                        return;
                    }
                    assert!(Instant::now() < end, "not over: {}", self.left());
                }
            }
        }
    }

    fn dial(&mut self, n: usize) -> (CallId, Story) {
        let story = STORIES[n % STORIES.len()];
        let call = self.caller.endpoint.new_call();
        self.ours.insert(call, (n, story));
        let (to, port) = (self.network.stand_in(Side::Called), self.called.port());
        let target = format!("sip:{story:?}.{n}@{to}:{port}");
        self.caller
            .endpoint
            .dial(call, &target, None, OFFER.to_owned());
        (call, story)
    }

    fn at_caller(&mut self, event: Event) {
        let endpoint = &self.caller.endpoint;
        match event {
            Event::Answered { call, .. } => match self.ours[&call].1 {
                Story::CallerHangsUp | Story::BothHangUp => endpoint.hang_up(call, "done"),
                Story::Changed => endpoint.offer(call, OFFER.replace("4000", "4002")),
                _ => {}
            },
            Event::Reanswered { call, answer } => {
                assert_eq!(answer.as_deref(), Ok(ANSWER));
                endpoint.hang_up(call, "changed");
            }
            Event::Ended { call, how, .. } => note(&mut self.ended_here, call, format!("{how:?}")),
            Event::Refused { call, status, .. } => {
                note(&mut self.ended_here, call, format!("{status}"));
            }
            Event::Ringing { .. } => {}
            other => panic!("{other:?}"),
        }
    }

    fn at_called(&mut self, event: Event) {
        let endpoint = &self.called.endpoint;
        match event {
            Event::Incoming { call, dialled, .. } => {
                let n = dialled.rsplit('.').next().unwrap().parse().unwrap();
                let story = STORIES[n % STORIES.len()];
                let known = self.theirs.values().any(|&(other, _)| other == n);
                assert!(!known, "{dialled} came twice");
                self.theirs.insert(call, (n, story));
                endpoint.ringing(call);
                match story {
                    Story::Refused => endpoint.refuse(call, 486, "", None, None),
                    Story::GivenUp => {}
                    _ => endpoint.answer(call, ANSWER.to_owned()),
                }
            }
            Event::Confirmed { call, .. } => {
                if matches!(
                    self.theirs[&call].1,
                    Story::CalledHangsUp | Story::BothHangUp
                ) {
                    endpoint.hang_up(call, "done");
                }
            }
            Event::Reoffer { call, .. } => endpoint.answer_offer(call, Ok(ANSWER.to_owned())),
            Event::Ended { call, how, .. } => note(&mut self.ended_there, call, format!("{how:?}")),
            other => panic!("{other:?}"),
        }
    }

    fn left(&self) -> String {
        let open = |calls: &BTreeMap<CallId, (usize, Story)>, ends: &Ends| {
            let open = calls.iter().filter(|(call, _)| !ends.contains_key(call));
            open.map(|(_, story)| *story).collect::<Vec<_>>()
        };
        let of = |end: &End| (end.endpoint.n_dialogs(), end.endpoint.n_transactions());
        format!(
            "{:?} {:?}, dialogs and transactions {:?} {:?}",
            open(&self.ours, &self.ended_here),
            open(&self.theirs, &self.ended_there),
            of(&self.caller),
            of(&self.called),
        )
    }

    /// Both ends of every call, by its number.
    fn pairs(&self) -> Vec<(Story, String, Option<String>)> {
        let once = |ends: &Ends, call: &CallId| {
            let told = &ends[call];
            assert_eq!(told.len(), 1, "{told:?}");
            told[0].clone()
        };
        let mut pairs = Vec::new();
        for (call, (n, story)) in &self.ours {
            let there = self.theirs.iter().find(|(_, (other, _))| other == n);
            let there = there.map(|(call, _)| once(&self.ended_there, call));
            pairs.push((*story, once(&self.ended_here, call), there));
        }
        pairs
    }
}

fn note(ends: &mut Ends, call: CallId, how: String) {
    ends.entry(call).or_default().push(how);
}

/// Whether the two ends of a call are what its story says.
fn is_as_told(story: Story, here: &str, there: Option<&str>) -> bool {
    let (by_us, hung_up) = (
        format!("{:?}", HowEnded::ByUs),
        format!("{:?}", HowEnded::HungUp),
    );
    let is =
        |here_wanted: &str, there_wanted: &str| here == here_wanted && there == Some(there_wanted);
    match story {
        Story::CallerHangsUp | Story::Changed => is(&by_us, &hung_up),
        Story::CalledHangsUp => is(&hung_up, &by_us),
        Story::BothHangUp => {
            let known = [by_us.as_str(), hung_up.as_str()];
            known.contains(&here) && there.is_some_and(|there| known.contains(&there))
        }
        Story::Refused => is("486", &by_us),
        Story::GivenUp | Story::GivenUpWhileAnswered => {
            let ends = ["Cancelled", "HungUp"];
            here == by_us && there.is_none_or(|there| ends.contains(&there))
        }
        Story::NeverConfirmed => is(&hung_up, "NoAck"),
    }
}

async fn storm(number: u8, seed: u64) {
    let mut storm = Storm::new(number, seed).await;
    storm.pass().await;
    // Nothing comes after the end.
    let quiet = Instant::now() + Duration::from_millis(100);
    if let Ok(Some(event)) = timeout_at(quiet, storm.caller.events.recv()).await {
        panic!("{event:?}");
    }
    let pairs = storm.pairs();
    let strange: Vec<_> = pairs
        .iter()
        .filter(|(story, here, there)| !is_as_told(*story, here, there.as_deref()))
        .collect();
    // Of a message with all its repeats, one in thirty thousand is lost.
    println!(
        "seed {seed}: {} calls, {} not as told, {:?}",
        pairs.len(),
        strange.len(),
        storm.network.fate()
    );
    assert!(
        strange.len() <= pairs.len() / 20,
        "seed {seed}: {strange:#?}"
    );
    let fate = storm.network.fate();
    assert!(fate.n_lost > 20 && fate.n_doubled > 20, "{fate:?}");
    assert!(fate.n_overtaken > 20, "{fate:?}");
    repeats(&storm.network.told());
}

/// An answer that nobody confirms is repeated, and then the call is ended (RFC 3261 §13.3.1.4).
fn repeats(told: &[String]) {
    let of_one = |text: &&String| text.contains("<sip:NeverConfirmed.7@");
    let unconfirmed: Vec<_> = told.iter().filter(of_one).collect();
    let answers = unconfirmed
        .iter()
        .filter(|text| text.starts_with("SIP/2.0 200") && text.contains(" INVITE\r\n"));
    assert!(answers.count() > 4);
    assert!(unconfirmed.iter().any(|text| text.starts_with("BYE ")));
}

#[tokio::test]
async fn every_call_ends_once_at_both_sides_however_bad_the_network() {
    let storms = (1..=6).map(|n| tokio::spawn(storm(n, n.into())));
    for storm in storms.collect::<Vec<_>>() {
        storm.await.unwrap();
    }
}

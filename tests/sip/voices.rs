//! Is a voice heard both ways over a bad network, and is nothing left when the call is over?

use std::f32::consts::TAU;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use paging::base::{CallId, Encoding, Pcm, SampleRate, SrtpKeyring, feed};
use paging::media::{Receiver, ReceiverSettings, Report, SenderSettings};
use paging::net::{self, Leg, Media, PortPair, PortPairs, Repeat};
use paging::sdp::{self, Agreed, Ours, Srtp};
use paging::sip::{Event, HowEnded};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::lossy::End;
use crate::weather::{Network, Side, Weather};

/// Concealment has enough to do, and a call is still a call.
const BAD: Weather = Weather {
    lost: 0.1,
    doubled: 0.05,
    delay: Duration::from_millis(40),
};

/// Longer than anything takes here on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const CALLER_HZ: f32 = 500.0;
const CALLED_HZ: f32 = 1_000.0;

/// The sound of one end.
struct Voice {
    media: Media,
    events: mpsc::UnboundedReceiver<net::Event>,
    heard: mpsc::UnboundedReceiver<Vec<f32>>,
    tap: Option<mpsc::UnboundedSender<Vec<f32>>>,
    ports: PortPairs,
    pair: Option<PortPair>,
    ours: Ours,
}

impl Voice {
    async fn new(network: &Network, side: Side, srtp: Srtp) -> Self {
        let ports = PortPairs::new(28_000..=28_007);
        let address = IpAddr::V4(network.home(side));
        let pair = ports.bind(address).unwrap();
        let port = pair.rtp_port();
        network.open(side, port).await;
        network.open(side, port + 1).await;
        let (tell, events) = mpsc::unbounded_channel();
        let (tap, heard) = mpsc::unbounded_channel();
        Self {
            media: Media::spawn(tell).unwrap(),
            events,
            heard,
            tap: Some(tap),
            ports,
            pair: Some(pair),
            ours: Ours {
                address,
                port,
                encodings: Encoding::ALL[..1].to_vec(),
                ptime_ms: 20,
                session: 1,
                version: 1,
                srtp,
            },
        }
    }

    /// Speaks a tone, and listens.
    fn open(&mut self, call: CallId, agreed: &Agreed, hz: f32) {
        let rate = agreed.encoding.audio_rate();
        let (tx, rx) = feed(rate, rate.hz() as usize);
        self.media.open(Leg {
            call,
            sockets: self.pair.take().unwrap(),
            remote: agreed.remote,
            receiver: Receiver::new(ReceiverSettings {
                encoding: agreed.encoding,
                payload_type: agreed.payload_type,
                event_payload_type: agreed.event_payload_type,
                event_clock_rate: agreed.event_clock_rate,
            }),
            feed: tx,
            sender: Some(SenderSettings {
                encoding: agreed.encoding,
                payload_type: agreed.tx_payload_type,
                event_payload_type: agreed.tx_event_payload_type,
                event_clock_rate: agreed.event_clock_rate,
                opus: agreed.opus,
                ptime: Duration::from_millis(agreed.ptime_ms.into()),
                ssrc: hz as u32,
                first_sequence: 65_500,
                first_timestamp: 0,
            }),
            srtp: agreed.srtp,
        });
        self.media.listen(call, rx, self.tap.take());
        self.media
            .play(call, Arc::new(tone(rate, hz)), Repeat::Forever);
    }

    /// The share of blocks with that tone, of three seconds from its first on.
    async fn share_of(&mut self, hz: f32) -> f32 {
        let (mut n_heard, mut n_tone) = (0, 0);
        while n_heard < 150 {
            let block = timeout(PATIENCE, self.heard.recv()).await;
            let block = block.expect("blocks go on").unwrap();
            let is_tone = has_tone(&block, hz);
            n_tone += u32::from(is_tone);
            n_heard += u32::from(n_tone > 0);
        }
        n_tone as f32 / n_heard as f32
    }

    /// Ends the sound of a call; all ports are free then.
    async fn close(&mut self, call: CallId) -> Report {
        self.media.close(call);
        let report = loop {
            let event = timeout(PATIENCE, self.events.recv()).await;
            if let net::Event::Closed { report, .. } = event.unwrap().unwrap() {
                break report;
            }
        };
        let pairs = (0..self.ports.capacity()).map(|_| self.ports.bind(self.ours.address));
        assert!(pairs.collect::<Vec<_>>().iter().all(Result::is_ok));
        report
    }
}

fn tone(rate: SampleRate, hz: f32) -> Pcm {
    let step = TAU * hz / rate.hz() as f32;
    let samples = (0..rate.hz()).map(|n| (n as f32 * step).sin() * 0.3);
    Pcm::mono(rate, samples.collect())
}

/// Whether a block of 20 ms is mostly that tone, at a tenth of its level at least.
fn has_tone(block: &[f32], hz: f32) -> bool {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in block.iter().enumerate() {
        let angle = TAU * hz * n as f32 / 8_000.0;
        re += sample * angle.cos();
        im += sample * angle.sin();
    }
    let power: f32 = block.iter().map(|s| s * s).sum();
    let in_tone = (re * re + im * im) * 2.0 / block.len() as f32;
    power > 0.001 * block.len() as f32 && in_tone > power * 0.5
}

async fn conversation(number: u8, srtp: fn(u8) -> Srtp) {
    let network = Network::new(number, number.into(), BAD, None);
    let mut caller = End::start(&network, Side::Caller).await;
    let mut called = End::start(&network, Side::Called).await;
    let mut here = Voice::new(&network, Side::Caller, srtp(1)).await;
    let mut there = Voice::new(&network, Side::Called, srtp(2)).await;

    let ours = caller.endpoint.new_call();
    let target = format!("sip:1@{}:{}", network.stand_in(Side::Called), called.port());
    caller
        .endpoint
        .dial(ours, &target, None, sdp::offer(&here.ours));
    let Event::Incoming {
        call: theirs,
        offer,
        ..
    } = called.event().await
    else {
        panic!("a call comes first");
    };
    let (answer, agreed) = sdp::answer(&offer.unwrap(), &there.ours).unwrap();
    there.open(theirs, &agreed, CALLED_HZ);
    called.endpoint.answer(theirs, answer);
    let Event::Answered { answer, .. } = caller.event().await else {
        panic!("nothing but an answer comes");
    };
    let agreed = sdp::accept(&here.ours, &answer.unwrap()).unwrap();
    here.open(ours, &agreed, CALLER_HZ);

    let (heard_here, heard_there) =
        tokio::join!(here.share_of(CALLED_HZ), there.share_of(CALLER_HZ));
    println!("network {number}: {heard_here:.3} and {heard_there:.3} of the tones are heard");
    assert!(
        heard_here > 0.7 && heard_there > 0.7,
        "{heard_here} {heard_there}"
    );

    caller.endpoint.hang_up(ours, "");
    let ends = |event: &Event, wanted: &HowEnded| match event {
        Event::Ended { how, .. } => how == wanted,
        _ => false,
    };
    let event = caller.event().await;
    assert!(ends(&event, &HowEnded::ByUs), "{event:?}");
    loop {
        match called.event().await {
            Event::Confirmed { .. } => {}
            other => break assert!(ends(&other, &HowEnded::HungUp), "{other:?}"),
        }
    }
    for report in [here.close(ours).await, there.close(theirs).await] {
        assert!(
            report.lost > 0 && report.reordered + report.late > 0,
            "{report:?}"
        );
    }
    caller.settled().await;
    called.settled().await;
}

#[tokio::test]
async fn both_hear_each_other_and_every_port_is_free_afterwards() {
    let protected = |side| Srtp::Required(SrtpKeyring::new(|bytes| bytes.fill(side)));
    tokio::join!(conversation(11, |_| Srtp::Off), conversation(12, protected));
}

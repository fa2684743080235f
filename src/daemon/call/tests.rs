//! Does the test phone get through to another endpoint, and tell the truth about it?

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::*;
use crate::base::{CallId, Encoding, Pcm, SampleRate, feed};
use crate::config::Srtp;
use crate::daemon::legs::{protection, receiver, sender};
use crate::media::Receiver;
use crate::net::{self, Leg, Media, PortPairs, Repeat};
use crate::{sdp, sip};

const MS: Duration = Duration::from_millis(1);

/// What the called side does.
#[derive(Clone, Copy)]
enum Manner {
    /// Answers and plays a tone until the caller hangs up.
    Answer,
    /// Answers, and hangs up when the first sound comes.
    HangUp,
    /// Rings for ever.
    Ring,
    Refuse,
}

/// The called side: an endpoint with a media thread of its own.
struct Callee {
    uri: String,
    task: JoinHandle<()>,
    told: mpsc::UnboundedReceiver<net::Event>,
}

impl Callee {
    async fn start(manner: Manner) -> Self {
        Self::start_with(manner, Srtp::Off).await
    }

    async fn start_with(manner: Manner, srtp: Srtp) -> Self {
        let (sip_tx, sip_rx) = mpsc::unbounded_channel();
        let (net_tx, net_rx) = mpsc::unbounded_channel();
        let (tell, told) = mpsc::unbounded_channel();
        let settings = sip::Settings {
            listen: vec![sip::Listen {
                transport: sip::Transport::Udp,
                address: (Ipv4Addr::LOCALHOST, 0).into(),
            }],
            ..sip::Settings::default()
        };
        let endpoint = sip::Endpoint::start(settings, sip_tx).await.unwrap();
        let uri = format!("sip:100@{}", endpoint.listening()[0].address);
        let desk = Desk {
            manner,
            srtp,
            endpoint,
            media: Media::spawn(net_tx).unwrap(),
            ports: PortPairs::new(33_000..=39_999),
        };
        let task = tokio::spawn(desk.serve(sip_rx, net_rx, tell));
        Self { uri, task, told }
    }
}

impl Drop for Callee {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Desk {
    manner: Manner,
    srtp: Srtp,
    endpoint: sip::Endpoint,
    media: Media,
    ports: PortPairs,
}

impl Desk {
    async fn serve(
        self,
        mut sip: mpsc::UnboundedReceiver<sip::Event>,
        mut net: mpsc::UnboundedReceiver<net::Event>,
        tell: mpsc::UnboundedSender<net::Event>,
    ) {
        loop {
            tokio::select! {
                Some(event) = sip.recv() => {
                    if let sip::Event::Incoming { call, offer, .. } = &event {
                        self.incoming(*call, offer.as_ref().unwrap());
                    } else if let sip::Event::Ended { call, .. } = event {
                        self.media.close(call);
                    }
                }
                Some(event) = net.recv() => {
                    if let (Manner::HangUp, net::Event::FirstPacket { call, .. }) =
                        (self.manner, &event)
                    {
                        self.endpoint.hang_up(*call, "");
                    }
                    tell.send(event).ok();
                }
            }
        }
    }

    fn incoming(&self, call: CallId, offer: &str) {
        match self.manner {
            Manner::Answer | Manner::HangUp => self.answer(call, offer),
            Manner::Ring => self.endpoint.ringing(call),
            Manner::Refuse => self.endpoint.refuse(call, 486, "", None, None),
        }
    }

    fn answer(&self, call: CallId, offer: &str) {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let sockets = self.ports.bind(ip).unwrap();
        let ours = sdp::Ours {
            address: ip,
            port: sockets.rtp_port(),
            encodings: vec![Encoding::Pcma],
            ptime_ms: 20,
            session: 1,
            version: 1,
            srtp: protection(self.srtp),
        };
        let (text, agreed) = match sdp::answer(offer, &ours) {
            Ok(agreed) => agreed,
            Err(refusal) => return self.endpoint.refuse(call, refusal.status(), "", None, None),
        };
        let (tx, rx) = feed(SampleRate::HZ_8000, 8_000);
        self.media.open(Leg {
            call,
            sockets,
            remote: agreed.remote,
            receiver: Receiver::new(receiver(&agreed)),
            feed: tx,
            sender: Some(sender(&agreed)),
            srtp: agreed.srtp,
        });
        self.media.listen(call, rx, None);
        self.media.play(call, tone(8_000), Repeat::Forever);
        self.endpoint.answer(call, text);
    }
}

fn tone(frames: usize) -> Arc<Pcm> {
    let samples = (0..frames).map(|i| 0.3 * (i as f32 * 0.4).sin()).collect();
    Arc::new(Pcm::mono(SampleRate::HZ_8000, samples))
}

/// Calls `callee` once, with a wish to stop after `patience`.
async fn call(callee: &Callee, script: Script, patience: Duration) -> Outcome {
    let phone = Phone::start(PhoneSettings {
        tls_ca: None,
        srtp: Srtp::Off,
        target: callee.uri.clone(),
        account: None,
        local_port: 0,
        encodings: Encoding::ALL.to_vec(),
    })
    .await
    .unwrap();
    let (stop, stopping) = watch::channel(false);
    let script = Script {
        target: callee.uri.clone(),
        ..script
    };
    let stopper = tokio::spawn(async move {
        tokio::time::sleep(patience).await;
        stop.send(true).ok();
    });
    let outcome = phone.call(&script, stopping, |_| {}).await;
    stopper.abort();
    phone.stop().await;
    outcome
}

const LONG: Duration = Duration::from_secs(30);

fn happened(outcome: &Outcome) -> Vec<Moment> {
    outcome.steps.iter().map(|s| s.what.clone()).collect()
}

#[tokio::test]
async fn a_call_plays_presses_and_records() {
    let mut callee = Callee::start(Manner::Answer).await;
    let script = Script {
        play: Some(tone(1_600)),
        keys: "1#".to_owned(),
        record: true,
        ..Script::default()
    };
    let outcome = call(&callee, script, LONG).await;
    assert_eq!(outcome.end, End::Done, "{outcome:?}");
    let steps = happened(&outcome);
    assert_eq!(steps[..2], [Moment::Dialled, Moment::Answered]);
    assert!(steps.contains(&Moment::FirstSound) && steps.contains(&Moment::Played));
    assert_eq!(steps[steps.len() - 2..], [Moment::HungUp, Moment::Ended]);
    assert!(outcome.set_up().unwrap() < Duration::from_secs(5));
    assert!(outcome.sent.packets > 10 && outcome.sent.keys == 2);
    assert!(outcome.received.unwrap().received > 10);
    let loudest = outcome.heard.iter().fold(0.0_f32, |m, s| m.max(s.abs()));
    assert!((0.2..0.4).contains(&loudest), "{loudest}");

    let mut keys = String::new();
    while let Some(event) = callee.told.recv().await {
        if let net::Event::Key { key, .. } = event {
            keys.push(key.digit);
        } else if let net::Event::Closed { report, .. } = event {
            assert!(report.received > 10);
            break;
        }
    }
    assert_eq!(keys, "1#");
}

#[tokio::test]
async fn a_duration_ends_the_call_whatever_plays() {
    let callee = Callee::start(Manner::Answer).await;
    let script = Script {
        play: Some(tone(80_000)),
        duration: Some(200 * MS),
        ..Script::default()
    };
    let outcome = call(&callee, script, LONG).await;
    assert_eq!(outcome.end, End::Done);
    assert!(!happened(&outcome).contains(&Moment::Played));
    assert!(outcome.heard.is_empty());
}

#[tokio::test]
async fn a_refusal_is_told_with_its_status() {
    let callee = Callee::start(Manner::Refuse).await;
    let outcome = call(&callee, Script::default(), LONG).await;
    assert!(matches!(outcome.end, End::Refused { status: 486, .. }));
    assert!(!outcome.is_success());
    assert_eq!((outcome.set_up(), outcome.received), (None, None));
}

#[tokio::test]
async fn whoever_is_asked_to_stop_hangs_up_in_every_state() {
    let ringing = Callee::start(Manner::Ring).await;
    let outcome = call(&ringing, Script::default(), 200 * MS).await;
    assert_eq!(outcome.end, End::GivenUp);
    let expected = [
        Moment::Dialled,
        Moment::Ringing,
        Moment::HungUp,
        Moment::Ended,
    ];
    assert_eq!(happened(&outcome), expected);

    let talking = Callee::start(Manner::Answer).await;
    let outcome = call(&talking, Script::default(), 200 * MS).await;
    assert_eq!(outcome.end, End::Done);
}

#[tokio::test]
async fn a_peer_that_hangs_up_cuts_the_sound_short_or_not() {
    let callee = Callee::start(Manner::HangUp).await;
    let playing = Script {
        play: Some(tone(80_000)),
        ..Script::default()
    };
    let outcome = call(&callee, playing, LONG).await;
    assert_eq!(outcome.end, End::CutShort);
    assert!(!outcome.is_success());
    let outcome = call(&callee, Script::default(), LONG).await;
    assert_eq!(outcome.end, End::HungUp);
    assert!(outcome.is_success());
}

/// Which side wants its sound protected, and what comes of it.
#[tokio::test]
async fn sound_is_protected_if_both_sides_can_and_refused_if_one_must() {
    let rows = [
        (Srtp::Optional, Srtp::Optional, true),
        (Srtp::Required, Srtp::Required, true),
        (Srtp::Required, Srtp::Optional, true),
        (Srtp::Optional, Srtp::Required, true),
        (Srtp::Off, Srtp::Optional, true),
        (Srtp::Optional, Srtp::Off, true),
        (Srtp::Off, Srtp::Required, false),
        (Srtp::Required, Srtp::Off, false),
    ];
    for (ours, theirs, goes) in rows {
        let callee = Callee::start_with(Manner::Answer, theirs).await;
        let phone = Phone::start(PhoneSettings {
            tls_ca: None,
            srtp: ours,
            target: callee.uri.clone(),
            account: None,
            local_port: 0,
            encodings: vec![Encoding::Pcma],
        })
        .await
        .unwrap();
        let (_stop, stopping) = watch::channel(false);
        let script = Script {
            target: callee.uri.clone(),
            duration: Some(300 * MS),
            record: true,
            ..Script::default()
        };
        let outcome = phone.call(&script, stopping, |_| {}).await;
        let row = format!("{ours:?} calls {theirs:?}");
        if goes {
            assert_eq!(outcome.end, End::Done, "{row}");
            let report = outcome.received.unwrap();
            assert!(report.received > 5 && report.malformed == 0, "{row}");
            let loudest = outcome.heard.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
            assert!((0.25..0.35).contains(&loudest), "{row}: {loudest}");
        } else {
            assert!(
                matches!(outcome.end, End::Refused { status: 488, .. }),
                "{row}: {:?}",
                outcome.end
            );
        }
        phone.stop().await;
    }
}

#[tokio::test]
async fn many_calls_go_on_at_once() {
    let callee = Callee::start(Manner::Answer).await;
    let phone = Phone::start(PhoneSettings {
        tls_ca: None,
        srtp: Srtp::Off,
        target: callee.uri.clone(),
        account: None,
        local_port: 0,
        encodings: vec![Encoding::Pcma],
    })
    .await
    .unwrap();
    let (_stop, stopping) = watch::channel(false);
    let script = Script {
        target: callee.uri.clone(),
        duration: Some(300 * MS),
        record: true,
        ..Script::default()
    };
    let calls = (0..8).map(|_| phone.call(&script, stopping.clone(), |_| {}));
    let mut tally = Tally::default();
    for outcome in futures_of(calls).await {
        assert!(outcome.heard.len() > 1_000);
        tally.add(&outcome);
    }
    assert_eq!(
        (tally.n_calls(), tally.n_answered(), tally.n_failed()),
        (8, 8, 0)
    );
    phone.stop().await;
}

/// All of `calls` at once.
async fn futures_of(calls: impl Iterator<Item = impl Future<Output = Outcome>>) -> Vec<Outcome> {
    let mut pending: Vec<_> = calls.map(Box::pin).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        pending.retain_mut(|call| match call.as_mut().poll(context) {
            std::task::Poll::Ready(outcome) => {
                done.push(outcome);
                false
            }
            std::task::Poll::Pending => true,
        });
        if pending.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done
}

#[tokio::test]
async fn a_phone_without_a_way_to_its_target_says_so() {
    let start = |target: &str| {
        Phone::start(PhoneSettings {
            tls_ca: None,
            srtp: Srtp::Off,
            target: target.to_owned(),
            account: None,
            local_port: 0,
            encodings: Encoding::ALL.to_vec(),
        })
    };
    let error = start("sip:100@").await.err().unwrap();
    assert_eq!(error.to_string(), "\"sip:100@\" names no host");
    let taken = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let SocketAddr::V4(at) = taken.local_addr().unwrap() else {
        panic!("bound to IPv4");
    };
    let settings = PhoneSettings {
        tls_ca: None,
        srtp: Srtp::Off,
        target: "sip:100@127.0.0.1".to_owned(),
        account: None,
        local_port: at.port(),
        encodings: Encoding::ALL.to_vec(),
    };
    let error = Phone::start(settings).await.err().unwrap();
    assert!(error.to_string().contains("in use"), "{error}");
}

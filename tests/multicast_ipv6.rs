//! Does a group of IPv6 cross a network, from the interface that is named to the one that is named?
//!
//! In a network namespace of its own, with two ends of one cable: the test program starts itself
//! again there.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use paging::base::{Channels, Dscp, Encoding, L16, OpusWish, SampleRate, feed};
use paging::media::{AnnouncerSettings, Form, SenderSettings};
use paging::net::Groups;
use paging::net::group::{Event, Heard, HeardForm, Place, Spoken};
use tokio::sync::mpsc::unbounded_channel;

/// A loaded machine takes its time, and addresses are looked for twice before they are used.
const PATIENCE: Duration = Duration::from_secs(40);
const RATE: SampleRate = SampleRate::HZ_48000;
const CODEC: Encoding = Encoding::L16(L16 {
    rate: RATE,
    channels: Channels::Mono,
});

const CABLE: &str = "ip link set lo up && ip link add v0 type veth peer name v1 && \
                     ip link set v0 up && ip link set v1 up && exec \"$0\" --exact \
                     sound_crosses_the_cable --ignored --nocapture";

#[test]
fn a_group_of_ipv6_crosses_the_network() {
    let allowed = Command::new("unshare").args(["-rn", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        println!("this system lets nobody make a network; nothing is tested");
        return;
    }
    let me = std::env::current_exe().unwrap();
    let ran = Command::new("unshare")
        .args(["-rn", "sh", "-c", CABLE])
        .arg(me)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let why = String::from_utf8_lossy(&ran.stderr);
    assert!(
        ran.status.success() && said.contains("1 passed"),
        "{said}{why}"
    );
}

fn place(interface: &str) -> Place {
    let group: Ipv6Addr = "ff15::79:1".parse().unwrap();
    Place {
        address: SocketAddr::new(group.into(), 5_004),
        interface: Some(interface.parse().unwrap()),
    }
}

#[test]
#[ignore = "runs in the network of the other test"]
fn sound_crosses_the_cable() {
    let (events_tx, mut events) = unbounded_channel();
    let groups = Groups::spawn(events_tx).unwrap();
    groups.hear(Heard {
        name: "in".to_owned(),
        place: place("v1"),
        sources: vec!["fe80::/10".parse().unwrap()],
        form: HeardForm::Rtp {
            dynamic: Some(CODEC),
        },
        silent_after: Duration::from_secs(60),
    });
    let sender = SenderSettings {
        encoding: CODEC,
        payload_type: 96,
        event_payload_type: None,
        event_clock_rate: 48_000,
        ptime: Duration::from_millis(10),
        opus: OpusWish::default(),
        ssrc: 7,
        first_sequence: 1,
        first_timestamp: 1,
    };
    groups.speak(Spoken {
        name: "out".to_owned(),
        place: place("v0"),
        ttl: 1,
        is_looped: false,
        dscp: Dscp::EF,
        announcer: AnnouncerSettings {
            sender,
            form: Form::Rtp,
        },
    });
    groups.hold(BTreeSet::from(["out".to_owned()]));
    let (mut tx, rx) = feed(RATE, 48_000);
    groups.feed("out", rx);
    let until = Instant::now() + PATIENCE;
    let mut heard = None;
    loop {
        assert!(Instant::now() < until, "nothing crosses");
        tx.push(&[0.25; 480]);
        std::thread::sleep(Duration::from_millis(10));
        while let Ok(event) = events.try_recv() {
            match event {
                Event::Begun { from, feed, .. } => {
                    assert!(matches!(from.ip(), IpAddr::V6(_)), "{from}");
                    heard = Some(feed);
                }
                Event::State { group, fault } => println!("{group}: {fault:?}"),
                Event::PassedOver { why, .. } => panic!("{why}"),
                Event::Over { .. } => panic!("it breaks off"),
            }
        }
        let Some(feed) = &mut heard else { continue };
        let mut frames = vec![0.0; feed.fill()];
        feed.pop(&mut frames);
        if frames.contains(&0.25) {
            return;
        }
    }
}

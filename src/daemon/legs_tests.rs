//! Are ports and sound right whatever callers do?

use std::time::Instant;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A loopback address of this test's own.
const HERE: sip::Here = sip::Here {
    bound: IpAddr::V4(Ipv4Addr::new(127, 80, 79, 84)),
    advertised: IpAddr::V4(Ipv4Addr::new(127, 80, 79, 84)),
};
const SHOWN: (IpAddr, sip::Reach) = (HERE.bound, sip::Reach::Shown);
const CONFIRMS: (IpAddr, sip::Reach) = (HERE.bound, sip::Reach::Confirms);
/// Three pairs for six callers: some get none.
const PORTS: RangeInclusive<u16> = 30_000..=30_005;

fn description(format: u8) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio 9 RTP/AVP {format}\r\n"
    )
}

/// Whatever can happen to a call; most of it makes no sense most of the time.
fn step(legs: &mut Legs, call: CallId, what: u8) {
    let (good, bad) = (description(0), description(18));
    match what {
        // Ids are never used again.
        0..=3 if legs.legs.contains_key(&call) => {}
        0 => drop(legs.arrive(call, Some(good), HERE, SHOWN, None)),
        1 => drop(legs.arrive(call, Some(good), HERE, CONFIRMS, None)),
        2 => drop(legs.arrive(call, None, HERE, SHOWN, None)),
        3 => drop(legs.arrive(call, Some(bad), HERE, SHOWN, None)),
        4..=6 => drop(legs.answer(call)),
        7 => drop(legs.late_answer(call, &good)),
        8 => drop(legs.late_answer(call, &bad)),
        9 => drop(legs.reoffer(call, Some(&good))),
        10 => drop(legs.reoffer(call, Some(&bad))),
        11 => drop(legs.reoffer(call, None)),
        12 | 13 => drop(legs.early(call)),
        14 => legs.reached(call),
        _ => legs.end(call),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_port_comes_back_whatever_happens_to_calls(
        steps in vec((1..7_u64, 0..18_u8), 0..80),
    ) {
        let (tell, _events) = tokio::sync::mpsc::unbounded_channel();
        let settings = Settings {
            ports: PORTS,
            dscp: Dscp::EF,
            encodings: vec![Encoding::Pcmu],
            allow: Vec::new(),
            of_accounts: BTreeMap::new(),
            srtp: config::Srtp::Off,
            rtp_timeout: None,
            of_desks: BTreeMap::new(),
        };
        let media = Media::spawn(tell.clone()).unwrap();
            let mut legs = Legs::new(settings, media, tell);
        for (call, what) in steps {
            step(&mut legs, CallId(call), what);
        }
        (1..7).for_each(|call| legs.end(CallId(call)));
        let pairs = PortPairs::new(PORTS);
        let until = Instant::now() + Duration::from_secs(20);
        let all = || (0..pairs.capacity()).map(|_| pairs.bind(HERE.bound)).collect();
        loop {
            let held: Vec<io::Result<net::PortPair>> = all();
            if held.iter().all(Result::is_ok) {
                break;
            }
            prop_assert!(Instant::now() < until, "a port is not free again");
            drop(held);
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

//! Does the guard keep out whom it should, and nobody else?

use proptest::prelude::*;

use super::*;

struct Watch {
    guard: Guard,
    now: Instant,
}

impl Watch {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            guard: Guard::new(42, now),
            now,
        }
    }

    fn admit(&mut self, from: &str, kind: Kind) -> Result<(), Dropped> {
        self.guard.admit(ip(from), kind, self.now)
    }

    /// How many of `n` messages are heard, evenly over a second.
    fn heard_in_a_second(&mut self, from: &str, kind: Kind, n: u32) -> u32 {
        let step = Duration::from_secs(1) / n;
        (0..n)
            .filter(|_| {
                self.now += step;
                self.admit(from, kind).is_ok()
            })
            .count() as u32
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds.div_ceil(5) {
            self.now += Duration::from_secs(5);
            self.guard.sweep(self.now);
        }
    }

    fn wrong(&mut self, from: &str, user: &str) {
        self.guard
            .guessed(ip(from), Guess::Password(user), self.now);
    }

    fn notices(&mut self) -> Vec<Notice> {
        std::iter::from_fn(|| self.guard.poll()).collect()
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn silenced(from: &str, offence: Offence, seconds: u64) -> Notice {
    Notice::Silenced {
        source: ip(from),
        user: None,
        offence,
        length: Duration::from_secs(seconds),
    }
}

#[test]
fn a_stranger_is_sent_so_much_for_what_came_until_it_shows_that_it_hears_us() {
    let mut watch = Watch::new();
    let (victim, now) = (ip("192.0.2.1"), watch.now);
    assert!(
        !watch.guard.may_send(victim, 1, now),
        "it has never sent anything"
    );
    watch.guard.credit(victim, Kind::Probe, 400, now);
    assert!(watch.guard.may_send(victim, 1_000, now));
    assert!(!watch.guard.may_send(victim, 201, now));
    assert!(watch.guard.may_send(victim, 200, now));
    watch.guard.credit(victim, Kind::Call, 100, now);
    assert!(
        watch.guard.may_send(victim, 1_500, now),
        "room for an answer"
    );
    assert!(!watch.guard.may_send(victim, 1, now));
    watch.guard.credit(victim, Kind::Noise, 60_000, now);
    assert!(!watch.guard.may_send(victim, 1, now));

    watch.guard.reached(victim, now);
    assert!(watch.guard.may_send(victim, 60_000, now) && watch.guard.is_proven(victim, now));
    assert!(watch.guard.may_send(ip("127.0.0.1"), 60_000, now));
    watch.guard.befriend(ip("192.0.2.2"), now);
    assert!(watch.guard.may_send(ip("192.0.2.2"), 60_000, now));
}

/// Sixty thousand invented sources leave room for one who has confirmed a call.
#[test]
fn who_has_confirmed_a_call_passes_by_a_flood_of_invented_calls() {
    let mut watch = Watch::new();
    watch.admit("192.0.2.7", Kind::Call).unwrap();
    watch.guard.reached(ip("192.0.2.7"), watch.now);
    for n in 0..60_000_u32 {
        let from = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        let kind = if n % 2 == 0 { Kind::Call } else { Kind::Scan };
        let _ = watch.guard.admit(from, kind, watch.now);
    }
    assert_eq!(watch.admit("192.0.2.8", Kind::Call), Err(Dropped::TooMuch));
    assert_eq!(watch.admit("192.0.2.7", Kind::Call), Ok(()));
}

#[test]
fn a_pbx_with_a_thousand_calls_a_second_is_never_slowed() {
    let mut watch = Watch::new();
    for _ in 0..60 {
        for _ in 0..1_000 {
            watch.now += Duration::from_millis(1);
            for kind in [Kind::Call, Kind::Inside, Kind::Inside] {
                assert_eq!(watch.admit("192.0.2.1", kind), Ok(()));
            }
        }
    }
    assert_eq!(watch.notices(), []);
}

#[test]
fn a_scanner_that_says_so_is_silenced_at_once_and_longer_each_time() {
    let mut watch = Watch::new();
    assert!(watch.admit("192.0.2.9", Kind::Scan).is_err());
    assert_eq!(
        watch.notices(),
        [silenced("192.0.2.9", Offence::Scanner, 60)]
    );
    assert_eq!(watch.admit("192.0.2.9", Kind::Call), Err(Dropped::Silenced));
    assert_eq!(watch.admit("192.0.2.8", Kind::Call), Ok(()));
    watch.pass(65);
    assert_eq!(
        watch.notices(),
        [Notice::Released {
            source: ip("192.0.2.9"),
            user: None,
            n_dropped: 1
        }]
    );
    assert_eq!(watch.admit("192.0.2.9", Kind::Call), Ok(()));
    for seconds in [240, 960, 3_840, 14_400, 14_400] {
        assert!(watch.admit("192.0.2.9", Kind::Scan).is_err());
        let told = watch.notices();
        assert_eq!(told, [silenced("192.0.2.9", Offence::Scanner, seconds)]);
        watch.pass(seconds + 5);
        assert_eq!(watch.notices().len(), 1);
    }
    watch.pass(25 * 3_600);
    assert!(watch.admit("192.0.2.9", Kind::Scan).is_err());
    assert_eq!(
        watch.notices(),
        [silenced("192.0.2.9", Offence::Scanner, 60)]
    );
}

#[test]
fn who_never_stops_is_not_let_in_again() {
    let mut watch = Watch::new();
    let mut n_heard = 0;
    for _ in 0..3_600 {
        n_heard += watch.heard_in_a_second("192.0.2.9", Kind::Probe, 100);
        watch.guard.sweep(watch.now);
    }
    assert!(n_heard < 200, "{n_heard}");
    let told = watch.notices();
    assert_eq!(told, [silenced("192.0.2.9", Offence::Flood, 60)]);
}

fn user_silenced(from: &str, user: &str, seconds: u64) -> Notice {
    Notice::Silenced {
        source: ip(from),
        user: Some(user.to_owned()),
        offence: Offence::Guessing,
        length: Duration::from_secs(seconds),
    }
}

#[test]
fn a_password_can_be_guessed_ten_times_and_then_its_name_is_silenced_there() {
    let mut watch = Watch::new();
    for n in 0..11 {
        assert_eq!(watch.notices(), [], "{n}");
        watch.wrong("192.0.2.9", "bob");
    }
    let told = watch.notices();
    assert_eq!(told, [user_silenced("192.0.2.9", "bob", 60)]);
    let at = |watch: &mut Watch, from, user| watch.guard.is_silenced(ip(from), user, watch.now);
    assert!(at(&mut watch, "192.0.2.9", "bob"));
    assert!(!at(&mut watch, "192.0.2.9", "ann") && !at(&mut watch, "192.0.2.8", "bob"));
    assert_eq!(watch.admit("192.0.2.9", Kind::Attempt), Ok(()));
    watch.pass(65);
    assert!(!at(&mut watch, "192.0.2.9", "bob"));
    assert!(matches!(
        watch.notices().as_slice(),
        [Notice::Released { user: Some(user), n_dropped: 1, .. }] if user == "bob"
    ));
    for _ in 0..11 {
        watch.wrong("192.0.2.9", "bob");
        watch.pass(30);
    }
    let told = watch.notices();
    assert_eq!(told, [], "twice a minute is a phone, not a guesser");
    for _ in 0..20 {
        watch.wrong("192.0.2.9", "bob");
    }
    assert!(
        watch
            .notices()
            .contains(&user_silenced("192.0.2.9", "bob", 240))
    );
}

#[test]
fn a_machine_that_guesses_is_silenced_whatever_names_it_tries() {
    let mut watch = Watch::new();
    for n in 0..21 {
        watch.wrong("192.0.2.9", &format!("user{n}"));
    }
    let told = watch.notices();
    assert_eq!(told, [silenced("192.0.2.9", Offence::Guessing, 60)]);
    assert_eq!(
        watch.admit("192.0.2.9", Kind::Attempt),
        Err(Dropped::Silenced)
    );
    watch.pass(65);
    for n in 0..21 {
        watch.wrong("192.0.2.9", &format!("more{n}"));
    }
    assert!(
        watch
            .notices()
            .contains(&silenced("192.0.2.9", Offence::Guessing, 240))
    );
}

#[test]
fn a_phone_with_a_wrong_password_locks_nobody_else_behind_its_address_out() {
    let mut watch = Watch::new();
    let mut n_heard = 0;
    // A day: one phone tries twice a minute with last year's password, the other refreshes.
    for _ in 0..2_880 {
        watch.pass(30);
        if !watch.guard.is_silenced(ip("192.0.2.9"), "old", watch.now) {
            watch.wrong("192.0.2.9", "old");
        }
        n_heard += u32::from(watch.admit("192.0.2.9", Kind::Attempt).is_ok());
        assert!(!watch.guard.is_silenced(ip("192.0.2.9"), "good", watch.now));
    }
    assert_eq!(n_heard, 2_880);
}

#[test]
fn a_thousand_phones_behind_one_address_register_without_a_wait() {
    let mut watch = Watch::new();
    for _ in 0..2_000 {
        watch.now += Duration::from_millis(2);
        for _ in 0..2 {
            assert_eq!(watch.admit("192.0.2.9", Kind::Attempt), Ok(()));
        }
        watch.guard.vouch(ip("192.0.2.9"), "bob", watch.now);
    }
    assert_eq!(watch.notices(), []);
}

#[test]
fn a_house_of_phones_behind_one_address_may_all_ask_before_the_first_proves_a_password() {
    let mut watch = Watch::new();
    for _ in 0..250 {
        assert_eq!(watch.admit("192.0.2.9", Kind::Attempt), Ok(()));
    }
    for _ in 0..250 {
        assert_eq!(watch.admit("192.0.2.9", Kind::Attempt), Ok(()));
        watch.guard.vouch(ip("192.0.2.9"), "bob", watch.now);
    }
    assert_eq!(watch.notices(), []);
}

#[test]
fn nobody_can_silence_a_phone_by_sending_in_its_name() {
    let mut watch = Watch::new();
    watch.guard.vouch(ip("192.0.2.9"), "bob", watch.now);
    for _ in 0..5_000 {
        let _ = watch.admit("192.0.2.9", Kind::Scan);
        watch
            .guard
            .guessed(ip("192.0.2.9"), Guess::Number, watch.now);
    }
    assert_eq!(watch.notices(), []);
    assert_eq!(watch.admit("192.0.2.9", Kind::Call), Ok(()));
}

#[test]
fn only_allowed_networks_and_those_we_speak_to_are_heard() {
    let mut watch = Watch::new();
    watch.guard.allow(vec!["10.0.0.0/8".parse().unwrap()]);
    assert_eq!(watch.admit("10.1.2.3", Kind::Call), Ok(()));
    let out = Err(Dropped::NotAllowed);
    assert_eq!(watch.admit("192.0.2.9", Kind::Call), out);
    assert_eq!(watch.admit("2001:db8::1", Kind::Answer), out);
    watch.guard.befriend(ip("192.0.2.9"), watch.now);
    assert_eq!(watch.admit("192.0.2.9", Kind::Answer), Ok(()));
    watch.pass(5 * 3_600);
    assert_eq!(watch.admit("192.0.2.9", Kind::Answer), out);
    watch.guard.allow(Vec::new());
    assert_eq!(watch.admit("192.0.2.9", Kind::Call), Ok(()));
}

#[test]
fn a_flood_from_invented_addresses_neither_drowns_known_phones_nor_fills_the_log() {
    let mut watch = Watch::new();
    watch.guard.vouch(ip("192.0.2.9"), "bob", watch.now);
    assert!(watch.admit("198.51.100.1", Kind::Scan).is_err());
    let mut n_heard = 0;
    for n in 0..200_000_u32 {
        watch.now += Duration::from_micros(100);
        let from = IpAddr::from((0x2000_0000 + n * 7_919).to_be_bytes());
        let kind = if n % 2 == 0 { Kind::Probe } else { Kind::Scan };
        n_heard += u32::from(watch.guard.admit(from, kind, watch.now).is_ok());
    }
    assert!(n_heard < 30_000, "{n_heard}");
    assert_eq!(watch.admit("192.0.2.9", Kind::Attempt), Ok(()));
    let still = watch.admit("198.51.100.1", Kind::Call);
    assert_eq!(still, Err(Dropped::Silenced));
    let told = watch.notices().len();
    assert!(told < 50, "{told}");
}

proptest! {
    /// Whatever happens: no panic, each told silence is told to end, and a friend is heard.
    #[test]
    fn every_silence_that_is_told_ends_and_is_told_to_end(
        steps in proptest::collection::vec((0..6_u8, 0..7_u8, 0..20_000_u64), 1..300),
    ) {
        let mut watch = Watch::new();
        let mut told = Vec::new();
        for (from, what, wait) in steps {
            watch.now += Duration::from_millis(wait);
            let address = IpAddr::from([192, 0, 2, from]);
            let kind = match what {
                0 => Kind::Scan,
                1 => Kind::Call,
                2 => Kind::Attempt,
                3 => Kind::Noise,
                4 => { watch.guard.guessed(address, Guess::Password("bob"), watch.now); Kind::Inside }
                5 => { watch.guard.vouch(address, "bob", watch.now); Kind::Probe }
                _ => { watch.guard.befriend(address, watch.now); Kind::Answer }
            };
            let heard = watch.guard.admit(address, kind, watch.now);
            prop_assert!(what != 6 || heard.is_ok());
            watch.guard.sweep(watch.now);
            told.extend(watch.notices());
        }
        for _ in 0..48 {
            watch.now += Duration::from_secs(1_800);
            watch.guard.sweep(watch.now);
        }
        told.extend(watch.notices());
        for n in 0..6 {
            let address = IpAddr::from([192, 0, 2, n]);
            let count = |begins: bool| told.iter().filter(|notice| match notice {
                Notice::Silenced { source, .. } => begins && *source == address,
                Notice::Released { source, .. } => !begins && *source == address,
            }).count();
            prop_assert_eq!(count(true), count(false));
        }
    }
}

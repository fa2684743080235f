//! Does the asker let in whom it should?

use proptest::prelude::*;

use super::*;
use crate::sip::digest::{Challenge, Proof};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

struct Door {
    challenger: Challenger,
    now: Instant,
}

impl Door {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            challenger: Challenger::new([7; 32], now),
            now,
        }
    }

    /// A challenge as our own client reads it: 0 is SHA-256, 1 is MD5.
    fn challenge(&mut self, which: usize) -> Challenge {
        let values = self.challenger.challenges(HERE, false, self.now);
        Challenge::choose([values[which].as_str()].into_iter(), |_| true).unwrap()
    }

    fn judge(&mut self, proof: &str, from: IpAddr) -> Judgement {
        let credentials = Credentials::parse(proof).unwrap();
        let secret = Secret::new("pw");
        let known = (credentials.user == "bob").then_some(&secret);
        let Self { challenger, now } = self;
        challenger.judge(&credentials, known, "REGISTER", from, *now)
    }
}

fn proof<'a>(user: &'a str, password: &'a str) -> Proof<'a> {
    Proof {
        user,
        password,
        method: "REGISTER",
        uri: "sip:us",
        cnonce: "c",
    }
}

#[test]
fn either_algorithm_proves_the_password() {
    let mut door = Door::new();
    for which in [0, 1] {
        let mut challenge = door.challenge(which);
        for _ in 0..3 {
            let answer = challenge.answer(proof("bob", "pw"));
            assert_eq!(door.judge(&answer, HERE), Judgement::Right);
            assert_eq!(door.judge(&answer, HERE), Judgement::Stale, "used twice");
        }
        let wrong = challenge.answer(proof("bob", "other"));
        assert_eq!(door.judge(&wrong, HERE), Judgement::Wrong);
        let nobody = challenge.answer(proof("eve", "pw"));
        assert_eq!(door.judge(&nobody, HERE), Judgement::Wrong);
    }
}

#[test]
fn one_without_a_user_cannot_use_the_password_of_nobody() {
    let mut door = Door::new();
    let answer = door.challenge(0).answer(proof("eve", NOBODY));
    assert_eq!(door.judge(&answer, HERE), Judgement::Wrong);
}

#[test]
fn nonces_grow_old_and_belong_to_one_source() {
    let mut door = Door::new();
    let mut challenge = door.challenge(0);
    let answer = challenge.answer(proof("bob", "pw"));
    assert_eq!(door.judge(&answer, THERE), Judgement::Stale);
    let guess = challenge.answer(proof("bob", "other"));
    assert_eq!(door.judge(&guess, THERE), Judgement::Foreign);
    door.now += LIFE;
    assert_eq!(door.judge(&answer, HERE), Judgement::Stale);
    let [first, second] = door.challenger.challenges(HERE, true, door.now);
    assert!(first.contains("SHA-256,stale=true") && second.contains("MD5,stale=true"));
}

#[test]
fn the_older_form_without_a_count_can_be_used_once() {
    let mut door = Door::new();
    let [_, md5] = door.challenger.challenges(HERE, false, door.now);
    let old = md5.replace(",qop=\"auth\"", "");
    let mut challenge = Challenge::choose([old.as_str()].into_iter(), |_| true).unwrap();
    let answer = challenge.answer(proof("bob", "pw"));
    assert_eq!(door.judge(&answer, HERE), Judgement::Right);
    assert_eq!(door.judge(&answer, HERE), Judgement::Stale);
}

#[test]
fn memory_of_used_nonces_is_bounded_and_forgotten_ones_stay_used() {
    let mut door = Door::new();
    let mut answers = Vec::new();
    for _ in 0..MOST_USED + 1_000 {
        door.now += Duration::from_millis(1);
        let answer = door.challenge(1).answer(proof("bob", "pw"));
        assert_eq!(door.judge(&answer, HERE), Judgement::Right);
        answers.push(answer);
    }
    assert!(door.challenger.used.len() <= MOST_USED);
    for answer in answers.iter().step_by(997) {
        assert_eq!(door.judge(answer, HERE), Judgement::Stale);
    }
}

#[test]
fn proofs_for_others_are_passed_over() {
    let whole = "Digest username=\"bob\", realm=\"paging\", nonce=\"n\", uri=\"sip:us\", \
                 response=\"r\", qop=auth, nc=00000001, cnonce=\"c\"";
    assert!(Credentials::parse(whole).is_some());
    for (from, to) in [
        ("Digest", "Basic"),
        ("\"paging\"", "\"pbx\""),
        ("qop=auth", "qop=auth-int"),
        ("nonce=\"n\", ", ""),
        (", nc=00000001", ""),
        ("uri", "ury"),
        ("response=\"r\"", "response=\"r\", algorithm=SHA-512-256"),
    ] {
        assert_eq!(Credentials::parse(&whole.replace(from, to)), None, "{from}");
    }
}

proptest! {
    #[test]
    fn nothing_but_the_password_gets_in(
        nonce in "[0-9a-f]{0,60}|\\PC{0,40}",
        response in "[0-9a-fA-F]{0,70}|\\PC{0,20}",
        nc in "\\PC{0,9}",
        from in any::<bool>(),
    ) {
        let mut door = Door::new();
        let text = format!(
            "Digest username=\"bob\",realm=\"paging\",nonce=\"{nonce}\",uri=\"sip:us\",\
             response=\"{response}\",qop=auth,nc={nc},cnonce=\"c\""
        );
        if Credentials::parse(&text).is_some() {
            let from = if from { HERE } else { THERE };
            prop_assert_ne!(door.judge(&text, from), Judgement::Right);
        }
    }

    #[test]
    fn arbitrary_headers_never_panic(text in "\\PC{0,80}") {
        let _ = Credentials::parse(&text);
        let _ = Credentials::parse(&format!("Digest realm=\"paging\",{text}"));
    }
}

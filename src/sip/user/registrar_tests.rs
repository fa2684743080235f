//! Are users found where they said they are, and nowhere else?

use proptest::prelude::*;

use super::*;

fn asked<'a>(contacts: &[&'a str], expires: Option<&'a str>, seq: u32) -> Enrolment<'a> {
    Enrolment {
        contacts: contacts.to_vec(),
        expires,
        path: Vec::new(),
        call_id: "a",
        seq,
        way: Way {
            transport: Transport::Udp,
            remote: "192.0.2.1:5060".parse().unwrap(),
        },
    }
}

fn uris(bindings: &Bindings, now: Instant) -> Vec<&str> {
    bindings
        .of("bob", now)
        .iter()
        .map(|b| b.uri.as_str())
        .collect()
}

#[test]
fn contacts_come_go_and_end() {
    let (mut all, now) = (Bindings::default(), Instant::now());
    let two = ["<sip:b@h1>;q=0.5;expires=100", "<sip:b@h2>"];
    all.register("bob", &asked(&two, Some("200"), 1), now)
        .unwrap();
    assert_eq!(uris(&all, now), ["sip:b@h2", "sip:b@h1"]);
    let listed: Vec<_> = all.of("bob", now).iter().map(|b| b.contact(now)).collect();
    assert_eq!(listed, ["<sip:b@h2>;expires=200", "<sip:b@h1>;expires=100"]);
    assert!(all.of("eve", now).is_empty());

    let later = now + Duration::from_secs(150);
    assert_eq!(uris(&all, later), ["sip:b@h2"]);
    all.register("bob", &asked(&["<sip:b@H2>;expires=0"], None, 2), later)
        .unwrap();
    assert!(uris(&all, later).is_empty() && all.0.is_empty());

    all.register("bob", &asked(&["sip:b@h3"], None, 3), later)
        .unwrap();
    assert_eq!(
        all.of("bob", later)[0].contact(later),
        "<sip:b@h3>;expires=3600"
    );
    assert!(all.expire(later + Duration::from_secs(3_599)).is_empty());
    assert_eq!(all.expire(later + LONGEST), ["bob"]);
}

#[test]
fn of_an_adapter_that_has_started_anew_only_the_last_place_is_left() {
    let (mut all, now) = (Bindings::default(), Instant::now());
    let (old, new) = (["<sip:b@h1:5060>"], ["<sip:b@h1:5062>"]);
    all.register("bob", &asked(&old, None, 1), now).unwrap();
    let later = now + Duration::from_secs(10);
    all.register("bob", &asked(&new, None, 2), later).unwrap();
    all.keep_last("bob");
    assert_eq!(uris(&all, later), ["sip:b@h1:5062"]);
    all.keep_last("eve");
}

#[test]
fn a_wildcard_removes_everything_and_only_with_zero() {
    let (mut all, now) = (Bindings::default(), Instant::now());
    all.register("bob", &asked(&["<sip:b@h1>", "<sip:b@h2>"], None, 1), now)
        .unwrap();
    let nonsense = Err(Refused::Nonsense);
    assert_eq!(all.register("bob", &asked(&["*"], None, 2), now), nonsense);
    assert_eq!(
        all.register("bob", &asked(&["*"], Some("9"), 2), now),
        nonsense
    );
    let mixed = asked(&["*", "<sip:b@h3>"], Some("0"), 2);
    assert_eq!(all.register("bob", &mixed, now), nonsense);
    let old = asked(&["*"], Some("0"), 1);
    assert_eq!(all.register("bob", &old, now), Err(Refused::OutOfOrder));
    assert_eq!(uris(&all, now).len(), 2);
    all.register("bob", &asked(&["*"], Some("0"), 2), now)
        .unwrap();
    assert!(uris(&all, now).is_empty());
}

#[test]
fn all_or_nothing_is_changed() {
    let (mut all, now) = (Bindings::default(), Instant::now());
    let table = [
        ("<sip:b@h2>;expires=59", Refused::TooBrief),
        ("<tel:123>", Refused::Nonsense),
        ("sip:b b@h", Refused::Nonsense),
        ("<sip:", Refused::Nonsense),
        ("<sip:b\"@h>", Refused::Nonsense),
    ];
    for (wrong, why) in table {
        let both = ["<sip:b@h1>", wrong];
        assert_eq!(
            all.register("bob", &asked(&both, None, 1), now),
            Err(why),
            "{wrong}"
        );
        assert!(uris(&all, now).is_empty());
    }
    all.register("bob", &asked(&["<sip:b@h1>"], None, 5), now)
        .unwrap();
    let old = asked(&["<sip:b@h9>", "<sip:b@h1>"], None, 5);
    assert_eq!(all.register("bob", &old, now), Err(Refused::OutOfOrder));
    assert_eq!(uris(&all, now), ["sip:b@h1"]);
}

#[test]
fn a_device_that_starts_anew_takes_its_old_place() {
    let (mut all, now) = (Bindings::default(), Instant::now());
    let first = "<sip:b@h:1001>;+sip.instance=\"<urn:uuid:1>\";reg-id=1";
    all.register("bob", &asked(&[first], None, 1), now).unwrap();
    let again = "<sip:b@h:1002;gr>;+sip.instance=\"<urn:uuid:1>\"";
    let anew = Enrolment {
        call_id: "b",
        ..asked(&[again], None, 1)
    };
    all.register("bob", &anew, now).unwrap();
    assert_eq!(uris(&all, now), ["sip:b@h:1002;gr"]);
    let shown = all.of("bob", now)[0].contact(now);
    assert_eq!(
        shown,
        "<sip:b@h:1002;gr>;+sip.instance=\"<urn:uuid:1>\";expires=3600"
    );
}

#[test]
fn a_phone_that_never_says_goodbye_does_not_fill_the_memory() {
    let (mut all, now) = (Bindings::default(), Instant::now());
    for n in 0..50 {
        let contact = format!("<sip:b@h:{}>", 2_000 + n);
        let at = now + Duration::from_secs(n);
        all.register("bob", &asked(&[&contact], None, n as u32 + 1), at)
            .unwrap();
    }
    let left = uris(&all, now + Duration::from_secs(50)).len();
    assert_eq!(left, MOST);
    assert_eq!(uris(&all, now + Duration::from_secs(50))[0], "sip:b@h:2049");
}

proptest! {
    #[test]
    fn arbitrary_contacts_never_panic_and_never_outlive_their_hour(
        contacts in proptest::collection::vec("\\PC{0,40}|\\*|<sip:[a-c]@[a-c]>(;expires=[0-9]{1,12})?", 0..4),
        expires in proptest::option::of("[0-9]{0,11}|x"),
    ) {
        let (mut all, now) = (Bindings::default(), Instant::now());
        let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
        let result = all.register("bob", &asked(&contacts, expires.as_deref(), 1), now);
        prop_assert!(result.is_ok() || all.of("bob", now).is_empty());
        for binding in all.of("bob", now) {
            prop_assert!(!binding.contact(now).contains(['\r', '\n']));
        }
        prop_assert!(all.of("bob", now + LONGEST).is_empty());
    }
}

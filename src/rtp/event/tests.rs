//! Is each key told once, whatever the network does to its packets?

use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

/// Sends `digits`, each for 100 ms in packets of 20 ms, and says what is received when `keep`
/// lets a packet through.
fn heard(digits: &str, mut keep: impl FnMut(usize, &EventPacket) -> bool) -> Vec<Key> {
    let mut tx = EventTx::default();
    for digit in digits.chars() {
        assert!(tx.press(digit, 800));
    }
    let start = Instant::now();
    let mut rx = EventRx::new(8_000);
    let mut n = 0;
    for tick in 0..400u32 {
        let now = start + 20 * MS * tick;
        rx.handle_timeout(now);
        if let Some(packet) = tx.step(tick * 160, 160, 480) {
            let event = Event::parse(&packet.event.to_bytes()).unwrap();
            if keep(n, &packet) {
                rx.handle(event, packet.marker, u64::from(packet.timestamp), now);
            }
            n += 1;
        }
    }
    assert!(!tx.is_busy());
    std::iter::from_fn(|| rx.poll()).collect()
}

fn digits(keys: &[Key]) -> String {
    keys.iter().map(|k| k.digit).collect()
}

#[test]
fn each_key_is_reported_once_with_its_duration() {
    let keys = heard("0123456789*#ABCD112", |_, _| true);
    assert_eq!(digits(&keys), "0123456789*#ABCD112");
    assert!(keys.iter().all(|k| k.duration == 100 * MS));
}

#[test]
fn the_end_goes_out_three_times() {
    let mut n_ends = 0;
    heard("7", |_, packet| {
        n_ends += usize::from(packet.event.end);
        true
    });
    assert_eq!(n_ends, 3);
}

#[test]
fn a_key_without_its_end_ends_by_itself() {
    let keys = heard("117", |_, packet| !packet.event.end);
    assert_eq!(digits(&keys), "117");
    assert!(keys.iter().all(|k| k.duration == 80 * MS));
}

#[test]
fn a_key_is_known_by_any_one_of_its_packets() {
    for which in 0..7 {
        let keys = heard("5", |n, _| n == which);
        assert_eq!(digits(&keys), "5", "packet {which}");
    }
}

#[test]
fn a_key_longer_than_16_bits_is_one_key() {
    let now = Instant::now();
    let mut rx = EventRx::new(8_000);
    let event = |end, duration| Event {
        code: 1,
        end,
        volume: 10,
        duration,
    };
    rx.handle(event(false, 160), true, 1_000, now);
    rx.handle(event(false, 0xFFFF), false, 1_000, now);
    rx.handle(event(true, 1_600), false, 1_000 + 0xFFFF, now);
    let ticks = 0xFFFF + 1_600;
    let duration = Duration::from_micros(ticks * 1_000_000 / 8_000);
    assert_eq!(
        rx.poll(),
        Some(Key {
            digit: '1',
            duration
        })
    );
    assert_eq!(rx.poll(), None);
}

#[test]
fn a_long_key_goes_out_in_parts_and_is_heard_as_one() {
    let (mut tx, mut rx) = (EventTx::default(), EventRx::new(48_000));
    assert!(tx.press('7', 48_000 * 4));
    let (start, mut now) = (0xFFFF_F000u32, Instant::now());
    let mut n_markers = 0;
    for i in 0..250u32 {
        now += 20 * MS;
        let at = start.wrapping_add(i * 960);
        let Some(packet) = tx.step(at, 960, 960) else {
            continue;
        };
        n_markers += u32::from(packet.marker);
        let timestamp = u64::from(packet.timestamp.wrapping_sub(start));
        rx.handle(packet.event, packet.marker, timestamp, now);
    }
    let duration = Duration::from_secs(4);
    assert_eq!(
        rx.poll(),
        Some(Key {
            digit: '7',
            duration
        })
    );
    assert_eq!((rx.poll(), n_markers), (None, 1));
}

#[test]
fn a_device_that_moves_its_timestamp_on_presses_once() {
    let now = Instant::now();
    let mut rx = EventRx::new(8_000);
    for i in 0..8u16 {
        let event = Event {
            code: 9,
            end: i >= 5,
            volume: 10,
            duration: 160 * (i.min(5) + 1),
        };
        rx.handle(event, i == 0, u64::from(i) * 160, now + 20 * MS * i.into());
    }
    assert_eq!(rx.poll().map(|k| k.digit), Some('9'));
    assert_eq!(rx.poll(), None);
}

#[test]
fn what_is_no_key_is_ignored() {
    let mut rx = EventRx::new(8_000);
    let flash = Event {
        code: 16,
        end: true,
        volume: 0,
        duration: 160,
    };
    rx.handle(flash, true, 0, Instant::now());
    assert_eq!(rx.poll(), None);
    assert_eq!(Event::parse(&[1, 2, 3]), None);
    assert!(!EventTx::default().press('x', 160));
}

proptest! {
    #[test]
    fn keys_survive_any_loss_that_leaves_one_packet_of_each(
        lost in proptest::collection::vec(any::<bool>(), 7 * 4),
        spared in 0usize..7,
    ) {
        let keys = heard("1122", |n, _| n % 7 == spared || !lost[n]);
        prop_assert_eq!(digits(&keys), "1122");
    }

    #[test]
    fn arbitrary_packets_never_panic(
        packets in proptest::collection::vec(any::<([u8; 5], bool, u32)>(), 0..100),
    ) {
        let now = Instant::now();
        let mut rx = EventRx::new(8_000);
        for (bytes, marker, timestamp) in packets {
            if let Some(event) = Event::parse(&bytes) {
                rx.handle(event, marker, timestamp.into(), now);
            }
            rx.poll();
        }
    }
}

#[test]
fn another_source_counts_anew() {
    let now = Instant::now();
    let event = Event::parse(&[11, 0x8a, 0, 160]).unwrap();
    let mut rx = EventRx::new(8_000);
    rx.handle(event, true, 1_000_000, now);
    rx.handle(event, true, 320, now + 5_000 * MS);
    assert_eq!(std::iter::from_fn(|| rx.poll()).count(), 1);
    rx.restart();
    rx.handle(event, true, 320, now + 5_000 * MS);
    assert_eq!(rx.poll().map(|key| key.digit), Some('#'));
}

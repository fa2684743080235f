//! Do sections `[zone:NAME]` become zones, and does every mistake in them tell its line and remedy?
#![allow(clippy::unwrap_used)]

#[path = "config/written.rs"]
mod written;

use std::time::Duration;

use paging::base::Db;
use paging::config::{Device, Part, Secrets, Title, ZoneOutput, diff, dump};
use paging::dsp::Curve;
use proptest::prelude::*;
use written::{good, says, text};

const SITE: &str = "\
[zone:hall]
outputs = system:playback_[12]$, device:usb/3-4
volume = -3dB
klaxon-volume = -6dB
music-volume = 50%
duck = -30dB
high-pass = 120
eq = 400:-6dB:2 high:4000:3dB
delay = 35ms
limiter = -9dB
[zone:yard]
outputs = Built-in\\ Audio:playback_FL
    device:2
";

#[test]
fn a_zone_is_what_is_written() {
    let config = good(SITE);
    let [hall, yard] = &config.zones[..] else {
        panic!("two zones");
    };
    assert_eq!((hall.name.as_str(), yard.name.as_str()), ("hall", "yard"));
    let [
        ZoneOutput::Ports(ports),
        ZoneOutput::Device { channels, .. },
    ] = &hall.outputs[..]
    else {
        panic!("ports and a device");
    };
    assert!(ports.regex().is_match("system:playback_2"));
    assert!(!ports.regex().is_match("system:playback_21"));
    assert_eq!(*channels, Some((3, 4)));
    assert_eq!(hall.outputs_text(), "system:playback_[12]$ device:usb/3-4");
    assert_eq!(hall.volume.level(), Db(-3.0));
    assert_eq!(hall.klaxon_volume.level(), Db(-6.0));
    assert!((hall.music_volume.level().0 + 18.06).abs() < 0.01);
    assert_eq!((hall.duck, hall.high_pass), (Some(Db(-30.0)), Some(120.0)));
    assert_eq!(hall.eq.len(), 2);
    assert!(matches!(hall.eq[0], Curve::Peak { hz: 400.0, .. }));
    assert_eq!(
        (hall.delay, hall.limiter),
        (Duration::from_millis(35), Db(-9.0))
    );
    // What is not written is as it comes.
    let [ZoneOutput::Ports(ports), ZoneOutput::Device { device, .. }] = &yard.outputs[..] else {
        panic!("ports and a device");
    };
    assert!(ports.regex().is_match("Built-in Audio:playback_FL"));
    assert_eq!(*device, Device::Index(2));
    assert_eq!((yard.volume.level(), yard.duck), (Db::UNITY, None));
    assert_eq!((yard.delay, yard.limiter), (Duration::ZERO, Db(-1.0)));
    assert!(yard.eq.is_empty() && yard.high_pass.is_none());
    assert!(good("[audio]\nbackend = timer").zones.is_empty());
}

#[test]
fn every_mistake_has_its_line_and_what_to_write() {
    let rows = [
        (
            "[zone:yard]\n",
            "paging.conf:1: [zone:yard]: has no outputs; write e.g. outputs = system:playback_1",
        ),
        (
            "[zone:]\noutputs = x",
            "paging.conf:1: [zone:]: needs a name after the colon, without blanks and commas, and \
             not \"all\", which stands for every zone; write e.g. [zone:yard]",
        ),
        (
            "[zone:all]\noutputs = x",
            "paging.conf:1: [zone:all]: needs a name after the colon, without blanks and commas, \
             and not \"all\", which stands for every zone; write e.g. [zone:yard]",
        ),
        (
            "[zone:yard]\noutputs = a b(",
            "paging.conf:2: [zone:yard] outputs = a b(: in \"b(\": not a regular expression \
             (unclosed group); put \\ before a special character that is meant as it stands",
        ),
        (
            "[zone:yard]\noutputs = multicast:10.1.1.1:5004",
            "paging.conf:2: [zone:yard] outputs = multicast:10.1.1.1:5004: in \
             \"multicast:10.1.1.1:5004\": not a multicast address, which begins with 224 to 239, or \
             with ff in IPv6; write e.g. 239.1.2.3:5004",
        ),
        (
            "[zone:yard]\noutputs = device:usb/2 x, device:usb",
            "paging.conf:2: [zone:yard] outputs = device:usb/2 x, device:usb: \"device:usb\" has \
             channels that \"device:usb/2\" has already; name each channel once",
        ),
        (
            "[zone:yard]\noutputs = device:usb/3,5",
            "paging.conf:2: [zone:yard] outputs = device:usb/3,5: \"5\" alone is no output; write \
             device:NAME/3-4 for channels side by side, and else device:NAME/3 device:NAME/7",
        ),
        (
            "[zone:yard]\noutputs = x\ndelay = 2s",
            "paging.conf:3: [zone:yard] delay = 2s: longer than a second; write 0ms to 1s, e.g. \
             120ms",
        ),
        (
            "[zone:yard]\noutputs = x\ndelay = 20",
            "paging.conf:3: [zone:yard] delay = 20: has no unit; write e.g. 150ms or 1.5s",
        ),
        (
            "[zone:yard]\noutputs = x\nduck = 6dB",
            "paging.conf:3: [zone:yard] duck = 6dB: louder than the music itself; write 0dB or \
             less, e.g. -20dB",
        ),
        (
            "[zone:yard]\noutputs = x\nvolum = 6dB",
            "paging.conf:3: warning: [zone:yard] volum: unknown key, ignored; did you mean volume?",
        ),
        (
            "[zone:yard]\noutputs = x\nmusic = pop",
            "paging.conf:3: [zone:yard] music = pop: there is no [music:pop]; write that section, or \
             the name of one that is there",
        ),
        (
            "[audio]\noutputs = x",
            "paging.conf:2: warning: [audio] outputs: unknown key, ignored",
        ),
    ];
    for (written, want) in rows {
        says(written, want);
    }
}

#[test]
fn two_hundred_and_fifty_six_zones_are_ordinary() {
    let site: String = (0..256)
        .map(|n| {
            format!(
                "[zone:room-{n:03}]\noutputs = card:out_{n}$\nvolume = -{}dB\n",
                n % 7
            )
        })
        .collect();
    let config = good(&site);
    assert_eq!(config.zones.len(), 256);
    assert_eq!(config.zones[255].name, "room-255");
    let many: String = (0..513)
        .map(|n| format!("[zone:z{n:03}]\noutputs = x\n"))
        .collect();
    let mistakes = text(&many).mistakes;
    assert_eq!(
        mistakes[0].to_string(),
        "paging.conf:1025: [zone:z512]: is one too many; there is room for 512"
    );
}

#[test]
fn sixteen_sound_devices_may_be_named_in_as_many_zones_as_there_are() {
    let zone = |n: usize| {
        format!(
            "[zone:z{n:02}]\noutputs = device:card-{n} device:usb/{}\n",
            n + 1
        )
    };
    let site = |n| (0..n).map(zone).collect::<String>();
    good(&site(15));
    let mistakes = text(&site(16)).mistakes;
    assert_eq!(
        mistakes[0].to_string(),
        "paging.conf:32: [zone:z15] outputs = device:card-15 device:usb/16: names one sound device \
         too many; there is room for 16, and JACK or PipeWire can join some into one"
    );
}

#[test]
fn a_reload_is_told_what_changed() {
    let old = good(SITE);
    assert!(diff(&old, &old).is_empty());
    let parts = |new: &str| {
        let changes = diff(&old, &good(new));
        let parts: Vec<Part> = changes.parts.iter().copied().collect();
        (parts, changes.to_string())
    };
    let louder = SITE.replace("volume = -3dB", "volume = 3dB");
    assert_eq!(
        parts(&louder),
        (vec![Part::Zones], "[zone:hall]".to_owned())
    );
    let moved = SITE.replace("device:2", "device:3");
    let both = vec![Part::Output, Part::Zones];
    assert_eq!(parts(&moved), (both.clone(), "[zone:yard]".to_owned()));
    let renamed = SITE.replace("zone:yard", "zone:gate");
    assert_eq!(
        parts(&renamed),
        (both, "[zone:gate], [zone:yard]".to_owned())
    );
}

/// Values of each key, none of them its default.
const VALUES: &[(&str, &[&str])] = &[
    (
        "outputs",
        &["a|b", "x\\ y\\,z, device:3", "device:usb.*/1-2 w%%"],
    ),
    ("volume", &["-3dB", "80%%", "-1"]),
    ("klaxon-volume", &["6dB", "0"]),
    ("music-volume", &["-infdB", "33.3"]),
    ("duck", &["-6dB", "-infdB", "0"]),
    ("high-pass", &["80", "120.5"]),
    ("eq", &["100:3dB, 200:-3.5dB:4", "low:90:-9dB high:5000:24"]),
    ("delay", &["1s", "0.3ms", "20ms"]),
    ("limiter", &["-40dB", "-3.5"]),
    ("record", &["pages"]),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_dumped_reads_as_the_same(
        zones in prop::collection::vec(prop::collection::vec(prop::option::of(0..3usize), 10), 0..4),
    ) {
        let mut written = String::new();
        for (n, picks) in zones.iter().enumerate() {
            written += &format!("[zone:z{n}]\n");
            for ((key, values), pick) in VALUES.iter().zip(picks) {
                let pick = if *key == "outputs" { pick.or(Some(0)) } else { *pick };
                if let Some(pick) = pick {
                    written += &format!("{key} = {}\n", values[pick % values.len()]);
                }
            }
        }
        let config = text(&written).config.unwrap();
        let dumped = dump(&config, Title::Current, Secrets::Shown);
        prop_assert_eq!(text(&dumped).config.unwrap(), config, "{}", dumped);
    }

    #[test]
    fn any_value_is_read_without_panic(at in 0..VALUES.len(), value in "\\PC{0,40}|[ -~]{0,20}") {
        let written = format!("[zone:a]\noutputs = x\n{} = {value}", VALUES[at].0);
        if let Some(config) = text(&written).config {
            let dumped = dump(&config, Title::Current, Secrets::Shown);
            prop_assert_eq!(text(&dumped).config.unwrap(), config, "{}", dumped);
        }
    }
}

//! Do sections of multicast groups become groups, and does every mistake in them tell its line and
//! remedy?
#![allow(clippy::unwrap_used)]

#[path = "config/written.rs"]
mod written;

use std::time::Duration;

use paging::base::{Dscp, Encoding};
use paging::config::{GroupForm, Part, Secrets, Title, Tone, diff, dump};
use paging::page::Busy;
use proptest::prelude::*;
use written::{good, says_all as says, text};

const SITE: &str = "\
[zone:hall]
outputs = a multicast:phones multicast:239.1.2.9:5004
[zone:yard]
outputs = multicast:239.1.2.3:5004, multicast:[ff15::7]:5004
[multicast-out:phones]
address = 239.1.2.3:5004
codec = opus
payload-type = 111
ptime = 40ms
music = yes
ttl = 16
interface = eth0
loop = yes
dscp = af31
[multicast-in:office]
address = 239.1.2.4:5006
codec = l16/44100
sources = 192.0.2.7 198.51.100.0/24
interface = 192.0.2.2
silence-timeout = 1s
zones = yard
priority = 210
busy = mix
partial = no
max-duration = 90
klaxon = klaxon
end-tone = gong.wav
fade = 125ms
[multicast-in:poly]
address = 224.0.1.116:5001
format = polycom
group = 0
";

#[test]
fn a_group_is_what_is_written_and_what_is_not_is_usual() {
    let config = good(SITE);
    let [phones, other, six] = &config.groups_out[..] else {
        panic!("three groups");
    };
    assert_eq!(phones.zones(&config).collect::<Vec<_>>(), ["hall", "yard"]);
    assert_eq!(
        (phones.codec, phones.payload_type),
        (Encoding::Opus, Some(111))
    );
    assert_eq!((phones.ptime, phones.ttl), (Duration::from_millis(40), 16));
    assert!(phones.music && phones.loops);
    assert_eq!(phones.dscp, Dscp::new(26).unwrap());
    assert_eq!(phones.interface.as_ref().unwrap().to_string(), "eth0");
    // Those that only their addresses tell of.
    assert_eq!(
        (other.name.as_str(), other.codec),
        ("239.1.2.9:5004", Encoding::G722)
    );
    assert_eq!(
        (other.form, other.ttl, other.music),
        (GroupForm::Rtp, 1, false)
    );
    assert_eq!(
        (other.ptime, other.dscp),
        (Duration::from_millis(20), Dscp::EF)
    );
    assert_eq!(six.address.unwrap().to_string(), "[ff15::7]:5004");

    let [office, poly] = &config.groups_in[..] else {
        panic!("two groups");
    };
    assert_eq!(
        (office.priority, office.busy, office.partial),
        (210, Busy::Mix, false)
    );
    assert_eq!(
        (office.sources.len(), &office.zones[..]),
        (2, &["yard".to_owned()][..])
    );
    assert_eq!(office.silence_timeout, Duration::from_secs(1));
    assert_eq!(office.max_duration, Some(Duration::from_secs(90)));
    assert_eq!(office.klaxon, Tone::Klaxon);
    assert_eq!(office.fade, Duration::from_millis(125));
    assert_eq!(
        (poly.form, poly.channel, poly.codec),
        (GroupForm::Polycom, 0, None)
    );
    assert_eq!(
        (poly.priority, poly.busy, poly.partial),
        (100, Busy::Queue, true)
    );
    assert_eq!(poly.silence_timeout, Duration::from_millis(500));
    assert!(poly.zones.is_empty() && poly.sources.is_empty());
}

#[test]
fn every_mistake_has_its_line_and_what_to_write() {
    let zone = "[zone:z]\noutputs = multicast:a\n[multicast-out:a]\naddress = 239.1.2.3:5004\n";
    let rows: &[(&str, &[&str])] = &[
        (
            "[multicast-in:a]\n",
            &[
                "paging.conf:1: [multicast-in:a]: has no address; write e.g. address = \
               239.1.2.3:5004",
            ],
        ),
        (
            "[multicast-in:]\naddress = 239.1.2.3:5004",
            &[
                "paging.conf:1: [multicast-in:]: needs a name after the colon, without blanks, commas \
               and colons; write e.g. [multicast-in:phones]",
            ],
        ),
        (
            "[multicast-in:a]\naddress = 10.0.0.1:5004",
            &[
                "paging.conf:2: [multicast-in:a] address = 10.0.0.1:5004: not a multicast address, \
               which begins with 224 to 239, or with ff in IPv6; write e.g. 239.1.2.3:5004",
            ],
        ),
        (
            "[multicast-in:a]\naddress = 239.1.2.3:0",
            &[
                "paging.conf:2: [multicast-in:a] address = 239.1.2.3:0: port 0 is no port; write \
               e.g. 239.1.2.3:5004",
            ],
        ),
        (
            "[multicast-in:a]\naddress = 239.1.2.3:5004\ncodec = g729",
            &[
                "paging.conf:3: [multicast-in:a] codec = g729: no such codec; write pcmu, pcma, g722, \
               opus, or l16 with its rate as l16/48000, l16/44100, l16/32000, l16/16000 or \
               l16/8000",
            ],
        ),
        (
            "[multicast-in:a]\naddress = 239.1.2.3:5004\nsources = office",
            &[
                "paging.conf:3: [multicast-in:a] sources = office: \"office\" is not an address; \
               write e.g. 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32",
            ],
        ),
        (
            "[multicast-in:a]\naddress = 239.1.2.3:5004\nzones = hall",
            &[
                "paging.conf:3: [multicast-in:a] zones = hall: there is no zone \"hall\"; write a \
               section [zone:hall], or zones = all",
            ],
        ),
        (
            "[multicast-in:a]\naddress = 239.1.2.3:5004\nsilence-timeout = 10ms",
            &[
                "paging.conf:3: [multicast-in:a] silence-timeout = 10ms: out of range; write 100ms \
               to 60s, e.g. 500ms",
            ],
        ),
        (
            "[multicast-in:a]\naddress = 239.1.2.3:5004\n[multicast-in:b]\naddress = 239.1.2.3:5004",
            &[
                "paging.conf:4: [multicast-in:b] address = 239.1.2.3:5004: is the group of \
               [multicast-in:a] at paging.conf:2 too; write another, or remove one of them",
            ],
        ),
        (
            "[zone:z]\noutputs = multicast:phnes\n[multicast-out:phones]\naddress = 239.1.2.3:5004",
            &[
                "paging.conf:2: [zone:z] outputs = multicast:phnes: there is no group \"phnes\"; did \
               you mean phones? Else write a section [multicast-out:phnes], or its address as \
               multicast:239.1.2.3:5004",
                "paging.conf:4: warning: [multicast-out:phones] address = 239.1.2.3:5004: no zone is \
               sent there; write multicast:phones into the outputs of a zone",
            ],
        ),
        (
            "[multicast-out:phones]\nttl = 256",
            &[
                "paging.conf:2: [multicast-out:phones] ttl = 256: not a whole number from 0 to 255; \
               write e.g. 1",
            ],
        ),
    ];
    for (written, want) in rows {
        says(written, want);
    }
    let more: &[(&str, &str)] = &[
        (
            "format = polycom\ncodec = opus",
            "paging.conf:6: [multicast-out:a] codec = opus: not a codec of Poly telephones; write \
             pcmu or g722",
        ),
        (
            "ptime = 25ms",
            "paging.conf:5: [multicast-out:a] ptime = 25ms: no such length; write 10ms, 20ms, 30ms, \
             40ms or 60ms",
        ),
        (
            "interface = eth0:1",
            "paging.conf:5: [multicast-out:a] interface = eth0:1: neither a network nor our address \
             there; write e.g. eth0 or 192.0.2.1",
        ),
        (
            "caller = The whole front desk",
            "paging.conf:5: [multicast-out:a] caller = The whole front desk: too long; write a name \
             of 13 bytes at most",
        ),
        (
            "loop = yes\n[multicast-in:b]\naddress = 239.1.2.3:5004",
            "paging.conf:7: [multicast-in:b] address = 239.1.2.3:5004: is spoken to by \
             [multicast-out:a] with loop = yes, so what it says would come back; write another, or \
             loop = no there",
        ),
    ];
    for (written, want) in more {
        says(&format!("{zone}{written}"), &[want]);
    }
}

#[test]
fn groups_of_pages_may_share_an_address() {
    let config = good(
        "[multicast-in:one]\naddress = 224.0.1.116:5001\nformat = polycom\ngroup = 1\n\
         [multicast-in:two]\naddress = 224.0.1.116:5001\nformat = polycom\ngroup = 2\n",
    );
    assert_eq!(config.groups_in.len(), 2);
}

#[test]
fn a_reload_is_told_which_group_changed() {
    let old = good(SITE);
    assert!(diff(&old, &old).is_empty());
    let told = |new: &str| {
        let changes = diff(&old, &good(new));
        let parts: Vec<Part> = changes.parts.iter().copied().collect();
        (parts, changes.to_string())
    };
    let poly = SITE.replace("group = 0", "group = 3");
    assert_eq!(
        told(&poly),
        (vec![Part::Groups], "[multicast-in:poly]".to_owned())
    );
    let phones = SITE.replace("ttl = 16", "ttl = 8");
    assert_eq!(
        told(&phones),
        (vec![Part::Groups], "[multicast-out:phones]".to_owned())
    );
    let gone = SITE.replace(" multicast:239.1.2.9:5004", "");
    let (parts, keys) = told(&gone);
    assert_eq!(parts, [Part::Output, Part::Zones, Part::Groups]);
    assert_eq!(keys, "[zone:hall], [multicast-out:239.1.2.9:5004]");
}

/// Values of each key, none of them its default; addresses are made apart.
const OUT: &[(&str, &[&str])] = &[
    ("codec", &["pcmu", "PCMA", "opus", "l16/16000"]),
    ("payload-type", &["97", "127"]),
    ("ptime", &["10ms", "0.06s"]),
    ("music", &["yes"]),
    ("group", &["25"]),
    ("caller", &["Front desk"]),
    ("ttl", &["0", "255"]),
    ("interface", &["eth0", "192.0.2.1", "2001:db8::1"]),
    ("loop", &["yes"]),
    ("dscp", &["cs0", "34"]),
];
const IN: &[(&str, &[&str])] = &[
    ("format", &["polycom"]),
    ("codec", &["g722", "l16/8000"]),
    ("group", &["0", "7"]),
    ("sources", &["192.0.2.7, 2001:db8::/32"]),
    ("interface", &["lo"]),
    ("silence-timeout", &["100ms", "2.5s"]),
    ("zones", &["z"]),
    ("priority", &["0", "255"]),
    ("busy", &["mix", "reject"]),
    ("partial", &["no"]),
    ("max-duration", &["90s"]),
    ("klaxon", &["klaxon", "a;b.wav"]),
    ("end-tone", &["end.wav"]),
    ("fade", &["125ms"]),
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_dumped_reads_as_the_same(
        out in prop::collection::vec(prop::option::of(0..4usize), OUT.len()),
        heard in prop::collection::vec(prop::option::of(0..4usize), IN.len()),
    ) {
        let mut written = "[zone:z]\noutputs = multicast:a multicast:239.9.9.9:9\n\
                           [multicast-out:a]\naddress = 239.1.1.1:1\n".to_owned();
        let mut write = |values: &[(&str, &[&str])], picks: &[Option<usize>]| {
            for ((key, values), pick) in values.iter().zip(picks) {
                if let Some(pick) = pick {
                    written += &format!("{key} = {}\n", values[pick % values.len()]);
                }
            }
            written += "[multicast-in:b]\naddress = [ff02::7]:7\n";
        };
        write(OUT, &out);
        write(IN, &heard);
        let written = written.trim_end_matches("[multicast-in:b]\naddress = [ff02::7]:7\n");
        let config = text(written).config.unwrap();
        let dumped = dump(&config, Title::Current, Secrets::Shown);
        prop_assert_eq!(text(&dumped).config.unwrap(), config, "{}", dumped);
    }

    #[test]
    fn any_value_is_read_without_panic(
        at in 0..IN.len() + OUT.len() + 1, value in "\\PC{0,40}|[ -~]{0,20}",
    ) {
        let all: Vec<&str> = IN.iter().chain(OUT).map(|(key, _)| *key).collect();
        let key = all.get(at).copied().unwrap_or("address");
        let written = format!(
            "[zone:z]\noutputs = x\n[multicast-in:b]\naddress = 239.1.1.1:1\n{key} = {value}\n\
             [multicast-out:c]\naddress = 239.1.1.2:1\n{key} = {value}\n[zone:y]\noutputs = \
             multicast:{value}"
        );
        if let Some(config) = text(&written).config {
            let dumped = dump(&config, Title::Current, Secrets::Shown);
            prop_assert_eq!(text(&dumped).config.unwrap(), config, "{}", dumped);
        }
    }
}

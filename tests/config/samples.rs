//! Which values other than its default may each key have?

use std::collections::BTreeMap;

use proptest::prelude::*;

/// Valid values of one key, none of which means its default.
pub(crate) struct Sample {
    pub(crate) section: &'static str,
    pub(crate) key: &'static str,
    pub(crate) values: &'static [&'static str],
}

const fn row(section: &'static str, key: &'static str, values: &'static [&'static str]) -> Sample {
    Sample {
        section,
        key,
        values,
    }
}

/// In the order of the table.
pub(crate) const SAMPLES: &[Sample] = &[
    row(
        "sip",
        "domain",
        &["pbx.example.com", "192.0.2.1:5080", "[2001:db8::1]"],
    ),
    row("sip", "user", &["100", "päging"]),
    row(
        "sip",
        "pass",
        &["secret", "50%%", "%", "a;b", ";x", "a%%(b)s", "\"x\""],
    ),
    row("sip", "auth-user", &["someone@example.com", "a;b ;c"]),
    row("sip", "realm", &["asterisk", "PBX of the hall; 2"]),
    row("sip", "display-name", &["Paging Hall", "100% \"loud\""]),
    row(
        "sip",
        "outbound-proxy",
        &["proxy.example.com", "sip:192.0.2.9:5062;lr", "a, b:5080"],
    ),
    row("sip", "transport", &["tcp", "tls", "udp"]),
    row("sip", "expires", &["60", "1h", "90.5"]),
    row("sip", "keep-alive", &["0", "5", "1h"]),
    row("sip", "extensions", &["100", "700 701"]),
    row(
        "sip",
        "listen",
        &[
            "udp:0.0.0.0:5060",
            "[::]:5060, tcp:127.0.0.1:5070",
            "127.0.0.1",
            "0.0.0.0:0",
            "tls:[::]:5061",
        ],
    ),
    row("sip", "external-address", &["203.0.113.7", "2001:db8::7"]),
    row("sip", "sip-dscp", &["0", "af31", "63"]),
    row("sip", "tls-cert", &["/etc/paging/cert.pem"]),
    row("sip", "tls-key", &["/etc/paging/key.pem"]),
    row("sip", "tls-ca", &["/etc/paging/ca.pem"]),
    row("sip", "tls-verify-clients", &["yes"]),
    row(
        "sip",
        "codecs",
        &["pcma", "pcma,pcmu", "alaw", "l16 opus", "g722"],
    ),
    row("sip", "rtp-ports", &["4000-4999", "30000 - 30301"]),
    row("sip", "rtp-dscp", &["0", "AF41", "63"]),
    row("sip", "srtp", &["off", "required"]),
    row("sip", "max-calls", &["1", "500"]),
    row("sip", "session-expires", &["0", "90", "1h"]),
    row("sip", "allow", &["10.0.0.0/8 192.0.2.7", "2001:db8::/32"]),
    row("sip", "require-auth", &["yes"]),
    row("sip", "trace", &["yes"]),
    row("sip", "trace-file", &["/var/tmp/sip.pcap"]),
    row("audio", "backend", &["jack", "Device", "timer"]),
    row("audio", "device", &["3", "^USB.*%%"]),
    row("audio", "pjsua-device", &["sysdefault"]),
    row("audio", "sample-rate", &["8000", "96000"]),
    row("audio", "period", &["64", "1024"]),
    row(
        "audio",
        "klaxon",
        &["/srv/klaxon.wav", "a b;c.mp3", "ümlaut.ogg"],
    ),
    row("audio", "klaxon-max-length", &["0", "2.5", "900ms"]),
    row("audio", "klaxon-padding", &["1.0", "-0.25", "0.1"]),
    row("audio", "duck", &["-6dB", "-infdB", "0", "-17.3"]),
    row("audio", "duck-attack", &["0", "20ms", "1.5s"]),
    row("audio", "duck-release", &["2s", "0.3ms"]),
    row("audio", "music-fade-out-duration", &["3.0", "-1"]),
    row("audio", "music-fade-in-duration", &["10.0", "0"]),
    row("audio", "music-fade-out-min", &["0", "33.3", "-12dB"]),
    row("audio", "music", &["off"]),
    row("audio", "volume-music", &["80", "0", "-3dB", "33.3"]),
    row("audio", "volume-klaxon", &["150", "12.5%%"]),
    row("audio", "volume-call", &["0", "6dB"]),
    row("audio", "agc", &["yes", "-23dB"]),
    row("audio", "speech-filter", &["yes", "500, 2000"]),
    row("audio", "howl", &["off", "Duck"]),
    row(
        "audio",
        "speech-command",
        &["", "piper -m de.onnx -f {file}", "'/opt/my voice' \"a;b\""],
    ),
    row("audio", "jack-autostart", &["no", "OFF"]),
    row("audio", "jack-server-name", &["paging"]),
    row("audio", "jack-client-name", &["speakers"]),
    row(
        "audio",
        "jack-output-ports",
        &["^alsa_out", "a|b ;c", "100%%"],
    ),
    row("audio", "jack-music-client-name", &["^mpd:(.*)$", "x\\Z"]),
    row(
        "audio",
        "jack-music-links",
        &["a---b c---", "---\n  x---y;z"],
    ),
    row("calls", "hang-up-after-minutes", &["0", "1.5", "45s", "-1"]),
    row("calls", "hold-concurrent", &["no", "0"]),
    row("calls", "answer-delay", &["2", "250ms"]),
    row("calls", "klaxon-before-answer", &["false"]),
    row("calls", "announce-to-caller", &["klaxon", "prompt.wav"]),
    row("calls", "rtp-timeout", &["0", "1m"]),
    row("calls", "silence-hang-up", &["30s", "0.5"]),
    row(
        "calls",
        "klaxon-for",
        &["not-auto-answer", "Not-Auto-Answer"],
    ),
    row(
        "http",
        "listen",
        &["", "127.0.0.1:8081", "0.0.0.0:8080, [::]:8443"],
    ),
    // Empty and always there.
    row("http", "token-file", &["/dev/null"]),
    row("http", "tls-cert", &["/etc/paging/cert.pem"]),
    row("http", "tls-key", &["/etc/paging/key.pem"]),
    row(
        "http",
        "cors",
        &["https://a.example", "http://a:1 https://b"],
    ),
    row(
        "mqtt",
        "broker",
        &["mqtts://b.example", "mqtt://[::1]:1884"],
    ),
    row("mqtt", "login", &["paging", "a b"]),
    row("mqtt", "pass", &["secret", "50%%", "a;b"]),
    row("mqtt", "tls-ca", &["/etc/paging/ca.pem"]),
    row("mqtt", "tls-cert", &["/etc/paging/cert.pem"]),
    row("mqtt", "tls-key", &["/etc/paging/key.pem"]),
    row("mqtt", "client-id", &["paging-1"]),
    row("mqtt", "topic", &["site/north"]),
    row("mqtt", "discovery", &["no", "ha"]),
    row("mqtt", "user", &["home"]),
    row("server", "debug", &["yes", "TRUE"]),
    row("server", "pjsua-log-level", &["10"]),
    row("server", "log-format", &["json"]),
    row("server", "log-file", &["/var/log/paging.log"]),
    row("server", "log-max-size", &["0", "500K"]),
    row("server", "log-max-days", &["0", "7"]),
    row(
        "server",
        "sentry_dsn",
        &["https://key@sentry.example.com/42"],
    ),
    row("server", "state-dir", &["/srv/paging"]),
    row("server", "history-days", &["0", "90"]),
    row("server", "recordings-dir", &["/srv/recordings"]),
    row("server", "recordings-format", &["flac", "Opus"]),
    row("server", "retention-days", &["0", "90"]),
    row("server", "recordings-max-size", &["500M", "0", "1 tb"]),
];

/// For each key, which of its values to write, if any; and the same for an account of its own.
pub(crate) fn picks() -> impl Strategy<Value = Vec<Option<usize>>> {
    prop::collection::vec(prop::option::of(0..8usize), SAMPLES.len() * 2)
}

/// The file that these picks make.
pub(crate) fn sample_file(picks: &[Option<usize>]) -> String {
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    let (main, further) = picks.split_at(SAMPLES.len());
    let mut write = |section, sample: &Sample, pick: &Option<usize>| {
        let lines = sections.entry(section).or_default();
        if let Some(pick) = pick {
            let value = sample.values[pick % sample.values.len()];
            *lines += &format!("{} = {value}\n", sample.key);
        }
    };
    for (sample, pick) in SAMPLES.iter().zip(main) {
        write(sample.section, sample, pick);
    }
    let is_of_account = |sample: &Sample| sample.section == "sip" && sample.key != "listen";
    for (sample, pick) in SAMPLES.iter().take_while(|s| is_of_account(s)).zip(further) {
        let pick = if sample.key == "domain" {
            &Some(0)
        } else {
            pick
        };
        write("sip:office", sample, pick);
    }
    let text = |(section, lines): (&&str, &String)| format!("[{section}]\n{lines}");
    sections.iter().map(text).collect()
}

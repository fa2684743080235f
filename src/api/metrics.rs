//! How is everything that is counted told to Prometheus?

use std::fmt::{Display, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use super::app::Counts;
use super::site::{BrokerFigures, PageState, Site, Spread};

/// Version 0.0.4 of the text format.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics.
pub(super) fn text(site: &Site, counts: &Counts) -> String {
    let mut out = Sheet::default();
    program(&mut out, site);
    calls(&mut out, site);
    sound(&mut out, site);
    sip(&mut out, site);
    http(&mut out, counts);
    if let Some(figures) = &site.figures.broker {
        mqtt(&mut out, figures);
    }
    out.0
}

fn program(out: &mut Sheet, site: &Site) {
    let version = env!("CARGO_PKG_VERSION");
    out.family("paging_build_info", "gauge", "Which version runs.");
    out.one("paging_build_info", &[("version", version)], 1);
    out.gauge(
        "paging_uptime_seconds",
        "Since the start.",
        site.figures.uptime_s,
    );
    if let Some(bytes) = site.figures.disk_free {
        out.gauge("paging_disk_free_bytes", "Where state is kept.", bytes);
    }
    if let Some(bytes) = resident() {
        out.gauge("process_resident_memory_bytes", "Memory in use.", bytes);
    }
}

fn calls(out: &mut Sheet, site: &Site) {
    let figures = &site.figures;
    out.gauge("paging_calls", "Calls of now.", site.calls.len());
    out.gauge("paging_pages", "Pages that are not over.", site.pages.len());
    let queued = site.pages.iter().filter(|it| it.state == PageState::Queued);
    let help = "Pages that wait their turn.";
    out.gauge("paging_pages_queued", help, queued.count());
    let help = "Callers who hear music on hold or a message.";
    out.gauge("paging_listeners", help, figures.n_listeners);
    out.family(
        "paging_calls_total",
        "counter",
        "Calls that are over, by result.",
    );
    for (result, n) in &figures.calls {
        out.one("paging_calls_total", &[("result", result)], n);
    }
    out.family(
        "paging_pages_total",
        "counter",
        "Pages that are over, by outcome.",
    );
    for (outcome, n) in &figures.pages {
        out.one("paging_pages_total", &[("outcome", outcome)], n);
    }
    let name = "paging_bells_total";
    out.family(name, "counter", "Bells that are over, by outcome.");
    for (outcome, n) in &figures.bells {
        out.one(name, &[("outcome", outcome)], n);
    }
    let help = "From the arrival of a call to its answer.";
    out.histogram("paging_call_setup_seconds", help, &figures.set_up);
    let help = "How long the sound of calls was held back to bridge an uneven network.";
    out.histogram("paging_call_delay_seconds", help, &figures.delay);
    let help = "How unevenly the packets of calls came (RFC 3550 A.8).";
    out.histogram("paging_call_jitter_seconds", help, &figures.jitter);
    out.family(
        "paging_call_packets_total",
        "counter",
        "Packets with sound, by fate.",
    );
    for (fate, n) in &figures.packets {
        out.one("paging_call_packets_total", &[("fate", fate)], n);
    }
}

fn sound(out: &mut Sheet, site: &Site) {
    let figures = &site.figures;
    out.gauge(
        "paging_sound_up",
        "1 while pages can be heard.",
        u8::from(figures.is_up),
    );
    let counters = [
        (
            "paging_xruns_total",
            "Times that sound came too late.",
            figures.xruns,
        ),
        (
            "paging_engine_callbacks_total",
            "Times the sound clock called.",
            figures.callbacks,
        ),
        (
            "paging_starved_frames_total",
            "Frames in which a voice had nothing to say.",
            figures.starved_frames,
        ),
        (
            "paging_concealed_frames_total",
            "Frames made up for lost packets.",
            figures.concealed_frames,
        ),
        (
            "paging_voice_skips_total",
            "Times a voice skipped ahead.",
            figures.skips,
        ),
    ];
    for (name, help, n) in counters {
        out.family(name, "counter", help);
        out.one(name, &[], n);
    }
    let level = |value: Option<f32>| value.map_or_else(|| "-Inf".to_owned(), |it| it.to_string());
    out.family(
        "paging_zone_peak_dbfs",
        "gauge",
        "Highest sample of the last second.",
    );
    for zone in &site.zones {
        out.one(
            "paging_zone_peak_dbfs",
            &[("zone", &zone.name)],
            level(zone.peak_dbfs),
        );
    }
    out.family("paging_zone_loudness_lufs", "gauge", "Momentary loudness.");
    for zone in &site.zones {
        out.one(
            "paging_zone_loudness_lufs",
            &[("zone", &zone.name)],
            level(zone.loudness_lufs),
        );
    }
    out.family(
        "paging_zone_ducked",
        "gauge",
        "1 while the music of the zone is down.",
    );
    for zone in &site.zones {
        out.one(
            "paging_zone_ducked",
            &[("zone", &zone.name)],
            u8::from(zone.ducked),
        );
    }
    out.family(
        "paging_zone_has_output",
        "gauge",
        "1 while something plays the zone.",
    );
    for zone in &site.zones {
        out.one(
            "paging_zone_has_output",
            &[("zone", &zone.name)],
            u8::from(zone.has_output),
        );
    }
    out.family(
        "paging_music_ok",
        "gauge",
        "1 while the source plays what it should.",
    );
    for (source, ok) in &figures.music {
        out.one("paging_music_ok", &[("source", source)], u8::from(*ok));
    }
}

fn sip(out: &mut Sheet, site: &Site) {
    let figures = &site.figures;
    out.family(
        "paging_account_registered",
        "gauge",
        "1 while calls can reach us by it.",
    );
    for (account, ok) in &figures.accounts {
        out.one(
            "paging_account_registered",
            &[("account", account)],
            u8::from(*ok),
        );
    }
    out.gauge(
        "paging_users_registered",
        "Phones that registered here.",
        figures.n_users,
    );
    out.gauge(
        "paging_sources_silenced",
        "Sources that are not listened to.",
        figures.n_silenced,
    );
    out.family(
        "paging_sip_rejected_total",
        "counter",
        "SIP messages kept out, by reason.",
    );
    for (reason, n) in &figures.kept_out {
        out.one("paging_sip_rejected_total", &[("reason", reason)], n);
    }
}

fn http(out: &mut Sheet, counts: &Counts) {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    out.family(
        "paging_http_requests_total",
        "counter",
        "Requests answered, by status.",
    );
    for (hundreds, n) in counts.answered.iter().enumerate().skip(1) {
        let code = format!("{hundreds}xx");
        out.one("paging_http_requests_total", &[("code", &code)], read(n));
    }
    out.family(
        "paging_http_rejected_total",
        "counter",
        "Requests and connections turned away.",
    );
    let name = "paging_http_rejected_total";
    out.one(name, &[("reason", "too-many")], read(&counts.too_many));
    out.one(name, &[("reason", "no-token")], read(&counts.turned_away));
    out.one(name, &[("reason", "reads-nothing")], read(&counts.stalled));
    out.gauge(
        "paging_http_subscribers",
        "Who follows events.",
        read(&counts.subscribers),
    );
    let name = "paging_http_subscribers_dropped_total";
    out.family(name, "counter", "Subscribers that were too slow.");
    out.one(name, &[], read(&counts.dropped));
}

fn mqtt(out: &mut Sheet, figures: &BrokerFigures) {
    let is_connected = u8::from(figures.is_connected);
    out.gauge(
        "paging_mqtt_connected",
        "1 while the broker is told how things stand.",
        is_connected,
    );
    let counters = [
        (
            "paging_mqtt_published_total",
            "Messages to the broker.",
            figures.published,
        ),
        (
            "paging_mqtt_lost_total",
            "Events and answers that had no room.",
            figures.lost,
        ),
        (
            "paging_mqtt_commands_total",
            "Commands that came by the broker.",
            figures.commands,
        ),
        (
            "paging_mqtt_refused_total",
            "Commands that were not carried out.",
            figures.refused,
        ),
    ];
    for (name, help, n) in counters {
        out.family(name, "counter", help);
        out.one(name, &[], n);
    }
}

/// What grows line by line.
#[derive(Default)]
struct Sheet(String);

impl Sheet {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn one(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, text)| format!("{label}=\"{}\"", escaped(text)))
            .collect();
        match labels.as_slice() {
            [] => self.line(format_args!("{name} {value}")),
            some => self.line(format_args!("{name}{{{}}} {value}", some.join(","))),
        }
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.family(name, "gauge", help);
        self.one(name, &[], value);
    }

    fn histogram(&mut self, name: &str, help: &str, spread: &Spread) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        for (n, bound) in spread.within.iter().zip(Spread::BOUNDS_MS) {
            let bound = (bound as f64 / 1_000.0).to_string();
            self.one(&bucket, &[("le", &bound)], n);
        }
        self.one(&bucket, &[("le", "+Inf")], spread.n);
        self.one(&format!("{name}_sum"), &[], spread.sum_s);
        self.one(&format!("{name}_count"), &[], spread.n);
    }

    fn line(&mut self, text: impl Display) {
        // Writing into a text cannot fail.
        let _ = writeln!(self.0, "{text}");
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\n', "\\n")
}

/// Of this process, in bytes.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::site::{Figures, Page, Zone};
    use std::time::Duration;

    #[test]
    fn every_sample_has_a_type_and_labels_are_escaped() {
        let mut figures = Figures {
            calls: vec![("answered".to_owned(), 3)],
            accounts: vec![("a\"b".to_owned(), true)],
            bells: vec![("heard".to_owned(), 2)],
            disk_free: Some(5_000),
            broker: Some(BrokerFigures {
                is_connected: true,
                refused: 2,
                ..BrokerFigures::default()
            }),
            ..Figures::default()
        };
        figures.set_up.add(Duration::from_millis(30));
        figures.jitter.add(Duration::from_micros(1_500));
        let zone = Zone {
            name: "yard".to_owned(),
            peak_dbfs: Some(-12.5),
            loudness_lufs: None,
            ducked: true,
            has_output: true,
            heard: Vec::new(),
        };
        let waiting = Page {
            id: "p1-1".to_owned(),
            name: "page".to_owned(),
            state: PageState::Queued,
            priority: 100,
            zones: Vec::new(),
            heard_in: Vec::new(),
            call: None,
            asked_at: String::new(),
            live_at: None,
            outcome: None,
        };
        let site = Site {
            zones: vec![zone],
            pages: vec![waiting],
            figures,
            ..Site::default()
        };
        let text = text(&site, &Counts::default());
        for line in [
            "paging_calls_total{result=\"answered\"} 3",
            "paging_account_registered{account=\"a\\\"b\"} 1",
            "paging_zone_peak_dbfs{zone=\"yard\"} -12.5",
            "paging_zone_loudness_lufs{zone=\"yard\"} -Inf",
            "paging_call_setup_seconds_bucket{le=\"0.02\"} 0",
            "paging_call_setup_seconds_bucket{le=\"0.05\"} 1",
            "paging_call_setup_seconds_bucket{le=\"+Inf\"} 1",
            "paging_call_setup_seconds_sum 0.03",
            "paging_call_jitter_seconds_bucket{le=\"0.001\"} 0",
            "paging_call_jitter_seconds_bucket{le=\"0.002\"} 1",
            "paging_bells_total{outcome=\"heard\"} 2",
            "paging_disk_free_bytes 5000",
            "paging_pages_queued 1",
            "paging_mqtt_connected 1",
            "paging_mqtt_refused_total 2",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        let typed: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
            .collect();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(typed.iter().any(|it| name.starts_with(it)), "{line}");
        }
    }
}

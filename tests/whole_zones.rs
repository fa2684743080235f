//! Is every zone heard as it should be, loudspeaker by loudspeaker? Recorded through a real JACK
//! server with eight speakers.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use std::time::{Duration, Instant};

use common::daemon::{Conf, Daemon, run};
use common::folder::Folder;
use common::jack_client::{Music, Recorder, Recording};
use common::jackd::Jackd;
use common::phone::Phone;
use common::{measure, signal};

const MUSIC_HZ: f32 = 5_000.0;
const MUSIC: f32 = 0.2;
const KLAXON_HZ: f32 = 2_500.0;
const KLAXON: f32 = 0.3;
const VOICE_HZ: f32 = 800.0;
const VOICE: f32 = 0.2;

/// A loaded machine takes its time.
const SOON: Duration = Duration::from_secs(15);

fn pause(ms: u64) {
    std::thread::sleep(Duration::from_millis(ms));
}

/// Four zones on eight speakers, each with levels of its own; that of the office's callers is to
/// be filled in.
fn zones(office: &str) -> String {
    format!(
        "[zone:hall]\noutputs = system:playback_[12]$\n\
         [zone:yard]\noutputs = system:playback_[34]$\nvolume = -6dB\nklaxon-volume = -12dB\n\
         [zone:shop]\noutputs = system:playback_[56]$\nmusic-volume = -6dB\nduck = -40dB\n\
         [zone:office]\noutputs = system:playback_[78]$\nvolume = {office}\ndelay = 300ms\n\
         limiter = -14dB\n\
         [zone:attic]\noutputs = system:playback_99$\n"
    )
}

fn conf(jackd: &Jackd, folder: &Folder, zones: &str) -> Conf {
    let klaxon = folder.join("klaxon.wav");
    let tone = signal::sine(16_000, KLAXON_HZ, KLAXON, 1.0);
    signal::write_wav(&klaxon, 16_000, &[&tone]);
    Conf::jack(jackd)
        .audio("jack-music-links = left---")
        .audio(&format!("klaxon = {}", klaxon.display()))
        .more(zones)
}

#[test]
fn zones_are_told_by_the_check_and_by_the_list_of_ports() {
    let jackd = Jackd::wide(48_000, 256, 8);
    let folder = Folder::new("told");
    let text = format!(
        "[audio]\njack-server-name = {}\n{}",
        jackd.name,
        zones("0dB")
    );
    let conf = folder.write("zones.conf", text);
    let conf = conf.to_str().unwrap();
    let (code, told) = run(&folder, &["--check", conf], SOON);
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("\nzone hall: system:playback_[12]$\n"),
        "{told}"
    );
    let (code, listed) = run(&folder, &["--dump-jack-ports", conf], SOON);
    assert_eq!(code, Some(0), "{listed}");
    assert_eq!(listed.matches("    zones: yard\n").count(), 2, "{listed}");
}

/// What one speaker got, asked by the clock.
struct Heard<'a> {
    recording: &'a Recording,
    samples: &'a [f32],
}

impl Heard<'_> {
    /// The amplitude of a tone between two moments, in milliseconds after `from`: the middle one
    /// of short windows, which a cycle that the server skips does not spoil.
    fn level(&self, hz: f32, from: Instant, (begin, end): (usize, usize)) -> f32 {
        let rate = self.recording.rate;
        let at = |ms: usize| self.recording.frame_at(from) + ms * rate as usize / 1_000;
        let window = rate as usize / 20;
        let part = &self.samples[at(begin)..at(end)];
        measure::median(&measure::level_over_time(part, rate, hz, window))
    }
}

#[track_caller]
fn is_near(what: &str, speaker: usize, level: f32, wanted: f32) {
    let off = measure::db(level / wanted);
    assert!(
        off.abs() < 1.0,
        "{what} on speaker {speaker}: {level}, not {wanted} ({off:.1} dB)"
    );
}

#[test]
fn every_zone_has_its_levels_and_a_call_goes_on_through_a_reload_of_its_zones() {
    let jackd = Jackd::wide(48_000, 256, 8);
    let folder = Folder::new("zones");
    let _music = Music::start(&jackd, "mpd.paging", [MUSIC_HZ, 6_000.0], MUSIC, false);
    let mut daemon = Daemon::start(&conf(&jackd, &folder, &zones("0dB")));
    daemon
        .process
        .wait_for("[zone:attic] outputs = system:playback_99$: nothing", SOON);
    jackd.wait_until_connected("paging:office_2", "system:playback_8", SOON);
    jackd.wait_until_connected("mpd.paging:left", "paging:music_1", SOON);
    pause(1_500);
    let recorder = Recorder::start(&jackd);
    let began = Instant::now();
    pause(900);
    let mut phone = daemon.phone();
    let invited = phone.invite("100");
    phone.answered(SOON);
    let spoke = Instant::now();
    let talking = phone.start_talking(signal::sine(8_000, VOICE_HZ, VOICE, 7.0));
    pause(2_500);
    daemon.write_conf(&conf(&jackd, &folder, &zones("-12dB")));
    daemon.reload();
    daemon.process.wait_for("reloading: [zone:office]", SOON);
    let reloaded = Instant::now();
    talking.join().unwrap();
    phone.hang_up();
    let hung_up = Instant::now();
    pause(2_600);
    let heard = recorder.stop();

    // Amplitudes: music alone, klaxon, voice before and after the reload, music under the voice.
    let wanted = [
        (MUSIC, KLAXON, VOICE, VOICE, MUSIC * 0.1),
        (
            MUSIC,
            KLAXON * 0.251,
            VOICE * 0.501,
            VOICE * 0.501,
            MUSIC * 0.1,
        ),
        (MUSIC * 0.501, KLAXON, VOICE, VOICE, MUSIC * 0.005),
        // The limiter takes the rest of the klaxon and of the voice before the reload.
        (MUSIC, 0.187, 0.18, VOICE * 0.251, MUSIC * 0.1),
    ];
    let speech_ms = (spoke + Duration::from_secs(7))
        .duration_since(reloaded)
        .as_millis();
    for (speaker, samples) in heard.speakers.iter().enumerate() {
        let (zone, speaker) = (speaker / 2, speaker + 1);
        let sound = Heard {
            recording: &heard,
            samples,
        };
        let (music, klaxon, voice, later, ducked) = wanted[zone];
        let delay = if zone == 3 { 300 } else { 0 };
        is_near(
            "music",
            speaker,
            sound.level(MUSIC_HZ, began, (200, 800)),
            music,
        );
        let span = (250 + delay, 850 + delay);
        is_near(
            "klaxon",
            speaker,
            sound.level(KLAXON_HZ, invited, span),
            klaxon,
        );
        let span = (600 + delay, 2_300);
        is_near("voice", speaker, sound.level(VOICE_HZ, spoke, span), voice);
        let span = (600 + delay, speech_ms as usize - 300);
        is_near(
            "the voice after the reload",
            speaker,
            sound.level(VOICE_HZ, reloaded, span),
            later,
        );
        let under = sound.level(MUSIC_HZ, spoke, (600 + delay, 2_300));
        if zone == 2 {
            assert!(
                under < 0.004,
                "music under the voice on speaker {speaker}: {under}"
            );
        } else if zone < 3 {
            is_near("music under the voice", speaker, under, ducked);
        }
        let back = sound.level(MUSIC_HZ, hung_up, (1_700, 2_300));
        is_near("music back", speaker, back, music);
        let rest = sound.level(VOICE_HZ, hung_up, (1_700, 2_300));
        assert!(
            rest < 0.002,
            "the voice is still on speaker {speaker}: {rest}"
        );
    }
    daemon.process.wait_for("heard in hall at -", SOON);
    daemon.process.wait_for("not heard in attic", SOON);
    assert_eq!(daemon.stop().0, Some(0));
}

/// One caller's part of the play.
struct Caller {
    phone: Phone,
    hz: f32,
    invited: Instant,
    answered: Instant,
}

impl Caller {
    /// Calls, and speaks from the answer on.
    fn page(daemon: &Daemon, number: &str, hz: f32) -> Self {
        let mut phone = daemon.phone();
        let invited = phone.invite(number);
        phone.answered(SOON);
        let answered = Instant::now();
        drop(phone.start_talking(signal::sine(8_000, hz, VOICE, 40.0)));
        Self {
            phone,
            hz,
            invited,
            answered,
        }
    }

    fn hang_up(&mut self) -> Instant {
        self.phone.hang_up();
        Instant::now()
    }
}

/// Who is on the speakers of each zone from a moment on, by the pitch of the voice; 0 is nobody.
struct Scene(Instant, [f32; 4]);

const LOW: f32 = 600.0;
const MIDDLE: f32 = 1_000.0;
const HIGH: f32 = 1_500.0;

const RANKS: &str = "\
[zone:hall]\noutputs = system:playback_[12]$\n\
[zone:yard]\noutputs = system:playback_[34]$\n\
[zone:shop]\noutputs = system:playback_[56]$\n\
[zone:office]\noutputs = system:playback_[78]$\n\
[page:usual]\nextensions = 700\nzones = hall yard shop\npriority = 50\n\
[page:urgent]\nextensions = 710\nzones = yard shop office\npriority = 150\n\
[page:alarm]\nextensions = 720\nzones = shop\npriority = 220\n";

#[test]
fn three_callers_of_three_ranks_are_heard_where_and_when_they_should() {
    let jackd = Jackd::wide(48_000, 256, 8);
    let folder = Folder::new("ranks");
    let _music = Music::start(&jackd, "mpd.paging", [MUSIC_HZ, 6_000.0], MUSIC, false);
    let mut daemon = Daemon::start(&conf(&jackd, &folder, RANKS));
    jackd.wait_until_connected("paging:office_2", "system:playback_8", SOON);
    jackd.wait_until_connected("mpd.paging:left", "paging:music_1", SOON);
    pause(1_500);
    let recorder = Recorder::start(&jackd);
    let began = Instant::now();
    pause(SCENE_MS as u64);
    let mut usual = Caller::page(&daemon, "700", LOW);
    pause(SCENE_MS as u64);
    let mut urgent = Caller::page(&daemon, "710", MIDDLE);
    pause(SCENE_MS as u64);
    let mut alarm = Caller::page(&daemon, "720", HIGH);
    pause(SCENE_MS as u64);
    let alarm_over = alarm.hang_up();
    pause(SCENE_MS as u64);
    let urgent_over = urgent.hang_up();
    pause(SCENE_MS as u64);
    let usual_over = usual.hang_up();
    pause(SCENE_MS as u64);
    let heard = recorder.stop();

    let scenes = [
        Scene(began, [0.0; 4]),
        Scene(usual.answered, [LOW, LOW, LOW, 0.0]),
        Scene(urgent.answered, [LOW, MIDDLE, MIDDLE, MIDDLE]),
        Scene(alarm.answered, [LOW, MIDDLE, HIGH, MIDDLE]),
        Scene(alarm_over, [LOW, MIDDLE, MIDDLE, MIDDLE]),
        Scene(urgent_over, [LOW, LOW, LOW, 0.0]),
        Scene(usual_over, [0.0; 4]),
    ];
    for (speaker, samples) in heard.speakers.iter().enumerate() {
        let sound = Heard {
            recording: &heard,
            samples,
        };
        let (zone, speaker) = (speaker / 2, speaker + 1);
        for (n, Scene(from, voices)) in scenes.iter().enumerate() {
            let level = |hz| sound.level(hz, *from, (SETTLED_MS, SCENE_MS - 200));
            for hz in [LOW, MIDDLE, HIGH] {
                if hz == voices[zone] {
                    is_near(&format!("{hz} Hz in scene {n}"), speaker, level(hz), VOICE);
                } else {
                    let level = level(hz);
                    assert!(
                        level < 0.005,
                        "{hz} Hz on speaker {speaker} in scene {n}: {level}"
                    );
                }
            }
            let music = if voices[zone] == 0.0 {
                MUSIC
            } else {
                MUSIC * 0.1
            };
            is_near(
                &format!("music in scene {n}"),
                speaker,
                level(MUSIC_HZ),
                music,
            );
        }
        let pages = [
            (&usual, [true, true, true, false]),
            (&urgent, [false, true, true, true]),
            (&alarm, [false, false, true, false]),
        ];
        for (caller, zones) in pages {
            let level = sound.level(KLAXON_HZ, caller.invited, (250, 850));
            if zones[zone] {
                is_near(
                    &format!("the klaxon of {} Hz", caller.hz),
                    speaker,
                    level,
                    KLAXON,
                );
            } else {
                assert!(
                    level < 0.01,
                    "the klaxon of {} Hz on speaker {speaker}",
                    caller.hz
                );
            }
        }
    }
    for told in [
        "page \"alarm\" of call #3",
        "page \"urgent\" of call #2",
        "page \"usual\" of call #1",
    ] {
        daemon.process.wait_for(told, SOON);
    }
    let log = daemon.process.log();
    for told in [
        ": heard in shop, ",
        ": partly heard, in 3 of 3 zones, not all the time in shop, ",
        ": partly heard, in 3 of 3 zones, not all the time in shop, yard, ",
    ] {
        assert!(log.contains(told), "{told}\n{log}");
    }
    assert_eq!(daemon.stop().0, Some(0));
}

/// How long nothing changes.
const SCENE_MS: usize = 2_600;

/// By then music is back, which takes 0.8 s, and a loaded machine has caught up.
const SETTLED_MS: usize = 1_500;

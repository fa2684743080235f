//! Does each zone sound from its own sound card, though another is missing? ALSA's `file` writes
//! what cards would play.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::card::{Card, RATE};
use common::daemon::{Conf, Daemon};
use common::folder::Folder;
use common::measure::{level_over_time, median, rms};
use common::ports::free_address;
use common::{signal, turn};

/// A loaded machine takes its time.
const SOON: Duration = Duration::from_secs(20);

const HALL_HZ: f32 = 800.0;
const YARD_HZ: f32 = 1_300.0;

const SITE: &str = "\
[zone:hall]
outputs = device:^hall$
[zone:yard]
outputs = device:^yard$/2
[zone:shed]
outputs = device:^shed$
[page:hall]
extensions = 100
zones = hall
[page:yard]
extensions = 200
zones = yard shed
";

/// The middle one of the levels that a tone has in windows of 50 ms.
fn level(frames: &[f32], hz: f32) -> f32 {
    median(&level_over_time(frames, RATE, hz, RATE as usize / 20))
}

#[test]
fn each_zone_sounds_from_its_own_card_and_a_missing_one_is_told() {
    let _turn = turn();
    let folder = Folder::new("cards");
    let (hall, yard) = (Card::new(&folder, "hall"), Card::new(&folder, "yard"));
    let known = format!(
        "pcm.!default {{ type null }}\n{}{}",
        hall.alsa(),
        yard.alsa()
    );
    let alsa = folder.write("asound.conf", known);
    let alsa = format!("ALSA_CONFIG_PATH={}", alsa.display());
    let conf = Conf::default().audio("backend = device").more(SITE);
    let mut daemon = Daemon::spawn_under(&["env", &alsa], &conf, free_address());
    daemon.wait_ready();
    let log = &daemon.process;
    log.wait_for("sound device \"hall\", 2 channels (device, 48000 Hz", SOON);
    log.wait_for("sound device ^yard$: plays: \"yard\", 2 channels", SOON);
    log.wait_for("sound: zone yard -> yard channel 2", SOON);
    log.wait_for("sound device ^shed$: is not there", SOON);
    log.wait_for("[zone:shed] outputs = device:^shed$: nothing", SOON);
    let told = |status: &str| status.contains("sound device ^shed$ is not there");
    daemon.notify.wait_status(told, SOON).unwrap();

    let phones = [("100", HALL_HZ), ("200", YARD_HZ)].map(|(number, hz)| {
        let mut phone = daemon.phone();
        phone.invite(number);
        phone.answered(SOON);
        let talking = phone.start_talking(signal::sine(8_000, hz, 0.3, 2.5));
        (phone, talking)
    });
    std::thread::sleep(Duration::from_millis(1_000));
    let from = (hall.n_frames(), yard.n_frames());
    std::thread::sleep(Duration::from_millis(1_000));
    let in_hall = [0, 1].map(|channel| hall.heard(channel, from.0));
    let in_yard = [0, 1].map(|channel| yard.heard(channel, from.1));
    for (mut phone, talking) in phones {
        talking.join().unwrap();
        phone.hang_up();
    }
    for channel in in_hall {
        let (ours, other) = (level(&channel, HALL_HZ), level(&channel, YARD_HZ));
        assert!(ours > 0.1 && other < 0.01, "hall: {ours} {other}");
    }
    let [nobody, speaks] = in_yard;
    assert_eq!(rms(&nobody), 0.0, "no zone has this channel");
    let (ours, other) = (level(&speaks, YARD_HZ), level(&speaks, HALL_HZ));
    assert!(ours > 0.1 && other < 0.01, "yard: {ours} {other}");
    let (code, _) = daemon.stop();
    assert_eq!(code, Some(0));
}

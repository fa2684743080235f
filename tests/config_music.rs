//! Does `[music:NAME]` say what it means, and is every mistake told with its line and remedy?
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::time::Duration;

use paging::base::Db;
use paging::config::{
    Changes, Config, InPages, Loaded, Part, Secrets, Title, diff, dump, read_texts, report,
};
use paging::music::Minute;

fn read(text: &str) -> Loaded {
    read_texts([(Path::new("paging.conf"), text.as_bytes())], &[])
}

fn config(text: &str) -> Config {
    let loaded = read(text);
    assert!(loaded.warnings.is_empty(), "{}", report(&loaded));
    loaded
        .config
        .clone()
        .unwrap_or_else(|| panic!("{}", report(&loaded)))
}

fn mistakes(text: &str) -> Vec<String> {
    read(text)
        .mistakes
        .iter()
        .map(ToString::to_string)
        .collect()
}

const SITE: &str = "
[audio]
music = lounge
[music:lounge]
path = /srv/music
shuffle = yes
crossfade = 3s
loudness = -23dB
volume = -6dB
[music:radio]
url = http://radio.example:8000/live
fallback = lounge
stereo = no
in-pages = pause
loudness = no
[zone:hall]
outputs = system:playback_1
music = radio
music-volume-at = 08:00 -6dB, 22:00 off
[zone:canteen]
outputs = system:playback_2
music-at = 11:30 lounge, 14:00 off
";

#[test]
fn every_key_fills_its_field() {
    let config = config(SITE);
    let [lounge, radio] = &config.music[..] else {
        panic!("{:?}", config.music);
    };
    assert_eq!(config.audio.music.as_deref(), Some("lounge"));
    assert_eq!(lounge.path.as_deref(), Some(Path::new("/srv/music")));
    assert!(lounge.shuffle && lounge.stereo && lounge.url.is_none());
    assert_eq!(lounge.crossfade, Duration::from_secs(3));
    assert_eq!(
        (lounge.loudness, lounge.volume.level()),
        (Some(Db(-23.0)), Db(-6.0))
    );
    assert_eq!(lounge.in_pages, InPages::Duck);
    assert_eq!(radio.fallback.as_deref(), Some("lounge"));
    assert_eq!(
        (radio.loudness, radio.stereo, radio.in_pages),
        (None, false, InPages::Pause)
    );
    let at = |hour, minute| Minute::new(hour, minute).unwrap();
    let zone = |name: &str| config.zones.iter().find(|zone| zone.name == name).unwrap();
    let level = |minute| {
        zone("hall")
            .music_volume_at
            .at(minute)
            .map(|volume| volume.level())
    };
    assert_eq!(level(at(9, 0)), Some(Db(-6.0)));
    assert_eq!(level(at(7, 59)), Some(Db::SILENCE));
    let plays = |minute| zone("canteen").music_at.at(minute).cloned().flatten();
    assert_eq!(plays(at(12, 0)).as_deref(), Some("lounge"));
    assert_eq!(plays(at(9, 0)), None);
}

#[test]
fn what_is_written_out_reads_the_same_again() {
    let before = config(SITE);
    let text = dump(&before, Title::Current, Secrets::Shown);
    assert_eq!(config(&text), before, "{text}");
}

#[test]
fn every_mistake_has_its_line_and_its_remedy() {
    let rows = [
        (
            "[music:a]\njack-client = mpd\nin-pages = pause\n",
            "3: [music:a] in-pages = pause: cannot be: a player in JACK",
        ),
        (
            "[music:a]\njack-client = (\n",
            "2: [music:a] jack-client = (:",
        ),
        (
            "[music:b]\npath = x\nfallback = a\n[music:a]\njack-client = mpd\n",
            "3: [music:b] fallback = a: is music of JACK",
        ),
        (
            "[moh:x]\nextensions = 1\nsource = music:a\n[music:a]\njack-client = mpd\n",
            "3: [moh:x] source = music:a: is music of JACK",
        ),
        ("[music:]\npath = x\n", "1: [music:]: needs a name"),
        ("[music:off]\npath = x\n", "1: [music:off]: needs a name"),
        (
            "[music:a]\nshuffle = yes\n",
            "1: [music:a]: has nothing to play; write path =",
        ),
        (
            "[music:a]\npath = x\nurl = http://y\n",
            "1: [music:a]: has more than one of path, url and jack-client",
        ),
        (
            "[music:a]\nurl = ftp://y\n",
            "2: [music:a] url = ftp://y: not an address",
        ),
        (
            "[music:a]\npath = x\nfallback = b\n",
            "3: [music:a] fallback = b: there is no [music:b]",
        ),
        (
            "[music:a]\npath = x\nfallback = a\n",
            "3: [music:a] fallback = a: comes back to itself",
        ),
        (
            "[music:a]\npath = x\ncrossfade = 60s\n",
            "3: [music:a] crossfade = 60s: longer than",
        ),
        (
            "[music:a]\npath = x\nin-pages = stop\n",
            "3: [music:a] in-pages = stop: no such choice",
        ),
        (
            "[audio]\nmusic = b\n",
            "2: [audio] music = b: there is no [music:b]",
        ),
        (
            "[zone:z]\noutputs = x\nmusic = b\n",
            "3: [zone:z] music = b: there is no [music:b]",
        ),
        (
            "[zone:z]\noutputs = x\nmusic-at = 08:00 b, 09:00 off\n",
            "3: [zone:z] music-at = 08:00 b, 09:00 off: there is no [music:b]",
        ),
        (
            "[zone:z]\noutputs = x\nmusic-volume-at = 8 off\n",
            "3: [zone:z] music-volume-at = 8 off: \"8 off\" is no time of day",
        ),
    ];
    for (text, expected) in rows {
        let told = mistakes(text);
        let is_it = |line: &String| line.starts_with(&format!("paging.conf:{expected}"));
        assert!(
            told.len() == 1 && told.iter().all(is_it),
            "{text}: {told:?}"
        );
    }
}

#[test]
fn a_change_of_music_concerns_music_only() {
    let before = config(SITE);
    let after = config(&SITE.replace("shuffle = yes", "shuffle = no"));
    let Changes { parts, keys, .. } = diff(&before, &after);
    assert_eq!(parts.into_iter().collect::<Vec<_>>(), [Part::Music]);
    assert_eq!(keys, ["[music:lounge]"]);
    assert!(diff(&before, &config(SITE)).is_empty());
}

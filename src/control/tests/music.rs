//! Is it told what becomes of the music?

use std::time::{Duration, Instant};

use super::site::policy;
use crate::control::{Core, Effect, Input, Level, Music, Snapshot};

fn told(core: &mut Core, input: Input, now: Instant) -> Vec<(Level, String)> {
    core.handle(input, now);
    let effects = std::iter::from_fn(|| core.poll());
    let notes = effects.filter_map(|effect| {
        if let Effect::Log(note) = effect {
            return Some((note.level, note.text));
        }
        None
    });
    notes.collect()
}

fn changed(ok: bool, text: &str) -> Input {
    Input::MusicChanged {
        name: "lounge".to_owned(),
        ok,
        text: text.to_owned(),
    }
}

#[test]
fn what_becomes_of_music_is_told_once_and_shown() {
    let now = Instant::now();
    let mut core = Core::new(policy(), now);
    let plays = told(&mut core, changed(true, "plays a.mp3"), now);
    assert_eq!(
        plays,
        [(Level::Info, "music lounge: plays a.mp3".to_owned())]
    );
    assert!(told(&mut core, changed(true, "plays a.mp3"), now).is_empty());
    let skipped = Input::MusicSkipped {
        name: "lounge".to_owned(),
        what: "b.mp3".to_owned(),
        why: "is no music".to_owned(),
    };
    let skipped = told(&mut core, skipped, now);
    let text = "music lounge: b.mp3 is skipped: is no music".to_owned();
    assert_eq!(skipped, [(Level::Warn, text)]);
    let later = now + Duration::from_secs(5);
    let silent = told(&mut core, changed(false, "silent: gone"), later);
    assert_eq!(
        silent,
        [(Level::Warn, "music lounge: silent: gone".to_owned())]
    );
    let Snapshot { music, .. } = core.snapshot();
    let expected = Music {
        ok: false,
        text: "silent: gone".to_owned(),
        since: later,
        n_skipped: 1,
    };
    assert_eq!(music["lounge"], expected);
    assert!(
        core.snapshot()
            .summary(later)
            .contains("music lounge silent: gone")
    );
    let gone = Input::MusicGone {
        name: "lounge".to_owned(),
    };
    assert!(told(&mut core, gone, later).is_empty());
    assert!(core.snapshot().music.is_empty());
}

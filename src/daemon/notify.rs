//! What does systemd learn of us?
//!
//! `READY=1` once we can be called and heard, `STATUS=` in plain words whenever they change, and
//! `WATCHDOG=1` only while every part that must move has moved since the last one.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// The counters that must all rise for the daemon to count as alive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Beats {
    /// Turns of the media thread.
    pub(super) media: u64,
    /// Turns of the thread of those who only listen, while there is one.
    pub(super) hall: Option<u64>,
    /// Turns of the thread of multicast groups, while there is one.
    pub(super) groups: Option<u64>,
    /// Rounds of the thread that keeps the sound running.
    pub(super) output: u64,
    /// Runs of the sound callback; while there is no sound, nobody runs it.
    pub(super) callbacks: Option<u64>,
}

/// The line to systemd; without one, nothing is sent and nothing is missed.
pub(super) struct Notify {
    watchdog: Option<Watchdog>,
    status: String,
    ready: bool,
}

struct Watchdog {
    interval: Duration,
    due_at: Instant,
    last: Beats,
}

impl Notify {
    pub(super) fn new(now: Instant) -> Self {
        // Half the time systemd allows, as its manual advises.
        let watchdog = sd_notify::watchdog_enabled().map(|limit| Watchdog {
            interval: limit / 2,
            due_at: now,
            last: Beats::default(),
        });
        Self {
            watchdog,
            status: String::new(),
            ready: false,
        }
    }

    /// Says once that calls will be answered and heard.
    pub(super) fn ready(&mut self) {
        if !std::mem::replace(&mut self.ready, true) {
            send(&[NotifyState::Ready]);
        }
    }

    /// One sentence for `systemctl status`; sent only when it changed.
    pub(super) fn status(&mut self, text: &str) {
        if self.status != text {
            text.clone_into(&mut self.status);
            send(&[NotifyState::Status(text)]);
        }
    }

    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(stamp) => send(&[NotifyState::Reloading, stamp]),
            Err(error) => tracing::debug!("no monotonic clock for systemd: {error}"),
        }
    }

    pub(super) fn reloaded(&self) {
        send(&[NotifyState::Ready]);
    }

    pub(super) fn stopping(&self) {
        send(&[NotifyState::Stopping]);
    }

    /// When the watchdog wants to be fed next.
    pub(super) fn poll_timeout(&self) -> Option<(Instant, &'static str)> {
        let watchdog = self.watchdog.as_ref()?;
        Some((watchdog.due_at, "watchdog"))
    }

    /// Pings the watchdog if it is time and every beat has moved since the last ping.
    pub(super) fn beat(&mut self, beats: Beats, now: Instant) {
        let Some(watchdog) = &mut self.watchdog else {
            return;
        };
        if watchdog.ping_is_due(beats, now) {
            send(&[NotifyState::Watchdog]);
        }
    }
}

impl Watchdog {
    fn ping_is_due(&mut self, beats: Beats, now: Instant) -> bool {
        let has_moved = beats.media != self.last.media
            && beats.output != self.last.output
            && (beats.hall.is_none() || beats.hall != self.last.hall)
            && (beats.groups.is_none() || beats.groups != self.last.groups)
            && (beats.callbacks.is_none() || beats.callbacks != self.last.callbacks);
        if now < self.due_at || !has_moved {
            return false;
        }
        self.last = beats;
        self.due_at = now + self.interval;
        true
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("systemd does not listen: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watchdog(now: Instant) -> Watchdog {
        Watchdog {
            interval: Duration::from_secs(15),
            due_at: now,
            last: Beats::default(),
        }
    }

    fn beats(media: u64, output: u64, callbacks: Option<u64>) -> Beats {
        Beats {
            media,
            hall: None,
            groups: None,
            output,
            callbacks,
        }
    }

    #[test]
    fn the_watchdog_is_fed_only_while_every_part_moves() {
        let now = Instant::now();
        let later = |s| now + Duration::from_secs(s);
        let mut dog = watchdog(now);
        assert!(dog.ping_is_due(beats(1, 1, Some(1)), now));
        assert!(
            !dog.ping_is_due(beats(2, 2, Some(2)), later(14)),
            "not yet due"
        );
        assert!(
            !dog.ping_is_due(beats(1, 9, Some(9)), later(16)),
            "media stands still"
        );
        assert!(
            !dog.ping_is_due(beats(9, 1, Some(9)), later(17)),
            "output stands still"
        );
        assert!(
            !dog.ping_is_due(beats(9, 9, Some(1)), later(18)),
            "the callback stands still"
        );
        assert!(dog.ping_is_due(beats(9, 9, Some(9)), later(19)));
    }

    #[test]
    fn the_thread_of_listeners_counts_once_it_is_there() {
        let now = Instant::now();
        let mut dog = watchdog(now);
        let with = |n: u64, hall| Beats {
            hall,
            groups: hall,
            ..beats(n, n, None)
        };
        assert!(dog.ping_is_due(with(1, None), now));
        let later = |s| now + Duration::from_secs(s);
        assert!(dog.ping_is_due(with(2, Some(1)), later(20)));
        assert!(!dog.ping_is_due(with(3, Some(1)), later(40)));
        assert!(dog.ping_is_due(with(4, Some(2)), later(41)));
    }

    #[test]
    fn lost_sound_is_no_reason_to_be_killed() {
        let now = Instant::now();
        let mut dog = watchdog(now);
        assert!(dog.ping_is_due(beats(1, 1, Some(1)), now));
        assert!(dog.ping_is_due(beats(2, 2, None), now + Duration::from_secs(20)));
        assert!(dog.ping_is_due(beats(3, 3, None), now + Duration::from_secs(40)));
    }
}

//! Which clock is tried when, and how soon again?

use std::time::{Duration, Instant};

use crate::output::running::Kind;
use crate::output::settings::Backend;

/// Between attempts to reach a JACK server that shall come by itself; an attempt costs 3 ms.
const JACK_PAUSE: Duration = Duration::from_millis(250);

/// Between attempts to have a JACK server started: each can take seconds, and where a service
/// manager restarts the server too, it shall come first.
const AUTOSTART_PAUSE: Duration = Duration::from_secs(5);

/// Between attempts to open a sound device, at first and at last.
const DEVICE_PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// How often a running timer looks for a JACK server to make way for.
const PROMOTION_PAUSE: Duration = Duration::from_secs(3);

/// The history of starting clocks under one set of settings.
#[derive(Clone, Debug)]
pub(crate) struct Attempts {
    backend: Backend,
    may_autostart: bool,
    /// The clock that ran last.
    last: Option<Kind>,
    n_failed: u32,
    retry_at: Instant,
    autostart_at: Instant,
    promote_at: Instant,
}

impl Attempts {
    pub(crate) fn new(backend: Backend, may_autostart: bool, now: Instant) -> Self {
        Self {
            backend,
            may_autostart: may_autostart && backend == Backend::Jack,
            last: None,
            n_failed: 0,
            retry_at: now,
            autostart_at: now,
            promote_at: now,
        }
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.retry_at
    }

    /// What to try, best first. A sound server or device that was there is waited for: to go on
    /// in silence would only look like sound.
    pub(crate) fn candidates(&self) -> &'static [Kind] {
        match (self.backend, self.last) {
            (Backend::Jack, _) | (Backend::Auto, Some(Kind::Jack)) => &[Kind::Jack],
            (Backend::Device, _) => &[Kind::Device],
            (Backend::Timer, _) => &[Kind::Timer],
            (Backend::Auto, Some(Kind::Device)) => &[Kind::Jack, Kind::Device],
            (Backend::Auto, None | Some(Kind::Timer)) => &[Kind::Jack, Kind::Device, Kind::Timer],
        }
    }

    /// Whether libjack may start a server in an attempt made now.
    pub(crate) fn may_autostart(&self, now: Instant) -> bool {
        self.may_autostart && now >= self.autostart_at
    }

    pub(crate) fn succeeded(&mut self, kind: Kind, now: Instant) {
        self.last = Some(kind);
        self.n_failed = 0;
        self.promote_at = now + PROMOTION_PAUSE;
    }

    /// Returns the pause until the next attempt.
    pub(crate) fn failed(&mut self, now: Instant) -> Duration {
        if self.may_autostart(now) {
            self.autostart_at = now + AUTOSTART_PAUSE;
        }
        let pause = if self.candidates().contains(&Kind::Jack) {
            JACK_PAUSE
        } else {
            device_pause(self.n_failed)
        };
        self.n_failed += 1;
        self.retry_at = now + pause;
        pause
    }

    /// The clock has died.
    pub(crate) fn lost(&mut self, now: Instant) {
        self.retry_at = now;
        self.autostart_at = now + AUTOSTART_PAUSE;
    }

    /// Whether a timer that stands in for hardware should look for a better clock now.
    pub(crate) fn take_promotion(&mut self, now: Instant) -> bool {
        let stands_in = self.backend == Backend::Auto && self.last == Some(Kind::Timer);
        if !stands_in || now < self.promote_at {
            return false;
        }
        self.promote_at = now + PROMOTION_PAUSE;
        true
    }
}

/// Until a device that did not open so often before is tried again.
pub(crate) fn device_pause(n_failed: u32) -> Duration {
    let (first, last) = DEVICE_PAUSE;
    (first * 2u32.pow(n_failed.min(8))).min(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(backend: Backend) -> (Attempts, Instant) {
        let now = Instant::now();
        (Attempts::new(backend, true, now), now)
    }

    #[test]
    fn auto_waits_for_what_was_there() {
        let (mut attempts, now) = attempts(Backend::Auto);
        assert_eq!(
            attempts.candidates(),
            [Kind::Jack, Kind::Device, Kind::Timer]
        );
        attempts.succeeded(Kind::Jack, now);
        assert_eq!(attempts.candidates(), [Kind::Jack]);
        attempts.succeeded(Kind::Device, now);
        assert_eq!(attempts.candidates(), [Kind::Jack, Kind::Device]);
    }

    #[test]
    fn only_a_jack_backend_starts_servers_and_not_right_after_a_loss() {
        let (auto, now) = attempts(Backend::Auto);
        assert!(!auto.may_autostart(now));
        let (mut jack, now) = attempts(Backend::Jack);
        assert!(jack.may_autostart(now));
        jack.succeeded(Kind::Jack, now);
        jack.lost(now);
        assert!(jack.is_due(now) && !jack.may_autostart(now));
        assert!(jack.may_autostart(now + AUTOSTART_PAUSE));
    }

    #[test]
    fn a_server_is_looked_for_often_and_a_device_ever_less() {
        let (mut jack, now) = attempts(Backend::Jack);
        for _ in 0..100 {
            assert_eq!(jack.failed(now), JACK_PAUSE);
        }
        assert!(!jack.is_due(now) && jack.is_due(now + JACK_PAUSE));
        let (mut device, now) = attempts(Backend::Device);
        let pauses: Vec<u64> = (0..5).map(|_| device.failed(now).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn only_a_timer_that_stands_in_makes_way() {
        let (mut auto, now) = attempts(Backend::Auto);
        auto.succeeded(Kind::Timer, now);
        assert!(!auto.take_promotion(now));
        let later = now + PROMOTION_PAUSE;
        assert!(auto.take_promotion(later) && !auto.take_promotion(later));
        let (mut timer, now) = attempts(Backend::Timer);
        timer.succeeded(Kind::Timer, now);
        assert!(!timer.take_promotion(now + PROMOTION_PAUSE));
    }
}

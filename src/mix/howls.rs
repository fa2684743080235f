//! How does the outside learn that a voice howls while it does?

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::base::Db;
use crate::dsp::Howl;

/// What one voice tells of its howls: the callback writes, the console reads.
#[derive(Debug, Default)]
pub(super) struct Howls {
    n: AtomicU32,
    hz: AtomicU32,
    level: AtomicU32,
}

/// The console's end.
#[derive(Debug)]
pub(super) struct HowlsHeard {
    howls: Arc<Howls>,
    n_told: u32,
}

impl HowlsHeard {
    pub(super) fn new(howls: Arc<Howls>) -> Self {
        Self { howls, n_told: 0 }
    }

    /// How often it has howled by now, and how the last time, if that is news.
    pub(super) fn take(&mut self) -> Option<(u32, Howl)> {
        let n = self.howls.n.load(Ordering::Acquire);
        if n == self.n_told {
            return None;
        }
        self.n_told = n;
        let read = |from: &AtomicU32| f32::from_bits(from.load(Ordering::Relaxed));
        let howl = Howl {
            hz: read(&self.howls.hz),
            level: Db(read(&self.howls.level)),
        };
        Some((n, howl))
    }
}

impl Howls {
    // == realtime below ==

    /// Tells of howls; whether there are more than before.
    pub(super) fn tell(&self, n: u32, last: Howl) -> bool {
        if n == self.n.load(Ordering::Relaxed) {
            return false;
        }
        self.hz.store(last.hz.to_bits(), Ordering::Relaxed);
        self.level.store(last.level.0.to_bits(), Ordering::Relaxed);
        self.n.store(n, Ordering::Release);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_howl_is_told_once() {
        let howls = Arc::new(Howls::default());
        let mut heard = HowlsHeard::new(howls.clone());
        assert_eq!(heard.take(), None);
        let howl = Howl {
            hz: 812.0,
            level: Db(-9.0),
        };
        assert!(howls.tell(2, howl) && !howls.tell(2, howl));
        assert_eq!(heard.take(), Some((2, howl)));
        assert_eq!(heard.take(), None);
    }
}

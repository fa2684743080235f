//! Where in a station's stream is no music? (the ICY metadata of SHOUTcast and Icecast)
//!
//! ```text
//!  icy-metaint bytes of music │ 1 byte: n │ 16 × n bytes: StreamTitle='…'; │ music …
//! ```

use std::io::{self, Read};

/// The music alone.
pub(super) struct Icy<R> {
    inner: R,
    /// Bytes of music between two pieces of metadata.
    interval: usize,
    left: usize,
}

impl<R: Read> Icy<R> {
    /// `interval` is what the station told as `icy-metaint`; without one all is music.
    pub(super) fn new(inner: R, interval: Option<usize>) -> Self {
        let interval = interval.filter(|&n| n > 0).unwrap_or(usize::MAX);
        Self {
            inner,
            interval,
            left: interval,
        }
    }

    fn skip_metadata(&mut self) -> io::Result<()> {
        let mut n = [0];
        self.inner.read_exact(&mut n)?;
        let mut metadata = [0; 16];
        for _ in 0..n[0] {
            self.inner.read_exact(&mut metadata)?;
        }
        Ok(())
    }
}

impl<R: Read> Read for Icy<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.skip_metadata()?;
            self.left = self.interval;
        }
        let most = into.len().min(self.left);
        let n = self.inner.read(&mut into[..most])?;
        if self.interval < usize::MAX {
            self.left -= n;
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_music_comes_through_however_it_is_read() {
        let mut stream = vec![];
        for block in 0..5u8 {
            stream.extend([block; 100]);
            let n = block % 3;
            stream.push(n);
            stream.extend(vec![b'!'; 16 * usize::from(n)]);
        }
        let music: Vec<u8> = (0..5u8).flat_map(|block| [block; 100]).collect();
        for step in [1, 7, 100, 1_000] {
            let (mut icy, mut heard) = (Icy::new(&stream[..], Some(100)), vec![]);
            let mut into = vec![0; step];
            while let Ok(n @ 1..) = icy.read(&mut into) {
                heard.extend_from_slice(&into[..n]);
            }
            assert_eq!(heard, music, "{step}");
        }
    }

    #[test]
    fn without_an_interval_all_of_it_is_music() {
        let (mut icy, mut heard) = (Icy::new(&b"music"[..], None), vec![]);
        icy.read_to_end(&mut heard).unwrap();
        assert_eq!(heard, b"music");
    }
}

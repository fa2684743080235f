//! How does sound lie in a FLAC file? (RFC 9639)

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use flac_codec::encode::{FlacStreamWriter, Options};

use crate::base::SampleRate;
use crate::output::record::body::{Patch, wav};

/// Frames that each stand for themselves, behind a head that tells how many samples there are.
pub(in crate::output::record) struct Flac {
    rate: SampleRate,
    channels: usize,
    writer: FlacStreamWriter<Sheet>,
    sheet: Sheet,
    /// Not enough for a block yet.
    waiting: Vec<i32>,
    block: usize,
    /// Of each channel, those that wait not counted.
    n_frames: u64,
}

/// What the encoder writes on.
#[derive(Clone, Default)]
struct Sheet(Rc<RefCell<Vec<u8>>>);

impl Write for Sheet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Flac {
    pub(super) fn new(rate: SampleRate, channels: usize, out: &mut Vec<u8>) -> Self {
        let sheet = Sheet::default();
        let flac = Self {
            rate,
            channels,
            writer: FlacStreamWriter::new(sheet.clone(), Options::default()),
            sheet,
            waiting: Vec::new(),
            block: if rate.hz() > 24_000 { 4_096 } else { 1_152 },
            n_frames: 0,
        };
        out.extend(flac.head());
        flac
    }

    /// The mark of the format and the one block of metadata that there must be (§8.2).
    fn head(&self) -> Vec<u8> {
        let mut head = b"fLaC\x80\0\0\x22".to_vec();
        head.extend([(self.block as u16).to_be_bytes(); 2].concat());
        // How long frames are is not told.
        head.extend([0; 6]);
        head.extend(self.length().bytes);
        // Neither is what they sum up to.
        head.extend([0; 16]);
        head
    }

    pub(super) fn write(&mut self, samples: &[f32], out: &mut Vec<u8>) {
        let samples = samples.iter().map(|&x| i32::from(wav::sixteen(x)));
        self.waiting.extend(samples);
        let n_samples = self.block * self.channels;
        while self.waiting.len() >= n_samples {
            let rest = self.waiting.split_off(n_samples);
            let block = std::mem::replace(&mut self.waiting, rest);
            self.encode(&block, out);
        }
    }

    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        let block = std::mem::take(&mut self.waiting);
        if !block.is_empty() {
            self.encode(&block, out);
        }
    }

    /// The rate in 20 bits, channels less one in 3, bits less one in 5, samples in 36.
    pub(super) fn length(&self) -> Patch {
        let kind = u64::from(self.rate.hz()) << 8 | (self.channels as u64 - 1) << 5 | (BITS - 1);
        let word = kind << 36 | self.n_frames & ((1 << 36) - 1);
        Patch {
            at: 18,
            bytes: word.to_be_bytes().to_vec(),
        }
    }

    fn encode(&mut self, block: &[i32], out: &mut Vec<u8>) {
        let (rate, channels) = (self.rate.hz(), self.channels as u8);
        let written = self.writer.write(rate, channels, BITS as u32, block);
        // It refuses only rates and channels that no file of ours has.
        if let Err(why) = written {
            tracing::debug!("FLAC: {why}");
            return;
        }
        self.n_frames += (block.len() / self.channels) as u64;
        out.append(&mut self.sheet.0.borrow_mut());
    }
}

const BITS: u64 = 16;

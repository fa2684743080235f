//! How clear is a voice after all that happened to it?

use std::process::Command;

use crate::common::folder::{Folder, in_repository};
use crate::common::signal::{read_wav, write_wav};

/// A python that has the package pesq; scripts/measure makes it.
pub const PESQ_PYTHON: &str = "target/pesq/bin/python";

/// Which of the two standards judges.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// ITU-T P.862 at 8 kHz.
    Narrow,
    /// ITU-T P.862.2 at 16 kHz.
    Wide,
}

impl Band {
    pub fn rate(self) -> u32 {
        match self {
            Self::Narrow => 8_000,
            Self::Wide => 16_000,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Narrow => "nb",
            Self::Wide => "wb",
        }
    }
}

/// The voice of a machine, at the level of a telephone.
pub fn speak(folder: &Folder, text: &str, rate: u32) -> Vec<f32> {
    let (raw, wav) = (folder.join("raw.wav"), folder.join("speech.wav"));
    let mut voice = Command::new("espeak-ng");
    let voice = voice.args(["-v", "en-us", "-s", "150", "-w"]).arg(&raw);
    assert!(voice.arg(text).status().is_ok_and(|s| s.success()));
    let mut convert = Command::new("sox");
    let convert = convert.arg(&raw).args(["-r", &rate.to_string()]);
    let convert = convert.args(["-c", "1", "-b", "16"]).arg(&wav);
    let convert = convert.args(["norm", "-3", "pad", "0.3", "0.3"]);
    assert!(convert.status().is_ok_and(|s| s.success()));
    read_wav(&wav).1
}

/// 1 to 4.5, by the package pesq of Python; both at the rate of `band`. `None` where it cannot be
/// measured.
pub fn pesq(folder: &Folder, band: Band, said: &[f32], heard: &[f32]) -> Option<f64> {
    let python = in_repository(PESQ_PYTHON);
    let (reference, degraded) = (folder.join("said.wav"), folder.join("heard.wav"));
    write_wav(&reference, band.rate(), &[said]);
    write_wav(&degraded, band.rate(), &[heard]);
    let mut command = Command::new(python);
    let command = command.args(["-c", PESQ]).args([reference, degraded]);
    let output = command.arg(band.word()).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// Reference and degraded file, and nb or wb.
const PESQ: &str = "
import sys, wave
import numpy
from pesq import pesq

def read(path):
    with wave.open(path) as file:
        rate = file.getframerate()
        return rate, numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16)

(rate, said), (_, heard) = read(sys.argv[1]), read(sys.argv[2])
print(pesq(rate, said, heard, sys.argv[3]))
";

/// What is said, as announcements are.
pub const SENTENCES: [&str; 8] = [
    "The bus to the old harbour leaves from platform four. Please have your tickets ready.",
    "Would the owner of the blue van please move it away from the loading gate at once.",
    "Lunch is served in the main hall until half past one. Today there is soup and fresh bread.",
    "This is a test of the alarm. There is no danger, and nobody needs to leave the building.",
    "A small dog was found beside the garden shop. It waits for its family at the front desk.",
    "All pupils of class seven meet their teacher at the sports field in ten minutes from now.",
    "Doctor Miller, please call the ward on the third floor. Doctor Miller, the third floor.",
    "The store will close in a quarter of an hour. Thank you for your visit, and good night.",
];

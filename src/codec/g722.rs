//! How do 64 kbit/s carry 7 kHz of sound? Two bands with ADPCM each (ITU-T G.722).
//!
//! ```text
//!  16 kHz ─► QMF ─┬─ low  0–4 kHz, 8 kHz ─► 6 bits ─┬─► a byte for each two samples
//!                 └─ high 4–8 kHz, 8 kHz ─► 2 bits ─┘
//! ```
//!
//! Mode 1 only, which is what RTP carries (RFC 3551 §4.5.2). Names in capitals are those of the
//! recommendation's blocks. Both directions give the same bits as ffmpeg does; a test compares.

use crate::codec::{from_16_bits, to_16_bits};

/// Sound from bytes.
#[derive(Default)]
pub(super) struct Decoder {
    low: Low,
    high: High,
    filter: Filter,
}

impl Decoder {
    pub(super) fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) {
        for &code in payload {
            let low = self.low.decode(usize::from(code & 0x3F));
            let high = self.high.decode(usize::from(code >> 6));
            let (even, odd) = self.filter.step(low + high, low - high);
            out.push(from_16_bits(saturated(even >> 11) as i16));
            out.push(from_16_bits(saturated(odd >> 11) as i16));
        }
    }
}

/// Bytes from sound.
#[derive(Default)]
pub(super) struct Encoder {
    low: Low,
    high: High,
    filter: Filter,
}

impl Encoder {
    /// A sample without its partner at the end is passed over.
    pub(super) fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) {
        for pair in pcm.chunks_exact(2) {
            let [first, second] = [pair[0], pair[1]].map(|s| i32::from(to_16_bits(s)));
            let (even, odd) = self.filter.step(first, second);
            let low = self.low.encode((even + odd) >> 14);
            let high = self.high.encode((even - odd) >> 14);
            out.push((high << 6 | low) as u8);
        }
    }
}

/// The quadrature mirror filter: the last 24 samples, the newest at the end.
#[derive(Default)]
struct Filter {
    past: [i32; 24],
}

impl Filter {
    /// Takes two samples in; returns the sums over the two phases of the filter.
    fn step(&mut self, first: i32, second: i32) -> (i32, i32) {
        self.past.copy_within(2.., 0);
        self.past[22] = first;
        self.past[23] = second;
        let (mut even, mut odd) = (0, 0);
        for (i, pair) in self.past.chunks_exact(2).enumerate() {
            odd += pair[0] * QMF[i];
            even += pair[1] * QMF[11 - i];
        }
        (even, odd)
    }
}

/// The lower band: 6 bits, of which the 4 upper ones steer the adaption.
struct Low {
    band: Band,
    /// NBL: the logarithm of the step.
    log_step: i32,
    /// DETL.
    step: i32,
}

impl Default for Low {
    fn default() -> Self {
        Self {
            band: Band::default(),
            log_step: 0,
            step: 32,
        }
    }
}

impl Low {
    fn decode(&mut self, code: usize) -> i32 {
        let fine = (self.step * QM6[code]) >> 15;
        let sound = (self.band.predicted + fine).clamp(-16_384, 16_383);
        self.adapt(code >> 2);
        sound
    }

    fn encode(&mut self, sample: i32) -> usize {
        let code = self.quantized(saturated(sample - self.band.predicted));
        self.adapt(code >> 2);
        code
    }

    /// QUANTL.
    fn quantized(&self, difference: i32) -> usize {
        let magnitude = if difference >= 0 {
            difference
        } else {
            -(difference + 1)
        };
        let i = Q6[1..30]
            .iter()
            .position(|&q| magnitude < (q * self.step) >> 12)
            .unwrap_or(29);
        if difference >= 0 { ILP[i] } else { ILN[i] }
    }

    /// INVQAL, LOGSCL, SCALEL and the predictor.
    fn adapt(&mut self, coarse: usize) {
        let difference = (self.step * QM4[coarse]) >> 15;
        self.log_step = ((self.log_step * 127) >> 7) + WL[RL42[coarse]];
        self.log_step = self.log_step.clamp(0, 18_432);
        self.step = step_of(self.log_step, 8);
        self.band.adapt(difference);
    }
}

/// The upper band: 2 bits.
struct High {
    band: Band,
    log_step: i32,
    step: i32,
}

impl Default for High {
    fn default() -> Self {
        Self {
            band: Band::default(),
            log_step: 0,
            step: 8,
        }
    }
}

impl High {
    fn decode(&mut self, code: usize) -> i32 {
        let difference = (self.step * QM2[code]) >> 15;
        let sound = (self.band.predicted + difference).clamp(-16_384, 16_383);
        self.adapt(code);
        sound
    }

    fn encode(&mut self, sample: i32) -> usize {
        let difference = saturated(sample - self.band.predicted);
        let magnitude = if difference >= 0 {
            difference
        } else {
            -(difference + 1)
        };
        let is_large = magnitude >= (564 * self.step) >> 12;
        let code = match (difference >= 0, is_large) {
            (true, false) => 3,
            (true, true) => 2,
            (false, false) => 1,
            (false, true) => 0,
        };
        self.adapt(code);
        code
    }

    /// INVQAH, LOGSCH, SCALEH and the predictor.
    fn adapt(&mut self, code: usize) {
        let difference = (self.step * QM2[code]) >> 15;
        self.log_step = ((self.log_step * 127) >> 7) + WH[code & 1];
        self.log_step = self.log_step.clamp(0, 22_528);
        self.step = step_of(self.log_step, 10);
        self.band.adapt(difference);
    }
}

/// SCALEL and SCALEH: the step is two to the power of the logarithm.
fn step_of(log_step: i32, octaves: i32) -> i32 {
    let fraction = ILB[(log_step >> 6 & 31) as usize];
    let shift = octaves - (log_step >> 11);
    let step = if shift < 0 {
        fraction << -shift
    } else {
        fraction >> shift
    };
    step << 2
}

/// The predictor of a band: two poles, six zeros (block 4).
#[derive(Default)]
struct Band {
    /// S: what is expected next.
    predicted: i32,
    /// SZ: the zeros' part of it.
    zeros_part: i32,
    poles: [i32; 2],
    zeros: [i32; 6],
    /// R: the last two reconstructed samples.
    reconstructed: [i32; 2],
    /// The signs of the last two partial reconstructions.
    partial: [bool; 2],
    /// D: the last six differences.
    differences: [i32; 6],
}

impl Band {
    fn adapt(&mut self, difference: i32) {
        let is_negative = self.zeros_part + difference < 0;
        let now = saturated(self.predicted + difference);
        self.adapt_poles(is_negative);
        self.partial = [is_negative, self.partial[0]];
        self.adapt_zeros(difference);
        self.reconstructed = [now, self.reconstructed[0]];
        let doubled = |x: i32| saturated(2 * x);
        let poles_part: i32 = self
            .poles
            .iter()
            .zip(self.reconstructed)
            .map(|(a, r)| (a * doubled(r)) >> 15)
            .sum();
        let zeros_part: i32 = self
            .zeros
            .iter()
            .zip(self.differences)
            .map(|(b, d)| (b * doubled(d)) >> 15)
            .sum();
        self.zeros_part = saturated(zeros_part);
        self.predicted = saturated(saturated(poles_part) + self.zeros_part);
    }

    /// UPPOL2 and UPPOL1.
    fn adapt_poles(&mut self, is_negative: bool) {
        let [first, second] = self.poles;
        let is_like_last = is_negative == self.partial[0];
        let turned = saturated(4 * first);
        let turned = if is_like_last { -turned } else { turned };
        let mut pull = turned.min(32_767) >> 7;
        pull += if is_negative == self.partial[1] {
            128
        } else {
            -128
        };
        self.poles[1] = (pull + ((second * 32_512) >> 15)).clamp(-12_288, 12_288);
        let push = if is_like_last { 192 } else { -192 };
        let limit = saturated(15_360 - self.poles[1]);
        self.poles[0] = saturated(push + ((first * 32_640) >> 15)).clamp(-limit, limit);
    }

    /// UPZERO, and the delay line.
    fn adapt_zeros(&mut self, difference: i32) {
        for (zero, past) in self.zeros.iter_mut().zip(self.differences) {
            let pull = match difference {
                0 => 0,
                _ if (past < 0) == (difference < 0) => 128,
                _ => -128,
            };
            *zero = saturated(pull + ((*zero * 32_640) >> 15));
        }
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
    }
}

fn saturated(x: i32) -> i32 {
    x.clamp(-32_768, 32_767)
}

/// Tables of the recommendation, by its names.
const QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];
const Q6: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940,
    1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
const ILN: [usize; 30] = [
    63, 62, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10,
    9, 8, 7, 6, 5, 4,
];
const ILP: [usize; 30] = [
    61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38,
    37, 36, 35, 34, 33, 32,
];
const WL: [i32; 8] = [-60, -30, 58, 172, 334, 538, 1198, 3042];
const RL42: [usize; 16] = [0, 7, 6, 5, 4, 3, 2, 1, 7, 6, 5, 4, 3, 2, 1, 0];
const ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
const QM4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
const QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
const WH: [i32; 2] = [798, -214];
const QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];

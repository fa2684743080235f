//! Does every code of every table decode and encode as its recommendation says?

use super::*;

/// ITU-T G.711 table 2 as a formula: 14-bit magnitudes, here in 16-bit units.
fn mu_law(code: u8) -> i32 {
    let code = !code;
    let (segment, step) = (i32::from(code >> 4 & 7), i32::from(code & 15));
    let magnitude = (((2 * step + 33) << segment) - 33) * 4;
    if code & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

/// ITU-T G.711 table 1 as a formula: 13-bit magnitudes, here in 16-bit units.
fn a_law(code: u8) -> i32 {
    let code = code ^ 0x55;
    let (segment, step) = (i32::from(code >> 4 & 7), i32::from(code & 15));
    let magnitude = match segment {
        0 => 2 * step + 1,
        _ => (2 * step + 33) << (segment - 1),
    } * 8;
    if code & 0x80 == 0 {
        -magnitude
    } else {
        magnitude
    }
}

type Law = fn(u8) -> i32;

const LAWS: [(Encoding, Law); 2] = [(Encoding::Pcmu, mu_law), (Encoding::Pcma, a_law)];

fn decoded(encoding: Encoding, payload: &[u8]) -> Vec<f32> {
    let mut out = Vec::new();
    Decoder::new(encoding).decode(payload, &mut out);
    out
}

fn encoded(encoding: Encoding, pcm: &[f32]) -> Vec<u8> {
    let mut out = Vec::new();
    Encoder::new(encoding, OpusWish::default()).encode(pcm, &mut out);
    out
}

#[test]
fn all_256_codes_decode_as_g711_says() {
    let codes: Vec<u8> = (0..=255).collect();
    for (encoding, law) in LAWS {
        let want: Vec<f32> = codes.iter().map(|&c| law(c) as f32 / FULL_SCALE).collect();
        assert_eq!(decoded(encoding, &codes), want, "{encoding:?}");
    }
}

#[test]
fn a_decoded_code_encodes_to_itself_but_for_the_second_zero() {
    for (encoding, _) in LAWS {
        for code in 0..=255u8 {
            let again = encoded(encoding, &decoded(encoding, &[code]));
            let negative_zero = encoding == Encoding::Pcmu && code == 0x7F;
            let want = if negative_zero { 0xFF } else { code };
            assert_eq!(again, [want], "{encoding:?}");
        }
    }
}

/// The first magnitude of a code and the first beyond it, in 16-bit units (the decision values).
fn decision(encoding: Encoding, code: u8) -> (i32, i32) {
    let is_mu_law = encoding == Encoding::Pcmu;
    let (code, mask) = if is_mu_law {
        (!code, 33)
    } else {
        (code ^ 0x55, 0)
    };
    let (segment, step) = (i32::from(code >> 4 & 7), i32::from(code & 15));
    let grid = |step: i32| {
        if is_mu_law {
            (((step + 32) << segment) - mask) * 4
        } else if segment == 0 {
            step * 8
        } else {
            ((step + 32) << (segment - 1)) * 8
        }
    };
    (grid(2 * step), grid(2 * step + 2))
}

#[test]
fn every_sample_lies_between_the_decision_values_of_its_code() {
    for (encoding, law) in LAWS {
        for sample in i16::MIN..=i16::MAX {
            let code = encoded(encoding, &[f32::from(sample) / FULL_SCALE])[0];
            let magnitude = i32::from(sample).abs();
            let (from, to) = decision(encoding, code);
            // 16 bits hold more than the laws: 4 or 8 of our values are one of theirs.
            let clipped = magnitude > law(code).abs() && code & 0x7F == clip(encoding);
            let inside = (from - 8..=to + 8).contains(&magnitude);
            assert!(inside || clipped, "{encoding:?} {sample}: {from}..{to}");
            assert!(law(code) == 0 || magnitude < 8 || (law(code) < 0) == (sample < 0));
        }
    }
}

/// The code of the largest magnitude, without its sign.
fn clip(encoding: Encoding) -> u8 {
    if encoding == Encoding::Pcmu {
        0x00
    } else {
        0x2A
    }
}

#[test]
fn too_loud_is_clipped_and_no_number_is_silence() {
    let pcm = [2.0, -2.0, f32::INFINITY, f32::NAN, 0.0];
    assert_eq!(
        encoded(Encoding::Pcmu, &pcm),
        [0x80, 0x00, 0x80, 0xFF, 0xFF]
    );
    assert_eq!(
        encoded(Encoding::Pcma, &pcm),
        [0xAA, 0x2A, 0xAA, 0xD5, 0xD5]
    );
}

use super::rig::*;

/// A voice that glides between 95 and 180 Hz, in words with pauses between.
fn speech(seconds: usize) -> Vec<f32> {
    let mut chance = Chance(99);
    let mut phase = 0.0f64;
    (0..seconds * 8_000)
        .map(|i| {
            let t = i as f64 / 8_000.0;
            let pitch = 135.0 + 40.0 * (t * 2.3).sin();
            phase += pitch / 8_000.0;
            let word = (t * 1.7).fract();
            let level = if word < 0.75 {
                (word / 0.75 * std::f64::consts::PI).sin()
            } else {
                0.0
            };
            let tone: f64 = (1..12)
                .map(|k| {
                    let k = f64::from(k);
                    let formant = 1.0 / (1.0 + ((k * pitch - 700.0) / 400.0).powi(2));
                    (phase * k * std::f64::consts::TAU).sin() * (0.1 + formant)
                })
                .sum();
            ((tone * level * 0.2) + (chance.even() - 0.5) * 0.002) as f32
        })
        .collect()
}

#[test]
fn a_clean_network_is_heard_early_and_without_a_gap() {
    for (period, most) in [(64, 8.0), (128, 9.0), (256, 11.5), (1_024, 30.0)] {
        let heard = Rig {
            period,
            ..Rig::default()
        }
        .run(&speech(20));
        assert_eq!(heard.n_starved, 0, "{period}");
        assert_eq!(heard.report.late, 0, "{period}");
        let delay = heard.report.delay.as_secs_f64() * 1e3;
        assert!(delay < most, "{period}: {delay}");
    }
}

//! What is heard over good and bad networks?

use std::time::Duration;

use super::listen::*;
use super::rig::*;

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

#[test]
fn a_clean_network_is_heard_early_and_without_a_gap() {
    let said = speech(20);
    for (period, most) in [(64, 10.0), (128, 10.0), (256, 12.5), (1_024, 30.0)] {
        let heard = Rig {
            period,
            ..Rig::default()
        }
        .run(&said);
        assert_eq!(heard.n_starved, 0, "{period}");
        assert_eq!(heard.report.late, 0, "{period}");
        assert_eq!(heard.report.lost, 0, "{period}");
        let delay = ms(heard.report.delay);
        assert!(delay < most, "{period}: {delay}");
        // Nothing but the cushion at the start and what follows the end is made up.
        let made_up = heard.report.concealed;
        assert!(made_up < 8 * (320 + 40), "{period}: {made_up}");
    }
}

#[test]
fn the_reported_delay_is_the_delay() {
    let said = speech(10);
    for period in [128, 256, 1_024] {
        let heard = Rig {
            period,
            ..Rig::default()
        }
        .run(&said);
        let last = *found(&said, &heard.sound, 1_000).last().unwrap();
        assert!(last.likeness > 0.98);
        // The network took 10 ms of it.
        let measured = ms(heard.delay(last.said, last.heard)) - 10.0;
        let off = measured - ms(heard.report.delay);
        assert!(off.abs() < 2.0, "{period}: {measured}, off by {off}");
    }
}

#[test]
fn clean_sound_passes_unchanged() {
    let said = speech(10);
    let heard = Rig::default().run(&said);
    let found = found(&said, &heard.sound, 1_000);
    assert!(distortion(&found) < 0.01, "{}", distortion(&found));
    assert!(largest_step(&heard.sound) < largest_step(&said) * 1.1);
}

#[test]
fn jitter_costs_its_own_length_of_delay_and_no_sound() {
    let said = speech(30);
    for most in [5, 20, 50, 100] {
        let heard = Rig {
            network: jitter(most * MS),
            ..Rig::default()
        }
        .run(&said);
        assert_eq!(heard.n_starved, 0, "{most}");
        let delay = ms(heard.report.delay);
        let bound = f64::from(most) + 10.0;
        assert!(delay < bound, "{most}: {delay}");
        let late = heard.report.late as f64 / heard.report.received as f64;
        assert!(late < 0.02, "{most}: {late}");
        let distortion = distortion(&found(&said, &heard.sound, 2_000));
        assert!(distortion < 0.04, "{most}: {distortion}");
        assert!(largest_step(&heard.sound) < largest_step(&said) * 1.5);
    }
}

#[test]
fn concealment_beats_silence() {
    let said = speech(30);
    for (percent, better) in [(1.0, 0.7), (5.0, 0.5), (10.0, 0.5), (20.0, 0.6)] {
        let heard = Rig {
            network: loss(percent),
            ..Rig::default()
        }
        .run(&said);
        assert_eq!(heard.n_starved, 0, "{percent}");
        let share = heard.report.lost as f64 * 100.0 / 1_500.0;
        assert!((share - percent).abs() < percent * 0.5 + 0.5);
        let mut chance = Chance(5);
        let lost: Vec<bool> = (0..1_500)
            .map(|_| chance.even() * 100.0 < percent)
            .collect();
        let silence = with_holes(&said, 160, |i| lost[i]);
        let with_silence = distortion(&found(&said, &silence, 0));
        let concealed = distortion(&found(&said, &heard.sound, 1_000));
        assert!(
            concealed < with_silence * better,
            "{percent}: {concealed} {with_silence}"
        );
        assert!(largest_step(&heard.sound) < largest_step(&said) * 1.5);
    }
}

#[test]
fn a_clean_network_does_not_pay_for_loss_that_is_over() {
    let network: Network = Box::new(|i, chance| {
        if i < 500 && chance.even() < 0.05 {
            vec![]
        } else {
            vec![10 * MS]
        }
    });
    let heard = Rig {
        network,
        ..Rig::default()
    }
    .run(&speech(40));
    assert!(heard.report.delay_max > 20 * MS);
    assert!(heard.report.delay < 10 * MS, "{:?}", heard.report.delay);
}

#[test]
fn reordered_packets_are_put_in_order() {
    let network: Network = Box::new(|i, _| vec![if i % 10 == 3 { 35 * MS } else { 10 * MS }]);
    let said = speech(20);
    let heard = Rig {
        network,
        ..Rig::default()
    }
    .run(&said);
    assert_eq!((heard.n_starved, heard.report.lost), (0, 0));
    // Until the delay has grown, some come too late.
    assert!(heard.report.reordered > 84, "{:?}", heard.report);
    assert!(heard.report.late < 16, "{:?}", heard.report);
    let distortion = distortion(&found(&said, &heard.sound, 1_000));
    assert!(distortion < 0.02, "{distortion}");
}

#[test]
fn duplicates_change_nothing() {
    let network: Network = Box::new(|_, _| vec![10 * MS, 11 * MS, 35 * MS]);
    let said = speech(10);
    let heard = Rig {
        network,
        ..Rig::default()
    }
    .run(&said);
    assert_eq!(heard.report.duplicate, 2 * 500);
    assert_eq!((heard.report.late, heard.n_starved), (0, 0));
    assert!(heard.report.delay < 10 * MS);
    assert!(distortion(&found(&said, &heard.sound, 1_000)) < 0.01);
}

#[test]
fn what_a_stalled_network_delivers_at_last_is_heard_and_the_delay_comes_back() {
    // 400 ms of packets come at once.
    let network: Network = Box::new(|i, _| {
        let stalled = (200..220).contains(&i);
        vec![if stalled {
            20 * MS * (220 - i)
        } else {
            Duration::ZERO
        }]
    });
    let said = speech(30);
    let heard = Rig {
        network,
        ..Rig::default()
    }
    .run(&said);
    assert_eq!(heard.n_starved, 0);
    assert_eq!(heard.report.late, 0, "{:?}", heard.report);
    assert!(heard.report.delay_max > 300 * MS);
    assert!(heard.report.delay < 12 * MS, "{:?}", heard.report);
    let stalled = 200 * 160..220 * 160;
    let found: Vec<Found> = found(&said, &heard.sound, 5_000)
        .into_iter()
        .filter(|f| stalled.contains(&f.said))
        .collect();
    let mean = found.iter().map(|f| f.likeness).sum::<f32>() / found.len() as f32;
    assert!(mean > 0.85, "{mean}");
}

#[test]
fn every_packet_time_works() {
    let said = speech(12);
    for ptime in [10, 20, 30, 40, 60] {
        for percent in [0.0, 3.0] {
            let heard = Rig {
                ptime: ptime * MS,
                network: loss(percent),
                ..Rig::default()
            }
            .run(&said);
            assert_eq!(heard.n_starved, 0, "{ptime}");
            let distortion = distortion(&found(&said, &heard.sound, 1_500));
            let bound = 0.01 + percent as f32 * 0.01;
            assert!(distortion < bound, "{ptime} {percent}: {distortion}");
            assert!(largest_step(&heard.sound) < largest_step(&said) * 1.5);
        }
    }
}

#[test]
fn an_hour_with_clocks_apart_neither_loses_nor_repeats_anything() {
    let said = speech(60).repeat(60);
    for ppm in [-200.0, 200.0] {
        let heard = Rig {
            ppm,
            network: jitter(3 * MS),
            ..Rig::default()
        }
        .run(&said);
        let report = heard.report;
        assert_eq!((heard.n_starved, report.late, report.lost), (0, 0, 0));
        // The card's steering does it alone once the start is over.
        let changed = report.squeezed + report.stretched;
        assert!(changed < 200, "{ppm}: {report:?}");
        assert!(report.concealed < 8 * 400, "{ppm}: {report:?}");
        assert!(report.delay < 13 * MS, "{ppm}: {report:?}");
        let per_second = heard.n_polls / 3_600;
        assert!(per_second < 75, "{per_second}");
    }
}

#[test]
fn clocks_apart_are_survived_even_when_the_card_does_not_steer() {
    let said = speech(60).repeat(10);
    for ppm in [-500.0, 500.0] {
        let heard = Rig {
            ppm,
            steers: false,
            ..Rig::default()
        }
        .run(&said);
        assert_eq!(heard.n_starved, 0, "{ppm}");
        assert!(heard.report.delay < 25 * MS, "{ppm}: {:?}", heard.report);
        let shifted = heard.report.squeezed.abs_diff(heard.report.stretched);
        // 500 ppm of ten minutes are 300 ms.
        assert!(shifted < 2 * 2_400, "{ppm}: {:?}", heard.report);
    }
}

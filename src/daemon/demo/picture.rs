//! How does a person see at a glance what the loudspeakers did?
//!
//! Levels over time as bars, events as labelled lines, in one SVG without scripts or fonts of
//! its own.

use std::fmt::Write;
use std::time::Duration;

use crate::base::Db;

/// Something that happened, for a line in the picture.
pub(super) struct Mark {
    pub(super) at: Duration,
    pub(super) text: String,
}

/// One coloured layer of the picture.
pub(super) struct Layer {
    pub(super) name: &'static str,
    pub(super) colour: &'static str,
    /// Root mean square of each [`SLICE`].
    pub(super) levels: Vec<f32>,
}

/// How much sound one bar shows.
pub(super) const SLICE: Duration = Duration::from_millis(50);

const WIDTH: f32 = 1_200.0;
const HEIGHT: f32 = 420.0;
/// Room above the bars for the names of the events.
const TOP: f32 = 120.0;
const LEFT: f32 = 50.0;
/// The bottom of the scale; below this nobody hears anything over a ventilator.
const FLOOR: Db = Db(-60.0);

/// The picture as SVG text.
pub(super) fn svg(title: &str, layers: &[Layer], marks: &[Mark]) -> String {
    let n = layers
        .iter()
        .map(|l| l.levels.len())
        .max()
        .unwrap_or(0)
        .max(1);
    let mut out = String::new();
    let mut draw = |text: std::fmt::Arguments<'_>| {
        out.write_fmt(text)
            .expect("writing to a string cannot fail");
        out.push('\n');
    };
    draw(format_args!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">"#
    ));
    draw(format_args!(
        r##"<rect width="100%" height="100%" fill="#fff"/>"##
    ));
    draw(format_args!(
        r#"<text x="{LEFT}" y="20" font-size="16">{}</text>"#,
        escape(title)
    ));
    for (i, layer) in layers.iter().enumerate() {
        let x = LEFT + 260.0 * i as f32;
        let y = HEIGHT - 8.0;
        draw(format_args!(
            r#"<rect x="{x}" y="{}" width="10" height="10" fill="{}"/><text x="{}" y="{y}">{}</text>"#,
            y - 10.0,
            layer.colour,
            x + 16.0,
            escape(layer.name)
        ));
        draw(format_args!(
            r#"<g fill="{}" fill-opacity="0.75">"#,
            layer.colour
        ));
        for (slice, &level) in layer.levels.iter().enumerate() {
            let height = bar(level);
            if height > 0.0 {
                let (x, width) = (across(slice as f32, n), across(1.0, n) - LEFT);
                let y = bottom() - height;
                draw(format_args!(
                    r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
                ));
            }
        }
        draw(format_args!("</g>"));
    }
    for db in [0.0, -20.0, -40.0, -60.0f32] {
        let y = bottom() - bar(Db(db).gain());
        draw(format_args!(
            r##"<line x1="{LEFT}" x2="{WIDTH}" y1="{y:.1}" y2="{y:.1}" stroke="#ccc"/><text x="4" y="{:.1}" fill="#555">{db} dB</text>"##,
            y + 4.0
        ));
    }
    for (i, mark) in marks.iter().enumerate() {
        let x = across(mark.at.as_secs_f32() / SLICE.as_secs_f32(), n);
        // Names of close events step down so that they stay readable.
        let y = 42.0 + 15.0 * (i % 5) as f32;
        draw(format_args!(
            r##"<line x1="{x:.1}" x2="{x:.1}" y1="{y}" y2="{:.1}" stroke="#b00" stroke-dasharray="3 3"/><text x="{:.1}" y="{}" fill="#b00">{:.2} s {}</text>"##,
            bottom(),
            x + 3.0,
            y + 4.0,
            mark.at.as_secs_f32(),
            escape(&mark.text)
        ));
    }
    draw(format_args!("</svg>"));
    out
}

fn bottom() -> f32 {
    HEIGHT - 40.0
}

fn across(slice: f32, n: usize) -> f32 {
    LEFT + slice * (WIDTH - LEFT) / n as f32
}

fn bar(level: f32) -> f32 {
    let share = 1.0 - Db::from_gain(level).0 / FLOOR.0;
    share.clamp(0.0, 1.0) * (bottom() - TOP)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_shows_every_layer_and_mark_and_is_well_formed() {
        let layer = Layer {
            name: "voice",
            colour: "#06c",
            levels: vec![0.0, 0.5, 1.0],
        };
        let mark = Mark {
            at: Duration::from_millis(100),
            text: "<answered>".into(),
        };
        let svg = svg("a & b", &[layer], &[mark]);
        assert!(svg.contains("a &amp; b") && svg.contains("&lt;answered&gt;"));
        assert_eq!(
            svg.matches("<rect x=").count(),
            3,
            "a key and two bars; silence has none"
        );
        assert_eq!(svg.matches("<g ").count(), svg.matches("</g>").count());
    }
}

//! A few charts as SVG: whole coordinates, so that the same data is the same text; colours by class, so that they follow the
//! page into the dark and onto paper.

use std::fmt::Write as _;

use super::page::Escaped;

/// A column of a chart: parts on top of each other, the lowest first.
pub(crate) struct Column {
    /// Under the axis, if it is to be labelled, in up to two lines.
    pub(crate) label: [Option<String>; 2],
    pub(crate) parts: Vec<Part>,
}

/// A part of a whole, with what a pointer over it is told.
pub(crate) struct Part {
    pub(crate) class: &'static str,
    pub(crate) value: i64,
    pub(crate) title: String,
}

/// Of a chart across the page, in hundredths of what is a point there.
pub(crate) const WIDE: i64 = 9600;
/// Of one across half of it.
pub(crate) const HALF: i64 = 4500;
const TOP: i64 = 160;
const BOTTOM: i64 = 2280;
/// What a line of text takes.
const LINE: i64 = 190;

/// The numbers beside a chart, and the lines that go with them.
struct Axis {
    width: i64,
    /// The lowest line.
    bottom: i64,
    /// Room for the numbers.
    side: i64,
    /// What the highest line stands for.
    top: i64,
    rtl: bool,
}

impl Axis {
    /// Draws the lines.
    fn draw(svg: &mut String, width: i64, bottom: i64, highest: i64, tick: &dyn Fn(i64) -> String, rtl: bool) -> Self {
        let step = step(highest);
        let top = highest.div_ceil_by(step).max(1).saturating_mul(step);
        let ticks: Vec<(i64, String)> =
            (0..=top / step).map(|line| line.saturating_mul(step)).map(|value| (value, tick(value))).collect();
        let longest = ticks.iter().map(|(_, text)| text.chars().count()).max().unwrap_or(1);
        let side = 120 + i64::try_from(longest).unwrap_or(1) * 76;
        let axis = Self { width, bottom, side, top, rtl };
        let (line, number) = if rtl { (0, width) } else { (side, side - 110) };
        for (value, text) in ticks {
            let at = axis.y(value);
            put(svg, format_args!("<path class=\"grid\" d=\"M{line} {at}h{}\"/>", width - side));
            put(
                svg,
                format_args!("<text x=\"{number}\" y=\"{}\" text-anchor=\"end\">{}</text>", at + 45, Escaped(&text)),
            );
        }
        axis
    }

    fn y(&self, value: i64) -> i64 {
        self.bottom - scaled(value, self.bottom - TOP, self.top)
    }

    /// The place of something so wide that is so far along the axis, of `whole`.
    fn x(&self, part: i64, whole: i64, width: i64) -> i64 {
        let x = self.side + scaled(part, self.width - self.side, whole);
        if self.rtl { self.width - x - width } else { x }
    }
}

/// Columns over time; in a page that is written from right to left, time goes there too.
pub(crate) fn columns(width: i64, about: &str, columns: &[Column], tick: &dyn Fn(i64) -> String, rtl: bool) -> String {
    let chart = width;
    let highest = columns.iter().map(height_of).max().unwrap_or(0);
    let mut svg = String::new();
    begin(&mut svg, about, chart, BOTTOM + 2 * LINE + 80);
    let axis = Axis::draw(&mut svg, chart, BOTTOM, highest, tick, rtl);
    let y = |value| axis.y(value);
    let count = i64::try_from(columns.len()).unwrap_or(1).max(1);
    let slot = scaled(1, chart - axis.side, count);
    for (index, column) in (0..).zip(columns) {
        let gap = (slot / 5).min(220);
        let width = (slot - gap).max(12);
        let x = axis.x(index, count, slot) + gap / 2;
        let mut below = 0_i64;
        for part in column.parts.iter().filter(|part| part.value > 0) {
            let (low, high) = (y(below), y(below.saturating_add(part.value)));
            put(
                &mut svg,
                format_args!(
                    "<rect class=\"{}\" x=\"{x}\" y=\"{high}\" width=\"{width}\" height=\"{}\" rx=\"{}\"><title>{}</title></rect>",
                    part.class,
                    (low - high).max(1),
                    (width / 8).min(40),
                    Escaped(&part.title)
                ),
            );
            below = below.saturating_add(part.value);
        }
        for (line, label) in (0..).zip(&column.label) {
            if let Some(label) = label {
                let class = if line == 0 { "" } else { " class=\"strong\"" };
                // A long word under the last column ends with it, lest it leave the picture.
                let long = index + 1 == count && label.chars().count() > 6;
                let (anchor, at) = match (long, rtl) {
                    (false, _) => ("middle", x + width / 2),
                    (true, false) => ("end", x + width),
                    (true, true) => ("start", x),
                };
                put(
                    &mut svg,
                    format_args!(
                        "<text{class} x=\"{at}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                        BOTTOM + (line + 1) * LINE,
                        Escaped(label)
                    ),
                );
            }
        }
    }
    svg.push_str("</svg>");
    svg
}

/// Parts of a whole as a ring, with a number in the middle.
pub(crate) fn ring(about: &str, parts: &[Part], middle: &str) -> String {
    const ROUND: i64 = 10_000;
    let total = parts.iter().map(|part| part.value.max(0)).fold(0_i64, i64::saturating_add);
    let mut svg = String::new();
    begin(&mut svg, about, 2000, 2000);
    svg.push_str("<circle class=\"track\" cx=\"1000\" cy=\"1000\" r=\"780\"/>");
    let mut before = 0_i64;
    let shown = parts.iter().filter(|part| part.value > 0);
    let gap = if shown.clone().count() > 1 { 60 } else { 0 };
    for part in shown {
        let (start, end) = (scaled(before, ROUND, total), scaled(before.saturating_add(part.value), ROUND, total));
        put(
            &mut svg,
            format_args!(
                "<circle class=\"{} arc\" cx=\"1000\" cy=\"1000\" r=\"780\" pathLength=\"{ROUND}\" stroke-dasharray=\"{} {ROUND}\" \
                 stroke-dashoffset=\"-{start}\" transform=\"rotate(-90 1000 1000)\"><title>{}</title></circle>",
                part.class,
                (end - start - gap).max(20),
                Escaped(&part.title)
            ),
        );
        before = before.saturating_add(part.value);
    }
    put(
        &mut svg,
        format_args!("<text class=\"middle\" x=\"1000\" y=\"1090\" text-anchor=\"middle\">{}</text>", Escaped(middle)),
    );
    svg.push_str("</svg>");
    svg
}

/// A curve with the area below it.
pub(crate) fn curve(about: &str, values: &[i64], tick: &dyn Fn(i64) -> String, rtl: bool) -> String {
    const LOW: i64 = 1700;
    let mut svg = String::new();
    begin(&mut svg, about, WIDE, LOW + 100);
    let axis = Axis::draw(&mut svg, WIDE, LOW, values.iter().copied().max().unwrap_or(0), tick, rtl);
    let last = i64::try_from(values.len()).unwrap_or(1).saturating_sub(1).max(1);
    let points: Vec<String> =
        (0..).zip(values).map(|(index, value)| format!("{} {}", axis.x(index, last, 0), axis.y(*value))).collect();
    let points = points.join("L");
    let (first, end) = (axis.x(0, last, 0), axis.x(last, last, 0));
    put(&mut svg, format_args!("<path class=\"area\" d=\"M{first} {LOW}L{points}L{end} {LOW}Z\"/>"));
    put(&mut svg, format_args!("<path class=\"curve\" d=\"M{points}\"/></svg>"));
    svg
}

fn begin(svg: &mut String, about: &str, width: i64, height: i64) {
    // Anchors of text mean left and right here, in every language.
    put(
        svg,
        format_args!(
            "<svg viewBox=\"0 0 {width} {height}\" direction=\"ltr\" role=\"img\" aria-label=\"{}\">",
            Escaped(about)
        ),
    );
}

fn height_of(column: &Column) -> i64 {
    column.parts.iter().map(|part| part.value.max(0)).fold(0, i64::saturating_add)
}

/// The distance between lines of the grid: 1, 2 or 5 with zeros, so that there are four or five of them.
fn step(highest: i64) -> i64 {
    let mut power = 1_i64;
    loop {
        for step in [1, 2, 5].map(|digit| power.saturating_mul(digit)) {
            if step.saturating_mul(5) >= highest {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// `value / whole` of a length.
fn scaled(value: i64, length: i64, whole: i64) -> i64 {
    i64::try_from(i128::from(value) * i128::from(length) / i128::from(whole.max(1))).unwrap_or(length)
}

trait DivCeil {
    fn div_ceil_by(self, step: Self) -> Self;
}

impl DivCeil for i64 {
    fn div_ceil_by(self, step: Self) -> Self {
        self / step + Self::from(self % step != 0)
    }
}

fn put(svg: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = svg.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_in_a_chart_is_no_mark_up() {
        let part = Part { class: "a", value: 3, title: "<script>&\"".into() };
        let column = Column { label: [Some("<b>".into()), None], parts: vec![part] };
        let svg = columns(WIDE, "\"<x>", &[column], &|value| format!("<{value}>"), false);
        assert!(
            !svg.contains("<script") && !svg.contains("<b>") && !svg.contains("<x>") && !svg.contains("<3>"),
            "{svg}"
        );
    }

    proptest! {
        /// Every number of columns and every height gives a chart with at most six lines in its grid.
        #[test]
        fn any_data_is_drawn(values in prop::collection::vec(0_i64.., 0..40), rtl: bool) {
            let column = |value: &i64| Column {
                label: [None, None],
                parts: vec![Part { class: "a", value: *value, title: String::new() }],
            };
            let all: Vec<Column> = values.iter().map(column).collect();
            let svg = columns(HALF, "x", &all, &|value| value.to_string(), rtl);
            prop_assert_eq!(svg.matches("<rect").count(), values.iter().filter(|value| **value > 0).count());
            if values.iter().all(|value| *value < i64::MAX / 8) {
                prop_assert!(svg.matches("class=\"grid\"").count() <= 6);
            }
            prop_assert!(!svg.contains("height=\"-"));
        }
    }
}

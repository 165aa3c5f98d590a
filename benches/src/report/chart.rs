//! The README's chart, in SVG: instructions per request, a bar for each stack. It is light or dark as its reader's system is.

use std::fmt::Write;

use crate::cases::{MAIN_LOAD, STACKS, Whose};
use crate::counts::Counts;
use crate::report::numbers::whole;

const WIDTH: usize = 880;
const TOP: usize = 86;
const ROW: usize = 34;
const BAR: usize = 20;
const BAR_BEGINS: usize = 336;
/// Beyond this is room for the longest bar's figure.
const BAR_ENDS: usize = 770;

const STYLE: &str = "\
.paper { fill: #ffffff; stroke: #d8dee4 }
text { fill: #1f2328; font: 14px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif }
.title { font-size: 18px; font-weight: 600 }
.quiet { fill: #59636e; font-size: 13px }
.own { font-weight: 600 }
.axis { stroke: #8c959f }
.bar { fill: #a9b3bf }
.bar.own { fill: #0969da }
@media (prefers-color-scheme: dark) {
  .paper { fill: #0d1117; stroke: #3d444d }
  text { fill: #f0f6fc }
  .quiet { fill: #9198a1 }
  .axis { stroke: #656c76 }
  .bar { fill: #59636e }
  .bar.own { fill: #4493f8 }
}
";

/// The cheapest above; the bars are in proportion.
#[must_use]
pub fn svg(counts: &Counts) -> String {
    let rows = STACKS.iter().filter(|stack| stack.is_in_brief());
    let rows = rows.filter_map(|stack| Some((stack, counts.get(stack.name, MAIN_LOAD)?)));
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let most = rows.last().map_or(1.0, |(_, most)| *most);
    let height = TOP + ROW * rows.len() + 20;

    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-labelledby="title description">
<title id="title">Instructions per request</title>
<desc id="description">What a credential costs a request, counted by callgrind above a service without a layer:"#
    );
    for (stack, count) in &rows {
        write!(svg, " {} {};", plain(stack.label), whole(*count)).unwrap();
    }
    svg.pop();
    write!(
        svg,
        r#".</desc>
<style>
{STYLE}</style>
<rect class="paper" x="0.5" y="0.5" width="{}" height="{}" rx="8"/>
<text class="title" x="24" y="36">Instructions per request</text>
<text class="quiet" x="24" y="60">above a service without a layer; 8 other headers, a token of 1,200 bytes; fewer is better</text>
"#,
        WIDTH - 1,
        height - 1
    )
    .unwrap();
    for (index, (stack, count)) in rows.iter().enumerate() {
        let y = TOP + ROW * index;
        let text_y = y + 15;
        let label_ends = BAR_BEGINS - 12;
        let length = (BAR_ENDS - BAR_BEGINS) as f64 * count / most;
        let figure_begins = BAR_BEGINS as f64 + length + 8.0;
        let (own, class) = match stack.whose {
            Whose::Ours => (" own", r#" class="own""#),
            Whose::Others | Whose::Nobodys => ("", ""),
        };
        writeln!(
            svg,
            r#"<text{class} x="{label_ends}" y="{text_y}" text-anchor="end">{}</text>
<rect class="bar{own}" x="{BAR_BEGINS}" y="{y}" width="{length:.1}" height="{BAR}" rx="3"/>
<text{class} x="{figure_begins:.1}" y="{text_y}">{}</text>"#,
            plain(stack.label),
            whole(*count)
        )
        .unwrap();
    }
    let (axis_begins, axis_ends) = (TOP - 8, TOP + ROW * rows.len() - ROW + BAR + 8);
    write!(
        svg,
        r#"<line class="axis" x1="{BAR_BEGINS}" y1="{axis_begins}" x2="{BAR_BEGINS}" y2="{axis_ends}"/>
</svg>
"#
    )
    .unwrap();
    svg
}

/// Markdown's code marks away, and what XML would take for its own.
fn plain(label: &str) -> String {
    label
        .replace('`', "")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Case;

    fn chart() -> String {
        let counts = [("by_hand", 1_000.0), ("auto_refreshing_token", 500.0)];
        let case = |(stack, count): (&str, f64)| (Case::new(stack, MAIN_LOAD), count);
        svg(&counts.map(case).into_iter().collect())
    }

    #[test]
    fn bars_are_in_proportion_and_the_cheapest_is_above() {
        let chart = chart();
        let bars: Vec<_> = chart
            .lines()
            .filter(|line| line.contains("\"bar"))
            .collect();
        assert_eq!(bars.len(), 2);
        assert!(bars[0].contains(r#"class="bar own""#) && bars[0].contains(r#"width="217.0""#));
        assert!(bars[1].contains(r#"class="bar""#) && bars[1].contains(r#"width="434.0""#));
    }

    #[test]
    fn labels_are_text_and_not_xml() {
        let chart = chart();
        assert!(chart.contains(">by hand: RwLock&lt;String&gt;, format!, a box</text>"));
        assert!(!chart.contains('`'));
    }

    #[test]
    fn the_description_tells_the_figures() {
        let chart = chart();
        assert!(chart.contains("AutoRefreshingToken, fresh token 500; by hand"));
        assert!(chart.contains("a box 1,000.</desc>"));
    }
}

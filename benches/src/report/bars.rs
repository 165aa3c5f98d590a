//! What was promised, what was measured, and what is aimed at.

use crate::bars::{BARS, Limit};
use crate::budget::{REPLAY_TOLERANCE, change_by_replay};
use crate::cases::label;
use crate::report::cold::create_requests;
use crate::report::contention::two_threads_over_one;
use crate::report::latency::p99_over_calm;
use crate::report::measured::Measured;
use crate::report::memory::{beyond_the_inner_future, of_a_service};
use crate::report::numbers::decimal;
use crate::report::request_path::most_allocations_of_ours;
use crate::report::table::{Table, bold};

/// A figure, and the side of the bar on which it has to be, if one was set.
#[derive(Debug)]
struct Row {
    what: String,
    measured: Option<f64>,
    /// Of the figure, behind the point.
    digits: usize,
    bar: Option<Limit>,
    aim: Option<f64>,
}

/// A bar that is missed says so; what was not measured has no row.
#[must_use]
pub fn bars(measured: &Measured) -> String {
    let mut rows = over_others(measured);
    rows.extend(replay_and_allocations(measured));
    rows.extend(threads(measured));
    rows.extend(waits(measured));
    rows.extend(cold_start_and_sizes(measured));

    let mut table = Table::new(["measured", "bar", "aim"]);
    for row in rows {
        let Some(figure) = row.measured else {
            continue;
        };
        let shown = decimal(figure, row.digits);
        let is_missed = row.bar.is_some_and(|bar| !bar.holds(figure));
        let shown = if is_missed {
            bold(&format!("{shown}: missed"))
        } else {
            shown
        };
        let bar = row.bar.map(|bar| bar.to_string());
        let aim = row.aim.map(|aim| aim.to_string());
        table.row(&row.what, [Some(shown), bar, aim]);
    }
    table.to_string()
}

fn over_others(measured: &Measured) -> Vec<Row> {
    let row = |bar: &crate::bars::Bar| Row {
        what: format!(
            "instructions of {}, over those of {}",
            label(bar.dear),
            label(bar.cheap)
        ),
        measured: bar.ratio(&measured.counts),
        digits: 2,
        bar: Some(bar.bar),
        aim: Some(bar.aim),
    };
    BARS.iter().map(row).collect()
}

fn replay_and_allocations(measured: &Measured) -> [Row; 2] {
    let change = change_by_replay(&measured.counts, &measured.with_replay);
    [
        Row {
            what:
                "feature `replay`, unused: percent that it changes the instructions of a layer by"
                    .to_owned(),
            measured: change.map(|change| change * 100.0),
            digits: 1,
            bar: Some(Limit::AtMost(REPLAY_TOLERANCE * 100.0)),
            aim: Some(0.0),
        },
        Row {
            what: "allocations per request, the most of any of our layers".to_owned(),
            measured: most_allocations_of_ours(measured),
            digits: 2,
            bar: Some(Limit::Exactly(0.0)),
            aim: None,
        },
    ]
}

fn threads(measured: &Measured) -> [Row; 2] {
    let row = |case, bar, aim| Row {
        what: format!("throughput of two threads over one: {}", label(case)),
        measured: two_threads_over_one(measured, case),
        digits: 2,
        bar,
        aim,
    };
    [
        row(
            "auto_refreshing_token",
            Some(Limit::AtLeast(1.9)),
            Some(2.0),
        ),
        row("auto_refreshing_token, during a refresh", None, None),
    ]
}

/// Where nobody may wait: during any refresh, and at a swap to a token that stands by.
fn waits(measured: &Measured) -> [Row; 4] {
    let cases = [
        "refresh, 0 standing by",
        "refresh, 1 standing by",
        "401, 1 standing by",
        "spent budget, 1 standing by",
    ];
    cases.map(|case| Row {
        what: format!("p99 latency over that of calm stretches: {case}"),
        measured: p99_over_calm(measured, case),
        digits: 3,
        bar: Some(Limit::AtMost(1.05)),
        aim: None,
    })
}

fn cold_start_and_sizes(measured: &Measured) -> [Row; 3] {
    let row = |what: &str, measured, bar| Row {
        what: what.to_owned(),
        measured,
        digits: 0,
        bar: Some(bar),
        aim: None,
    };
    let layer = "AutoRefreshingToken";
    [
        row(
            "create requests for 10,000 cold callers",
            create_requests(measured),
            Limit::Exactly(1.0),
        ),
        row(
            "bytes of `AutoRefresh<()>`",
            of_a_service(measured, layer),
            Limit::AtMost(96.0),
        ),
        row(
            "bytes of its future beyond the inner one's",
            beyond_the_inner_future(measured, layer),
            Limit::AtMost(48.0),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cases::{Case, MAIN_LOAD};

    fn row_of(measured: &Measured, what: &str) -> String {
        let table = bars(measured);
        let row = table.lines().find(|line| line.contains(what));
        row.unwrap_or_else(|| panic!("{table}")).to_owned()
    }

    fn counted(auto_refreshing_token: f64, with_replay: f64) -> Measured {
        let case = |(stack, count): (&str, f64)| (Case::new(stack, MAIN_LOAD), count);
        let counts = [
            ("tower_http_add_authorization", 400.0),
            ("auto_refreshing_token", auto_refreshing_token),
        ];
        Measured {
            counts: counts.map(case).into_iter().collect(),
            with_replay: [case(("auto_refreshing_token", with_replay))]
                .into_iter()
                .collect(),
            ..Measured::default()
        }
    }

    fn line(bench: &'static str, line: Value) -> Measured {
        Measured {
            lines: [(bench, vec![line])].into(),
            ..Measured::default()
        }
    }

    #[test]
    fn a_bar_is_beside_what_was_measured_and_aimed_at() {
        let row = row_of(&counted(600.0, 600.0), "over those");
        let label = "`AutoRefreshingToken`, fresh token";
        let says = format!(
            "| instructions of {label}, over those of tower-http `AddAuthorization` | 1.50 | at most 1.65 | 1.2 |"
        );
        assert_eq!(row, says);
    }

    #[test]
    fn a_bar_that_is_missed_says_so() {
        let row = row_of(&counted(700.0, 700.0), "over those");
        assert!(
            row.ends_with("| **1.75: missed** | at most 1.65 | 1.2 |"),
            "{row}"
        );
        let ratio = |ratio: f64| {
            let case = "401, 1 standing by";
            let measured = line("swap", json!({"case": case, "p99_over_calm": ratio}));
            row_of(&measured, case)
        };
        assert!(ratio(1.05).ends_with("| 1.050 | at most 1.05 |"));
        assert!(ratio(1.051).ends_with("| **1.051: missed** | at most 1.05 |"));
        let mints = line(
            "cold",
            json!({"case": "10,000 cold callers", "create_requests": 2}),
        );
        assert!(row_of(&mints, "cold").ends_with("| **2: missed** | 1 |"));
    }

    #[test]
    fn replay_that_costs_something_is_missed() {
        let row = |with| row_of(&counted(1_000.0, with), "`replay`");
        assert!(row(1_003.0).ends_with("| 0.3 | at most 1 | 0 |"));
        assert!(row(1_020.0).ends_with("| **2.0: missed** | at most 1 | 0 |"));
    }

    #[test]
    fn what_was_not_measured_has_no_row() {
        assert_eq!(bars(&Measured::default()), "Not measured in this run.\n");
        assert_eq!(bars(&counted(600.0, 600.0)).lines().count(), 4);
    }
}

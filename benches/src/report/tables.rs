//! The tables in Markdown.

use std::fmt::Write;

use crate::bars::BARS;
use crate::cases::{CLONED, MAIN_LOAD, SHORT_TOKEN, STACKS, Stack, Whose, stack};
use crate::report::measured::Measured;

/// The README's: what a request pays in each layer, and what that was measured on.
#[must_use]
pub fn what_it_costs(measured: &Measured) -> String {
    let Measured { counts, .. } = measured;
    let columns: [(&str, Figure<'_>); 4] = [
        ("instructions", &|stack| {
            Some(whole(counts.get(stack, MAIN_LOAD)?))
        }),
        ("x `AddAuthorization`", &|stack| {
            Some(ratio(counts.over_add_authorization(stack)?))
        }),
        ("ns", &|stack| {
            Some(format!(
                "{:.0}",
                measured.of_a_request(stack, "nanoseconds")?
            ))
        }),
        ("allocations", &|stack| {
            Some(format!(
                "{:.0}",
                measured.of_a_request(stack, "allocations")?
            ))
        }),
    ];
    let in_brief = |stack: &&Stack| !["x_api_key_auth", "per_request_auth"].contains(&stack.name);
    let mut text = table(STACKS.iter().filter(in_brief), &columns);
    let two_threads = |case| measured.get("contention", case, "two_threads_over_one");
    if let (Some(ours), Some(theirs), Some(bare)) = (
        two_threads("auto_refreshing_token"),
        two_threads("tower_http_add_authorization"),
        two_threads("bare"),
    ) {
        writeln!(
            text,
            "\nTwo threads with one `AutoRefreshingToken` send {ours:.2} times what one thread sends; with `AddAuthorization` \
             {theirs:.2}, without a layer {bare:.2}."
        )
        .unwrap();
    }
    text
}

/// What was measured on what.
#[must_use]
pub fn machine(measured: &Measured) -> String {
    format!(
        "Linux on {}; {}.\n",
        measured.processor,
        measured.versions.join(", ")
    )
}

/// All loads that a user may meet, of all stacks.
#[must_use]
pub fn instructions(measured: &Measured) -> String {
    let Measured { counts, .. } = measured;
    table(
        STACKS.iter(),
        &[
            ("token of 1,200 bytes", &|stack| {
                Some(whole(counts.get(stack, MAIN_LOAD)?))
            }),
            ("x `AddAuthorization`", &|stack| {
                Some(ratio(counts.over_add_authorization(stack)?))
            }),
            ("token of 40 bytes", &|stack| {
                Some(whole(counts.get(stack, SHORT_TOKEN)?))
            }),
            ("a clone of the service for each request", &|stack| {
                Some(whole(counts.get(stack, CLONED)?))
            }),
        ],
    )
}

/// What was promised, and what was measured.
#[must_use]
pub fn bars(measured: &Measured) -> String {
    let mut text = "| | Measured | Bar |\n|---|--:|--:|\n".to_owned();
    let mut row = |what: &str, measured: Option<String>, bar: &str| {
        if let Some(measured) = measured {
            writeln!(text, "| {what} | {measured} | {bar} |").unwrap();
        }
    };
    for bar in BARS {
        let label = |name| stack(name).map_or(name, |stack| stack.label);
        let what = format!("{}, over {}", label(bar.dear), label(bar.cheap));
        let ratio = bar.ratio(&measured.counts).map(ratio);
        row(&what, ratio, &bar.bar.to_string());
    }
    for (case, bar) in [
        ("auto_refreshing_token", "at least 1.9"),
        ("auto_refreshing_token, during a refresh", ""),
        ("api_key_auth", ""),
        ("tower_http_add_authorization", ""),
        ("bare", ""),
    ] {
        let ratio = measured.get("contention", case, "two_threads_over_one");
        let (name, of_what) = case.split_once(',').unwrap_or((case, ""));
        let label = stack(name).map_or(name, |stack| stack.label);
        let what = format!("throughput of two threads over one: {label}{of_what}");
        row(&what, ratio.map(|ratio| format!("{ratio:.2}")), bar);
    }
    let mints = measured.get("cold", "10,000 cold callers", "create_requests");
    row(
        "create requests for 10,000 cold callers",
        mints.map(whole),
        "1",
    );
    for (what, case, bar) in [
        (
            "`AutoRefresh<()>`, bytes",
            "AutoRefreshingToken: its service, over one of 0 bytes",
            "at most 96",
        ),
        (
            "its future, beyond the inner one's, bytes",
            "AutoRefreshingToken: its future, beyond the inner one's",
            "at most 48",
        ),
    ] {
        row(what, measured.get("memory", case, "bytes").map(whole), bar);
    }
    text
}

/// A figure of the stack of that name, if it was measured.
type Figure<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A row for each stack and a column for each figure, without those of which nothing was measured. Ours are bold.
fn table<'a>(stacks: impl Iterator<Item = &'a Stack>, columns: &[(&str, Figure<'_>)]) -> String {
    let rows = stacks.filter(|stack| stack.whose != Whose::Nobodys);
    let rows = rows.map(|stack| {
        let figures: Vec<_> = columns.iter().map(|(_, of)| of(stack.name)).collect();
        (stack, figures)
    });
    let is_measured = |figures: &Vec<Option<String>>| figures.iter().any(Option::is_some);
    let rows: Vec<_> = rows.filter(|(_, figures)| is_measured(figures)).collect();
    let is_used = |column: &usize| rows.iter().any(|(_, figures)| figures[*column].is_some());
    let used: Vec<_> = (0..columns.len()).filter(is_used).collect();

    let mut text = "|".to_owned();
    for column in &used {
        write!(text, " | {}", columns[*column].0).unwrap();
    }
    text += " |\n|---|";
    text += &"--:|".repeat(used.len());
    text.push('\n');
    for (stack, figures) in &rows {
        let bold = if stack.whose == Whose::Ours { "**" } else { "" };
        write!(text, "| {bold}{}{bold}", stack.label).unwrap();
        for column in &used {
            match &figures[*column] {
                Some(figure) => write!(text, " | {bold}{figure}{bold}").unwrap(),
                None => text += " | -",
            }
        }
        text += " |\n";
    }
    text
}

fn ratio(ratio: f64) -> String {
    format!("{ratio:.2}")
}

/// With a comma for thousands.
pub(super) fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let (sign, digits) = digits.split_at(digits.len() - digits.trim_start_matches('-').len());
    let mut text = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cases::Case;

    fn measured() -> Measured {
        let counts = [
            ("tower_http_add_authorization", 400.0),
            ("auto_refreshing_token", 600.0),
            ("aliri_tokens", 2_414.4),
        ];
        let case = |(stack, count): (&str, f64)| (Case::new(stack, MAIN_LOAD), count);
        Measured {
            counts: counts.map(case).into_iter().collect(),
            ..Measured::default()
        }
    }

    #[test]
    fn what_was_not_measured_has_no_row_and_no_column() {
        assert_eq!(
            what_it_costs(&measured()),
            "| | instructions | x `AddAuthorization` |\n\
             |---|--:|--:|\n\
             | tower-http `AddAuthorization` | 400 | 1.00 |\n\
             | **`AutoRefreshingToken`, fresh token** | **600** | **1.50** |\n\
             | aliri_tokens in a service | 2,414 | 6.04 |\n"
        );
        assert_eq!(bars(&Measured::default()).lines().count(), 2);
    }

    #[test]
    fn a_gap_among_figures_is_a_dash_and_times_are_above_bare() {
        let mut measured = measured();
        let line = |case: &str, ns: f64| json!({"case": case, "nanoseconds": ns, "allocations": 0});
        measured.lines.insert(
            "request_path",
            vec![line("bare", 10.0), line("auto_refreshing_token", 52.0)],
        );
        let table = what_it_costs(&measured);
        let rows: Vec<_> = table.lines().collect();
        assert_eq!(
            rows[0],
            "| | instructions | x `AddAuthorization` | ns | allocations |"
        );
        assert!(rows[2].ends_with("| 400 | 1.00 | - | - |"), "{table}");
        assert!(rows[3].ends_with("| **42** | **0** |"), "{table}");
    }

    #[test]
    fn a_bar_shows_what_was_measured_beside_it() {
        let bars = bars(&measured());
        let row = "| `AutoRefreshingToken`, fresh token, over tower-http `AddAuthorization` | 1.50 | at most 1.65 |";
        assert!(bars.lines().any(|line| line == row), "{bars}");
    }

    #[test]
    fn thousands_have_a_comma() {
        assert_eq!(
            [0.0, 999.6, 12_345.0, 1_234_567.0, -1_000.0].map(whole),
            ["0", "1,000", "12,345", "1,234,567", "-1,000"]
        );
    }
}

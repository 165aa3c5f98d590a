//! Throughput of one, two and all threads.

use crate::cases::label;
use crate::report::measured::Measured;
use crate::report::numbers::{decimal, ratio, whole};
use crate::report::table::Table;

#[must_use]
pub fn contention(measured: &Measured) -> String {
    let mut table = Table::new([
        "one thread",
        "two threads",
        "two over one",
        "all threads",
        "undisturbed rounds of two",
    ]);
    for case in measured.cases("contention") {
        let get = |figure| measured.get("contention", case, figure);
        let millions = |figure| Some(decimal(get(figure)? / 1e6, 1));
        // All threads of two cores were shown.
        let all = get("threads").filter(|threads| *threads > 2.0);
        let all = all.and_then(|threads| {
            let throughput = millions("all_threads_per_second")?;
            Some(format!("{throughput}, of {threads}"))
        });
        let figures = [
            millions("one_thread_per_second"),
            millions("two_threads_per_second"),
            get("two_threads_over_one").map(ratio),
            all,
            get("rounds").map(whole),
        ];
        table.row(&label(case), figures);
    }
    table.to_string()
}

/// The throughput of two threads over that of one.
#[must_use]
pub fn two_threads_over_one(measured: &Measured, case: &str) -> Option<f64> {
    measured.get("contention", case, "two_threads_over_one")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(threads: u32) -> String {
        let line = json!({
            "case": "auto_refreshing_token, during a refresh",
            "one_thread_per_second": 12e6, "two_threads_per_second": 23.4e6,
            "two_threads_over_one": 1.95, "all_threads_per_second": 44e6,
            "threads": threads, "rounds": 101,
        });
        let lines = [("contention", vec![line])].into();
        contention(&Measured {
            lines,
            ..Measured::default()
        })
    }

    #[test]
    fn all_threads_are_shown_if_they_are_more_than_two() {
        let row = "| `AutoRefreshingToken`, fresh token, during a refresh | 12.0 | 23.4 | 1.95 | 44.0, of 8 | 101 |";
        assert_eq!(table(8).lines().last(), Some(row));
        assert_eq!(
            table(2),
            table(8)
                .replace(" | all threads", "")
                .replace(" | 44.0, of 8", "")
                .replacen("--:|", "", 1)
        );
    }
}

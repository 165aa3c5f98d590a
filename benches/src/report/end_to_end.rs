//! The share of a request over loopback that auth is.

use std::collections::BTreeSet;

use crate::cases::label;
use crate::report::measured::Measured;
use crate::report::numbers::decimal;
use crate::report::table::Table;

/// The clients, as the names of cases begin.
const CLIENTS: [&str; 2] = ["hyper-util", "reqwest"];

#[must_use]
pub fn end_to_end(measured: &Measured) -> String {
    let mut table = Table::new([
        "hyper-util: microseconds",
        "of these auth",
        "reqwest: microseconds",
        "of these auth",
    ]);
    let mut seen = BTreeSet::new();
    for case in measured.cases("end_to_end") {
        let (_, what) = case.split_once(", ").unwrap_or(("", case));
        if !seen.insert(what) {
            continue; // with the other client, and in its row
        }
        let [hyper, reqwest] = CLIENTS.map(|client| {
            let case = format!("{client}, {what}");
            let microseconds = measured.get("end_to_end", &case, "microseconds");
            let share = share(measured, &case).filter(|_| what != "without");
            let percent = |share| format!("{} %", decimal(share * 100.0, 1));
            [microseconds.map(|us| decimal(us, 1)), share.map(percent)]
        });
        let [[hyper, of_hyper], [reqwest, of_reqwest]] = [hyper, reqwest];
        table.row(&label(what), [hyper, of_hyper, reqwest, of_reqwest]);
    }
    table.to_string()
}

/// What is more than without auth, as a share of the request.
#[must_use]
pub fn share(measured: &Measured, case: &str) -> Option<f64> {
    let over_without = measured.get("end_to_end", case, "over_without")?;
    Some(1.0 - 1.0 / over_without)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_clients_of_a_layer_are_in_one_row() {
        let line =
            |case, us, ratio| json!({"case": case, "microseconds": us, "over_without": ratio});
        let lines = vec![
            line("hyper-util, without", 40.0, 1.0),
            line("hyper-util, bearer_auth", 41.0, 1.025),
            line("hyper-util, header in the request", 40.5, 0.998),
            line("reqwest, without", 50.0, 1.0),
            line("reqwest, bearer_auth", 51.0, 1.02),
        ];
        let table = end_to_end(&Measured {
            lines: [("end_to_end", lines)].into(),
            ..Measured::default()
        });
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| without | 40.0 | - | 50.0 | - |",
                "| `BearerAuth` | 41.0 | 2.4 % | 51.0 | 2.0 % |",
                "| header in the request | 40.5 | -0.2 % | - | - |"
            ]
        );
    }
}

//! Latencies around a refresh, a 401 and a spent budget, beside those of calm stretches of the same run.

use crate::report::measured::Measured;
use crate::report::numbers::{decimal, whole};
use crate::report::table::Table;

#[must_use]
pub fn latency(measured: &Measured) -> String {
    let mut table = Table::new(["p50", "p99", "p99.9", "max", "p99 over calm", "waited"]);
    for case in measured.cases("swap") {
        let get = |figure: &str| measured.get("swap", case, figure);
        let microseconds =
            |prefix, figure| get(&format!("{prefix}{figure}")).map(|us| decimal(us, 1));
        for (label, prefix) in [(case, ""), ("- calm beside it", "calm_")] {
            let of = |figure| microseconds(prefix, figure);
            let [ratio, waited] = if prefix.is_empty() {
                [
                    p99_over_calm(measured, case).map(|of| decimal(of, 3)),
                    get("waited").map(whole),
                ]
            } else {
                [None, get("calm_waited").map(whole)]
            };
            let figures = [of("p50"), of("p99"), of("p99_9"), of("max"), ratio, waited];
            table.row(label, figures);
        }
    }
    table.to_string()
}

#[must_use]
pub fn p99_over_calm(measured: &Measured, case: &str) -> Option<f64> {
    measured.get("swap", case, "p99_over_calm")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn calm_is_beside_each_event() {
        let line = json!({
            "case": "401, 0 standing by", "p50": 20.0, "p99": 21.04, "p99_9": 30.0, "max": 200_123.0, "waited": 41,
            "calm_p50": 20.0, "calm_p99": 21.0, "calm_p99_9": 29.0, "calm_max": 40.0, "calm_waited": 0,
            "p99_over_calm": 1.0019,
        });
        let lines = [("swap", vec![line])].into();
        let table = latency(&Measured {
            lines,
            ..Measured::default()
        });
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| 401, 0 standing by | 20.0 | 21.0 | 30.0 | 200,123.0 | 1.002 | 41 |",
                "| - calm beside it | 20.0 | 21.0 | 29.0 | 40.0 | - | 0 |"
            ]
        );
    }
}

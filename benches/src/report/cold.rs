//! 10,000 first requests at once.

use crate::report::measured::Measured;
use crate::report::numbers::{decimal, whole};
use crate::report::table::Table;

#[must_use]
pub fn cold(measured: &Measured) -> String {
    let get = |figure: &str| measured.get("cold", "10,000 cold callers", figure);
    let mut table = Table::new(["with the layer", "without"]);
    table.row(
        "create requests",
        [create_requests(measured).map(whole), None],
    );
    for (label, figure, digits) in [
        ("milliseconds until all were answered", "milliseconds", 1),
        (
            "milliseconds of these after the create request",
            "milliseconds_after_the_mint",
            1,
        ),
        ("bytes of heap per caller, at most", "bytes_per_caller", 0),
        ("allocations per caller", "allocations_per_caller", 1),
    ] {
        let show = |of: Option<f64>| of.map(|of| decimal(of, digits));
        let without = get(&format!("{figure}_without"));
        table.row(label, [show(get(figure)), show(without)]);
    }
    table.to_string()
}

/// Of the run that had most of them.
#[must_use]
pub fn create_requests(measured: &Measured) -> Option<f64> {
    measured.get("cold", "10,000 cold callers", "create_requests")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_without_the_layer_is_beside_it() {
        let line = json!({
            "case": "10,000 cold callers", "create_requests": 1, "milliseconds": 223.4, "milliseconds_without": 9.0,
            "milliseconds_after_the_mint": 23.4, "bytes_per_caller": 1_234, "bytes_per_caller_without": 456,
        });
        let lines = [("cold", vec![line])].into();
        let table = cold(&Measured {
            lines,
            ..Measured::default()
        });
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| create requests | 1 | - |",
                "| milliseconds until all were answered | 223.4 | 9.0 |",
                "| milliseconds of these after the create request | 23.4 | - |",
                "| bytes of heap per caller, at most | 1,234 | 456 |",
            ]
        );
    }
}

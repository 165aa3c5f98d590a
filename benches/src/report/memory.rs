//! What the layers hold of memory.

use crate::report::measured::Measured;
use crate::report::numbers::whole;
use crate::report::table::Table;

#[must_use]
pub fn memory(measured: &Measured) -> String {
    let (mut sizes, mut heap) = (
        Table::new([
            "the layer, or handle",
            "its service, over one of 0 bytes",
            "its future, beyond the inner one's",
        ]),
        Table::new(["bytes of heap"]),
    );
    for case in measured.cases("memory") {
        let get = |figure| measured.get("memory", case, figure).map(whole);
        let label = format!("`{case}`");
        sizes.row(&label, [get("layer"), get("service"), get("future")]);
        heap.row(case, [get("heap")]);
    }
    format!("{sizes}\n{heap}")
}

/// Bytes of the layer's service over one of 0 bytes.
#[must_use]
pub fn of_a_service(measured: &Measured, layer: &str) -> Option<f64> {
    measured.get("memory", layer, "service")
}

#[must_use]
pub fn beyond_the_inner_future(measured: &Measured, layer: &str) -> Option<f64> {
    measured.get("memory", layer, "future")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_of_types_and_heap_are_tables_of_their_own() {
        let lines = vec![
            json!({"case": "BearerAuth", "layer": 8, "service": 16, "future": 0}),
            json!({"case": "TokenLease", "layer": 24}),
            json!({"case": "a token of 1,200 bytes", "heap": 1_300}),
        ];
        let tables = memory(&Measured {
            lines: [("memory", lines)].into(),
            ..Measured::default()
        });
        let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| |");
        let rows: Vec<_> = tables.lines().filter(is_row).collect();
        assert_eq!(
            rows,
            [
                "| `BearerAuth` | 8 | 16 | 0 |",
                "| `TokenLease` | 24 | - | - |",
                "| a token of 1,200 bytes | 1,300 |"
            ]
        );
    }
}

//! The figures of all benches. Any of them may be missing: a bench that was not run leaves a gap, and not an old figure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::counts::Counts;
use crate::figures;
use crate::machine;

/// The benches that the report shows besides `instructions`.
const BENCHES: [&str; 4] = ["request_path", "contention", "cold", "memory"];

#[derive(Debug, Default)]
pub struct Measured {
    pub counts: Counts,
    pub processor: String,
    pub versions: Vec<String>,
    pub lines: BTreeMap<&'static str, Vec<Value>>,
}

impl Measured {
    /// What the benches wrote last.
    #[must_use]
    pub fn read() -> Self {
        let lines = BENCHES.iter().map(|bench| (*bench, figures::read(bench)));
        Self {
            counts: Counts::read(),
            processor: machine::processor(),
            versions: machine::versions(),
            lines: lines.collect(),
        }
    }

    #[must_use]
    pub fn get(&self, bench: &str, case: &str, figure: &str) -> Option<f64> {
        let lines = self.lines.get(bench)?;
        let line = lines.iter().find(|line| line["case"] == case)?;
        line[figure].as_f64()
    }

    /// Of one request in the load that the bars are about, above that of no layer.
    #[must_use]
    pub fn of_a_request(&self, stack: &str, figure: &str) -> Option<f64> {
        let bare = self.get("request_path", "bare", figure).unwrap_or(0.0);
        Some(self.get("request_path", stack, figure)? - bare)
    }
}

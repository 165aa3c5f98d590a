//! The figures of all benches. Any of them may be missing: a bench that was not run leaves a gap, and not an old figure.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cases::{Case, stack};
use crate::counts::Counts;
use crate::figures;
use crate::machine;

/// The benches that the report shows besides `instructions`.
const BENCHES: [&str; 6] = [
    "request_path",
    "contention",
    "cold",
    "swap",
    "end_to_end",
    "memory",
];

#[derive(Debug, Default)]
pub struct Measured {
    pub counts: Counts,
    /// With feature `replay`, which nobody there uses.
    pub with_replay: Counts,
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
            counts: Counts::read("instructions"),
            with_replay: Counts::read("instructions_with_replay"),
            processor: machine::processor(),
            versions: machine::versions(),
            lines: lines.collect(),
        }
    }

    /// What was measured on what.
    #[must_use]
    pub fn machine(&self) -> String {
        format!(
            "Linux on {}; {}.\n",
            self.processor,
            self.versions.join(", ")
        )
    }

    #[must_use]
    pub fn get(&self, bench: &str, case: &str, figure: &str) -> Option<f64> {
        let lines = self.lines.get(bench)?;
        let line = lines.iter().find(|line| line["case"] == case)?;
        line[figure].as_f64()
    }

    /// What the bench measured, in its order.
    pub fn cases(&self, bench: &str) -> impl Iterator<Item = &str> {
        let lines = self.lines.get(bench).into_iter().flatten();
        lines.filter_map(|line| line["case"].as_str())
    }

    /// What `request_path` measured of one request, above that of a stack without a layer.
    #[must_use]
    pub fn of_a_request(&self, of: &str, load: &str, figure: &str) -> Option<f64> {
        let get = |of| self.get("request_path", &Case::new(of, load).to_string(), figure);
        Some(get(of)? - get(stack(of)?.above())?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_request_is_measured_above_the_bare_stack_of_its_kind_and_load() {
        let line = |case: &str, ns: f64| json!({"case": case, "nanoseconds": ns});
        let lines = vec![
            line("bare/other", 1_000.0),
            line("azure_core/other", 2_000.0),
            line("bare/load", 10.0),
            line("azure_core_bare/load", 20.0),
            line("azure_core/load", 300.0),
            line("bearer_auth/load", 52.0),
            line("api_key_auth/without", 52.0),
        ];
        let measured = Measured {
            lines: [("request_path", lines)].into(),
            ..Measured::default()
        };
        let nanoseconds = |of, load| measured.of_a_request(of, load, "nanoseconds");
        assert_eq!(nanoseconds("bearer_auth", "load"), Some(42.0));
        assert_eq!(nanoseconds("azure_core", "load"), Some(280.0));
        assert_eq!(nanoseconds("api_key_auth", "without"), None, "no bare one");
    }
}

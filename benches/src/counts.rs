//! Instructions per request, as callgrind counted them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cases::{Case, MAIN_LOAD, Whose, stack};
use crate::figures::{self, Figures};

/// So many requests are sent in each case of `instructions`.
pub const REQUESTS: usize = 100;

/// The instructions of one request in each case, above those of a service without a layer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts(BTreeMap<Case, f64>);

impl Counts {
    /// From what gungraun prints with `--output-format=json`.
    ///
    /// # Errors
    ///
    /// What is wrong with it: it is not gungraun's, or counts a layer and not what is there without one.
    pub fn from_gungraun(lines: &str) -> Result<Self, String> {
        let mut counted = BTreeMap::new();
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let line: Value = serde_json::from_str(line)
                .map_err(|error| format!("not a line of gungraun's: {error}: {line:.80}"))?;
            let name = |key: &str| line[key].as_str().unwrap_or_default();
            let instructions = &line["profiles"][0]["data"]["total"]["metrics"]["Ir"]["values"];
            let case = Case::new(name("function_name"), name("id"));
            let count = instructions["new"]
                .as_f64()
                .ok_or_else(|| format!("no count of instructions for {case}"))?;
            counted.insert(case, count);
        }
        if counted.is_empty() {
            return Err("gungraun counted nothing".to_owned());
        }
        let mut above_bare = BTreeMap::new();
        for (case, count) in &counted {
            let stack = stack(&case.stack)
                .ok_or_else(|| format!("src/cases.rs does not know {}", case.stack))?;
            if stack.whose == Whose::Nobodys {
                continue;
            }
            let above = Case::new(stack.above(), &case.load);
            let bare = counted
                .get(&above)
                .ok_or_else(|| format!("{case} was counted, and {above} was not"))?;
            above_bare.insert(case.clone(), (count - bare) / REQUESTS as f64);
        }
        Ok(Self(above_bare))
    }

    /// What was counted last under that name; nothing if nothing was.
    #[must_use]
    pub fn read(name: &str) -> Self {
        let read = figures::read(name).into_iter();
        Self(
            read.filter_map(|line| {
                let case = Case::parse(line["case"].as_str()?)?;
                Some((case, line["instructions"].as_f64()?))
            })
            .collect(),
        )
    }

    /// Writes them where the report finds them.
    pub fn write(&self, name: &'static str) {
        let mut figures = Figures::of(name);
        for (case, count) in &self.0 {
            figures.add(&case.to_string(), [("instructions", *count)]);
        }
        figures.write();
    }

    #[must_use]
    pub fn get(&self, stack: &str, load: &str) -> Option<f64> {
        self.0.get(&Case::new(stack, load)).copied()
    }

    /// The stack's, over those of tower-http's `AddAuthorization`, in the load that the bars are about.
    #[must_use]
    pub fn over_add_authorization(&self, stack: &str) -> Option<f64> {
        let other = self.get("tower_http_add_authorization", MAIN_LOAD)?;
        Some(self.get(stack, MAIN_LOAD)? / other)
    }

    /// Those of this crate's layers: what has a budget.
    pub fn ours(&self) -> impl Iterator<Item = (&Case, f64)> {
        let is_ours =
            |case: &Case| stack(&case.stack).is_some_and(|stack| stack.whose == Whose::Ours);
        let ours = self.0.iter().filter(move |(case, _)| is_ours(case));
        ours.map(|(case, count)| (case, *count))
    }
}

impl FromIterator<(Case, f64)> for Counts {
    fn from_iter<I: IntoIterator<Item = (Case, f64)>>(counts: I) -> Self {
        Self(counts.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(stack: &str, count: u32) -> String {
        format!(
            r#"{{"function_name":"{stack}","id":"{MAIN_LOAD}","profiles":[{{"data":{{"total":{{"metrics":{{"Ir":{{"values":{{"new":{count}}}}}}}}}}}}}]}}"#
        )
    }

    #[test]
    fn counts_are_per_request_and_above_bare() {
        let lines = [line("bare", 43_450), line("api_key_auth", 100_354)].join("\n");
        let counts = Counts::from_gungraun(&lines).unwrap();
        assert_eq!(counts.get("api_key_auth", MAIN_LOAD), Some(569.04));
        assert_eq!(counts.get("bare", MAIN_LOAD), None);
    }

    #[test]
    fn azure_core_is_counted_above_its_own_bare_pipeline() {
        let lines = [
            line("bare", 1_000),
            line("azure_core_bare", 50_000),
            line("azure_core", 350_000),
        ];
        let counts = Counts::from_gungraun(&lines.join("\n")).unwrap();
        assert_eq!(counts.get("azure_core", MAIN_LOAD), Some(3_000.0));
        assert_eq!(counts.get("azure_core_bare", MAIN_LOAD), None);
    }

    #[test]
    fn what_cannot_be_a_count_is_refused() {
        let refused = |lines: &str| Counts::from_gungraun(lines).unwrap_err();
        assert_eq!(refused(""), "gungraun counted nothing");
        assert!(refused("a panic").starts_with("not a line of gungraun's"));
        assert!(
            refused(&line("api_key_auth", 1))
                .ends_with("bare/dropped_headers_8_token_1200 was not")
        );
        assert!(refused(&line("new_layer", 1)).contains("does not know new_layer"));
        let no_count = line("bare", 1).replace("Ir", "Dr");
        assert!(refused(&no_count).starts_with("no count of instructions for bare/"));
    }
}

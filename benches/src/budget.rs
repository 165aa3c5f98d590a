//! The instructions that each of our layers may spend on a request: a file in the repository, a line for each case.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::cases::Case;
use crate::counts::Counts;

/// A rise above this fails; so large a fall is worth a new budget.
const TOLERANCE: f64 = 0.03;
/// With feature `replay` unused, a count may differ by this: how often `AutoRefreshingToken` looks at its rate depends on
/// the time that a hundred requests take, and each look is 0.3 % of them.
pub const REPLAY_TOLERANCE: f64 = 0.01;

const HEADER: &str = "\
# Instructions per request above the bare service, by callgrind. `.ci/instructions` holds each layer to its line;
# `.ci/instructions --update` writes this file anew. Counted with:
";

/// A budget, and the compiler and crates that it was counted with.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    versions: Vec<String>,
    lines: BTreeMap<Case, f64>,
}

/// What the counts are beside the budget.
#[derive(Debug, Default, PartialEq)]
pub struct Verdict {
    pub failures: Vec<String>,
    /// What may be written into the budget by hand.
    pub falls: Vec<String>,
}

impl Budget {
    /// What was counted is what may be spent.
    #[must_use]
    pub fn of(counts: &Counts, versions: &[String]) -> Self {
        let ours = counts.ours().map(|(case, count)| (case.clone(), count));
        Self {
            versions: versions.to_vec(),
            lines: ours.collect(),
        }
    }

    /// # Errors
    ///
    /// The line that is not one of a budget.
    pub fn parse(text: &str) -> Result<Self, String> {
        let header = HEADER.lines().count();
        let is_version = |line: &&str| line.starts_with('#');
        let versions = text.lines().skip(header).take_while(is_version);
        let versions = versions.map(|line| line.trim_start_matches(['#', ' ']).to_owned());
        let mut lines = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (case, count) = line
                .split_once(char::is_whitespace)
                .and_then(|(case, count)| Some((Case::parse(case)?, count.trim().parse().ok()?)))
                .ok_or_else(|| format!("not a line of the budget: {line}"))?;
            lines.insert(case, count);
        }
        Ok(Self {
            versions: versions.collect(),
            lines,
        })
    }

    /// The file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = HEADER.to_owned();
        for version in &self.versions {
            writeln!(text, "# {version}").unwrap();
        }
        for (case, count) in &self.lines {
            writeln!(text, "{:52}{count:>8.0}", case.to_string()).unwrap();
        }
        text
    }

    #[must_use]
    pub fn compare(&self, counts: &Counts) -> Verdict {
        let mut verdict = Verdict::default();
        let mut left: BTreeMap<_, _> = self.lines.iter().collect();
        for (case, count) in counts.ours() {
            let Some(budget) = left.remove(case) else {
                let failure = format!("{case} has no budget, and is {count:.0}: add it");
                verdict.failures.push(failure);
                continue;
            };
            let change = count / budget - 1.0;
            let found = format!(
                "{case} is {count:.1} instructions, its budget {budget:.0}: {:+.1} %",
                change * 100.0
            );
            if change > TOLERANCE {
                let what_to_do =
                    "save them, or say in the commit what they buy and raise the budget";
                verdict.failures.push(format!("{found}; {what_to_do}"));
            } else if change < -TOLERANCE {
                verdict.falls.push(found);
            }
        }
        for case in left.keys() {
            let failure = format!("{case} is in the budget, and was not counted");
            verdict.failures.push(failure);
        }
        verdict
    }

    /// Versions that are others than those of the budget: then the layers may not be what changed.
    #[must_use]
    pub fn other_versions(&self, now: &[String]) -> Vec<String> {
        let others = now
            .iter()
            .filter(|version| !self.versions.contains(version));
        others.cloned().collect()
    }
}

/// Where a run with feature `replay`, which nobody there uses, counted something else.
#[must_use]
pub fn cost_of_replay(without: &Counts, with: &Counts) -> Vec<String> {
    let mut compared = 0;
    let mut failures = Vec::new();
    for (case, with) in with.ours() {
        let Some(without) = without.get(&case.stack, &case.load) else {
            continue;
        };
        compared += 1;
        if (with / without - 1.0).abs() > REPLAY_TOLERANCE {
            failures.push(format!(
                "{case} is {without:.1} instructions, and with feature `replay` unused {with:.1}: it must cost nothing"
            ));
        }
    }
    if compared == 0 {
        failures.push("nothing was counted both with feature `replay` and without".to_owned());
    }
    failures
}

/// By how much feature `replay` changes a count of ours at most, as a share of it; nothing if nothing was counted both ways.
#[must_use]
pub fn change_by_replay(without: &Counts, with: &Counts) -> Option<f64> {
    let changes = with.ours().filter_map(|(case, with)| {
        let without = without.get(&case.stack, &case.load)?;
        Some((with / without - 1.0).abs())
    });
    changes.max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::MAIN_LOAD;

    fn counts(counts: &[(&str, f64)]) -> Counts {
        let case = |(stack, count): &(&str, f64)| (Case::new(stack, MAIN_LOAD), *count);
        counts.iter().map(case).collect()
    }

    fn budget() -> Budget {
        let spent = counts(&[("api_key_auth", 1_000.0), ("bearer_auth", 1_000.0)]);
        Budget::of(&spent, &["rustc 1.95.0".to_owned()])
    }

    fn verdict(api_key_auth: f64) -> Verdict {
        let spent = [("api_key_auth", api_key_auth), ("bearer_auth", 1_000.0)];
        budget().compare(&counts(&spent))
    }

    #[test]
    fn a_rise_of_3_1_percent_fails_and_one_of_2_9_does_not() {
        let failures = verdict(1_031.0).failures;
        assert_eq!(failures.len(), 1);
        let says = "api_key_auth/dropped_headers_8_token_1200 is 1031.0 instructions, its budget 1000: +3.1 %";
        assert!(failures[0].starts_with(says), "{failures:?}");
        assert_eq!(verdict(1_029.0), Verdict::default());
    }

    #[test]
    fn a_fall_is_told_and_does_not_fail() {
        let Verdict { failures, falls } = verdict(969.0);
        assert!(failures.is_empty());
        assert!(falls[0].ends_with("-3.1 %"), "{falls:?}");
        assert_eq!(verdict(971.0), Verdict::default());
    }

    #[test]
    fn a_case_that_was_not_counted_fails() {
        let verdict = budget().compare(&counts(&[("api_key_auth", 1_000.0)]));
        assert_eq!(verdict.failures.len(), 1);
        assert!(verdict.failures[0].ends_with("was not counted"));
    }

    #[test]
    fn a_case_that_has_no_budget_fails_unless_it_is_a_peers() {
        let mut spent = vec![("api_key_auth", 1_000.0), ("bearer_auth", 1_000.0)];
        spent.push(("aliri_tokens", 9_000.0));
        assert_eq!(budget().compare(&counts(&spent)), Verdict::default());
        spent.push(("per_request_auth", 1.0));
        let verdict = budget().compare(&counts(&spent));
        assert_eq!(verdict.failures.len(), 1);
        assert!(verdict.failures[0].contains("per_request_auth/"));
    }

    #[test]
    fn the_file_reads_back_as_it_was_written() {
        let budget = budget();
        assert_eq!(Budget::parse(&budget.to_text()).unwrap(), budget);
        let broken = budget.to_text() + "api_key_auth 12\n";
        let error = Budget::parse(&broken).unwrap_err();
        assert_eq!(error, "not a line of the budget: api_key_auth 12");
    }

    #[test]
    fn another_compiler_is_named() {
        let now = ["rustc 1.96.0".to_owned()];
        assert_eq!(budget().other_versions(&now), now);
        let same = ["rustc 1.95.0".to_owned()];
        assert!(budget().other_versions(&same).is_empty());
    }

    #[test]
    fn replay_unused_must_cost_nothing() {
        let without = counts(&[("api_key_auth", 1_000.0)]);
        let with = |count| cost_of_replay(&without, &counts(&[("api_key_auth", count)]));
        assert!(with(1_009.0).is_empty());
        assert_eq!(with(1_011.0).len(), 1);
        assert_eq!(with(989.0).len(), 1, "then something else was measured");
        assert_eq!(cost_of_replay(&without, &Counts::default()).len(), 1);
    }
    #[test]
    fn the_largest_change_by_replay_counts_on_either_side() {
        let without = counts(&[("api_key_auth", 1_024.0), ("bearer_auth", 1_024.0)]);
        let with = counts(&[("api_key_auth", 1_028.0), ("bearer_auth", 1_016.0)]);
        assert_eq!(change_by_replay(&without, &with), Some(8.0 / 1_024.0));
        assert_eq!(change_by_replay(&without, &Counts::default()), None);
    }
}

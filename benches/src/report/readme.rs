//! The README's part: what a request pays in each layer, and what else a reader wants at a glance.

use std::fmt::Write;

use crate::cases::{MAIN_LOAD, STACKS, Stack, Whose};
use crate::report::cold::create_requests;
use crate::report::contention::two_threads_over_one;
use crate::report::latency::p99_over_calm;
use crate::report::measured::Measured;
use crate::report::numbers::{ratio, whole};
use crate::report::request_path;
use crate::report::table::Table;

/// From the root of the repository.
pub const CHART: &str = "benches/instructions.svg";

#[must_use]
pub fn what_it_costs(measured: &Measured) -> String {
    let description = "Instructions per request of each layer, as bars; the table has the figures";
    let mut text = format!("![{description}]({CHART})\n\n{}", table(measured));
    let sentences = [threads(measured), waits(measured), cold(measured)];
    let sentences: Vec<_> = sentences.into_iter().flatten().collect();
    if !sentences.is_empty() {
        text.push('\n');
    }
    for sentence in sentences {
        writeln!(text, "- {sentence}").unwrap();
    }
    text
}

fn table(measured: &Measured) -> Table {
    let counts = &measured.counts;
    // No times: what differs by tens of nanoseconds on a machine with others on it is for those who read how it was measured.
    let mut table = Table::new(["instructions", "x `AddAuthorization`", "allocations"]);
    let is_shown = |stack: &&Stack| stack.is_in_brief() && stack.whose != Whose::Nobodys;
    for stack in STACKS.iter().filter(is_shown) {
        let load = request_path::MAIN_LOAD;
        let allocations = measured.of_a_request(stack.name, load, "allocations");
        let figures = [
            counts.get(stack.name, MAIN_LOAD).map(whole),
            counts.over_add_authorization(stack.name).map(ratio),
            allocations.map(whole),
        ];
        table.stack(stack, figures);
    }
    table
}

fn threads(measured: &Measured) -> Option<String> {
    let over_one = |case| two_threads_over_one(measured, case).map(ratio);
    let ours = over_one("auto_refreshing_token")?;
    let theirs = over_one("tower_http_add_authorization")?;
    let bare = over_one("bare")?;
    Some(format!(
        "Two threads with one `AutoRefreshingToken` send {ours} times what one thread sends; with `AddAuthorization` \
         {theirs}, without a layer {bare}."
    ))
}

fn waits(measured: &Measured) -> Option<String> {
    let over_calm = |case| p99_over_calm(measured, case).map(ratio);
    let refresh = over_calm("refresh, 1 standing by")?;
    let rejection = over_calm("401, 1 standing by")?;
    Some(format!(
        "While a token is replaced, which takes 200 ms, nobody waits: the 99th percentile of latencies is {refresh} times \
         that of calm; after a 401, with a token that stands by, {rejection} times."
    ))
}

fn cold(measured: &Measured) -> Option<String> {
    let requests = create_requests(measured).map(whole)?;
    Some(format!(
        "Create requests for 10,000 first requests at once: {requests}."
    ))
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
            ("per_request_auth", 200.0),
        ];
        let case = |(stack, count): (&str, f64)| (Case::new(stack, MAIN_LOAD), count);
        Measured {
            counts: counts.map(case).into_iter().collect(),
            ..Measured::default()
        }
    }

    #[test]
    fn the_table_is_in_brief_and_has_no_gaps() {
        let rows = "| | instructions | x `AddAuthorization` |\n\
                    |---|--:|--:|\n\
                    | tower-http `AddAuthorization` | 400 | 1.00 |\n\
                    | **`AutoRefreshingToken`, fresh token** | **600** | **1.50** |\n";
        assert!(what_it_costs(&measured()).ends_with(rows));
    }

    #[test]
    fn allocations_are_those_of_the_load_that_instructions_are_of() {
        let line = |case: &str, allocations: u64| json!({"case": case, "allocations": allocations});
        let lines = vec![
            line("bare/headers_0_token_40", 1),
            line("auto_refreshing_token/headers_0_token_40", 2),
            line("bare/headers_8_token_1200", 1),
            line("auto_refreshing_token/headers_8_token_1200", 5),
        ];
        let mut measured = measured();
        measured.lines.insert("request_path", lines);
        let text = what_it_costs(&measured);
        assert!(text.contains("| 400 | 1.00 | - |\n"), "{text}");
        assert!(!text.contains("no layer"), "all is above it: {text}");
        assert!(text.ends_with("| **4** |\n"), "{text}");
    }

    #[test]
    fn each_bench_that_was_run_has_its_sentence() {
        let mut measured = measured();
        let line = json!({"case": "10,000 cold callers", "create_requests": 1});
        measured.lines.insert("cold", vec![line]);
        let text = what_it_costs(&measured);
        assert!(text.ends_with("\n\n- Create requests for 10,000 first requests at once: 1.\n"));
    }
}

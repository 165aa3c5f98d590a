//! Nanoseconds and allocations per request, of all loads.

use crate::cases::{STACKS, Whose};
use crate::report::measured::Measured;
use crate::report::numbers::{decimal, whole};
use crate::report::table::Table;

/// As `request_path` names them.
pub const LOADS: [&str; 4] = [
    "headers_0_token_40",
    "headers_0_token_1200",
    "headers_8_token_40",
    MAIN_LOAD,
];

/// The one that the bars are about.
pub const MAIN_LOAD: &str = "headers_8_token_1200";

#[must_use]
pub fn request_path(measured: &Measured) -> String {
    let mut table = Table::new([
        "no other headers, 40 bytes",
        "no other headers, 1,200 bytes",
        "8 others, 40 bytes",
        "8 others, 1,200 bytes",
        "allocations",
    ]);
    for stack in STACKS.iter().filter(|stack| stack.whose != Whose::Nobodys) {
        let nanoseconds = |load| measured.of_a_request(stack.name, load, "nanoseconds");
        let [a, b, c, d] = LOADS.map(nanoseconds).map(|of| of.map(whole));
        table.stack(stack, [a, b, c, d, allocations(measured, stack.name)]);
    }
    table.to_string()
}

/// Of a request; the least and the most of them where loads differ.
fn allocations(measured: &Measured, of: &str) -> Option<String> {
    let all = LOADS.map(|load| measured.of_a_request(of, load, "allocations"));
    let least = all.into_iter().flatten().min_by(f64::total_cmp)?;
    let most = all.into_iter().flatten().max_by(f64::total_cmp)?;
    let show = |number: f64| decimal(number, if number.fract() == 0.0 { 0 } else { 2 });
    Some(if least == most {
        show(most)
    } else {
        format!("{} to {}", show(least), show(most))
    })
}

/// The most of any of our stacks in any load.
#[must_use]
pub fn most_allocations_of_ours(measured: &Measured) -> Option<f64> {
    let ours = STACKS.iter().filter(|stack| stack.whose == Whose::Ours);
    let all = ours
        .flat_map(|stack| LOADS.map(|load| measured.of_a_request(stack.name, load, "allocations")));
    all.flatten().max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn measured(allocations_of_ours: f64) -> Measured {
        let line = |case: &str, ns: f64, allocations: f64| json!({"case": case, "nanoseconds": ns, "allocations": allocations});
        let lines = vec![
            line("bare/headers_0_token_40", 5.0, 0.0),
            line("bearer_auth/headers_0_token_40", 45.0, 0.0),
            line("by_hand/headers_0_token_40", 105.0, 3.0),
            line("bare/headers_8_token_1200", 10.0, 0.0),
            line(
                "bearer_auth/headers_8_token_1200",
                62.0,
                allocations_of_ours,
            ),
            line("by_hand/headers_8_token_1200", 210.0, 4.0),
        ];
        Measured {
            lines: [("request_path", lines)].into(),
            ..Measured::default()
        }
    }

    #[test]
    fn each_load_is_above_its_own_bare_stack() {
        let table = request_path(&measured(0.0));
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| **`BearerAuth`** | **40** | **52** | **0** |",
                "| by hand: `RwLock<String>`, `format!`, a box | 100 | 200 | 3 to 4 |"
            ]
        );
    }

    #[test]
    fn one_load_in_which_we_allocate_is_enough() {
        assert_eq!(most_allocations_of_ours(&measured(0.0)), Some(0.0));
        assert_eq!(most_allocations_of_ours(&measured(0.01)), Some(0.01));
        assert_eq!(most_allocations_of_ours(&Measured::default()), None);
    }
}

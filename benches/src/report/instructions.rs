//! Instructions per request: all loads that a user may meet, of all stacks.

use crate::cases::{CLONED, MAIN_LOAD, NO_OTHER_HEADERS, SHORT_TOKEN, STACKS, Whose};
use crate::report::measured::Measured;
use crate::report::numbers::{ratio, whole};
use crate::report::table::Table;

#[must_use]
pub fn instructions(measured: &Measured) -> String {
    let Measured {
        counts,
        with_replay,
        ..
    } = measured;
    let mut table = Table::new([
        "token of 1,200 bytes",
        "x `AddAuthorization`",
        "token of 40 bytes",
        "no other headers",
        "a clone of the service for each request",
        "with feature `replay`, unused",
    ]);
    for stack in STACKS.iter() {
        let count = |load| counts.get(stack.name, load).map(whole);
        let with_replay = with_replay.get(stack.name, MAIN_LOAD).map(whole);
        let figures = [
            count(MAIN_LOAD),
            counts.over_add_authorization(stack.name).map(ratio),
            count(SHORT_TOKEN),
            count(NO_OTHER_HEADERS),
            count(CLONED),
            // Others do not have it.
            with_replay.filter(|_| stack.whose == Whose::Ours),
        ];
        table.stack(stack, figures);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::Case;

    #[test]
    fn each_load_has_its_column() {
        let counts = [
            ("tower_http_add_authorization", MAIN_LOAD, 400.0),
            ("bearer_auth", MAIN_LOAD, 500.0),
            ("bearer_auth", SHORT_TOKEN, 501.0),
            ("bearer_auth", NO_OTHER_HEADERS, 502.0),
            ("bearer_auth", CLONED, 503.0),
        ];
        let case = |(stack, load, count): (&str, &str, f64)| (Case::new(stack, load), count);
        let with_replay = [
            ("bearer_auth", MAIN_LOAD, 504.0),
            ("tower_http_add_authorization", MAIN_LOAD, 400.0),
        ];
        let measured = Measured {
            counts: counts.map(case).into_iter().collect(),
            with_replay: with_replay.map(case).into_iter().collect(),
            ..Measured::default()
        };
        let table = instructions(&measured);
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| tower-http `AddAuthorization` | 400 | 1.00 | - | - | - | - |",
                "| **`BearerAuth`** | **500** | **1.25** | **501** | **502** | **503** | **504** |"
            ]
        );
    }
}

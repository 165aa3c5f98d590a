//! What was measured, written into the README, BENCHMARKING.md and a chart.

pub mod bars;
pub mod chart;
pub mod cold;
pub mod contention;
pub mod end_to_end;
pub mod instructions;
pub mod latency;
pub mod measured;
pub mod memory;
pub mod numbers;
pub mod readme;
pub mod request_path;
pub mod table;

/// Puts the block between the lines `<!-- report: NAME -->` and `<!-- end of report: NAME -->`, in the place of what is
/// there.
///
/// # Errors
///
/// The mark that the text does not have exactly once, or that comes too early.
pub fn with_block(text: &str, name: &str, block: &str) -> Result<String, String> {
    let begin = format!("<!-- report: {name} -->\n");
    let end = format!("<!-- end of report: {name} -->\n");
    for mark in [&begin, &end] {
        if text.matches(mark.as_str()).count() != 1 {
            return Err(format!("not exactly one {}", mark.trim_end()));
        }
    }
    let (before, rest) = text.split_once(&begin).expect("it was found");
    let (_, after) = rest
        .split_once(&end)
        .ok_or_else(|| format!("{} comes before its begin", end.trim_end()))?;
    Ok(format!("{before}{begin}{block}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# Title\nprose 1\n<!-- report: costs -->\nold\n<!-- end of report: costs -->\nprose 2\n";

    #[test]
    fn what_is_outside_of_the_marks_stays_as_it_is() {
        let written = with_block(TEXT, "costs", "new\n").unwrap();
        assert_eq!(written, TEXT.replace("old", "new"));
    }

    #[test]
    fn writing_twice_changes_nothing() {
        let once = with_block(TEXT, "costs", "| a |\n\nb\n").unwrap();
        assert_eq!(with_block(&once, "costs", "| a |\n\nb\n").unwrap(), once);
    }

    #[test]
    fn marks_that_are_missing_or_the_wrong_way_round_are_refused() {
        assert!(with_block(TEXT, "other", "").is_err());
        assert!(with_block(&TEXT.repeat(2), "costs", "").is_err());
        let turned = "<!-- end of report: costs -->\n<!-- report: costs -->\n";
        assert!(with_block(turned, "costs", "").is_err());
    }
}

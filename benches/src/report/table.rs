//! The one kind of table that the report has.

use std::fmt::{Display, Formatter, Result};

use crate::cases::{Stack, Whose};

/// Rows of figures, in Markdown. What was not measured has no row and no column, and is a dash where others were.
#[derive(Debug)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    label: String,
    figures: Vec<Option<String>>,
}

impl Table {
    #[must_use]
    pub fn new<const N: usize>(columns: [&str; N]) -> Self {
        Self {
            columns: columns.map(str::to_owned).into(),
            rows: Vec::new(),
        }
    }

    /// A figure for each column.
    pub fn row<const N: usize>(&mut self, label: &str, figures: [Option<String>; N]) {
        assert_eq!(N, self.columns.len(), "{label}");
        if figures.iter().any(Option::is_some) {
            let (label, figures) = (label.to_owned(), figures.into());
            self.rows.push(Row { label, figures });
        }
    }

    /// Ours are bold.
    pub fn stack<const N: usize>(&mut self, stack: &Stack, figures: [Option<String>; N]) {
        match stack.whose {
            Whose::Ours => self.row(
                &bold(stack.label),
                figures.map(|of| of.as_deref().map(bold)),
            ),
            Whose::Nobodys | Whose::Others => self.row(stack.label, figures),
        }
    }
}

#[must_use]
pub fn bold(text: &str) -> String {
    format!("**{text}**")
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.rows.is_empty() {
            return writeln!(f, "Not measured in this run.");
        }
        let is_used = |column: &usize| self.rows.iter().any(|row| row.figures[*column].is_some());
        let used: Vec<_> = (0..self.columns.len()).filter(is_used).collect();

        write!(f, "|")?;
        for column in &used {
            write!(f, " | {}", self.columns[*column])?;
        }
        writeln!(f, " |\n|---|{}", "--:|".repeat(used.len()))?;
        for row in &self.rows {
            write!(f, "| {}", row.label)?;
            for column in &used {
                write!(f, " | {}", row.figures[*column].as_deref().unwrap_or("-"))?;
            }
            writeln!(f, " |")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::stack;

    fn some(figure: &str) -> Option<String> {
        Some(figure.to_owned())
    }

    #[test]
    fn what_was_not_measured_has_no_row_and_no_column() {
        let mut table = Table::new(["one", "two", "three"]);
        table.row("a", [some("1"), None, None]);
        table.row("b", [None, None, None]);
        table.row("c", [some("2"), None, some("3")]);
        let shown = "| | one | three |\n|---|--:|--:|\n| a | 1 | - |\n| c | 2 | 3 |\n";
        assert_eq!(table.to_string(), shown);
    }

    #[test]
    fn ours_are_bold() {
        let mut table = Table::new(["one"]);
        table.stack(stack("api_key_auth").unwrap(), [some("1")]);
        table.stack(stack("floor").unwrap(), [some("2")]);
        let rows =
            "| **`ApiKeyAuth`** | **1** |\n| one `HeaderMap::insert` of a shared value | 2 |\n";
        assert!(table.to_string().ends_with(rows), "{table}");
    }

    #[test]
    fn an_empty_table_says_why() {
        assert_eq!(
            Table::new(["one"]).to_string(),
            "Not measured in this run.\n"
        );
    }
}

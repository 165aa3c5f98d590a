//! What was measured, on its way from the benches to the report: a file of JSON lines for each bench.

use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value};

/// The figures of one bench, a line for each case.
#[derive(Debug)]
pub struct Figures {
    bench: &'static str,
    lines: Vec<Value>,
}

impl Figures {
    #[must_use]
    pub fn of(bench: &'static str) -> Self {
        let lines = Vec::new();
        Self { bench, lines }
    }

    /// Adds a case and its figures, by name.
    pub fn add<const N: usize>(&mut self, case: &str, figures: [(&str, f64); N]) {
        let mut line = Map::new();
        line.insert("case".to_owned(), case.into());
        for (name, figure) in figures {
            line.insert(name.to_owned(), figure.into());
        }
        self.lines.push(line.into());
    }

    /// Writes them where the report finds them.
    pub fn write(&self) {
        let lines: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        fs::create_dir_all(directory()).unwrap();
        fs::write(path(self.bench), lines).unwrap();
    }
}

/// The lines that a bench wrote last; none if it never ran.
#[must_use]
pub fn read(bench: &str) -> Vec<Value> {
    let lines = fs::read_to_string(path(bench)).unwrap_or_default();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/figures")
}

fn path(bench: &str) -> PathBuf {
    directory().join(format!("{bench}.jsonl"))
}

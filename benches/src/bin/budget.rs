//! Holds what gungraun counted to the budget and to the bars: `budget [--update] COUNTED [COUNTED_WITH_REPLAY]`, the files
//! of its JSON. `.ci/instructions` makes them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{env, fs};

use mobula_auth_benches::bars::BARS;
use mobula_auth_benches::budget::{Budget, cost_of_replay};
use mobula_auth_benches::counts::Counts;
use mobula_auth_benches::machine;

fn main() -> ExitCode {
    match failures() {
        Ok(failures) if failures.is_empty() => ExitCode::SUCCESS,
        Ok(failures) => fail(&failures),
        Err(error) => fail(&[error]),
    }
}

fn fail(failures: &[String]) -> ExitCode {
    for failure in failures {
        eprintln!("FAILS: {failure}");
    }
    ExitCode::FAILURE
}

fn failures() -> Result<Vec<String>, String> {
    let mut files: Vec<_> = env::args().skip(1).collect();
    let update = files.first().is_some_and(|argument| argument == "--update");
    if update {
        files.remove(0);
    }
    let counted = files.first().ok_or("which file of counts?")?;
    let counts = Counts::from_gungraun(&read(counted)?)?;
    counts.write("instructions");
    let mut failures: Vec<_> = BARS
        .iter()
        .filter_map(|bar| bar.broken_by(&counts))
        .collect();
    if let Some(with_replay) = files.get(1) {
        let with_replay = Counts::from_gungraun(&read(with_replay)?)?;
        with_replay.write("instructions_with_replay");
        failures.extend(cost_of_replay(&counts, &with_replay));
    }

    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instruction_budget.txt");
    let versions = machine::versions();
    if update {
        let budget = Budget::of(&counts, &versions).to_text();
        fs::write(&path, budget).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("wrote benches/instruction_budget.txt");
        return Ok(failures);
    }
    let budget = Budget::parse(&read(&path.display().to_string())?)?;
    let verdict = budget.compare(&counts);
    for fall in &verdict.falls {
        println!("cheaper: {fall}; `.ci/instructions --update` keeps it so");
    }
    let other_versions = budget.other_versions(&versions);
    if !verdict.failures.is_empty() && !other_versions.is_empty() {
        println!(
            "The budget was counted with other versions than these: {}. If the layers did not change, they are why.",
            other_versions.join(", ")
        );
    }
    failures.extend(verdict.failures);
    for (case, count) in counts.ours() {
        println!("{:52}{count:>8.1}", case.to_string());
    }
    Ok(failures)
}

fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))
}

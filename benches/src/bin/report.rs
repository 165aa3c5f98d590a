//! Writes what the benches measured last into the README, BENCHMARKING.md and the chart. `benches/run` runs them before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mobula_auth_benches::report::measured::Measured;
use mobula_auth_benches::report::{chart, tables, with_block};

const CHART: &str = "benches/instructions.svg";

fn main() -> ExitCode {
    match write(&Measured::read()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn write(measured: &Measured) -> Result<(), String> {
    if measured.counts == Default::default() {
        return Err("no instructions were counted: run .ci/instructions first".to_owned());
    }
    let description = "Instructions per request of each layer, as bars; the table has the figures";
    let costs = format!(
        "![{description}]({CHART})\n\n{}",
        tables::what_it_costs(measured)
    );
    write_blocks("README.md", &[("what it costs", costs)])?;
    write_blocks(
        "BENCHMARKING.md",
        &[
            ("machine", tables::machine(measured)),
            ("instructions", tables::instructions(measured)),
            ("bars", tables::bars(measured)),
        ],
    )?;
    write_file(CHART, &chart::svg(&measured.counts))
}

fn write_blocks(file: &str, blocks: &[(&str, String)]) -> Result<(), String> {
    let mut text = fs::read_to_string(path(file)).map_err(|error| format!("{file}: {error}"))?;
    for (name, block) in blocks {
        text = with_block(&text, name, block).map_err(|error| format!("{file}: {error}"))?;
    }
    write_file(file, &text)
}

fn write_file(file: &str, text: &str) -> Result<(), String> {
    fs::write(path(file), text).map_err(|error| format!("{file}: {error}"))?;
    println!("wrote {file}");
    Ok(())
}

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

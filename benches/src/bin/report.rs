//! Writes what the benches measured last into the README, BENCHMARKING.md and the chart. `benches/run` runs them before.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use mobula_auth_benches::report::measured::Measured;
use mobula_auth_benches::report::{
    bars, chart, cold, contention, end_to_end, instructions, latency, memory, readme, request_path,
    with_block,
};

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
    write_blocks(
        "README.md",
        &[("what it costs", readme::what_it_costs)],
        measured,
    )?;
    write_blocks(
        "BENCHMARKING.md",
        &[
            ("machine", Measured::machine),
            ("bars", bars::bars),
            ("instructions", instructions::instructions),
            ("request_path", request_path::request_path),
            ("contention", contention::contention),
            ("swap", latency::latency),
            ("cold", cold::cold),
            ("end_to_end", end_to_end::end_to_end),
            ("memory", memory::memory),
        ],
        measured,
    )?;
    write_file(readme::CHART, &chart::svg(&measured.counts))
}

type Block = fn(&Measured) -> String;

fn write_blocks(file: &str, blocks: &[(&str, Block)], measured: &Measured) -> Result<(), String> {
    let mut text = fs::read_to_string(path(file)).map_err(|error| format!("{file}: {error}"))?;
    for (name, block) in blocks {
        text = with_block(&text, name, &block(measured))
            .map_err(|error| format!("{file}: {error}"))?;
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

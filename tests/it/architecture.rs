//! The source tree keeps its own rules.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of `src`, lowest first: a module may use those of lower layers, and its own.
const LAYERS: [&[&str]; 10] = [
    &["clock", "env_proxy", "error", "secret"],
    &["request_origin"],
    &["observe", "origins"],
    &["redirects"],
    &["api_key", "api_token", "create_tokens", "http_request"],
    &["credential_rules", "token_source"],
    &["add_credential"],
    &["api_key_auth", "bearer_auth", "token_client"],
    &["per_request_auth", "auto_refreshing_token"],
    &["issuer", "middleware", "token_registry"],
];

/// Used by none of the above and using none of them, so that client and emulator cannot share one mistake.
const APART: &str = "emulator";

#[test]
fn imports_go_one_way() {
    for (file, module) in sources() {
        for used in modules_used(&fs::read_to_string(&file).unwrap()) {
            assert!(
                used == module
                    || (layer(&used) < layer(&module) && used != APART && module != APART),
                "{} uses crate::{used}, which is not below it",
                file.display()
            );
        }
    }
}

/// Time is read in `clock.rs` alone; the emulator has a clock of its own.
#[test]
fn time_is_read_in_one_place() {
    for (file, _) in sources() {
        if file.file_name().is_some_and(|name| name == "clock.rs") {
            continue;
        }
        let code = code_of(&fs::read_to_string(&file).unwrap());
        for reading in [
            "Instant::now",
            "SystemTime::now",
            "UNIX_EPOCH.elapsed",
            "thread::sleep",
        ] {
            assert!(
                !code.contains(reading),
                "{} calls {reading}",
                file.display()
            );
        }
    }
}

#[test]
fn files_stay_small() {
    for (file, _) in sources() {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text
            .lines()
            .take_while(|line| *line != "#[cfg(test)]")
            .count();
        assert!(
            lines <= 350,
            "{} has {lines} lines besides its tests",
            file.display()
        );
    }
}

fn layer(module: &str) -> usize {
    let of_layers = LAYERS.iter().position(|layer| layer.contains(&module));
    of_layers.unwrap_or_else(|| {
        assert_eq!(
            module, APART,
            "module {module} has no layer yet: add it to this test"
        );
        usize::MAX
    })
}

/// Each source file but `lib.rs`, with the top-level module that it belongs to.
fn sources() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 40, "these are not the sources");
    files.retain(|file| file != &root.join("lib.rs"));
    files
        .into_iter()
        .map(|file| {
            let first = file
                .strip_prefix(&root)
                .unwrap()
                .components()
                .next()
                .unwrap();
            let module = Path::new(first.as_os_str())
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            (file, module)
        })
        .collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn modules_used(text: &str) -> Vec<String> {
    let code = code_of(text);
    let uses = code.split("crate::").skip(1);
    uses.map(|rest| {
        rest.chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect()
    })
    .collect()
}

/// The text without its comments, and so without the links of its documentation.
fn code_of(text: &str) -> String {
    let is_code = |line: &&str| {
        !line.trim_start().starts_with("//")
            && !line.trim_start().starts_with("#[cfg_attr")
            && !line.trim_start().starts_with("doc = ")
    };
    text.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

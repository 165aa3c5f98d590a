//! What a figure was measured on.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Crates that the counts depend on: what is compared, and what a layer calls.
const CRATES: [&str; 7] = [
    "http",
    "tower-http",
    "aliri_tokens",
    "arc-swap",
    "tokio",
    "azure_core",
    "google-cloud-auth",
];

/// The compiler, valgrind, the C library and the crates: whatever a count of instructions depends on besides the code.
#[must_use]
pub fn versions() -> Vec<String> {
    let mut versions = vec![
        first_words("rustc", "--version", 2),
        first_words("valgrind", "--version", 1).replace('-', " "),
        glibc(),
    ];
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
    let lock = fs::read_to_string(lock).unwrap_or_default();
    let of_crates = CRATES.iter().filter_map(|name| locked(&lock, name));
    versions.extend(of_crates);
    versions.retain(|version| !version.is_empty());
    versions
}

/// The processor, as it calls itself, and how many cores it has here.
#[must_use]
pub fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut models = info
        .lines()
        .filter_map(|line| line.strip_prefix("model name"));
    let model = models
        .next()
        .map(|model| model.trim_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let name = model.unwrap_or("an unknown processor");
    format!("{name}, {cores} cores")
}

/// How a program names itself and its version.
fn first_words(program: &str, argument: &str, number: usize) -> String {
    let output = Command::new(program).arg(argument).output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    let output = String::from_utf8_lossy(&output);
    let words: Vec<_> = output.split_whitespace().take(number).collect();
    words.join(" ")
}

/// As in `glibc 2.36`; nothing where there is another C library.
fn glibc() -> String {
    first_words("getconf", "GNU_LIBC_VERSION", 2)
}

/// The newest version of the crate in the text of a `Cargo.lock`.
fn locked(lock: &str, name: &str) -> Option<String> {
    let (_, rest) = lock.rsplit_once(&format!("name = \"{name}\"\nversion = \""))?;
    let (version, _) = rest.split_once('"')?;
    Some(format!("{name} {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_several_versions_is_named() {
        let package =
            |name, version| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n");
        let lock =
            package("http", "0.2.12") + &package("http", "1.5.0") + &package("http-body", "1.0.1");
        assert_eq!(locked(&lock, "http").as_deref(), Some("http 1.5.0"));
        assert_eq!(locked(&lock, "tokio"), None);
    }
}

//! Runs every kept input of a fuzz target through what the target requires, without a fuzzer.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::disallowed_methods,
    reason = "the checks read the clock that they hold still"
)]
#![expect(clippy::missing_panics_doc, reason = "to panic is what a check does")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/lib.rs"]
pub mod checks;

const FUZZ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");

macro_rules! kept_inputs_of {
    ($($target:ident),*) => {
        $(
            #[test]
            fn $target() {
                run_kept_inputs(stringify!($target), checks::$target::check);
            }
        )*

        /// A target without a test, a fuzzer or an input would prove nothing, and nobody would see it.
        #[test]
        fn every_target_has_a_test_a_fuzzer_and_inputs() {
            let tested = BTreeSet::from([$(stringify!($target).to_owned()),*]);
            for place in ["corpus", "fuzz_targets"] {
                assert_eq!(names(&Path::new(FUZZ).join(place)), tested, "{place}");
            }
            let manifest = fs::read_to_string(Path::new(FUZZ).join("Cargo.toml")).unwrap();
            for target in tested {
                assert!(manifest.contains(&format!("name = \"{target}\"")), "{target}");
            }
        }
    };
}

kept_inputs_of![
    api_key,
    api_token,
    create_response,
    emulator_router,
    error_response,
    http_date,
    inspect,
    issuer_request,
    list,
    origin_guard,
    retry_after
];

fn run_kept_inputs(target: &str, check: fn(&[u8])) {
    let files = files(&Path::new(FUZZ).join("corpus").join(target));
    assert!(files.len() >= 10, "{target} has {} inputs", files.len());
    for file in files {
        let input = fs::read(&file).unwrap();
        assert!(
            catch_unwind(|| check(&input)).is_ok(),
            "{target} fails with the input {}",
            file.display()
        );
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    files(folder).into_iter().map(stem).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

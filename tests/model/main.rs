//! The refresh engine against a reference model: random commands, the same outcome at the same time.
//!
//! Covers R1 to R4, R6, R8, R9, R12, R13, R14, R17, R18, N3, N6, C9 and the promises H1, H2, H6 to H9.
//! `MOBULA_MODEL_CASES` sets the number of cases, `MOBULA_MODEL_SEED` the first one; a divergence is shrunk and
//! says how to replay it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::unchecked_time_subtraction,
    reason = "a time before its time fails the test, as it should"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read the clock that they hold still"
)]

mod checker;
mod commands;
mod driver;
mod events;
mod mistakes;
mod reference;
mod shutdown;
mod token;
mod world;

use std::cell::RefCell;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use commands::case;
use driver::{Tally, run};
use mistakes::Mistake;

const CASES: u64 = 20_000;

#[test]
fn the_engine_does_what_the_model_says() {
    let first = variable("MOBULA_MODEL_SEED").unwrap_or(1);
    let cases = variable("MOBULA_MODEL_CASES").unwrap_or(CASES);
    let mut tally = Tally::new();
    for seed in first..first + cases {
        if let Err(divergence) = diverges(seed, None, &mut tally) {
            panic!(
                "{divergence}\nreplay: MOBULA_MODEL_SEED={seed} MOBULA_MODEL_CASES=1 cargo test --test model"
            );
        }
    }
    println!("{cases} cases, no divergence: {tally:?}");
    if cases >= 1_000 {
        for what in [
            "401s",
            "calls dropped",
            "create requests",
            "errors",
            "leases",
            "refreshes",
            "revocations",
            "shutdowns",
        ] {
            assert!(
                tally[what] > cases / 50,
                "the cases get around: {what}, {tally:?}"
            );
        }
    }
}

/// A test that cannot fail proves nothing: a model with a mistake in it must part from the engine.
#[test]
fn a_model_with_a_mistake_diverges() {
    for mistake in [
        Mistake::LateRejectionDropsNewer,
        Mistake::FailureDropsToken,
        Mistake::BreakerIgnored,
        Mistake::WaitsTooLong,
        Mistake::ReplacedUnspent,
        Mistake::SourceIsQuick,
        Mistake::NoSuspects,
    ] {
        let found =
            (1..2_000).find(|seed| diverges(*seed, Some(mistake), &mut Tally::new()).is_err());
        println!("{mistake:?} is seen in case {found:?}");
        assert!(found.is_some(), "{mistake:?} is not seen");
    }
}

/// Runs the case of this seed; if it diverges, the smallest such case is told.
fn diverges(seed: u64, mistake: Option<Mistake>, tally: &mut Tally) -> Result<(), String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: 1,
        failure_persistence: None,
        max_shrink_iters: if mistake.is_some() { 0 } else { 20_000 },
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let tally = RefCell::new(tally);
    let tested = TestRunner::new_with_rng(config, rng).run(&case(), |case| {
        run(&case, mistake, &mut tally.borrow_mut()).map_err(TestCaseError::fail)
    });
    tested.map_err(|error| match error {
        TestError::Fail(why, case) => format!("{why}\nin {case:#?}"),
        TestError::Abort(why) => why.to_string(),
    })
}

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

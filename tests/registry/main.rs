//! L8, H5: a deterministic simulation of one `TokenRegistry` for 64 tenants, in a process of its own.
//!
//! A million requests, each for a tenant drawn from the seed, go through a registry whose capacity changes from more than
//! enough to far too little. The network loses, resets and delays, the service fails, and tokens are revoked under their
//! users. Whose token a request carries is judged without the registry: the token API's side notes for whose key the
//! service made which token, the data side looks there for the token that arrives.
//!
//! ```sh
//! cargo test --test registry                         # what CI runs
//! MOBULA_SIM_SEED=123 cargo test --test registry     # another seed
//! ```
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read the clock that they hold still"
)]

#[path = "../simulation/random.rs"]
#[expect(dead_code, reason = "this simulation draws less than the other")]
mod random;
mod run;
mod service;
mod world;

use std::time::Duration;

use run::{Scenario, Stage, run};

/// 64 tenants and a million requests: at first with room for all, then with too little, in the end as it began.
const STAGES: [Stage; 5] = [
    Stage::new(1_024, 320_000),
    Stage::new(48, 250_000),
    Stage::new(63, 200_000),
    Stage::new(12, 100_000),
    Stage::new(64, 150_000),
];

fn seed() -> u64 {
    std::env::var("MOBULA_SIM_SEED").map_or(1, |seed| seed.parse().expect("a number"))
}

#[test]
fn l8_no_token_crosses_between_64_tenants_in_a_million_requests() {
    let book = run(seed(), &Scenario::of(&STAGES));
    println!("{book:#?}");
    assert_eq!(book.breaches, Vec::<String>::new());
    assert!(book.arrived >= 1_000_000);
    assert_eq!(book.tenants_served, 64);
    // That this is no walk in the park.
    assert!(book.answered >= book.arrived * 9 / 10);
    for (what, count, least) in [
        ("tokens made", book.tokens, 5_000),
        ("tenants that came anew", book.came_anew, 100),
        ("lost, reset or failed", book.mishaps, 10_000),
        ("tokens revoked in use", book.revoked_in_use, 1_000),
        ("rejections", book.rejected, 300),
        ("requests over the create limit", book.rate_limited, 100),
    ] {
        assert!(count >= least, "{what}: {count}");
    }
}

const SHORT: [Stage; 2] = [Stage::new(64, 10_000), Stage::new(16, 10_000)];

/// The same for other seeds, in a moment.
#[test]
fn l8_no_token_crosses_in_a_short_run() {
    for seed in 100..103 {
        let book = run(seed, &Scenario::of(&SHORT));
        assert_eq!(book.breaches, Vec::<String>::new(), "seed {seed}");
        assert!(book.arrived >= 19_000);
    }
}

#[test]
fn a_seed_replays_exactly() {
    for seed in 1..=2 {
        let (one, other) = (
            run(seed, &Scenario::of(&SHORT)),
            run(seed, &Scenario::of(&SHORT)),
        );
        assert_eq!(one, other);
    }
}

/// The simulation has teeth: a maker that takes one tenant for another is seen.
#[test]
fn tenants_mixed_up_are_seen() {
    let mixed_up = Scenario {
        mixed_up: true,
        ..Scenario::of(&SHORT)
    };
    let book = run(1, &mixed_up);
    assert!(
        book.breaches.iter().any(|breach| breach.starts_with("L8")),
        "{book:?}"
    );
}

/// And so is a count of create requests that starts over: two registries with the same keys within a minute.
#[test]
fn a_limit_that_starts_over_is_seen() {
    let thrash = [Stage::new(1, 3_000), Stage::new(1, 3_000)];
    let no_pause = Scenario {
        pause: Duration::ZERO,
        ..Scenario::of(&thrash)
    };
    let book = run(1, &no_pause);
    assert!(
        book.breaches.iter().any(|breach| breach.starts_with("H3")),
        "{book:?}"
    );
}

//! A deterministic simulation of the refresh engine: one seed is one world is one run.
//!
//! A world is a fleet of clients, each with its own API key, token client, handle and stack, on one emulator. Between
//! them is a network that loses, delays, resets and garbles; the service refuses, throttles, revokes, deletes keys and
//! has its clock wrong; callers come in bursts of up to 10,000 a second or hardly at all, give up, restart and shut down.
//! All of it is drawn from the seed, and time is tokio's paused clock, so that days take a moment. What must hold
//! throughout is in [`promises`], asked of an oracle of its own ([`ledger`]) and of the emulator's books.
//!
//! ```sh
//! cargo test --test simulation                             # what CI runs
//! MOBULA_SIM_SEED=123 cargo test --test simulation         # one seed again, with what it breached
//! MOBULA_SIM_SEEDS=20000 cargo test --release --test simulation -- --nocapture
//! ```
//!
//! A suspend is not simulated: the crate goes by the larger of tokio's clock and the wall clock, and the wall clock cannot
//! be held from outside. The unit test in `src/clock.rs` has that. For the same reason a world must take less real time than
//! its shortest token lives until it ages; each takes a small part of that.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read the clock that they hold still"
)]

mod client;
mod herd;
mod ledger;
mod net;
mod plan;
mod promises;
mod random;
mod run;
mod scenarios;
mod source;
mod tally;
mod teeth;
mod watch;
mod weather;
mod world;

use std::env;
use std::panic;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tally::{Event, Tally};
use world::Book;

/// Some more than the 200 that were promised.
const SEEDS: u64 = 230;

fn number(variable: &str) -> Option<u64> {
    env::var(variable)
        .ok()
        .map(|value| value.parse().expect("a number"))
}

fn run(seed: u64) -> Result<Book, String> {
    match panic::catch_unwind(|| run::run(seed)) {
        Ok(book) => verdict(seed, book),
        Err(_) => Err(format!("seed {seed} panicked; {}", again(seed))),
    }
}

/// What went wrong, and how to see it again.
fn verdict(seed: u64, book: Book) -> Result<Book, String> {
    if book.breaches.is_empty() {
        return Ok(book);
    }
    let breaches = book.breaches.join("\n    ");
    Err(format!(
        "seed {seed}, {} breaches; {}\n    {breaches}",
        book.tally.breaches,
        again(seed)
    ))
}

fn again(seed: u64) -> String {
    format!("again: MOBULA_SIM_SEED={seed} cargo test --test simulation")
}

/// Runs seeds on both cores or however many there are; each world is on one thread from its start to its end.
fn run_all(seeds: std::ops::Range<u64>) -> (Tally, Vec<String>) {
    let next = AtomicU64::new(seeds.start);
    let results = Mutex::new((Tally::default(), Vec::new()));
    let slow = env::var_os("MOBULA_SIM_SLOW").is_some();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let began_at = Instant::now();
                    let result = run(seed);
                    if slow && began_at.elapsed() > Duration::from_secs(2) {
                        eprintln!("seed {seed} took {:?}", began_at.elapsed());
                    }
                    let mut results = results.lock().unwrap();
                    match result {
                        Ok(book) => results.0 += &book.tally,
                        Err(failure) => results.1.push(failure),
                    }
                }
            });
        }
    });
    results.into_inner().unwrap()
}

/// The promises, for every seed; and that the simulation is as large as it is said to be.
#[test]
fn every_promise_holds_for_every_seed() {
    if let Some(seed) = number("MOBULA_SIM_SEED") {
        match run(seed) {
            Ok(book) => println!("{}", book.tally),
            Err(failure) => panic!("{failure}"),
        }
        return;
    }
    let first = number("MOBULA_SIM_FIRST").unwrap_or(0);
    let seeds = number("MOBULA_SIM_SEEDS").unwrap_or(SEEDS);
    let began_at = Instant::now();
    let (tally, failures) = run_all(first..first + seeds);
    println!("{tally}\n  in {:.1} s", began_at.elapsed().as_secs_f64());
    assert!(
        failures.is_empty(),
        "{} seeds failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
    if seeds >= SEEDS {
        assert!(tally.seeds >= 200, "{} seeds", tally.seeds);
        assert!(
            tally.of(Event::Sent) >= 1_000_000,
            "{} requests sent",
            tally.of(Event::Sent)
        );
        assert!(tally.rotations >= 10_000, "{} rotations", tally.rotations);
    }
}

/// The same seed twice is the same run, to each event's time.
#[test]
fn a_seed_replays_exactly() {
    for seed in [3, 5, 8, 13, 21] {
        let (one, other) = (run::run(seed), run::run(seed));
        assert_eq!(one.tally, other.tally, "seed {seed}");
        assert_eq!(one.digest, other.digest, "seed {seed}");
    }
}

//! The issuer under load and under attack: more callers than tokens, and one who takes half of all requests.
//!
//! Time is tokio's paused clock, so an hour of it takes a moment; what is drawn comes from the seed. Each answer is judged
//! as it comes, by a book that knows nothing of the issuer's code.
//!
//! ```sh
//! cargo test --test issuer -- --nocapture                         # what CI runs
//! MOBULA_SIM_SEEDS=1000 cargo test --release --test issuer attack   # more seeds of the attack
//! ```
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read the clock that they hold still"
)]
#![expect(clippy::print_stdout, reason = "the figures are what some run it for")]

mod attack;
mod book;
mod crowd;
mod memory;
mod network;
#[path = "../simulation/random.rs"]
#[expect(dead_code, reason = "this simulation draws less than the other")]
mod random;
mod sockets;
mod world;

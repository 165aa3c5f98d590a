//! Every future of the public API may be dropped at every poll: nothing is lost, doubled or poisoned.
//!
//! Covers R4, R5, R8, R15, R16, R17 and the promises H7, H9.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod findings;
mod runtimes;
mod source;
mod stage;
mod sweep;
mod token_client;

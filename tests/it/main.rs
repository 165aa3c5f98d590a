//! One binary for all integration tests, so that they link once.
#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests read the clock that they hold still"
)]

mod amplification;
mod architecture;
mod canaries;
mod clients;
mod emulator;
mod environment;
mod http2;
mod issuer;
mod mission;
mod proxies;
mod quickstart;
mod redirects;
mod refresh;
mod registry;
mod secrets;
mod token_client;
mod tower_contract;
mod websocket_lease;

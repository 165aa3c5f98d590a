//! One binary for all integration tests, so that they link once.

mod clients;
mod refresh;
mod token_client;
mod tower_contract;

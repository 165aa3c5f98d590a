//! One binary for all integration tests, so that they link once.

mod architecture;
mod canaries;
mod clients;
mod environment;
mod mission;
mod quickstart;
mod refresh;
mod secrets;
mod token_client;
mod tower_contract;

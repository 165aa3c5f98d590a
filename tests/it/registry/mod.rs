//! `TokenRegistry` under tokio's paused clock.

mod create_limit;
mod eviction;
mod handles;
mod script;
mod shutdown;
mod tenants;
mod threads;

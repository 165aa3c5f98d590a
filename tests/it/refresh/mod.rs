//! `AutoRefreshingToken` under tokio's paused clock, against a scripted source and a scripted server.

mod cancellation;
mod copies;
mod events;
mod expiry;
mod failures;
mod fallback;
mod lease;
mod origins;
mod rejection;
mod request_budget;
mod runtimes;
mod script;
mod shutdown;
mod single_flight;
mod warm;

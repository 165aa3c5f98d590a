//! What each fuzz target requires of the crate, through its public API alone.
//!
//! A target is a module with a `check` that takes any bytes and panics where a promise is broken. libFuzzer calls it from
//! `fuzz_targets`, and `tests/fuzz.rs` includes these modules to run the kept inputs. Inputs are text, as far as they
//! go, so that they can be read and written by hand.

pub mod api_key;
pub mod api_token;
mod calendar;
mod canary;
pub mod create_response;
pub mod emulator_router;
mod emulator_switches;
pub mod error_response;
mod error_rules;
pub mod http_date;
mod infos;
pub mod inspect;
mod issuer_answers;
mod issuer_books;
mod issuer_mint;
mod issuer_oracle;
pub mod issuer_request;
mod issuer_sessions;
mod issuer_wire;
pub mod list;
pub mod origin_guard;
pub mod retry_after;
mod runtime;
mod scripted;
mod split_once;
mod wire_view;

//! What an issuer is set to.

use std::time::Duration;

use super::allowed_origins::AllowedOrigins;
use crate::create_tokens::CreateTokens;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The kind of token of a grant that says nothing of it.
    pub(super) size: CreateTokens,
    pub(super) allowed_origins: AllowedOrigins,
    pub(super) capacity: usize,
    pub(super) max_kinds: usize,
    pub(super) max_wait: Duration,
    pub(super) max_waiting: usize,
    pub(super) max_waiting_of_subject: usize,
    pub(super) max_live: usize,
    pub(super) jitter_seed: Option<u64>,
}

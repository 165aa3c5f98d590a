//! What a handle was built with.

use std::time::Duration;

use super::cost::Cost;
use super::policy::RefreshPolicy;
use crate::api_key::ApiKey;
use crate::create_tokens::CreateTokens;
use crate::credential_rules::CredentialRules;

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) create: CreateTokens,
    pub(super) policy: RefreshPolicy,
    pub(super) rules: CredentialRules,
    pub(super) strict_origins: bool,
    pub(super) max_wait: Duration,
    pub(super) max_waiting: usize,
    pub(super) revoke_replaced_after: Option<Duration>,
    pub(super) shutdown_within: Duration,
    pub(super) cost: Cost,
    pub(super) fallback: Option<ApiKey>,
    pub(super) jitter_seed: Option<u64>,
}

//! Tokens made of the answer to a create request.

use std::time::SystemTime;

use super::jwt_claims::JwtClaims;
use super::lifetime::LifetimeClues;
use super::wire::Entry;
use crate::api_token::ApiToken;
use crate::create_tokens::CreateTokens;

/// The usable tokens among those of an answer, each once, at most as many as were asked for.
pub(super) fn created_tokens(
    entries: Vec<Entry>,
    request: CreateTokens,
    server_date: Option<SystemTime>,
    asked_at: SystemTime,
) -> Vec<ApiToken> {
    let count = usize::try_from(request.get_count()).unwrap_or(usize::MAX);
    let mut tokens: Vec<ApiToken> = Vec::with_capacity(count);
    for entry in entries {
        let Some(token) = created_token(entry, request, server_date, asked_at) else {
            continue;
        };
        let is_new = |known: &ApiToken| known.expose_secret() != token.expose_secret();
        if tokens.iter().all(is_new) {
            tokens.push(token);
        }
        if tokens.len() == count {
            break;
        }
    }
    tokens
}

fn created_token(
    entry: Entry,
    request: CreateTokens,
    server_date: Option<SystemTime>,
    asked_at: SystemTime,
) -> Option<ApiToken> {
    let token = ApiToken::new(entry.token?.as_str()).ok()?;
    let clues = LifetimeClues {
        asked: request.get_lifetime(),
        expires_at: entry.expires_at,
        claims: JwtClaims::of(token.expose_secret()),
        server_date,
        asked_at,
    };
    let told_limit = [entry.request_limit, entry.remaining]
        .into_iter()
        .flatten()
        .min();
    let request_limit = told_limit.unwrap_or_else(|| request.get_request_limit());
    if request_limit == 0 {
        return None;
    }
    let mut token = token
        .with_lifetime(clues.lifetime()?)
        .with_request_limit(request_limit);
    if let Some(expires_at) = clues.expires_at() {
        token = token.with_expires_at(expires_at);
    }
    if let Some(id) = entry.id {
        token = token.with_id(id);
    }
    Some(token)
}

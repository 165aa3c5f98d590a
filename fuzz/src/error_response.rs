//! V3, V11, N3, N10: what an error says, whatever the server or the connection said.
//!
//! A word of the first line names the call: `list`, `inspect`, `revoke`, else it is a create request. `id=TEXT` is what to revoke.

use std::sync::Arc;

use mobula_auth::{CreateTokens, Error};

use super::canary::{self, KEY, TOKEN};
use super::error_rules;
use super::runtime::block_on;
use super::scripted::{Script, Server, call};

/// Takes an answer.
pub fn check(input: &[u8]) {
    let script = Arc::new(Script::parse(input));
    let (outcome, _) = block_on(call(&script, async |client| ask(client, &script).await));
    if let Err(error) = outcome {
        if script.says("inspect") && !script.says("list") {
            error_rules::check(&error, &[KEY, TOKEN]);
        } else {
            error_rules::check(&error, &[KEY]);
        }
        if error.is_invalid_configuration() {
            assert!(error.status().is_none(), "it was not sent");
        } else if script.says("hang") || script.says("refuse") {
            assert!(error.is_transient() && error.status().is_none());
        } else if !script.status.is_success() {
            // N3: the head is an answer, whatever becomes of the body.
            assert_eq!(error.status(), Some(script.status));
            assert!(is_of_its_status(&error), "{error:?}");
        } else {
            assert!(error.is_transient());
        }
    } else {
        assert!(script.status.is_success());
    }
}

async fn ask(client: &mobula_auth::TokenClient<Server>, script: &Script) -> Result<(), Error> {
    if script.says("list") {
        client.list().await.map(drop)
    } else if script.says("inspect") {
        client.inspect(&canary::token()).await.map(drop)
    } else if script.says("revoke") {
        client.revoke(script.text("id").unwrap_or("4711")).await
    } else {
        client.create(CreateTokens::default()).await.map(drop)
    }
}

fn is_of_its_status(error: &Error) -> bool {
    match error.status().map_or(0, |status| status.as_u16()) {
        401 => error.is_rejected(),
        403 => error.is_plan_required(),
        404 => error.is_not_found(),
        429 => error.is_rate_limited(),
        408 => error.is_transient(),
        400..=499 => {
            let remedies = [
                error.is_rejected(),
                error.is_plan_required(),
                error.is_not_found(),
                error.is_rate_limited(),
                error.is_transient(),
            ];
            !remedies.contains(&true)
        }
        _ => error.is_transient(),
    }
}

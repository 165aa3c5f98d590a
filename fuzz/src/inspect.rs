//! N6, V3, V8: whatever answers the question about one token, whose text is in the URL.

use std::slice;
use std::sync::Arc;

use super::canary::{self, KEY, TOKEN};
use super::runtime::block_on;
use super::scripted::{Script, call};
use super::{error_rules, infos};

/// Takes an answer.
pub fn check(input: &[u8]) {
    let script = Arc::new(Script::parse(input));
    let token = canary::token();
    let (outcome, _) = block_on(call(&script, async |client| client.inspect(&token).await));
    match outcome {
        Ok(info) => infos::check(slice::from_ref(&info), &script),
        Err(error) => {
            error_rules::check(&error, &[KEY, TOKEN]);
            // A cause may quote the URL in any form.
            assert!(std::error::Error::source(&error).is_none());
        }
    }
}

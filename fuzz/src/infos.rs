//! What holds for a list of tokens, and for the answer about one.

use mobula_auth::TokenInfo;

use super::canary::TOKEN;
use super::scripted::Script;

/// V8: ids that the answer names, and no token.
pub(crate) fn check(infos: &[TokenInfo], script: &Script) {
    assert!(script.status.is_success() && script.may_be_json() && script.is_whole());
    let texts = script.texts();
    for info in infos {
        assert!(!info.id().is_empty());
        assert!(
            texts.iter().any(|text| text == info.id()),
            "the answer names no such id"
        );
        assert!(info.id().contains(TOKEN) || !format!("{info:?}").contains(TOKEN));
    }
}

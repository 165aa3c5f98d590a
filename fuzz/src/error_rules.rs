//! What holds for every error of the token client.

use std::error::Error as StdError;
use std::iter;
use std::time::Duration;

use mobula_auth::Error;

use super::canary;

/// Of a server's words, or of a cause.
const MAX_WORDS: usize = 256;
/// Of our own words before them.
const MAX_CLAUSE: usize = 160;

/// V3, V11, N5: it shows none of the secrets that its call holds, forges no line, has an end, and tells of no odd wait.
pub(crate) fn check(error: &Error, secrets: &[&str]) {
    assert!(kinds(error) <= 1, "{error:?}");
    let causes = iter::successors(Some(error as &dyn StdError), |&error| error.source());
    for (depth, cause) in causes.enumerate() {
        let text = cause.to_string();
        let own = if depth == 0 { MAX_CLAUSE } else { 0 };
        assert!(
            text.len() <= own + MAX_WORDS,
            "{} bytes: {text}",
            text.len()
        );
        assert!(!text.contains(char::is_control), "{text:?}");
        canary::assert_absent(secrets, &text);
        assert!(depth < 2, "a cause is told in one line");
        assert!(
            depth == 0 || !text.contains("://"),
            "a URL may hold anything: {text}"
        );
    }
    canary::assert_absent(secrets, &format!("{error:?}"));
    if let Some(wait) = error.retry_after() {
        let bounds = Duration::from_secs(1)..=Duration::from_secs(600);
        assert!(bounds.contains(&wait), "{wait:?}");
        assert!(error.is_rate_limited() || error.is_transient());
    }
}

/// None for a request that was refused for a reason of its own.
fn kinds(error: &Error) -> usize {
    [
        error.is_invalid_credential(),
        error.is_invalid_configuration(),
        error.is_rejected(),
        error.is_plan_required(),
        error.is_rate_limited(),
        error.is_not_found(),
        error.is_transient(),
        error.is_forbidden_origin(),
        error.is_shut_down(),
    ]
    .into_iter()
    .filter(|&is| is)
    .count()
}

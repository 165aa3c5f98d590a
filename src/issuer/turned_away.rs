//! What callers are told who get no token although they may have one.

use std::time::Duration;

use http::StatusCode;

use super::refusal::Refusal;
use crate::error::{Error, Kind};

pub(super) fn shut_down() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "shut_down",
        "no more tokens are issued here",
    )
}

pub(super) fn over_capacity(wait: Duration) -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "over_capacity",
        "more tokens are asked for than can be made at the moment",
    )
    .after(wait)
}

/// What a caller is told of an error of the source: what it means to them.
pub(super) fn refusal_of(error: &Error, wait: Duration) -> Refusal {
    let refusal = match error.kind() {
        Kind::RateLimited => over_capacity(wait),
        Kind::Transient => Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "upstream_unavailable",
            "the service that makes tokens does not answer as it should",
        ),
        _ => Refusal::new(
            StatusCode::BAD_GATEWAY,
            "upstream_refused",
            "the service that makes tokens refuses to make them for this issuer",
        ),
    };
    refusal.after(wait).because_of(error.clone())
}

pub(super) fn revoked_meanwhile() -> Refusal {
    Refusal {
        code: "revoked",
        ..Refusal::unauthenticated()
    }
    .message("your tokens were revoked while you waited for one")
}

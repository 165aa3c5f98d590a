//! What callers are told who get no token although they may have one.

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::desk::{Desk, State};
use super::refusal::Refusal;
use crate::clock;
use crate::error::{Error, Kind};

impl Desk {
    /// What those are told who wait when no more tokens may be out.
    pub(super) fn no_room(&self) -> Refusal {
        let per_minute = self.tokens_per_minute();
        let now = clock::now().monotonic;
        self.lock().no_room(per_minute, now)
    }
}

impl State {
    /// No more tokens may be out until one of them ends.
    pub(super) fn no_room(&mut self, per_minute: u32, now: Instant) -> Refusal {
        let end = self.issued.next_end().unwrap_or(now);
        let until = end.saturating_duration_since(now);
        over_capacity(self.appointment_after(until, per_minute, now))
    }
}

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

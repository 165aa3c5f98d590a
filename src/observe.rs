//! Everything that is told to the outside while it happens; silent without feature `tracing`. No secrets, no URLs.

use crate::origins::RequestOrigin;

pub(crate) fn credential_withheld(origin: RequestOrigin<'_>) {
    #[cfg(feature = "tracing")]
    match origin {
        RequestOrigin::Known { https, host, port } => tracing::warn!(
            https,
            host,
            port,
            "request sent without a credential: its origin is not allowed to have one"
        ),
        RequestOrigin::Absent => {
            tracing::warn!(
                "request sent without a credential: it names no origin, and none was pinned"
            );
        }
        RequestOrigin::Unclear => {
            tracing::warn!("request sent without a credential: its origin is unclear");
        }
    }
    #[cfg(not(feature = "tracing"))]
    let _ = origin;
}

#[cfg(feature = "refresh")]
pub(crate) use refresh::*;

#[cfg(feature = "refresh")]
#[cfg_attr(
    not(feature = "tracing"),
    expect(unused_variables, reason = "nobody listens")
)]
mod refresh {
    use std::time::Duration;

    use crate::error::Error;

    pub(crate) fn refresh_started() {
        #[cfg(feature = "tracing")]
        tracing::debug!("asking for new tokens");
    }

    pub(crate) fn refresh_succeeded(generation: u64, expires_in: Duration, standby: usize) {
        #[cfg(feature = "tracing")]
        tracing::info!(generation, ?expires_in, standby, "new token in use");
    }

    pub(crate) fn refresh_failed(error: &Error, next_attempt_in: Duration) {
        #[cfg(feature = "tracing")]
        tracing::warn!(
            error = error as &dyn std::error::Error,
            ?next_attempt_in,
            "no new token"
        );
    }

    pub(crate) fn standby_promoted(generation: u64, standby: usize) {
        #[cfg(feature = "tracing")]
        tracing::info!(generation, standby, "standby token in use");
    }

    pub(crate) fn token_rejected(generation: u64) {
        #[cfg(feature = "tracing")]
        tracing::warn!(generation, "token rejected by the server");
    }

    pub(crate) fn token_revoked(error: Option<&Error>) {
        #[cfg(feature = "tracing")]
        match error {
            None => tracing::debug!("replaced token revoked"),
            Some(error) => {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "token left to expire: it could not be revoked"
                );
            }
        }
    }

    pub(crate) fn shut_down(revoked: usize, left: usize) {
        #[cfg(feature = "tracing")]
        tracing::info!(revoked, left, "shut down");
    }
}

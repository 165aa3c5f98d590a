//! What an event is to the `tracing` and `metrics` crates; nothing without those features.

use super::audit::IssuerEvent;

pub(super) fn report(event: &IssuerEvent) {
    #[cfg(feature = "tracing")]
    trace(event);
    #[cfg(feature = "metrics")]
    measure(event);
    #[cfg(not(any(feature = "tracing", feature = "metrics")))]
    let _ = event;
}

/// Subjects and ids are formatted with `Debug`, which escapes what would break a line (V11).
#[cfg(feature = "tracing")]
fn trace(event: &IssuerEvent) {
    use std::error::Error;

    use tracing::{debug, info, warn};

    match event {
        IssuerEvent::Issued {
            subject,
            id,
            expires_in,
        } => info!(?subject, ?id, ?expires_in, "token issued"),
        IssuerEvent::Refused {
            subject,
            status,
            code,
            cause,
        } => {
            let status = status.as_u16();
            if let Some(cause) = cause {
                let error = cause as &dyn Error;
                warn!(?subject, status, code, error, "no token issued");
            } else {
                info!(?subject, status, code, "no token issued");
            }
        }
        IssuerEvent::Revoked {
            subject,
            id,
            error: None,
        } => info!(?subject, ?id, "issued token revoked"),
        IssuerEvent::Revoked {
            subject,
            id,
            error: Some(error),
        } => {
            warn!(
                ?subject,
                ?id,
                error = error as &dyn Error,
                "issued token could not be revoked"
            );
        }
        IssuerEvent::Stocked { tokens } => debug!(tokens, "tokens created to be issued"),
        IssuerEvent::StockingFailed {
            error,
            next_attempt_in,
        } => {
            warn!(
                error = error as &dyn Error,
                ?next_attempt_in,
                "no tokens created to be issued"
            );
        }
        IssuerEvent::Missed { .. } => {}
    }
}

/// Labels come from closed sets alone (V9).
#[cfg(feature = "metrics")]
fn measure(event: &IssuerEvent) {
    use metrics::counter;

    match event {
        IssuerEvent::Issued { .. } => {
            counter!("mobula_auth_issuer_answers_total", "outcome" => "issued").increment(1);
        }
        IssuerEvent::Refused { code, .. } => {
            counter!("mobula_auth_issuer_answers_total", "outcome" => *code).increment(1);
        }
        IssuerEvent::Revoked { error, .. } => {
            let outcome = if error.is_none() { "revoked" } else { "left" };
            counter!("mobula_auth_issuer_revoked_total", "outcome" => outcome).increment(1);
        }
        IssuerEvent::Stocked { tokens } => {
            let tokens = u64::try_from(*tokens).unwrap_or(u64::MAX);
            counter!("mobula_auth_issuer_created_total").increment(tokens);
        }
        IssuerEvent::StockingFailed { error, .. } => {
            counter!("mobula_auth_issuer_failed_total", "outcome" => error.outcome()).increment(1);
        }
        IssuerEvent::Missed { .. } => {}
    }
}

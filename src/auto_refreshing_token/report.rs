//! What an event is to the `tracing` and `metrics` crates; nothing without those features.

use super::event::Event;

pub(super) fn report(event: &Event) {
    #[cfg(feature = "tracing")]
    trace(event);
    #[cfg(feature = "metrics")]
    measure(event);
    #[cfg(not(any(feature = "tracing", feature = "metrics")))]
    let _ = event;
}

#[cfg(feature = "tracing")]
fn trace(event: &Event) {
    use std::error::Error;

    use tracing::{debug, info, warn};

    match event {
        Event::RefreshStarted => debug!("asking for new tokens"),
        Event::Refreshed {
            generation,
            expires_in,
            standby,
        } => {
            info!(generation, ?expires_in, standby, "new token in use");
        }
        Event::RefreshFailed {
            error,
            next_attempt_in,
        } => {
            warn!(
                error = error as &dyn Error,
                ?next_attempt_in,
                "no new token"
            );
        }
        Event::StandbyPromoted {
            generation,
            standby,
        } => info!(generation, standby, "standby token in use"),
        Event::Rejected { generation } => warn!(generation, "token rejected by the server"),
        Event::Revoked { error: None } => debug!("replaced token revoked"),
        Event::Revoked { error: Some(error) } => {
            warn!(
                error = error as &dyn Error,
                "token left to expire: it could not be revoked"
            );
        }
        Event::FellBackToApiKey => warn!("requests are sent with the API key for want of a token"),
        Event::ShutDown { revoked, left } => info!(revoked, left, "shut down"),
    }
}

/// Labels come from closed sets alone (V9). The gauges are of the handle that was refreshed last.
#[cfg(feature = "metrics")]
fn measure(event: &Event) {
    use metrics::{counter, gauge};

    match event {
        Event::RefreshStarted => {}
        Event::Refreshed {
            expires_in,
            standby,
            ..
        } => {
            counter!("mobula_auth_token_refresh_total", "outcome" => "created").increment(1);
            gauge!("mobula_auth_token_expires_in_seconds").set(expires_in.as_secs_f64());
            gauge!("mobula_auth_token_standby").set(u32::try_from(*standby).unwrap_or(u32::MAX));
        }
        Event::RefreshFailed { error, .. } => {
            counter!("mobula_auth_token_refresh_total", "outcome" => error.outcome()).increment(1);
        }
        Event::StandbyPromoted { standby, .. } => {
            counter!("mobula_auth_standby_promoted_total").increment(1);
            gauge!("mobula_auth_token_standby").set(u32::try_from(*standby).unwrap_or(u32::MAX));
        }
        Event::Rejected { .. } => counter!("mobula_auth_token_rejected_total").increment(1),
        Event::Revoked { error } => {
            let outcome = if error.is_none() { "revoked" } else { "left" };
            counter!("mobula_auth_token_revoked_total", "outcome" => outcome).increment(1);
        }
        Event::FellBackToApiKey => counter!("mobula_auth_fallback_total").increment(1),
        Event::ShutDown { .. } => counter!("mobula_auth_shutdown_total").increment(1),
    }
}

//! The promises, each an assertion of its own name over plain facts, so that each can be shown to fail.

use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use mobula_auth::emulator::ViolationKind;

use super::ledger::{Grant, Ledger};
use super::weather::{At, SECOND};

pub(crate) type Verdict = Result<(), String>;

/// The engine never sends a token in its last 3 seconds (a sixth of the shortest life is longer), so what is under way
/// for less than that cannot expire there.
const MARGIN: Duration = Duration::from_secs(3);

/// tokio's timers go by whole milliseconds, rounded up; a wait that a change interrupts is rounded once more.
const TIMER: Duration = Duration::from_millis(5);

/// Asked where a request failed, or was refused, for want of a token.
pub(crate) fn h1_no_request_fails_while_a_usable_token_exists(
    ledger: &Ledger,
    now: At,
    how: &str,
) -> Verdict {
    ledger.usable(now).map_or(Ok(()), |grant| {
        Err(format!(
            "H1: a request failed ({how}) though there was {grant:?}"
        ))
    })
}

/// Asked of each violation that the service saw.
pub(crate) fn h2_no_expired_or_spent_token_arrives(
    violation: ViolationKind,
    under_way: Duration,
) -> Verdict {
    match violation {
        ViolationKind::ExpiredToken if under_way >= MARGIN => Ok(()),
        ViolationKind::ExpiredToken => Err(format!(
            "H2: an expired token arrived after {under_way:?} under way"
        )),
        ViolationKind::OverLimitToken => Err("H2: a spent token arrived".into()),
        other => Err(format!("the service saw {other:?}")),
    }
}

/// Asked at each send.
pub(crate) fn h2_no_spent_token_is_sent(grant: &Grant) -> Verdict {
    if grant.sends <= grant.limit {
        return Ok(());
    }
    Err(format!("H2: sent more often than its limit: {grant:?}"))
}

/// Asked at each send.
pub(crate) fn h2_no_token_is_sent_in_its_last_moments(grant: &Grant, now: At) -> Verdict {
    if now.saturating_sub(grant.asked_at) < grant.hard_age() {
        return Ok(());
    }
    Err(format!(
        "H2: sent in its last moments, at {now:?}: {grant:?}"
    ))
}

/// Asked at each arrival of a create request, the newest last.
pub(crate) fn h3_never_more_creates_than_the_limit_in_any_60_seconds(
    arrivals: &[At],
    limit: u32,
) -> Verdict {
    let Some(newest) = arrivals.last() else {
        return Ok(());
    };
    let within = arrivals
        .iter()
        .rev()
        .take_while(|at| **at + 60 * SECOND > *newest)
        .count();
    if within <= limit as usize {
        return Ok(());
    }
    Err(format!(
        "H3: {within} create requests in 60 s, and {limit} are allowed, at {newest:?}"
    ))
}

/// Asked at each create request: R10, `Retry-After` holds for the key, through restarts too.
pub(crate) fn h3_no_create_before_the_service_allows_it(now: At, paused_until: At) -> Verdict {
    if now >= paused_until {
        return Ok(());
    }
    Err(format!(
        "H3: a create request at {now:?}, and the service allows none before {paused_until:?}"
    ))
}

/// Asked at each request that leaves.
pub(crate) fn h4_no_credential_reaches_a_foreign_origin(
    headers: &HeaderMap,
    foreign: bool,
) -> Verdict {
    let credentials =
        headers.get_all(AUTHORIZATION).iter().count() + headers.get_all("x-api-key").iter().count();
    match (foreign, credentials) {
        (true, 0) | (false, 1) => Ok(()),
        (true, _) => Err("H4: a credential left for a foreign origin".into()),
        (false, _) => Err(format!("H4: {credentials} credentials on one request")),
    }
}

/// Asked at each send: the place of the token among those of this handle.
pub(crate) fn h5_no_token_of_anybody_else_is_sent(place: Option<usize>) -> Result<usize, String> {
    place.ok_or_else(|| "H5: a token was sent that this handle was never given".into())
}

/// Asked at each send, of the order in which tokens came; and of `status().generation()`.
pub(crate) fn h6_generations_never_go_back(before: u64, after: u64) -> Verdict {
    if before <= after {
        return Ok(());
    }
    Err(format!("H6: generation {after} after {before}"))
}

/// What `status()` says of the token in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InUse {
    pub(crate) generation: u64,
    pub(crate) has_token: bool,
}

/// Asked where a 401 came for a token that was not the newest one: before and after the engine saw it.
pub(crate) fn h6_a_late_401_never_drops_a_newer_token(before: InUse, after: InUse) -> Verdict {
    if before == after {
        return Ok(());
    }
    Err(format!("H6: a late 401 changed {before:?} to {after:?}"))
}

/// Asked at the end of each wait, with a token or without.
pub(crate) fn h7_every_waiter_ends_by_its_deadline(
    waited: Duration,
    max_wait: Duration,
) -> Verdict {
    if waited <= max_wait + TIMER {
        return Ok(());
    }
    Err(format!(
        "H7: waited {waited:?}, and {max_wait:?} is the most"
    ))
}

/// Asked at each send: how often this request was sent by now, and what came of the time before.
pub(crate) fn h8_at_most_one_replay_and_only_of_a_rejected_request(
    sends: u32,
    answer_before: Option<u16>,
) -> Verdict {
    match (sends, answer_before) {
        (1, _) | (2, Some(401 | 429)) => Ok(()),
        _ => Err(format!(
            "H8: sent {sends} times, and {answer_before:?} came the time before"
        )),
    }
}

/// Asked of the first request that is served after the last fault. `allowance`: what `Retry-After` and the limit of
/// create requests still asked for when that was over.
pub(crate) fn h9_a_token_serves_soon_after_the_last_fault(
    took: Duration,
    allowance: Duration,
) -> Verdict {
    if took <= 60 * SECOND + allowance {
        return Ok(());
    }
    Err(format!(
        "H9: served only {took:?} after the last fault, with an allowance of {allowance:?}"
    ))
}

/// Asked when a shutdown on a good network is over and what was under way has come in.
pub(crate) fn a_shutdown_leaves_no_live_token(live: usize) -> Verdict {
    if live == 0 {
        return Ok(());
    }
    Err(format!("{live} tokens are live after a shutdown"))
}

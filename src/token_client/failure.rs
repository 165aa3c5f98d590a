//! What a call that failed is called.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;

use super::exchange::{Answer, Broken};
use super::redact::Redactor;
use super::retry_after::retry_after;
use super::wire::{Call, server_message};
use crate::clock;
use crate::error::{Error, Kind};

/// An error for a request without an answer, or an answer without its body.
pub(super) fn broken(
    broken: &Broken,
    call: Call<'_>,
    redactor: &Redactor,
    deadline: Duration,
) -> Error {
    match broken {
        Broken::TooSlow => transient(format!(
            "Mobula's token API did not answer in full within {deadline:?}"
        )),
        Broken::TooLarge => transient("the answer of Mobula's token API is larger than 256 KiB"),
        Broken::Transport(cause) => {
            let error =
                transient("Mobula's token API is out of reach, or the connection to it broke");
            match call {
                // Its URL holds the token, and a cause may quote it in any form.
                Call::Inspect(_) => error,
                _ => error.with_source(redactor.clean_error(&**cause)),
            }
        }
    }
}

/// An error for a 2xx answer that makes no sense. Its body is not quoted: it may hold tokens.
pub(super) fn unusable(status: StatusCode, why: &'static str) -> Error {
    transient(format!(
        "the answer of Mobula's token API cannot be used ({}): {why}",
        status.as_u16()
    ))
    .with_status(status)
}

/// An error for an answer that is not 2xx, with the server's own words.
pub(super) fn refused(answer: &Answer, call: Call<'_>, redactor: &Redactor) -> Error {
    let status = answer.status;
    let (kind, clause) = kind_and_clause(status, call);
    let words = match &answer.body {
        Ok(body) => redactor.clean(&server_message(body)),
        Err(_) => String::new(),
    };
    let mut message = format!("{clause} ({})", status.as_u16());
    if !words.is_empty() {
        message.push_str(": ");
        message.push_str(&words);
    }
    let retry_after = retry_after(&answer.headers, clock::now().wall());
    let error = Error::new(kind, message).with_status(status);
    match kind {
        Kind::RateLimited | Kind::Transient => error.with_retry_after(retry_after),
        _ => error,
    }
}

fn kind_and_clause(status: StatusCode, call: Call<'_>) -> (Kind, &'static str) {
    match status.as_u16() {
        300..=399 => (
            Kind::Transient,
            "Mobula's token API answered with a redirect, which is never followed",
        ),
        401 => (Kind::Rejected, "Mobula does not accept the API key"),
        403 => (
            Kind::PlanRequired,
            "Mobula does not let this API key use short-lived tokens: they need the Startup, Growth or Enterprise plan",
        ),
        404 => match call {
            Call::Inspect(_) | Call::Revoke(_) => (Kind::NotFound, "Mobula knows no such token"),
            Call::Create(_) | Call::List => {
                (Kind::NotFound, "there is no token API at this base URL")
            }
        },
        // RFC 9110, section 15.5.9: the same request may be sent again.
        408 => (
            Kind::Transient,
            "Mobula's token API gave up waiting for the request",
        ),
        429 => (
            Kind::RateLimited,
            "Mobula's token API allows no more requests for now",
        ),
        400..=499 => (Kind::Refused, "Mobula's token API refused the request"),
        500..=599 => (Kind::Transient, "Mobula's token API is in trouble"),
        _ => (
            Kind::Transient,
            "Mobula's token API answered with an odd status",
        ),
    }
}

fn transient(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Kind::Transient, message)
}

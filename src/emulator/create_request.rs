//! Reads the body of a create request.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// What a create request asks for, with the defaults filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CreateRequest {
    pub(super) lifetime: Duration,
    pub(super) count: u64,
    pub(super) request_limit: u64,
}

impl CreateRequest {
    /// Checks every bound of docs.mobula.io/rest-api-reference/endpoint/auth-tokens; unknown fields are tolerated.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let body: Value = serde_json::from_slice(body).map_err(|_| {
            Refusal::from_parser(
                StatusCode::BAD_REQUEST,
                "FST_ERR_CTP_INVALID_JSON_BODY",
                "Body is not valid JSON but content-type is set to 'application/json'",
            )
        })?;
        let Value::Object(fields) = body else {
            return Err(Refusal::invalid("body must be object"));
        };
        let lifetime = integer(&fields, "expiresIn", 60_000, 86_400_000)?;
        let count = integer(&fields, "count", 1, 25)?;
        let request_limit = request_limit(&fields)?;
        if lifetime.is_none() && count.is_none() && request_limit.is_none() {
            return Err(Refusal::invalid(
                "body must have at least one of 'expiresIn', 'count', 'requestLimit'",
            ));
        }
        Ok(Self {
            lifetime: Duration::from_millis(lifetime.unwrap_or(3_600_000)),
            count: count.unwrap_or(1),
            request_limit: request_limit.unwrap_or(5_000),
        })
    }
}

fn integer(
    fields: &Map<String, Value>,
    name: &str,
    min: u64,
    max: u64,
) -> Result<Option<u64>, Refusal> {
    let Some(value) = fields.get(name) else {
        return Ok(None);
    };
    match whole(value) {
        Some(value) if (min..=max).contains(&value) => Ok(Some(value)),
        _ => Err(Refusal::invalid(format!(
            "body/{name} must be an integer from {min} to {max}"
        ))),
    }
}

/// A string is documented; Mobula's own web app sends a number.
fn request_limit(fields: &Map<String, Value>) -> Result<Option<u64>, Refusal> {
    let Some(value) = fields.get("requestLimit") else {
        return Ok(None);
    };
    let limit = match value {
        Value::String(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok()
        }
        value => whole(value),
    };
    match limit {
        Some(limit) if (1..=1_000_000).contains(&limit) => Ok(Some(limit)),
        _ => Err(Refusal::invalid(
            "body/requestLimit must be a string of an integer from 1 to 1000000",
        )),
    }
}

/// JSON has one number type: `60000.0` is the same integer as `60000`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "guarded: no fraction, not negative, and far below 2^53"
)]
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && (0.0..=1e9).contains(&number)).then_some(number as u64)
    })
}

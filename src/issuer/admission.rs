//! What a request must be before anything is done for it.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use bytes::Buf;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{Method, StatusCode};
use http_body::Body;
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::allowed_origins::AllowedOrigins;
use super::refusal::Refusal;

/// U10: far more than any caller has to say.
const MAX_BODY: usize = 4 * 1024;

/// A body of that size that takes longer is not on its way.
const BODY_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Issue,
    Revoke,
}

/// Looks at the head alone. What a form or a page of another site can make a browser send stops here, before anybody asks
/// whose cookies are on it.
///
/// A form sends one of three content types, and none of them is JSON; a script that sends JSON, or DELETE, to another origin
/// is asked for by a preflight first, which only a CORS layer around the issuer can allow (Fetch standard, "CORS-safelisted
/// request-header"; OWASP, Cross-Site Request Forgery Prevention). A request with neither body nor content type needs no
/// preflight, so its origin is looked at as well.
pub(super) fn admit(head: &Parts, allowed: &AllowedOrigins) -> Result<Action, Refusal> {
    let action = match head.method {
        Method::POST => Action::Issue,
        Method::DELETE => Action::Revoke,
        _ => {
            return Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "POST asks for a token, DELETE gives it back",
            ));
        }
    };
    allowed.check(&head.headers, &head.uri)?;
    let mut types = head.headers.get_all(CONTENT_TYPE).into_iter();
    match (types.next(), types.next()) {
        (None, _) => {}
        (Some(content_type), None) if is_json(content_type.as_bytes()) => {}
        _ => return Err(unsupported()),
    }
    if head.headers.contains_key(CONTENT_ENCODING) {
        return Err(unsupported());
    }
    let announced = head.headers.get(CONTENT_LENGTH);
    match announced.map(|length| length.to_str().map(str::parse::<usize>)) {
        Some(Ok(Ok(length))) if length > MAX_BODY => Err(too_large()),
        None | Some(Ok(Ok(_))) => Ok(action),
        // Digits that are too many are a length too.
        Some(Ok(Err(error))) if *error.kind() == std::num::IntErrorKind::PosOverflow => {
            Err(too_large())
        }
        Some(_) => Err(bad_request("the content length is not a number")),
    }
}

/// Reads a body: nothing, or a JSON object, which is the only thing that a request with a body may hold.
pub(super) async fn read_object<B>(
    head_is_json: bool,
    body: B,
) -> Result<Map<String, Value>, Refusal>
where
    B: Body,
{
    let bytes = timeout(BODY_WITHIN, read(body)).await.map_err(|_| {
        Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "the request's body did not come in time",
        )
    })??;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    if !head_is_json {
        return Err(unsupported());
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(bad_request("the body is not a JSON object")),
    }
}

/// The token that a DELETE is about; `None` for all of the caller's.
pub(super) fn id_to_revoke(mut members: Map<String, Value>) -> Result<Option<String>, Refusal> {
    match members.remove("id") {
        None => Ok(None),
        Some(Value::String(id)) if !id.is_empty() => Ok(Some(id)),
        Some(_) => Err(bad_request("the id of a token is a text")),
    }
}

async fn read<B: Body>(body: B) -> Result<Vec<u8>, Refusal> {
    let mut body = pin!(body);
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_large());
    }
    let mut whole = Vec::new();
    let mut room = MAX_BODY;
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|_| bad_request("the body broke off"))?;
        let data = frame.into_data().ok();
        // An empty frame takes room too: an endless row of them ends.
        let len = data.as_ref().map_or(0, Buf::remaining);
        room = room.checked_sub(len.max(1)).ok_or_else(too_large)?;
        let Some(mut data) = data else {
            continue;
        };
        while data.has_remaining() {
            let chunk = data.chunk();
            whole.extend_from_slice(chunk);
            let len = chunk.len();
            data.advance(len);
        }
    }
    Ok(whole)
}

fn is_json(content_type: &[u8]) -> bool {
    let essence = content_type.split(|&byte| byte == b';').next();
    essence.is_some_and(|essence| {
        essence
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/json")
    })
}

fn unsupported() -> Refusal {
    Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "send a JSON object as application/json, uncompressed, or no body and no content type",
    )
}

fn too_large() -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "content_too_large",
        "the body is larger than 4 KiB",
    )
}

fn bad_request(message: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "bad_request", message)
}

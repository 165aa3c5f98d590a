//! Mobula's token API on the wire: strict in what is sent, lenient in what is read.
//!
//! The only place that knows paths and JSON. Paths and fields are those of docs.mobula.io, Auth tokens; most answers are
//! documented nowhere.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::base_url::BaseUrl;
use super::redact::Redactor;
use super::token_info::TokenInfo;
use crate::api_key::ApiKey;
use crate::api_token::ApiToken;
use crate::create_tokens::CreateTokens;
use crate::error::{Error, Kind};

const TOKENS: &str = "/api/2/auth/tokens";
const TOKEN: &str = "/api/2/auth/token";
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// All but the unreserved characters of RFC 3986, section 2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An id is a UUID today; a token is longer than this, and must not get into a path by mistake.
const LONGEST_ID: usize = 128;

/// One of the four calls.
#[derive(Debug, Clone, Copy)]
pub(super) enum Call<'a> {
    Create(CreateTokens),
    List,
    Inspect(&'a ApiToken),
    Revoke(&'a str),
}

/// One token of an answer, as far as it could be read.
pub(super) struct Entry {
    pub(super) token: Option<Zeroizing<String>>,
    pub(super) id: Option<String>,
    pub(super) expires_at: Option<SystemTime>,
    pub(super) request_limit: Option<u64>,
    pub(super) remaining: Option<u64>,
}

impl Call<'_> {
    /// The key goes raw into `Authorization`, the form that Mobula's pages and apps use most. A request without a body
    /// has no `Content-Type`: Mobula's own SDK takes it off, and its server refuses an empty JSON body.
    pub(super) fn request(
        &self,
        base_url: &BaseUrl,
        key: &ApiKey,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let (method, body) = match self {
            Self::Create(request) => (Method::POST, create_body(*request)),
            Self::List | Self::Inspect(_) => (Method::GET, String::new()),
            Self::Revoke(_) => (Method::DELETE, String::new()),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(base_url.join(self.path_and_query()?))
            .header(ACCEPT, JSON)
            .header(AUTHORIZATION, key.raw_header());
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, JSON);
        }
        Ok(request
            .body(Full::from(body))
            .expect("all parts of the request are valid already"))
    }

    /// The secrets that the request holds, and that whatever answers it may echo.
    pub(super) fn redactor(&self, key: &ApiKey) -> Redactor {
        let token = match self {
            Self::Inspect(token) => Some(token.expose_secret()),
            Self::Create(_) | Self::List | Self::Revoke(_) => None,
        };
        Redactor::new([key.expose_secret()].into_iter().chain(token))
    }

    fn path_and_query(&self) -> Result<PathAndQuery, Error> {
        let (start, end) = match self {
            Self::Create(_) | Self::List => return Ok(PathAndQuery::from_static(TOKENS)),
            Self::Inspect(token) => (format!("{TOKEN}?token="), token.expose_secret()),
            Self::Revoke(id) => (format!("{TOKENS}/"), checked_id(id)?),
        };
        // Wiped when the request drops, as the token itself is.
        let mut path = Zeroizing::new(Vec::with_capacity(start.len() + 3 * end.len()));
        path.extend_from_slice(start.as_bytes());
        for piece in utf8_percent_encode(end, ENCODED) {
            path.extend_from_slice(piece.as_bytes());
        }
        Ok(PathAndQuery::from_maybe_shared(Bytes::from_owner(path))
            .expect("percent-encoded text of bounded length is a valid path"))
    }
}

/// All three fields, always, so that no default of the server's matters. The limit is a string, as documented.
fn create_body(request: CreateTokens) -> String {
    format!(
        r#"{{"expiresIn":{},"count":{},"requestLimit":"{}"}}"#,
        request.get_lifetime().as_millis(),
        request.get_count(),
        request.get_request_limit(),
    )
}

/// Refuses what would make another path of the URL: an HTTP client resolves `.` and `..`, percent-encoded or not.
fn checked_id(id: &str) -> Result<&str, Error> {
    let message = match id {
        "" => "the id of the token to revoke is empty",
        "." | ".." => "the id of the token to revoke is no id but a step in a path",
        _ if id.len() > LONGEST_ID => {
            "the id of the token to revoke is longer than 128 bytes: give the id, not the token"
        }
        _ => return Ok(id),
    };
    Err(Error::new(Kind::InvalidConfiguration, message))
}

/// The tokens of an answer to create. `None` where it holds nothing like it.
pub(super) fn entries(body: &[u8]) -> Option<Vec<Entry>> {
    let value = serde_json::from_slice(body).ok()?;
    let entries = unwrapped(value, 0)?.into_iter();
    Some(entries.filter_map(Entry::read).collect())
}

/// The tokens of an answer to list. `None` where it holds nothing like it: an empty list is an answer, a list of
/// nonsense is not.
pub(super) fn infos(body: &[u8]) -> Option<Vec<TokenInfo>> {
    let value = serde_json::from_slice(body).ok()?;
    let values = unwrapped(value, 0)?;
    let nothing_to_read = values.is_empty();
    let infos: Vec<_> = values
        .into_iter()
        .filter_map(|value| Entry::read(value)?.into_info())
        .collect();
    (nothing_to_read || !infos.is_empty()).then_some(infos)
}

/// The text in which a server says what is wrong: `message`, a string or several, else `error`, else all of it.
pub(crate) fn server_message(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let message = match &value["message"] {
        Value::String(message) => Some(message.clone()),
        Value::Array(messages) => {
            let messages: Vec<_> = messages.iter().filter_map(Value::as_str).collect();
            Some(messages.join(", "))
        }
        _ => None,
    };
    message
        .filter(|message| !message.is_empty())
        .or_else(|| value["error"].as_str().map(Into::into))
        .unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}

/// The tokens, whatever they are wrapped in: the name of a GraphQL field, `data`, both, or nothing; many or one.
fn unwrapped(value: Value, depth: usize) -> Option<Vec<Value>> {
    const WRAPPERS: [&str; 4] = ["createApiTokens", "apiTokens", "apiToken", "data"];
    match value {
        Value::Array(values) => Some(values),
        Value::Object(mut members) => {
            let wrapped = WRAPPERS.into_iter().find(|&name| {
                members
                    .get(name)
                    .is_some_and(|value| value.is_array() || value.is_object())
            });
            match wrapped.and_then(|name| members.remove(name)) {
                Some(value) if depth < WRAPPERS.len() => unwrapped(value, depth + 1),
                Some(_) => None,
                None => Some(vec![Value::Object(members)]),
            }
        }
        _ => None,
    }
}

impl Entry {
    fn read(value: Value) -> Option<Self> {
        let Value::Object(mut members) = value else {
            return None;
        };
        Some(Self {
            token: take_string(&mut members, "token").map(Zeroizing::new),
            id: take_string(&mut members, "id"),
            expires_at: members.get("expiresTimeString").and_then(time),
            request_limit: members.get("requestLimit").and_then(count),
            remaining: members.get("remaining").and_then(count),
        })
    }

    /// V8: whatever the server sent, the token itself goes no further.
    pub(super) fn into_info(self) -> Option<TokenInfo> {
        Some(TokenInfo {
            id: self.id?,
            expires_at: self.expires_at,
            request_limit: self.request_limit,
            remaining: self.remaining,
        })
    }
}

fn take_string(members: &mut Map<String, Value>, name: &str) -> Option<String> {
    match members.remove(name) {
        Some(Value::String(text)) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// A non-negative integer, as a number or as a decimal string.
fn count(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64(),
        _ => None,
    }
}

/// ISO 8601 with an offset, as JavaScript's `toISOString` writes it. N8: what is longer than any date is none.
fn time(value: &Value) -> Option<SystemTime> {
    let text = value.as_str().filter(|text| text.len() <= 64)?;
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(time.into())
}

#[cfg(test)]
mod tests;

//! What may come of a request to the issuer, read out of what its documentation promises and of nothing else.

use std::collections::BTreeSet;
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};

use super::issuer_sessions::Session;
use super::issuer_wire::{End, Written};

/// The origins that the issuer is set up with.
pub(crate) const ALLOWED: [&str; 2] = ["https://app.example.com", "http://localhost:5173"];

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const LARGEST: usize = 4_096;

#[derive(Clone)]
pub(crate) struct Verdict {
    /// A status for each thing that is wrong with the request. If there is any, the answer has one of them.
    pub(crate) faults: BTreeSet<u16>,
    pub(crate) who: Option<&'static str>,
    pub(crate) lifetime: Duration,
    pub(crate) is_revocation: bool,
    /// Which token a revocation is about; all of them if none is named.
    pub(crate) id: Option<String>,
    /// Whether time may pass before the answer, whatever it is.
    pub(crate) takes_time: bool,
}

pub(crate) fn judge(written: &Written) -> Verdict {
    let headers = &written.headers;
    let session = Session::of(headers);
    let mut verdict = Verdict {
        faults: BTreeSet::new(),
        who: None,
        lifetime: Duration::ZERO,
        is_revocation: written.method == "DELETE",
        id: None,
        takes_time: session == Session::Silent || written.body.end == End::NeverComes,
    };
    let faults = &mut verdict.faults;
    if !matches!(written.method.as_str(), "POST" | "DELETE") {
        faults.insert(405);
    }
    if !may_ask(written) {
        faults.insert(403);
    }
    if !is_json_or_untyped(headers) || headers.contains_key(CONTENT_ENCODING) {
        faults.insert(415);
    }
    faults.extend(fault_of_length(headers));
    match session {
        Session::Of { who, lifetime } => {
            verdict.who = Some(who);
            verdict.lifetime = lifetime;
        }
        Session::Unknown => _ = faults.insert(401),
        Session::Banned => _ = faults.insert(403),
        Session::Mistaken => _ = faults.insert(500),
        Session::Unavailable | Session::Silent => _ = faults.insert(503),
    }
    match read_body(written, faults) {
        Some(members) if verdict.is_revocation => match members.get("id") {
            None => {}
            Some(Value::String(id)) if !id.is_empty() => verdict.id = Some(id.clone()),
            Some(_) => _ = faults.insert(400),
        },
        _ => {}
    }
    verdict
}

/// By the tables of the Fetch standard: which page sent it, as the browser tells.
fn may_ask(written: &Written) -> bool {
    let headers = &written.headers;
    let (Ok(origin), Ok(site)) = (text(headers, ORIGIN), text(headers, SITE)) else {
        return false;
    };
    let Some(origin) = origin else {
        return matches!(site, None | Some("none" | "same-origin"));
    };
    if ALLOWED.contains(&origin) {
        return true;
    }
    match site {
        _ if origin == "null" => false,
        Some(site) => site == "same-origin",
        None => is_of_own_host(origin, written),
    }
}

fn is_of_own_host(origin: &str, written: &Written) -> bool {
    let host = match written.uri.authority() {
        Some(authority) => authority.to_string(),
        None => match text(&written.headers, HOST) {
            Ok(Some(host)) => host.to_owned(),
            _ => return false,
        },
    };
    let own_pages = ["http", "https"].map(|scheme| format!("{scheme}://{host}"));
    let is_name = !host.is_empty() && !host.contains('@');
    // A scheme is in lower case in whatever a browser sends; the case of a host is the user's.
    is_name
        && origin.starts_with("http")
        && own_pages
            .iter()
            .any(|page| page.eq_ignore_ascii_case(origin))
        && origin
            .split(':')
            .next()
            .is_some_and(|it| it == it.to_ascii_lowercase())
}

/// The one value; an error if there are more, or if it is no text.
fn text(headers: &HeaderMap, name: HeaderName) -> Result<Option<&str>, ()> {
    let values: Vec<_> = headers.get_all(name).into_iter().collect();
    match values[..] {
        [] => Ok(None),
        [value] => value.to_str().map(Some).map_err(|_| ()),
        _ => Err(()),
    }
}

fn is_json_or_untyped(headers: &HeaderMap) -> bool {
    let types: Vec<_> = headers.get_all(CONTENT_TYPE).into_iter().collect();
    match types[..] {
        [] => true,
        [value] => {
            let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
            let (essence, _) = value.split_once(';').unwrap_or((&value, ""));
            essence.trim_matches([' ', '\t']) == "application/json"
        }
        _ => false,
    }
}

/// A server in front of the issuer refuses a length with a sign; whether the issuer does makes no difference.
fn fault_of_length(headers: &HeaderMap) -> Option<u16> {
    let value = headers.get(CONTENT_LENGTH)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    let digits = text.strip_prefix('+').unwrap_or(&text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(400);
    }
    let number = digits.trim_start_matches('0');
    let is_larger = number.len() > 4 || number.parse().unwrap_or(0) > LARGEST;
    is_larger.then_some(413)
}

/// The members of the object, if the body is one, and of none, if it is empty.
fn read_body(written: &Written, faults: &mut BTreeSet<u16>) -> Option<Map<String, Value>> {
    let body = &written.body;
    let mut size: usize = body.frames.iter().map(|frame| frame.len().max(1)).sum();
    size += usize::from(body.has_trailers && body.end == End::Comes);
    if size > LARGEST || body.announced > LARGEST as u64 {
        faults.insert(413);
    }
    match body.end {
        End::Comes => {}
        End::BreaksOff => _ = faults.insert(400),
        End::NeverComes => _ = faults.insert(408),
    }
    let whole: Vec<u8> = body.frames.iter().flatten().copied().collect();
    if whole.is_empty() {
        return Some(Map::new());
    }
    if !written.headers.contains_key(CONTENT_TYPE) {
        faults.insert(415);
    }
    let object = serde_json::from_slice(&whole).ok();
    if object.is_none() {
        faults.insert(400);
    }
    object
}

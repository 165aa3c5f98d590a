//! J rows: whatever the emulator is sent, it answers, and lets in only whom it should.
//!
//! ```text
//! switches=0
//! POST /api/2/auth/tokens
//! authorization: {key}
//! content-type: application/json
//!
//! {"count":2}
//! ---
//! WAIT 60000
//! ---
//! GET /api/1/market/data?asset=bitcoin
//! authorization: Bearer {token}
//! ```
//!
//! In targets and header fields, `{key}` is the emulator's API key, `{token}` the newest token, `{id}` its id.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, SERVER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use mobula_auth::emulator::Emulator;
use serde_json::Value;
use tower::ServiceExt;

use super::emulator_switches::Switches;
use super::runtime::block_on;
use super::scripted::header;
use super::split_once::split_once;

/// More than any fuzzer needs, and an end.
const MAX_REQUESTS: usize = 32;

/// Takes a row of requests.
pub fn check(input: &[u8]) {
    let (first, requests) = split_once(input, b"\n");
    let switches = Switches::parse(&String::from_utf8_lossy(first));
    // All of it in the runtime: outside, the emulator's clock would be the machine's.
    block_on(async {
        let mut visit = Visit::of(switches);
        let mut rest = Some(requests);
        for _ in 0..MAX_REQUESTS {
            let Some(requests) = rest else {
                break;
            };
            let (request, after) = split_once(requests, b"\n---\n");
            visit.step(request).await;
            rest = (!after.is_empty()).then_some(after);
        }
        visit.end();
    });
}

/// An emulator, and what is known of it from outside.
struct Visit {
    emulator: Emulator,
    switches: Switches,
    key: String,
    token: String,
    id: String,
    /// When create requests brought tokens, within the last minute.
    created: VecDeque<SystemTime>,
    tokens: usize,
}

impl Visit {
    fn of(switches: Switches) -> Self {
        let emulator = switches.emulator();
        Self {
            key: emulator.api_key(),
            emulator,
            switches,
            token: String::new(),
            id: String::new(),
            created: VecDeque::new(),
            tokens: 0,
        }
    }

    async fn step(&mut self, text: &[u8]) {
        if let Some(wait) = text.strip_prefix(b"WAIT ") {
            let wait = String::from_utf8_lossy(wait).trim().parse().unwrap_or(0);
            self.emulator.advance(Duration::from_millis(wait));
        } else if let Some(request) = self.request(text) {
            self.send(request).await;
        }
    }

    fn request(&self, text: &[u8]) -> Option<Request<Full<Bytes>>> {
        let (head, body) = split_once(text, b"\n\n");
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split('\n');
        let (method, target) = lines.next()?.split_once(' ')?;
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(body)));
        *request.method_mut() = Method::from_bytes(method.as_bytes()).ok()?;
        *request.uri_mut() = self.filled_in(target).parse().ok()?;
        for field in lines {
            let field = self.filled_in(field);
            request.headers_mut().extend(header(field.as_bytes()));
        }
        Some(request)
    }

    fn filled_in(&self, text: &str) -> String {
        text.replace("{key}", &self.key)
            .replace("{token}", &self.token)
            .replace("{id}", &self.id)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) {
        let method = request.method().clone();
        let uri = request.uri().clone();
        let caller = self.caller(request.headers());
        let answer = self.emulator.clone().oneshot(request).await;
        let (head, body) = answer.expect("no fault was set").into_parts();
        let body = body.collect().await.expect("no fault was set").to_bytes();
        let head = Response::from_parts(head, ());
        let status = head.status();
        assert!(status.as_u16() < 500 && !status.is_informational() && !status.is_redirection());
        assert_eq!(head.headers()[SERVER], "mobula-auth-emulator");
        assert!(head.headers().contains_key(DATE));
        if method == Method::HEAD || status == StatusCode::NO_CONTENT {
            assert!(body.is_empty());
        } else if head.headers()[CONTENT_TYPE] == "application/json; charset=utf-8" {
            serde_json::from_slice::<Value>(&body).expect("it says that it is JSON");
        }
        let text = String::from_utf8_lossy(&body);
        // What the target says, data endpoints say too.
        assert!(
            uri.to_string().contains(&self.key) || !text.contains(&self.key),
            "{text}"
        );
        let is_data = is_data(uri.path());
        if status.is_success() {
            assert!(self.may(caller, is_data), "{method} {uri} gets {status}");
        }
        if (&method, uri.path()) == (&Method::POST, TOKENS) && status.is_success() {
            self.learn(&body);
        } else if !is_data && !self.switches.token_in_list() && !self.token.is_empty() {
            let target = uri.to_string();
            assert!(
                target.contains(&self.token) || !text.contains(&self.token),
                "{text}"
            );
        }
    }

    /// Takes the last token of a create answer over.
    fn learn(&mut self, body: &[u8]) {
        let now = self.emulator.now();
        let minute = Duration::from_secs(60);
        let is_old = |&at: &SystemTime| at + minute <= now;
        while self.created.front().is_some_and(is_old) {
            self.created.pop_front();
        }
        self.created.push_back(now);
        // A window that opens at a request may have 5 at its end, and the next one 5 at its start.
        let most = if self.switches.fixed_window() { 10 } else { 5 };
        assert!(self.created.len() <= most, "too many creations in a minute");
        let value: Value = serde_json::from_slice(body).expect("checked before");
        let tokens = ["createApiTokens", "data"]
            .into_iter()
            .find_map(|name| value.get(name))
            .unwrap_or(&value);
        let tokens = tokens.as_array().expect("one array, however it is wrapped");
        assert!((1..=25).contains(&tokens.len()));
        self.tokens += tokens.len();
        let last = &tokens[tokens.len() - 1];
        for (field, name) in [(&mut self.token, "token"), (&mut self.id, "id")] {
            last[name].as_str().expect("a text").clone_into(field);
        }
    }

    /// By the headers alone: the first `Authorization`, else the first `x-api-key`.
    fn caller(&self, headers: &HeaderMap) -> Caller {
        let authorization = headers.get(AUTHORIZATION);
        let Some(value) = authorization.or_else(|| headers.get("x-api-key")) else {
            return Caller::Nobody;
        };
        let value = String::from_utf8_lossy(value.as_bytes()).trim().to_owned();
        let bearer = value
            .get(..7)
            .filter(|scheme| authorization.is_some() && scheme.eq_ignore_ascii_case("bearer "))
            .map(|_| value[7..].trim());
        let shown = bearer.unwrap_or(&value);
        if shown == self.key {
            Caller::Key
        } else if !self.token.is_empty() && self.knows(shown) {
            let raw = authorization.is_some() && self.switches.accept_raw_tokens();
            if bearer.is_some() || raw {
                Caller::Token
            } else {
                Caller::Stranger
            }
        } else {
            Caller::Stranger
        }
    }

    /// Only the newest token is known by its text; an older one cannot be sent, since nothing of it is left.
    fn knows(&self, token: &str) -> bool {
        token == self.token
    }

    fn may(&self, caller: Caller, is_data: bool) -> bool {
        match caller {
            Caller::Key => is_data || self.switches.plan().has_tokens(),
            Caller::Token => is_data && self.token_is_good(),
            Caller::Nobody => is_data && self.switches.is_demo(),
            Caller::Stranger => false,
        }
    }

    fn token_is_good(&self) -> bool {
        let now = self.emulator.now();
        let tokens = self.emulator.tokens();
        let token = tokens.iter().find(|token| *token.id == *self.id);
        // This request is counted already, whether it is the last one or one too many.
        token.is_some_and(|token| {
            !token.revoked && token.expires_at > now && token.requests <= token.request_limit
        })
    }

    fn end(&self) {
        let tokens = self.emulator.tokens();
        assert_eq!(tokens.len(), self.tokens);
        for token in tokens {
            assert!((1..=1_000_000).contains(&token.request_limit));
            assert!(token.remaining <= token.request_limit);
        }
        let told = format!(
            "{:?}{:?}",
            self.emulator.requests(),
            self.emulator.violations()
        );
        assert!(!told.contains(&self.key), "{told}");
        assert!(
            self.token.is_empty() || !told.contains(&self.token),
            "{told}"
        );
    }
}

#[derive(Clone, Copy)]
enum Caller {
    Nobody,
    Key,
    Token,
    Stranger,
}

const TOKENS: &str = "/api/2/auth/tokens";

fn is_data(path: &str) -> bool {
    let is_management = path.starts_with("/api/2/auth/");
    !is_management && (path.starts_with("/api/1/") || path.starts_with("/api/2/"))
}

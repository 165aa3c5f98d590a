//! A server that answers as an input says.
//!
//! ```text
//! 200 count=2 chunks=100
//! content-type: application/json
//!
//! {"createApiTokens":[]}
//! ```
//!
//! The first line has the status, and words. `hang`: no answer comes. `refuse`: an error comes in its place, with the lines of
//! the body as its causes. `stall`, `break`: the body has no end, or ends with such an error. `chunks=N`: it comes in pieces of
//! N bytes. `blanks=N`: with N blanks at its end. `announced=N`: so many bytes are announced. What else the words may be is the
//! target's affair.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use mobula_auth::TokenClient;
use serde_json::Value;
use tokio::time::Instant;
use tower::Service;

use super::canary::{self, KEY};

/// The default of the token client, which no answer may outlast.
const DEADLINE: Duration = Duration::from_secs(20);

/// More than that is not read of an answer.
const MAX_BODY: usize = 256 * 1024;

/// What the server answers.
pub(crate) struct Script {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    words: Vec<String>,
}

impl Script {
    pub(crate) fn parse(input: &[u8]) -> Self {
        let mut rest = input;
        let first = String::from_utf8_lossy(line(&mut rest)).into_owned();
        let mut words = first.split(' ').map(ToOwned::to_owned);
        let status = words.next().and_then(|word| word.parse().ok());
        let mut headers = HeaderMap::new();
        while !rest.is_empty() {
            let field = line(&mut rest);
            if field.is_empty() {
                break;
            }
            headers.extend(header(field));
        }
        let mut script = Self {
            status: status
                .and_then(|status| StatusCode::from_u16(status).ok())
                .unwrap_or_default(),
            headers,
            body: Bytes::copy_from_slice(rest),
            words: words.collect(),
        };
        if let Some(blanks) = script.number("blanks") {
            let blanks = usize::try_from(blanks.min(300_000)).unwrap_or_default();
            script.body = [rest, &b" ".repeat(blanks)].concat().into();
        }
        script
    }

    /// An answer that is no input's.
    pub(crate) fn of(status: u16, headers: HeaderMap, body: String) -> Arc<Self> {
        Arc::new(Self {
            status: StatusCode::from_u16(status).expect("three digits"),
            headers,
            body: body.into(),
            words: Vec::new(),
        })
    }

    pub(crate) fn says(&self, word: &str) -> bool {
        self.words.iter().any(|said| said == word)
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.words
            .iter()
            .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
    }

    /// Whether the answer comes as it is written, head and body, and is not too long.
    pub(crate) fn is_whole(&self) -> bool {
        let breaks = ["hang", "refuse", "stall", "break"];
        !breaks.into_iter().any(|word| self.says(word))
            && self.body.len() <= MAX_BODY
            && self.announced() <= MAX_BODY as u64
    }

    /// Whether a reader may take the body for JSON.
    pub(crate) fn may_be_json(&self) -> bool {
        self.headers.get(CONTENT_TYPE).is_none_or(|content_type| {
            String::from_utf8_lossy(content_type.as_bytes())
                .to_ascii_lowercase()
                .contains("json")
        })
    }

    /// Every text in the body's JSON.
    pub(crate) fn texts(&self) -> Vec<String> {
        fn gather(value: Value, texts: &mut Vec<String>) {
            match value {
                Value::String(text) => texts.push(text),
                Value::Array(values) => values.into_iter().for_each(|value| gather(value, texts)),
                Value::Object(members) => {
                    members
                        .into_iter()
                        .for_each(|(_, value)| gather(value, texts));
                }
                _ => {}
            }
        }
        let mut texts = Vec::new();
        gather(
            serde_json::from_slice(&self.body).unwrap_or_default(),
            &mut texts,
        );
        texts
    }

    fn chunk_len(&self) -> usize {
        let len = self.number("chunks").unwrap_or(u64::MAX).max(1);
        usize::try_from(len).unwrap_or(usize::MAX)
    }

    fn announced(&self) -> u64 {
        self.number("announced").unwrap_or(0)
    }
}

fn line<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let end = rest.iter().position(|&byte| byte == b'\n');
    let (line, after) = match end {
        Some(end) => (&rest[..end], &rest[end + 1..]),
        None => (*rest, &[][..]),
    };
    *rest = after;
    line
}

pub(crate) fn header(field: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = field.iter().position(|&byte| byte == b':')?;
    let name = HeaderName::from_bytes(&field[..colon]).ok()?;
    let value = field[colon + 1..].trim_ascii();
    Some((name, HeaderValue::from_bytes(value).ok()?))
}

/// Makes a call of a client of this server's, and sees that it ends in time.
pub(crate) async fn call<T>(
    script: &Arc<Script>,
    call: impl AsyncFnOnce(&TokenClient<Server>) -> T,
) -> (T, TokenClient<Server>) {
    let server = Server {
        script: Arc::clone(script),
    };
    let client = TokenClient::new(server, canary::key());
    let started = Instant::now();
    let outcome = call(&client).await;
    assert!(started.elapsed() <= DEADLINE + Duration::from_millis(1));
    (outcome, client)
}

#[derive(Clone)]
pub(crate) struct Server {
    script: Arc<Script>,
}

impl Service<Request<Full<Bytes>>> for Server {
    type Response = Response<ScriptedBody>;
    type Error = Spoken;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Spoken>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Spoken>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let authorization = request.headers().get_all(AUTHORIZATION);
        assert!(authorization.iter().eq([KEY]), "the key, once");
        assert!(authorization.iter().all(HeaderValue::is_sensitive));
        assert!(!request.uri().to_string().contains(KEY));
        let script = Arc::clone(&self.script);
        Box::pin(async move {
            assert_documented(request).await;
            if script.says("hang") {
                std::future::pending::<()>().await;
            }
            if script.says("refuse") {
                return Err(Spoken::lines(&script.body));
            }
            let mut response = Response::new(ScriptedBody::new(&script));
            *response.status_mut() = script.status;
            response.headers_mut().clone_from(&script.headers);
            Ok(response)
        })
    }
}

/// A create request asks for a lifetime in milliseconds, within the documented bounds; the others have no body.
async fn assert_documented(request: Request<Full<Bytes>>) {
    let is_create = request.method() == Method::POST;
    let Ok(body) = request.into_body().collect().await;
    let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    let lifetime = body["expiresIn"].as_u64();
    let bounds = 60_000..=86_400_000;
    assert_eq!(
        lifetime.is_some_and(|lifetime| bounds.contains(&lifetime)),
        is_create
    );
}

pub(crate) struct ScriptedBody {
    chunks: VecDeque<Bytes>,
    announced: u64,
    stalls: bool,
    breaks: Option<Spoken>,
}

impl ScriptedBody {
    fn new(script: &Script) -> Self {
        let mut chunks = VecDeque::new();
        let mut rest = script.body.clone();
        while !rest.is_empty() {
            chunks.push_back(rest.split_to(script.chunk_len().min(rest.len())));
        }
        Self {
            chunks,
            announced: script.announced(),
            stalls: script.says("stall"),
            breaks: script.says("break").then(|| Spoken::lines(&script.body)),
        }
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = Spoken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Spoken>>> {
        match self.chunks.pop_front() {
            Some(chunk) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            None if self.stalls => Poll::Pending,
            None => Poll::Ready(self.breaks.take().map(Err)),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.announced);
        hint
    }
}

/// An error of a transport that says what it likes, and whose causes do.
#[derive(Debug)]
pub(crate) struct Spoken {
    text: String,
    cause: Option<Box<Self>>,
}

impl Spoken {
    fn lines(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let mut lines = text.rsplit('\n').map(ToOwned::to_owned);
        let last = Self {
            text: lines.next().unwrap_or_default(),
            cause: None,
        };
        lines.take(64).fold(last, |cause, text| Self {
            text,
            cause: Some(Box::new(cause)),
        })
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl StdError for Spoken {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

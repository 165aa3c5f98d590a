//! The client's half: tokens from an issuer.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body;
use http_body_util::Full;
use serde_json::{Value, json};
use tower_service::Service;
use zeroize::Zeroizing;

use crate::api_token::ApiToken;
use crate::clock;
use crate::create_tokens::CreateTokens;
use crate::error::{BoxError, Error, Kind};
use crate::origins::Origins;
use crate::token_client::exchange::{Answer, Broken, exchange};
use crate::token_client::redact::Redactor;
use crate::token_client::retry_after::retry_after;
use crate::token_client::wire::server_message;
use crate::token_source::TokenSource;

/// A source of tokens that asks an issuer, for a worker or a partner that must not hold the API key.
///
/// `http_client` is any `Service<http::Request<Full<Bytes>>>`, with whatever layers put the caller's own credential on its
/// requests; the issuer's hook knows what to make of it. It must follow no redirect and retry nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # use http::request::Parts;
/// # use mobula_auth::emulator::Emulator;
/// # use mobula_auth::issuer::{Grant, Refusal, TokenIssuer};
/// # use mobula_auth::{ApiKey, TokenClient};
/// use mobula_auth::AutoRefreshingToken;
/// use mobula_auth::issuer::IssuedTokens;
/// use tower::{ServiceBuilder, util::MapRequestLayer};
///
/// # let mobula = Emulator::new();
/// # let tokens = TokenClient::new(mobula.clone(), ApiKey::new(mobula.api_key())?);
/// # let http_client = TokenIssuer::new(tokens, async |head: Parts| {
/// #     head.headers.get("authorization").ok_or_else(Refusal::unauthenticated)?;
/// #     Ok(Grant::new("worker 3")?)
/// # });
/// let with_credential = ServiceBuilder::new()
///     .layer(MapRequestLayer::new(|mut request: http::Request<_>| {
///         let mut secret = http::HeaderValue::from_static("Basic d29ya2VyOjM=");
///         secret.set_sensitive(true);
///         request.headers_mut().insert("authorization", secret);
///         request
///     }))
///     .service(http_client);
/// let tokens = IssuedTokens::new(with_credential, "https://backend.example.com/token")?;
/// let auth = AutoRefreshingToken::new(tokens);
/// # auth.refresh().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct IssuedTokens<C> {
    http_client: C,
    endpoint: Uri,
    deadline: Duration,
    per_minute: u32,
}

impl<C> IssuedTokens<C> {
    /// Makes a source of the issuer at this URL. Nothing is sent.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] unless it is an `https` URL, or an `http` one of a loopback host: the caller's
    /// credential and the token go there and back.
    pub fn new(http_client: C, endpoint: impl AsRef<str>) -> Result<Self, Error> {
        let endpoint: Uri = endpoint.as_ref().parse().map_err(|_| not_an_endpoint())?;
        let (Some(scheme), Some(authority)) = (endpoint.scheme_str(), endpoint.authority()) else {
            return Err(not_an_endpoint());
        };
        Origins::only([format!("{scheme}://{authority}")])?;
        Ok(Self {
            http_client,
            endpoint,
            deadline: Duration::from_secs(20),
            per_minute: 4,
        })
    }

    /// Sets how long a call may take, from its start to the last byte of the answer: 20 seconds by default. An issuer makes
    /// its callers wait for up to 10.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Says how many tokens a minute the issuer allows this caller, by default 4. What
    /// [`expect_rate`](crate::AutoRefreshingTokenBuilder::expect_rate) reckons with; nothing here counts them.
    #[must_use]
    pub fn tokens_per_minute(self, per_minute: u32) -> Self {
        Self { per_minute, ..self }
    }
}

impl<C, B> TokenSource for IssuedTokens<C>
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    C::Future: Send,
    C::Error: Into<BoxError>,
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    /// One token, whatever was asked for: its kind is the issuer's to decide.
    async fn create(&self, _: CreateTokens) -> Result<Vec<ApiToken>, Error> {
        let answer = self.call(Method::POST, Bytes::new()).await?;
        let body = answer.body.as_ref().map_err(broken)?;
        let token = if answer.is_json() { token(body) } else { None };
        token.map(|token| vec![token]).ok_or_else(|| {
            Error::new(
                Kind::Transient,
                "the issuer's answer cannot be used: it holds no token and for how long it lives",
            )
            .with_status(answer.status)
        })
    }

    /// Without an id there is nothing to revoke by: the token expires.
    async fn revoke(&self, token: ApiToken) -> Result<(), Error> {
        let Some(id) = token.id() else {
            return Ok(());
        };
        let body = json!({ "id": id }).to_string();
        self.call(Method::DELETE, body.into()).await.map(drop)
    }

    fn creates_per_minute(&self) -> u32 {
        self.per_minute
    }
}

impl<C, B> IssuedTokens<C>
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    C::Future: Send,
    C::Error: Into<BoxError>,
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    async fn call(&self, method: Method, body: Bytes) -> Result<Answer, Error> {
        let mut request = Request::new(Full::new(body));
        *request.uri_mut() = self.endpoint.clone();
        let json = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, json.clone());
        headers.insert(CONTENT_TYPE, json);
        *request.headers_mut() = headers;
        *request.method_mut() = method;
        let answered = exchange(self.http_client.clone(), request, self.deadline, true).await;
        let answer = answered.map_err(|error| broken(&error))?;
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(refused(&answer))
        }
    }
}

/// The token of an answer. One whose life is not told is none: nobody could say when to replace it.
fn token(body: &[u8]) -> Option<ApiToken> {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else {
        return None;
    };
    let Some(Value::String(secret)) = members.remove("token") else {
        return None;
    };
    let secret = Zeroizing::new(secret);
    let lifetime = Duration::from_millis(members.get("expiresIn")?.as_u64()?);
    let mut token = ApiToken::new(&*secret).ok()?.with_lifetime(lifetime);
    if let Some(Value::String(id)) = members.remove("id") {
        token = token.with_id(id);
    }
    if let Some(limit) = members.get("requestLimit").and_then(Value::as_u64) {
        token = token.with_request_limit(limit);
    }
    let expires_at = members.get("expiresAt").and_then(Value::as_str);
    // N8: what is longer than any date is none.
    let expires_at = expires_at.filter(|text| text.len() <= 64);
    if let Some(Ok(time)) = expires_at.map(str::parse::<jiff::Timestamp>) {
        token = token.with_expires_at(time.into());
    }
    Some(token)
}

fn broken(broken: &Broken) -> Error {
    match broken {
        Broken::TooSlow => Error::new(Kind::Transient, "the issuer did not answer in full in time"),
        Broken::TooLarge => Error::new(
            Kind::Transient,
            "the issuer's answer is larger than 256 KiB",
        ),
        Broken::Transport(cause) => Error::new(
            Kind::Transient,
            "the issuer is out of reach, or the connection to it broke",
        )
        .with_source(Redactor::new([]).clean_error(&**cause)),
    }
}

fn refused(answer: &Answer) -> Error {
    let status = answer.status;
    let (kind, clause) = match status {
        StatusCode::UNAUTHORIZED => (Kind::Rejected, "the issuer does not know this caller"),
        StatusCode::FORBIDDEN => (Kind::Refused, "the issuer gives this caller no tokens"),
        StatusCode::NOT_FOUND => (
            Kind::NotFound,
            "there is no such token, or no issuer at this URL",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            Kind::RateLimited,
            "the issuer gives this caller no more tokens for now",
        ),
        StatusCode::REQUEST_TIMEOUT => (Kind::Transient, "the issuer gave up waiting"),
        _ if status.is_client_error() => (Kind::Refused, "the issuer refused the request"),
        _ if status.is_redirection() => (
            Kind::Transient,
            "the issuer answered with a redirect, which is never followed",
        ),
        _ => (Kind::Transient, "the issuer has no token for now"),
    };
    let words = match &answer.body {
        // Nothing of ours is in the request, and a JWT is known by its looks.
        Ok(body) => Redactor::new([]).clean(&server_message(body)),
        Err(_) => String::new(),
    };
    let mut message = format!("{clause} ({})", status.as_u16());
    if !words.is_empty() {
        message = format!("{message}: {words}");
    }
    let error = Error::new(kind, message).with_status(status);
    match kind {
        Kind::RateLimited | Kind::Transient => {
            error.with_retry_after(retry_after(&answer.headers, clock::now().wall()))
        }
        _ => error,
    }
}

fn not_an_endpoint() -> Error {
    Error::new(
        Kind::InvalidConfiguration,
        "the issuer's endpoint is a whole URL, as in https://backend.example.com/token",
    )
}

/// Without the URL: it may hold anything.
impl<C> fmt::Debug for IssuedTokens<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedTokens")
            .field("host", &self.endpoint.host())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

//! Mobula's token API.

mod base_url;
mod created_tokens;
pub(crate) mod exchange;
mod failure;
mod governor;
mod jwt_claims;
mod key_rotation;
mod lifetime;
pub(crate) mod redact;
#[cfg(feature = "reqwest")]
mod reqwest_transport;
pub(crate) mod retry_after;
mod token_info;
mod token_source;
pub(crate) mod wire;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use self::base_url::BaseUrl;
use self::created_tokens::created_tokens;
use self::exchange::{Answer, exchange};
use self::governor::{Governor, MAX_PER_WINDOW};
use self::redact::Redactor;
use self::wire::Call;
use crate::api_key::ApiKey;
use crate::api_token::ApiToken;
use crate::clock;
use crate::create_tokens::CreateTokens;
use crate::error::{BoxError, Error, Kind};

#[cfg(feature = "reqwest")]
pub use self::reqwest_transport::ReqwestTransport;
pub use self::token_info::TokenInfo;

/// A client of Mobula's token API, over any HTTP client that is a tower service.
///
/// It creates, lists, inspects and revokes short-lived tokens (docs.mobula.io, Auth tokens) with the API key that it
/// owns. As a [`TokenSource`](crate::TokenSource) it is what [`AutoRefreshingToken`](crate::AutoRefreshingToken) asks for new tokens.
/// Clones share the key and the count of create requests; make one per key.
///
/// ```
/// # use std::convert::Infallible;
/// # use bytes::Bytes;
/// # use http::{Request, Response};
/// # use http_body_util::Full;
/// use mobula_auth::{ApiKey, CreateTokens, TokenClient};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), mobula_auth::Error> {
/// # let http_client = tower::service_fn(async |_: Request<Full<Bytes>>| {
/// #     let body = r#"{"createApiTokens":[{"id":"1","token":"eyJ0.e30.c2ln","requestLimit":"5000"}]}"#;
/// #     Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(body)))
/// # });
/// let client = TokenClient::new(http_client, ApiKey::new("0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b")?);
/// let tokens = client.create(CreateTokens::default()).await?;
/// assert_eq!(tokens[0].request_limit(), Some(5_000));
/// # Ok(())
/// # }
/// ```
///
/// # The HTTP client
/// `http_client` is a `Service<http::Request<Full<Bytes>>>`: the client of hyper-util, an axum `Router`, a tower stack;
/// or reqwest, by `TokenClient::reqwest`. Give it no layer that follows redirects, retries, or adds a credential: a
/// redirect would carry the key elsewhere, and a retry is a create request that is not counted. Whatever it does, at
/// most 256 KiB of an answer are read, and nothing of it is decompressed. A tokio runtime with timers must be there.
///
/// # Only a key
/// Mobula lets no token create or manage tokens (docs.mobula.io, API key vs API token), so none is taken here:
///
/// ```compile_fail,E0308
/// use mobula_auth::{ApiToken, TokenClient};
///
/// let http_client = ();
/// TokenClient::new(http_client, ApiToken::new("eyJ0.e30.c2ln")?);
/// # Ok::<(), mobula_auth::Error>(())
/// ```
///
/// while a key compiles:
///
/// ```
/// use mobula_auth::{ApiKey, TokenClient};
///
/// let http_client = ();
/// TokenClient::new(http_client, ApiKey::new("eyJ0.e30")?);
/// # Ok::<(), mobula_auth::Error>(())
/// ```
#[derive(Clone)]
pub struct TokenClient<C> {
    http_client: C,
    key: Arc<ArcSwap<ApiKey>>,
    base_url: BaseUrl,
    create_requests_per_minute: u32,
    deadline: Duration,
    governor: Arc<Governor>,
}

impl<C> TokenClient<C> {
    /// Makes a client for `https://api.mobula.io`. Nothing is sent, and nothing is spawned.
    pub fn new(http_client: C, key: ApiKey) -> Self {
        Self {
            http_client,
            key: Arc::new(ArcSwap::from_pointee(key)),
            base_url: BaseUrl::default(),
            create_requests_per_minute: 4,
            deadline: Duration::from_secs(20),
            governor: Arc::default(),
        }
    }

    /// Sets where the API is: `https://HOST[:PORT]`, or `http://` for a loopback host. The key goes there.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] for anything but a scheme, a host and a port, such as a path.
    pub fn base_url(self, base_url: impl AsRef<str>) -> Result<Self, Error> {
        let base_url = BaseUrl::parse(base_url.as_ref())?;
        Ok(Self { base_url, ..self })
    }

    /// Sets how many create requests this client sends in any 60 seconds: 1 to 5, by default 4.
    ///
    /// Mobula allows a key 5 (docs.mobula.io, Auth tokens). The default leaves one for whoever else has the key.
    /// A client whose limit was set counts together with its clones.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] outside of the bounds.
    pub fn create_requests_per_minute(
        self,
        create_requests_per_minute: u32,
    ) -> Result<Self, Error> {
        if !(1..=MAX_PER_WINDOW).contains(&create_requests_per_minute) {
            return Err(Error::new(
                Kind::InvalidConfiguration,
                "Mobula allows 1 to 5 create requests a minute",
            ));
        }
        Ok(Self {
            create_requests_per_minute,
            ..self
        })
    }

    /// Sets how long a call may take, from its start to the last byte of the answer: 20 seconds by default.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// How many create requests may be sent now, one after the other.
    #[must_use]
    pub fn creates_left(&self) -> u32 {
        self.governor.left(self.create_requests_per_minute)
    }

    /// For how long no create request may be sent, at least; `None` if one may be sent now.
    #[must_use]
    pub fn next_create_in(&self) -> Option<Duration> {
        self.governor.wait(self.create_requests_per_minute)
    }
}

impl<C, B> TokenClient<C>
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    C::Future: Send,
    C::Error: Into<BoxError>,
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    /// Creates short-lived tokens: at least one, at most as many as asked for.
    ///
    /// Each has a [lifetime](ApiToken::lifetime), counted from before this call and never longer than asked for: the
    /// shortest that the answer tells, by the server's clock where it tells the time. One that is dead on arrival by
    /// that clock is left out.
    ///
    /// # Errors
    /// [`Error::is_rate_limited`] if Mobula says so, or if the create requests of the last minute, failed ones too, are
    /// used up: then nothing is sent. Both tell [`retry_after`](Error::retry_after) where it is known.
    /// [`Error::is_rejected`] and [`Error::is_plan_required`] for a key that may not; [`Error::is_transient`] for
    /// everything that may pass, an answer without a usable token too.
    ///
    /// # Cancel safety
    /// To drop the future aborts the request, which counts towards the limit. Mobula may have made the tokens all the
    /// same; nobody knows them, and they expire.
    pub async fn create(&self, request: CreateTokens) -> Result<Vec<ApiToken>, Error> {
        let permit = self.governor.begin(self.create_requests_per_minute)?;
        let asked_at = clock::now().wall();
        let call = Call::Create(request);
        let answered = self.call(call).await.inspect_err(|error| {
            if let (true, Some(time)) = (error.is_rate_limited(), error.retry_after()) {
                permit.pause(time);
            }
        })?;
        let entries = wire::entries(answered.json(call)?).unwrap_or_default();
        let Answer {
            status, headers, ..
        } = answered.answer;
        let tokens = created_tokens(entries, request, retry_after::date(&headers), asked_at);
        if tokens.is_empty() {
            return Err(failure::unusable(status, "it holds no usable token"));
        }
        Ok(tokens)
    }

    /// Lists the key's active tokens, without the tokens themselves.
    ///
    /// # Errors
    /// [`Error::is_rejected`] and [`Error::is_plan_required`] for a key that may not, [`Error::is_rate_limited`] if
    /// Mobula says so, [`Error::is_transient`] for everything that may pass. A list of more than 256 KiB, some 1,500
    /// tokens, is not read.
    ///
    /// # Cancel safety
    /// To drop the future aborts the request; it changes nothing.
    pub async fn list(&self) -> Result<Vec<TokenInfo>, Error> {
        let call = Call::List;
        let answered = self.call(call).await?;
        wire::infos(answered.json(call)?)
            .ok_or_else(|| failure::unusable(answered.answer.status, "it holds no list of tokens"))
    }

    /// Asks what Mobula knows of one token. Prefer [`list`](Self::list).
    ///
    /// Mobula's endpoint takes the token in the URL, where proxies, servers and tracing layers log it (RFC 9700, section
    /// 4.3.2 warns of that). Nothing in this crate calls it unasked, and no error of it quotes a cause.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if Mobula knows no such token, else as for [`list`](Self::list).
    ///
    /// # Cancel safety
    /// To drop the future aborts the request; it changes nothing.
    pub async fn inspect(&self, token: &ApiToken) -> Result<TokenInfo, Error> {
        let call = Call::Inspect(token);
        let answered = self.call(call).await?;
        wire::infos(answered.json(call)?)
            .and_then(|infos| infos.into_iter().next())
            .ok_or_else(|| {
                failure::unusable(answered.answer.status, "it holds no token with an id")
            })
    }

    /// Makes a token useless before its time, by its [id](ApiToken::id).
    ///
    /// Mobula says that it works at once; expect some seconds until all of its servers know.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] for what cannot be an id, such as an empty text or the token itself;
    /// [`Error::is_not_found`] if Mobula knows no such token, else as for [`list`](Self::list).
    ///
    /// # Cancel safety
    /// To drop the future aborts the request, which may or may not have revoked the token. It can be sent again.
    pub async fn revoke(&self, id: impl AsRef<str>) -> Result<(), Error> {
        self.call(Call::Revoke(id.as_ref())).await.map(drop)
    }

    /// The one way out: sends a call's request and comes back with a 2xx answer or an error.
    async fn call(&self, call: Call<'_>) -> Result<Answered, Error> {
        let key = self.key.load_full();
        let redactor = call.redactor(&key);
        let request = call.request(&self.base_url, &key)?;
        let reads_success = !matches!(call, Call::Revoke(_));
        let answer = exchange(
            self.http_client.clone(),
            request,
            self.deadline,
            reads_success,
        )
        .await;
        let deadline = self.deadline;
        match answer {
            Ok(answer) if answer.status.is_success() => Ok(Answered {
                answer,
                redactor,
                deadline,
            }),
            Ok(answer) => Err(failure::refused(&answer, call, &redactor)),
            Err(broken) => Err(failure::broken(&broken, call, &redactor, deadline)),
        }
    }
}

/// A 2xx answer, and the secrets that its request held.
struct Answered {
    answer: Answer,
    redactor: Redactor,
    deadline: Duration,
}

impl Answered {
    /// The body, if it is JSON by its `Content-Type`, or has none: a proxy's page comes with 200 too.
    fn json(&self, call: Call<'_>) -> Result<&[u8], Error> {
        let Self {
            answer,
            redactor,
            deadline,
        } = self;
        let body = answer
            .body
            .as_ref()
            .map_err(|broken| failure::broken(broken, call, redactor, *deadline))?;
        if answer.is_json() {
            Ok(body)
        } else {
            Err(failure::unusable(answer.status, "it is not JSON"))
        }
    }
}

impl<C> fmt::Debug for TokenClient<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenClient")
            .field("key", &self.key.load())
            .field("base_url", &self.base_url)
            .field(
                "create_requests_per_minute",
                &self.create_requests_per_minute,
            )
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

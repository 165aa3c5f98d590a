//! The service.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tower_service::Service;

use super::admission::{self, Action};
use super::answer::{self, Answer};
use super::audit::{IssuerEvent, IssuerEvents};
use super::authorize::Authorize;
use super::builder::TokenIssuerBuilder;
use super::desk::{Counted, Desk};
use super::grant::{Grant, Subject};
use super::refusal::Refusal;
use super::revocation::RevokeReport;
use super::status::IssuerStatus;
use crate::token_source::TokenSource;

/// How long the hook may take.
const AUTHORIZED_WITHIN: Duration = Duration::from_secs(10);

/// A service that hands short-lived tokens to a backend's own frontends; also the handle to it. Clones share everything.
///
/// See [the module](super) for what it answers, and for how to mount it.
#[derive(Clone)]
pub struct TokenIssuer {
    desk: Arc<Desk>,
}

impl TokenIssuer {
    /// Makes an issuer with default settings. Its tokens come from `source`, which is mostly a `TokenClient`; `authorize`
    /// decides who may have one.
    #[expect(
        clippy::missing_panics_doc,
        reason = "the default settings do not panic"
    )]
    pub fn new(source: impl TokenSource, authorize: impl Authorize) -> Self {
        Self::builder(source, authorize)
            .build()
            .expect("the default settings are within their bounds")
    }

    /// Makes an issuer with other settings.
    ///
    /// ```
    /// # use mobula_auth::{ApiToken, CreateTokens, Error};
    /// use std::time::Duration;
    ///
    /// use http::request::Parts;
    /// use mobula_auth::issuer::{Grant, Refusal, TokenIssuer};
    ///
    /// # let tokens = async |_: CreateTokens| Ok::<_, Error>(vec![ApiToken::new("my-token")?]);
    /// let issuer = TokenIssuer::builder(tokens, async |head: Parts| {
    ///     let user = head.headers.get("x-user").and_then(|user| user.to_str().ok());
    ///     Ok(Grant::new(user.ok_or_else(Refusal::unauthenticated)?)?)
    /// })
    /// .allowed_origins(["https://app.example.com"])
    /// .lifetime(Duration::from_secs(10 * 60))
    /// .subject_limit(6, Duration::from_secs(60))
    /// .build()?;
    /// # let _ = issuer;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn builder(source: impl TokenSource, authorize: impl Authorize) -> TokenIssuerBuilder {
        TokenIssuerBuilder::new(source, authorize)
    }

    /// Revokes all tokens that a subject has from this issuer: for the logout. Requests of the subject that wait for a token,
    /// or that the hook has let in and that are still being read, get a 401: end the session first, then call this.
    ///
    /// A token that could not be revoked is in the report; call again. After a restart of the process an issuer knows nothing
    /// of tokens from before it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the revocation once it was polled; its report is lost.
    pub async fn revoke_subject(&self, subject: &str) -> RevokeReport {
        let revoking = self.desk.revoke_subject(subject);
        revoking.await.unwrap_or_default()
    }

    /// Issues nothing from now on, and revokes the tokens in stock, within 10 seconds. What callers have, they keep: it expires
    /// soon, and they may be in the middle of something. What a create request under way brings is revoked when it comes.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Dropping the future does not stop the shutdown once it was polled; its report is lost.
    pub async fn shutdown(&self) -> RevokeReport {
        self.desk.shut_down().await.unwrap_or_default()
    }

    /// What the issuer does from now on: each token issued, each refusal, each revocation.
    #[must_use]
    pub fn subscribe(&self) -> IssuerEvents {
        self.desk.audit.subscribe()
    }

    /// How the issuer is doing.
    #[must_use]
    pub fn status(&self) -> IssuerStatus {
        self.desk.status()
    }

    pub(super) fn of(desk: Desk) -> Self {
        Self {
            desk: Arc::new(desk),
        }
    }
}

impl<B> Service<Request<B>> for TokenIssuer
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        ResponseFuture(Box::pin(serve(Arc::clone(&self.desk), request)))
    }
}

/// The answer of a [`TokenIssuer`].
///
/// # Cancel safety
/// Dropping it loses no token: one that was on its way to this caller goes to the next.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture(Pin<Box<dyn Future<Output = Answer> + Send>>);

impl Future for ResponseFuture {
    type Output = Result<Response<Full<Bytes>>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

async fn serve<B: Body>(desk: Arc<Desk>, request: Request<B>) -> Answer {
    let (head, body) = request.into_parts();
    let mut subject = None;
    match respond(&desk, head, body, &mut subject).await {
        Ok(answer) => answer,
        Err(refusal) => {
            let answer = answer::refused(&refusal);
            desk.audit.tell(IssuerEvent::Refused {
                subject,
                status: refusal.status,
                code: refusal.code,
                cause: refusal.cause,
            });
            answer
        }
    }
}

/// The cheap questions first: nothing is read before it is known who asks, nothing is counted before all of it makes sense,
/// and nothing is sent anywhere before it is counted.
async fn respond<B: Body>(
    desk: &Arc<Desk>,
    head: Parts,
    body: B,
    subject: &mut Option<Subject>,
) -> Result<Answer, Refusal> {
    if Handle::try_current().is_err() {
        return Err(no_runtime());
    }
    let action = admission::admit(&head, &desk.settings.allowed_origins)?;
    let is_json = head.headers.contains_key(CONTENT_TYPE);
    let admitted = desk.next_number();
    let authorized = timeout(AUTHORIZED_WITHIN, desk.authorize.authorize(head)).await;
    let grant = authorized.map_err(|_| Refusal::unavailable(AUTHORIZED_WITHIN))??;
    *subject = Some(grant.shared_subject());
    let members = admission::read_object(is_json, body).await?;
    match action {
        Action::Issue => {
            desk.count(&grant.shared_subject(), Counted::Issue)?;
            issue(desk, &grant, admitted).await
        }
        Action::Revoke => {
            let id = admission::id_to_revoke(members)?;
            desk.count(&grant.shared_subject(), Counted::Revoke)?;
            revoke(desk, &grant, id.as_deref()).await
        }
    }
}

async fn issue(desk: &Arc<Desk>, grant: &Grant, admitted: u64) -> Result<Answer, Refusal> {
    let (token, facts) = desk.take(grant, admitted).await?.accept()?;
    desk.audit.tell(IssuerEvent::Issued {
        subject: grant.shared_subject(),
        id: token.id().map(Arc::from),
        expires_in: facts.expires_in,
    });
    Ok(answer::issued(&token, facts))
}

/// U6: the caller's own tokens alone, by its subject. The id is one of its own, or there is no such token.
async fn revoke(desk: &Arc<Desk>, grant: &Grant, id: Option<&str>) -> Result<Answer, Refusal> {
    let revoking = match id {
        Some(id) => desk.revoke_one(grant.subject(), id).ok_or_else(|| {
            Refusal::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "you have no token with this id",
            )
        })?,
        None => desk.revoke_subject(grant.subject()),
    };
    Ok(answer::revoked(revoking.await.unwrap_or_default()))
}

fn no_runtime() -> Refusal {
    Refusal::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "unavailable",
        "the issuer runs on a tokio runtime, and there is none",
    )
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuer")
            .field("settings", &self.desk.settings)
            .field("status", &self.status())
            .finish()
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture")
    }
}

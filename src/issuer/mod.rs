//! A service to mount in your backend, which hands short-lived tokens to your own frontends.
//!
//! The API key stays in the backend, and a browser gets a token that is good for five minutes and a thousand requests, once
//! your own session says who it is:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::Router;
//! use http::request::Parts;
//! use mobula_auth::emulator::Emulator;
//! use mobula_auth::issuer::{Grant, Refusal, TokenIssuer};
//! use mobula_auth::{ApiKey, TokenClient};
//!
//! let mobula = Emulator::new(); // in real life: a hyper-util client, and your key
//! let tokens = TokenClient::new(mobula.clone(), ApiKey::new(mobula.api_key())?);
//!
//! let issuer = TokenIssuer::new(tokens, async |head: Parts| {
//!     let user = user_of(&head).ok_or_else(Refusal::unauthenticated)?;
//!     Ok(Grant::new(user)?)
//! });
//! let app: Router = Router::new().route_service("/token", issuer.clone());
//! # fn user_of(head: &Parts) -> Option<&'static str> { head.headers.contains_key("cookie").then_some("user 7") }
//!
//! # use tower::ServiceExt;
//! # let ask = http::Request::post("/token").header("cookie", "session=7").body(axum::body::Body::empty())?;
//! # let answer = app.oneshot(ask).await?;
//! # assert_eq!(answer.status(), 200);
//! issuer.revoke_subject("user 7").await; // at the logout
//! # assert!(mobula.tokens().iter().any(|token| token.revoked));
//! # Ok(())
//! # }
//! ```
//!
//! # What it answers
//!
//! | Request | Answer |
//! |---|---|
//! | `POST`, without a body or with a JSON object | `200 { "token", "id", "expiresAt", "expiresIn", "requestLimit" }` |
//! | `DELETE` | `200 { "revoked", "left" }`: all of the caller's tokens are revoked |
//! | `DELETE` with `{ "id" }` | the same, for the one token; 404 if it is not the caller's |
//! | anything that fails | `{ "error", "message" }`, and `"retryAfter"` in seconds where there is a `Retry-After` |
//!
//! `expiresIn` is in milliseconds, as Mobula's is, and counts from the answer; go by it rather than by `expiresAt`, which is
//! by the clock of the server that made the token. `DELETE` is about all tokens of the subject because that is what a logout
//! means, and a page that was reloaded no longer knows the id of what it had. It goes by the subject, never by a token in the
//! request: whoever has stolen a token must not be able to tell whose it is, or to end a session with it.
//!
//! | Status | `error` | Why |
//! |---|---|---|
//! | 400 | `bad_request` | the body is no JSON object, or broke off |
//! | 401 | `unauthenticated`, `revoked` | the hook knows nobody; the subject was revoked meanwhile |
//! | 403 | `forbidden`, `forbidden_origin` | the hook says no; a page of another site asks |
//! | 404 | `not_found` | the caller has no token with this id |
//! | 405 | `method_not_allowed` | neither `POST` nor `DELETE` |
//! | 408, 413, 415 | `timeout`, `content_too_large`, `unsupported_media_type` | the body is slow, over 4 KiB, or not JSON |
//! | 429 | `rate_limited`, `globally_rate_limited`, `already_waiting` | a limit is used up; nothing was sent to Mobula |
//! | 500 | `misconfigured` | the hook made a grant that cannot be |
//! | 502 | `upstream_refused`; a report | Mobula refuses the key; not all tokens could be revoked |
//! | 503 | `over_capacity`, `upstream_unavailable`, `unavailable`, `shut_down` | no token in time, the hook is stuck, or the end |
//!
//! Every answer is `no-store`, `nosniff` and `no-referrer`, and varies by `Origin`.
//!
//! # Who gets a token, and when
//!
//! Mobula allows a key 5 create requests a minute, and each may bring 25 tokens. The issuer asks for as many as are waited
//! for and likely to be, through the governor of its `TokenClient`, and keeps the rest in stock; so it serves up to 125 callers
//! a minute (100, as `TokenClient` by default leaves one of the five to operators).
//!
//! - A token goes to one caller, once, with at least four fifths of its life left. What gets older in stock is revoked.
//! - Each subject has a limit, and so have all together. Both are looked at before anything is sent.
//! - Where tokens are short, callers wait: each subject in a line of its own, and the lines take turns, so whoever asks a
//!   thousand times waits for itself alone. Who would wait for longer than 10 seconds is told when to come back.
//! - A caller who hangs up while it waits loses nothing: its token goes to the next.
//! - When Mobula refuses the key, callers are told so at once; it is asked again after 5 seconds at the earliest, then ever
//!   more rarely.
//!
//! # Browsers
//!
//! Where pages of the issuer's own origin ask, nothing more is needed: `fetch("/token", { method: "POST" })`. Pages of other
//! origins must be listed in [`allowed_origins`](TokenIssuerBuilder::allowed_origins), and a CORS layer around the issuer must
//! let them read the answer; tower-http's does:
//!
//! ```
//! # use mobula_auth::issuer::{Grant, TokenIssuer};
//! # use mobula_auth::{ApiToken, CreateTokens, Error};
//! use http::{Method, header};
//! use tower::ServiceBuilder;
//! use tower_http::cors::{AllowOrigin, CorsLayer};
//!
//! # let tokens = async |_: CreateTokens| Ok::<_, Error>(vec![ApiToken::new("my-token")?]);
//! # let authorize = async |_: http::request::Parts| Ok(Grant::new("user")?);
//! let origin = "https://app.example.com";
//! let issuer = TokenIssuer::builder(tokens, authorize).allowed_origins([origin]).build()?;
//! let cors = CorsLayer::new()
//!     .allow_origin(AllowOrigin::list([origin.parse().expect("a header value")]))
//!     .allow_methods([Method::POST, Method::DELETE])
//!     .allow_headers([header::CONTENT_TYPE, header::AUTHORIZATION])
//!     .allow_credentials(true); // if the session is a cookie
//! let issuer = ServiceBuilder::new().layer(cors).service(issuer);
//! # let _ = issuer;
//! # Ok::<(), Error>(())
//! ```
//!
//! A form or a script of another site cannot mint with a visitor's cookies: what a form sends is not JSON (415), a script's
//! request has an `Origin` that is not listed (403), and a preflight is answered by the CORS layer alone. This goes by
//! the Fetch standard's `Origin` and by `Sec-Fetch-Site`, as OWASP's sheet on cross-site request forgery advises.
//! Set session cookies `SameSite=Lax` or `Strict` all the same.
//!
//! A token that a browser has can be read by every script of the page. That is why it is short-lived and good for few
//! requests, and why the key is somewhere else.
//!
//! # Other holders
//!
//! A worker or a partner that must not hold the key gets its tokens from the same endpoint: [`IssuedTokens`] is a source for
//! [`AutoRefreshingToken`](crate::AutoRefreshingToken).

mod admission;
mod allowed_origins;
mod answer;
mod appointments;
mod audit;
mod authorize;
mod builder;
mod demand;
mod desk;
mod grant;
mod handover;
mod issued;
mod issued_tokens;
mod limits;
mod pool;
mod queue;
mod recalls;
mod refusal;
mod report;
mod revocation;
mod seen;
mod settings;
mod status;
mod stocking;
mod token_issuer;
mod token_kind;
mod turned_away;

pub use audit::{IssuerEvent, IssuerEvents};
pub use authorize::{Authorize, FromExtensions};
pub use builder::TokenIssuerBuilder;
pub use grant::Grant;
pub use issued_tokens::IssuedTokens;
pub use refusal::Refusal;
pub use revocation::RevokeReport;
pub use status::IssuerStatus;
pub use token_issuer::{ResponseFuture, TokenIssuer};

//! The backend: who is signed in, and what they get.

use std::future::ready;
use std::time::Duration;

use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use mobula_auth::TokenSource;
use mobula_auth::issuer::{Grant, Refusal, TokenIssuer};
use serde_json::{Value, json};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::AnyError;
use crate::sessions::Sessions;

/// What the page is told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where Mobula is.
    pub(crate) mobula_url: String,
    /// How many requests a token is good for. Few, so that visitors see it swapped.
    pub(crate) request_limit: u64,
    /// How often the page asks for prices.
    pub(crate) every: Duration,
}

/// All that handlers share.
#[derive(Clone)]
pub(crate) struct Backend {
    sessions: Sessions,
    issuer: TokenIssuer,
    settings: Settings,
}

impl Backend {
    pub(crate) fn new(tokens: impl TokenSource, settings: Settings) -> Result<Self, AnyError> {
        let sessions = Sessions::default();
        let who_asks = sessions.clone();
        let authorize = move |head: Parts| {
            let session = who_asks.find(&head.headers);
            ready(
                session
                    .ok_or_else(Refusal::unauthenticated)
                    .and_then(|session| {
                        // One subject for each session: a logout here leaves the same user's other devices alone.
                        Ok(Grant::new(session.name())?)
                    }),
            )
        };
        let issuer = TokenIssuer::builder(tokens, authorize)
            .lifetime(Duration::from_secs(60))
            .request_limit(settings.request_limit)
            .build()?;
        Ok(Self {
            sessions,
            issuer,
            settings,
        })
    }

    pub(crate) fn issuer(&self) -> &TokenIssuer {
        &self.issuer
    }

    pub(crate) fn router(&self) -> Router {
        let file = |content_type: &'static str, text: &'static str| {
            get(move || ready(([(CONTENT_TYPE, content_type)], text)))
        };
        let router = Router::new()
            .route(
                "/",
                file("text/html; charset=utf-8", include_str!("page/index.html")),
            )
            .route(
                "/style.css",
                file("text/css", include_str!("page/style.css")),
            )
            .route(
                "/app.js",
                file("text/javascript", include_str!("page/app.js")),
            )
            .route(
                "/mobula-token.js",
                file("text/javascript", include_str!("page/mobula-token.js")),
            )
            .route("/session", get(session))
            .route("/login", post(login))
            .route("/logout", post(logout))
            .route("/revoke", post(revoke))
            .route_service("/token", self.issuer.clone())
            .with_state(self.clone());
        // Scripts and styles of this server alone; requests to it and to Mobula alone. Its icon is in the page itself.
        let policy = format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' {}; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            self.settings.mobula_url
        );
        let policy = HeaderValue::try_from(policy).expect("a URL is a header value");
        let header = |name: HeaderName, value| SetResponseHeaderLayer::if_not_present(name, value);
        router
            .layer(header(CONTENT_SECURITY_POLICY, policy))
            .layer(header(CACHE_CONTROL, HeaderValue::from_static("no-store")))
            .layer(header(
                X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ))
            .layer(header(
                REFERRER_POLICY,
                HeaderValue::from_static("no-referrer"),
            ))
    }
}

/// Who is signed in, and what its page needs to know.
async fn session(State(backend): State<Backend>, headers: HeaderMap) -> Response {
    let Some(session) = backend.sessions.find(&headers) else {
        return signed_out();
    };
    let settings = &backend.settings;
    Json(json!({
        "user": session.user,
        "mobula": settings.mobula_url,
        "every": u64::try_from(settings.every.as_millis()).unwrap_or(u64::MAX),
    }))
    .into_response()
}

/// JSON alone is taken, which no form of another site can send.
async fn login(State(backend): State<Backend>, Json(login): Json<Value>) -> Response {
    let text = |name: &str| login[name].as_str().unwrap_or_default();
    if let Some(cookie) = backend.sessions.open(text("name"), text("password")) {
        return (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response();
    }
    let message = json!({ "error": "unauthenticated", "message": "no such name and password" });
    (StatusCode::UNAUTHORIZED, Json(message)).into_response()
}

/// First the session ends, so that it gets no more tokens; then the tokens that it has.
async fn logout(State(backend): State<Backend>, headers: HeaderMap) -> Response {
    let Some((session, cookie)) = backend.sessions.close(&headers) else {
        return signed_out();
    };
    backend.issuer.revoke_subject(&session.name()).await;
    (StatusCode::NO_CONTENT, [(SET_COOKIE, cookie)]).into_response()
}

/// What an administrator would do: the session's tokens are of no use from now on, and it may have others.
async fn revoke(State(backend): State<Backend>, headers: HeaderMap) -> Response {
    let Some(session) = backend.sessions.find(&headers) else {
        return signed_out();
    };
    let report = backend.issuer.revoke_subject(&session.name()).await;
    Json(json!({ "revoked": report.revoked, "left": report.left })).into_response()
}

fn signed_out() -> Response {
    let message = json!({ "error": "unauthenticated", "message": "nobody is signed in" });
    (StatusCode::UNAUTHORIZED, Json(message)).into_response()
}

//! A token source and a server that do as they are told and remember what happened.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use mobula_auth::{ApiToken, AutoRefreshingToken, CreateTokens, Error, TokenSource};
use tokio::time::sleep;
use tower::{BoxError, ServiceExt, service_fn};

/// What the source does when it is asked; with nothing said, it gives what was asked for.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    AsAsked,
    After(Duration, Box<Self>),
    /// These tokens, with these lifetimes.
    Tokens(Vec<(&'static str, Duration)>),
    Fail(&'static str),
    Panic,
    Hang,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Source(Arc<Mutex<Story>>);

#[derive(Debug, Default)]
struct Story {
    answers: VecDeque<Answer>,
    asked: Vec<CreateTokens>,
    made: usize,
    revoked: Vec<String>,
}

impl Source {
    pub(super) fn then(self, answer: Answer) -> Self {
        self.0.lock().unwrap().answers.push_back(answer);
        self
    }

    /// How many create requests there were.
    pub(super) fn creates(&self) -> usize {
        self.0.lock().unwrap().asked.len()
    }

    pub(super) fn asked(&self) -> Vec<CreateTokens> {
        self.0.lock().unwrap().asked.clone()
    }

    pub(super) fn revoked(&self) -> Vec<String> {
        let mut revoked = self.0.lock().unwrap().revoked.clone();
        revoked.sort();
        revoked
    }

    fn make(&self, count: u32) -> Vec<ApiToken> {
        let mut story = self.0.lock().unwrap();
        (0..count)
            .map(|_| {
                story.made += 1;
                ApiToken::new(format!("token-{}", story.made)).unwrap()
            })
            .collect()
    }
}

impl TokenSource for Source {
    async fn create(&self, request: CreateTokens) -> Result<Vec<ApiToken>, Error> {
        let mut answer = {
            let mut story = self.0.lock().unwrap();
            story.asked.push(request);
            story.answers.pop_front().unwrap_or(Answer::AsAsked)
        };
        loop {
            answer = match answer {
                Answer::After(delay, then) => {
                    sleep(delay).await;
                    *then
                }
                Answer::AsAsked => return Ok(self.make(request.get_count())),
                Answer::Tokens(tokens) => {
                    return tokens
                        .into_iter()
                        .map(|(token, lifetime)| Ok(ApiToken::new(token)?.with_lifetime(lifetime)))
                        .collect();
                }
                Answer::Fail(why) => return Err(Error::other(why)),
                Answer::Panic => panic!("the script says so"),
                Answer::Hang => std::future::pending().await,
            }
        }
    }

    async fn revoke(&self, token: ApiToken) -> Result<(), Error> {
        self.0
            .lock()
            .unwrap()
            .revoked
            .push(token.expose_secret().to_owned());
        Ok(())
    }
}

/// A server that accepts every token but those it was told to reject, and says which one it saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Server(Arc<Mutex<Guard>>);

#[derive(Debug, Default)]
struct Guard {
    rejects_all: bool,
    rejected: HashSet<String>,
    seen: Vec<String>,
    latency: Duration,
}

impl Server {
    pub(super) fn rejecting_all(self) -> Self {
        self.0.lock().unwrap().rejects_all = true;
        self
    }

    pub(super) fn with_latency(self, latency: Duration) -> Self {
        self.0.lock().unwrap().latency = latency;
        self
    }

    pub(super) fn reject(&self, token: &str) {
        self.0
            .lock()
            .unwrap()
            .rejected
            .insert(format!("Bearer {token}"));
    }

    /// The `Authorization` header of each request that arrived.
    pub(super) fn seen(&self) -> Vec<String> {
        self.0.lock().unwrap().seen.clone()
    }

    pub(super) async fn answer<B>(
        self,
        request: Request<B>,
    ) -> Result<Response<String>, Infallible> {
        let header = request
            .headers()
            .get(AUTHORIZATION)
            .map(|value| value.to_str().unwrap().to_owned());
        let header = header.unwrap_or_default();
        let latency = {
            let mut guard = self.0.lock().unwrap();
            guard.seen.push(header.clone());
            guard.latency
        };
        if !latency.is_zero() {
            sleep(latency).await;
        }
        let guard = self.0.lock().unwrap();
        let rejected = guard.rejects_all || guard.rejected.contains(&header);
        let status = if rejected {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::OK
        };
        Ok(Response::builder().status(status).body(header).unwrap())
    }
}

pub(super) fn request() -> Request<()> {
    Request::get("https://api.mobula.io/api/1/market/data")
        .body(())
        .unwrap()
}

/// Sends one request and gives the token that it carried, or the error.
pub(super) async fn send(auth: &AutoRefreshingToken, server: &Server) -> Result<String, BoxError> {
    let response = answer(auth, server).await?;
    assert_eq!(response.status(), StatusCode::OK);
    Ok(response.into_body())
}

pub(super) async fn answer(
    auth: &AutoRefreshingToken,
    server: &Server,
) -> Result<Response<String>, BoxError> {
    let server = server.clone();
    let inner = service_fn(move |request: Request<()>| server.clone().answer(request));
    tower::Layer::layer(auth, inner).oneshot(request()).await
}

/// The crate's own error inside of a service's.
pub(super) fn ours(error: &BoxError) -> &Error {
    error
        .downcast_ref::<Error>()
        .expect("an error of this crate")
}

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

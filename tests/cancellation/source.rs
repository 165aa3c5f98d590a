//! A source and a server that do as they are told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use mobula_auth::emulator::{Emulator, Endpoint, Fault};
use mobula_auth::{ApiKey, ApiToken, CreateTokens, Error, TokenClient, TokenSource};
use tokio::time::sleep;

#[derive(Debug, Clone)]
pub(super) enum Answer {
    AsAsked,
    AsAskedAfter(Duration),
    /// The same token each time.
    Cached,
    Fail,
    FailAfter(Duration),
    /// An error that stays until somebody acts.
    Refuse(Error),
    Panic,
    Hang,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Source(Arc<Mutex<Story>>);

#[derive(Debug, Default)]
struct Story {
    answers: VecDeque<Answer>,
    creates: usize,
    made: usize,
    revoked: Vec<String>,
    rejected: Vec<String>,
}

impl Source {
    /// These answers, and then what is asked for.
    pub(super) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let source = Self::default();
        source.story().answers.extend(answers);
        source
    }

    pub(super) fn creates(&self) -> usize {
        self.story().creates
    }

    /// The texts of all tokens that were revoked.
    pub(super) fn revoked(&self) -> Vec<String> {
        self.story().revoked.clone()
    }

    /// The server accepts this token no more.
    pub(super) fn reject(&self, text: &str) {
        self.story().rejected.push(text.to_owned());
    }

    /// The server: every answer takes a second of the clock, or one turn of the tasks where `is_quick`.
    pub(super) async fn serve(
        self,
        request: Request<()>,
        is_quick: bool,
    ) -> Result<Response<()>, Infallible> {
        if is_quick {
            tokio::task::yield_now().await;
        } else {
            sleep(Duration::from_secs(1)).await;
        }
        let header = request.headers()[AUTHORIZATION].to_str().unwrap();
        let text = header.strip_prefix("Bearer ").unwrap();
        let is_rejected = self.story().rejected.iter().any(|it| it == text);
        let status = if is_rejected {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::OK
        };
        Ok(Response::builder().status(status).body(()).unwrap())
    }

    fn make(&self, count: u32) -> Vec<ApiToken> {
        let mut story = self.story();
        let made = story.made + 1;
        story.made += count as usize;
        let texts = (made..=story.made).map(|number| format!("token-{number}"));
        texts.map(|text| ApiToken::new(text).unwrap()).collect()
    }

    fn story(&self) -> MutexGuard<'_, Story> {
        self.0.lock().unwrap()
    }
}

impl TokenSource for Source {
    async fn create(&self, request: CreateTokens) -> Result<Vec<ApiToken>, Error> {
        let answer = {
            let mut story = self.story();
            story.creates += 1;
            story.answers.pop_front().unwrap_or(Answer::AsAsked)
        };
        match answer {
            Answer::AsAsked => {}
            Answer::Cached => return Ok(vec![ApiToken::new("cached")?]),
            Answer::AsAskedAfter(time) => sleep(time).await,
            Answer::Fail => return Err(Error::other("down")),
            Answer::FailAfter(time) => {
                sleep(time).await;
                return Err(Error::other("down"));
            }
            Answer::Refuse(error) => return Err(error),
            Answer::Panic => resume_unwind(Box::new("the script says so")),
            Answer::Hang => std::future::pending().await,
        }
        Ok(self.make(request.get_count()))
    }

    async fn revoke(&self, token: ApiToken) -> Result<(), Error> {
        let text = token.expose_secret().to_owned();
        let mut story = self.story();
        story.rejected.push(text.clone());
        story.revoked.push(text);
        Ok(())
    }
}

/// The error of a key that is not accepted. A source cannot make one, so a token client does.
pub(super) async fn refusal() -> Error {
    let emulator = Emulator::new();
    emulator.fault(Fault::status(StatusCode::UNAUTHORIZED).on(Endpoint::List));
    let key = ApiKey::new(emulator.api_key()).unwrap();
    TokenClient::new(emulator, key).list().await.unwrap_err()
}

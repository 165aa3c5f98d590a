//! The future of a request with a token.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::engine::Engine;
use super::live_token::Taken;
use super::token_copy::TokenCopy;
use super::wait::Granted;
use crate::credential_rules;
use crate::error::{BoxError, Error};
use crate::http_request::{HttpRequest, HttpResponse};

pin_project! {
    /// The response future of [`AutoRefresh`](super::AutoRefresh).
    pub struct ResponseFuture<S, R>
    where
        S: Service<R>,
    {
        #[pin]
        step: Step<S::Future, S, R>,
    }
}

pin_project! {
    #[project = StepProj]
    enum Step<F, S, R> {
        Sent { #[pin] response: F, token: SentToken },
        // There is no token yet, or there will be none. Boxed: once a refresh, not once a request.
        Unsent { unsent: Box<Unsent<S, R>> },
    }
}

/// The token that a request was sent with: whom to tell what became of it.
pub(super) enum SentToken {
    /// None: nobody needs to be told.
    Nothing,
    Shared {
        engine: Arc<Engine>,
        generation: u64,
    },
    Copy(Arc<TokenCopy>),
}

enum Unsent<S, R> {
    Waiting {
        token: Pin<Box<dyn Future<Output = Result<Granted, Error>> + Send>>,
        engine: Arc<Engine>,
        /// Already polled ready; gone once it was called.
        ready: Option<(S, R)>,
    },
    Failed(Option<Error>),
}

impl<S, R> ResponseFuture<S, R>
where
    S: Service<R>,
{
    pub(super) fn sent(response: S::Future, token: SentToken) -> Self {
        Self {
            step: Step::Sent { response, token },
        }
    }

    pub(super) fn waiting(engine: Arc<Engine>, ready: S, request: R, cost: i64) -> Self {
        Self::unsent(Unsent::Waiting {
            token: Box::pin(Arc::clone(&engine).grant(cost)),
            engine,
            ready: Some((ready, request)),
        })
    }

    pub(crate) fn failed(error: Error) -> Self {
        Self::unsent(Unsent::Failed(Some(error)))
    }

    fn unsent(unsent: Unsent<S, R>) -> Self {
        Self {
            step: Step::Unsent {
                unsent: Box::new(unsent),
            },
        }
    }
}

impl<S, R> Future for ResponseFuture<S, R>
where
    S: Service<R>,
    S::Response: HttpResponse,
    S::Error: Into<BoxError>,
    R: HttpRequest,
{
    type Output = Result<S::Response, BoxError>;

    #[expect(
        clippy::inline_always,
        reason = "a look at the status, around the inner future's `poll`"
    )]
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut step = self.project().step;
        loop {
            match step.as_mut().project() {
                StepProj::Sent { response, token } => {
                    return Poll::Ready(match ready!(response.poll(cx)) {
                        Ok(mut response) => {
                            token.note_status(&mut response);
                            Ok(response)
                        }
                        Err(error) => Err(error.into()),
                    });
                }
                StepProj::Unsent { unsent } => {
                    let sent = ready!(unsent.poll_sent(cx))?;
                    step.set(sent);
                }
            }
        }
    }
}

type Sent<S, R> = Result<Step<<S as Service<R>>::Future, S, R>, Error>;

impl<S, R> Unsent<S, R>
where
    S: Service<R>,
    R: HttpRequest,
{
    /// Apart from the other steps: it is most of the code, and seldom run.
    #[cold]
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Sent<S, R>> {
        match self {
            Self::Waiting {
                token,
                engine,
                ready,
            } => {
                let granted = ready!(token.as_mut().poll(cx))?;
                let Some((mut service, mut request)) = ready.take() else {
                    unreachable!("the step changes as soon as the service is called")
                };
                let (header, token) = match granted {
                    Granted::Token(Taken { header, generation }) => {
                        let engine = Arc::clone(engine);
                        (header, SentToken::Shared { engine, generation })
                    }
                    Granted::ApiKey(header) => (header, SentToken::Nothing),
                };
                credential_rules::add_authorization(request.headers_mut(), header);
                let response = service.call(request);
                Poll::Ready(Ok(Step::Sent { response, token }))
            }
            Self::Failed(error) => {
                let error = error.take();
                Poll::Ready(Err(error.expect("a future is not polled after it is ready")))
            }
        }
    }
}

impl<S, R> fmt::Debug for ResponseFuture<S, R>
where
    S: Service<R>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match &self.step {
            Step::Sent { .. } => "sent",
            Step::Unsent { .. } => "unsent",
        };
        f.debug_struct("ResponseFuture")
            .field("step", &step)
            .finish_non_exhaustive()
    }
}

/// Says of a response that the same request, sent again, would carry another token. `ReplayRejected` goes by it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replayable;

impl SentToken {
    #[inline]
    fn note_status<R: HttpResponse>(&self, response: &mut R) {
        let (engine, generation) = match self {
            Self::Nothing => return,
            Self::Shared { engine, generation } => (engine, *generation),
            Self::Copy(copy) => (copy.engine(), copy.generation()),
        };
        if response.status().is_success() {
            engine.accepted(generation);
        } else {
            note_refusal(engine, generation, response);
        }
    }
}

#[cold]
fn note_refusal<R: HttpResponse>(engine: &Arc<Engine>, generation: u64, response: &mut R) {
    let another_would_be_sent = match response.status() {
        StatusCode::UNAUTHORIZED => engine.rejected(generation),
        StatusCode::TOO_MANY_REQUESTS => engine.is_spent(generation),
        _ => false,
    };
    if another_would_be_sent {
        response.extensions_mut().insert(Replayable);
    }
}

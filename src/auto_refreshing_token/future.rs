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
use super::wait::Granted;
use crate::credential_rules::{self, CredentialHeader};
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
        // No token was put on the request.
        Untracked { #[pin] response: F },
        // A token of this generation was.
        Sent { #[pin] response: F, engine: Arc<Engine>, generation: u64 },
        // There is no token yet. Boxed: once a refresh, not once a request.
        Waiting { waiting: Box<Waiting<S, R>> },
        Failed { error: Option<Error> },
    }
}

struct Waiting<S, R> {
    token: Pin<Box<dyn Future<Output = Result<Granted, Error>> + Send>>,
    engine: Arc<Engine>,
    /// Already polled ready; gone once it was called.
    ready: Option<(S, R)>,
}

impl<S, R> ResponseFuture<S, R>
where
    S: Service<R>,
{
    pub(super) fn untracked(response: S::Future) -> Self {
        Self {
            step: Step::Untracked { response },
        }
    }

    pub(super) fn sent(response: S::Future, engine: Arc<Engine>, generation: u64) -> Self {
        Self {
            step: Step::Sent {
                response,
                engine,
                generation,
            },
        }
    }

    pub(super) fn waiting(engine: Arc<Engine>, ready: S, request: R, cost: i64) -> Self {
        let token = Box::pin(Arc::clone(&engine).grant(cost));
        Self {
            step: Step::Waiting {
                waiting: Box::new(Waiting {
                    token,
                    engine,
                    ready: Some((ready, request)),
                }),
            },
        }
    }

    pub(crate) fn failed(error: Error) -> Self {
        Self {
            step: Step::Failed { error: Some(error) },
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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut step = self.project().step;
        loop {
            match step.as_mut().project() {
                StepProj::Untracked { response } => return response.poll(cx).map_err(Into::into),
                StepProj::Sent {
                    response,
                    engine,
                    generation,
                } => {
                    let mut response = ready!(response.poll(cx)).map_err(Into::into)?;
                    note_status(engine, *generation, &mut response);
                    return Poll::Ready(Ok(response));
                }
                StepProj::Waiting { waiting } => {
                    let granted = ready!(waiting.token.as_mut().poll(cx))?;
                    let Some((mut service, mut request)) = waiting.ready.take() else {
                        unreachable!("the step changes as soon as the service is called")
                    };
                    let header = CredentialHeader::Authorization;
                    let next = match granted {
                        Granted::Token(Taken {
                            header: value,
                            generation,
                        }) => {
                            let engine = Arc::clone(&waiting.engine);
                            credential_rules::add(request.headers_mut(), header, value);
                            Step::Sent {
                                response: service.call(request),
                                engine,
                                generation,
                            }
                        }
                        Granted::ApiKey(value) => {
                            credential_rules::add(request.headers_mut(), header, value);
                            Step::Untracked {
                                response: service.call(request),
                            }
                        }
                    };
                    step.set(next);
                }
                StepProj::Failed { error } => {
                    let error = error
                        .take()
                        .expect("a future is not polled after it is ready");
                    return Poll::Ready(Err(error.into()));
                }
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
            Step::Untracked { .. } => "untracked",
            Step::Sent { .. } => "sent",
            Step::Waiting { .. } => "waiting",
            Step::Failed { .. } => "failed",
        };
        f.debug_struct("ResponseFuture")
            .field("step", &step)
            .finish_non_exhaustive()
    }
}

/// Says of a response that the same request, sent again, would carry another token. `ReplayRejected` goes by it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Replayable;

fn note_status<R: HttpResponse>(engine: &Arc<Engine>, generation: u64, response: &mut R) {
    let another_would_be_sent = match response.status() {
        status if status.is_success() => return engine.accepted(generation),
        StatusCode::UNAUTHORIZED => engine.rejected(generation),
        StatusCode::TOO_MANY_REQUESTS => engine.is_spent(generation),
        _ => return,
    };
    if another_would_be_sent {
        response.extensions_mut().insert(Replayable);
    }
}

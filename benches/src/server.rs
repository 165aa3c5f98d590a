//! A service that keeps its caller busy about as long as an HTTP client would, and rejects tokens when told to.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use tower::Service;

/// Knows tokens by the number that they end with.
#[derive(Debug, Clone, Default)]
pub struct Server {
    last_seen: Arc<AtomicU64>,
    rejected_up_to: Arc<AtomicU64>,
}

impl Server {
    /// What each request takes at least.
    pub const WORK: Duration = Duration::from_micros(20);

    /// The number of the token that it saw last.
    #[must_use]
    pub fn last_seen(&self) -> u64 {
        self.last_seen.load(Ordering::Relaxed)
    }

    /// Answers 401 to the token that it saw last, and to those before, from now on.
    pub fn reject_last_seen(&self) {
        self.rejected_up_to
            .store(self.last_seen(), Ordering::Relaxed);
    }
}

impl Service<Request<()>> for Server {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        let begin = Instant::now();
        let token = number(request.headers()[AUTHORIZATION].as_bytes());
        self.last_seen.store(token, Ordering::Relaxed);
        let mut response = Response::new(());
        if token <= self.rejected_up_to.load(Ordering::Relaxed) {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
        }
        while begin.elapsed() < Self::WORK {
            spin_loop();
        }
        ready(Ok(response))
    }
}

/// The eight digits at the end, plus one: 0 is before any token.
fn number(token: &[u8]) -> u64 {
    let digits = &token[token.len() - 8..];
    let number: u64 = str::from_utf8(digits).unwrap().parse().unwrap();
    number + 1
}

//! An issuer, the emulator behind it, and the book of what it answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use mobula_auth::emulator::Emulator;
use mobula_auth::issuer::{Grant, Refusal, TokenIssuer, TokenIssuerBuilder};
use mobula_auth::{ApiKey, TokenClient};
use tokio::runtime::Builder;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::book::{Book, Told};
use crate::network::{Log, Network};

#[derive(Clone)]
pub(crate) struct World {
    pub(crate) issuer: TokenIssuer,
    pub(crate) emulator: Emulator,
    pub(crate) log: Arc<Log>,
    pub(crate) book: Arc<Mutex<Book>>,
}

impl World {
    pub(crate) fn new(seed: u64, slowest: Duration, mishaps: f64) -> Self {
        Self::with(seed, slowest, mishaps, |builder| builder)
    }

    /// With other settings of the issuer.
    pub(crate) fn with(
        seed: u64,
        slowest: Duration,
        mishaps: f64,
        settings: impl FnOnce(TokenIssuerBuilder) -> TokenIssuerBuilder,
    ) -> Self {
        let emulator = Emulator::new();
        let log = Arc::<Log>::default();
        let network = Network {
            emulator: emulator.clone(),
            log: Arc::clone(&log),
            mishaps,
            slowest,
            seed,
        };
        let tokens = TokenClient::new(network, ApiKey::new(emulator.api_key()).unwrap());
        let builder = TokenIssuer::builder(tokens, by_header).jitter_seed(seed);
        let issuer = settings(builder).build().unwrap();
        Self {
            issuer,
            emulator,
            log,
            book: Arc::default(),
        }
    }

    /// Asks once and notes the answer.
    pub(crate) async fn ask(&self, subject: &str) -> Told {
        let asked_at = Instant::now();
        let request = Request::post("/token").header("x-user", subject);
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let Ok(answer) = self.issuer.clone().oneshot(request).await;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let answer = Response::from_parts(head, body);
        let mut book = self.book.lock().unwrap();
        book.note(&self.emulator, subject, asked_at, &answer)
    }

    /// What there is against it, in the end.
    pub(crate) fn close(&self) -> Book {
        let mut book = std::mem::take(&mut *self.book.lock().unwrap());
        book.judge_creates(&self.log.creates());
        for violation in self.emulator.violations() {
            book.breach(format!("Mobula saw {:?}", violation.kind));
        }
        book
    }
}

/// Whom `x-user` names is known.
pub(crate) async fn by_header(head: Parts) -> Result<Grant, Refusal> {
    let user = head.headers.get("x-user").and_then(|it| it.to_str().ok());
    Ok(Grant::new(user.ok_or_else(Refusal::unauthenticated)?)?)
}

/// Runs under a clock that jumps to whatever happens next.
pub(crate) fn simulated<F: Future>(future: F) -> F::Output {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(future)
}

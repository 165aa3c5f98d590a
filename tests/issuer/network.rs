//! The way to Mobula: it takes its time, and now and then something is lost on it.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use mobula_auth::emulator::Emulator;
use tokio::time::{Instant, sleep};
use tower::{BoxError, Service, ServiceExt};

use crate::random::Random;

#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) emulator: Emulator,
    pub(crate) log: Arc<Log>,
    /// The share of create requests that come to nothing.
    pub(crate) mishaps: f64,
    pub(crate) slowest: Duration,
    pub(crate) seed: u64,
}

/// What went over it.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Passed>);

#[derive(Debug, Default)]
struct Passed {
    creates: Vec<Instant>,
    mishaps: Vec<Instant>,
    requests: u64,
}

impl Log {
    /// When create requests arrived.
    pub(crate) fn creates(&self) -> Vec<Instant> {
        self.0.lock().unwrap().creates.clone()
    }

    /// When create requests came to nothing.
    pub(crate) fn mishaps(&self) -> Vec<Instant> {
        self.0.lock().unwrap().mishaps.clone()
    }

    fn next_number(&self) -> u64 {
        let mut passed = self.0.lock().unwrap();
        passed.requests += 1;
        passed.requests
    }
}

type Answer = Result<Response<Full<Bytes>>, BoxError>;

impl Service<Request<Full<Bytes>>> for Network {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let network = self.clone();
        Box::pin(async move { network.carry(request).await })
    }
}

impl Network {
    async fn carry(self, request: Request<Full<Bytes>>) -> Answer {
        let mut random = Random::named(self.seed, &[1, self.log.next_number()]);
        let slowest = u64::try_from(self.slowest.as_millis()).unwrap();
        let takes = random.milliseconds(5, slowest);
        let is_create = request.method() == http::Method::POST;
        let mishap = is_create && random.chance(self.mishaps);
        sleep(takes / 2).await;
        if is_create {
            self.log.0.lock().unwrap().creates.push(Instant::now());
        }
        if mishap {
            self.log.0.lock().unwrap().mishaps.push(Instant::now());
            if random.chance(0.5) {
                return Err("the connection was reset".into());
            }
            let mut broken = Response::new(Full::default());
            *broken.status_mut() = StatusCode::BAD_GATEWAY;
            return Ok(broken);
        }
        let (head, body) = self.emulator.oneshot(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        sleep(takes / 2).await;
        Ok(Response::from_parts(head, Full::new(body)))
    }
}

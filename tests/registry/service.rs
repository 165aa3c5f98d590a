//! The network and the service behind it: where tokens are made, and where they are sent.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use mobula_auth::ApiKey;
use tokio::time::{Instant, sleep};
use tower::{BoxError, Service};

use super::random::Random;
use super::world::World;

/// Travels with a request: for which tenant it is, and which one it is by stage, caller and number.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) tenant: usize,
    pub(crate) name: [u64; 3],
}

#[derive(Clone)]
pub(crate) enum Side {
    /// Where create requests and revocations of a tenant go, numbered.
    Tokens { calls: Arc<AtomicU64> },
    /// Where requests with tokens go.
    Data { began_at: Instant },
}

#[derive(Clone)]
pub(crate) struct Network {
    pub(crate) world: Arc<World>,
    pub(crate) side: Side,
}

type Answer = Result<Response<Full<Bytes>>, BoxError>;

#[derive(Debug, Clone, Copy)]
enum Mishap {
    None,
    /// It never arrives, and nobody says so.
    Lost,
    Reset,
    /// It arrives, and its answer does not.
    AnswerLost,
    Failed(StatusCode),
}

struct Fate {
    takes: Duration,
    mishap: Mishap,
}

impl Service<Request<Full<Bytes>>> for Network {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let network = self.clone();
        match &self.side {
            Side::Tokens { calls } => {
                let number = calls.fetch_add(1, Ordering::Relaxed);
                Box::pin(async move { network.token_call(request, number).await })
            }
            Side::Data { began_at } => {
                let began_at = *began_at;
                Box::pin(async move { network.data_call(request, began_at).await })
            }
        }
    }
}

impl Network {
    async fn data_call(self, request: Request<Full<Bytes>>, began_at: Instant) -> Answer {
        let Ticket { tenant, name } = request.extensions().get::<Ticket>().unwrap().clone();
        {
            let mut ledger = self.world.ledger();
            if request.extensions().get::<ApiKey>().is_some() {
                ledger.breach(format!(
                    "a key of tenant {tenant} went further than the registry"
                ));
            }
            let credential = request.headers().get(AUTHORIZATION);
            let credential = credential.map_or(&b""[..], |value| value.as_bytes());
            ledger.data_arrives(tenant, credential, &name, began_at.elapsed());
        }
        let fate = self.fate(&[0, name[0], name[1], name[2]], 0.01, 0.02);
        let response = self.meet(request, fate).await?;
        let mut ledger = self.world.ledger();
        match response.status() {
            StatusCode::OK => ledger.book.answered += 1,
            StatusCode::UNAUTHORIZED => ledger.book.rejected += 1,
            StatusCode::SERVICE_UNAVAILABLE => {}
            status => ledger.breach(format!(
                "a request of tenant {tenant} was answered {status}"
            )),
        }
        drop(ledger);
        Ok(response)
    }

    /// By whose key it is, the service's books say what it makes.
    async fn token_call(self, request: Request<Full<Bytes>>, number: u64) -> Answer {
        let key = request.headers()[AUTHORIZATION].to_str().unwrap();
        let tenant = self.world.tenant_of(key);
        let creates = request.method() == Method::POST;
        if creates {
            self.world.ledger().create_arrives(tenant);
        }
        let fate = self.fate(&[1, tenant as u64, number], 0.1, 0.9);
        let response = self.meet(request, fate).await?;
        let mut ledger = self.world.ledger();
        if !creates || !response.status().is_success() {
            ledger.book.revoked += u64::from(!creates && response.status().is_success());
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let body = body.into_inner().unwrap_or_default();
        let json: serde_json::Value = serde_json::from_slice(&body)?;
        for token in json["createApiTokens"].as_array().unwrap() {
            ledger.made(
                tenant,
                token["token"].as_str().unwrap(),
                token["id"].as_str().unwrap(),
            );
        }
        drop(ledger);
        Ok(Response::from_parts(head, Full::from(body)))
    }

    fn fate(&self, name: &[u64], trouble: f64, slow: f64) -> Fate {
        let mut random = Random::named(self.world.seed, name);
        let takes = if random.chance(slow) {
            random.milliseconds(1, 2_000)
        } else {
            Duration::ZERO
        };
        let mishap = match random.between(0, 5) {
            _ if !random.chance(trouble) => Mishap::None,
            0 => Mishap::Lost,
            1 | 2 => Mishap::Reset,
            3 => Mishap::AnswerLost,
            _ => Mishap::Failed(StatusCode::SERVICE_UNAVAILABLE),
        };
        Fate { takes, mishap }
    }

    async fn meet(&self, request: Request<Full<Bytes>>, fate: Fate) -> Answer {
        if !fate.takes.is_zero() {
            sleep(fate.takes).await;
        }
        if !matches!(fate.mishap, Mishap::None) {
            self.world.ledger().book.mishaps += 1;
        }
        match fate.mishap {
            Mishap::None => {
                let response = self.world.emulator.clone().call(request).await?;
                let (head, body) = response.into_parts();
                let body = match self.side {
                    Side::Tokens { .. } => body.collect().await?.to_bytes(),
                    // Nobody reads it.
                    Side::Data { .. } => Bytes::new(),
                };
                Ok(Response::from_parts(head, Full::from(body)))
            }
            Mishap::Lost => pending().await,
            Mishap::Reset => Err("the connection was reset".into()),
            Mishap::AnswerLost => {
                self.world.emulator.clone().call(request).await?;
                pending().await
            }
            Mishap::Failed(status) => {
                let mut response = Response::new(Full::default());
                *response.status_mut() = status;
                Ok(response)
            }
        }
    }
}

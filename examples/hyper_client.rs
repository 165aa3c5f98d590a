//! A hyper-util client that runs on short-lived tokens alone: 1,000 requests at once, one create request.
//!
//! ```sh
//! cargo run --example hyper_client
//! ```
//!
//! It needs nothing: Mobula's auth service is emulated in this process, behind a real socket.
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;
use std::time::Instant;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::Emulator;
use mobula_auth::{ApiKey, AutoRefreshingToken, TokenClient};
use tokio::task::JoinSet;
use tower::{ServiceBuilder, ServiceExt};

type AnyError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let emulator = Emulator::new();
    let server = emulator.serve().await?;

    // One HTTP client: bare for the token API, wrapped for everything else.
    let http_client = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http::<Full<Bytes>>();

    // For the real service: `ApiKey::from_env()?`, no `base_url`, and a connector that speaks TLS.
    let tokens = TokenClient::new(http_client.clone(), ApiKey::new(emulator.api_key())?)
        .base_url(server.url())?;
    let auth = AutoRefreshingToken::new(tokens);
    let client = ServiceBuilder::new()
        .layer(auth.clone())
        .service(http_client);

    println!("1,000 requests at once over HTTP/2, without a token to begin with");
    #[expect(clippy::disallowed_methods, reason = "a real duration, to show")]
    let start = Instant::now();
    let mut calls: JoinSet<Result<StatusCode, AnyError>> = JoinSet::new();
    for _ in 0..1_000 {
        let client = client.clone();
        let request = Request::get(format!("{}/api/1/market/data?asset=ethereum", server.url()))
            .body(Full::default())?;
        calls.spawn(async move { Ok(client.oneshot(request).await?.status()) });
    }
    let mut succeeded = 0;
    while let Some(call) = calls.join_next().await {
        succeeded += usize::from(call?? == StatusCode::OK);
    }
    println!(
        "{succeeded} of them answered 200 after {:?}",
        start.elapsed()
    );
    println!("{:?}", auth.status());

    let report = auth.shutdown().await;
    let counts = emulator.counts();
    println!(
        "shut down: {} tokens revoked, {} left to expire",
        report.revoked, report.left
    );
    println!(
        "the server saw {} requests with a token, {} create request, and {} violations",
        counts.data.received, counts.create.received, counts.violations,
    );
    Ok(())
}

//! A backend that calls Mobula with its customers' keys: each has short-lived tokens of its own, and there is room for two.
//!
//! ```sh
//! cargo run --example many_tenants
//! ```
//!
//! It needs nothing: Mobula is emulated in this process, behind a real socket.
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::{Emulator, Plan};
use mobula_auth::{ApiKey, AutoRefreshingToken, TokenClient, TokenRegistry};
use tower::{ServiceBuilder, ServiceExt};

type AnyError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let emulator = Emulator::new();
    let server = emulator.serve().await?;
    let http_client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();

    // Called once for each new tenant. For the real service there is no `base_url`.
    let registry = TokenRegistry::with_capacity(2, {
        let (http_client, url) = (http_client.clone(), server.url());
        move |key| {
            let tokens = TokenClient::new(http_client.clone(), key).base_url(&url)?;
            AutoRefreshingToken::builder(tokens).build()
        }
    });
    let client = ServiceBuilder::new()
        .layer(registry.clone())
        .service(http_client);

    let url = format!("{}/api/1/market/data?asset=bitcoin", server.url());
    let customers = ["Ada", "Bea", "Cyd"].map(|name| (name, emulator.add_api_key(Plan::Growth)));
    println!("three customers, and room for two: whoever was away for longest makes room");
    for place in [0, 1, 0, 2, 0, 1] {
        let (name, key) = &customers[place];
        let before = emulator.counts().create.received;
        let request = Request::get(&url)
            .extension(ApiKey::new(key)?)
            .body(Full::default())?;
        let status = client.clone().oneshot(request).await?.status();
        let tokens = match emulator.counts().create.received - before {
            0 => "the token that was there",
            _ => "a new token",
        };
        println!("  {name}: {status}, with {tokens}");
    }

    let nobody = Request::get(&url).body(Full::default())?;
    if let Err(error) = client.oneshot(nobody).await {
        println!("and a request of nobody's: {error}");
    }

    let report = registry.shutdown().await;
    println!(
        "shut down: {} tokens revoked, {} left to expire; the server saw {} violations",
        report.revoked,
        report.left,
        emulator.counts().violations,
    );
    Ok(())
}

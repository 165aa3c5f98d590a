//! A backend that hands short-lived Mobula tokens to its own frontend, and the frontend: a page with live prices.
//!
//! ```sh
//! cargo run --example issue_tokens              # open the address that it prints
//! PORT=8080 cargo run --example issue_tokens    # port 3000 by default, 0 picks one
//! cargo run --example issue_tokens -- --tour    # a visitor made of Rust looks around, then it ends
//! ```
//!
//! It needs nothing: Mobula is emulated in this process, behind a real socket. The API key stays in the backend
//! (`backend.rs`); the page asks Mobula itself, with a token of its own, which `page/mobula-token.js` keeps fresh. Copy that
//! file: it is all that a page needs.
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

mod backend;
mod mobula;
mod sessions;
mod tour;

use std::env;
use std::error::Error;
use std::time::Duration;

use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::Emulator;
use mobula_auth::{ApiKey, TokenClient};
use tokio::net::TcpListener;

use crate::backend::{Backend, Settings};

pub(crate) type AnyError = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let is_tour = env::args().any(|argument| argument == "--tour");
    let port = match env::var("PORT") {
        _ if is_tour => 0,
        Ok(port) => port.parse().map_err(|_| "PORT is a number up to 65535")?,
        Err(_) => 3000,
    };

    let emulator = Emulator::new();
    let mobula_url = mobula::serve(emulator.clone()).await?;
    let http_client = Client::builder(TokioExecutor::new()).build_http();
    let key = ApiKey::new(emulator.api_key())?; // ApiKey::from_env()? for the real service
    let tokens = TokenClient::new(http_client, key).base_url(&mobula_url)?;
    let backend = Backend::new(
        tokens,
        Settings {
            mobula_url,
            request_limit: 30,
            every: Duration::from_secs(1),
        },
    )?;

    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("live prices on {url}");
    println!("sign in as ann or bob, with the password that the page shows; Ctrl-C ends it");
    let serving = tokio::spawn(axum::serve(listener, backend.router()).into_future());
    if is_tour {
        tour::take(&url).await?;
    } else {
        tokio::signal::ctrl_c().await?;
    }
    serving.abort();
    let report = backend.issuer().shutdown().await;
    println!(
        "on the way down: {} tokens that nobody had, revoked",
        report.revoked
    );
    println!(
        "Mobula saw {} create requests and {} requests of pages, and {} violations",
        emulator.counts().create.received,
        emulator.counts().data.received,
        emulator.counts().violations,
    );
    Ok(())
}

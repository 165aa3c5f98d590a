//! An axum service that calls Mobula for its own visitors: they see prices, and no credential.
//!
//! ```sh
//! cargo run --example axum_gateway              # three visitors come, then it ends
//! cargo run --example axum_gateway -- --stay    # stays up until Ctrl-C, for your browser
//! ```
//!
//! It needs nothing: Mobula is emulated in this process, behind a real socket. The gateway's credential is an
//! `AutoRefreshingToken`, shared by all of its handlers; on the way down it revokes what is live.
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::Emulator;
use mobula_auth::{ApiKey, AutoRefresh, AutoRefreshingToken, TokenClient};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tower::{Layer, ServiceExt};

type AnyError = Box<dyn Error + Send + Sync>;

/// What a handler needs to call Mobula; a clone is cheap, and shares the token.
#[derive(Clone)]
struct Mobula {
    client: AutoRefresh<Client<HttpConnector, Full<Bytes>>>,
    base_url: String,
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let emulator = Emulator::new();
    let server = emulator.serve().await?;

    let http_client = Client::builder(TokioExecutor::new()).build_http();
    let key = ApiKey::new(emulator.api_key())?; // ApiKey::from_env()? for the real service
    let tokens = TokenClient::new(http_client.clone(), key).base_url(server.url())?;
    let auth = AutoRefreshingToken::new(tokens);
    let mobula = Mobula {
        client: auth.layer(http_client),
        base_url: server.url(),
    };

    let gateway = Router::new()
        .route("/price/{asset}", get(price))
        .with_state(mobula);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("the gateway listens on http://{address}/price/bitcoin");

    let (stop, stopped) = oneshot::channel::<()>();
    let serving = axum::serve(listener, gateway).with_graceful_shutdown(async {
        // An error is a sender that is gone, which means the same.
        let _ = stopped.await;
    });
    let serving = tokio::spawn(serving.into_future());

    if std::env::args().any(|argument| argument == "--stay") {
        tokio::signal::ctrl_c().await?;
    } else {
        three_visitors(&format!("http://{address}")).await?;
    }

    let _ = stop.send(());
    serving.await??;
    let report = auth.shutdown().await;
    println!("on the way down: {} tokens revoked", report.revoked);
    println!(
        "Mobula saw {} requests for the gateway's visitors, all with one token of {} create request",
        emulator.counts().data.received,
        emulator.counts().create.received,
    );
    Ok(())
}

async fn price(State(mobula): State<Mobula>, Path(asset): Path<String>) -> Response {
    let is_plain = !asset.is_empty()
        && asset
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_plain {
        return (
            StatusCode::BAD_REQUEST,
            "an asset is a name such as bitcoin",
        )
            .into_response();
    }
    let uri = format!("{}/api/1/market/data?asset={asset}", mobula.base_url);
    let request = Request::get(uri)
        .body(Full::default())
        .expect("a plain name is a valid query");
    match mobula.client.oneshot(request).await {
        Ok(response) => {
            let (parts, body) = response.into_parts();
            (parts.status, Body::new(body)).into_response()
        }
        // The error says why there is no token, or that Mobula is out of reach; never a credential.
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

async fn three_visitors(gateway: &str) -> Result<(), AnyError> {
    let visitor = reqwest::Client::builder().no_proxy().build()?;
    for asset in ["bitcoin", "ethereum", "not%20an%20asset"] {
        let response = visitor
            .get(format!("{gateway}/price/{asset}"))
            .send()
            .await?;
        println!(
            "a visitor asks for {asset}: {} {}",
            response.status().as_u16(),
            response.text().await?
        );
    }
    Ok(())
}

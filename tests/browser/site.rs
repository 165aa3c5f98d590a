//! The example's backend and the Mobula behind it, both recorded.

use std::time::Duration;

use axum::Router;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::{Emulator, Server};
use mobula_auth::{ApiKey, TokenClient};
use tokio::net::TcpListener;

use crate::backend::{Backend, Settings};
use crate::mobula;
use crate::recorder::Recorder;

pub(crate) struct Site {
    pub(crate) url: String,
    pub(crate) backend: Backend,
    pub(crate) emulator: Emulator,
    /// What the backend and Mobula told browsers.
    pub(crate) recorder: Recorder,
    /// Where the backend gets tokens, until this is dropped.
    _server: Server,
}

/// Tokens for 12 requests, and a request each 100 ms.
pub(crate) async fn open() -> Site {
    let emulator = Emulator::new();
    let recorder = Recorder::default();
    let mobula_url = serve(recorder.record(mobula::router(emulator.clone()))).await;
    let server = emulator.serve().await.unwrap();
    let http_client = Client::builder(TokioExecutor::new()).build_http();
    let tokens = TokenClient::new(http_client, ApiKey::new(emulator.api_key()).unwrap());
    let backend = Backend::new(
        tokens.base_url(server.url()).unwrap(),
        Settings {
            mobula_url,
            request_limit: 12,
            every: Duration::from_millis(100),
        },
    )
    .unwrap();
    Site {
        url: serve(recorder.record(backend.router())).await,
        backend,
        emulator,
        recorder,
        _server: server,
    }
}

pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    url
}

//! A real HTTP/1 server on loopback, on a thread of its own, and clients of it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

pub type Body = Empty<Bytes>;

static AUTHORIZED: AtomicU64 = AtomicU64::new(0);

/// Gives all requests the same answer, as long as the process lives.
#[must_use]
pub fn serve() -> SocketAddr {
    let runtime = Builder::new_current_thread().enable_io().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        runtime.block_on(async {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let connection = TokioIo::new(stream);
                let answers =
                    http1::Builder::new().serve_connection(connection, service_fn(answer));
                tokio::spawn(answers);
            }
        })
    });
    address
}

/// How many requests with `Authorization` have been answered.
#[must_use]
pub fn authorized() -> u64 {
    AUTHORIZED.load(Ordering::Relaxed)
}

async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let is_authorized = request.headers().contains_key(AUTHORIZATION);
    AUTHORIZED.fetch_add(u64::from(is_authorized), Ordering::Relaxed);
    Ok(Response::new(Empty::new()))
}

#[must_use]
pub fn hyper_client() -> Client<HttpConnector, Body> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Without proxies, so that the environment cannot send requests elsewhere.
#[must_use]
pub fn reqwest_client() -> reqwest::Client {
    // With these peers, reqwest is built with rustls.
    #[cfg(feature = "heavy-peers")]
    crate::tls::install_provider();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

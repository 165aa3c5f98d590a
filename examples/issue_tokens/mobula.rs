//! Mobula as a page sees it: the emulator behind a socket of its own, which lets pages of every origin ask.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use mobula_auth::emulator::Emulator;
use tokio::net::TcpListener;
use tower::ServiceExt;
use tower_http::cors::{Any, CorsLayer};

use crate::AnyError;

/// Serves it on loopback and gives its URL.
pub(crate) async fn serve(emulator: Emulator) -> Result<String, AnyError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(axum::serve(listener, router(emulator)).into_future());
    Ok(url)
}

pub(crate) fn router(emulator: Emulator) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET])
        .allow_headers([AUTHORIZATION]);
    Router::new()
        .fallback(answer)
        .layer(cors)
        .with_state(emulator)
}

async fn answer(State(emulator): State<Emulator>, request: Request) -> Response {
    match emulator.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

//! All that servers tell a browser.

use std::fmt::Write;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};

/// One answer, whole.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Method and path of the request.
    pub(crate) to: String,
    pub(crate) origin: Option<String>,
    pub(crate) status: u16,
    /// Head and body as text.
    pub(crate) text: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<Answer>>>);

impl Recorder {
    pub(crate) fn record(&self, router: Router) -> Router {
        let recorder = self.clone();
        router.layer(from_fn(move |request: Request, next: Next| {
            let recorder = recorder.clone();
            async move {
                let to = format!("{} {}", request.method(), request.uri());
                let origin = request.headers().get("origin");
                let origin = origin.map(|it| it.to_str().unwrap().to_owned());
                let (head, body) = next.run(request).await.into_parts();
                let body = to_bytes(body, 1 << 20).await.unwrap();
                let mut text = String::new();
                for (name, value) in &head.headers {
                    writeln!(
                        text,
                        "{name}: {}",
                        String::from_utf8_lossy(value.as_bytes())
                    )
                    .unwrap();
                }
                text.push_str(&String::from_utf8_lossy(&body));
                recorder.0.lock().unwrap().push(Answer {
                    to,
                    origin,
                    status: head.status.as_u16(),
                    text,
                });
                axum::response::Response::from_parts(head, Body::from(body))
            }
        }))
    }

    pub(crate) fn answers(&self) -> Vec<Answer> {
        self.0.lock().unwrap().clone()
    }

    /// How many requests of this method and path there were.
    pub(crate) fn count(&self, to: &str) -> usize {
        self.answers()
            .iter()
            .filter(|answer| answer.to == to)
            .count()
    }
}

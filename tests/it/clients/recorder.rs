//! Servers on loopback that remember what reached them.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An HTTP/1.1 server that keeps the very bytes of each request's head and answers 200 to all.
#[derive(Debug, Clone)]
pub(crate) struct RawRecorder {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl RawRecorder {
    pub(crate) async fn start() -> Self {
        let (listener, url) = bind().await;
        let recorder = Self {
            url,
            heads: Arc::default(),
        };
        let heads = Arc::clone(&recorder.heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(record(stream, Arc::clone(&heads)));
            }
        });
        recorder
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// The lines of the last head that are `Authorization` or `x-api-key`, as they came.
    pub(crate) fn credential_lines(&self) -> Vec<String> {
        let heads = self.heads();
        let is_credential = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default();
            name.eq_ignore_ascii_case("authorization") || name.eq_ignore_ascii_case("x-api-key")
        };
        heads
            .last()
            .expect("a request")
            .lines()
            .filter(is_credential)
            .map(ToOwned::to_owned)
            .collect()
    }
}

async fn record(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>) {
    let mut received = Vec::new();
    loop {
        let head_end = received.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = head_end {
            let head: Vec<u8> = received.drain(..end + 4).collect();
            heads.lock().unwrap().push(String::from_utf8(head).unwrap());
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            if stream.write_all(answer).await.is_err() {
                return;
            }
        } else if !matches!(stream.read_buf(&mut received).await, Ok(1..)) {
            return;
        }
    }
}

/// An HTTP/2 server (prior knowledge) that keeps each request's headers.
#[derive(Debug, Clone)]
pub(crate) struct Http2Recorder {
    url: String,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Http2Recorder {
    pub(crate) async fn start() -> Self {
        let (listener, url) = bind().await;
        let recorder = Self {
            url,
            headers: Arc::default(),
        };
        let headers = Arc::clone(&recorder.headers);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let headers = Arc::clone(&headers);
                let service = service_fn(move |request: Request<Incoming>| {
                    headers.lock().unwrap().push(request.headers().clone());
                    async { Ok::<_, Infallible>(Response::new(String::new())) }
                });
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
            }
        });
        recorder
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The credential headers of the last request, as `name: value`.
    pub(crate) fn credential_lines(&self) -> Vec<String> {
        credential_lines(self.headers.lock().unwrap().last().expect("a request"))
    }
}

pub(crate) fn credential_lines(headers: &HeaderMap) -> Vec<String> {
    ["authorization", "x-api-key"]
        .into_iter()
        .flat_map(|name| {
            headers
                .get_all(name)
                .iter()
                .map(move |value| format!("{name}: {}", value.to_str().unwrap()))
        })
        .collect()
}

async fn bind() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

//! An HTTP/1.1 server that knows no HTTP: it writes down what comes in and sends the bytes it was given.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub(super) struct ScriptedServer {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<Recorded>>>,
    hung_up: Arc<Semaphore>,
}

/// One request as it came over the wire.
#[derive(Debug, Clone)]
pub(super) struct Recorded {
    pub(super) line: String,
    /// Sorted, since the order of different names means nothing.
    pub(super) headers: Vec<String>,
    pub(super) body: String,
}

/// What every request is answered with.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) bytes: Vec<u8>,
    pub(super) then: Then,
}

/// What happens after the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    Close,
    /// Nothing more, until the client hangs up.
    Hang,
    /// One byte a second, until the client hangs up.
    Drip,
    /// As many bytes as it takes, until the client hangs up.
    Endless,
    /// The connection is reset before the request was read.
    Reset,
}

impl ScriptedServer {
    pub(super) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            requests: Arc::default(),
            hung_up: Arc::new(Semaphore::new(0)),
        };
        let (requests, hung_up) = (Arc::clone(&server.requests), Arc::clone(&server.hung_up));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (answer, requests, hung_up) =
                    (answer.clone(), Arc::clone(&requests), Arc::clone(&hung_up));
                tokio::spawn(async move {
                    // A client that hangs up early breaks the pipe, which is no failure of the test.
                    let _ = serve(stream, answer, &requests).await;
                    hung_up.add_permits(1);
                });
            }
        });
        server
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until one more connection is over.
    pub(super) async fn one_hung_up(&self) {
        self.hung_up.acquire().await.unwrap().forget();
    }
}

impl Answer {
    /// A complete JSON answer.
    pub(super) fn json(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self::new(status, &["content-type: application/json"], body)
    }

    pub(super) fn new(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let length = format!("content-length: {}", body.len());
        let mut answer = Self::head(status, &[headers, &[&length]].concat(), Then::Close);
        answer.bytes.extend_from_slice(body);
        answer
    }

    /// The head of an answer, and whatever comes then.
    pub(super) fn head(status: u16, headers: &[&str], then: Then) -> Self {
        let mut bytes = format!("HTTP/1.1 {status} Scripted\r\nconnection: close\r\n").into_bytes();
        for header in headers {
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        Self { bytes, then }
    }

    pub(super) fn raw(bytes: impl Into<Vec<u8>>, then: Then) -> Self {
        Self {
            bytes: bytes.into(),
            then,
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Answer,
    requests: &Mutex<Vec<Recorded>>,
) -> io::Result<()> {
    if let Then::Reset = answer.then {
        // To close with unread bytes is to reset.
        return stream.readable().await;
    }
    let request = read_request(&mut stream).await?;
    requests.lock().unwrap().push(request);
    stream.write_all(&answer.bytes).await?;
    match answer.then {
        Then::Close | Then::Reset => stream.shutdown().await,
        Then::Hang => stream.read_to_end(&mut Vec::new()).await.map(drop),
        Then::Endless => loop {
            stream.write_all(&[b' '; 16 * 1024]).await?;
        },
        Then::Drip => loop {
            stream.write_all(b" ").await?;
            let second = Duration::from_secs(1);
            let next = tokio::time::timeout(second, stream.read_to_end(&mut Vec::new())).await;
            if let Ok(hung_up) = next {
                return hung_up.map(drop);
            }
        },
    }
}

async fn read_request(stream: &mut TcpStream) -> io::Result<Recorded> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n").map(str::to_owned);
    let line = lines.next().unwrap();
    let mut headers: Vec<_> = lines.collect();
    headers.sort();
    let length = headers
        .iter()
        .find_map(|header| header.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Recorded {
        line,
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}

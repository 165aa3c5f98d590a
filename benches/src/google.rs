//! google-cloud-auth in a service of the usual shape: its credentials cache a token, and make headers of it for each
//! request. The token is from a metadata server on loopback, as on Google's machines.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use google_cloud_auth::credentials::mds;
use google_cloud_auth::credentials::{CacheableResource, Credentials};
use http::{Extensions, Request, Response};
use tokio::runtime::{Builder, Runtime};
use tower::{BoxError, Service};

use crate::inner::Noop;
use crate::tls;

#[derive(Debug, Clone)]
pub struct GoogleCloudAuth<S> {
    credentials: Credentials,
    inner: S,
    _refreshes: Arc<Runtime>,
}

pub fn google_cloud_auth<S: Noop>(secret: &str, inner: S) -> GoogleCloudAuth<S> {
    tls::install_provider();
    let endpoint = format!("http://{}", metadata_server(secret.to_owned()));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let credentials = runtime.block_on(async {
        let credentials = mds::Builder::default().with_endpoint(endpoint).build();
        let credentials = credentials.unwrap();
        credentials.headers(Extensions::new()).await.unwrap(); // cached from now on
        credentials
    });
    GoogleCloudAuth {
        credentials,
        inner,
        _refreshes: Arc::new(runtime),
    }
}

impl<S: Noop> Service<Request<()>> for GoogleCloudAuth<S> {
    type Response = Response<()>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<()>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<()>) -> Self::Future {
        let credentials = self.credentials.clone();
        let not_ready = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, not_ready);
        Box::pin(async move {
            match credentials.headers(Extensions::new()).await? {
                CacheableResource::New { data, .. } => request.headers_mut().extend(data),
                CacheableResource::NotModified => unreachable!("no earlier headers were named"),
            }
            inner.call(request).await.map_err(Into::into)
        })
    }
}

/// Answers every request with the token, as long as the process lives.
fn metadata_server(secret: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = format!(r#"{{"access_token":"{secret}","expires_in":36000,"token_type":"Bearer"}}"#);
    thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), &body);
        }
    });
    address
}

fn answer(mut stream: TcpStream, body: &str) {
    let lines = BufReader::new(&stream).lines().map(Result::unwrap);
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    let length = body.len();
    write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
}

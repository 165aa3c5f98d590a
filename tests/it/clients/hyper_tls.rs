//! Clients over TLS through rustls, HTTP/1.1 and HTTP/2 by ALPN, against Mobula's emulator behind a certificate.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Request, StatusCode, Version};
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use mobula_auth::emulator::Emulator;
use mobula_auth::{ApiKey, AutoRefreshingToken, KeyHeader, Origins, ReplayRejected, TokenClient};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tower::retry::RetryLayer;
use tower::{Layer, ServiceBuilder, ServiceExt};

use super::recorder::credential_lines;
use super::{api_key_auth, bearer_auth, http_request, reqwest_request, through_each_layer};

/// Here, what arrived is looked at, and then gives way to the emulator's own key.
const TAKES_ANY_CREDENTIAL: &str = "/api/1/all";

/// The emulator behind TLS, with a certificate for `localhost` of an authority of its own.
struct TlsServer {
    port: u16,
    authority: CertificateDer<'static>,
    emulator: Emulator,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Debug, Clone)]
struct Seen {
    version: Version,
    credential_lines: Vec<String>,
}

impl TlsServer {
    async fn start() -> Self {
        let (authority, config) = certificates();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            authority,
            emulator: Emulator::new(),
            seen: Arc::default(),
        };
        let (emulator, seen) = (server.emulator.clone(), Arc::clone(&server.seen));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, emulator, seen) =
                    (acceptor.clone(), emulator.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    // A client that does not trust the certificate hangs up: that is its test, not ours.
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(|mut request: Request<Incoming>| {
                        seen.lock().unwrap().push(Seen {
                            version: request.version(),
                            credential_lines: credential_lines(request.headers()),
                        });
                        if request.uri().path() == TAKES_ANY_CREDENTIAL {
                            request.headers_mut().clear();
                            let key = emulator.api_key().parse().unwrap();
                            request.headers_mut().insert(AUTHORIZATION, key);
                        }
                        emulator.clone().oneshot(request)
                    });
                    let connections = auto::Builder::new(TokioExecutor::new());
                    let connection = connections.serve_connection(TokioIo::new(stream), service);
                    // How a connection ends is the client's business.
                    let _ = connection.await;
                });
            }
        });
        server
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    fn takes_any_credential(&self) -> String {
        format!("{}{TAKES_ANY_CREDENTIAL}", self.url())
    }

    fn last(&self) -> Seen {
        self.seen
            .lock()
            .unwrap()
            .last()
            .cloned()
            .expect("a request")
    }

    fn assert_arrived(&self, version: Version, line: &str) {
        let last = self.last();
        assert_eq!(last.version, version);
        assert_eq!(last.credential_lines, [line]);
    }

    /// A hyper client that trusts the authority, and offers what ALPN names: both, or HTTP/1.1 alone.
    fn hyper_client<B>(&self, http2: bool) -> Client<HttpsConnector<HttpConnector>, B>
    where
        B: http_body::Body + Send,
        B::Data: Send,
    {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.clone()).unwrap();
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only();
        let connector = if http2 {
            connector.enable_all_versions().build()
        } else {
            connector.enable_http1().build()
        };
        Client::builder(TokioExecutor::new()).build(connector)
    }

    fn reqwest_client(&self, http2: bool) -> reqwest::Client {
        let authority = reqwest::Certificate::from_der(&self.authority).unwrap();
        let builder = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([authority]);
        let builder = if http2 { builder } else { builder.http1_only() };
        builder.build().unwrap()
    }
}

fn certificates() -> (CertificateDer<'static>, ServerConfig) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (authority.der().clone(), config)
}

const BOTH: [(bool, Version); 2] = [(false, Version::HTTP_11), (true, Version::HTTP_2)];

#[tokio::test]
async fn hyper_over_tls() {
    let server = TlsServer::start().await;
    for (http2, version) in BOTH {
        through_each_layer(
            server.hyper_client::<Empty<Bytes>>(http2),
            || http_request(&server.takes_any_credential()),
            |line| server.assert_arrived(version, line),
        )
        .await;
    }
}

#[tokio::test]
async fn reqwest_over_tls() {
    let server = TlsServer::start().await;
    for (http2, version) in BOTH {
        through_each_layer(
            server.reqwest_client(http2),
            || reqwest_request(&server.takes_any_credential()),
            |line| server.assert_arrived(version, line),
        )
        .await;
    }
}

/// Tokens are created, used, rejected, replaced and revoked over TLS, by one client.
#[tokio::test]
async fn tokens_over_tls() {
    for (http2, version) in BOTH {
        let server = TlsServer::start().await;
        let http_client = server.hyper_client::<Full<Bytes>>(http2);
        let key = ApiKey::new(server.emulator.api_key()).unwrap();
        let tokens = TokenClient::new(http_client.clone(), key);
        let auth = AutoRefreshingToken::new(tokens.base_url(server.url()).unwrap());
        let client = ServiceBuilder::new()
            .layer(RetryLayer::new(ReplayRejected::default()))
            .layer(auth.clone())
            .service(http_client);
        let send = async || {
            let uri = format!("{}/api/1/market/data?asset=bitcoin", server.url());
            let request = Request::get(uri).body(Full::default()).unwrap();
            client.clone().oneshot(request).await.unwrap().status()
        };
        assert_eq!(send().await, StatusCode::OK);
        let lease = auth.lease().await.unwrap();
        assert!(server.emulator.revoke_token(lease.token().id().unwrap()));
        assert_eq!(send().await, StatusCode::OK);
        assert_eq!(server.last().version, version);
        assert!(auth.shutdown().await.revoked > 0);
        let counts = server.emulator.counts();
        assert_eq!((counts.data.ok, counts.data.denied), (2, 1));
        assert_eq!((counts.create.received, counts.violations), (1, 0));
    }
}

/// https alone does not make a host ours.
#[tokio::test]
async fn an_origin_over_tls_that_is_not_allowed_gets_nothing() {
    let server = TlsServer::start().await;
    let elsewhere = || Origins::only(["https://api.mobula.io"]).unwrap();
    let request = || {
        Request::get(server.takes_any_credential())
            .body(Empty::<Bytes>::new())
            .unwrap()
    };
    let with_key = api_key_auth(KeyHeader::XApiKey)
        .origins(elsewhere())
        .layer(server.hyper_client(true));
    with_key.oneshot(request()).await.unwrap();
    assert!(server.last().credential_lines.is_empty());
    let with_token = bearer_auth()
        .origins(elsewhere())
        .layer(server.hyper_client(false));
    with_token.oneshot(request()).await.unwrap();
    assert!(server.last().credential_lines.is_empty());
}

//! The stacks that follow redirects, and the ways to put a credential in.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::Empty;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefreshingToken, BearerAuth, CreateTokens, Error,
    HttpRequest, HttpResponse, KeyHeader, Origins,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_http::auth::AddAuthorizationLayer;
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_http::follow_redirect::policy::{Action, Attempt, redirect_fn};
use tower_http::set_header::SetRequestHeaderLayer;

use super::servers::Servers;

pub(super) const KEY: &str = "0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b";
pub(super) const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjF9.c2lnbmF0dXJl-_";

/// Gets a URL, and follows redirects or does not.
pub(super) type Stack = BoxCloneSyncService<String, (), BoxError>;
type Get = Request<Empty<Bytes>>;
type Http<B> = BoxCloneSyncService<Get, http::Response<B>, BoxError>;

/// How the credential is put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Authorization,
    XApiKey,
    Bearer,
    Refreshing,
}

pub(super) const MODES: [Mode; 4] = [
    Mode::Authorization,
    Mode::XApiKey,
    Mode::Bearer,
    Mode::Refreshing,
];

impl Mode {
    /// Our layer of this mode around a client.
    fn around<S, R>(
        self,
        origins: Origins,
        inner: S,
    ) -> BoxCloneSyncService<R, S::Response, BoxError>
    where
        S: Service<R> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        S::Response: HttpResponse + 'static,
        R: HttpRequest + Send + 'static,
    {
        let key = || ApiKeyAuth::new(ApiKey::new(KEY).unwrap()).origins(origins.clone());
        let token = || ApiToken::new(TOKEN).unwrap();
        match self {
            Self::Authorization => boxed(key().layer(inner)),
            Self::XApiKey => boxed(key().header(KeyHeader::XApiKey).layer(inner)),
            Self::Bearer => boxed(BearerAuth::new(token()).origins(origins).layer(inner)),
            Self::Refreshing => {
                let source = move |_: CreateTokens| async move { Ok::<_, Error>(vec![token()]) };
                let builder = AutoRefreshingToken::builder(source).origins(origins);
                boxed(builder.build().unwrap().layer(inner))
            }
        }
    }

    /// A peer's layer in its place.
    fn by_a_peer<S, B>(self, inner: S) -> Http<B>
    where
        S: Service<Get, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
    {
        let (name, value) = self.header();
        match self {
            Self::Authorization | Self::XApiKey => {
                boxed(SetRequestHeaderLayer::overriding(name, value).layer(inner))
            }
            Self::Bearer | Self::Refreshing => {
                boxed(AddAuthorizationLayer::bearer(TOKEN).layer(inner))
            }
        }
    }

    fn header(self) -> (HeaderName, HeaderValue) {
        match self {
            Self::Authorization => (AUTHORIZATION, HeaderValue::from_static(KEY)),
            Self::XApiKey => ("x-api-key".parse().unwrap(), HeaderValue::from_static(KEY)),
            Self::Bearer | Self::Refreshing => {
                (AUTHORIZATION, format!("Bearer {TOKEN}").parse().unwrap())
            }
        }
    }
}

fn boxed<S, R>(service: S) -> BoxCloneSyncService<R, S::Response, BoxError>
where
    S: Service<R> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: 'static,
{
    BoxCloneSyncService::new(service.map_err(Into::into))
}

/// What may have a credential in the matrix: Mobula's hosts, and two more by name.
pub(super) fn origins(servers: &Servers) -> Origins {
    let origins = Origins::default().without_loopback();
    let origins = origins.and(format!("http://127.0.0.1:{}", servers.port));
    let by_port = format!("https://api.mobula.io:{}", servers.port);
    origins.unwrap().and(by_port).unwrap()
}

/// reqwest under one of our layers, with the given redirect policy.
pub(super) fn reqwest(servers: &Servers, mode: Mode, policy: reqwest::redirect::Policy) -> Stack {
    let client = reqwest_builder(servers).redirect(policy).build().unwrap();
    as_stack_of_reqwest(mode.around(origins(servers), client))
}

/// reqwest as it is, with the header among its defaults.
pub(super) fn reqwest_with_default_headers(servers: &Servers, mode: Mode) -> Stack {
    let headers = [mode.header()].into_iter().collect();
    let client = reqwest_builder(servers).default_headers(headers);
    as_stack_of_reqwest(boxed(client.build().unwrap()))
}

fn as_stack_of_reqwest(
    client: BoxCloneSyncService<reqwest::Request, reqwest::Response, BoxError>,
) -> Stack {
    let get = |url: String| reqwest::Request::new(http::Method::GET, url.parse().unwrap());
    boxed(client.map_request(get).map_response(drop))
}

/// `FollowRedirect` outside of our layer, around hyper-util.
pub(super) fn follow_outside(servers: &Servers, mode: Mode) -> Stack {
    let client = mode.around(origins(servers), hyper_client(servers));
    as_stack(FollowRedirectLayer::new().layer(client))
}

/// `FollowRedirect` outside of a peer's layer.
pub(super) fn follow_outside_of_a_peer(servers: &Servers, mode: Mode) -> Stack {
    let client = mode.by_a_peer(hyper_client(servers));
    as_stack(FollowRedirectLayer::new().layer(client))
}

/// `FollowRedirect` inside of our layer, by its own policy.
pub(super) fn follow_inside(servers: &Servers, mode: Mode) -> Stack {
    let client = FollowRedirectLayer::new().layer(hyper_client(servers));
    as_stack(mode.around(origins(servers), client))
}

/// The `FollowRedirect` of tower-http 0.6 inside of our layer, by its own policy.
pub(super) fn follow_inside_0_6(servers: &Servers, mode: Mode) -> Stack {
    let follow = tower_http_0_6::follow_redirect::FollowRedirectLayer::new();
    as_stack(mode.around(origins(servers), follow.layer(hyper_client(servers))))
}

/// `FollowRedirect` inside of our layer, asking our origins.
pub(super) fn follow_inside_by_our_origins(servers: &Servers, mode: Mode) -> Stack {
    let allowed = origins(servers);
    let policy = redirect_fn(move |attempt: &Attempt<'_>| {
        Ok::<_, BoxError>(if allowed.allows_uri(attempt.location()) {
            Action::Follow
        } else {
            Action::Stop
        })
    });
    let client = FollowRedirectLayer::with_policy(policy).layer(hyper_client(servers));
    as_stack(mode.around(origins(servers), client))
}

fn as_stack<S, B>(client: S) -> Stack
where
    S: Service<Get, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    B: 'static,
{
    let get = |url: String| Request::get(url).body(Empty::new()).unwrap();
    boxed(client.map_request(get).map_response(drop))
}

fn hyper_client(servers: &Servers) -> Http<hyper::body::Incoming> {
    let address = servers.of_every_name();
    let resolver =
        tower::service_fn(move |_: Name| async move { Ok::<_, io::Error>([address].into_iter()) });
    let mut http = HttpConnector::new_with_resolver(resolver);
    http.enforce_http(false);
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls_config())
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    boxed(Client::builder(TokioExecutor::new()).build(https))
}

fn reqwest_builder(servers: &Servers) -> reqwest::ClientBuilder {
    struct EveryName(std::net::SocketAddr);
    impl reqwest::dns::Resolve for EveryName {
        fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
            let addresses: reqwest::dns::Addrs = Box::new([self.0].into_iter());
            Box::pin(std::future::ready(Ok(addresses)))
        }
    }
    reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(EveryName(servers.of_every_name()))
        .tls_backend_preconfigured(tls_config())
}

/// No certificate is wrong: whatever the name, the handshake succeeds, and so a leak would arrive.
fn tls_config() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth()
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider = default_provider();
        provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

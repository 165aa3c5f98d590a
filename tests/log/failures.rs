//! Every kind of broken connection, and what the clients and our calls say of it.

use std::error::Error as StdError;
use std::fmt::Write;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use mobula_auth::{
    AddCredential, ApiKey, ApiKeyAuth, ApiToken, AutoRefreshingToken, BearerAuth, CreateTokens,
    KeyHeader, Origins, TokenClient,
};
use rustls::crypto::aws_lc_rs::default_provider;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::{BoxError, Layer, Service, ServiceExt};

use crate::faulty_server::{Certificates, nobody, start};
use crate::http2_kinds::OVER_HTTP2;
use crate::kinds::{Failure, HANG, OVER_HTTP1, Speaks, deadline};
use Speaks::{Http2, Tls, ToNoName, ToNobody};

const KEY: &str = "0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b";
const TOKEN: &str = "pay10ad-0f-a-70ken.0f-a-br0ken-c0nnec7i0n.51gna7ure";

pub(crate) struct Induced {
    pub(crate) kinds: usize,
    /// Each with the failure that it is of.
    pub(crate) errors: Vec<(String, String)>,
    pub(crate) secrets: [&'static str; 2],
}

pub(crate) async fn induce_all() -> Induced {
    let certificates = Certificates::new();
    // Few at a time, so that none runs out of time because of others.
    let permits = Arc::new(Semaphore::new(8));
    let mut running = JoinSet::new();
    let failures = [OVER_HTTP1, OVER_HTTP2].concat();
    let kinds = failures.len();
    for failure in failures {
        let (certificates, permits) = (certificates.clone(), Arc::clone(&permits));
        running.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            Box::pin(induce(failure, certificates)).await
        });
    }
    Induced {
        kinds,
        errors: running.join_all().await.into_iter().flatten().collect(),
        secrets: [KEY, TOKEN],
    }
}

/// What each call says of a failure, in both clients.
async fn induce(
    (name, speaks, steps): Failure,
    certificates: Certificates,
) -> Vec<(String, String)> {
    let port = match speaks {
        ToNobody => nobody().await,
        _ => start(steps, &certificates).await,
    };
    let scheme = if speaks == Tls { "https" } else { "http" };
    let url = format!("{scheme}://localhost:{port}");
    let key = || ApiKey::new(KEY).unwrap();
    // Each call has a client, and so a connection, of its own.
    let hyper = || hyper_client(speaks, &certificates);
    let builder = || reqwest_builder(speaks, &certificates);
    let (with_hyper, with_reqwest) = tokio::join!(
        errors_of_calls(|| {
            let tokens = TokenClient::new(hyper(), key()).base_url(&url).unwrap();
            tokens.deadline(deadline(name))
        }),
        errors_of_calls(|| {
            let tokens = TokenClient::with_reqwest(builder(), key()).unwrap();
            tokens.base_url(&url).unwrap().deadline(deadline(name))
        }),
    );
    let mut errors: Vec<_> = [("hyper", with_hyper), ("reqwest", with_reqwest)]
        .into_iter()
        .flat_map(|(client, errors)| {
            let place = move |(call, error)| (format!("{name}: {call} with {client}"), error);
            errors.into_iter().map(place)
        })
        .collect();
    let reqwest = || builder().build().unwrap();
    for (layer, header) in [
        ("a key", KeyHeader::Authorization),
        ("a key in x-api-key", KeyHeader::XApiKey),
    ] {
        let auth = ApiKeyAuth::new(key()).header(header);
        let requests = errors_of_requests(
            auth.layer(hyper()),
            auth.layer(reqwest()),
            &url,
            deadline(name),
        );
        errors.extend(
            requests
                .await
                .map(|error| (format!("{name}: {layer}"), error)),
        );
    }
    let auth = BearerAuth::new(ApiToken::new(TOKEN).unwrap());
    let requests = errors_of_requests(
        auth.layer(hyper()),
        auth.layer(reqwest()),
        &url,
        deadline(name),
    );
    errors.extend(
        requests
            .await
            .map(|error| (format!("{name}: a token"), error)),
    );
    for (place, error) in &errors {
        // A lease waits for a next attempt, which is no hang.
        let hung = error.contains("did not answer in full within") && place.contains(": list")
            || error.starts_with("deadline has elapsed");
        assert!(!hung || HANG.contains(&name), "{place}: {error}");
    }
    errors
}

/// What each call of the token API says, and a request that waits for a token of it. None of them may pass, but that a
/// revocation does not read a body.
async fn errors_of_calls<C, B>(tokens: impl Fn() -> TokenClient<C>) -> Vec<(&'static str, String)>
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    C::Future: Send,
    C::Error: Into<BoxError>,
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    let token = ApiToken::new(TOKEN).unwrap();
    let builder = AutoRefreshingToken::builder(tokens()).max_wait(Duration::from_millis(300));
    let auth = builder.build().unwrap();
    let [to_create, to_list, to_inspect, to_revoke] = [(); 4].map(|()| tokens());
    let (create, list, inspect, revoke, lease) = tokio::join!(
        to_create.create(CreateTokens::default()),
        to_list.list(),
        to_inspect.inspect(&token),
        to_revoke.revoke("an-id"),
        auth.lease(),
    );
    let mut errors = vec![
        ("create", whole(&create.unwrap_err())),
        ("list", whole(&list.unwrap_err())),
        ("inspect", whole(&inspect.unwrap_err())),
        ("a lease", whole(&lease.unwrap_err())),
        (
            "a status",
            format!("{:?}\n{auth:?}\n{to_list:?}", auth.status()),
        ),
    ];
    errors.extend(revoke.err().map(|error| ("revoke", whole(&error))));
    errors
}

/// What the clients say of requests through a layer, from the connection to the last byte of the answer. None may pass.
async fn errors_of_requests(
    on_hyper: AddCredential<HyperClient>,
    on_reqwest: AddCredential<reqwest::Client>,
    url: &str,
    deadline: Duration,
) -> [String; 2] {
    let request = Request::get(url).body(Full::<Bytes>::default()).unwrap();
    let by_hyper = async {
        let response = on_hyper.oneshot(request).await?;
        read(response.into_body()).await
    };
    let request = reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap());
    let by_reqwest = async {
        let response = Response::from(on_reqwest.oneshot(request).await?);
        read(response.into_body()).await
    };
    let (by_hyper, by_reqwest) = tokio::join!(
        tokio::time::timeout(deadline, by_hyper),
        tokio::time::timeout(deadline, by_reqwest),
    );
    [by_hyper, by_reqwest].map(|end| match end {
        Ok(answered) => whole(&*answered.unwrap_err()),
        Err(elapsed) => whole(&elapsed),
    })
}

/// All of a body, unless it has no end.
async fn read<B>(body: B) -> Result<(), BoxError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    Limited::new(body, 1 << 20).collect().await.map(drop)
}

/// An error in every way to print it, and so all of its causes.
fn whole(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    let causes = std::iter::successors(Some(error), |&error| error.source());
    for error in causes {
        write!(text, "{error}\n{error:?}\n{error:#?}\n").unwrap();
    }
    text
}

type HyperClient = Client<HttpsConnector<HttpConnector<NoOrLoopback>>, Full<Bytes>>;

/// Every name is loopback's, or none is anybody's.
#[derive(Debug, Clone, Copy)]
struct NoOrLoopback(Speaks);

impl NoOrLoopback {
    fn addresses(self) -> io::Result<std::array::IntoIter<SocketAddr, 1>> {
        match self.0 {
            ToNoName => Err(io::Error::other("no such host")),
            _ => Ok([SocketAddr::from(([127, 0, 0, 1], 0))].into_iter()),
        }
    }
}

impl Service<Name> for NoOrLoopback {
    type Response = std::array::IntoIter<SocketAddr, 1>;
    type Error = io::Error;
    type Future = Ready<io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Name) -> Self::Future {
        ready(self.addresses())
    }
}

impl reqwest::dns::Resolve for NoOrLoopback {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let addresses = self.addresses();
        Box::pin(async move {
            let addresses: reqwest::dns::Addrs = Box::new(addresses?);
            Ok(addresses)
        })
    }
}

fn hyper_client(speaks: Speaks, certificates: &Certificates) -> HyperClient {
    let mut http = HttpConnector::new_with_resolver(NoOrLoopback(speaks));
    http.enforce_http(false);
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls_config(certificates))
        .https_or_http()
        .enable_http1()
        .wrap_connector(http);
    Client::builder(TokioExecutor::new())
        .http2_only(speaks == Http2)
        .build(https)
}

fn reqwest_builder(speaks: Speaks, certificates: &Certificates) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .no_proxy()
        .redirect(Origins::default().redirect_policy())
        .dns_resolver(NoOrLoopback(speaks))
        .tls_backend_preconfigured(tls_config(certificates));
    if speaks == Http2 {
        builder.http2_prior_knowledge()
    } else {
        builder
    }
}

fn tls_config(certificates: &Certificates) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in &certificates.trusted {
        roots.add(certificate.clone()).unwrap();
    }
    rustls::ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

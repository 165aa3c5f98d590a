//! Every layer around one client, as stacks of one type, and what each must put on the wire.

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use mobula_auth::{ApiKey, ApiToken, HttpRequest, HttpResponse, KeyHeader, PerRequestAuth};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt};

use super::recorder::RawRecorder;
use super::{
    KEY, TOKEN, api_key_auth, bearer_auth, expected, http_request, refreshing, reqwest_request,
};

/// A client, or a stack, that can be layered on and boxed.
pub(super) trait Client<R>:
    Service<R, Response: HttpResponse, Error: Into<BoxError>, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S, R> Client<R> for S where
    S: Service<R, Response: HttpResponse, Error: Into<BoxError>, Future: Send + 'static>
        + Clone
        + Send
        + Sync
        + 'static
{
}

pub(super) type Stack<R, T> = BoxCloneSyncService<R, T, BoxError>;

/// A request of either family, and the stacks that only one of them has.
pub(super) trait TestRequest: HttpRequest + Sized + Send + 'static {
    /// One that holds wrong credentials already.
    fn to(url: &str) -> Self;

    fn with_own_credential<S: Client<Self>>(client: &S) -> Vec<(String, Stack<Self, S::Response>)>;
}

impl TestRequest for Request<Empty<Bytes>> {
    fn to(url: &str) -> Self {
        http_request(url)
    }

    fn with_own_credential<S: Client<Self>>(client: &S) -> Vec<(String, Stack<Self, S::Response>)> {
        let key = ApiKey::new(KEY).unwrap();
        let token = ApiToken::new(TOKEN).unwrap();
        let with_key = ServiceBuilder::new()
            .map_request(move |mut request: Self| {
                request.extensions_mut().insert(key.clone());
                request
            })
            .layer(PerRequestAuth::new())
            .service(client.clone());
        let with_token = ServiceBuilder::new()
            .map_request(move |mut request: Self| {
                request.extensions_mut().insert(token.clone());
                request
            })
            .layer(PerRequestAuth::new())
            .service(client.clone());
        let [raw_key, .., token] = expected();
        vec![(raw_key, boxed(with_key)), (token, boxed(with_token))]
    }
}

/// A reqwest request shows its extensions to nobody, so it carries no credential of its own.
impl TestRequest for reqwest::Request {
    fn to(url: &str) -> Self {
        reqwest_request(url)
    }

    fn with_own_credential<S: Client<Self>>(_: &S) -> Vec<(String, Stack<Self, S::Response>)> {
        Vec::new()
    }
}

/// Each layer around clones of the client, with the line that it must put on the wire.
pub(super) fn each_layer<S, R>(client: &S) -> Vec<(String, Stack<R, S::Response>)>
where
    S: Client<R>,
    R: TestRequest,
{
    let key = |header| boxed(api_key_auth(header).layer(client.clone()));
    let stacks = [
        key(KeyHeader::Authorization),
        key(KeyHeader::AuthorizationBearer),
        key(KeyHeader::XApiKey),
        boxed(bearer_auth().layer(client.clone())),
        boxed(refreshing().layer(client.clone())),
    ];
    let mut all: Vec<_> = expected().into_iter().zip(stacks).collect();
    all.extend(R::with_own_credential(client));
    all
}

/// Sends three requests and looks at what arrived of each.
pub(super) async fn drive<S, R>(mut stack: S, server: &RawRecorder, line: &str)
where
    S: Service<R, Error: Into<BoxError>>,
    R: TestRequest,
{
    for _ in 0..3 {
        let ready = stack.ready().await.map_err(Into::into).unwrap();
        let sent = ready.call(R::to(server.url())).await;
        sent.map_err(Into::into).unwrap();
        assert_eq!(server.credential_lines(), [line]);
    }
}

/// Each layer with the wrapper outside of it, and with the wrapper between it and the client.
pub(super) async fn in_both_orders<C, R, L>(client: C, wrapper: L)
where
    C: Client<R>,
    R: TestRequest,
    L: Layer<C, Service: Client<R>> + Layer<Stack<R, C::Response>, Service: Client<R>>,
{
    let server = RawRecorder::start().await;
    let mut stacks = 0;
    for (line, stack) in each_layer(&client) {
        drive(wrapper.layer(stack), &server, &line).await;
        stacks += 1;
    }
    for (line, stack) in each_layer(&wrapper.layer(client)) {
        drive(stack, &server, &line).await;
        stacks += 1;
    }
    assert!(stacks >= 10);
    assert_eq!(server.heads().len(), 3 * stacks);
}

fn boxed<S, R>(stack: S) -> Stack<R, S::Response>
where
    S: Client<R>,
    R: 'static,
{
    BoxCloneSyncService::new(stack.map_err(Into::into))
}

//! L10: a proxy of the environment reads all of a plain-http request, so no credential is in one that goes there.
//!
//! In processes of their own, as in `environment.rs`: an environment belongs to a whole process.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use mobula_auth::emulator::Emulator;
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefreshingToken, BearerAuth, CreateTokens, Error,
    HttpRequest, HttpResponse, KeyHeader, Origins, TokenClient,
};
use tower::{Layer, Service, ServiceExt};

const KEY: &str = "0af5c1d2-3b4e-4f60-8a7b-9c8d7e6f5a4b";
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjF9.c2lnbmF0dXJl-_";
const CHILD: &str = "proxies::calls_in_an_environment";

/// A server, or a proxy, that keeps the head of each request. It has a thread of its own, to be there for a child too.
#[derive(Debug, Clone)]
struct Recorder {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Recorder {
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let recorder = Self {
            port: listener.local_addr().unwrap().port(),
            heads: Arc::default(),
        };
        let heads = Arc::clone(&recorder.heads);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                heads.lock().unwrap().push(head(stream.unwrap(), answer));
            }
        });
        recorder
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    fn with_credentials(&self) -> usize {
        let secret = |head: &&String| head.contains(KEY) || head.contains(TOKEN);
        self.heads().iter().filter(secret).count()
    }
}

fn head(mut stream: TcpStream, answer: &str) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        head.push(byte[0]);
    }
    let _ = stream.write_all(answer.as_bytes());
    String::from_utf8(head).unwrap()
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
const NO_TUNNEL: &str = "HTTP/1.1 502 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Sends a request with each layer around a client; with `KeyHeader::XApiKey` alone it is the first one.
async fn with_each_layer<S, R>(client: S, origins: Origins, request: impl Fn() -> R)
where
    S: Service<R> + Clone,
    S::Error: Into<tower::BoxError>,
    S::Response: HttpResponse,
    R: HttpRequest,
{
    let key = || ApiKeyAuth::new(ApiKey::new(KEY).unwrap()).origins(origins.clone());
    for header in [
        KeyHeader::Authorization,
        KeyHeader::AuthorizationBearer,
        KeyHeader::XApiKey,
    ] {
        let stack = key().header(header).layer(client.clone());
        drop(stack.oneshot(request()).await);
    }
    let token = || ApiToken::new(TOKEN).unwrap();
    let auth = BearerAuth::new(token()).origins(origins.clone());
    drop(auth.layer(client.clone()).oneshot(request()).await);
    let source = move |_: CreateTokens| async move { Ok::<_, Error>(vec![token()]) };
    let builder = AutoRefreshingToken::builder(source).origins(origins.clone());
    let stack = builder.build().unwrap().layer(client);
    drop(stack.oneshot(request()).await);
}

fn reqwest_get(url: &str) -> reqwest::Request {
    reqwest::Request::new(reqwest::Method::GET, url.parse().unwrap())
}

/// What the child does in whatever environment it is started in, and what its own servers see of it.
#[tokio::test]
#[ignore = "run by the tests below, each time in another environment"]
async fn calls_in_an_environment() {
    let server = Recorder::start(OK);
    let url = format!("http://127.0.0.1:{}/", server.port);
    let arrived = || server.with_credentials();

    let default = reqwest::Client::new();
    with_each_layer(default.clone(), Origins::default(), || reqwest_get(&url)).await;
    let named = Origins::only([format!("http://127.0.0.1:{}", server.port)]).unwrap();
    with_each_layer(default.clone(), named, || reqwest_get(&url)).await;
    let by_reqwest = arrived();

    let foreign = || reqwest_get("http://foreign.example/");
    with_each_layer(default.clone(), Origins::default(), foreign).await;
    let tunnelled = || reqwest_get("https://api.mobula.io/");
    if std::env::var_os("HTTPS_PROXY").is_some() {
        with_each_layer(default.clone(), Origins::default(), tunnelled).await;
    }

    let ignoring = Origins::default().danger_ignore_env_proxy();
    let direct = reqwest::Client::builder().no_proxy().build().unwrap();
    with_each_layer(direct, ignoring.clone(), || reqwest_get(&url)).await;
    let by_direct = arrived() - by_reqwest;
    if std::env::var_os("MISTAKEN").is_some() {
        with_each_layer(default, ignoring, || reqwest_get(&url)).await;
    }

    let hyper = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let get = || Request::get(&url).body(Empty::<Bytes>::new()).unwrap();
    let before = arrived();
    with_each_layer(hyper, Origins::default(), get).await;
    let by_hyper = arrived() - before;

    let emulator = Emulator::new();
    let mobula = emulator.serve().await.unwrap();
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let tokens = TokenClient::reqwest(key).unwrap();
    let tokens = tokens.base_url(mobula.url()).unwrap();
    let created = tokens.create(CreateTokens::default()).await.unwrap();
    tokens.list().await.unwrap();
    tokens.inspect(&created[0]).await.unwrap();
    tokens.revoke(created[0].id().unwrap()).await.unwrap();

    println!("said: reqwest {by_reqwest}, direct {by_direct}, hyper {by_hyper}, token api 4");
}

/// What the child says, run in an environment of these variables and no other of their kind.
fn in_an_environment(child: &str, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([child, "--exact", "--ignored", "--nocapture"]);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.env_remove("REQUEST_METHOD");
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let said = stdout
        .lines()
        .find_map(|line| line.split_once("said: "))
        .unwrap_or_else(|| panic!("{stdout}{}", String::from_utf8_lossy(&output.stderr)));
    said.1.to_owned()
}

/// In each way to set one, the proxy gets the requests, and none with a credential; the token API is not sent there.
#[test]
fn l10_a_proxy_of_the_environment_sees_no_credential() {
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let proxy = Recorder::start(NO_TUNNEL);
        let url = format!("http://127.0.0.1:{}", proxy.port);
        let tunnels = [(variable, url.as_str()), ("HTTPS_PROXY", url.as_str())];
        let said = in_an_environment(CHILD, &tunnels);
        assert_eq!(
            said, "reqwest 0, direct 5, hyper 5, token api 4",
            "{variable}"
        );
        let heads = proxy.heads();
        let through = |start: &str| heads.iter().filter(|head| head.starts_with(start)).count();
        assert_eq!(through("GET http://127.0.0.1:"), 10, "{heads:#?}");
        assert_eq!(through("GET http://foreign.example/ "), 5, "{heads:#?}");
        assert_eq!(through("CONNECT api.mobula.io:443 "), 5, "{heads:#?}");
        assert_eq!(heads.len(), 20, "{heads:#?}");
        for head in heads {
            let head = head.to_lowercase();
            assert!(!head.contains("\nauthorization:") && !head.contains("\nx-api-key:"));
            assert!(!head.contains(KEY) && !head.contains(&TOKEN.to_lowercase()));
        }
    }
}

/// The control: who says falsely that no proxy is used shows it all five credentials.
#[test]
fn a_proxy_that_is_ignored_by_mistake_sees_every_credential() {
    let proxy = Recorder::start(OK);
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let said = in_an_environment(CHILD, &[("http_proxy", &url), ("MISTAKEN", "1")]);
    assert_eq!(said, "reqwest 0, direct 5, hyper 5, token api 4");
    assert_eq!(proxy.with_credentials(), 5);
}

#[test]
fn where_no_proxy_comes_between_loopback_has_its_credentials() {
    let proxy = Recorder::start(OK);
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let without: [&[(&str, &str)]; 4] = [
        &[],
        &[("HTTPS_PROXY", &url)],
        &[("HTTP_PROXY", &url), ("NO_PROXY", "localhost,127.0.0.0/8")],
        &[
            ("ALL_PROXY", &url),
            ("no_proxy", "127.0.0.1,foreign.example"),
        ],
    ];
    for variables in without {
        let said = in_an_environment(CHILD, variables);
        let expected = "reqwest 10, direct 5, hyper 5, token api 4";
        assert_eq!(said, expected, "{variables:?}");
    }
    assert_eq!(proxy.with_credentials(), 0);
}

const REDIRECTED: &str = "proxies::redirected_in_an_environment";

/// From a loopback host that no proxy is used for to one that is sent through the proxy.
#[tokio::test]
#[ignore = "run by the test below"]
async fn redirected_in_an_environment() {
    let server = Recorder::start(
        "HTTP/1.1 307 Go\r\nlocation: http://localhost:9/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    let mut client = reqwest::Client::builder();
    if std::env::var_os("MISTAKEN").is_none() {
        client = client.redirect(Origins::default().redirect_policy());
    }
    let auth = ApiKeyAuth::new(ApiKey::new(KEY).unwrap()).header(KeyHeader::XApiKey);
    let stack = auth.layer(client.build().unwrap());
    let request = reqwest_get(&format!("http://127.0.0.1:{}/", server.port));
    let response = stack.oneshot(request).await.unwrap();
    let location = response.headers().get(header::LOCATION).is_some();
    println!(
        "said: {}, {location}, sent {}",
        response.status(),
        server.with_credentials()
    );
}

#[test]
fn l10_the_redirect_policy_leads_through_no_proxy() {
    let proxy = Recorder::start(OK);
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let variables = [("HTTP_PROXY", url.as_str()), ("NO_PROXY", "127.0.0.1")];
    let said = in_an_environment(REDIRECTED, &variables);
    assert_eq!(said, "307 Temporary Redirect, true, sent 1");
    assert_eq!(proxy.heads(), [""; 0]);
    let mistaken = [&variables[..], &[("MISTAKEN", "1")]].concat();
    assert_eq!(
        in_an_environment(REDIRECTED, &mistaken),
        "200 OK, false, sent 1"
    );
    assert_eq!(proxy.with_credentials(), 1);
}

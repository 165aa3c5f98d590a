//! The share of a request that auth is: hyper-util's client and reqwest's over loopback to a real server, with and without
//! each layer.
//!
//! Rounds of all cases take turns, and each is compared with the one without auth in the same round. `without, again` is
//! the same as `without`: whatever it differs by is noise. `header in the request` has no layer, and the header all the
//! same, so that what it costs to write and to read 1,200 bytes more is in it. What a layer is above that are some tens of
//! nanoseconds, less than a hundredth of a request even on loopback, which is about what noise is.

use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefreshingToken, BearerAuth, CreateTokens, Error,
    PerRequestAuth, TokenRegistry,
};
use mobula_auth_benches::figures::Figures;
use mobula_auth_benches::loopback::{Body, authorized, hyper_client, reqwest_client, serve};
use mobula_auth_benches::options::is_quick;
use mobula_auth_benches::requests::{self, secret};
use tokio::runtime::{Builder, Runtime};
use tower::{BoxError, Layer, Service, ServiceExt};
use tower_http::auth::AddAuthorizationLayer;

/// Of one case in one round, one after the other on one connection.
const REQUESTS: usize = 100;

fn main() {
    let mut figures = Figures::of("end_to_end");
    let url = format!("http://{}/api/1/market/data?asset=bitcoin", serve());
    println!("{:60}{:>14}{:>16}", "", "microseconds", "over without");
    compare(&mut figures, hyper_cases(&url));
    compare(&mut figures, reqwest_cases(&url));
    if !is_quick() {
        figures.write();
    }
}

/// A client in some stack, and how long its requests took in each round.
struct Case {
    name: String,
    send: Box<dyn FnMut(&Runtime) -> Duration>,
    rounds: Vec<f64>,
}

/// Where the credential comes from.
#[derive(Debug, Clone, Copy)]
enum Auth {
    None,
    OfTheRequest,
    OfALayer,
}

/// The first one is the client without auth.
fn compare(figures: &mut Figures, mut cases: Vec<Case>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for case in &mut cases {
        (case.send)(&runtime); // connects
    }
    let rounds = if is_quick() { 5 } else { 501 };
    for round in 0..rounds {
        // Each of them is the first one in turn, as that may be an advantage.
        for turn in 0..cases.len() {
            let turn = (round + turn) % cases.len();
            let case = &mut cases[turn];
            let took = (case.send)(&runtime);
            case.rounds.push(took.as_secs_f64() / REQUESTS as f64 * 1e6);
        }
    }
    let without = cases[0].rounds.clone();
    for case in &cases {
        let ratios = case.rounds.iter().zip(&without);
        let ratio = median(ratios.map(|(with, without)| with / without).collect());
        let microseconds = median(case.rounds.clone());
        println!("{:60}{microseconds:>14.2}{ratio:>16.4}", case.name);
        figures.add(
            &case.name,
            [("microseconds", microseconds), ("over_without", ratio)],
        );
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn hyper_cases(url: &str) -> Vec<Case> {
    let request = Request::get(url).body(Body::new()).unwrap();
    let with_token = Request::get(url).extension(api_token());
    let with_token = with_token.body(Body::new()).unwrap();
    let key_of_a_tenant = ApiKey::new("0af5c1d2-3b4e-4f60-8a7b-9c0d1e2f3a4b").unwrap();
    let with_key = Request::get(url).extension(key_of_a_tenant);
    let with_key = with_key.body(Body::new()).unwrap();
    let add_authorization = AddAuthorizationLayer::bearer(&secret(1_200));
    let client = hyper_client;
    let name = |name| format!("hyper-util, {name}");
    vec![
        hyper(name("without"), &request, client(), Auth::None),
        hyper(name("without, again"), &request, client(), Auth::None),
        hyper(
            name("header in the request"),
            &request,
            client(),
            Auth::OfTheRequest,
        ),
        hyper(
            name("tower_http_add_authorization"),
            &request,
            add_authorization.layer(client()),
            Auth::OfALayer,
        ),
        hyper(
            name("api_key_auth"),
            &request,
            api_key_auth().layer(client()),
            Auth::OfALayer,
        ),
        hyper(
            name("bearer_auth"),
            &request,
            bearer_auth().layer(client()),
            Auth::OfALayer,
        ),
        hyper(
            name("per_request_auth_with_a_token"),
            &with_token,
            PerRequestAuth::new().layer(client()),
            Auth::OfALayer,
        ),
        hyper(
            name("token_registry"),
            &with_key,
            TokenRegistry::new(|_| auto_refreshing_token()).layer(client()),
            Auth::OfALayer,
        ),
        hyper(
            name("auto_refreshing_token"),
            &request,
            auto_refreshing_token().unwrap().layer(client()),
            Auth::OfALayer,
        ),
    ]
}

/// A `reqwest::Request` has no extensions that a layer sees, so what needs them is not here.
fn reqwest_cases(url: &str) -> Vec<Case> {
    let client = reqwest_client;
    let name = |name| format!("reqwest, {name}");
    vec![
        reqwest(name("without"), url, client(), Auth::None),
        reqwest(name("without, again"), url, client(), Auth::None),
        reqwest(
            name("header in the request"),
            url,
            client(),
            Auth::OfTheRequest,
        ),
        reqwest(
            name("api_key_auth"),
            url,
            api_key_auth().layer(client()),
            Auth::OfALayer,
        ),
        reqwest(
            name("bearer_auth"),
            url,
            bearer_auth().layer(client()),
            Auth::OfALayer,
        ),
        reqwest(
            name("auto_refreshing_token"),
            url,
            auto_refreshing_token().unwrap().layer(client()),
            Auth::OfALayer,
        ),
    ]
}

fn api_token() -> ApiToken {
    ApiToken::new(secret(1_200)).unwrap()
}

fn api_key_auth() -> ApiKeyAuth {
    ApiKeyAuth::new(ApiKey::new(secret(1_200)).unwrap())
}

fn bearer_auth() -> BearerAuth {
    BearerAuth::new(api_token())
}

/// One token is enough for all requests.
fn auto_refreshing_token() -> Result<AutoRefreshingToken, Error> {
    let source = |_: CreateTokens| async { Ok::<_, Error>(vec![api_token()]) };
    AutoRefreshingToken::builder(source)
        .request_limit(1_000_000)
        .standby(0)
        .build()
}

fn hyper<S>(name: String, request: &Request<Body>, mut client: S, auth: Auth) -> Case
where
    S: Service<Request<Body>, Response = http::Response<Incoming>, Error: Into<BoxError>> + 'static,
{
    let template = request.clone();
    Case::new(name, auth, move |runtime| {
        let requests: Vec<_> = (0..REQUESTS)
            .map(|_| {
                let mut request = template.clone();
                *request.headers_mut() = auth.headers();
                request
            })
            .collect();
        let begin = Instant::now();
        runtime.block_on(async {
            for request in requests {
                let service = client.ready().await.map_err(Into::into).unwrap();
                let response = service.call(request).await.map_err(Into::into).unwrap();
                assert!(response.status().is_success());
                response.into_body().collect().await.unwrap();
            }
        });
        begin.elapsed()
    })
}

fn reqwest<S>(name: String, url: &str, mut client: S, auth: Auth) -> Case
where
    S: Service<reqwest::Request, Response = reqwest::Response, Error: Into<BoxError>> + 'static,
{
    let url: reqwest::Url = url.parse().unwrap();
    Case::new(name, auth, move |runtime| {
        let requests: Vec<_> = (0..REQUESTS)
            .map(|_| {
                let mut request = reqwest::Request::new(reqwest::Method::GET, url.clone());
                *request.headers_mut() = auth.headers();
                request
            })
            .collect();
        let begin = Instant::now();
        runtime.block_on(async {
            for request in requests {
                let service = client.ready().await.map_err(Into::into).unwrap();
                let response = service.call(request).await.map_err(Into::into).unwrap();
                assert!(response.status().is_success());
                response.bytes().await.unwrap();
            }
        });
        begin.elapsed()
    })
}

impl Case {
    fn new(name: String, auth: Auth, mut send: impl FnMut(&Runtime) -> Duration + 'static) -> Self {
        let of = name.clone();
        let send = move |runtime: &Runtime| {
            let before = authorized();
            let took = send(runtime);
            assert_eq!(authorized() - before, auth.expected(), "{of}");
            took
        };
        Self {
            name,
            send: Box::new(send),
            rounds: Vec::new(),
        }
    }
}

impl Auth {
    /// Of a request, before any layer.
    fn headers(self) -> HeaderMap {
        let (head, ()) = requests::request(8).into_parts();
        let mut headers = head.headers;
        if let Self::OfTheRequest = self {
            let value = format!("Bearer {}", secret(1_200)).try_into().unwrap();
            headers.insert(AUTHORIZATION, value);
        }
        headers
    }

    /// How many requests of a round the server saw a credential on.
    fn expected(self) -> u64 {
        match self {
            Self::None => 0,
            Self::OfTheRequest | Self::OfALayer => REQUESTS as u64,
        }
    }
}

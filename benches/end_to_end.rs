//! The share of a request that auth is: hyper-util's client and reqwest's over loopback to a real server, with and without
//! each layer.
//!
//! Rounds of all cases take turns, and each is compared with the one without a layer next to it. A layer takes some tens of
//! nanoseconds of a request's hundred microseconds: less than a thousandth, which is lost in the noise here. How large that
//! is, `without, again` shows: it is the same as `without`, so whatever it differs by is noise. What is held is that each
//! request had its credential.

use std::time::{Duration, Instant};

use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefreshingToken, BearerAuth, CreateTokens, Error,
};
use mobula_auth_benches::figures::Figures;
use mobula_auth_benches::loopback::{Body, hyper_client, reqwest_client, serve};
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
    name: &'static str,
    send: Box<dyn FnMut(&Runtime) -> Duration>,
    rounds: Vec<f64>,
}

/// The first one is the client without a layer.
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
            case.name,
            [("microseconds", microseconds), ("over_without", ratio)],
        );
    }
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

fn hyper_cases(url: &str) -> Vec<Case> {
    vec![
        hyper("hyper-util, without", url, hyper_client(), false),
        hyper("hyper-util, without, again", url, hyper_client(), false),
        hyper(
            "hyper-util, tower_http_add_authorization",
            url,
            AddAuthorizationLayer::bearer(&secret(1_200)).layer(hyper_client()),
            true,
        ),
        hyper(
            "hyper-util, api_key_auth",
            url,
            api_key_auth().layer(hyper_client()),
            true,
        ),
        hyper(
            "hyper-util, bearer_auth",
            url,
            bearer_auth().layer(hyper_client()),
            true,
        ),
        hyper(
            "hyper-util, auto_refreshing_token",
            url,
            auto_refreshing_token().layer(hyper_client()),
            true,
        ),
    ]
}

fn reqwest_cases(url: &str) -> Vec<Case> {
    vec![
        reqwest("reqwest, without", url, reqwest_client(), false),
        reqwest("reqwest, without, again", url, reqwest_client(), false),
        reqwest(
            "reqwest, api_key_auth",
            url,
            api_key_auth().layer(reqwest_client()),
            true,
        ),
        reqwest(
            "reqwest, bearer_auth",
            url,
            bearer_auth().layer(reqwest_client()),
            true,
        ),
        reqwest(
            "reqwest, auto_refreshing_token",
            url,
            auto_refreshing_token().layer(reqwest_client()),
            true,
        ),
    ]
}

fn api_key_auth() -> ApiKeyAuth {
    ApiKeyAuth::new(ApiKey::new(secret(1_200)).unwrap())
}

fn bearer_auth() -> BearerAuth {
    BearerAuth::new(ApiToken::new(secret(1_200)).unwrap())
}

/// One token is enough for all requests.
fn auto_refreshing_token() -> AutoRefreshingToken {
    let source = |_: CreateTokens| async { Ok::<_, Error>(vec![ApiToken::new(secret(1_200))?]) };
    AutoRefreshingToken::builder(source)
        .request_limit(1_000_000)
        .standby(0)
        .build()
        .unwrap()
}

fn hyper<S>(name: &'static str, url: &str, mut client: S, authorized: bool) -> Case
where
    S: Service<Request<Body>, Response = http::Response<Incoming>, Error: Into<BoxError>> + 'static,
{
    let template = Request::get(url).body(Body::new()).unwrap();
    Case::new(name, authorized, move |runtime| {
        let requests: Vec<_> = (0..REQUESTS)
            .map(|_| {
                let mut request = template.clone();
                *request.headers_mut() = headers();
                request
            })
            .collect();
        let mut statuses = Vec::with_capacity(REQUESTS);
        let begin = Instant::now();
        runtime.block_on(async {
            for request in requests {
                let service = client.ready().await.map_err(Into::into).unwrap();
                let response = service.call(request).await.map_err(Into::into).unwrap();
                statuses.push(response.status());
                response.into_body().collect().await.unwrap();
            }
        });
        (begin.elapsed(), statuses)
    })
}

fn reqwest<S>(name: &'static str, url: &str, mut client: S, authorized: bool) -> Case
where
    S: Service<reqwest::Request, Response = reqwest::Response, Error: Into<BoxError>> + 'static,
{
    let url: reqwest::Url = url.parse().unwrap();
    Case::new(name, authorized, move |runtime| {
        let requests: Vec<_> = (0..REQUESTS)
            .map(|_| {
                let mut request = reqwest::Request::new(reqwest::Method::GET, url.clone());
                *request.headers_mut() = headers();
                request
            })
            .collect();
        let mut statuses = Vec::with_capacity(REQUESTS);
        let begin = Instant::now();
        runtime.block_on(async {
            for request in requests {
                let service = client.ready().await.map_err(Into::into).unwrap();
                let response = service.call(request).await.map_err(Into::into).unwrap();
                statuses.push(response.status());
                response.bytes().await.unwrap();
            }
        });
        (begin.elapsed(), statuses)
    })
}

impl Case {
    fn new(
        name: &'static str,
        authorized: bool,
        mut send: impl FnMut(&Runtime) -> (Duration, Vec<StatusCode>) + 'static,
    ) -> Self {
        let expected = if authorized {
            StatusCode::OK
        } else {
            StatusCode::NO_CONTENT
        };
        let send = move |runtime: &Runtime| {
            let (took, statuses) = send(runtime);
            assert_eq!(statuses, [expected; REQUESTS], "{name}");
            took
        };
        Self {
            name,
            send: Box::new(send),
            rounds: Vec::new(),
        }
    }
}

fn headers() -> HeaderMap {
    let request = requests::request(8);
    request.into_parts().0.headers
}

//! Requests that must not get anything: a status and an error each, no call of Mobula, nothing lost.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use mobula_auth::emulator::Emulator;
use mobula_auth::issuer::TokenIssuer;
use serde_json::Value;
use tower::ServiceExt;

use super::{ask, builder, seconds};

/// One way to be wrong, or right: what the request has, and what it is told if nothing before it is wrong.
struct Way {
    what: String,
    wrong: Option<(u16, &'static str)>,
}

fn way(what: impl Into<String>, wrong: Option<(u16, &'static str)>) -> Way {
    Way {
        what: what.into(),
        wrong,
    }
}

fn methods() -> Vec<Way> {
    let wrong = Some((405, "method_not_allowed"));
    let mut ways = vec![way("POST", None), way("DELETE", None)];
    let others = [
        "GET", "HEAD", "PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "post", "delete", "POSTT",
        "QUERY",
    ];
    ways.extend(others.map(|method| way(method, wrong)));
    ways
}

/// `Origin` and, after a blank, `Sec-Fetch-Site`.
fn origins() -> Vec<Way> {
    let wrong = Some((403, "forbidden_origin"));
    let mut ways = vec![
        way("", None),
        way("https://app.example.com", None),
        way("https://app.example.com cross-site", None),
        way("https://issuer.example.com", None),
        way("https://issuer.example.com same-origin", None),
        way(" none", None),
    ];
    let others = [
        "null",
        "null same-origin",
        "*",
        "https://evil.example",
        "https://evil.example same-site",
        "https://evil.example cross-site",
        "https://app.example.com.evil.example",
        "https://evil.example/https://app.example.com",
        "https://app.example.com:444",
        "https://app.example.com/",
        "http://app.example.com",
        "HTTPS://APP.EXAMPLE.COM",
        "https://xapp.example.com",
        "https://app.example.co",
        "https://user@app.example.com",
        "https://issuer.example.com cross-site",
        "https://issuer.example.com:8443",
        "https://issuer.example.com@evil.example",
        " cross-site",
        " same-site",
        " nonsense",
        "file://",
        "chrome-extension://abcdef",
        "https://",
        "//app.example.com",
    ];
    ways.extend(others.map(|origin| way(origin, wrong)));
    ways
}

fn content_types() -> Vec<Way> {
    let wrong = Some((415, "unsupported_media_type"));
    let mut ways = vec![
        way("application/json", None),
        way("Application/JSON; charset=utf-8", None),
    ];
    let others = [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
        "text/plain; application/json",
        "text/json",
        "application/jsonp",
        "application/json, text/plain",
        "application/ld+json",
        "application/csp-report",
        "application/octet-stream",
        "application",
        "json",
        ";",
        "",
        "*/*",
    ];
    ways.extend(others.map(|content_type| way(content_type, wrong)));
    ways
}

/// `x-user`; a minus sign for none.
fn sessions() -> Vec<Way> {
    let unknown = Some((401, "unauthenticated"));
    vec![
        way("ann", None),
        way("-", unknown),
        way("\u{fc}", unknown),
        way("banned", Some((403, "forbidden"))),
        way("", Some((500, "misconfigured"))),
        way("u".repeat(257), Some((500, "misconfigured"))),
    ]
}

fn bodies() -> Vec<Way> {
    let wrong = Some((400, "bad_request"));
    let mut ways = vec![
        way("{}".to_owned() + &" ".repeat(4_094), None),
        way(r#"{"x":[{"y":null}]}"#, None),
        way(
            "{}".to_owned() + &" ".repeat(4_095),
            Some((413, "content_too_large")),
        ),
        way(" ".repeat(1 << 20), Some((413, "content_too_large"))),
    ];
    let others = [
        "[]",
        "null",
        "1",
        "\"text\"",
        "true",
        "{",
        "}",
        "{}{}",
        "{},",
        "{'a':1}",
        "{\"a\":}",
        "{\"a\":1,}",
        " ",
        "\u{feff}{}",
        "a=b",
        "<a/>",
        "NaN",
        "{\"a\":\"\u{1}\"}",
        "\0",
        "{\"a\"",
    ];
    ways.extend(others.map(|body| way(body, wrong)));
    ways.push(way("[".repeat(4_000), wrong));
    ways.push(way(r#"{"a":"#.repeat(600), wrong));
    ways
}

/// Every method, origin, content type, session and body, each with the others as they should be, and with each other where
/// two are wrong: then the first of them is told.
fn table() -> Vec<([String; 5], (u16, &'static str))> {
    let axes = [methods(), origins(), content_types(), sessions(), bodies()];
    let good: Vec<_> = axes.iter().map(|axis| axis[0].what.clone()).collect();
    let mut table = Vec::new();
    for (one, ways) in axes.iter().enumerate() {
        for way in ways {
            for (other, other_ways) in axes.iter().enumerate().skip(one + 1) {
                for other_way in other_ways {
                    let Some(wrong) = way.wrong.or(other_way.wrong) else {
                        continue;
                    };
                    let mut row: [String; 5] = good.clone().try_into().unwrap();
                    row[one].clone_from(&way.what);
                    row[other].clone_from(&other_way.what);
                    table.push((row, wrong));
                }
            }
        }
    }
    table
}

fn request([method, origin, content_type, user, body]: &[String; 5]) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::from(body.clone()));
    *request.method_mut() = method.parse().unwrap();
    *request.uri_mut() = "/token".parse().unwrap();
    let headers = request.headers_mut();
    headers.insert("host", "issuer.example.com".parse().unwrap());
    let (origin, site) = origin.split_once(' ').unwrap_or((origin, ""));
    for (name, value) in [("origin", origin), ("sec-fetch-site", site)] {
        if !value.is_empty() {
            headers.insert(name, value.parse().unwrap());
        }
    }
    headers.insert("content-type", content_type.parse().unwrap());
    if user != "-" {
        headers.insert("x-user", HeaderValue::from_bytes(user.as_bytes()).unwrap());
    }
    request
}

/// U2: on every answer, whatever its status.
pub(super) fn assert_safe(headers: &HeaderMap) {
    for (name, expected) in [
        ("cache-control", "no-store"),
        ("pragma", "no-cache"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-type", "application/json"),
    ] {
        let values: Vec<_> = headers.get_all(name).into_iter().collect();
        assert_eq!(values, [expected], "{name}");
    }
    let varies: Vec<_> = headers.get_all("vary").into_iter().collect();
    let varies = varies
        .iter()
        .map(|value| value.to_str().unwrap().to_ascii_lowercase());
    assert!(varies.collect::<Vec<_>>().join(",").contains("origin"));
}

async fn send<B>(issuer: &TokenIssuer, request: Request<B>) -> (StatusCode, HeaderMap, Value)
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let Ok(answer) = issuer.clone().oneshot(request).await;
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (
        head.status,
        head.headers,
        serde_json::from_slice(&body).unwrap(),
    )
}

/// U1, U3, U10.
#[tokio::test(start_paused = true)]
async fn u1_u3_u10_thousands_of_bad_requests_get_an_error_each_and_cost_nothing() {
    let emulator = Emulator::new();
    let issuer = builder(&emulator)
        .allowed_origins(["https://app.example.com"])
        .subject_limit(2, seconds(3_600))
        .build()
        .unwrap();
    ask(&issuer, "ann").await;
    let (calls, in_stock) = (emulator.counts().requests(), issuer.status().in_stock);
    let table = table();
    assert!(table.len() >= 500, "{}", table.len());
    let mut seen = std::collections::BTreeMap::new();
    for (row, (status, error)) in &table {
        let (got, headers, json) = send(&issuer, request(row)).await;
        let told = json["error"].as_str().unwrap_or_default();
        assert_eq!((got.as_u16(), told), (*status, *error), "{row:?}");
        assert!(json["message"].as_str().is_some_and(|it| !it.is_empty()));
        assert_safe(&headers);
        assert_eq!(headers.contains_key("allow"), *status == 405);
        assert_eq!(headers.contains_key("www-authenticate"), *status == 401);
        *seen.entry(*status).or_insert(0_usize) += 1;
    }
    println!("{} requests: {seen:?}", table.len());
    assert_eq!(seen.len(), 7, "{seen:?}");
    assert_eq!(emulator.counts().requests(), calls, "no call");
    let status = issuer.status();
    assert_eq!(
        (status.in_stock, status.live, status.waiting),
        (in_stock, 1, 0)
    );
    assert_eq!(
        ask(&issuer, "ann").await.status,
        StatusCode::OK,
        "and her limit is as it was"
    );
}

/// A good request in all of its good forms gets a token: the table above is not right by refusing everything.
#[tokio::test(start_paused = true)]
async fn good_requests_are_served() {
    let emulator = Emulator::new();
    let issuer = builder(&emulator)
        .allowed_origins(["https://app.example.com"])
        .subject_limit(1_000, seconds(60))
        .build()
        .unwrap();
    let axes = [methods(), origins(), content_types(), sessions(), bodies()];
    let good: Vec<_> = axes.iter().map(|axis| axis[0].what.clone()).collect();
    let mut count = 0;
    for (place, axis) in axes.iter().enumerate() {
        for way in axis.iter().filter(|way| way.wrong.is_none()) {
            let mut row: [String; 5] = good.clone().try_into().unwrap();
            row[place].clone_from(&way.what);
            let (status, headers, json) = send(&issuer, request(&row)).await;
            assert_eq!(status, StatusCode::OK, "{row:?} {json}");
            assert_safe(&headers);
            count += 1;
        }
    }
    assert_eq!(count, 13);
}

#[tokio::test(start_paused = true)]
async fn headers_that_contradict_each_other_are_refused() {
    let emulator = Emulator::new();
    let issuer = builder(&emulator)
        .allowed_origins(["https://app.example.com"])
        .build()
        .unwrap();
    let json = ("content-type", "application/json");
    for (headers, expected) in [
        (vec![json, json], 415),
        (vec![json, ("content-type", "text/plain")], 415),
        (vec![json, ("content-encoding", "gzip")], 415),
        (vec![json, ("content-length", "4097")], 413),
        (vec![json, ("content-length", "18446744073709551616")], 413),
        (vec![json, ("content-length", "-1")], 400),
        (vec![json, ("content-length", "two")], 400),
        (
            vec![
                ("origin", "https://app.example.com"),
                ("origin", "https://app.example.com"),
            ],
            403,
        ),
        (
            vec![("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
            403,
        ),
    ] {
        let mut request = Request::post("/token").header("x-user", "ann");
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let (status, _, _) = send(&issuer, request).await;
        assert_eq!(status.as_u16(), expected, "{headers:?}");
    }
    let untyped = Request::post("/token").header("x-user", "ann");
    let untyped = untyped.body(Full::<Bytes>::from("{}")).unwrap();
    assert_eq!(
        send(&issuer, untyped).await.0.as_u16(),
        415,
        "a body without a type"
    );
    assert_eq!(emulator.counts().requests(), 0);
}

/// A body that says nothing of its size: endless, in frames of no bytes, or broken off.
struct Odd(Kind, usize);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Endless,
    EmptyFrames,
    BreaksOff,
    NeverComes,
}

impl Body for Odd {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.1 += 1;
        assert!(self.1 < 10_000, "it is read without end");
        match self.0 {
            Kind::Endless => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{    "))))),
            Kind::EmptyFrames => Poll::Ready(Some(Ok(Frame::data(Bytes::new())))),
            Kind::BreaksOff => Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into()))),
            Kind::NeverComes => Poll::Pending,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn u10_odd_bodies_end() {
    let emulator = Emulator::new();
    let issuer = builder(&emulator).build().unwrap();
    for (kind, expected) in [
        (Kind::Endless, 413),
        (Kind::EmptyFrames, 413),
        (Kind::BreaksOff, 400),
        (Kind::NeverComes, 408),
    ] {
        for method in ["POST", "DELETE"] {
            let request = Request::builder().method(method).uri("/token");
            let request = request.header("x-user", "ann");
            let request = request.header("content-type", "application/json");
            let (status, headers, _) = send(&issuer, request.body(Odd(kind, 0)).unwrap()).await;
            assert_eq!(status.as_u16(), expected);
            assert_safe(&headers);
        }
    }
    assert_eq!(emulator.counts().requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_delete_of_nonsense_revokes_nothing() {
    let emulator = Emulator::new();
    let issuer = builder(&emulator).build().unwrap();
    ask(&issuer, "ann").await;
    for body in [
        r#"{"id":1}"#,
        r#"{"id":null}"#,
        r#"{"id":""}"#,
        r#"{"id":["a"]}"#,
        r#"["a"]"#,
    ] {
        let answer = super::send(&issuer, super::request("DELETE", "ann", body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(issuer.status().live, 1);
}

/// A hook that never answers does not keep its caller for ever.
#[tokio::test(start_paused = true)]
async fn a_hook_that_hangs_is_given_up() {
    let stuck = async |_| -> Result<_, mobula_auth::issuer::Refusal> {
        std::future::pending::<()>().await;
        Err(mobula_auth::issuer::Refusal::forbidden())
    };
    let issuer = TokenIssuer::new(super::mint::Mint::default(), stuck);
    let answer = ask(&issuer, "ann").await;
    assert_eq!(
        (answer.status.as_u16(), answer.error()),
        (503, "unavailable")
    );
}

//! Faults as a client behind a real socket meets them.

use std::{error::Error, io, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use mobula_auth::emulator::{Emulator, Endpoint, Fault, Server};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

type Answer = Result<Response<Incoming>, hyper_util::client::legacy::Error>;

fn client(version: Version) -> Client<HttpConnector, Full<Bytes>> {
    // no second try behind the test's back
    Client::builder(TokioExecutor::new())
        .http2_only(version == Version::HTTP_2)
        .retry_canceled_requests(false)
        .build_http()
}

fn create(
    emulator: &Emulator,
    server: &Server,
    version: Version,
) -> impl Future<Output = Answer> + use<> {
    let request = Request::post(format!("{}/api/2/auth/tokens", server.url()))
        .header("authorization", emulator.api_key())
        .header("content-type", "application/json")
        .body(Full::from(json!({ "count": 2 }).to_string()))
        .expect("the request is valid");
    client(version).request(request)
}

async fn body(answer: Answer) -> Result<Bytes, hyper::Error> {
    Ok(answer
        .expect("the headers arrive")
        .into_body()
        .collect()
        .await?
        .to_bytes())
}

fn find_io(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}

#[tokio::test]
async fn without_faults_all_is_well() {
    for version in VERSIONS {
        let emulator = Emulator::new();
        let server = emulator.serve().await.expect("it serves");
        let answer = create(&emulator, &server, version).await;
        let answer = answer.expect("it is answered");
        assert_eq!(
            (answer.status(), answer.version()),
            (StatusCode::OK, version)
        );
        let body = answer
            .into_body()
            .collect()
            .await
            .expect("the body is whole")
            .to_bytes();
        let json: serde_json::Value = serde_json::from_slice(&body).expect("it is JSON");
        assert_eq!(json["createApiTokens"].as_array().map(Vec::len), Some(2));
    }
}

#[tokio::test]
async fn statuses_and_bodies_arrive() {
    for version in VERSIONS {
        let emulator = Emulator::new();
        let server = emulator.serve().await.expect("it serves");
        emulator.fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE));
        emulator.fault(Fault::body("<html>", HeaderValue::from_static("text/html")));
        emulator.fault(Fault::oversized_body(3_000_000));
        assert_eq!(
            create(&emulator, &server, version)
                .await
                .expect("it is answered")
                .status(),
            503
        );
        assert_eq!(
            body(create(&emulator, &server, version).await)
                .await
                .expect("it is whole"),
            "<html>"
        );
        assert_eq!(
            body(create(&emulator, &server, version).await)
                .await
                .expect("it is whole")
                .len(),
            3_000_000
        );
        assert_eq!(emulator.tokens(), []);
    }
}

#[tokio::test]
async fn resets_are_rst() {
    for after in [false, true] {
        let emulator = Emulator::new();
        let server = emulator.serve().await.expect("it serves");
        let fault = Fault::reset().on(Endpoint::Create);
        emulator.fault(if after { fault.after_handling() } else { fault });
        let mut socket = TcpStream::connect(server.addr())
            .await
            .expect("it connects");
        let request = format!(
            "POST /api/2/auth/tokens HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{{\"count\":1}}",
            emulator.api_key()
        );
        socket
            .write_all(request.as_bytes())
            .await
            .expect("it is sent");
        let error = socket
            .read(&mut [0; 16])
            .await
            .expect_err("no byte and no end arrives");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(emulator.tokens().len(), usize::from(after));
    }
}

#[tokio::test]
async fn clients_see_resets_as_connection_errors() {
    for version in VERSIONS {
        let emulator = Emulator::new();
        let server = emulator.serve().await.expect("it serves");
        emulator.fault(Fault::reset());
        let error = create(&emulator, &server, version)
            .await
            .expect_err("no answer arrives");
        assert_eq!(
            find_io(&error),
            Some(io::ErrorKind::ConnectionReset),
            "{version:?}"
        );
        // the server itself is fine
        assert_eq!(
            create(&emulator, &server, version)
                .await
                .expect("it is answered")
                .status(),
            200
        );
    }
}

#[tokio::test]
async fn truncated_bodies_do_not_pass_for_whole_ones() {
    for version in VERSIONS {
        for after in [false, true] {
            let emulator = Emulator::new();
            let server = emulator.serve().await.expect("it serves");
            let fault = Fault::truncated_body();
            emulator.fault(if after { fault.after_handling() } else { fault });
            assert!(
                body(create(&emulator, &server, version).await)
                    .await
                    .is_err(),
                "{version:?}"
            );
            assert_eq!(emulator.tokens().len(), if after { 2 } else { 0 });
            assert_eq!(
                create(&emulator, &server, version)
                    .await
                    .expect("it is answered")
                    .status(),
                200
            );
        }
    }
}

#[tokio::test]
async fn endless_bodies_can_be_given_up() {
    for version in VERSIONS {
        let emulator = Emulator::new();
        let server = emulator.serve().await.expect("it serves");
        emulator.fault(Fault::oversized_body(u64::MAX));
        let mut body = create(&emulator, &server, version)
            .await
            .expect("the headers arrive")
            .into_body();
        let mut received = 0;
        while received < 2_000_000 {
            let frame = body
                .frame()
                .await
                .expect("it does not end")
                .expect("it does not fail");
            received += frame.into_data().map_or(0, |data| data.len());
        }
        drop(body);
        assert_eq!(
            create(&emulator, &server, version)
                .await
                .expect("it is answered")
                .status(),
            200
        );
    }
}

#[tokio::test]
async fn hanging_requests_do_not_hold_up_others() {
    for version in VERSIONS {
        let emulator = Emulator::new();
        let server = emulator.serve().await.expect("it serves");
        emulator.fault(Fault::hang());
        let hanging = tokio::spawn(create(&emulator, &server, version));
        while emulator.counts().create.received == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            create(&emulator, &server, version)
                .await
                .expect("it is answered")
                .status(),
            200
        );
        // they end with the server
        drop(server);
        hanging
            .await
            .expect("it does not panic")
            .expect_err("the connection is gone");
    }
}

#[tokio::test(start_paused = true)]
async fn latency_follows_tokios_clock() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.expect("it serves");
    emulator.fault(Fault::latency(Duration::from_secs(600)));
    let start = Instant::now();
    let mut socket = TcpStream::connect(server.addr())
        .await
        .expect("it connects");
    socket
        .write_all(b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .expect("it is sent");
    let mut answer = String::new();
    socket
        .read_to_string(&mut answer)
        .await
        .expect("it is answered");
    assert!(answer.starts_with("HTTP/1.1 404 "));
    assert_eq!(start.elapsed(), Duration::from_secs(600));
}

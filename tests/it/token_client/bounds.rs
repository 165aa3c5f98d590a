//! Bounds of size and of time.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::Full;
use mobula_auth::TokenClient;
use tokio::net::TcpListener;

use super::scripted_server::{Answer, ScriptedServer, Then};
use super::{AnyClient, key, token};

const CAP: usize = 256 * 1024;

/// A token that is padded to an answer of exactly so many bytes.
fn answer_of(len: usize) -> Vec<u8> {
    let mut body = br#"{"token":"opaque"}"#.to_vec();
    body.resize(len, b' ');
    body
}

#[tokio::test]
async fn an_answer_of_256_kib_is_read_and_one_byte_more_is_not() {
    for announced in [true, false] {
        for (len, good) in [(CAP, true), (CAP + 1, false), (300 * 1024, false)] {
            let answer = if announced {
                Answer::json(200, answer_of(len))
            } else {
                let mut answer = Answer::head(200, &[], Then::Close);
                answer.bytes.extend(answer_of(len));
                answer
            };
            let server = ScriptedServer::start(answer).await;
            for client in AnyClient::both(&server.url) {
                let created = client.create(1).await;
                assert_eq!(created.is_ok(), good, "{len} {announced}");
                if let Err(error) = created {
                    assert!(error.is_transient());
                    assert!(error.to_string().contains("256 KiB"), "{error}");
                }
            }
        }
    }
}

/// N2: the connection is closed at the cap; whoever wrote on would notice.
#[tokio::test]
async fn an_endless_answer_is_cut() {
    for (head, status_counts) in [
        (Answer::head(200, &[], Then::Endless), false),
        (Answer::head(401, &[], Then::Endless), true),
    ] {
        let server = ScriptedServer::start(head).await;
        for client in AnyClient::both(&server.url) {
            let error = client.create(1).await.unwrap_err();
            assert_eq!(error.is_rejected(), status_counts, "{error}");
            assert_eq!(error.is_transient(), !status_counts, "{error}");
            server.one_hung_up().await;
        }
    }
}

/// A body in process can go on for ever without a byte, and without a pause in which the deadline could strike.
#[tokio::test]
async fn an_endless_row_of_empty_frames_is_cut() {
    #[derive(Clone, Copy)]
    struct Empty {
        is_data: bool,
    }
    impl Body for Empty {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(Some(Ok(if self.is_data {
                Frame::data(Bytes::new())
            } else {
                Frame::trailers(HeaderMap::new())
            })))
        }
    }
    for is_data in [true, false] {
        let http_client = tower::service_fn(move |_: Request<Full<Bytes>>| async move {
            Ok::<_, Infallible>(Response::new(Empty { is_data }))
        });
        let error = TokenClient::new(http_client, key())
            .list()
            .await
            .unwrap_err();
        assert!(error.to_string().contains("256 KiB"), "{error}");
    }
}

/// N3: at the deadline the connection is closed, wherever the answer is.
#[tokio::test]
async fn the_deadline_aborts_the_call() {
    for answer in [
        Answer::raw("", Then::Hang),
        Answer::raw("HTTP/1.1 200 OK\r\nx-slow:", Then::Drip),
        Answer::head(200, &["content-length: 99"], Then::Hang),
        Answer::head(200, &["content-length: 99"], Then::Drip),
    ] {
        let server = ScriptedServer::start(answer).await;
        for client in AnyClient::both_within(&server.url, Duration::from_millis(50)) {
            let error = client.create(1).await.unwrap_err();
            assert!(error.is_transient());
            assert!(error.to_string().contains("within 50ms"), "{error}");
            server.one_hung_up().await;
            let error = client.inspect(&token()).await.unwrap_err();
            assert!(error.to_string().contains("within 50ms"), "{error}");
            server.one_hung_up().await;
        }
    }
}

#[tokio::test]
async fn a_refusal_stays_one_however_slowly_it_is_worded() {
    for then in [Then::Hang, Then::Drip] {
        let answer = Answer::head(429, &["content-length: 99", "retry-after: 7"], then);
        let server = ScriptedServer::start(answer).await;
        for client in AnyClient::both_within(&server.url, Duration::from_millis(300)) {
            let error = client.create(1).await.unwrap_err();
            assert!(error.is_rate_limited());
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
            assert!(error.to_string().ends_with("for now (429)"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_a_transient_error() {
    let server = ScriptedServer::start(Answer::raw("", Then::Reset)).await;
    for client in AnyClient::both(&server.url) {
        for error in client.all_fail().await {
            assert!(error.is_transient(), "{error}");
            assert!(error.to_string().contains("out of reach"), "{error}");
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for client in AnyClient::both(&nobody) {
        for error in client.all_fail().await {
            assert!(error.is_transient(), "{error}");
            assert!(error.to_string().contains("out of reach"), "{error}");
        }
    }
}

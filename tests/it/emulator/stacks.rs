//! The emulator as the innermost service of other stacks.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Empty, Full, StreamBody, combinators::BoxBody};
use mobula_auth::emulator::{
    Body, ConnectionLost, Emulator, Endpoint, Fault, ResponseFuture, Server,
};
use tower::{
    BoxError, Service, ServiceBuilder, ServiceExt, timeout::error::Elapsed,
    util::BoxCloneSyncService,
};

use super::client::{DATA, ONE, TOKENS};

fn get<B: Default>(emulator: &Emulator) -> Request<B> {
    let request = Request::get(DATA).header("authorization", emulator.api_key());
    request.body(B::default()).expect("the request is valid")
}

#[tokio::test(start_paused = true)]
async fn any_body_type_will_do() {
    let emulator = Emulator::new();
    let mut service = emulator.clone();
    assert_eq!(
        service
            .call(get::<String>(&emulator))
            .await
            .map(|answer| answer.status()),
        Ok(http::StatusCode::OK)
    );
    assert_eq!(
        service
            .call(get::<Full<Bytes>>(&emulator))
            .await
            .map(|answer| answer.status()),
        Ok(http::StatusCode::OK)
    );
    assert_eq!(
        service
            .call(get::<Empty<Bytes>>(&emulator))
            .await
            .map(|answer| answer.status()),
        Ok(http::StatusCode::OK)
    );
    let boxed = get::<BoxBody<Bytes, Infallible>>(&emulator);
    assert_eq!(
        service.call(boxed).await.map(|answer| answer.status()),
        Ok(http::StatusCode::OK)
    );
}

#[tokio::test(start_paused = true)]
async fn bodies_may_come_in_pieces_and_fail() {
    let emulator = Emulator::new();
    let create = |pieces: Vec<Result<&'static str, &'static str>>| {
        let frames = pieces
            .into_iter()
            .map(|piece| piece.map(|text| http_body::Frame::data(Bytes::from(text))));
        Request::post(TOKENS)
            .header("authorization", emulator.api_key())
            .header("content-type", "application/json")
            .body(StreamBody::new(Pieces(frames)))
            .expect("the request is valid")
    };
    for (pieces, status) in [
        (vec![Ok("{\"cou"), Ok(""), Ok("nt\":1}")], 200),
        (vec![Ok(ONE), Err("it broke")], 400),
        (vec![Err("it broke")], 400),
        (vec![], 400),
    ] {
        let answer = emulator
            .clone()
            .oneshot(create(pieces))
            .await
            .expect("it is answered");
        assert_eq!(answer.status(), status);
    }
    assert_eq!(emulator.tokens().len(), 1);
}

/// An iterator as a stream.
struct Pieces<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Pieces<I> {
    type Item = I::Item;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

#[tokio::test(start_paused = true)]
async fn layers_fit_on_top() {
    let emulator = Emulator::new();
    let mut stack: BoxCloneSyncService<Request<Full<Bytes>>, Response<Body>, BoxError> =
        BoxCloneSyncService::new(
            ServiceBuilder::new()
                .concurrency_limit(1)
                .timeout(Duration::from_secs(5))
                .service(emulator.clone()),
        );
    emulator.fault(Fault::hang().on(Endpoint::Data));
    emulator.fault(Fault::reset());
    let error = stack
        .ready()
        .await
        .expect("it is ready")
        .call(get(&emulator))
        .await
        .expect_err("it hangs");
    assert!(error.is::<Elapsed>());
    let error = stack
        .ready()
        .await
        .expect("it is ready")
        .call(get(&emulator))
        .await
        .expect_err("it is reset");
    assert!(error.is::<ConnectionLost>());
    let answer = stack
        .ready()
        .await
        .expect("it is ready")
        .call(get(&emulator))
        .await
        .expect("it is answered");
    assert_eq!(answer.status(), 200);
}

#[test]
fn everything_crosses_threads() {
    fn check<T: Send + Sync + 'static>() {}
    fn check_send<T: Send + Unpin + 'static>() {}
    check::<Emulator>();
    check::<Server>();
    check::<Fault>();
    check::<Body>();
    check_send::<ResponseFuture<Full<Bytes>>>();
}

//! Faults in process, where time is held.

use std::{future::Future, pin::pin, time::Duration};

use http::{
    HeaderValue, Request, StatusCode,
    header::{CONTENT_TYPE, DATE, RETRY_AFTER},
};
use mobula_auth::emulator::{Emulator, Endpoint, Fault, ViolationKind};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::client::{
    ONE, bodiless, call, create_request, data_request, get_data, mint, mint_default, send,
    use_token, violations,
};

async fn data_status(emulator: &Emulator) -> u16 {
    get_data(emulator, "authorization", &emulator.api_key())
        .await
        .status
}

#[tokio::test(start_paused = true)]
async fn a_fault_strikes_once_unless_told_otherwise() {
    let emulator = Emulator::new();
    emulator.fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(
        (data_status(&emulator).await, data_status(&emulator).await),
        (503, 200)
    );

    emulator.fault(Fault::status(StatusCode::BAD_GATEWAY).times(2));
    emulator.fault(Fault::status(StatusCode::GATEWAY_TIMEOUT).times(0));
    for status in [502, 502, 200] {
        assert_eq!(data_status(&emulator).await, status);
    }

    emulator.fault(Fault::status(StatusCode::INTERNAL_SERVER_ERROR).always());
    for _ in 0..10 {
        assert_eq!(data_status(&emulator).await, 500);
    }
    emulator.clear_faults();
    assert_eq!(data_status(&emulator).await, 200);
}

#[tokio::test(start_paused = true)]
async fn faults_queue_up() {
    let emulator = Emulator::new();
    emulator.fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE));
    emulator.fault(Fault::status(StatusCode::BAD_GATEWAY));
    emulator.fault(Fault::status(StatusCode::INTERNAL_SERVER_ERROR));
    for status in [503, 502, 500, 200] {
        assert_eq!(data_status(&emulator).await, status);
    }
}

type MakeRequest = fn(&Emulator) -> Request<String>;

#[tokio::test(start_paused = true)]
async fn a_fault_strikes_its_endpoint_only() {
    let requests: [(Endpoint, MakeRequest); 5] = [
        (Endpoint::Create, |emulator| {
            create_request(&emulator.api_key(), ONE)
        }),
        (Endpoint::List, |emulator| {
            bodiless(Request::get("/api/2/auth/tokens").header("authorization", emulator.api_key()))
        }),
        (Endpoint::Inspect, |emulator| {
            bodiless(
                Request::get("/api/2/auth/token?token=x")
                    .header("authorization", emulator.api_key()),
            )
        }),
        (Endpoint::Revoke, |emulator| {
            bodiless(
                Request::delete("/api/2/auth/tokens/x").header("authorization", emulator.api_key()),
            )
        }),
        (Endpoint::Data, data_request),
    ];
    for (target, _) in requests {
        let emulator = Emulator::new();
        emulator.fault(Fault::status(StatusCode::IM_A_TEAPOT).on(target).always());
        for (endpoint, request) in requests {
            let status = send(&emulator, request(&emulator)).await.status;
            assert_eq!(status == 418, endpoint == target, "{target:?} {endpoint:?}");
        }
        assert_eq!(
            send(&emulator, bodiless(Request::get("/nowhere")))
                .await
                .status,
            404
        );
    }
    let emulator = Emulator::new();
    emulator.fault(Fault::status(StatusCode::IM_A_TEAPOT));
    assert_eq!(
        send(&emulator, bodiless(Request::get("/nowhere")))
            .await
            .status,
        418
    );
}

#[tokio::test(start_paused = true)]
async fn status_faults_look_like_errors_of_the_service() {
    let emulator = Emulator::new();
    let fault = Fault::status(StatusCode::TOO_MANY_REQUESTS)
        .header(RETRY_AFTER, HeaderValue::from_static("7"));
    emulator.fault(fault);
    let answer = send(&emulator, data_request(&emulator)).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (429, Some("7"))
    );
    assert_eq!(
        answer.json(),
        json!({ "statusCode": 429, "error": "Too Many Requests", "message": "Too Many Requests" })
    );
}

#[tokio::test(start_paused = true)]
async fn headers_of_faults_take_the_place_of_the_services_own() {
    let emulator = Emulator::new();
    let date = HeaderValue::from_static("no date at all");
    let fault = Fault::status(StatusCode::SERVICE_UNAVAILABLE)
        .header(DATE, date.clone())
        .after_handling();
    emulator.fault(
        fault
            .header(RETRY_AFTER, HeaderValue::from_static("1"))
            .header(RETRY_AFTER, HeaderValue::from_static("x")),
    );
    let answer = send(&emulator, data_request(&emulator)).await;
    assert_eq!(
        answer.headers.get_all(DATE).iter().collect::<Vec<_>>(),
        [&date]
    );
    assert_eq!(
        answer
            .headers
            .get_all(RETRY_AFTER)
            .iter()
            .collect::<Vec<_>>(),
        ["1", "x"]
    );
    assert_eq!(answer.headers.get_all(CONTENT_TYPE).iter().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn before_handling_nothing_takes_effect_and_after_it_everything_does() {
    for after in [false, true] {
        for fault in [
            Fault::status(StatusCode::BAD_GATEWAY),
            Fault::reset(),
            Fault::hang(),
            Fault::truncated_body(),
            Fault::oversized_body(10),
            Fault::body("", HeaderValue::from_static("text/html")),
        ] {
            let emulator = Emulator::new();
            let name = format!("{fault:?}");
            emulator.fault(if after { fault.after_handling() } else { fault }.on(Endpoint::Create));
            let request = create_request(&emulator.api_key(), &json!({ "count": 3 }).to_string());
            let _ = timeout(Duration::from_secs(1), call(&emulator, request)).await;
            assert_eq!(emulator.tokens().len(), if after { 3 } else { 0 }, "{name}");
            assert_eq!(
                emulator.counts().tokens,
                if after { 3 } else { 0 },
                "{name}"
            );
            assert_eq!(emulator.counts().create.received, 1, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_revocation_has_revoked() {
    let emulator = Emulator::new();
    let minted = mint_default(&emulator).await;
    emulator.fault(Fault::reset().on(Endpoint::Revoke).after_handling());
    let uri = format!("/api/2/auth/tokens/{}", minted.id);
    let request = bodiless(Request::delete(uri).header("authorization", emulator.api_key()));
    let lost = call(&emulator, request)
        .await
        .expect_err("the answer is lost");
    assert_eq!(
        lost.to_string(),
        "emulated connection reset before the answer"
    );
    assert_eq!(use_token(&emulator, &minted.token).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn latency_takes_exactly_its_time() {
    let emulator = Emulator::new();
    emulator.fault(Fault::latency(Duration::from_millis(1_234)).times(2));
    for millis in [1_234, 1_234, 0] {
        let start = Instant::now();
        assert_eq!(data_status(&emulator).await, 200);
        assert_eq!(start.elapsed(), Duration::from_millis(millis));
    }
}

#[tokio::test(start_paused = true)]
async fn latency_adds_to_another_fault() {
    let emulator = Emulator::new();
    emulator.fault(Fault::latency(Duration::from_secs(2)).always());
    emulator.fault(Fault::latency(Duration::from_secs(60)));
    emulator.fault(Fault::status(StatusCode::BAD_GATEWAY));
    let start = Instant::now();
    assert_eq!(
        (data_status(&emulator).await, data_status(&emulator).await),
        (502, 200)
    );
    assert_eq!(start.elapsed(), Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_token_can_expire_on_its_way() {
    let emulator = Emulator::new();
    let token = mint(&emulator, &json!({ "expiresIn": 60_000 })).await.token;
    sleep(Duration::from_millis(59_999)).await;
    emulator.fault(Fault::latency(Duration::from_millis(1)));
    assert_eq!(use_token(&emulator, &token).await.status, 401);
    // it was good when it was sent: no fault of the client
    assert_eq!(violations(&emulator), []);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_was_decided_early() {
    let emulator = Emulator::new();
    let token = mint(&emulator, &json!({ "expiresIn": 60_000 })).await.token;
    sleep(Duration::from_millis(59_999)).await;
    emulator.fault(Fault::latency(Duration::from_secs(9)).after_handling());
    assert_eq!(use_token(&emulator, &token).await.status, 200);
    assert_eq!(use_token(&emulator, &token).await.status, 401);
    assert_eq!(violations(&emulator), [ViolationKind::ExpiredToken]);
}

#[tokio::test(start_paused = true)]
async fn hanging_is_for_ever() {
    let emulator = Emulator::new();
    emulator.fault(Fault::hang());
    let lost = timeout(
        Duration::from_secs(1_000_000),
        call(&emulator, data_request(&emulator)),
    )
    .await;
    assert!(lost.is_err());
    assert_eq!(emulator.requests()[0].status, None);
    assert_eq!(data_status(&emulator).await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_nobody_waits_for_is_not_handled() {
    let emulator = Emulator::new();
    emulator.fault(Fault::latency(Duration::from_secs(2)));
    let request = create_request(&emulator.api_key(), ONE);
    assert!(
        timeout(Duration::from_secs(1), call(&emulator, request))
            .await
            .is_err()
    );
    sleep(Duration::from_secs(5)).await;
    assert_eq!(emulator.tokens(), []);
    assert_eq!(emulator.requests()[0].status, None);
}

#[tokio::test(start_paused = true)]
async fn requests_wait_side_by_side() {
    let emulator = Emulator::new();
    emulator.fault(Fault::latency(Duration::from_secs(1)).always());
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..1_000 {
        let emulator = emulator.clone();
        tasks.spawn(async move { data_status(&emulator).await });
    }
    assert_eq!(tasks.join_all().await, [200; 1_000]);
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_request_arrives_when_its_future_is_polled() {
    let emulator = Emulator::new();
    let future = call(&emulator, data_request(&emulator));
    let mut future = pin!(future);
    assert_eq!(emulator.counts().requests(), 0);
    std::future::poll_fn(|cx| future.as_mut().poll(cx))
        .await
        .expect("it is answered");
    assert_eq!(emulator.counts().requests(), 1);
}

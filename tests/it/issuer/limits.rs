//! U4: what nobody gets past, and what it costs those who try.

use http::StatusCode;
use mobula_auth::emulator::Emulator;
use mobula_auth::issuer::TokenIssuer;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::mint::{Mint, Turn};
use super::{ask, builder, by_header, request, seconds, send};

#[tokio::test(start_paused = true)]
async fn u4_who_is_over_its_limit_is_told_when_to_come_back_and_costs_nothing() {
    let emulator = Emulator::new();
    let issuer = builder(&emulator)
        .subject_limit(3, seconds(60))
        .build()
        .unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&issuer, "eve").await.status, StatusCode::OK);
    }
    let calls = emulator.counts().requests();
    for _ in 0..1_000 {
        let refused = ask(&issuer, "eve").await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.error(), "rate_limited");
        assert_eq!(refused.retry_after(), Some(20));
        assert_eq!(refused.json["retryAfter"], 20);
    }
    assert_eq!(emulator.counts().requests(), calls);
    assert_eq!(ask(&issuer, "ann").await.status, StatusCode::OK);
    tokio::time::sleep(seconds(20)).await;
    assert_eq!(ask(&issuer, "eve").await.status, StatusCode::OK);
    assert_eq!(
        ask(&issuer, "eve").await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test(start_paused = true)]
async fn u4_the_limit_of_all_is_one_for_all() {
    let mint = Mint::default();
    let issuer = mint.builder().global_limit(5, seconds(60)).build().unwrap();
    for number in 0..5 {
        assert_eq!(
            ask(&issuer, &number.to_string()).await.status,
            StatusCode::OK
        );
    }
    let creates = mint.creates();
    let refused = ask(&issuer, "one more").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.error(), "globally_rate_limited");
    assert_eq!(refused.retry_after(), Some(12));
    assert_eq!(mint.creates(), creates);
}

/// Each who is turned away is given a time of its own to come back. A thousand of them for one would leave none for the
/// others.
#[tokio::test(start_paused = true)]
async fn u4_who_asks_a_thousand_times_delays_nobody_s_return() {
    let issuer = Mint::default().builder().global_limit(5, seconds(60));
    let issuer = issuer.build().unwrap();
    for number in 0..5 {
        ask(&issuer, &number.to_string()).await;
    }
    for _ in 0..1_000 {
        let refused = ask(&issuer, "eve").await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    }
    let refused = ask(&issuer, "ann").await;
    assert_eq!(refused.error(), "globally_rate_limited");
    assert!(refused.retry_after() <= Some(30), "{refused:?}");
}

/// To log out must not fail because one has asked for tokens, and to do it a thousand times costs no thousand calls.
#[tokio::test(start_paused = true)]
async fn revocations_have_a_limit_of_their_own() {
    let mint = Mint::default();
    let issuer = mint
        .builder()
        .subject_limit(2, seconds(60))
        .build()
        .unwrap();
    for _ in 0..3 {
        ask(&issuer, "ann").await;
    }
    let revoked = send(&issuer, request("DELETE", "ann", "")).await;
    assert_eq!(revoked.json["revoked"], 2);
    assert_eq!(
        send(&issuer, request("DELETE", "ann", "")).await.json["revoked"],
        0
    );
    let refused = send(&issuer, request("DELETE", "ann", "")).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(start_paused = true)]
async fn u4_one_subject_waits_in_few_places_and_all_of_them_in_bounded_ones() {
    let mint = Mint::default().with_script([Turn::Hang]);
    let issuer = mint
        .builder()
        .max_waiting(5)
        .max_waiting_of_subject(2)
        .build()
        .unwrap();
    let wait = |user: &'static str| {
        let issuer = issuer.clone();
        tokio::spawn(async move { ask(&issuer, user).await })
    };
    let waiting: Vec<_> = ["eve", "eve", "ann", "bob", "cid"].map(wait).into();
    while issuer.status().waiting < 5 {
        tokio::task::yield_now().await;
    }
    let greedy = ask(&issuer, "eve").await;
    assert_eq!(greedy.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(greedy.error(), "already_waiting");
    let one_too_many = ask(&issuer, "dan").await;
    assert_eq!(one_too_many.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(one_too_many.error(), "over_capacity");
    assert!(one_too_many.retry_after().is_some() && greedy.retry_after().is_some());
    assert_eq!(issuer.status().waiting, 5);
    for waiting in waiting {
        let late = waiting.await.unwrap();
        assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(issuer.status().waiting, 0);
    assert_eq!(mint.creates().len(), 1);
}

/// What is issued can be revoked: so no more is issued than is remembered.
#[tokio::test(start_paused = true)]
async fn no_more_tokens_are_out_than_can_be_revoked() {
    let mint = Mint::default();
    let issuer = mint.builder().max_live(2).build().unwrap();
    assert_eq!(ask(&issuer, "ann").await.status, StatusCode::OK);
    tokio::time::sleep(seconds(30)).await;
    assert_eq!(ask(&issuer, "bob").await.status, StatusCode::OK);
    let refused = ask(&issuer, "cid").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.retry_after(), Some(270));
    tokio::time::sleep(seconds(270)).await;
    assert_eq!(ask(&issuer, "cid").await.status, StatusCode::OK);
    assert_eq!(
        issuer.status().live,
        1,
        "the others were of one batch, and ended together"
    );
}

/// Those who wait when the last token that may be out is handed out are told so, and no tokens are made for them.
#[tokio::test(start_paused = true)]
async fn who_waits_when_no_more_tokens_may_be_out_is_told_so() {
    let mint = Mint::default().with_latency(seconds(1));
    let issuer = mint.builder().max_live(2).build().unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..5 {
        let issuer = issuer.clone();
        tasks.spawn(async move { ask(&issuer, &number.to_string()).await });
    }
    let began = Instant::now();
    let answers = tasks.join_all().await;
    assert_eq!(began.elapsed(), seconds(1));
    let (served, refused): (Vec<_>, Vec<_>) = answers
        .iter()
        .partition(|answer| answer.status == StatusCode::OK);
    assert_eq!((served.len(), mint.creates().len()), (2, 1));
    for refused in refused {
        assert_eq!(refused.error(), "over_capacity");
        // The first of the two ends 300 seconds after it was asked for.
        assert!((299..=302).contains(&refused.retry_after().unwrap()));
    }
}

#[test]
fn settings_that_let_nobody_in_are_refused() {
    let builder = || TokenIssuer::builder(Mint::default(), by_header);
    for (what, builder) in [
        ("lifetime", builder().lifetime(seconds(59))),
        ("request limit", builder().request_limit(0)),
        ("subject limit", builder().subject_limit(0, seconds(60))),
        ("global limit", builder().global_limit(1, seconds(0))),
        ("period", builder().subject_limit(1, seconds(86_401))),
        ("subjects", builder().max_subjects(0)),
        ("kinds", builder().max_kinds(0)),
        ("waiting", builder().max_waiting(0)),
        ("waiting of one", builder().max_waiting_of_subject(0)),
        ("live", builder().max_live(0)),
        ("wait", builder().max_wait(seconds(601))),
        (
            "origin",
            builder().allowed_origins(["https://*.example.com"]),
        ),
    ] {
        let error = builder.build().unwrap_err();
        assert!(error.is_invalid_configuration(), "{what}");
    }
    assert!(builder().capacity(0).build().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stock_without_bounds_is_one() {
    let issuer = Mint::default().builder().capacity(usize::MAX);
    let issuer = issuer.build().unwrap();
    assert_eq!(ask(&issuer, "ann").await.status, StatusCode::OK);
}

//! A source that fails, in each of its ways.

use std::collections::HashSet;

use http::StatusCode;
use mobula_auth::emulator::{Emulator, Endpoint, Fault, Plan};
use tokio::time::{Instant, sleep};

use super::mint::{Mint, Turn};
use super::{ask, issuer, seconds};

/// R13: a refused key is told to all who wait, at once, and asked again once in a back-off window and no more.
#[tokio::test(start_paused = true)]
async fn r13_a_refusal_is_everybody_s_answer_and_costs_one_attempt_a_window() {
    let emulator = Emulator::new();
    assert!(emulator.set_plan(&emulator.api_key(), Plan::Free));
    let issuer = issuer(&emulator);
    let began = Instant::now();
    let mut told = Vec::new();
    for number in 0..1_000 {
        let refused = ask(&issuer, &(number % 200).to_string()).await;
        assert_eq!(refused.status, StatusCode::BAD_GATEWAY);
        assert_eq!(refused.error(), "upstream_refused");
        told.push(refused.retry_after().unwrap());
    }
    // When it is asked again, and then as far apart as tokens are: not all at once.
    assert!((5..=10).contains(&told[0]));
    assert!(told[100] - told[0] >= 59 && told.iter().all(|it| (5..=600).contains(it)));
    assert_eq!(began.elapsed(), seconds(0));
    assert_eq!(emulator.counts().create.received, 1);
    let cause = issuer.status().last_error.unwrap();
    assert!(cause.is_plan_required());
    assert!(emulator.set_plan(&emulator.api_key(), Plan::Growth));
    sleep(seconds(11)).await;
    assert_eq!(ask(&issuer, "ann").await.status, StatusCode::OK);
    assert!(issuer.status().last_error.is_none());
}

/// N3, R12: what passes by is waited for.
#[tokio::test(start_paused = true)]
async fn r12_a_transient_failure_costs_those_who_wait_a_moment() {
    let emulator = Emulator::new();
    emulator.fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE).on(Endpoint::Create));
    emulator.fault(Fault::reset().on(Endpoint::Create));
    let issuer = issuer(&emulator);
    let began = Instant::now();
    assert_eq!(ask(&issuer, "ann").await.status, StatusCode::OK);
    assert!(began.elapsed() < seconds(3), "{:?}", began.elapsed());
    assert_eq!(emulator.counts().create.received, 3);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_an_honest_503() {
    let emulator = Emulator::new();
    emulator.fault(Fault::reset().on(Endpoint::Create).always());
    let issuer = issuer(&emulator);
    let began = Instant::now();
    let refused = ask(&issuer, "ann").await;
    assert!(began.elapsed() <= seconds(10));
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(["upstream_unavailable", "over_capacity"].contains(&refused.error()));
    assert!(refused.retry_after().is_some());
    assert!(emulator.counts().create.received <= 4);
    assert_eq!(emulator.counts().violations, 0);
}

/// R17: a panic of the source is an error, and the next attempt is made.
#[tokio::test(start_paused = true)]
async fn r17_a_source_that_panics_has_failed() {
    let mint = Mint::default().with_script([Turn::Panic, Turn::Fail("down"), Turn::Nothing]);
    let issuer = mint.issuer();
    assert_eq!(ask(&issuer, "ann").await.status, StatusCode::OK);
    assert_eq!(mint.creates().len(), 4);
}

/// R16: the runtime that created tokens for all who wait goes away; those on others begin anew.
#[test]
fn r16_a_runtime_that_goes_away_takes_nobody_with_it() {
    let mint = Mint::default().with_script([Turn::Hang]);
    let issuer = mint.issuer();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap()
    };
    let (first, second) = (runtime(), runtime());
    let mut on_first = Box::pin(ask(&issuer, "ann"));
    first.block_on(async {
        assert!(futures_util::poll!(&mut on_first).is_pending());
        tokio::task::yield_now().await;
    });
    let waits = second.spawn({
        let issuer = issuer.clone();
        async move { ask(&issuer, "bob").await }
    });
    second.block_on(tokio::task::yield_now());
    assert_eq!((issuer.status().waiting, mint.creates().len()), (2, 1));
    drop(first);
    let answer = second.block_on(waits).unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    second.block_on(async {
        // A timer of a runtime that is gone cannot be polled.
        drop(on_first);
        assert_eq!(ask(&issuer, "cid").await.status, StatusCode::OK);
    });
}

/// U6, S1: a source that gives a token twice gives it to one subject alone, whatever became of it.
#[tokio::test(start_paused = true)]
async fn u6_a_token_that_comes_twice_is_handed_out_once() {
    let mint = Mint::default().with_script([Turn::GiveOnly(3), Turn::Repeat, Turn::Give]);
    let issuer = mint.builder().capacity(3).build().unwrap();
    let mut seen = HashSet::new();
    for number in 0..3 {
        let answer = ask(&issuer, &number.to_string()).await;
        assert!(seen.insert(answer.token().to_owned()));
    }
    for number in 3..20 {
        let answer = ask(&issuer, &number.to_string()).await;
        if answer.status == StatusCode::OK {
            assert!(seen.insert(answer.token().to_owned()), "{}", answer.token());
        }
        sleep(seconds(1)).await;
    }
    assert!(seen.len() > 15);
    assert!(
        mint.revoked().is_empty(),
        "it is somebody's: not revoked under them"
    );
}

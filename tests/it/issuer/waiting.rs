//! Those for whom there is no token yet.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use http::StatusCode;
use mobula_auth::emulator::Emulator;
use tokio::time::{Instant, sleep, timeout};
use tokio_test::{assert_pending, task};
use tower::Service;

use super::mint::{Mint, Turn};
use super::{ask, issuer, post, seconds};

/// U4: a subject that asks again and again is served in turn with the others, not before them.
#[tokio::test(start_paused = true)]
async fn u4_subjects_are_served_in_turn() {
    let mint = Mint::default().with_latency(seconds(1)).with_script([
        Turn::GiveOnly(1),
        Turn::GiveOnly(1),
        Turn::GiveOnly(1),
        Turn::GiveOnly(1),
    ]);
    let issuer = mint.builder().capacity(0).build().unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for user in ["eve", "eve", "eve", "ann", "bob"] {
        let (issuer, served) = (issuer.clone(), Arc::clone(&served));
        tasks.push(tokio::spawn(async move {
            assert_eq!(ask(&issuer, user).await.status, StatusCode::OK);
            served.lock().unwrap().push(user);
        }));
        tokio::task::yield_now().await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*served.lock().unwrap(), ["eve", "ann", "bob", "eve", "eve"]);
}

#[tokio::test(start_paused = true)]
async fn h7_who_waits_too_long_is_told_when_to_come_back() {
    let mint = Mint::default().with_script([Turn::Hang]);
    let issuer = mint.builder().max_wait(seconds(7)).build().unwrap();
    let began = Instant::now();
    let late = ask(&issuer, "ann").await;
    assert_eq!(began.elapsed(), seconds(7));
    assert_eq!(late.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(late.error(), "over_capacity");
    assert!(late.retry_after().is_some());
    // The attempt that hangs is given up after 30 seconds, and the next one is made for whoever waits then.
    sleep(seconds(22)).await;
    assert_eq!(ask(&issuer, "ann").await.status, StatusCode::OK);
    assert_eq!(mint.creates().len(), 2);
}

/// R10: over the limit of create requests nothing is sent; who cannot be served in time is told so at once.
#[tokio::test(start_paused = true)]
async fn r10_no_create_request_is_sent_over_the_limit_and_the_wait_is_told() {
    let emulator = Emulator::new();
    let issuer = super::builder(&emulator).capacity(0).build().unwrap();
    // Each of these minutes' requests brings one token alone, as nothing is kept in stock.
    for number in 0..4 {
        assert_eq!(
            ask(&issuer, &number.to_string()).await.status,
            StatusCode::OK
        );
        sleep(seconds(1)).await;
    }
    let began = Instant::now();
    let refused = ask(&issuer, "one more").await;
    assert_eq!(
        began.elapsed(),
        seconds(0),
        "56 seconds are too long to wait"
    );
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.error(), "over_capacity");
    let wait = refused.retry_after().unwrap();
    assert!((56..=57).contains(&wait), "{wait}");
    sleep(seconds(wait - 5)).await;
    let began = Instant::now();
    assert_eq!(ask(&issuer, "one more").await.status, StatusCode::OK);
    assert!(began.elapsed() <= seconds(6), "and this one waits for it");
    assert_eq!(emulator.counts().create.received, 5);
    assert_eq!(emulator.counts().violations, 0);
}

/// R4: a caller that hangs up at any poll loses no token: what was on its way to it goes to the next.
#[tokio::test(start_paused = true)]
async fn r4_a_token_for_a_caller_that_has_hung_up_goes_to_the_next() {
    // Served from stock: the future is ready at once, and nobody looks at its answer.
    let mint = Mint::default().with_latency(seconds(1));
    let issuer = mint.issuer();
    let mut first = task::spawn(issuer.clone().call(post("ann")));
    assert_pending!(first.poll());
    sleep(seconds(2)).await;
    // The token has been sent to it, and it has not looked.
    assert_eq!((issuer.status().live, issuer.status().waiting), (1, 0));
    let in_stock = issuer.status().in_stock;
    drop(first);
    assert_eq!(issuer.status().live, 0);
    assert_eq!(issuer.status().in_stock, in_stock + 1);
    let mut seen = HashSet::new();
    for user in 0..mint.creates()[0] {
        assert!(seen.insert(ask(&issuer, &user.to_string()).await.token().to_owned()));
    }
    assert!(seen.contains("token-0"), "the one that was on its way");
}

#[tokio::test(start_paused = true)]
async fn r4_who_hangs_up_while_it_waits_leaves_its_place() {
    let mint = Mint::default()
        .with_latency(seconds(1))
        .with_script([Turn::GiveOnly(1)]);
    let issuer = mint.builder().capacity(0).build().unwrap();
    assert!(timeout(seconds(0), ask(&issuer, "eve")).await.is_err());
    let stays = tokio::spawn({
        let issuer = issuer.clone();
        async move { ask(&issuer, "ann").await }
    });
    let began = Instant::now();
    assert_eq!(stays.await.unwrap().token(), "token-0");
    assert_eq!(began.elapsed(), seconds(1), "one create request was enough");
    assert_eq!(issuer.status().live, 1);
}

/// U7: a token that its caller does not come to look at ages all the same, and is not handed out any more.
#[tokio::test(start_paused = true)]
async fn u7_a_token_that_waits_for_its_caller_for_too_long_is_not_handed_out() {
    let mint = Mint::default();
    let issuer = mint.issuer();
    let mut late = task::spawn(issuer.clone().call(post("ann")));
    assert_pending!(late.poll());
    sleep(seconds(61)).await;
    assert_eq!(issuer.status().live, 1);
    let Ok(answer) = late.await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(issuer.status().live, 0);
    sleep(seconds(1)).await;
    assert!(mint.revoked().contains(&"id-0".to_owned()), "nobody has it");
}

/// The stock is filled before it is empty, so that steady demand waits for nothing.
#[tokio::test(start_paused = true)]
async fn r6_steady_demand_within_the_budget_waits_only_at_first() {
    let emulator = Emulator::new();
    let issuer = issuer(&emulator);
    let mut waited = 0;
    for number in 0..1_800 {
        let began = Instant::now();
        let answer = ask(&issuer, &number.to_string()).await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "caller {number}: {:?}",
            answer.json
        );
        waited += u32::from(began.elapsed() > seconds(0));
        sleep(seconds(1)).await;
    }
    assert_eq!(waited, 0, "the emulator answers at once");
    // Half an hour: 60 a minute, of the 100 that 4 create requests bring.
    let creates = emulator.counts().create.received;
    assert!(creates <= 1_800 / 20, "{creates} create requests");
    assert_eq!(emulator.counts().violations, 0);
}

//! What the model and the sweep found, each as small as it gets.

use std::time::Duration;

use mobula_auth::AutoRefreshingToken;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::{advance, sleep};
use tokio_test::{assert_ready, task};

use super::source::{Answer, Source};
use super::stage::{Call, Stage};

const SECOND: Duration = Duration::from_secs(1);

fn paused() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// R18: what is live could be revoked at once; it is left, because all the time goes into waiting for the
/// attempt.
#[tokio::test(start_paused = true)]
async fn r18_a_shutdown_revokes_what_is_live_though_an_attempt_hangs() {
    let source = Source::new([Answer::AsAsked, Answer::Hang]);
    let auth = AutoRefreshingToken::builder(source.clone())
        .standby(0)
        .build()
        .unwrap();
    auth.lease().await.unwrap();
    assert!(task::spawn(auth.refresh()).poll().is_pending());
    let report = auth.shutdown().await;
    assert_eq!(source.revoked(), ["token-1"]);
    assert_eq!((report.revoked, report.left), (1, 1));
}

/// H1, C9: a source that hands out its one token again after a 401 gets it revoked while it is in use.
#[tokio::test(start_paused = true)]
async fn c9_a_token_in_use_is_not_revoked() {
    let source = Source::new([Answer::Cached, Answer::Cached]);
    let stage = Stage {
        auth: AutoRefreshingToken::new(source.clone()),
        source: source.clone(),
        is_quick: false,
        other: None,
    };
    source.reject("cached");
    stage.call(Call::Request).await.unwrap_err();
    let lease = stage.auth.lease().await.unwrap();
    sleep(31 * SECOND).await;
    assert_eq!(lease.generation(), stage.auth.status().generation());
    let leased = lease.token().expose_secret().to_owned();
    assert!(!source.revoked().contains(&leased), "{leased} is in use");
}

/// R16: a refresh that another runtime's end took away did not happen, so it is no success.
#[test]
fn r16_a_refresh_that_is_abandoned_is_no_success() {
    let source = Source::new([Answer::AsAsked, Answer::Hang]);
    let auth = AutoRefreshingToken::new(source);
    let first = paused();
    first.block_on(async {
        auth.lease().await.unwrap();
        assert!(task::spawn(auth.refresh()).poll().is_pending());
    });
    let mut joined = task::spawn(Box::pin(auth.refresh()));
    assert!(joined.poll().is_pending());
    drop(first);
    let refreshed = paused().block_on(joined.into_inner());
    assert!(refreshed.is_err() || auth.status().generation() == 2);
}

/// R6: "waits for one as a request would", and a request that notices that its token ages has it replaced.
#[tokio::test(start_paused = true)]
async fn r6_a_lease_of_an_aging_token_begins_a_refresh() {
    let source = Source::default();
    let auth = AutoRefreshingToken::new(source.clone());
    auth.lease().await.unwrap();
    advance(2_800 * SECOND).await;
    auth.lease().await.unwrap();
    assert!(auth.status().is_refreshing());
}

/// R16, H7: a call that waits for its attempt goes on elsewhere when the runtime goes away.
#[test]
fn r16_a_call_that_waits_for_an_attempt_survives_its_runtime() {
    assert_eq!(moved_while_waiting([Answer::Hang]), "token-1");
}

/// R16, H7: and so does one that waits for the gate; its timer was the lost runtime's.
#[test]
fn r16_a_call_that_waits_for_the_gate_survives_its_runtime() {
    assert_eq!(moved_while_waiting([Answer::Fail]), "token-1");
}

fn moved_while_waiting(answers: [Answer; 1]) -> String {
    let auth = AutoRefreshingToken::new(Source::new(answers));
    let mut lease = task::spawn(Box::pin(auth.lease()));
    let first = paused();
    first.block_on(async {
        for _ in 0..3 {
            assert!(lease.poll().is_pending());
            yield_now().await;
        }
    });
    drop(first);
    let lease = paused().block_on(lease.into_inner());
    lease.unwrap().token().expose_secret().to_owned()
}

/// R16: a call that is moved out of every runtime has nobody to tell the time, and is told so.
#[test]
fn r16_a_call_that_loses_every_runtime_is_told_so() {
    let auth = AutoRefreshingToken::new(Source::new([Answer::Hang]));
    let mut call = task::spawn(Box::pin(auth.lease()));
    let runtime = paused();
    runtime.block_on(async { assert!(call.poll().is_pending()) });
    let error = assert_ready!(call.poll()).unwrap_err();
    assert!(error.to_string().contains("tokio runtime"), "{error}");
    drop(runtime);
}

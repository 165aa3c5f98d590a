//! Each future, dropped at each of its polls, on each path.

use std::time::Duration;

use mobula_auth::Error;
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::{advance, sleep, timeout};
use tokio_test::task;

use super::stage::{BoxFuture, CALLS, Call, PATHS, Path, Stage};

const SECOND: Duration = Duration::from_secs(1);
/// Waits without an end are dropped this many times.
const MOST_POLLS: usize = 200;

/// R4, R5, H7: whoever is dropped, and whenever, the next caller gets a token, no attempt is lost and none is
/// doubled, nobody waits for ever, and no task stays.
#[tokio::test(start_paused = true)]
async fn r4_each_future_may_be_dropped_at_each_poll_on_each_path() {
    let mut drops = 0;
    for path in PATHS {
        for call in CALLS {
            let polls = polls_to_the_end(path, call).await;
            for polls in 0..=polls {
                dropped_after(path, call, polls).await;
            }
            drops += polls + 1;
        }
    }
    println!(
        "{} paths x {} futures: dropped {drops} times",
        PATHS.len(),
        CALLS.len()
    );
    assert!(drops > 2_000, "{drops}");
}

async fn polls_to_the_end(path: Path, call: Call) -> usize {
    let stage = path.stage(SECOND).await;
    let polls = poll(&stage, path, stage.call(call), MOST_POLLS).await;
    stage.auth.shutdown().await;
    drop(stage);
    sleep(61 * SECOND).await;
    polls
}

/// Polls so many times and gives how often that was; the future is dropped with this one.
async fn poll(stage: &Stage, path: Path, future: BoxFuture, polls: usize) -> usize {
    let mut future = task::spawn(future);
    for polled in 0..polls {
        if polled == 2 && path == Path::ShutDownMeanwhile {
            drop(tokio::spawn(stage.call(Call::Shutdown)));
        }
        // Every other time, only the tasks go on, one turn each; what is between a change and who waits
        // for it is then seen as well.
        if polled % 2 == 1 {
            advance(SECOND * 7 / 10).await;
        }
        yield_now().await;
        if future.poll().is_ready() {
            return polled + 1;
        }
    }
    polls
}

async fn dropped_after(path: Path, call: Call, polls: usize) {
    let context = format!("{call:?} on {path:?}, dropped after {polls} polls");
    let alive_before = alive_tasks();
    let mut stage = path.stage(SECOND).await;
    let polled = poll(&stage, path, stage.call(call), polls).await;
    assert_eq!(polled, polls, "{context}: deterministic");

    let others = usize::from(
        stage
            .other
            .as_ref()
            .is_some_and(|other| !other.is_finished()),
    );
    assert!(stage.auth.status().waiting() <= others, "{context}");
    let is_shut_down = path == Path::ShutDown
        || call == Call::Shutdown && polls >= 1
        || path == Path::ShutDownMeanwhile && polls > 2;
    if is_shut_down {
        yield_now().await; // It is a task, which has its first turn now.
    }
    next_callers_are_served(&stage, path, is_shut_down, &context).await;
    if let Some(other) = stage.other.take() {
        let other = other.await.unwrap();
        assert!(other.is_ok() || is_shut_down, "{context}: {other:?}");
    }
    assert_eq!(stage.auth.status().waiting(), 0, "{context}");
    let creates = stage.source.creates();
    let (least, most) = path.creates().into_inner();
    let least = if is_shut_down { 0 } else { least };
    // A refresh that was polled is a create request more, where none would be needed.
    let most = most + usize::from(call == Call::Refresh && polls >= 1);
    assert!((least..=most).contains(&creates), "{context}: {creates}");

    stage.auth.shutdown().await;
    sleep(61 * SECOND).await;
    assert!(!stage.auth.status().is_refreshing(), "{context}");
    let mut revoked = stage.source.revoked();
    let all = revoked.len();
    revoked.sort();
    revoked.dedup();
    assert_eq!(revoked.len(), all, "{context}: no token is revoked twice");
    drop(stage);
    assert_eq!(alive_tasks(), alive_before, "{context}: tasks");
}

/// The very next call ends in time, with a token or a clear error, and soon all do with a token (H7, H9).
async fn next_callers_are_served(stage: &Stage, path: Path, is_shut_down: bool, context: &str) {
    let next = async || {
        let next = timeout(12 * SECOND, stage.call(Call::Request)).await;
        next.unwrap_or_else(|_| panic!("{context}: the next call hangs"))
    };
    let is_clear =
        |error: &Error| error.is_transient() || path == Path::Refused && error.is_rejected();
    for _ in 0..61 {
        match next().await {
            Ok(()) => {
                assert!(!is_shut_down, "{context}: sent after a shutdown");
                return;
            }
            Err(error) if is_shut_down => {
                assert!(error.is_shut_down(), "{context}: {error:?}");
                return;
            }
            Err(error) => assert!(is_clear(&error), "{context}: {error:?}"),
        }
        sleep(SECOND).await;
    }
    panic!("{context}: no token any more");
}

fn alive_tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

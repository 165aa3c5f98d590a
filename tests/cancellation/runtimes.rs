//! The same on several threads, and with runtimes that go away.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::{advance, sleep, timeout};
use tokio_test::task;

use super::stage::{CALLS, Call, PATHS, Path, Stage};

const SECOND: Duration = Duration::from_secs(1);

/// R4 on two threads: less is determined there, so each point is tried several times.
#[test]
fn r4_each_future_may_be_dropped_early_on_two_threads() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let paths = [
        Path::Fresh,
        Path::ColdQuick,
        Path::ColdPanicking,
        Path::SpentWithStandby,
        Path::Rejected,
        Path::RejectedWithStandby,
        Path::GateClosedFresh,
    ];
    for path in paths {
        for call in CALLS {
            for polls in 0..=5 {
                // After a panic, the gate is closed for a while, by the real clock here.
                let rounds = if path == Path::ColdPanicking { 1 } else { 10 };
                for _ in 0..rounds {
                    runtime.block_on(dropped_on_two_threads(path, call, polls));
                }
            }
        }
    }
}

async fn dropped_on_two_threads(path: Path, call: Call, polls: usize) {
    let context = format!("{call:?} on {path:?}, dropped after {polls} polls");
    let stage = path.stage(SECOND / 1_000).await;
    let mut future = task::spawn(stage.call(call));
    for _ in 0..polls {
        if future.poll().is_ready() {
            break;
        }
        yield_now().await;
    }
    drop(future);
    assert_eq!(stage.auth.status().waiting(), 0, "{context}");
    if call == Call::Shutdown && polls > 0 {
        // Begun, it ends by itself.
        let report = timeout(5 * SECOND, stage.auth.shutdown()).await.unwrap();
        assert_eq!(report.left, 0, "{context}");
        return;
    }
    is_served(&stage, &context).await;
    let most = path.creates().into_inner().1 + 2;
    assert!(stage.source.creates() <= most, "{context}");
}

/// R16: the runtime goes away at any poll, with the call and the attempt that it may have begun; the handle
/// goes on on another one, whether the call is dropped before the runtime or after it.
#[test]
fn r16_the_runtime_may_go_away_at_each_poll() {
    let paths = PATHS.into_iter().filter(|path| {
        // Each paused runtime has a clock of its own: what ages by one of them does not by the next.
        !matches!(
            path,
            Path::Aging | Path::AgingFailing | Path::Expired | Path::ShutDown
        )
    });
    let mut drops = 0;
    for path in paths {
        for call in CALLS {
            for polls in 0..16 {
                for outlives in [false, true] {
                    runtime_goes_away(path, call, polls, outlives);
                    drops += 1;
                }
            }
        }
    }
    println!("runtimes dropped {drops} times");
}

fn runtime_goes_away(path: Path, call: Call, polls: usize, outlives: bool) {
    let context = format!("{call:?} on {path:?}, without a runtime after {polls} polls");
    let first = paused();
    let (stage, future) = first.block_on(async {
        let stage = path.stage(SECOND).await;
        let mut future = task::spawn(stage.call(call));
        for polled in 0..polls {
            if polled == 2 && path == Path::ShutDownMeanwhile {
                drop(tokio::spawn(stage.call(Call::Shutdown)));
            }
            if polled % 2 == 1 {
                advance(SECOND * 7 / 10).await;
            }
            yield_now().await;
            if future.poll().is_ready() {
                break;
            }
        }
        (stage, future)
    });
    if outlives {
        drop(first);
        drop(future);
    } else {
        drop(future);
        drop(first);
    }
    let status = stage.auth.status();
    assert!(!status.is_refreshing(), "{context}: the attempt is over");
    assert_eq!(status.waiting(), 0, "{context}");
    let may_be_shut_down = call == Call::Shutdown || path == Path::ShutDownMeanwhile;
    paused().block_on(async {
        let next = timeout(12 * SECOND, stage.call(Call::Request))
            .await
            .unwrap();
        match next {
            Err(error) if error.is_shut_down() => assert!(may_be_shut_down, "{context}"),
            _ => is_served(&stage, &context).await,
        }
    });
}

async fn is_served(stage: &Stage, context: &str) {
    for _ in 0..3_050 {
        let next = timeout(12 * SECOND, stage.call(Call::Request)).await;
        if next
            .unwrap_or_else(|_| panic!("{context}: the next call hangs"))
            .is_ok()
        {
            return;
        }
        sleep(SECOND / 50).await;
    }
    panic!("{context}: no token any more");
}

fn paused() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

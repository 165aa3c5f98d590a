//! R15, R16: the handle belongs to no runtime and leaks nothing.

use mobula_auth::AutoRefreshingToken;
use tokio::runtime::{Builder, Runtime};

use super::script::{Answer, Server, Source, ours, seconds, send};

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

/// R16: the runtime that an attempt runs on goes away; the next request begins another on its own.
#[test]
fn r16_a_runtime_that_goes_away_takes_no_attempt_with_it() {
    let source = Source::default().then(Answer::Hang);
    let (auth, server) = (AutoRefreshingToken::new(source.clone()), Server::default());
    let first = runtime();
    first.block_on(async {
        let waiting = tokio::spawn({
            let (auth, server) = (auth.clone(), server.clone());
            async move { send(&auth, &server).await }
        });
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(auth.status().is_refreshing());
        drop(waiting);
    });
    drop(first);
    assert!(!auth.status().is_refreshing());
    assert_eq!(
        runtime().block_on(send(&auth, &server)).unwrap(),
        "Bearer token-1"
    );
    assert_eq!(source.creates(), 2);
}

/// R16: so does whoever waits for a refresh.
#[test]
fn r16_a_refresh_goes_on_on_the_runtime_of_who_waits_for_it() {
    let source = Source::default().then(Answer::Hang);
    let auth = AutoRefreshingToken::new(source.clone());
    let first = runtime();
    first.block_on(async {
        let waiting = tokio::spawn({
            let auth = auth.clone();
            async move { auth.refresh().await }
        });
        tokio::task::yield_now().await;
        drop(waiting);
    });
    let mut joining = tokio_test::task::spawn(auth.refresh());
    assert!(joining.poll().is_pending());
    drop(first);
    assert!(joining.is_woken());
    runtime().block_on(joining).unwrap();
    assert_eq!((source.creates(), auth.status().generation()), (2, 1));
}

/// Ends of time that fit on no clock are cut, not a panic.
#[test]
fn durations_without_end_are_harmless() {
    let source = Source::default();
    let auth = AutoRefreshingToken::builder(source)
        .max_wait(std::time::Duration::MAX)
        .shutdown_within(std::time::Duration::MAX)
        .revoke_replaced_after(std::time::Duration::MAX)
        .build()
        .unwrap();
    runtime().block_on(async {
        send(&auth, &Server::default()).await.unwrap();
        auth.refresh().await.unwrap();
        assert_eq!(auth.shutdown().await.revoked, 4);
    });
}

#[test]
fn r16_the_multi_thread_runtime_serves_as_well() {
    let source = Source::default();
    let (auth, server) = (AutoRefreshingToken::new(source.clone()), Server::default());
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let sent = runtime.block_on(async {
        let callers: Vec<_> = (0..100)
            .map(|_| {
                let (auth, server) = (auth.clone(), server.clone());
                tokio::spawn(async move { send(&auth, &server).await.unwrap() })
            })
            .collect();
        let mut sent = Vec::new();
        for caller in callers {
            sent.push(caller.await.unwrap());
        }
        sent
    });
    assert!(sent.iter().all(|token| token == "Bearer token-1"));
    assert_eq!(source.creates(), 1);
}

/// R16: without any runtime there is an error, not a panic, and a usable token is sent all the same.
#[test]
fn r16_without_a_runtime_there_is_an_error_and_no_panic() {
    let (auth, server) = (
        AutoRefreshingToken::new(Source::default()),
        Server::default(),
    );
    let error = tokio_test::task::spawn(send(&auth, &server)).poll();
    let std::task::Poll::Ready(Err(error)) = error else {
        panic!("{error:?}")
    };
    assert!(ours(&error).to_string().contains("tokio runtime"));

    runtime().block_on(async {
        tokio::time::sleep(seconds(2)).await;
        send(&auth, &server).await.unwrap();
    });
    let sent = tokio_test::task::spawn(send(&auth, &server)).poll();
    assert!(matches!(sent, std::task::Poll::Ready(Ok(token)) if token == "Bearer token-1"));
}

/// R15: ten thousand handles come and go; no task stays.
#[tokio::test(start_paused = true)]
async fn r15_no_task_outlives_the_last_handle() {
    let alive = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = alive();
    for _ in 0..10_000 {
        let auth = AutoRefreshingToken::new(Source::default());
        send(&auth, &Server::default()).await.unwrap();
        auth.refresh().await.unwrap();
    }
    tokio::time::sleep(seconds(31)).await;
    assert_eq!(alive(), before);
}

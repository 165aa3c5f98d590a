//! R4: no caller's end loses a refresh, and none loses a place.

use std::future::Future;
use std::task::Poll;

use mobula_auth::AutoRefreshingToken;
use tokio_test::task;

use super::script::{Answer, Server, Source, seconds, send};

#[tokio::test(start_paused = true)]
async fn r4_the_caller_who_started_it_may_go() {
    let source = Source::default().then(Answer::After(seconds(5), Box::new(Answer::AsAsked)));
    let (auth, server) = (AutoRefreshingToken::new(source.clone()), Server::default());
    let mut first = task::spawn(send(&auth, &server));
    assert!(first.poll().is_pending());
    let second = tokio::spawn({
        let (auth, server) = (auth.clone(), server.clone());
        async move { send(&auth, &server).await.unwrap() }
    });
    tokio::time::sleep(seconds(1)).await;
    drop(first);
    assert_eq!(second.await.unwrap(), "Bearer token-1");
    assert_eq!((source.creates(), auth.status().waiting()), (1, 0));
}

/// Dropped at each of its polls, a request leaves the next one a token, by one create request at most.
#[tokio::test(start_paused = true)]
async fn r4_a_request_may_be_dropped_at_every_poll() {
    for polls in 0..20 {
        let source = Source::default()
            .then(Answer::Fail("down"))
            .then(Answer::After(seconds(2), Box::new(Answer::Fail("down"))))
            .then(Answer::After(seconds(2), Box::new(Answer::AsAsked)));
        let server = Server::default().with_latency(seconds(1));
        let auth = AutoRefreshingToken::builder(source.clone())
            .jitter_seed(1)
            .build()
            .unwrap();
        {
            let mut request = Box::pin(send(&auth, &server));
            for _ in 0..polls {
                let done =
                    std::future::poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx).is_ready()))
                        .await;
                if done {
                    break;
                }
                tokio::time::sleep(seconds(1)).await;
            }
        }
        assert_eq!(auth.status().waiting(), 0, "dropped after {polls} polls");
        let token = send(&auth, &server).await.unwrap();
        assert_eq!(token, "Bearer token-1", "dropped after {polls} polls");
        assert_eq!(source.creates(), 3, "dropped after {polls} polls");
    }
}

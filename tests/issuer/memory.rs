//! What an issuer keeps is bounded, however many ask.

use std::mem::forget;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use mobula_auth::issuer::TokenIssuer;
use mobula_auth::{ApiToken, CreateTokens, Error};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::ServiceExt;

use crate::world::{by_header, simulated};

/// Of each kind of thing that an issuer keeps, so many.
const BOUND: usize = 500;

fn small_issuer() -> TokenIssuer {
    let made = Arc::new(AtomicU64::new(0));
    let source = move |request: CreateTokens| {
        let first = made.fetch_add(25, Ordering::Relaxed);
        async move {
            (first..first + u64::from(request.get_count()))
                .map(|number| {
                    Ok(ApiToken::new(format!("{number:01200}"))?.with_id(number.to_string()))
                })
                .collect::<Result<Vec<_>, Error>>()
        }
    };
    TokenIssuer::builder(source, by_header)
        .max_subjects(BOUND)
        .max_waiting(BOUND)
        .max_live(BOUND)
        .capacity(BOUND)
        .global_limit(1_000_000, Duration::from_secs(1))
        .build()
        .unwrap()
}

/// What is kept, in bytes, of so many subjects that have asked, each of a name of its own.
fn kept_of(subjects: u32) -> i64 {
    let all = measure(|| {
        simulated(async {
            let issuer = small_issuer();
            for first in (0..subjects).step_by(1_000) {
                let mut tasks = JoinSet::new();
                for number in first..first + 1_000 {
                    let request =
                        Request::post("/token").header("x-user", format!("subject {number:0100}"));
                    let request = request.body(Full::<Bytes>::default()).unwrap();
                    tasks.spawn(issuer.clone().oneshot(request));
                }
                while tasks.join_next().await.is_some() {}
                let status = issuer.status();
                assert_eq!(status.waiting, 0);
                assert!(
                    status.live <= BOUND && status.subjects <= BOUND,
                    "{status:?}"
                );
                sleep(Duration::from_secs(20)).await;
            }
            forget(issuer);
        });
    });
    all.bytes_current
}

/// What grows is a keyed hash of each token that was made, by which one that comes twice is known: of one day's at most.
#[test]
fn r20_ten_times_as_many_subjects_take_no_more_memory() {
    let [few, many] = [10_000, 100_000].map(kept_of);
    println!("{few} bytes of 10,000 subjects, {many} bytes of 100,000");
    assert!(few < 4_000_000);
    assert!(many < few + 500_000);
}

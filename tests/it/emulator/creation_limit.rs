//! At most 5 create requests a minute for each key, to the millisecond.

use std::time::Duration;

use http::StatusCode;
use mobula_auth::emulator::{
    CountedCreates, CreateWindow, Emulator, Endpoint, Fault, Plan, RetryAfter, ViolationKind,
};
use serde_json::json;
use tokio::time::sleep;

use super::client::{ONE, create, create_request, create_text, send, violations};

async fn status(emulator: &Emulator) -> u16 {
    create(emulator, &json!({ "count": 1 })).await.status
}

async fn statuses<const N: usize>(emulator: &Emulator) -> [u16; N] {
    let mut statuses = [0; N];
    for slot in &mut statuses {
        *slot = status(emulator).await;
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn refuses_the_sixth_for_exactly_a_minute() {
    let emulator = Emulator::new();
    assert_eq!(statuses(&emulator).await, [200; 5]);
    assert_eq!(violations(&emulator), []);
    sleep(Duration::from_millis(59_999)).await;
    assert_eq!(status(&emulator).await, 429);
    assert_eq!(violations(&emulator), [ViolationKind::TooManyCreates]);
    sleep(Duration::from_millis(1)).await;
    // the refused one counts too, so there is room for 4
    assert_eq!(statuses(&emulator).await, [200, 200, 200, 200, 429]);
}

#[tokio::test(start_paused = true)]
async fn slides() {
    let emulator = Emulator::new();
    for _ in 0..5 {
        assert_eq!(status(&emulator).await, 200);
        sleep(Duration::from_secs(10)).await;
    }
    // at 50 s: 0, 10, 20, 30 and 40 s lie within the last minute
    assert_eq!(status(&emulator).await, 429);
    // at 100 s: only 50 s does
    sleep(Duration::from_secs(50)).await;
    assert_eq!(statuses(&emulator).await, [200, 200, 200, 200, 429]);
}

#[tokio::test(start_paused = true)]
async fn counts_every_authenticated_attempt() {
    let emulator = Emulator::new();
    for _ in 0..4 {
        assert_eq!(create_text(&emulator, "{").await.status, 400);
    }
    assert_eq!(statuses(&emulator).await, [200, 429]);

    let emulator = Emulator::builder().plan(Plan::Free).build();
    assert_eq!(statuses(&emulator).await, [403, 403, 403, 403, 403, 429]);
}

#[tokio::test(start_paused = true)]
async fn counts_attempts_that_met_a_fault() {
    let emulator = Emulator::new();
    emulator.fault(
        Fault::status(StatusCode::BAD_GATEWAY)
            .on(Endpoint::Create)
            .times(5),
    );
    assert_eq!(statuses(&emulator).await, [502, 502, 502, 502, 502, 429]);
}

#[tokio::test(start_paused = true)]
async fn can_count_successes_only() {
    let emulator = Emulator::builder()
        .counted_creates(CountedCreates::Successes)
        .build();
    for _ in 0..7 {
        assert_eq!(create_text(&emulator, "{").await.status, 400);
    }
    assert_eq!(
        statuses(&emulator).await,
        [200, 200, 200, 200, 200, 429, 429]
    );
    sleep(Duration::from_secs(60)).await;
    assert_eq!(statuses(&emulator).await, [200, 200, 200, 200, 200, 429]);
    // what is recorded does not depend on the switch
    assert_eq!(violations(&emulator).len(), 9 + 1);
}

#[tokio::test(start_paused = true)]
async fn counts_successes_when_they_happen() {
    let emulator = Emulator::builder()
        .counted_creates(CountedCreates::Successes)
        .build();
    emulator.fault(Fault::latency(Duration::from_secs(1)).always());
    let key = emulator.api_key();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (emulator, request) = (emulator.clone(), create_request(&key, ONE));
        tasks.spawn(async move { send(&emulator, request).await.status });
    }
    let mut statuses = tasks.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);
}

#[tokio::test(start_paused = true)]
async fn can_use_fixed_windows() {
    let emulator = Emulator::builder()
        .create_window(CreateWindow::Fixed)
        .build();
    assert_eq!(status(&emulator).await, 200);
    sleep(Duration::from_millis(59_999)).await;
    assert_eq!(statuses(&emulator).await, [200, 200, 200, 200, 429]);
    // a new window, with nothing carried over: 9 within 2 ms
    sleep(Duration::from_millis(1)).await;
    assert_eq!(statuses(&emulator).await, [200, 200, 200, 200, 200, 429]);
}

#[tokio::test(start_paused = true)]
async fn is_kept_for_each_key() {
    let emulator = Emulator::new();
    let other = emulator.add_api_key(Plan::Startup);
    assert_eq!(statuses(&emulator).await, [200, 200, 200, 200, 200, 429]);
    for status in [200, 200, 200, 200, 200, 429] {
        assert_eq!(
            send(&emulator, create_request(&other, ONE)).await.status,
            status
        );
    }
}

#[tokio::test(start_paused = true)]
async fn ignores_attempts_without_a_good_key() {
    let emulator = Emulator::new();
    for _ in 0..10 {
        assert_eq!(
            send(&emulator, create_request("wrong", ONE)).await.status,
            401
        );
    }
    assert_eq!(statuses(&emulator).await, [200; 5]);
}

#[tokio::test(start_paused = true)]
async fn says_when_to_come_back_if_told_to() {
    let emulator = Emulator::builder().retry_after(RetryAfter::Seconds).build();
    assert_eq!(status(&emulator).await, 200);
    sleep(Duration::from_millis(10_500)).await;
    assert_eq!(statuses(&emulator).await, [200; 4]);
    // this attempt pushes the one at 0 s out; the next room is at 70.5 s, 60 s from now
    let refused = create(&emulator, &json!({ "count": 1 })).await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("60"))
    );
    sleep(Duration::from_secs(60)).await;
    assert_eq!(status(&emulator).await, 200);
}

#[tokio::test(start_paused = true)]
async fn rounds_retry_after_up() {
    let emulator = Emulator::builder()
        .retry_after(RetryAfter::Seconds)
        .counted_creates(CountedCreates::Successes)
        .build();
    assert_eq!(statuses(&emulator).await, [200; 5]);
    for (after, seconds) in [(1, "60"), (998, "60"), (1, "59"), (58_999, "1")] {
        sleep(Duration::from_millis(after)).await;
        let refused = create(&emulator, &json!({ "count": 1 })).await;
        assert_eq!(
            (refused.status, refused.header("retry-after")),
            (429, Some(seconds))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn follows_the_true_time_and_not_the_skewed_one() {
    let emulator = Emulator::new();
    assert_eq!(statuses(&emulator).await, [200; 5]);
    emulator.skew(mobula_auth::emulator::Skew::Ahead(Duration::from_secs(
        3_600,
    )));
    assert_eq!(status(&emulator).await, 429);
    emulator.advance(Duration::from_secs(60));
    assert_eq!(status(&emulator).await, 200);
}

/// A generator of numbers that look random and are not (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// The rule in its plainest words: fewer than 5 counted ones in the 60,000 ms before now.
fn has_room(counted: &[u64], now: u64) -> bool {
    counted.iter().filter(|at| now - **at < 60_000).count() < 5
}

#[tokio::test(start_paused = true)]
async fn agrees_with_the_plainest_model() {
    for seed in 0..60 {
        for rule in [CountedCreates::Attempts, CountedCreates::Successes] {
            let emulator = Emulator::builder()
                .counted_creates(rule)
                .retry_after(RetryAfter::Seconds)
                .build();
            let mut numbers = Numbers(seed);
            let (mut now, mut counted, mut arrivals, mut too_many) = (0, vec![], vec![], 0);
            for _ in 0..60 {
                let pause = match numbers.below(4) {
                    0 => 0,
                    1 => 60_000 - numbers.below(3),
                    _ => numbers.below(25_000),
                };
                now += pause;
                emulator.advance(Duration::from_millis(pause));
                let good = numbers.below(5) > 0;
                let body = if good { ONE } else { "{}" };
                let answer = create_text(&emulator, body).await;
                let room = has_room(&counted, now);
                assert_eq!(
                    answer.status == 429,
                    !room,
                    "seed {seed}, {rule:?}, {now} ms"
                );
                too_many += usize::from(!has_room(&arrivals, now));
                arrivals.push(now);
                if rule == CountedCreates::Attempts || (room && good) {
                    counted.push(now);
                }
                // who waits as long as it is told to finds room, and a second less would not do
                if let Some(wait) = answer.header("retry-after") {
                    let wait = wait.parse::<u64>().expect("it is a number") * 1_000;
                    assert!(
                        has_room(&counted, now + wait) && !has_room(&counted, now + wait - 1_000)
                    );
                }
            }
            assert_eq!(violations(&emulator).len(), too_many, "seed {seed}");
        }
    }
}

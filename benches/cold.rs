//! A cold start: 10,000 first requests at the same time, before there is any token.
//!
//! All of them wait for the one create request that they cause. Shown is how long after that was answered the last of
//! them had its response, and what a waiting request holds of memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mobula_auth::{ApiToken, AutoRefreshingToken, CreateTokens, Error};
use mobula_auth_benches::counting_allocator::{Allocated, CountingAllocator, allocated_by};
use mobula_auth_benches::figures::Figures;
use mobula_auth_benches::inner::Dropping;
use mobula_auth_benches::options::is_quick;
use mobula_auth_benches::requests::{request, secret};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tower::{Layer, ServiceExt};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const CALLERS: usize = 10_000;
/// How long a create request takes.
const MINT: Duration = Duration::from_millis(200);

struct Start {
    mints: usize,
    took: Duration,
    allocated: Allocated,
}

fn main() {
    let mut figures = Figures::of("cold");
    let runs = if is_quick() { 1 } else { 11 };
    println!("{CALLERS} concurrent first requests, each a task; a create request takes {MINT:?}");
    let mut bare: Vec<_> = (0..runs).map(|_| start(false)).collect();
    let mut cold: Vec<_> = (0..runs).map(|_| start(true)).collect();
    for start in &cold {
        assert_eq!(start.mints, 1, "one create request for all callers");
    }
    let mints = cold.iter().map(|start| start.mints).max().unwrap();
    let (bare, cold) = (median(&mut bare), median(&mut cold));
    let after_the_mint = cold.took.saturating_sub(MINT);
    let bytes = |start: &Start| start.allocated.most_bytes as f64 / CALLERS as f64;
    let allocations = |start: &Start| start.allocated.allocations as f64 / CALLERS as f64;
    println!("create requests           {:>12}", mints);
    println!("all answered after        {:>12.1?}", cold.took);
    println!("  beyond the create request {:>10.1?}", after_the_mint);
    println!("  without the layer         {:>10.1?}", bare.took);
    println!("bytes per caller at most  {:>12.0}", bytes(cold));
    println!("  without the layer         {:>10.0}", bytes(bare));
    figures.add(
        "10,000 cold callers",
        [
            ("create_requests", mints as f64),
            ("milliseconds", cold.took.as_secs_f64() * 1e3),
            (
                "milliseconds_after_the_mint",
                after_the_mint.as_secs_f64() * 1e3,
            ),
            ("milliseconds_without", bare.took.as_secs_f64() * 1e3),
            ("bytes_per_caller", bytes(cold)),
            ("bytes_per_caller_without", bytes(bare)),
            ("allocations_per_caller", allocations(cold)),
            ("allocations_per_caller_without", allocations(bare)),
        ],
    );
    if !is_quick() {
        figures.write();
    }
}

fn median(starts: &mut [Start]) -> &Start {
    starts.sort_by_key(|start| start.took);
    &starts[starts.len() / 2]
}

/// All callers at once, through the layer or past it.
fn start(layered: bool) -> Start {
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let mints = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&mints);
    let source = move |_: CreateTokens| {
        count.fetch_add(1, Ordering::Relaxed);
        async {
            tokio::time::sleep(MINT).await;
            Ok::<_, Error>(vec![ApiToken::new(secret(1_200))?])
        }
    };
    let service = AutoRefreshingToken::new(source).layer(Dropping);
    let (took, allocated) = allocated_by(|| {
        runtime.block_on(async {
            let begin = Instant::now();
            let mut callers = JoinSet::new();
            for _ in 0..CALLERS {
                if layered {
                    let service = service.clone();
                    callers.spawn(async { service.oneshot(request(8)).await.is_ok() });
                } else {
                    callers.spawn(async { Dropping.oneshot(request(8)).await.is_ok() });
                }
            }
            assert!(callers.join_all().await.iter().all(|is_ok| *is_ok));
            begin.elapsed()
        })
    });
    Start {
        mints: mints.load(Ordering::Relaxed),
        took,
        allocated,
    }
}

//! Machines that sleep and clocks that are set, from a seed: what the simulation of `tests` cannot do, because it cannot
//! hold the wall clock.

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, Response, StatusCode};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::AutoRefreshingToken;
use crate::api_token::ApiToken;
use crate::clock;
use crate::create_tokens::CreateTokens;
use crate::error::Error;

/// Time as the rest of the world counts it: also while the machine sleeps.
#[derive(Debug, Clone)]
struct World {
    began_at: Instant,
    slept: Arc<AtomicU64>,
    creates: Arc<AtomicU64>,
}

impl World {
    fn new() -> Self {
        // From here on, the wall clock goes with the paused one.
        clock::step_wall_clock(0);
        Self {
            began_at: clock::now().monotonic,
            slept: Arc::default(),
            creates: Arc::default(),
        }
    }

    fn seconds(&self) -> u64 {
        let awake = clock::now().monotonic - self.began_at;
        awake.as_secs() + self.slept.load(Ordering::Relaxed)
    }

    fn suspend(&self, seconds: u32) {
        self.slept.fetch_add(seconds.into(), Ordering::Relaxed);
        clock::step_wall_clock(seconds.into());
    }

    /// Tokens that say when they expire, after some seconds under way.
    async fn create(self, request: CreateTokens) -> Result<Vec<ApiToken>, Error> {
        self.creates.fetch_add(1, Ordering::Relaxed);
        sleep(Duration::from_millis(fastrand::u64(0..2_000))).await;
        let expires_at = self.seconds() + request.get_lifetime().as_secs();
        let number = self.creates.load(Ordering::Relaxed);
        (0..request.get_count())
            .map(|part| ApiToken::new(format!("{expires_at}.{number}.{part}")))
            .collect()
    }

    /// Whether the token of a request that arrives now is alive.
    fn accepts(&self, request: &Request<()>) -> bool {
        let header = request.headers()[AUTHORIZATION].to_str().unwrap();
        let token = header.strip_prefix("Bearer ").unwrap();
        let expires_at: u64 = token.split('.').next().unwrap().parse().unwrap();
        self.seconds() < expires_at
    }
}

fn auto_refreshing(world: &World, lifetime: Duration) -> AutoRefreshingToken {
    let source = world.clone();
    AutoRefreshingToken::builder(move |request| source.clone().create(request))
        .lifetime(lifetime)
        .build()
        .unwrap()
}

/// Sends a request, and says whether its token was alive.
async fn send(auth: &AutoRefreshingToken, world: &World) -> bool {
    let world = world.clone();
    let server = service_fn(move |request: Request<()>| {
        let status = if world.accepts(&request) {
            StatusCode::OK
        } else {
            StatusCode::UNAUTHORIZED
        };
        async move { Ok::<_, Error>(Response::builder().status(status).body(()).unwrap()) }
    });
    let request = Request::get("https://api.mobula.io/").body(()).unwrap();
    let answer = auth.layer(server).ready().await.unwrap().call(request);
    answer.await.unwrap().status() == StatusCode::OK
}

/// Runs in a thread, which has clocks of its own.
fn run<T: Send, F: Future<Output = T>>(test: impl FnOnce() -> F + Send) -> T {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let ended = thread::scope(|scope| scope.spawn(|| runtime.block_on(test())).join());
    ended.unwrap_or_else(|panic| panic::resume_unwind(panic))
}

/// T1: whenever the machine sleeps, and however long, no expired token arrives, and no request fails.
#[test]
fn t1_no_expired_token_arrives_after_any_suspend() {
    let nights = |seed| async move {
        fastrand::seed(seed);
        let mut suspends = 0;
        let lifetime = 60_u64 << fastrand::u32(0..11);
        let world = World::new();
        let auth = auto_refreshing(&world, Duration::from_secs(lifetime.min(86_400)));
        for _ in 0..200 {
            let still = fastrand::u64(0..1 << fastrand::u32(1..22));
            sleep(Duration::from_millis(still)).await;
            if fastrand::f64() < 0.3 {
                world.suspend(fastrand::u32(0..1 << fastrand::u32(1..20)));
                suspends += 1;
            }
            let alive = send(&auth, &world).await;
            assert!(alive, "an expired token arrived; seed {seed}");
        }
        suspends
    };
    let suspends: u32 = (0..1_700).map(|seed| run(|| nights(seed))).sum();
    assert!(suspends >= 100_000, "{suspends} suspends");
}

/// T2: a step of the wall clock costs one create request at most, and no request.
#[test]
fn t2_a_step_of_the_wall_clock_causes_one_create_request_at_most() {
    const DAY: i64 = 86_400;
    for step in [1, 60, 3_600, DAY, 3_650 * DAY] {
        for step in [step, -step] {
            run(|| async move {
                let world = World::new();
                let auth = auto_refreshing(&world, Duration::from_secs(3_600));
                let creates = || world.creates.load(Ordering::Relaxed);
                assert!(send(&auth, &world).await);
                for steps in 1..=10 {
                    clock::step_wall_clock(if steps % 2 == 1 { step } else { -step });
                    let before = creates();
                    for _ in 0..10 {
                        assert!(send(&auth, &world).await);
                        sleep(Duration::from_secs(1)).await;
                    }
                    assert!(creates() <= before + 1, "a step by {step} s");
                }
                assert!(creates() <= 6, "back again costs nothing: {}", creates());
            });
        }
    }
}

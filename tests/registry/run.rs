//! Runs a seed: stage by stage, each with a registry of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::Full;
use mobula_auth::emulator::ViolationKind;
use mobula_auth::{ApiKey, AutoRefreshingToken, Error, ReplayRejected, TokenClient, TokenRegistry};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::retry::RetryLayer;
use tower::{BoxError, ServiceBuilder, ServiceExt};

use super::random::Random;
use super::service::{Network, Side, Ticket};
use super::world::{Book, World};

const TENANTS: usize = 64;
/// So many callers ask at a time, each several times in a row.
const CALLERS: u64 = 32;
const IN_A_ROW: u64 = 16;
/// When a caller gives up: before an evicted tenant's tokens are taken from its requests.
const PATIENCE: Duration = Duration::from_secs(20);

/// A registry of this capacity, until so many requests have arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    capacity: usize,
    requests: u64,
}

impl Stage {
    pub(crate) const fn new(capacity: usize, requests: u64) -> Self {
        Self { capacity, requests }
    }
}

pub(crate) struct Scenario {
    pub(crate) stages: Vec<Stage>,
    /// Between two stages; a new registry counts create requests from zero.
    pub(crate) pause: Duration,
    /// Whether now and then a tenant gets another one's tokens.
    pub(crate) mixed_up: bool,
}

impl Scenario {
    pub(crate) fn of(stages: &[Stage]) -> Self {
        Self {
            stages: stages.to_vec(),
            pause: Duration::from_secs(120),
            mixed_up: false,
        }
    }
}

pub(crate) fn run(seed: u64, scenario: &Scenario) -> Book {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(simulate(seed, scenario))
}

async fn simulate(seed: u64, scenario: &Scenario) -> Book {
    let world = Arc::new(World::new(seed, TENANTS));
    let began_at = Instant::now();
    for (place, stage) in scenario.stages.iter().enumerate() {
        let came = Arc::new(AtomicU64::new(0));
        let registry = registry(&world, stage.capacity, scenario.mixed_up, &came);
        let mut callers = JoinSet::new();
        for caller in 0..CALLERS {
            let caller = Caller {
                world: Arc::clone(&world),
                registry: registry.clone(),
                random: Random::named(seed, &[2, place as u64, caller]),
                number: caller,
                name: [place as u64, caller],
                began_at,
                working_set: stage.capacity,
            };
            callers.spawn(caller.ask(stage.requests.div_ceil(CALLERS)));
        }
        let revoking = tokio::spawn(revoke_now_and_then(
            Arc::clone(&world),
            Random::named(seed, &[3, place as u64]),
        ));
        while let Some(ended) = callers.join_next().await {
            ended.unwrap();
        }
        revoking.abort();
        let stayed = registry.len();
        registry.shutdown().await;
        world.note_stage(came.load(Ordering::Relaxed), stayed, stage.capacity);
        sleep(scenario.pause).await;
    }
    audit(&world, began_at)
}

/// What the service itself has against it all.
fn audit(world: &World, began_at: Instant) -> Book {
    let mut ledger = world.ledger();
    for violation in world.emulator.violations() {
        let row = match violation.kind {
            ViolationKind::TooManyCreates => "H3",
            ViolationKind::ExpiredToken | ViolationKind::OverLimitToken => "H2",
            _ => "",
        };
        ledger.breach(format!("{row}: the service saw {:?}", violation.kind));
    }
    ledger.book.tenants_served = ledger.served.len();
    ledger.book.seconds = began_at.elapsed().as_secs();
    ledger.book.clone()
}

fn registry(
    world: &Arc<World>,
    capacity: usize,
    mixed_up: bool,
    came: &Arc<AtomicU64>,
) -> TokenRegistry {
    let (world, came) = (Arc::clone(world), Arc::clone(came));
    TokenRegistry::with_capacity(capacity, move |mut key: ApiKey| {
        let number = came.fetch_add(1, Ordering::Relaxed);
        if mixed_up && number % 16 == 15 {
            key = world.keys[0].clone();
        }
        let network = Network {
            world: Arc::clone(&world),
            side: Side::Tokens {
                calls: Arc::default(),
            },
        };
        AutoRefreshingToken::builder(TokenClient::new(network, key))
            .lifetime(Duration::from_secs(120 + 15 * (number % 32)))
            .jitter_seed(world.seed ^ number)
            .build()
    })
}

struct Caller {
    world: Arc<World>,
    registry: TokenRegistry,
    random: Random,
    number: u64,
    name: [u64; 2],
    began_at: Instant,
    working_set: usize,
}

impl Caller {
    async fn ask(mut self, requests: u64) {
        let client = ServiceBuilder::new()
            .layer(RetryLayer::new(ReplayRejected::default()))
            .layer(self.registry.clone())
            .service(Network {
                world: Arc::clone(&self.world),
                side: Side::Data {
                    began_at: self.began_at,
                },
            });
        let uri = Uri::from_static("https://api.mobula.io/api/1/market/data?asset=bitcoin");
        for number in 0..requests {
            if number % IN_A_ROW == 0 {
                let pause = self.random.milliseconds(1, 4_000);
                sleep(pause).await;
                self.wait_for_my_turn().await;
            }
            let tenant = self.draw_tenant();
            let ticket = Ticket {
                tenant,
                name: [self.name[0], self.name[1], number],
            };
            let request = Request::get(uri.clone())
                .extension(self.world.keys[tenant].clone())
                .extension(ticket)
                .body(Full::<Bytes>::default())
                .unwrap();
            let asked_at = Instant::now();
            let answer = timeout(PATIENCE, client.clone().oneshot(request)).await;
            self.note(answer.map(|answer| answer.map(drop)).ok());
            if asked_at.elapsed() > Duration::ZERO {
                self.wait_for_my_turn().await;
            }
        }
    }

    /// No two callers act in one millisecond: tokio wakes those who wait for the same thing in an order that no seed
    /// decides.
    async fn wait_for_my_turn(&self) {
        let now = u64::try_from(self.began_at.elapsed().as_millis()).unwrap();
        let wait = (self.number + CALLERS - now % CALLERS) % CALLERS;
        sleep(Duration::from_millis(wait)).await;
    }

    /// Mostly somebody of a working set that fits and drifts; now and then anybody at all.
    fn draw_tenant(&mut self) -> usize {
        let anybody = self.random.between(0, TENANTS as u64 - 1);
        let fits = (self.working_set.min(TENANTS) as u64)
            .saturating_sub(4)
            .max(2);
        let tenant = if self.working_set >= TENANTS || self.random.chance(0.01) {
            anybody
        } else {
            let drift = self.began_at.elapsed().as_secs() / 30;
            (drift + self.random.between(0, fits - 1)) % TENANTS as u64
        };
        usize::try_from(tenant).unwrap()
    }

    fn note(&self, answer: Option<Result<(), BoxError>>) {
        let mut ledger = self.world.ledger();
        let error = match answer {
            Some(Ok(())) => return,
            None => return ledger.book.given_up += 1,
            Some(Err(error)) => error,
        };
        match error.downcast_ref::<Error>() {
            Some(error) if error.is_rate_limited() => ledger.book.rate_limited += 1,
            Some(error) if error.is_transient() => ledger.book.transient += 1,
            // An eviction, for one, must fail nobody's request.
            Some(error) => ledger.breach(format!("a request failed: {error}")),
            None => {}
        }
    }
}

async fn revoke_now_and_then(world: Arc<World>, mut random: Random) {
    loop {
        sleep(random.milliseconds(1_000, 10_000)).await;
        let mut ledger = world.ledger();
        if ledger.newest.is_empty() {
            continue;
        }
        let id = random.pick(&ledger.newest).clone();
        let is_known = world.emulator.revoke_token(&id);
        ledger.book.revoked_in_use += u64::from(is_known);
    }
}

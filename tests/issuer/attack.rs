//! U4: one subject takes half of all requests. What does that cost the others?

use std::env;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mobula_auth::issuer::TokenIssuerBuilder;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::book::{Book, Told};
use crate::random::Random;
use crate::world::{World, simulated};

const LASTS: Duration = Duration::from_secs(30 * 60);
/// Of five create requests of 25 tokens a minute, one is left to operators.
const CREATES: usize = 4;
const ATTACKER: &str = "attacker";

/// What a seed is about.
#[derive(Debug)]
struct Plan {
    subjects: u64,
    /// Of all the others together, in requests a minute.
    rate: u64,
    slowest: Duration,
    mishaps: f64,
    /// The attacker asks so many times at once.
    burst: u64,
}

#[derive(Debug, Default)]
struct Outcome {
    asked: u64,
    served: u64,
    /// Turned away though Mobula would have made tokens, and did not fail.
    turned_away: u64,
    attacks: u64,
    attacker_served: u64,
    breaches: Vec<String>,
}

impl Plan {
    fn of(seed: u64, mishaps: f64) -> Self {
        let mut random = Random::named(seed, &[3]);
        Self {
            subjects: random.magnitude(20, 5_000),
            // With what the attacker's limit leaves it, that is within the 100 tokens a minute that there are.
            rate: random.between(5, 70),
            slowest: random.milliseconds(50, 3_000),
            mishaps,
            burst: random.magnitude(1, 200),
        }
    }
}

type Settings = fn(TokenIssuerBuilder) -> TokenIssuerBuilder;

fn run(seed: u64, mishaps: f64, settings: Settings) -> Outcome {
    let plan = Plan::of(seed, mishaps);
    simulated(async {
        let world = World::with(seed, plan.slowest, plan.mishaps, settings);
        let turned_away = Arc::new(AtomicU64::new(0));
        let others = tokio::spawn(others(
            world.clone(),
            seed,
            plan.subjects,
            plan.rate,
            Arc::clone(&turned_away),
        ));
        let attacker = tokio::spawn(attacker(world.clone(), seed, plan.rate, plan.burst));
        let (asked, served) = others.await.unwrap();
        let (attacks, attacker_served) = attacker.await.unwrap();
        let Book { breaches, .. } = world.close();
        Outcome {
            asked,
            served,
            turned_away: turned_away.load(Ordering::Relaxed),
            attacks,
            attacker_served,
            breaches,
        }
    })
}

/// They come as people do, each at a moment of its own (a Poisson process), and ask once.
async fn others(
    world: World,
    seed: u64,
    subjects: u64,
    rate: u64,
    turned_away: Arc<AtomicU64>,
) -> (u64, u64) {
    let mut random = Random::named(seed, &[4]);
    let (begun, mut at) = (Instant::now(), Instant::now());
    let mut tasks = JoinSet::new();
    while at - begun < LASTS {
        at += Duration::from_secs(60)
            .div_f64(f64::from(u32::try_from(rate).unwrap()))
            .mul_f64(-(1.0 - random.share()).ln());
        sleep_until(at).await;
        let subject = format!("user {}", random.between(1, subjects));
        let (world, turned_away) = (world.clone(), Arc::clone(&turned_away));
        tasks.spawn(async move {
            let asked_at = Instant::now();
            let is_served = matches!(world.ask(&subject).await, Told::Token);
            if !is_served && budget_allowed(&world, asked_at) {
                turned_away.fetch_add(1, Ordering::Relaxed);
            }
            is_served
        });
    }
    let served = tasks.join_all().await;
    let asked = served.len() as u64;
    (asked, served.into_iter().filter(|&it| it).count() as u64)
}

/// As many requests as the others, in bursts, all in one name.
async fn attacker(world: World, seed: u64, rate: u64, burst: u64) -> (u64, u64) {
    let mut random = Random::named(seed, &[5]);
    let (begun, mut at) = (Instant::now(), Instant::now());
    let mut tasks = JoinSet::new();
    while at - begun < LASTS {
        for _ in 0..burst {
            let world = world.clone();
            tasks.spawn(async move { matches!(world.ask(ATTACKER).await, Told::Token) });
        }
        let pause =
            Duration::from_secs(60 * burst).div_f64(f64::from(u32::try_from(rate).unwrap()));
        at += pause.mul_f64(2.0 * random.share());
        sleep_until(at).await;
    }
    let served = tasks.join_all().await;
    (
        served.len() as u64,
        served.into_iter().filter(|&it| it).count() as u64,
    )
}

/// Whether Mobula had a create request left for somebody who waited from then till now, and none had just failed.
fn budget_allowed(world: &World, asked_at: Instant) -> bool {
    let minute_ago = Instant::now() - Duration::from_secs(60);
    let recent = world
        .log
        .creates()
        .iter()
        .filter(|&&at| at > minute_ago)
        .count();
    let failed = world
        .log
        .mishaps()
        .iter()
        .any(|&at| at + Duration::from_secs(60) > asked_at);
    recent < CREATES && !failed
}

fn seeds() -> u64 {
    env::var("MOBULA_SIM_SEEDS").map_or(40, |seeds| seeds.parse().unwrap())
}

fn run_all(seeds: Range<u64>, mishaps: f64, settings: Settings) -> Outcome {
    let mut all = Outcome::default();
    for seed in seeds {
        let outcome = run(seed, mishaps, settings);
        assert_eq!(outcome.breaches, Vec::<String>::new(), "seed {seed}");
        all.asked += outcome.asked;
        all.served += outcome.served;
        all.turned_away += outcome.turned_away;
        all.attacks += outcome.attacks;
        all.attacker_served += outcome.attacker_served;
    }
    println!("{all:?}");
    assert!(
        all.attacks * 10 > all.asked * 9,
        "that is no half of the requests"
    );
    all
}

/// All that ask within the budget, whether or not somebody else asks as often as all of them together.
#[test]
fn u4_an_attack_costs_others_less_than_one_request_in_a_thousand() {
    let all = run_all(1..1 + seeds(), 0.0, |builder| builder);
    assert!(all.served * 1_000 >= all.asked * 999);
}

/// When create requests fail as well, there are fewer tokens, and whoever is turned away is so for that reason.
#[test]
fn u4_an_attack_while_mobula_fails_costs_others_nothing_more() {
    let all = run_all(1_000..1_000 + seeds(), 0.05, |builder| builder);
    assert!(all.turned_away * 1_000 <= all.asked);
}

/// That the attack is one: without the limit of each subject, it is felt.
#[test]
fn without_limits_of_subjects_the_same_attack_is_felt() {
    let all = run_all(1..11, 0.0, |builder| {
        builder
            .subject_limit(u32::MAX, Duration::from_secs(1))
            .max_waiting_of_subject(usize::MAX)
    });
    assert!(all.served * 1_000 < all.asked * 999);
}

//! 10,000 subjects ask at once, and each comes back when it was told to, until it has a token.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::book::{Book, Told};
use crate::random::Random;
use crate::world::{World, simulated};

const SUBJECTS: usize = 10_000;

#[derive(Debug)]
struct Crowd {
    book: Book,
    creates: usize,
    /// Until all were served.
    took: Duration,
    asked: u64,
    most_asked_by_one: u32,
    most_waiting: usize,
}

/// Beside them, one more subject asks so many times a second, all the time.
fn run(seed: u64, greedy: u64) -> Crowd {
    simulated(async {
        let world = World::new(seed, Duration::from_millis(400), 0.0);
        let began_at = Instant::now();
        let mut greedy_tasks = JoinSet::new();
        for _ in 0..greedy {
            let world = world.clone();
            greedy_tasks.spawn(async move {
                loop {
                    world.ask("greedy").await;
                    sleep(Duration::from_secs(1)).await;
                }
            });
        }
        let mut tasks = JoinSet::new();
        for number in 0..SUBJECTS {
            let world = world.clone();
            tasks.spawn(async move { until_served(&world, seed, number).await });
        }
        let (mut asked, mut most_asked_by_one, mut most_waiting) = (0, 0, 0);
        while let Some(times) = tasks.join_next().await {
            let times = times.unwrap();
            asked += u64::from(times);
            most_asked_by_one = most_asked_by_one.max(times);
            most_waiting = most_waiting.max(world.issuer.status().waiting);
        }
        let took = began_at.elapsed();
        Crowd {
            book: world.close(),
            creates: world.log.creates().len(),
            took,
            asked,
            most_asked_by_one,
            most_waiting,
        }
    })
}

/// How often it had to ask.
async fn until_served(world: &World, seed: u64, number: usize) -> u32 {
    let subject = format!("user {number}");
    let mut random = Random::named(seed, &[2, number as u64]);
    for times in 1.. {
        match world.ask(&subject).await {
            Told::Token => return times,
            // Nobody's clock strikes the second exactly.
            Told::NotNow(wait) => sleep(wait + random.milliseconds(0, 500)).await,
            Told::Nothing => panic!("{subject} was told nothing"),
        }
    }
    unreachable!("it asks until it is served")
}

impl Crowd {
    fn judge(&self, subjects: usize) {
        assert_eq!(self.book.breaches, Vec::<String>::new());
        assert_eq!(self.book.subjects_served(), subjects);
        let (minutes, creates) = (self.took.as_secs() / 60, self.creates);
        println!(
            "{minutes} min, {creates} create requests, {} tokens, {} requests, {} by one, {} waited at once, {:?}",
            self.book.issued,
            self.asked,
            self.most_asked_by_one,
            self.most_waiting,
            self.book.refused
        );
        // As fast as four create requests of 25 tokens a minute go, one in ten to spare: nothing is left unused.
        let least = self.book.issued / 100;
        assert!(minutes <= least + least / 10, "{minutes} min");
        // Nobody is told to come back again and again for nothing.
        assert!(self.asked <= 20 * subjects as u64);
        assert!(self.most_asked_by_one <= 50);
        assert!(self.most_waiting <= 4_096);
    }
}

#[test]
fn u4_ten_thousand_at_once_are_served_as_fast_as_mobula_allows() {
    run(1, 0).judge(SUBJECTS);
}

#[test]
fn u4_ten_thousand_are_served_though_one_asks_as_often_as_all_of_them() {
    let crowd = run(2, 20);
    crowd.judge(SUBJECTS + 1);
    let of_the_greedy = crowd.book.tokens_of("greedy");
    assert!(of_the_greedy * 20 <= SUBJECTS, "it got {of_the_greedy}");
    let limited = crowd.book.refused[&(429, "rate_limited".to_owned())];
    assert!(limited > crowd.asked / 2, "it asked too seldom to matter");
}

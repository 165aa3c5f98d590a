//! What threads cost each other that share one credential: throughput of one, two and all threads, on clones of one
//! service.
//!
//! A ratio near the number of threads means that they do not meet. Rounds of one thread and of several take turns, and are
//! short; those in which a thread lost its core for a while are not counted.

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::available_parallelism;

use arc_swap::ArcSwap;
use http::HeaderValue;
use mobula_auth_benches::crew::{Crew, Worker};
use mobula_auth_benches::figures::Figures;
use mobula_auth_benches::inner::{Noop, Recycling, recycled};
use mobula_auth_benches::options::is_quick;
use mobula_auth_benches::refreshing::Refreshing;
use mobula_auth_benches::requests::{request, secret};
use mobula_auth_benches::send::send;
use mobula_auth_benches::{by_hand, floor, peers, stacks};
use tower::Layer;

/// Of each thread in one round, which takes about a millisecond.
const REQUESTS: u64 = 8_000;
const OPERATIONS: u64 = 80_000;
/// Undisturbed rounds that are enough, and tries that are.
const ROUNDS: usize = 101;
const TRIES: usize = 2_000;

fn main() {
    let mut report = Report::new();
    let secret = secret(1_200);
    let secret = secret.as_str();

    report.head("requests per second, one long-lived clone for each thread");
    report.clones("bare", floor::bare(secret, Recycling));
    report.clones("floor", floor::floor(secret, Recycling));
    let add_authorization = peers::tower_http_add_authorization(secret, Recycling);
    report.clones("tower_http_add_authorization", add_authorization.clone());
    let api_key_auth = stacks::api_key_auth(secret, Recycling);
    report.clones("api_key_auth", api_key_auth.clone());
    let refreshing = Refreshing::new(secret);
    let auto_refreshing = refreshing.auth.layer(Recycling);
    report.case(
        "auto_refreshing_token",
        REQUESTS,
        || long_lived(auto_refreshing.clone()),
        || refreshing.renew(),
    );
    report.during_a_refresh("auto_refreshing_token, during a refresh", secret);
    report.clones("aliri_tokens", peers::aliri_tokens(secret, Recycling));
    report.clones("by_hand", by_hand::by_hand(secret, Recycling));

    report.head("requests per second, a clone for each request");
    report.clone_each("bare, cloned", floor::bare(secret, Recycling));
    report.clone_each("tower_http_add_authorization, cloned", add_authorization);
    report.clone_each("api_key_auth, cloned", api_key_auth);
    report.case(
        "auto_refreshing_token, cloned",
        REQUESTS,
        || cloned(auto_refreshing.clone()),
        || refreshing.renew(),
    );

    report.head("operations per second, of the parts alone");
    report.parts(secret);

    if !is_quick() {
        report.figures.write();
    }
}

/// A thread with a clone of its own, made once.
fn long_lived<S: Noop>(mut stack: S) -> Worker {
    let mut request = Some(request(0));
    Box::new(move |requests| {
        for _ in 0..requests {
            send(&mut stack, request.take().unwrap());
            request = Some(recycled());
        }
    })
}

/// A thread that clones the service for each of its requests.
fn cloned<S: Noop>(stack: S) -> Worker {
    let mut request = Some(request(0));
    Box::new(move |requests| {
        for _ in 0..requests {
            send(&mut stack.clone(), request.take().unwrap());
            request = Some(recycled());
        }
    })
}

struct Report {
    figures: Figures,
    threads: Vec<usize>,
    tries: usize,
}

impl Report {
    fn new() -> Self {
        let all = available_parallelism().unwrap().get();
        let mut threads = vec![1, 2];
        threads.extend((all > 2).then_some(all));
        Self {
            figures: Figures::of("contention"),
            threads,
            tries: if is_quick() { 1 } else { TRIES },
        }
    }

    fn head(&self, what: &str) {
        println!("\nmillions of {what}");
        print!("{:44}", "");
        for threads in &self.threads {
            print!("{threads:>8} threads");
        }
        println!("   2 threads / 1 (undisturbed rounds)");
    }

    fn clones<S: Noop + Sync>(&mut self, name: &str, stack: S) {
        self.case(name, REQUESTS, || long_lived(stack.clone()), || ());
    }

    fn clone_each<S: Noop + Sync>(&mut self, name: &str, stack: S) {
        self.case(name, REQUESTS, || cloned(stack.clone()), || ());
    }

    /// The token ages in all rounds, and a refresh is under way that does not end in them.
    fn during_a_refresh(&mut self, name: &str, secret: &str) {
        let refreshing = Refreshing::new(secret);
        let stack = refreshing.auth.layer(Recycling);
        let most = *self.threads.iter().max().unwrap() as u64;
        let held = RefCell::new(None);
        let age = || {
            let left = refreshing.auth.status().requests_left();
            let enough = left >= Some(REQUESTS * most);
            if held.borrow().is_some() && enough {
                return;
            }
            held.take();
            refreshing.renew();
            held.replace(Some(refreshing.hold()));
            let _runtime = refreshing.enter();
            let mut until_it_ages = long_lived(stack.clone());
            while !refreshing.auth.status().is_refreshing() {
                until_it_ages(1_000);
            }
        };
        self.case(name, REQUESTS, || long_lived(stack.clone()), age);
    }

    /// What the shared reference count, the budget counter and the slot of the current token cost, shared and not.
    fn parts(&mut self, secret: &str) {
        let value = HeaderValue::try_from(secret).unwrap();
        drop(value.clone()); // shared from now on
        let own = || HeaderValue::from_bytes(value.as_bytes()).unwrap();
        let clone_and_drop = |value: HeaderValue| -> Worker {
            drop(value.clone());
            Box::new(move |operations| {
                for _ in 0..operations {
                    drop(black_box(black_box(&value).clone()));
                }
            })
        };
        self.part("reference count, shared", || clone_and_drop(value.clone()));
        self.part("reference count, a copy per thread", || {
            clone_and_drop(own())
        });

        let count_down = |budget: Arc<AtomicI64>| -> Worker {
            Box::new(move |operations| {
                for _ in 0..operations {
                    black_box(&budget).fetch_sub(1, Ordering::Relaxed);
                }
            })
        };
        let budget = Arc::new(AtomicI64::new(i64::MAX));
        self.part("budget counter, shared", || count_down(Arc::clone(&budget)));
        self.part("budget counter, one per thread", || {
            count_down(Arc::default())
        });

        let slot = Arc::new(ArcSwap::from_pointee(value.clone()));
        self.part("slot, loaded", || {
            let slot = Arc::clone(&slot);
            Box::new(move |operations| {
                for _ in 0..operations {
                    black_box(black_box(&slot).load());
                }
            })
        });
        self.part("slot, cached per thread", || {
            let mut slot = arc_swap::Cache::new(Arc::clone(&slot));
            Box::new(move |operations| {
                for _ in 0..operations {
                    black_box(black_box(&mut slot).load());
                }
            })
        });
    }

    fn part(&mut self, name: &str, worker: impl Fn() -> Worker) {
        self.case(name, OPERATIONS, worker, || ());
    }

    fn case(
        &mut self,
        name: &str,
        operations: u64,
        worker: impl Fn() -> Worker,
        before_a_round: impl Fn(),
    ) {
        let crew = |threads: &usize| Crew::new((0..*threads).map(|_| worker()).collect());
        let crews: Vec<_> = self.threads.iter().map(crew).collect();
        let mut rounds = vec![Vec::new(); crews.len()];
        for _ in 0..self.tries {
            for (crew, rounds) in crews.iter().zip(&mut rounds) {
                before_a_round();
                let round = crew.work(operations);
                if round.undisturbed {
                    rounds.push(round.operations_per_second);
                }
            }
            if rounds.iter().all(|rounds| rounds.len() >= ROUNDS) {
                break;
            }
        }
        let undisturbed: Vec<_> = rounds.iter().map(Vec::len).collect();
        let medians: Vec<_> = rounds.iter_mut().map(|rounds| median(rounds)).collect();
        print!("{name:44}");
        for median in &medians {
            print!("{:>16.2}", median / 1e6);
        }
        println!("{:>16.2} {undisturbed:?}", medians[1] / medians[0]);
        self.figures.add(
            name,
            [
                ("one_thread_per_second", medians[0]),
                ("two_threads_per_second", medians[1]),
                ("two_threads_over_one", medians[1] / medians[0]),
                ("all_threads_per_second", *medians.last().unwrap()),
                ("threads", *self.threads.last().unwrap() as f64),
                ("rounds", undisturbed[1] as f64),
            ],
        );
    }
}

fn median(rounds: &mut [f64]) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds.get(rounds.len() / 2).copied().unwrap_or(f64::NAN)
}

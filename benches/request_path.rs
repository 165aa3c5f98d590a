//! Time and allocations per request, by criterion and a counting allocator: each layer over an inner service that answers
//! at once, beside what others offer.
//!
//! What is above `bare` in the same group is the layer's. Requests are made in batches outside of the measured time, and
//! their memory is freed outside of it; that their headers are dropped is measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, Criterion};
use mobula_auth_benches::cases::Case;
use mobula_auth_benches::counting_allocator::{CountingAllocator, allocated_by};
use mobula_auth_benches::figures::Figures;
use mobula_auth_benches::inner::{Noop, Recycling, recycled};
use mobula_auth_benches::options::is_quick;
use mobula_auth_benches::refreshing::Refreshing;
use mobula_auth_benches::requests::{self, TOKEN_LENGTHS, secret};
use mobula_auth_benches::send::send;
use mobula_auth_benches::{by_hand, floor, peers, stacks};
use serde_json::Value;
use tower::Layer;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Few enough to be in the cache when they are sent.
const BATCH: BatchSize = BatchSize::NumIterations(64);
const COUNTED_REQUESTS: u64 = 100;

fn main() {
    let mut criterion = criterion();
    let mut figures = Figures::of("request_path");
    for headers in [0, 8] {
        for token in TOKEN_LENGTHS {
            let name = format!("headers_{headers}_token_{token}");
            let mut group = Group {
                criterion: criterion.benchmark_group(&name),
                name,
                headers,
                figures: &mut figures,
            };
            run(&mut group, &secret(token));
            group.criterion.finish();
        }
    }
    if !is_quick() {
        criterion.final_summary();
        figures.write();
    }
}

fn criterion() -> Criterion {
    let criterion = Criterion::default().output_directory(&directory());
    if is_quick() {
        let short = Duration::from_millis(1);
        return criterion
            .warm_up_time(short)
            .measurement_time(short)
            .sample_size(10)
            .nresamples(1_000)
            .with_filter("headers_8_token_1200/bare");
    }
    criterion
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args()
}

fn directory() -> PathBuf {
    let name = if is_quick() {
        "criterion-quick"
    } else {
        "criterion"
    };
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target")
        .join(name)
}

fn run(group: &mut Group<'_>, secret: &str) {
    group.peer("bare", floor::bare(secret, Recycling));
    group.peer("floor", floor::floor(secret, Recycling));
    group.peer(
        "tower_http_add_authorization",
        peers::tower_http_add_authorization(secret, Recycling),
    );
    group.peer(
        "tower_http_set_request_header",
        peers::tower_http_set_request_header(secret, Recycling),
    );
    group.ours("api_key_auth", stacks::api_key_auth(secret, Recycling));
    group.ours("x_api_key_auth", stacks::x_api_key_auth(secret, Recycling));
    group.ours("bearer_auth", stacks::bearer_auth(secret, Recycling));
    group.ours(
        "per_request_auth",
        stacks::per_request_auth(secret, Recycling),
    );
    group.auto_refreshing_token(secret);
    group.peer("aliri_tokens", peers::aliri_tokens(secret, Recycling));
    group.peer("by_hand", by_hand::by_hand(secret, Recycling));
    #[cfg(feature = "heavy-peers")]
    group.heavy_peers(secret);
}

/// Requests with so many other headers, and a token of such a length.
struct Group<'a> {
    criterion: BenchmarkGroup<'a, WallTime>,
    name: String,
    headers: usize,
    figures: &'a mut Figures,
}

impl Group<'_> {
    fn peer<S: Noop>(&mut self, name: &str, stack: S) {
        self.stack(name, stack, || ());
    }

    fn ours<S: Noop>(&mut self, name: &str, stack: S) {
        let allocations = self.stack(name, stack, || ());
        assert_eq!(allocations, 0.0, "{name} allocates");
    }

    /// None of its requests meets a refresh.
    fn auto_refreshing_token(&mut self, secret: &str) {
        let refreshing = Refreshing::new(secret);
        let stack = refreshing.auth.layer(Recycling);
        let mut sent = 0;
        let renew_in_time = || {
            sent += 1;
            if sent % Refreshing::CALM_FOR == 0 {
                refreshing.renew();
            }
        };
        let name = "auto_refreshing_token";
        let allocations = self.stack(name, stack, renew_in_time);
        assert_eq!(allocations, 0.0, "{name} allocates");
    }

    /// azure_core's requests are its own, and so is what is to be taken off of it: `azure_core_bare`.
    #[cfg(feature = "heavy-peers")]
    fn heavy_peers(&mut self, secret: &str) {
        use mobula_auth_benches::{azure, google};

        let google_cloud_auth = google::google_cloud_auth(secret, Recycling);
        self.peer("google_cloud_auth", google_cloud_auth);
        let headers = self.headers;
        for (name, pipeline) in [
            ("azure_core_bare", azure::bare(secret)),
            ("azure_core", azure::bearer_token_policy(secret)),
        ] {
            let new_request = || azure::request(headers);
            self.case(name, new_request, |mut request| {
                pipeline.send(&mut request);
                request
            });
        }
    }

    fn stack<S: Noop>(&mut self, name: &str, mut stack: S, mut before_each: impl FnMut()) -> f64 {
        let headers = self.headers;
        let new_request = || {
            before_each();
            requests::request(headers)
        };
        self.case(name, new_request, |request| {
            send(&mut stack, request);
            recycled()
        })
    }

    /// Allocations per request.
    fn case<R>(
        &mut self,
        name: &str,
        mut new_request: impl FnMut() -> R,
        mut send: impl FnMut(R) -> R,
    ) -> f64 {
        let mut count = || {
            let requests: Vec<_> = (0..COUNTED_REQUESTS).map(|_| new_request()).collect();
            let mut sent = Vec::with_capacity(requests.len());
            let work = || sent.extend(requests.into_iter().map(&mut send));
            allocated_by(work).1.allocations as f64 / COUNTED_REQUESTS as f64
        };
        count(); // until it has what it allocates once
        let allocations = count();
        println!(
            "{:64}allocations: {allocations:>8}",
            format!("{}/{name}", self.name)
        );

        let mut is_wanted = false;
        self.criterion.bench_function(name, |bencher| {
            is_wanted = true;
            bencher.iter_batched(&mut new_request, &mut send, BATCH);
        });
        if is_wanted {
            self.figures.add(
                &Case::new(name, &self.name).to_string(),
                [
                    ("nanoseconds", median(&self.name, name)),
                    ("allocations", allocations),
                ],
            );
        }
        allocations
    }
}

/// Of what criterion measured last.
fn median(group: &str, case: &str) -> f64 {
    let path = directory()
        .join(group)
        .join(case)
        .join("new/estimates.json");
    let estimates: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    estimates["median"]["point_estimate"].as_f64().unwrap()
}

//! What requests feel of a refresh, of a 401 and of a spent budget, while a create request takes 200 ms.
//!
//! Calm stretches and eventful ones take turns, of a quarter of a second each, and each eventful one is compared with the
//! calm one just before it: the ratio is the median of theirs, as whatever else the machine does for a while is in both of
//! a pair, or in one pair of many. A request that is not answered at its first poll has waited for a token: with one that
//! stands by, nobody does, and nobody does for a refresh in any case.
//!
//! One request is sent after the other. So where one waits for a token, it alone does, and 10,000 that a busier client
//! would have sent meanwhile are not in the quantiles: look at how many waited, and at the longest.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use http::Request;
use mobula_auth::{ApiToken, AutoRefresh, AutoRefreshingToken, CreateTokens};
use mobula_auth_benches::figures::Figures;
use mobula_auth_benches::latency::Latencies;
use mobula_auth_benches::options::is_quick;
use mobula_auth_benches::requests;
use mobula_auth_benches::server::Server;
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;
use tower::{Layer, Service};

const MINT: Duration = Duration::from_millis(200);
/// Of [`Server::WORK`] each, so that a create request begins and ends in one stretch.
const REQUESTS_OF_A_STRETCH: u64 = 12_500;
const REQUESTS_TO_WARM_UP: u64 = 500;
/// Of stretches, for each event.
const PAIRS: usize = 41;

fn main() {
    let mut figures = Figures::of("swap");
    println!(
        "{:44}{:>11}{:>11}{:>11}{:>13}{:>8}",
        "microseconds", "p50", "p99", "p99.9", "max", "waited"
    );
    for (event, standby) in [
        (Event::Refresh, 1),
        (Event::Rejection, 1),
        (Event::Spent, 1),
        (Event::Refresh, 0),
        (Event::Rejection, 0),
        (Event::Spent, 0),
    ] {
        let pairs = if is_quick() { 1 } else { PAIRS };
        let pair = |_| Client::new(event, standby).pair(event);
        let pairs: Vec<_> = (0..pairs).map(pair).collect();
        let name = format!("{}, {standby} standing by", event.name());
        let ratios = pairs.iter().map(Pair::p99_over_calm);
        let [low, ratio, high] = quartiles(ratios.collect());
        let (mut calm, mut eventful) = (Latencies::default(), Latencies::default());
        for pair in &pairs {
            calm.add(&pair.calm);
            eventful.add(&pair.eventful);
        }
        println!("{name:44}{eventful}");
        println!("{:44}{calm}", "  calm");
        println!("{:44}{ratio:>22.3}   ({low:.3} to {high:.3})", "  ratio");
        assert_eq!(calm.waited, 0, "{name}");
        if event.makes_nobody_wait(standby) {
            assert_eq!(eventful.waited, 0, "{name}");
        }
        figures.add(
            &name,
            [
                ("p50", eventful.at_quantile(0.5)),
                ("p99", eventful.at_quantile(0.99)),
                ("p99_9", eventful.at_quantile(0.999)),
                ("max", eventful.max()),
                ("waited", eventful.waited as f64),
                ("calm_p50", calm.at_quantile(0.5)),
                ("calm_p99", calm.at_quantile(0.99)),
                ("calm_p99_9", calm.at_quantile(0.999)),
                ("calm_max", calm.max()),
                ("calm_waited", calm.waited as f64),
                ("p99_over_calm", ratio),
            ],
        );
    }
    if !is_quick() {
        figures.write();
    }
}

/// Why the token that is in use gets replaced.
#[derive(Debug, Clone, Copy)]
enum Event {
    Refresh,
    Rejection,
    Spent,
}

impl Event {
    fn name(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Rejection => "401",
            Self::Spent => "spent budget",
        }
    }

    /// A token's requests: more than there will be, or so few that they last for one stretch and end in the next.
    fn request_limit(self) -> u64 {
        match self {
            Self::Refresh | Self::Rejection => 1_000_000,
            Self::Spent => REQUESTS_OF_A_STRETCH * 8 / 5,
        }
    }

    fn makes_nobody_wait(self, standby: u32) -> bool {
        match self {
            Self::Refresh => true,
            Self::Rejection | Self::Spent => standby > 0,
        }
    }
}

/// A stretch in which it happened, and the calm one before.
#[derive(Debug, Default)]
struct Pair {
    calm: Latencies,
    eventful: Latencies,
}

impl Pair {
    fn p99_over_calm(&self) -> f64 {
        self.eventful.at_quantile(0.99) / self.calm.at_quantile(0.99)
    }
}

/// The median is the one in the middle.
fn quartiles(mut of: Vec<f64>) -> [f64; 3] {
    of.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| of[(of.len() - 1) * quarter / 4])
}

struct Client {
    server: Server,
    auth: AutoRefreshingToken,
    service: AutoRefresh<Server>,
    runtime: Runtime,
}

impl Client {
    fn new(event: Event, standby: u32) -> Self {
        let created = Arc::new(AtomicU64::new(0));
        let source = move |request: CreateTokens| {
            let tokens = (0..request.get_count())
                .map(|_| format!("{:01200}", created.fetch_add(1, Ordering::Relaxed)))
                .map(ApiToken::new)
                .collect();
            async {
                sleep(MINT).await;
                tokens
            }
        };
        let auth = AutoRefreshingToken::builder(source)
            .request_limit(event.request_limit())
            .standby(standby)
            .revoke_replaced_after(None)
            .build()
            .unwrap();
        let server = Server::default();
        let service = auth.layer(server.clone());
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        Self {
            server,
            auth,
            service,
            runtime,
        }
    }

    /// Once in a client's life: a token that is rejected soon after another stays in its place for a while, in case it
    /// is not the tokens that are wrong.
    fn pair(mut self, event: Event) -> Pair {
        let mut pair = Pair::default();
        self.runtime.block_on(self.auth.refresh()).unwrap();
        self.send(REQUESTS_TO_WARM_UP, &mut Latencies::default());
        self.send(REQUESTS_OF_A_STRETCH, &mut pair.calm);
        match event {
            Event::Refresh => {
                let auth = self.auth.clone();
                self.runtime
                    .spawn(async move { auth.refresh().await.unwrap() });
            }
            Event::Rejection => self.server.reject_last_seen(),
            Event::Spent => {}
        }
        self.send_past_a_swap(&mut pair.eventful);
        pair
    }

    /// One stretch, or more if the swap is late on a busy machine.
    fn send_past_a_swap(&mut self, latencies: &mut Latencies) {
        let before = self.server.last_seen();
        for _ in 0..10 {
            self.send(REQUESTS_OF_A_STRETCH, latencies);
            if self.server.last_seen() != before {
                return;
            }
        }
        panic!("the token was not replaced");
    }

    fn send(&mut self, requests: u64, latencies: &mut Latencies) {
        for _ in 0..requests {
            let request = requests::request(8);
            let begin = Instant::now();
            let waited = self.send_one(request);
            latencies.record(begin.elapsed(), waited);
        }
    }

    /// Whether it waited for a token.
    fn send_one(&mut self, request: Request<()>) -> bool {
        let _runtime = self.runtime.enter();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(self.service.poll_ready(&mut cx).is_ready());
        let mut response = pin!(self.service.call(request));
        match response.as_mut().poll(&mut cx) {
            Poll::Ready(response) => {
                response.unwrap();
                false
            }
            Poll::Pending => {
                self.runtime.block_on(response).unwrap();
                true
            }
        }
    }
}

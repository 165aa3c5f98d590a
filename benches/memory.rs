//! What the layers hold of memory: bytes on the stack, heap per handle and per token, and a registry of 10,000 tenants.

use std::mem::{size_of, size_of_val};

use http::Request;
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefresh, AutoRefreshingToken, BearerAuth, CreateTokens,
    Error, PerRequestAuth, TokenLease, TokenRegistry,
};
use mobula_auth_benches::counting_allocator::{CountingAllocator, allocated_by};
use mobula_auth_benches::figures::Figures;
use mobula_auth_benches::inner::Recycling;
use mobula_auth_benches::options::is_quick;
use mobula_auth_benches::requests::secret;
use tokio::runtime::Builder;
use tower::{Layer, Service};
use tower_http::auth::AddAuthorizationLayer;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const TENANTS: usize = 10_000;

fn main() {
    let mut report = Report(Figures::of("memory"));
    sizes(&mut report);
    heap(&mut report);
    if !is_quick() {
        report.0.write();
    }
}

struct Report(Figures);

impl Report {
    fn heap(&mut self, of: &str, bytes: f64) {
        println!("{of:90}{bytes:>10.0}");
        self.0.add(of, [("heap", bytes)]);
    }

    fn layer<L: Layer<Recycling>>(&mut self, name: &str, layer: &L)
    where
        L::Service: Service<Request<()>>,
    {
        let service = layer.layer(Recycling);
        let future = future_beyond_the_inner_one(&service);
        let sizes = [
            ("layer", size_of::<L>() as f64),
            ("service", size_of_val(&service) as f64),
            ("future", future as f64),
        ];
        let [layer, service, future] = sizes.map(|(_, bytes)| bytes);
        println!("{name:24}{layer:>16}{service:>16}{future:>16}");
        self.0.add(name, sizes);
    }
}

fn future_beyond_the_inner_one<S: Service<Request<()>>>(_: &S) -> usize {
    size_of::<S::Future>() - size_of::<<Recycling as Service<Request<()>>>::Future>()
}

fn sizes(report: &mut Report) {
    println!(
        "{:24}{:>16}{:>16}{:>16}",
        "bytes", "layer", "its service", "its future"
    );
    let (key, token) = (ApiKey::new("key").unwrap(), ApiToken::new("token").unwrap());
    let auto_refreshing = AutoRefreshingToken::new(source());
    report.layer("AddAuthorization", &AddAuthorizationLayer::bearer("token"));
    report.layer("ApiKeyAuth", &ApiKeyAuth::new(key));
    report.layer("BearerAuth", &BearerAuth::new(token));
    report.layer("PerRequestAuth", &PerRequestAuth::new());
    report.layer("AutoRefreshingToken", &auto_refreshing);
    report.layer("TokenRegistry", &registry(1));
    let lease = size_of::<TokenLease>() as f64;
    println!("{:24}{lease:>16}", "TokenLease");
    report.0.add("TokenLease", [("layer", lease)]);

    let service = size_of::<AutoRefresh<()>>();
    assert!(service <= 96, "AutoRefresh<()> is {service} bytes");
    let future = future_beyond_the_inner_one(&auto_refreshing.layer(Recycling));
    assert!(future <= 48, "its future adds {future} bytes");
}

fn heap(report: &mut Report) {
    println!("\nbytes of heap");
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();

    let length = secret(1_200);
    let (token, of_a_token) = allocated_by(|| ApiToken::new(length.as_str()).unwrap());
    drop(token);
    report.heap("a token of 1,200 bytes", of_a_token.bytes as f64);

    let (auth, idle) = allocated_by(|| AutoRefreshingToken::new(source()));
    report.heap("AutoRefreshingToken, before it is used", idle.bytes as f64);
    // The runtime keeps what it had for its first task and timer.
    runtime
        .block_on(AutoRefreshingToken::new(source()).refresh())
        .unwrap();
    let ((), tokens) = allocated_by(|| runtime.block_on(auth.refresh()).unwrap());
    report.heap(
        "AutoRefreshingToken, with a token in use and one that stands by, further",
        tokens.bytes as f64,
    );
    let ((), nothing) = allocated_by(|| drop(auth.clone()));
    assert_eq!(
        nothing.allocations, 0,
        "a clone of the handle allocates nothing"
    );

    let registry = registry(TENANTS);
    let keys: Vec<_> = (0..TENANTS)
        .map(|tenant| ApiKey::new(format!("0af5c1d2-3b4e-4f60-8a7b-{tenant:012}")).unwrap())
        .collect();
    let ((), tenants) = allocated_by(|| {
        for key in &keys {
            drop(registry.get(key).unwrap());
        }
    });
    assert_eq!(registry.len(), TENANTS);
    report.heap(
        "TokenRegistry of 10,000 tenants, each: before its first request",
        tenants.bytes as f64 / TENANTS as f64,
    );
    let ((), tokens) = allocated_by(|| {
        for key in &keys {
            let tenant = registry.get(key).unwrap();
            runtime.block_on(tenant.refresh()).unwrap();
        }
    });
    report.heap(
        "TokenRegistry of 10,000 tenants, each: with a token in use and one that stands by, further",
        tokens.bytes as f64 / TENANTS as f64,
    );
}

fn registry(capacity: usize) -> TokenRegistry {
    TokenRegistry::with_capacity(capacity, |_| AutoRefreshingToken::builder(source()).build())
}

fn source() -> impl Fn(CreateTokens) -> std::future::Ready<Result<Vec<ApiToken>, Error>> {
    |request| {
        let token = |number| ApiToken::new(format!("{number}{}", secret(1_199)));
        std::future::ready((0..request.get_count()).map(token).collect())
    }
}

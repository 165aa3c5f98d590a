//! Instructions per request, by callgrind: what must not depend on the machine's load.

use std::hint::black_box;

use gungraun::{library_benchmark, library_benchmark_group, main};
use mobula_auth_benches as stacks;
use stacks::Noop;

const REQUESTS: usize = 100;

type Run = Box<dyn FnOnce()>;

/// A hundred requests through a service that has seen some already.
fn requests<S: Noop + 'static>(mut service: S, headers: usize) -> Run {
    stacks::send_all(&mut service, stacks::requests(200, headers));
    let requests = stacks::requests(REQUESTS, headers);
    Box::new(move || stacks::send_all(black_box(&mut service), black_box(requests)))
}

macro_rules! cases {
    ($($name:ident: $service:expr;)*) => {
        $(
            #[library_benchmark]
            #[bench::headers_8(requests($service, 8))]
            #[bench::headers_0(requests($service, 0))]
            fn $name(run: Run) {
                run();
            }
        )*
        library_benchmark_group!(name = hundred_requests, benchmarks = [$($name),*]);
    };
}

cases! {
    bare: stacks::Bare;
    floor: stacks::floor(&stacks::secret(1_200));
    tower_http_add_authorization: stacks::tower_http_add_authorization(&stacks::secret(1_200));
    tower_http_set_header: stacks::tower_http_set_header(&stacks::secret(1_200));
    api_key_auth: stacks::api_key_auth(&stacks::secret(1_200));
    x_api_key_auth: stacks::x_api_key_auth(&stacks::secret(1_200));
    bearer_auth: stacks::bearer_auth(&stacks::secret(1_200));
    auto_refreshing_token: stacks::auto_refreshing(&stacks::secret(1_200));
}

main!(library_benchmark_groups = hundred_requests);

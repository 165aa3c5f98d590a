//! Instructions per request, by callgrind: what must not depend on the machine's load.
//!
//! Each number is of a hundred requests. What is above `bare` in the same column is the layer's.

use std::hint::black_box;
use std::mem::forget;

use gungraun::{library_benchmark, library_benchmark_group, main};
use mobula_auth_benches as benches;
use mobula_auth_benches::counts::REQUESTS;
use mobula_auth_benches::forgetful_allocator::ForgetfulAllocator;
use mobula_auth_benches::inner::{Dropping, Leaking, Noop, Recycling};
use mobula_auth_benches::requests::{self, secret};
use mobula_auth_benches::send::{send_all, send_all_by_clones};

#[global_allocator]
static ALLOCATOR: ForgetfulAllocator = ForgetfulAllocator;

type Run = Box<dyn FnOnce()>;

/// A hundred requests through a service that has seen some already. What its own end costs is not theirs.
fn one_service<S: Noop>(mut stack: S, headers: usize) -> Run {
    send_all(&mut stack, requests::requests(200, headers));
    let requests = requests::requests(REQUESTS, headers);
    Box::new(move || {
        send_all(black_box(&mut stack), black_box(requests));
        forget(stack);
    })
}

fn a_clone_for_each<S: Noop>(mut stack: S, headers: usize) -> Run {
    send_all(&mut stack, requests::requests(200, headers));
    send_all_by_clones(&stack, requests::requests(200, headers));
    let requests = requests::requests(REQUESTS, headers);
    Box::new(move || {
        send_all_by_clones(black_box(&stack), black_box(requests));
        forget(stack);
    })
}

macro_rules! cases {
    ($group:ident: $($name:ident: $stack:path;)*) => {
        $(
            #[library_benchmark]
            #[bench::leaked_headers_8_token_1200(one_service($stack(&secret(1_200), Leaking), 8))]
            #[bench::dropped_headers_8_token_1200(one_service($stack(&secret(1_200), Dropping), 8))]
            #[bench::dropped_headers_8_token_40(one_service($stack(&secret(40), Dropping), 8))]
            #[bench::dropped_headers_0_token_1200(one_service($stack(&secret(1_200), Dropping), 0))]
            #[bench::recycled_headers_8_token_1200(one_service($stack(&secret(1_200), Recycling), 8))]
            #[bench::cloned_headers_8_token_1200(a_clone_for_each($stack(&secret(1_200), Dropping), 8))]
            fn $name(run: Run) {
                run();
            }
        )*
        library_benchmark_group!(name = $group, benchmarks = [$($name),*]);
    };
}

cases! {
    hundred_requests:
    bare: benches::floor::bare;
    floor: benches::floor::floor;
    tower_http_add_authorization: benches::peers::tower_http_add_authorization;
    tower_http_set_request_header: benches::peers::tower_http_set_request_header;
    api_key_auth: benches::stacks::api_key_auth;
    x_api_key_auth: benches::stacks::x_api_key_auth;
    bearer_auth: benches::stacks::bearer_auth;
    per_request_auth: benches::stacks::per_request_auth;
    auto_refreshing_token: benches::stacks::auto_refreshing_token;
    aliri_tokens: benches::peers::aliri_tokens;
    by_hand: benches::by_hand::by_hand;
}

#[cfg(feature = "heavy-peers")]
cases! {
    google:
    google_cloud_auth: benches::google::google_cloud_auth;
}

/// A hundred of azure_core's own requests.
#[cfg(feature = "heavy-peers")]
fn one_pipeline(pipeline: benches::azure::Pipeline, headers: usize) -> Run {
    use benches::azure::request;

    let send_all = |pipeline: &benches::azure::Pipeline, requests: Vec<_>| {
        for mut request in requests {
            pipeline.send(&mut request);
        }
    };
    send_all(&pipeline, (0..200).map(|_| request(headers)).collect());
    let requests: Vec<_> = (0..REQUESTS).map(|_| request(headers)).collect();
    Box::new(move || {
        send_all(black_box(&pipeline), black_box(requests));
        forget(pipeline);
    })
}

#[cfg(feature = "heavy-peers")]
macro_rules! azure_cases {
    ($($name:ident: $pipeline:path;)*) => {
        $(
            #[library_benchmark]
            #[bench::dropped_headers_8_token_1200(one_pipeline($pipeline(&secret(1_200)), 8))]
            #[bench::dropped_headers_8_token_40(one_pipeline($pipeline(&secret(40)), 8))]
            #[bench::dropped_headers_0_token_1200(one_pipeline($pipeline(&secret(1_200)), 0))]
            fn $name(run: Run) {
                run();
            }
        )*
        library_benchmark_group!(name = azure, benchmarks = [$($name),*]);
    };
}

// What is above `azure_core_bare` is the policy's.
#[cfg(feature = "heavy-peers")]
azure_cases! {
    azure_core_bare: benches::azure::bare;
    azure_core: benches::azure::bearer_token_policy;
}

#[cfg(not(feature = "heavy-peers"))]
main!(library_benchmark_groups = hundred_requests);
#[cfg(feature = "heavy-peers")]
main!(library_benchmark_groups = [hundred_requests, google, azure]);

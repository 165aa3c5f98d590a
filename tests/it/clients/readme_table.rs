//! The README's table of clients: each row names something that a test of this folder is about.

use std::fs;
use std::path::Path;

/// The first cell of each row, and the tests that hold the row true.
const ROWS: [(&str, &[&str]); 16] = [
    (
        "`reqwest::Client` 0.13",
        &[
            "mod::reqwest_over_http1",
            "mod::reqwest_over_http2",
            "hyper_tls::reqwest_over_tls",
            "middleware_chain::a_rejected_request_is_replayed_around_the_chain",
        ],
    ),
    (
        "`reqwest_middleware` 0.5",
        &[
            "middleware_chain::layers_around_a_client_with_middleware",
            "middleware_chain::layers_inside_of_the_chain",
            "middleware_chain::each_try_of_reqwest_retry_gets_the_next_token",
            "middleware_chain::a_rejected_request_is_replayed_around_the_chain",
        ],
    ),
    (
        "hyper-util's legacy client",
        &[
            "mod::hyper_over_http1",
            "mod::hyper_over_http2",
            "hyper_tls::hyper_over_tls",
            "hyper_tls::tokens_over_tls",
        ],
    ),
    (
        "axum: a `Router` as the inner service",
        &[
            "mod::an_axum_router_in_process",
            "mod::an_origin_form_request_needs_a_pinned_origin",
            "mod::an_axum_server_over_a_socket",
        ],
    ),
    (
        "axum: a gateway",
        &["axum_gateway::visitors_see_prices_and_no_credential"],
    ),
    (
        "axum: a credential for each tenant",
        &[
            "per_request::a_gateway_with_a_credential_for_each_tenant",
            "middleware_chain::a_credential_for_each_request_of_a_chain",
        ],
    ),
    (
        "`BoxCloneSyncService`",
        &["tower_wrappers::box_clone_sync_service"],
    ),
    (
        "`Buffer`",
        &[
            "tower_wrappers::buffer",
            "tower_wrappers::a_buffer_outlives_requests_that_got_no_token",
            "tower_wrappers::requests_pass_a_buffer_while_others_wait_for_a_token",
        ],
    ),
    (
        "`ConcurrencyLimit`",
        &[
            "tower_wrappers::concurrency_limit",
            "tower_wrappers::a_concurrency_limit_gets_its_permits_back",
        ],
    ),
    (
        "`RateLimit`",
        &[
            "tower_wrappers::rate_limit",
            "tower_wrappers::rate_limit_without_a_buffer",
        ],
    ),
    (
        "`LoadShed`",
        &[
            "tower_wrappers::load_shed",
            "tower_wrappers::load_is_shed_by_the_inner_services_readiness",
        ],
    ),
    (
        "`Timeout`",
        &[
            "tower_wrappers::timeout",
            "tower_wrappers::a_timeout_outside_ends_a_wait_for_a_token",
        ],
    ),
    (
        "`Retry`",
        &[
            "tower_wrappers::retry",
            "replayed_bodies::a_body_that_can_be_cloned_is_sent_again_whole",
            "replayed_bodies::a_body_that_cannot_be_cloned_passes_straight_through",
        ],
    ),
    ("tower-http's `Trace`", &["tower_http_layers::trace"]),
    (
        "tower-http's `FollowRedirect`",
        &[
            "tower_http_layers::follow_redirect",
            "tower_http_layers::a_redirect_within_an_origin_keeps_the_credential",
            "tower_http_layers::a_redirect_within_an_origin_keeps_the_requests_own_credential",
        ],
    ),
    (
        "tower-http's `SetSensitiveHeaders`",
        &[
            "tower_http_layers::set_sensitive_headers",
            "tower_http_layers::set_sensitive_headers_marks_what_the_caller_put_there",
        ],
    ),
];

#[test]
fn each_row_has_its_tests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (_, section) = readme.split_once("\n## Clients\n").unwrap();
    let rows: Vec<_> = section
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.split('|').nth(1).unwrap().trim())
        .collect();
    assert_eq!(rows, ROWS.map(|(row, _)| row));

    for (row, tests) in ROWS {
        for test in tests {
            let (file, name) = test.split_once("::").unwrap();
            let file = root.join(format!("tests/it/clients/{file}.rs"));
            let text = fs::read_to_string(file).unwrap();
            let is_there = text.split("fits!(").skip(1).any(|call| {
                let mut lines = call.lines().map(str::trim);
                let named = lines.find(|line| !line.is_empty() && !line.starts_with("///"));
                named.is_some_and(|line| line.split(',').next() == Some(name))
            }) || text.contains(&format!("async fn {name}()"));
            assert!(is_there, "{row}: there is no test {test}");
        }
    }
}

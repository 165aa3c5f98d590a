//! The controls: what leaks in the same stacks without our layer or without our policy. The matrix can see a leak.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::redirect::Policy;

use super::servers::Servers;
use super::stacks::{self, MODES, Mode, Stack};
use super::targets;
use super::{CODES, run, with_every_code};

/// The kinds that leak, with every code, and those of all kinds that lead to where no credential may be.
async fn leaking(servers: &Servers, stack: &Stack) -> (BTreeSet<Kind>, BTreeSet<Kind>) {
    let mut leaks: BTreeMap<Kind, usize> = BTreeMap::new();
    let mut foreign = BTreeSet::new();
    for outcome in run(servers, stack, with_every_code(&targets::all(servers))).await {
        let kind = outcome.target.kind;
        let may = |seen| targets::may_see_a_credential(seen, servers);
        if !outcome.seen.iter().all(may) {
            foreign.insert(kind);
        }
        if !outcome.leaks(servers).is_empty() {
            *leaks.entry(kind).or_default() += 1;
        }
    }
    let with_every_code = leaks.values().all(|&leaks| leaks == CODES.len());
    assert!(with_every_code, "{leaks:#?}");
    (leaks.into_keys().collect(), foreign)
}

type Kind = &'static str;

/// The ways to each kind of target are seen to leak: so nothing of the matrix is blind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peers_layer_leaks_to_every_foreign_target() {
    let servers = Servers::start().await;
    let mut leaks = 0;
    for mode in MODES {
        let stack = stacks::follow_outside_of_a_peer(&servers, mode);
        let (leaking, foreign) = leaking(&servers, &stack).await;
        assert_eq!(leaking, foreign, "{mode:?}");
        assert_eq!(leaking.len(), FOREIGN_KINDS, "{mode:?}");
        leaks += leaking.len() * CODES.len();
    }
    println!("a peer's layer: {leaks} leaks");
}

/// Of the targets, so many lead to where no credential may be.
const FOREIGN_KINDS: usize = 42;

/// L4: what follows redirects inside of a layer takes `x-api-key` everywhere, unless it is told our origins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x_api_key_leaks_by_every_default_policy() {
    let servers = Servers::start().await;
    let mode = Mode::XApiKey;
    for (name, stack) in [
        (
            "reqwest's default policy in our layer",
            stacks::reqwest(&servers, mode, Policy::default()),
        ),
        (
            "reqwest's default headers",
            stacks::reqwest_with_default_headers(&servers, mode),
        ),
        (
            "tower-http's policy in our layer",
            stacks::follow_inside(&servers, mode),
        ),
    ] {
        let (leaking, foreign) = leaking(&servers, &stack).await;
        assert_eq!(leaking, foreign, "{name}");
        assert_eq!(leaking.len(), FOREIGN_KINDS, "{name}");
        println!("{name}, x-api-key: {} leaks", leaking.len() * CODES.len());
    }
}

/// L2: reqwest 0.13 and tower-http 0.6 leave `Authorization` out of a request for another origin than the one before it, and
/// out of no other: with the second request in a row for the same foreign origin it comes back. If this fails because
/// nothing leaks any more, they have mended it, and the docs of `Origins::redirect_policy` can say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l2_by_default_policies_authorization_comes_back() {
    let servers = Servers::start().await;
    for mode in [Mode::Authorization, Mode::Bearer, Mode::Refreshing] {
        for (name, stack) in [
            (
                "reqwest's default policy in our layer",
                stacks::reqwest(&servers, mode, Policy::default()),
            ),
            (
                "reqwest's default headers",
                stacks::reqwest_with_default_headers(&servers, mode),
            ),
            (
                "tower-http 0.6's policy in our layer",
                stacks::follow_inside_0_6(&servers, mode),
            ),
        ] {
            let (leaking, _) = leaking(&servers, &stack).await;
            let twice_in_a_row = BTreeSet::from(["a b b", "a b b b", "a b a b b a"]);
            assert_eq!(leaking, twice_in_a_row, "{name}, {mode:?}");
            let leaks = leaking.len() * CODES.len();
            println!("{name}, {mode:?}: {leaks} leaks");
        }
    }
}

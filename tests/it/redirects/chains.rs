//! Random chains of redirects: what is decided for one hop must not be remembered for the next.

use super::matrix::assert_back_where_allowed;
use super::servers::Servers;
use super::stacks::{self, MODES, Mode};
use super::targets::{self, MOBULA, Target, USER_INFORMATION};
use super::{CODES, run};

/// 2 to 6 hops, each any target that is one hop away from Mobula's host.
fn random_chains(servers: &Servers, count: usize, seed: u64) -> Vec<(Target, u16)> {
    let targets = targets::all(servers).into_iter();
    let hops: Vec<String> = targets
        .filter(|target| target.first == MOBULA && target.kind != USER_INFORMATION)
        .filter_map(|mut target| (target.hops.len() == 1).then(|| target.hops.remove(0)))
        .collect();
    let mut state = seed;
    let mut below = move |bound: usize| {
        // Knuth's MMIX generator; its upper bits are the random ones.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % bound
    };
    let mut chain = || {
        let len = 2 + below(5);
        Target {
            kind: "a random chain",
            first: MOBULA.to_owned(),
            hops: (0..len).map(|_| hops[below(hops.len())].clone()).collect(),
        }
    };
    let chains: Vec<_> = (0..count).map(|_| chain()).collect();
    let codes = CODES.into_iter().cycle();
    chains.into_iter().zip(codes).collect()
}

/// L2. `MOBULA_REDIRECT_CHAINS` runs more of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l2_no_chain_takes_a_credential_to_a_foreign_origin() {
    let chains = std::env::var("MOBULA_REDIRECT_CHAINS");
    let count = chains.map_or(500, |count| count.parse().unwrap());
    let servers = Servers::start().await;
    let mut requests = 0;
    for (seed, mode) in (1..).zip(MODES) {
        let chains = random_chains(&servers, count / MODES.len(), seed);
        let inside = if mode == Mode::XApiKey {
            stacks::follow_inside_by_our_origins(&servers, mode)
        } else {
            stacks::follow_inside(&servers, mode)
        };
        let policy = stacks::origins(&servers).redirect_policy();
        let stacks = [
            (stacks::follow_outside(&servers, mode), true),
            (inside, false),
            (stacks::reqwest(&servers, mode, policy), false),
        ];
        for (stack, each_hop_is_ours) in stacks {
            for outcome in run(&servers, &stack, chains.clone()).await {
                let place = format!("{mode:?}, {:?}", outcome.target.hops);
                let leaks = outcome.leaks(&servers);
                assert!(leaks.is_empty(), "{place}: {leaks:#?}");
                if each_hop_is_ours {
                    assert_eq!(outcome.seen.len(), outcome.target.hops.len() + 1, "{place}");
                    assert_back_where_allowed(&outcome, &servers, &place);
                }
                requests += outcome.seen.len();
            }
        }
    }
    println!("{count} chains in 3 stacks, {requests} requests, 0 leaks");
}

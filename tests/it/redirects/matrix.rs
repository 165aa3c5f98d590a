//! The matrix: our layers in every stack.

use std::collections::HashMap;

use reqwest::redirect::Policy;

use super::servers::{Seen, Servers};
use super::stacks::{self, MODES, Mode, Stack};
use super::targets::{self, Target, USER_INFORMATION};
use super::{CODES, Outcome, has_a_credential, run, with_every_code};

/// How far a stack follows a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    Nothing,
    /// Up to the first target that is not allowed.
    Allowed,
    /// The same, and nothing from https to http.
    AllowedWithoutDowngrade,
    Everything,
}

/// The outermost one is the first: each of its requests passes our layer, and it shows where a chain leads.
fn stacks(servers: &Servers, mode: Mode) -> [(&'static str, Follows, Stack); 4] {
    let inside = if mode == Mode::XApiKey {
        // By its own policy `FollowRedirect` carries this header anywhere: see `controls`.
        let stack = stacks::follow_inside_by_our_origins(servers, mode);
        (
            "FollowRedirect inside, by our origins",
            Follows::Allowed,
            stack,
        )
    } else {
        let stack = stacks::follow_inside(servers, mode);
        ("FollowRedirect inside", Follows::Everything, stack)
    };
    let policy = stacks::origins(servers).redirect_policy();
    [
        (
            "FollowRedirect outside",
            Follows::Everything,
            stacks::follow_outside(servers, mode),
        ),
        inside,
        (
            "reqwest with our policy",
            Follows::AllowedWithoutDowngrade,
            stacks::reqwest(servers, mode, policy),
        ),
        (
            "reqwest without redirects",
            Follows::Nothing,
            stacks::reqwest(servers, mode, Policy::none()),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l1_no_redirect_takes_a_credential_to_a_foreign_origin() {
    let servers = Servers::start().await;
    let targets = targets::all(&servers);
    let (mut cases, mut requests) = (0, 0);
    for mode in MODES {
        let mut ways: HashMap<(&str, u16), Vec<Seen>> = HashMap::new();
        for (stack, follows, service) in stacks(&servers, mode) {
            for outcome in run(&servers, &service, with_every_code(&targets)).await {
                let Outcome { target, code, seen } = &outcome;
                let place = format!("{stack}, {mode:?}, {code}, {}", target.kind);
                assert!(outcome.leaks(&servers).is_empty(), "{place}: {seen:#?}");
                let way = ways.entry((target.kind, *code)).or_insert_with(|| {
                    assert_back_where_allowed(&outcome, &servers, &place);
                    seen.clone()
                });
                assert_eq!(way.len(), target.hops.len() + 1, "{place}: {way:#?}");
                let expected = hops(target, way, follows, &servers);
                assert_eq!(seen.len(), expected, "{place}: {seen:#?}");
                cases += 1;
                requests += seen.len();
            }
        }
    }
    println!("{cases} cases, {requests} requests, 0 leaks");
    assert_eq!(cases, targets.len() * CODES.len() * MODES.len() * 4);
    assert!(cases >= 840, "{cases} cases");
}

/// Each hop passes our layer: where the credential is allowed again, it is there again.
pub(super) fn assert_back_where_allowed(outcome: &Outcome, servers: &Servers, place: &str) {
    for seen in &outcome.seen {
        let is_unclear = outcome.target.kind == USER_INFORMATION && seen.hop == 1;
        assert_eq!(
            has_a_credential(&seen.head),
            targets::may_see_a_credential(seen, servers) && !is_unclear,
            "{place}: {seen:#?}"
        );
    }
}

/// How many requests a stack makes of a chain, by what the servers saw of the whole of it: that a target was reached by
/// whoever follows there shows that a leak to it would have been seen.
fn hops(target: &Target, way: &[Seen], follows: Follows, servers: &Servers) -> usize {
    let downgrades = |pair: &[Seen]| pair[0].tls && !pair[1].tls;
    let followed = |pair: &&[Seen]| match follows {
        Follows::Nothing => false,
        Follows::Everything => true,
        _ if target.kind == USER_INFORMATION => false,
        Follows::Allowed => targets::may_see_a_credential(&pair[1], servers),
        Follows::AllowedWithoutDowngrade => {
            targets::may_see_a_credential(&pair[1], servers) && !downgrades(pair)
        }
    };
    1 + way.windows(2).take_while(followed).count()
}

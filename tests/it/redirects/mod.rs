//! L1 to L4, L6, L7: no redirect takes a credential to an origin that is not allowed, whoever follows it.
//!
//! Redirect codes x targets x stacks x ways to send the credential, against real servers that judge what reaches them by
//! what came in alone. The same stacks with a peer's layer, or without our policy, must leak: `controls`.

mod chains;
mod controls;
mod matrix;
mod servers;
mod stacks;
mod targets;

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt;

use self::servers::{Seen, Servers};
use self::stacks::{KEY, Stack, TOKEN};
use self::targets::Target;

const CODES: [u16; 5] = [301, 302, 303, 307, 308];

/// What came of one case.
struct Outcome {
    target: Target,
    code: u16,
    seen: Vec<Seen>,
}

impl Outcome {
    /// Where the credential arrived and may not have.
    fn leaks(&self, servers: &Servers) -> Vec<&Seen> {
        let leaked = |seen: &&Seen| {
            has_a_credential(&seen.head) && !targets::may_see_a_credential(seen, servers)
        };
        self.seen.iter().filter(leaked).collect()
    }
}

fn has_a_credential(head: &str) -> bool {
    head.contains(KEY) || head.contains(TOKEN)
}

fn with_every_code(targets: &[Target]) -> Vec<(Target, u16)> {
    let with = |target: &Target| CODES.map(|code| (target.clone(), code));
    targets.iter().flat_map(with).collect()
}

/// Sends a request for each target, redirected with its code, through a stack.
async fn run(servers: &Servers, stack: &Stack, cases: Vec<(Target, u16)>) -> Vec<Outcome> {
    // Few at a time, so that they share connections: most of the time goes into handshakes.
    let permits = Arc::new(Semaphore::new(8));
    let mut running = JoinSet::new();
    for (case, (target, code)) in cases.into_iter().enumerate() {
        servers.script(case, code, &target.hops);
        let url = format!("{}{}", target.first, Servers::path(case, 0));
        let (stack, servers, permits) = (stack.clone(), servers.clone(), Arc::clone(&permits));
        running.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            let followed = stack.oneshot(url).await;
            let seen = servers.seen(case);
            let kind = target.kind;
            assert!(!seen.is_empty(), "{kind}, {code}: {followed:?}");
            assert!(has_a_credential(&seen[0].head), "{kind}, {code}: {seen:?}");
            Outcome { target, code, seen }
        });
    }
    running.join_all().await
}

//! Models of what threads share, run through every interleaving that loom can find; see `.ci/loom`.

use std::sync::Arc;

use loom::future::block_on;
use loom::model::Builder;
use loom::thread;

use super::AutoRefreshingToken;
use super::budget::{Budget, Spent};
use super::engine::{Acquired, Engine};
use super::refresh::Outcome;
use crate::api_token::ApiToken;
use crate::clock;
use crate::create_tokens::CreateTokens;
use crate::error::Error;

/// Runs a model and says how many executions it took.
fn explore(name: &str, model: impl Fn() + Send + Sync + 'static) {
    let executions = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&executions);
    Builder::new().check(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        model();
    });
    let executions = executions.load(std::sync::atomic::Ordering::Relaxed);
    println!("{name}: {executions} executions");
    assert!(executions > 1, "{name} was run in one order alone");
}

/// An engine whose attempts are played by the model. Nothing is revoked: there is no runtime.
fn engine(request_limit: u64) -> Arc<Engine> {
    let source = async |_: CreateTokens| Ok::<_, Error>(Vec::new());
    let auth = AutoRefreshingToken::builder(source)
        .request_limit(request_limit)
        .jitter_seed(1);
    Arc::clone(&auth.build().unwrap().engine)
}

/// The attempt that is under way brings these tokens.
fn bring(engine: &Arc<Engine>, tokens: &[&str]) {
    let tokens = tokens
        .iter()
        .map(|token| ApiToken::new(token).unwrap())
        .collect();
    engine.settle(Outcome::Created {
        tokens,
        asked_for_at: clock::now(),
    });
}

/// An engine with these tokens, the first of them live.
fn engine_with(request_limit: u64, tokens: &[&str]) -> Arc<Engine> {
    let engine = engine(request_limit);
    engine.lock().attempt_under_way = true;
    bring(&engine, tokens);
    engine
}

/// Takes a token as a request does, and gives its text; `None` where it would have to wait.
fn request(engine: &Arc<Engine>) -> Option<String> {
    let now = clock::now();
    let taken = engine
        .take(now, 1)
        .or_else(|| match engine.acquire(now, 1) {
            Acquired::Taken(live) => Some(live.taken()),
            _ => None,
        });
    taken.map(|taken| taken.header.to_str().unwrap().to_owned())
}

/// R5: whoever looks, finds nothing, and waits, is woken by the token that came in between.
#[test]
fn r5_no_wake_up_is_lost_between_a_look_and_a_wait() {
    explore("publish and wait", || {
        let engine = engine(10);
        engine.lock().attempt_under_way = true;
        let attempt = thread::spawn({
            let engine = Arc::clone(&engine);
            move || bring(&engine, &["one"])
        });
        let mut changes = engine.subscribe();
        loop {
            changes.borrow_and_update();
            match engine.acquire(clock::now(), 1) {
                Acquired::Taken(live) => break assert_eq!(live.generation(), 1),
                Acquired::Attempt => block_on(changes.changed()).unwrap(),
                Acquired::Closed(_) | Acquired::ShutDown => panic!("neither failed nor shut down"),
            }
        }
        attempt.join().unwrap();
    });
}

/// H7: whoever waits is woken by a shutdown.
#[test]
fn h7_a_shutdown_wakes_those_who_wait() {
    explore("shutdown and wait", || {
        let engine = engine(10);
        engine.lock().attempt_under_way = true;
        let shutdown = thread::spawn({
            let engine = Arc::clone(&engine);
            move || {
                engine.close();
                engine.announce_change();
            }
        });
        let mut changes = engine.subscribe();
        loop {
            changes.borrow_and_update();
            match engine.acquire(clock::now(), 1) {
                Acquired::ShutDown => break,
                Acquired::Attempt => block_on(changes.changed()).unwrap(),
                Acquired::Taken(_) | Acquired::Closed(_) => {
                    panic!("there is no token, and no failure")
                }
            }
        }
        shutdown.join().unwrap();
    });
}

/// R9, H6: a 401 for the old token and the token that replaces it, in any order: the newer one stays.
#[test]
fn r9_a_401_never_drops_a_newer_token() {
    explore("401 and replacement", || {
        let engine = engine_with(10, &["one"]);
        {
            let mut state = engine.lock();
            state.attempt_under_way = true;
            state.replacement_wanted = true;
        }
        let rejection = thread::spawn({
            let engine = Arc::clone(&engine);
            move || engine.rejected(1)
        });
        let request = thread::spawn({
            let engine = Arc::clone(&engine);
            move || request(&engine)
        });
        bring(&engine, &["two"]);
        assert!(rejection.join().unwrap(), "another token would be sent");
        let sent = request.join().unwrap();
        assert!(
            matches!(sent.as_deref(), None | Some("Bearer one" | "Bearer two")),
            "{sent:?}"
        );
        assert_eq!(
            engine.current.load().as_ref().map(|live| live.generation()),
            Some(2)
        );
    });
}

/// R8: two 401s for one token swap it once.
#[test]
fn r8_two_401s_for_one_token_promote_one_standby() {
    explore("two 401s", || {
        let engine = engine_with(10, &["one", "two", "three"]);
        let rejection = thread::spawn({
            let engine = Arc::clone(&engine);
            move || engine.rejected(1)
        });
        let request = thread::spawn({
            let engine = Arc::clone(&engine);
            move || request(&engine)
        });
        assert!(engine.rejected(1));
        assert!(rejection.join().unwrap());
        assert!(
            request.join().unwrap().is_some(),
            "there is a usable token at any time"
        );
        assert_eq!(
            engine.current.load().as_ref().map(|live| live.generation()),
            Some(2)
        );
        assert_eq!(engine.lock().standby.len(), 1);
    });
}

/// R14, H2: no token is sent once more than its limit allows, and none is left behind.
#[test]
fn r14_a_budget_is_spent_exactly() {
    explore("budget", || {
        let engine = engine_with(1, &["one", "two"]);
        let requests: Vec<_> = (0..2)
            .map(|_| {
                let engine = Arc::clone(&engine);
                thread::spawn(move || request(&engine))
            })
            .collect();
        let mut sent: Vec<_> = requests
            .into_iter()
            .filter_map(|request| request.join().unwrap())
            .collect();
        sent.sort();
        assert_eq!(sent, ["Bearer one", "Bearer two"]);
        assert_eq!(request(&engine), None);
        assert!(
            engine.lock().attempt_under_way,
            "who found nothing began an attempt"
        );
    });
}

/// H1, H2: a service that takes from its share while another one, at the end of the budget, calls all shares in.
#[test]
fn h2_what_is_called_in_while_it_is_taken_counts_once() {
    explore("shares of a budget", || {
        let budget = Arc::new(Budget::new(64));
        budget.look_again(64, 0);
        let service = thread::spawn({
            let (budget, share) = (Arc::clone(&budget), budget.share());
            move || (0..3).filter(|_| budget.take_from(&share, 1)).count()
        });
        budget.call_in();
        let taken = i64::from(budget.take(1) != Spent::Nothing);
        let taken = taken + i64::try_from(service.join().unwrap()).unwrap();
        assert!(taken > 0, "there was enough all the time");
        assert_eq!(budget.left() + taken, 64);
    });
}

/// R9, H6: who copies the current token while it is replaced knows later that the copy is old.
#[test]
fn r9_a_copy_of_a_token_that_is_replaced_meanwhile_is_known_as_old() {
    explore("copy and replacement", || {
        let engine = engine_with(10, &["one", "two"]);
        let rejection = thread::spawn({
            let engine = Arc::clone(&engine);
            move || engine.rejected(1)
        });
        let changes = engine.current.changes();
        let copied = engine.current.load_full().unwrap().generation();
        rejection.join().unwrap();
        let is_known_as_current = changes == engine.current.changes();
        assert!(copied == 2 || !is_known_as_current);
        assert_eq!(engine.current.load_full().unwrap().generation(), 2);
    });
}

/// A shutdown and the tokens that come meanwhile: none is live afterwards, and none is forgotten.
#[test]
fn a_shutdown_forgets_no_token() {
    explore("shutdown and attempt", || {
        let engine = engine_with(10, &["one"]);
        {
            let mut state = engine.lock();
            state.attempt_under_way = true;
            state.replacement_wanted = true;
        }
        let attempt = thread::spawn({
            let engine = Arc::clone(&engine);
            move || bring(&engine, &["two"])
        });
        let mut to_revoke = engine.close();
        attempt.join().unwrap();
        to_revoke.extend(engine.lock().retired.drain());
        assert!(engine.current.load().is_none());
        assert!(engine.lock().standby.is_empty());
        assert!(to_revoke.iter().any(|token| token.expose_secret() == "two"));
    });
}

//! Runs a seed from its first request to the last clean-up.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use mobula_auth::Error;
use mobula_auth::emulator::TokenRecord;
use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use super::client::Driver;
use super::plan::{Plan, WorldEvent};
use super::promises;
use super::tally::Event;
use super::weather::{At, SECOND};
use super::world::{Book, World};

/// What did not recover by then never will.
const GIVE_UP: Duration = Duration::from_secs(200);

/// A run of its own runtime, on this thread, with time held still.
pub(crate) fn run(seed: u64) -> Book {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(simulate(Plan::of(seed), seed))
}

pub(crate) async fn simulate(plan: Plan, seed: u64) -> Book {
    let world = World::new(seed, plan.emulator.build());
    let tasks_before = Handle::current().metrics().num_alive_tasks();
    let mut drivers: Vec<Driver> = Vec::new();
    for (number, client) in (0..).zip(&plan.clients) {
        drivers.push(Driver::new(&world, number, client));
    }
    let clients: Vec<_> = drivers
        .iter()
        .map(|driver| Arc::clone(&driver.client))
        .collect();
    let mut running = JoinSet::new();
    for (mut driver, client) in drivers.into_iter().zip(plan.clients) {
        running.spawn(async move {
            driver
                .live(&client.traffic, &client.events, plan.calm_at)
                .await;
            recover(&mut driver).await;
            if client.loses_key_at_the_end {
                lose_key(&mut driver).await;
            }
            finish(&mut driver).await;
        });
    }
    for (at, event) in plan.events {
        sleep_until(world.instant(at)).await;
        match event {
            WorldEvent::Skew(skew) => {
                world.note(Event::SkewChange, [0; 2]);
                world.emulator.skew(skew);
            }
            WorldEvent::RevokeAll => {
                world.note(Event::RevokeAll, [0; 2]);
                world.emulator.revoke_all_tokens();
                for client in &clients {
                    client.revoked_all();
                }
            }
        }
    }
    while let Some(ended) = running.join_next().await {
        if let Err(panic) = ended {
            world.check(Err(format!("a client panicked: {panic}")));
        }
    }
    // The longest grace before a revocation, and the longest call.
    sleep(145 * SECOND).await;
    let tasks = Handle::current().metrics().num_alive_tasks();
    if tasks > tasks_before {
        world.check(Err(format!(
            "{} tasks outlived their handles",
            tasks - tasks_before
        )));
    }
    let mut book = world.book().clone();
    book.tally.seeds = 1;
    book.tally.clients = clients.len() as u64;
    book.tally.simulated = world.now() * u32::try_from(clients.len()).unwrap();
    for client in &clients {
        // A session holds its client, and the client all of its sessions.
        for session in client.sessions.lock().unwrap().drain(..) {
            book.tally.rotations += session.generation.load(Ordering::Relaxed);
        }
    }
    book
}

/// H7: nobody still waits. H9: it goes on.
async fn recover(driver: &mut Driver) {
    let world = Arc::clone(driver.world());
    // Who asked last waits longest; requests that hung were reset a moment ago.
    let longest = driver.settings.max_wait * 2 + 40 * SECOND;
    let calm_at = world.now();
    let allowance = driver.creates_again_in();
    // Who waited longest is served first, and may take all that a small token has.
    while !driver.client.served_since(calm_at) && world.since(calm_at) <= GIVE_UP + allowance {
        let _ = driver.probe().await;
        if !driver.client.served_since(calm_at) {
            driver.go_on_until(world.now() + SECOND).await;
        }
    }
    let took = world.since(calm_at);
    world.check(promises::h9_a_token_serves_soon_after_the_last_fault(
        took, allowance,
    ));
    {
        let mut book = world.book();
        book.tally.slowest_recovery = book.tally.slowest_recovery.max(took);
    }
    // A lease lasts as long as its token.
    let longest = longest + driver.settings.lifetime;
    if !driver
        .herd
        .run_out(world.instant(world.now() + longest))
        .await
    {
        world.check(Err(format!(
            "H7: {} requests never ended",
            driver.herd.len()
        )));
    }
}

/// A client whose key is gone is told so, by an error or by its status beside the 401, and goes on with a new one.
async fn lose_key(driver: &mut Driver) {
    let world = Arc::clone(driver.world());
    driver.delete_key();
    let deleted_at = world.now();
    let allowance = driver.creates_again_in();
    let mut told = false;
    while !told && world.since(deleted_at) <= GIVE_UP + allowance {
        told = match driver.probe().await {
            Err(Some(error)) => error.is_rejected(),
            Ok(StatusCode::UNAUTHORIZED) => {
                let status = driver.handle().status();
                status.last_error().is_some_and(Error::is_rejected)
            }
            _ => false,
        };
        driver.go_on_until(world.now() + SECOND).await;
    }
    if !told {
        world.check(Err("a client was not told that its key is gone".into()));
    }
    driver.new_key();
    let restarted_at = world.now();
    while !driver
        .probe()
        .await
        .is_ok_and(|status| status == StatusCode::OK)
    {
        let took = world.since(restarted_at);
        if took > 60 * SECOND {
            world.check(promises::h9_a_token_serves_soon_after_the_last_fault(
                took,
                Duration::ZERO,
            ));
            return;
        }
        driver.go_on_until(world.now() + SECOND).await;
    }
}

/// Shuts down on a good network: nobody waits, nothing is left alive.
async fn finish(driver: &mut Driver) {
    let world = Arc::clone(driver.world());
    let handle = driver.handle().clone();
    let began_at = world.now();
    driver.session.shut_down.store(true, Ordering::Relaxed);
    let report = handle.shutdown().await;
    world.check(promises::h7_every_waiter_ends_by_its_deadline(
        world.since(began_at),
        10 * SECOND,
    ));
    if report.left > 0 {
        world.check(Err(format!(
            "a shutdown left {} tokens on a good network",
            report.left
        )));
    }
    if !matches!(driver.probe().await, Err(Some(error)) if error.is_shut_down()) {
        world.check(Err("a request after the shutdown was not told so".into()));
    }
    sleep(SECOND).await;
    let status = handle.status();
    if status.waiting() > 0 || status.standby() > 0 || status.requests_left().is_some() {
        world.check(Err(format!("not at rest after the shutdown: {status:?}")));
    }
    // The service's books are a copy of all tokens: in a fleet, every tenth client asks for them.
    if driver.client.number % 10 == 0 {
        audit(driver, began_at);
    }
}

/// Compares the ledger of the last handle with the service's own books.
fn audit(driver: &Driver, shut_down_at: At) {
    let world = driver.world();
    let now = world.emulator.now();
    let records: HashMap<Arc<str>, TokenRecord> = world
        .emulator
        .tokens()
        .into_iter()
        .map(|record| (Arc::clone(&record.id), record))
        .collect();
    let ledger = driver.session.ledger();
    let mut live = 0;
    for grant in &ledger.grants {
        // The oldest dead ones are forgotten.
        let Some(record) = records.get(grant.id.as_str()) else {
            continue;
        };
        if record.revoked && !grant.revoked && !grant.returned {
            world.check(Err(format!("the oracle missed a revocation: {grant:?}")));
        }
        if record.requests > grant.sends || record.request_limit != grant.limit {
            world.check(Err(format!(
                "the oracle missed requests: {grant:?}, {record:?}"
            )));
        }
        // Those whose revocation failed in bad weather, or that were in their last moments, are left to expire.
        let given_up = grant.return_failed
            || shut_down_at.saturating_sub(grant.asked_at) + SECOND >= grant.hard_age();
        live += usize::from(!given_up && !record.revoked && record.expires_at > now);
    }
    if driver.settings.grace.is_some() {
        world.check(promises::a_shutdown_leaves_no_live_token(live));
    }
}

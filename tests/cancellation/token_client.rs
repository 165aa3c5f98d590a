//! The token client's futures, dropped at each of their polls.

use std::time::Duration;

use http::StatusCode;
use mobula_auth::emulator::{Emulator, Fault};
use mobula_auth::{ApiKey, ApiToken, CreateTokens, Error, TokenClient};
use tokio::runtime::Handle;
use tokio::task::yield_now;
use tokio::time::advance;
use tokio_test::task;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Call {
    Create,
    List,
    Inspect,
    Revoke,
}

/// R4, R10, H3: a create request that was begun counts, whenever it is dropped, and counts no longer than a
/// minute; the other calls take up no room. What comes after is as if nothing had been.
#[tokio::test(start_paused = true)]
async fn r4_each_call_may_be_dropped_at_each_poll_and_leaks_no_room() {
    let faults = [
        None,
        Some(Fault::latency(3 * SECOND)),
        Some(Fault::hang()),
        Some(Fault::reset()),
        Some(Fault::reset().after_handling()),
        Some(Fault::truncated_body()),
        Some(Fault::oversized_body(1 << 20)),
        Some(Fault::status(StatusCode::TOO_MANY_REQUESTS)),
        Some(Fault::status(StatusCode::INTERNAL_SERVER_ERROR)),
    ];
    let mut drops = 0;
    for fault in &faults {
        for call in [Call::Create, Call::List, Call::Inspect, Call::Revoke] {
            let mut polls = 0;
            while !ends_within(call, fault.as_ref(), polls).await {
                polls += 1;
                assert!(polls < 200, "{call:?} with {fault:?} never ends");
            }
            drops += polls + 1;
        }
    }
    println!("{} paths x 4 futures: dropped {drops} times", faults.len());
}

/// Drops the call after so many polls, and says whether it had ended by then.
async fn ends_within(call: Call, fault: Option<&Fault>, polls: usize) -> bool {
    let context = format!("{call:?} with {fault:?}, dropped after {polls} polls");
    let alive_before = Handle::current().metrics().num_alive_tasks();
    let emulator = Emulator::new();
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let client = TokenClient::new(emulator.clone(), key);
    let token = client
        .create(CreateTokens::default())
        .await
        .unwrap()
        .remove(0);
    advance(61 * SECOND).await;
    assert_eq!(client.creates_left(), 4);
    if let Some(fault) = fault {
        emulator.fault(fault.clone());
    }

    let mut has_ended = false;
    {
        let mut future = task::spawn(run(&client, call, &token));
        for _ in 0..polls {
            yield_now().await;
            if future.poll().is_ready() {
                has_ended = true;
                break;
            }
            advance(SECOND / 2).await;
        }
    }
    emulator.clear_faults();
    let is_paused = fault.is_some_and(|it| format!("{it:?}").contains("429"));
    if !is_paused {
        let used = u32::from(call == Call::Create && polls >= 1);
        assert_eq!(client.creates_left(), 4 - used, "{context}");
    }
    advance(61 * SECOND).await;
    assert_eq!(client.creates_left(), 4, "{context}");
    assert_eq!(client.next_create_in(), None, "{context}");
    let made = client.create(CreateTokens::default()).await;
    client
        .revoke(made.unwrap().remove(0).id().unwrap())
        .await
        .unwrap();
    assert_eq!(emulator.violations(), [], "{context}");
    let alive = Handle::current().metrics().num_alive_tasks();
    assert_eq!(alive, alive_before, "{context}");
    has_ended
}

async fn run(client: &TokenClient<Emulator>, call: Call, token: &ApiToken) -> Result<(), Error> {
    match call {
        Call::Create => client.create(CreateTokens::default()).await.map(drop),
        Call::List => client.list().await.map(drop),
        Call::Inspect => client.inspect(token).await.map(drop),
        Call::Revoke => client.revoke(token.id().unwrap()).await,
    }
}

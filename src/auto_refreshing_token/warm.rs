//! Keeping the token of an idle client fresh.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::engine::Engine;
use crate::clock;

/// How long the task sleeps at most: a suspend stops tokio's timers.
const HOP: Duration = Duration::from_secs(30);

/// Keeps a token fresh without any request, until it is dropped, or the last handle is, or it is shut down.
#[must_use = "the token is kept warm until this is dropped"]
pub struct KeepWarm(JoinHandle<()>);

impl KeepWarm {
    pub(super) fn new(engine: &Arc<Engine>) -> Self {
        Self(tokio::spawn(keep_warm(Arc::downgrade(engine))))
    }
}

impl Drop for KeepWarm {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for KeepWarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeepWarm")
    }
}

async fn keep_warm(engine: Weak<Engine>) {
    loop {
        let (mut changes, look_again_in) = {
            let Some(engine) = engine.upgrade() else {
                return;
            };
            let mut changes = engine.subscribe();
            changes.borrow_and_update();
            let Some(look_again_in) = engine.warm_up() else {
                return;
            };
            (changes, look_again_in)
        };
        // The sender goes with the last handle.
        if let Ok(Err(_gone)) = timeout(look_again_in, changes.changed()).await {
            return;
        }
    }
}

impl Engine {
    /// Begins a refresh if one is due, and says when to look again; `None` after a shutdown.
    fn warm_up(self: &Arc<Self>) -> Option<Duration> {
        let now = clock::now();
        let state = self.lock();
        if state.shut_down {
            return None;
        }
        let due_in = self
            .current
            .load()
            .as_ref()
            .map_or(Duration::ZERO, |live| live.time_fresh(now));
        if !due_in.is_zero() {
            return Some(due_in.min(HOP));
        }
        let gate_opens_in = state
            .gate
            .closed(now.monotonic)
            .map(|closed| closed.until - now.monotonic);
        if state.may_begin_attempt(now) {
            self.begin_attempt(state);
        }
        Some(gate_opens_in.unwrap_or(HOP).min(HOP))
    }
}

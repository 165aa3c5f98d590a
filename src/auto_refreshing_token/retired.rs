//! Tokens that are out of use and not yet revoked.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::engine::{Engine, State};
use super::event::Event;
use crate::api_token::ApiToken;

/// Replaced tokens, kept for as long as requests that carry them may be under way (R18).
#[derive(Debug, Default)]
pub(super) struct Retired {
    tokens: Vec<(u64, ApiToken)>,
    next: u64,
}

impl Retired {
    fn add(&mut self, token: ApiToken) -> u64 {
        self.next += 1;
        self.tokens.push((self.next, token));
        self.next
    }

    /// Whether a token is out of use, and about to be revoked.
    pub(super) fn holds(&self, token: &ApiToken) -> bool {
        self.tokens
            .iter()
            .any(|(_, retired)| retired.is_same(token))
    }

    fn remove(&mut self, number: u64) -> Option<ApiToken> {
        let at = self
            .tokens
            .iter()
            .position(|(of_token, _)| *of_token == number)?;
        Some(self.tokens.swap_remove(at).1)
    }

    /// Adds tokens that nothing was sent with; a shutdown drains them.
    pub(super) fn extend(&mut self, tokens: Vec<ApiToken>) {
        for token in tokens {
            self.add(token);
        }
    }

    pub(super) fn drain(&mut self) -> Vec<ApiToken> {
        self.tokens.drain(..).map(|(_, token)| token).collect()
    }
}

impl Engine {
    /// Has a token revoked after the grace, best effort, in nobody's way. Without a runtime, or when the
    /// last handle is gone by then, it is left to expire.
    pub(super) fn retire(self: &Arc<Self>, state: &mut State, token: ApiToken) {
        let Some(grace) = self.settings.revoke_replaced_after else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let number = state.retired.add(token);
        drop(runtime.spawn(revoke_after(Arc::downgrade(self), number, grace)));
    }
}

async fn revoke_after(engine: Weak<Engine>, number: u64, grace: Duration) {
    sleep(grace).await;
    let Some((source, token)) = engine.upgrade().and_then(|engine| {
        let token = engine.lock().retired.remove(number)?;
        Some((Arc::clone(&engine.source), token))
    }) else {
        return;
    };
    // One that was gone already is all that we want.
    let error = source
        .revoke(token)
        .await
        .err()
        .filter(|error| !error.is_not_found());
    if let Some(engine) = engine.upgrade() {
        engine.tell(Event::Revoked { error });
    }
}

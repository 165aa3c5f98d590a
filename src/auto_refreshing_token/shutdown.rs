//! The end: no further tokens, and those that are live revoked.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::engine::Engine;
use super::event::Event;
use crate::api_token::ApiToken;
use crate::clock;
use crate::error::Error;

/// What a [shutdown](super::AutoRefreshingToken::shutdown) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// How many tokens were revoked.
    pub revoked: usize,
    /// How many could not be, in time or at all: they work until they expire.
    pub left: usize,
}

impl Engine {
    /// In a task of its own, so that a caller who gives up does not stop it half-way.
    pub(super) async fn shut_down(self: Arc<Self>, within: Duration) -> ShutdownReport {
        let deadline = clock::now().monotonic + within;
        match Handle::try_current() {
            Ok(runtime) => runtime
                .spawn(Self::shut_down_by(self, deadline))
                .await
                .unwrap_or_default(),
            Err(_) => ShutdownReport {
                revoked: 0,
                left: self.close().len(),
            },
        }
    }

    async fn shut_down_by(self: Arc<Self>, deadline: Instant) -> ShutdownReport {
        let mut revocations = Revocations::new(Arc::clone(&self));
        revocations.begin(self.close());
        self.announce_change();
        // An attempt under way may bring tokens yet; they are retired as they come.
        let joined = timeout_at(deadline, self.attempt_ended()).await.is_ok();
        revocations.begin(self.lock().retired.drain());
        let mut report = revocations.end(deadline).await;
        if !joined {
            report.left += self.settings.create.get_count() as usize;
        }
        self.tell(Event::ShutDown {
            revoked: report.revoked,
            left: report.left,
        });
        report
    }

    /// Closes for good and hands over every token that may still work.
    pub(super) fn close(&self) -> Vec<ApiToken> {
        let now = clock::now();
        let mut state = self.lock();
        state.shut_down = true;
        self.note_next_attempt(&state);
        let live = self
            .current
            .swap(None)
            .filter(|live| !live.time_left(now).is_zero());
        let mut tokens: Vec<ApiToken> = live.iter().map(|live| live.token().clone()).collect();
        tokens.extend(
            state
                .standby
                .drain(..)
                .map(super::live_token::StandbyToken::into_token),
        );
        tokens
    }

    async fn attempt_ended(&self) {
        let mut changes = self.subscribe();
        loop {
            changes.borrow_and_update();
            if !self.lock().attempt_under_way {
                return;
            }
            let _ = changes.changed().await;
        }
    }
}

/// Revocations under way, all at once.
struct Revocations {
    engine: Arc<Engine>,
    all: usize,
    tasks: JoinSet<Result<(), Error>>,
}

impl Revocations {
    fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            all: 0,
            tasks: JoinSet::new(),
        }
    }

    fn begin(&mut self, tokens: Vec<ApiToken>) {
        self.all += tokens.len();
        for token in tokens {
            let source = Arc::clone(&self.engine.source);
            self.tasks.spawn(async move { source.revoke(token).await });
        }
    }

    async fn end(mut self, deadline: Instant) -> ShutdownReport {
        let mut revoked = 0;
        // What has ended by the deadline counts, whenever it is looked at.
        while let Ok(Some(ended)) = timeout_at(deadline, self.tasks.join_next()).await {
            match ended {
                Ok(Ok(())) => revoked += 1,
                // It was gone already, which is all that we want.
                Ok(Err(error)) if error.is_not_found() => revoked += 1,
                Ok(Err(error)) => self.engine.tell(Event::Revoked { error: Some(error) }),
                Err(_panicked) => {}
            }
        }
        ShutdownReport {
            revoked,
            left: self.all - revoked,
        }
    }
}

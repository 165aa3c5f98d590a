//! Making tokens useless before their time.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{timeout, timeout_at};

use super::audit::IssuerEvent;
use super::desk::{Desk, Locked};
use super::issued::HeldToken;
use super::turned_away::{revoked_meanwhile, shut_down};
use crate::api_token::ApiToken;
use crate::clock;
use crate::error::{Error, Kind};

/// How long one revocation may take, and all of them at a shutdown.
const DEADLINE: Duration = Duration::from_secs(10);

/// How many are under way at once for one caller.
const AT_ONCE: usize = 8;

/// What became of tokens that were to be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RevokeReport {
    /// How many are useless now.
    pub revoked: usize,
    /// How many are still good, because the source failed. Of callers' tokens: it can be tried again.
    pub left: usize,
}

impl Desk {
    /// Revokes a subject's tokens, those that are on their way to it included, and ends its waits.
    ///
    /// In a task of its own: who hangs up while logging out is logged out.
    pub(super) fn revoke_subject(self: &Arc<Self>, subject: &str) -> JoinHandle<RevokeReport> {
        let (held, waiters) = {
            let mut state = self.lock();
            let number = state.next_number();
            state.recalls.note(subject, number);
            let waiters: Vec<_> = state
                .kinds
                .iter_mut()
                .flat_map(|kind| kind.queue.remove_line(&subject.into()))
                .collect();
            (state.issued.give_up_all(subject), waiters)
        };
        for waiter in waiters {
            // Who has hung up misses nothing.
            let _ = waiter.answer.send(Err(revoked_meanwhile()));
        }
        tokio::spawn(Arc::clone(self).revoke_all(held))
    }

    /// Revokes one of a subject's tokens; `None` if the subject has no such token.
    pub(super) fn revoke_one(
        self: &Arc<Self>,
        subject: &str,
        id: &str,
    ) -> Option<JoinHandle<RevokeReport>> {
        let held = self.lock().issued.give_up_one(subject, id)?;
        Some(tokio::spawn(Arc::clone(self).revoke_all(vec![held])))
    }

    /// Issues nothing from now on, and revokes what is in stock. What callers have, they keep.
    pub(super) fn shut_down(self: &Arc<Self>) -> JoinHandle<RevokeReport> {
        let (unused, waiters) = {
            let mut state = self.lock();
            state.is_shut_down = true;
            let mut unused: Vec<ApiToken> = state.retired.drain(..).collect();
            let mut waiters = Vec::new();
            for kind in &mut state.kinds {
                unused.extend(kind.pool.remove_all());
                waiters.extend(kind.queue.remove_if(|_| true));
            }
            (unused, waiters)
        };
        for waiter in waiters {
            let _ = waiter.answer.send(Err(shut_down()));
        }
        tokio::spawn(Arc::clone(self).revoke_unused(unused))
    }

    /// Sees to tokens that nobody has and nobody will get, one after the other, in nobody's way; after a shutdown to those that
    /// were on their way at it.
    pub(super) fn begin_retiring(self: &Arc<Self>, mut state: Locked<'_>) {
        if state.is_retiring || state.retired.is_empty() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        state.is_retiring = true;
        drop(state);
        let retiring = Retiring {
            desk: Arc::clone(self),
            is_over: false,
        };
        drop(runtime.spawn(retiring.run()));
    }

    async fn revoke_all(self: Arc<Self>, held: Vec<(u64, HeldToken)>) -> RevokeReport {
        let mut report = RevokeReport::default();
        let mut held = held.into_iter();
        let mut tasks = JoinSet::new();
        loop {
            while tasks.len() < AT_ONCE {
                let Some((number, next)) = held.next() else {
                    break;
                };
                tasks.spawn(Arc::clone(&self).revoke_held(number, next));
            }
            match tasks.join_next().await {
                Some(Ok(true)) => report.revoked += 1,
                Some(_) => report.left += 1,
                None => return report,
            }
        }
    }

    async fn revoke_held(self: Arc<Self>, number: u64, held: HeldToken) -> bool {
        let error = revoke(&self, held.token.clone()).await.err();
        let revoked = error.is_none();
        if revoked {
            self.lock().issued.remove(number);
        }
        self.audit.tell(IssuerEvent::Revoked {
            subject: Arc::clone(&held.subject),
            id: held.token.id().map(Arc::from),
            error,
        });
        revoked
    }

    async fn revoke_unused(self: Arc<Self>, unused: Vec<ApiToken>) -> RevokeReport {
        let deadline = clock::now().monotonic + DEADLINE;
        let all = unused.len();
        let mut tasks = JoinSet::new();
        let mut revoked = 0;
        let mut unused = unused.into_iter();
        loop {
            while tasks.len() < AT_ONCE {
                let Some(next) = unused.next() else { break };
                let desk = Arc::clone(&self);
                tasks.spawn(async move { revoke(&desk, next).await.is_ok() });
            }
            match timeout_at(deadline, tasks.join_next()).await {
                Ok(Some(Ok(true))) => revoked += 1,
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        RevokeReport {
            revoked,
            left: all - revoked,
        }
    }
}

struct Retiring {
    desk: Arc<Desk>,
    is_over: bool,
}

impl Retiring {
    async fn run(mut self) {
        while let Some(token) = self.next() {
            // Nobody has it: if it cannot be revoked, it expires.
            let _ = revoke(&self.desk, token).await;
        }
    }

    /// The last look and the end are one step, so that no token comes between them and is left lying.
    fn next(&mut self) -> Option<ApiToken> {
        let mut state = self.desk.lock();
        let next = state.retired.pop_front();
        if next.is_none() {
            state.is_retiring = false;
            self.is_over = true;
        }
        next
    }
}

impl Drop for Retiring {
    fn drop(&mut self) {
        if !self.is_over {
            self.desk.lock().is_retiring = false;
        }
    }
}

/// A token that is not there any more is as useless as one that is revoked.
async fn revoke(desk: &Arc<Desk>, token: ApiToken) -> Result<(), Error> {
    let source = Arc::clone(&desk.source);
    let mut task = tokio::spawn(async move { source.revoke(token).await });
    match timeout(DEADLINE, &mut task).await {
        Ok(Ok(Err(error))) if error.is_not_found() => Ok(()),
        Ok(Ok(revoked)) => revoked,
        Ok(Err(_)) => Err(Error::new(Kind::Transient, "the token source panicked")),
        Err(_) => {
            task.abort();
            Err(Error::new(
                Kind::Transient,
                "the token source did not revoke a token within 10 seconds",
            ))
        }
    }
}

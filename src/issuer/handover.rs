//! A token on its way to a caller, who may hang up at any time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tokio::time::timeout_at;

use super::answer::Facts;
use super::desk::{Asked, Desk, State};
use super::grant::{Grant, Subject};
use super::pool::PooledToken;
use super::refusal::Refusal;
use super::turned_away::revoked_meanwhile;
use crate::api_token::ApiToken;
use crate::clock;
use crate::create_tokens::CreateTokens;

/// How often a caller goes back to the line whose runtime for creating tokens has gone.
const MOST_RESTARTS: u32 = 3;

/// A place in the line. It is given up when this is dropped.
pub(super) struct Waiting {
    desk: Arc<Desk>,
    subject: Subject,
    size: CreateTokens,
    number: u64,
    answer: oneshot::Receiver<Result<HandedToken, Refusal>>,
}

/// A token that is noted as a subject's, and that the subject has not got yet. It goes back to the stock when this is
/// dropped.
pub(super) struct HandedToken {
    desk: Arc<Desk>,
    size: CreateTokens,
    number: u64,
    token: Option<PooledToken>,
}

impl Desk {
    /// A token for the grant's subject: from the stock, or after a wait in line. `admitted` is when the request was let in.
    pub(super) async fn take(
        self: &Arc<Self>,
        grant: &Grant,
        admitted: u64,
    ) -> Result<HandedToken, Refusal> {
        let subject = grant.shared_subject();
        let size = grant.size(self.settings.size);
        let deadline = clock::now().monotonic + self.settings.max_wait;
        for _ in 0..MOST_RESTARTS {
            let waiting = match self.ask(&subject, size, admitted, deadline)? {
                Asked::Handed(handed) => return Ok(handed),
                Asked::Waiting(waiting) => waiting,
            };
            match timeout_at(deadline, waiting).await {
                Ok(Some(answer)) => return answer,
                // R16: the runtime went away that created tokens for all who wait. Ours is there.
                Ok(None) => {}
                Err(_) => break,
            }
        }
        Err(self.out_of_time())
    }
}

impl Waiting {
    pub(super) fn new(
        desk: Arc<Desk>,
        subject: Subject,
        size: CreateTokens,
        number: u64,
        answer: oneshot::Receiver<Result<HandedToken, Refusal>>,
    ) -> Self {
        Self {
            desk,
            subject,
            size,
            number,
            answer,
        }
    }
}

impl Future for Waiting {
    type Output = Option<Result<HandedToken, Refusal>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(cx).map(Result::ok)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let left = {
            let mut state = self.desk.lock();
            let mut kinds = state.kinds.iter_mut();
            let kind = kinds.find(|kind| kind.size == self.size);
            kind.and_then(|kind| kind.queue.remove(&self.subject, self.number))
        };
        drop(left);
    }
}

impl HandedToken {
    pub(super) fn new(
        desk: Arc<Desk>,
        size: CreateTokens,
        number: u64,
        token: PooledToken,
    ) -> Self {
        Self {
            desk,
            size,
            number,
            token: Some(token),
        }
    }

    /// From here on the caller has it: what becomes of the answer, nobody can know.
    pub(super) fn accept(mut self) -> Result<(ApiToken, Facts), Refusal> {
        let now = clock::now();
        if !self.desk.lock().issued.is_wanted(self.number) {
            // Revoked on its way. Its revocation is seen to by whoever did so.
            self.token = None;
            return Err(revoked_meanwhile());
        }
        let is_good = |token: &mut PooledToken| token.may_be_handed_out(now);
        let Some(token) = self.token.take_if(is_good) else {
            // U7: nobody looked at it for so long. It goes back, and is revoked.
            let desk = Arc::clone(&self.desk);
            drop(self);
            return Err(desk.out_of_time());
        };
        let expires_in = token.time_left(now);
        let token = token.token;
        let facts = Facts {
            expires_at: token
                .expires_at()
                .unwrap_or_else(|| now.wall() + expires_in),
            expires_in,
            request_limit: token
                .request_limit()
                .unwrap_or_else(|| self.size.get_request_limit()),
        };
        Ok((token, facts))
    }

    /// Goes back, unless it was revoked or has aged meanwhile.
    pub(super) fn return_to(mut self, state: &mut State) {
        self.put_back(state);
    }

    fn put_back(&mut self, state: &mut State) {
        let Some(token) = self.token.take() else {
            return;
        };
        if !state.issued.is_wanted(self.number) {
            return;
        }
        state.issued.remove(self.number);
        let may_be_handed_out = !state.is_shut_down && token.may_be_handed_out(clock::now());
        let kind = state.kinds.iter_mut().find(|kind| kind.size == self.size);
        match kind.filter(|_| may_be_handed_out) {
            Some(kind) => kind.pool.put_back(token),
            None => state.retire([token.token]),
        }
    }
}

impl Drop for HandedToken {
    fn drop(&mut self) {
        if self.token.is_none() {
            return;
        }
        let desk = Arc::clone(&self.desk);
        let mut state = desk.lock();
        self.put_back(&mut state);
        desk.finish(state);
    }
}

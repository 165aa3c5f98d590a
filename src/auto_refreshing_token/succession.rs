//! What a registry of many tenants needs of a handle.

use std::sync::Arc;

use tower_service::Service;

use super::AutoRefreshingToken;
use super::engine::Engine;
use super::future::ResponseFuture;
use super::service;
use crate::http_request::HttpRequest;

impl AutoRefreshingToken {
    /// Sends a request by a service that was polled ready, with a token where it may have one.
    pub(crate) fn send<S, R>(&self, inner: &mut S, request: R) -> ResponseFuture<S, R>
    where
        S: Service<R> + Clone,
        R: HttpRequest,
    {
        service::send(&self.engine, inner, request)
    }

    /// A handle without tokens that takes over when this one is shut down: it has the same settings, asks the very same
    /// source (H3: which counts its create requests), and may not ask sooner than this one (R10, R13).
    pub(crate) fn successor(&self) -> Self {
        let engine = Engine::new(
            Arc::clone(&self.engine.source),
            self.engine.settings.clone(),
        );
        {
            let (before, mut state) = (self.engine.lock(), engine.lock());
            state.gate = before.gate.clone();
            state.breaker = before.breaker.clone();
            engine.note_next_attempt(&state);
        }
        Self {
            engine: Arc::new(engine),
        }
    }

    /// Whether anything besides this handle uses the tokens: another handle, a service, a request or an attempt under way, a
    /// lease.
    pub(crate) fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.engine) > 1
    }
}

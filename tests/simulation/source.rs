//! The token client as the engine's source, with a ledger kept of what it hands over.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use mobula_auth::{ApiToken, CreateTokens, Error, TokenClient, TokenSource};

use super::net::Net;
use super::world::Session;

pub(crate) struct Source {
    pub(crate) tokens: TokenClient<Net>,
    pub(crate) session: Arc<Session>,
}

impl TokenSource for Source {
    async fn create(&self, request: CreateTokens) -> Result<Vec<ApiToken>, Error> {
        let client = &self.session.client;
        let (asked_at, wipes) = (client.world.now(), client.wipes.load(Ordering::Relaxed));
        let tokens = self.tokens.create(request).await?;
        let doubtful = client.wipes.load(Ordering::Relaxed) != wipes;
        let asked = (request.get_lifetime(), request.get_request_limit());
        self.session
            .ledger()
            .give(&tokens, asked_at, client.world.now(), asked, doubtful);
        Ok(tokens)
    }

    /// R18: what is given back is out of use.
    async fn revoke(&self, token: ApiToken) -> Result<(), Error> {
        let id = token.id().unwrap_or_default().to_owned();
        let world = self.session.world();
        {
            let mut ledger = self.session.ledger();
            let usable = ledger
                .usable(world.now())
                .is_some_and(|grant| grant.id == id);
            if usable && !self.session.is_shut_down() {
                world.check(Err(format!(
                    "a token was given back that could be used: {id}"
                )));
            }
            if let Some(grant) = ledger.find_id(&id) {
                grant.returned = true;
            }
        }
        let result = TokenSource::revoke(&self.tokens, token).await;
        if result.as_ref().is_err_and(|error| !error.is_not_found()) {
            if let Some(grant) = self.session.ledger().find_id(&id) {
                grant.return_failed = true;
            }
        }
        result
    }
}

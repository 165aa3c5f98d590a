//! A source of tokens that does as it is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mobula_auth::issuer::{TokenIssuer, TokenIssuerBuilder};
use mobula_auth::{ApiToken, CreateTokens, Error, TokenSource};
use tokio::time::sleep;

#[derive(Debug, Clone, Default)]
pub(super) struct Mint(Arc<Mutex<Books>>);

#[derive(Debug, Default)]
struct Books {
    creates: Vec<CreateTokens>,
    made: usize,
    revoked: Vec<String>,
    latency: Duration,
    script: VecDeque<Turn>,
    fails_to_revoke: bool,
}

/// What a create request meets, instead of being answered as asked.
#[derive(Debug, Clone)]
pub(super) enum Turn {
    /// As many as asked for.
    Give,
    /// So many, whatever was asked for.
    GiveOnly(u32),
    Fail(&'static str),
    Panic,
    Hang,
    /// The tokens that were given first, again.
    Repeat,
    /// None at all.
    Nothing,
}

impl Mint {
    pub(super) fn with_latency(self, latency: Duration) -> Self {
        self.0.lock().unwrap().latency = latency;
        self
    }

    pub(super) fn with_script(self, script: impl IntoIterator<Item = Turn>) -> Self {
        self.0.lock().unwrap().script.extend(script);
        self
    }

    pub(super) fn fail_to_revoke(&self, yes: bool) {
        self.0.lock().unwrap().fails_to_revoke = yes;
    }

    /// How many tokens each create request asked for.
    pub(super) fn creates(&self) -> Vec<u32> {
        let books = self.0.lock().unwrap();
        books.creates.iter().map(CreateTokens::get_count).collect()
    }

    pub(super) fn requests(&self) -> Vec<CreateTokens> {
        self.0.lock().unwrap().creates.clone()
    }

    pub(super) fn revoked(&self) -> Vec<String> {
        let mut revoked = self.0.lock().unwrap().revoked.clone();
        revoked.sort();
        revoked
    }

    pub(super) fn builder(&self) -> TokenIssuerBuilder {
        TokenIssuer::builder(self.clone(), super::by_header).jitter_seed(1)
    }

    pub(super) fn issuer(&self) -> TokenIssuer {
        self.builder().build().unwrap()
    }

    fn give(&self, count: u32) -> Result<Vec<ApiToken>, Error> {
        let mut books = self.0.lock().unwrap();
        let first = books.made;
        books.made += count as usize;
        (first..books.made).map(token).collect()
    }
}

/// Tokens are numbered as they are made: `token-0`, with the id `id-0`, and so on.
fn token(number: usize) -> Result<ApiToken, Error> {
    Ok(ApiToken::new(format!("token-{number}"))?.with_id(format!("id-{number}")))
}

impl TokenSource for Mint {
    async fn create(&self, request: CreateTokens) -> Result<Vec<ApiToken>, Error> {
        let (turn, latency) = {
            let mut books = self.0.lock().unwrap();
            books.creates.push(request);
            (
                books.script.pop_front().unwrap_or(Turn::Give),
                books.latency,
            )
        };
        sleep(latency).await;
        match turn {
            Turn::Give => self.give(request.get_count()),
            Turn::GiveOnly(count) => self.give(count),
            Turn::Fail(why) => Err(Error::other(why)),
            Turn::Panic => panic!("a source that panics"),
            Turn::Hang => std::future::pending().await,
            Turn::Repeat => (0..request.get_count() as usize).map(token).collect(),
            Turn::Nothing => Ok(Vec::new()),
        }
    }

    async fn revoke(&self, token: ApiToken) -> Result<(), Error> {
        let mut books = self.0.lock().unwrap();
        if books.fails_to_revoke {
            return Err(Error::other("no revocation today"));
        }
        books.revoked.push(token.id().unwrap().to_owned());
        Ok(())
    }
}

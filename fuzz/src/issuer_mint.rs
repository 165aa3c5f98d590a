//! A source of tokens that counts what is asked of it, and does as an input says.
//!
//! Words: `few`: one token, whatever was asked for. `many`: 40. `nothing`. `again`: the tokens that were made first. `short`:
//! tokens of 30 seconds. `slow`, `late`: after 2, or 25 seconds. `fail`, `refuse`, `hang`. Each is for one create request.
//! `keep` is for all revocations from then on, which fail, and `drop` for those after that.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use mobula_auth::{ApiToken, CreateTokens, Error, TokenSource};
use tokio::time::{Instant, sleep};

use super::canary::KEY;

/// What every token and every id begins with, and nothing else that the issuer says.
pub(crate) const TOKEN: &str = "t0k3n";
pub(crate) const ID: &str = "1d3nt";

const MOST_TURNS: usize = 64;

#[derive(Clone, Default)]
pub(crate) struct Mint(Arc<Mutex<Books>>);

#[derive(Default)]
pub(crate) struct Books {
    pub(crate) creates: usize,
    pub(crate) revocations: usize,
    pub(crate) creating: usize,
    pub(crate) made: Vec<Made>,
    /// What the issuer did that no issuer should.
    pub(crate) complaint: Option<String>,
    turns: VecDeque<String>,
    keeps: bool,
}

/// A token that was made.
pub(crate) struct Made {
    pub(crate) lifetime: Duration,
    pub(crate) request_limit: u64,
    pub(crate) ends_at: Instant,
    /// Whether it was to be revoked, and whether it is.
    pub(crate) is_unwanted: bool,
    pub(crate) is_revoked: bool,
}

/// A token as the source gives it: JSON has to escape it.
pub(crate) fn token(number: usize) -> String {
    format!("{TOKEN}-\"{number}\\")
}

pub(crate) fn id(number: usize) -> String {
    format!("{ID}-{number}")
}

impl Mint {
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().expect("nobody panics with the books open")
    }

    pub(crate) fn script<'a>(&self, words: impl IntoIterator<Item = &'a str>) {
        let mut books = self.books();
        for word in words {
            match word {
                "keep" => books.keeps = true,
                "drop" => books.keeps = false,
                _ if books.turns.len() < MOST_TURNS => books.turns.push_back(word.to_owned()),
                _ => {}
            }
        }
    }
}

impl TokenSource for Mint {
    async fn create(&self, request: CreateTokens) -> Result<Vec<ApiToken>, Error> {
        let asked_at = clock();
        let turn = self.books().begin(request);
        let _creating = Creating(self);
        match turn.as_str() {
            "slow" => sleep(Duration::from_secs(2)).await,
            "late" => sleep(Duration::from_secs(25)).await,
            "hang" => pending().await,
            "fail" => return Err(Error::other(format!("no tokens for {KEY} today"))),
            "refuse" => return Err(ApiToken::new("").expect_err("it is empty")),
            _ => {}
        }
        let mut books = self.books();
        match turn.as_str() {
            "nothing" => Ok(Vec::new()),
            "again" => (0..books.made.len().min(25)).map(given).collect(),
            "few" => books.make(1, request, asked_at, None),
            "many" => books.make(40, request, asked_at, None),
            "short" => books.make(
                request.get_count(),
                request,
                asked_at,
                Some(Duration::from_secs(30)),
            ),
            _ => books.make(request.get_count(), request, asked_at, None),
        }
    }

    async fn revoke(&self, token: ApiToken) -> Result<(), Error> {
        self.books().revoke(&token)
    }
}

impl Books {
    fn begin(&mut self, request: CreateTokens) -> String {
        self.creates += 1;
        self.creating += 1;
        if self.creating > 1 {
            self.complain("two create requests are under way at once");
        }
        if !(1..=25).contains(&request.get_count()) {
            self.complain("a batch is of 1 to 25 tokens");
        }
        self.turns.pop_front().unwrap_or_default()
    }

    fn make(
        &mut self,
        count: u32,
        request: CreateTokens,
        asked_at: Instant,
        shorter: Option<Duration>,
    ) -> Result<Vec<ApiToken>, Error> {
        let lifetime = shorter.unwrap_or_else(|| request.get_lifetime());
        let mut tokens = Vec::new();
        for _ in 0..count {
            let token = given(self.made.len())?;
            tokens.push(match shorter {
                Some(lifetime) => token.with_lifetime(lifetime),
                None => token,
            });
            self.made.push(Made {
                lifetime,
                request_limit: request.get_request_limit(),
                ends_at: asked_at + lifetime,
                is_unwanted: false,
                is_revoked: false,
            });
        }
        Ok(tokens)
    }

    fn revoke(&mut self, token: &ApiToken) -> Result<(), Error> {
        self.revocations += 1;
        let number = number(token.id().unwrap_or_default()).filter(|it| *it < self.made.len());
        let Some(number) = number else {
            self.complain("a token is revoked that was never made");
            return Ok(());
        };
        let keeps = self.keeps;
        let made = &mut self.made[number];
        made.is_unwanted = true;
        let was_revoked = made.is_revoked;
        if keeps {
            return Err(Error::other(format!("no revocations for {KEY} today")));
        }
        made.is_revoked = true;
        if was_revoked {
            self.complain("a token is revoked twice");
        }
        Ok(())
    }

    fn complain(&mut self, what: &str) {
        self.complaint.get_or_insert_with(|| what.to_owned());
    }
}

/// The number of the token with this id.
pub(crate) fn number(of_id: &str) -> Option<usize> {
    let number = of_id.strip_prefix(ID)?.strip_prefix('-')?.parse().ok()?;
    (id(number) == of_id).then_some(number)
}

fn given(number: usize) -> Result<ApiToken, Error> {
    Ok(ApiToken::new(token(number))?.with_id(id(number)))
}

/// tokio's, which stands still unless everybody waits.
pub(crate) fn clock() -> Instant {
    Instant::now()
}

/// A create request that is under way, until it has ended or was given up.
struct Creating<'a>(&'a Mint);

impl Drop for Creating<'_> {
    fn drop(&mut self) {
        self.0.books().creating -= 1;
    }
}

//! `TokenClient` against a server that answers whatever a script says, byte for byte.
#![expect(
    clippy::unwrap_used,
    reason = "outside of test functions too: a test that cannot go on fails"
)]

mod answers;
mod bounds;
mod canaries;
mod rate;
mod refusals;
mod requests;
mod scripted_server;
mod services;

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use mobula_auth::{
    ApiKey, ApiToken, CreateTokens, Error, ReqwestTransport, TokenClient, TokenInfo,
};

/// Not a real key; with characters that percent-encoding and JSON change.
const KEY: &str = "c4n4ry-key/+%41=&\"\\z";
/// Not a real token.
const TOKEN: &str = "eyJjYW5hcnkiOjF9.dG9rZW4.s1gn4tur3-+/=canary";
const ID: &str = "11111111-2222-4333-8444-555555555501";

/// The same client over each HTTP library.
#[expect(clippy::large_enum_variant, reason = "there are two of them")]
enum AnyClient {
    Hyper(TokenClient<Client<HttpConnector, Full<Bytes>>>),
    Reqwest(TokenClient<ReqwestTransport>),
}

macro_rules! either {
    ($self:ident, $client:ident => $call:expr) => {
        match $self {
            Self::Hyper($client) => $call,
            Self::Reqwest($client) => $call,
        }
    };
}

impl AnyClient {
    fn both(base_url: &str) -> [Self; 2] {
        Self::both_within(base_url, Duration::from_secs(20))
    }

    fn both_within(base_url: &str, deadline: Duration) -> [Self; 2] {
        let http_client = Client::builder(TokioExecutor::new()).build_http();
        // The builder asks for all that must not be.
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::limited(9))
            .referer(true)
            .gzip(true)
            .no_proxy();
        let reqwest = TokenClient::with_reqwest(builder, key()).unwrap();
        [
            Self::Hyper(
                TokenClient::new(http_client, key())
                    .base_url(base_url)
                    .unwrap()
                    .deadline(deadline),
            ),
            Self::Reqwest(reqwest.base_url(base_url).unwrap().deadline(deadline)),
        ]
    }

    async fn create(&self, count: u32) -> Result<Vec<ApiToken>, Error> {
        let request = CreateTokens::default().count(count).unwrap();
        either!(self, client => client.create(request).await)
    }

    async fn list(&self) -> Result<Vec<TokenInfo>, Error> {
        either!(self, client => client.list().await)
    }

    async fn inspect(&self, token: &ApiToken) -> Result<TokenInfo, Error> {
        either!(self, client => client.inspect(token).await)
    }

    async fn revoke(&self, id: &str) -> Result<(), Error> {
        either!(self, client => client.revoke(id).await)
    }

    /// What each of the four calls fails with, in the order of their names.
    async fn all_fail(&self) -> [Error; 4] {
        [
            self.create(1).await.unwrap_err(),
            self.inspect(&token()).await.unwrap_err(),
            self.list().await.unwrap_err(),
            self.revoke(ID).await.unwrap_err(),
        ]
    }
}

fn key() -> ApiKey {
    ApiKey::new(KEY).unwrap()
}

fn token() -> ApiToken {
    ApiToken::new(TOKEN).unwrap()
}

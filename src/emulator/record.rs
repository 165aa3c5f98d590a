//! What the emulator remembers of the requests that it has seen.

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use http::{Method, StatusCode};

use super::Endpoint;

/// One request as the emulator saw it: no query, no header, no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeenRequest {
    /// When it arrived, in true time.
    pub at: SystemTime,
    /// Its method.
    pub method: Method,
    /// Its path without the query; long and secret-looking parts are left out, and a revoked id reads `:id`.
    pub path: Cow<'static, str>,
    /// What it was for; `None` for a path or method that the service does not have.
    pub endpoint: Option<Endpoint>,
    /// The kind of credential that it carried.
    pub credential: CredentialKind,
    /// What it was answered with; `None` while it waits, and for ever if the answer was lost on purpose or nobody waited.
    pub status: Option<StatusCode>,
}

/// What kind of credential a request carried.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialKind {
    /// None at all.
    None,
    /// A live API key.
    ApiKey {
        /// The header that it came in.
        header: KeyHeader,
    },
    /// A token that this emulator has signed, live or dead.
    Token {
        /// The token's id.
        id: Arc<str>,
        /// The header that it came in.
        header: KeyHeader,
    },
    /// Something else: a wrong, deleted or forged credential.
    Unknown {
        /// The header that it came in.
        header: KeyHeader,
    },
}

/// The header form of a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyHeader {
    /// `Authorization: <credential>`
    Authorization,
    /// `Authorization: Bearer <credential>`
    Bearer,
    /// `x-api-key: <credential>`
    XApiKey,
    /// No header: the member `authorization` of a message on a websocket.
    Message,
}

/// A request that a careful client would not have sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Which rule it broke.
    pub kind: ViolationKind,
    /// When it arrived, in true time.
    pub at: SystemTime,
    /// The token that it carried, if it carried one.
    pub token_id: Option<Arc<str>>,
}

/// The rules whose breach is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ViolationKind {
    /// A token arrived at or after its expiry.
    ExpiredToken,
    /// A token arrived at a data endpoint after its request limit was used up.
    OverLimitToken,
    /// `Authorization` and `x-api-key` together, or several values of one of them.
    SeveralCredentials,
    /// More than 5 create requests with one key within 60 seconds.
    TooManyCreates,
    /// A token in `x-api-key`, which Mobula's docs forbid.
    TokenInApiKeyHeader,
    /// A token in `Authorization` without `Bearer`.
    RawToken,
}

/// How many requests were seen since the start, or since the records were cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Create requests.
    pub create: Tally,
    /// List requests.
    pub list: Tally,
    /// Inspect requests.
    pub inspect: Tally,
    /// Revoke requests.
    pub revoke: Tally,
    /// Data requests.
    pub data: Tally,
    /// Messages on websockets, except for pings.
    pub stream: Tally,
    /// Requests for anything else.
    pub other: Tally,
    /// Tokens created.
    pub tokens: u64,
    /// Violations, including those too old to be listed still.
    pub violations: u64,
}

/// Requests of one kind, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// All that arrived.
    pub received: u64,
    /// Those answered with 2xx.
    pub ok: u64,
    /// Those answered with anything else.
    pub denied: u64,
}

impl Counts {
    /// All requests, of every kind.
    #[must_use]
    pub const fn requests(&self) -> u64 {
        self.create.received
            + self.list.received
            + self.inspect.received
            + self.revoke.received
            + self.data.received
            + self.stream.received
            + self.other.received
    }

    pub(super) fn tally(&mut self, endpoint: Option<Endpoint>) -> &mut Tally {
        match endpoint {
            Some(Endpoint::Create) => &mut self.create,
            Some(Endpoint::List) => &mut self.list,
            Some(Endpoint::Inspect) => &mut self.inspect,
            Some(Endpoint::Revoke) => &mut self.revoke,
            Some(Endpoint::Data) => &mut self.data,
            Some(Endpoint::Stream) => &mut self.stream,
            None => &mut self.other,
        }
    }
}

//! An emulator of Mobula's auth service, to run an HTTP stack against without an account or a network.
//!
//! It issues short-lived tokens for an API key, guards data endpoints with both, and enforces what Mobula documents:
//! bounds, plans, expiry, request limits, revocation and the limit of 5 create requests a minute. It is in process (a
//! [`tower_service::Service`]) or behind a real socket ([`Emulator::serve`]), follows tokio's clock, breaks on demand
//! ([`Fault`]), and remembers every request that it saw.
//!
//! # Examples
//!
//! In process, under tokio's paused clock, where an hour takes no time:
//!
//! ```
//! use std::time::Duration;
//! use http::{Request, StatusCode};
//! use mobula_auth::emulator::Emulator;
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::new();
//! let create = || {
//!     Request::post("/api/2/auth/tokens")
//!         .header("authorization", emulator.api_key())
//!         .header("content-type", "application/json")
//!         .body(r#"{"expiresIn":3600000}"#.to_owned())
//! };
//!
//! assert_eq!(emulator.clone().oneshot(create()?).await?.status(), StatusCode::OK);
//! let token = &emulator.tokens()[0];
//! assert_eq!((token.request_limit, token.remaining), (5_000, 5_000));
//!
//! tokio::time::sleep(Duration::from_secs(3_600)).await;
//! assert!(emulator.now() >= token.expires_at);
//! # Ok(())
//! # }
//! ```
//!
//! Behind a socket:
//!
//! ```
//! use mobula_auth::emulator::Emulator;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::new();
//! let server = emulator.serve().await?;
//! let answer = reqwest::Client::new()
//!     .get(format!("{}/api/1/market/data?asset=bitcoin", server.url()))
//!     .header("authorization", emulator.api_key())
//!     .send()
//!     .await?;
//! assert!(answer.status().is_success());
//! assert_eq!(emulator.counts().data.ok, 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Websockets
//!
//! Behind a socket, `ws://HOST:PORT/` takes the messages of Mobula's
//! [market stream](https://docs.mobula.io/indexing-stream/stream/websocket/wss-market-data), each with a raw credential:
//!
//! ```text
//! > {"type":"market","authorization":"<key or token>","payload":{"assets":[{"name":"Bitcoin"}],"interval":15}}
//! < [{"timestamp":1721296005026,"price":64123.5,"baseSymbol":"Bitcoin","quoteSymbol":"USD", ...}]
//! > {"type":"unsubscribe","authorization":"<key or token>","payload":{}}
//! ```
//!
//! The plan must be Growth or Enterprise. Prices come at once, and then each `interval` seconds. A refused message is answered with
//! `{"event":"error","message":"..."}`. Guesses, on the strict side: a message counts against its token's request limit, a ping
//! is answered with `{"event":"pong"}`, and when the credential behind a stream expires, is revoked or is deleted, the socket is
//! closed with an error and code 1008. [`Fault`]s strike no websocket.
//!
//! # What is certain and what is not
//!
//! Requests, defaults, bounds and the create answer are those of
//! [Mobula's documentation](https://docs.mobula.io/rest-api-reference/endpoint/auth-tokens). The other answers, the error
//! bodies and several status codes are documented nowhere; the emulator answers in the likeliest or the strictest way, and
//! [`EmulatorBuilder`] has a switch for each of the others, so that a client can be tested against all of them.
//!
//! Every answer carries `Server: mobula-auth-emulator`, every key begins with `fa15e000`, and every token is for the audience
//! `mobula-emulator`: nothing of it passes for the real thing.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

mod api_key;
mod body;
mod builder;
mod caller;
mod clock;
mod connection;
mod connection_lost;
mod create_limit;
mod create_request;
mod credential;
mod data;
mod endpoint;
mod exchange;
mod fault;
mod fault_queue;
mod jwt;
mod log;
mod management;
mod plan;
mod random;
mod record;
mod refusal;
mod reply;
mod server;
mod service;
mod settings;
mod state;
mod streams;
mod token_store;
mod websocket;

pub use body::Body;
pub use builder::EmulatorBuilder;
pub use clock::Skew;
pub use connection_lost::ConnectionLost;
pub use endpoint::Endpoint;
pub use fault::Fault;
pub use plan::Plan;
pub use record::{Counts, CredentialKind, KeyHeader, SeenRequest, Tally, Violation, ViolationKind};
pub use server::Server;
pub use service::ResponseFuture;
pub use settings::{
    BodyShape, CountedCreates, CreateWindow, ErrorEnvelope, Keyless, LimitFormat, RetryAfter,
    RevokeShape, SuccessCodes, TokenFormat,
};
pub use token_store::TokenRecord;

use clock::{Clock, system_time};
use jwt::JwtKey;
use settings::Settings;
use state::{Rules, State};

/// An emulated Mobula; see the [module docs](self).
///
/// Clones are handles of one and the same service. It can be made outside of an async runtime.
#[derive(Clone)]
pub struct Emulator {
    shared: Arc<Shared>,
}

struct Shared {
    rules: Rules,
    first_key: String,
    state: Mutex<State>,
}

impl Emulator {
    /// An emulator with one random API key, on plan Growth, and every switch at its default.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Builds an emulator that differs from the default one.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::new()
    }

    /// The API key that the emulator was made with, even if it was deleted since.
    #[must_use]
    pub fn api_key(&self) -> String {
        self.shared.first_key.clone()
    }

    /// Makes one more API key.
    #[must_use]
    pub fn add_api_key(&self, plan: Plan) -> String {
        self.state().keys.add(plan, &self.shared.rules.settings)
    }

    /// Moves a key to another plan, and says whether there is such a key; its tokens stay as they are.
    #[must_use = "an unknown key is left alone"]
    pub fn set_plan(&self, key: &str, plan: Plan) -> bool {
        let mut state = self.state();
        let index = state.keys.find(key);
        if let Some(index) = index {
            state.keys.get_mut(index).plan = plan;
        }
        index.is_some()
    }

    /// Deletes a key and revokes its tokens, and says whether there was such a key.
    #[must_use = "an unknown key is left alone"]
    pub fn delete_api_key(&self, key: &str) -> bool {
        let mut state = self.state();
        let index = state.keys.delete(key);
        if index.is_some() {
            state.tokens.revoke_all(index);
        }
        index.is_some()
    }

    /// Revokes every token of every key.
    pub fn revoke_all_tokens(&self) {
        self.state().tokens.revoke_all(None);
    }

    /// Revokes the token with this id, and says whether there is such a token.
    #[must_use = "an unknown token is left alone"]
    pub fn revoke_token(&self, id: &str) -> bool {
        let mut state = self.state();
        let index = state.tokens.find(id);
        index
            .and_then(|index| state.tokens.get_mut(index))
            .map(|token| token.revoked = true)
            .is_some()
    }

    /// All tokens, dead ones too, in the order of their creation.
    ///
    /// Once there are 50,000, the oldest is forgotten when it is dead.
    #[must_use]
    pub fn tokens(&self) -> Vec<TokenRecord> {
        self.state().tokens.records()
    }

    /// The true time: wall time at creation, moved on by tokio's clock and by [`advance`](Self::advance).
    #[must_use]
    pub fn now(&self) -> SystemTime {
        system_time(self.state().clock.now().true_time)
    }

    /// Moves the emulator's clock on, besides what tokio's clock does.
    pub fn advance(&self, by: Duration) {
        self.state().clock.advance(by);
    }

    /// Sets how wrong the service's own clock is, in what it says from now on.
    pub fn skew(&self, skew: Skew) {
        self.state().clock.set_skew(skew);
    }

    /// Makes something go wrong.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Forgets the faults that have not struck, and ends the lasting ones.
    pub fn clear_faults(&self) {
        self.state().faults.clear();
    }

    /// The newest 100,000 requests, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.state().log.requests()
    }

    /// The newest 100,000 violations, in the order of their arrival.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.state().log.violations()
    }

    /// How many requests of each kind were seen; cheap at any time.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state().log.counts()
    }

    /// Forgets requests, violations and counts; keys, tokens and the creation limit stay.
    pub fn clear_records(&self) {
        self.state().log.clear();
    }

    /// Serves on a free port of 127.0.0.1, until the server is dropped.
    ///
    /// # Errors
    ///
    /// If the system has no port to give.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn serve(&self) -> io::Result<Server> {
        self.serve_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
    }

    /// Serves on this address, until the server is dropped.
    ///
    /// # Errors
    ///
    /// If the address is not a loopback address (`InvalidInput`), or can not be listened on.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn serve_on(&self, addr: SocketAddr) -> io::Result<Server> {
        Server::bind(self.clone(), addr).await
    }

    fn assemble(plan: Plan, start: SystemTime, jwt_key: JwtKey, settings: Settings) -> Self {
        let mut state = State::new(Clock::starting_at(start));
        let first_key = state.keys.add(plan, &settings);
        let rules = Rules { settings, jwt_key };
        Self {
            shared: Arc::new(Shared {
                rules,
                first_key,
                state: Mutex::new(state),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Emulator {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

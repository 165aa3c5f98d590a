//! A refreshing token whose refreshes begin and end when a bench says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use mobula_auth::{ApiToken, AutoRefreshingToken, CreateTokens, Error};
use tokio::runtime::{Builder, EnterGuard, Runtime};
use tokio::sync::{OwnedRwLockWriteGuard, RwLock};

/// The token, and the runtime that its refreshes run on.
#[derive(Debug, Clone)]
pub struct Refreshing {
    pub auth: AutoRefreshingToken,
    runtime: Arc<Runtime>,
    mint: Arc<RwLock<()>>,
}

impl Refreshing {
    /// How many requests may be sent between two [`renew`](Self::renew)s so that none of them meets a refresh: a token
    /// is good for a million, and the last fifth is its reserve.
    pub const CALM_FOR: u64 = 700_000;

    /// With a token that is fresh, and stays so for [`CALM_FOR`](Self::CALM_FOR) requests.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        let secret = secret.to_owned();
        let created = AtomicU64::new(0);
        let mint = Arc::new(RwLock::new(()));
        let open = Arc::clone(&mint);
        let source = move |_: CreateTokens| {
            // Each token is another one, all of a length.
            let number = format!("{:08}", created.fetch_add(1, Ordering::Relaxed));
            let token = ApiToken::new(secret[..secret.len() - number.len()].to_owned() + &number);
            let open = Arc::clone(&open);
            async move {
                drop(open.read().await);
                Ok::<_, Error>(vec![token?])
            }
        };
        let auth = AutoRefreshingToken::builder(source)
            .request_limit(1_000_000)
            .revoke_replaced_after(None)
            .build()
            .unwrap();
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let refreshing = Self {
            auth,
            runtime: Arc::new(runtime),
            mint,
        };
        refreshing.renew();
        refreshing
    }

    /// Puts the next token in the place of the current one.
    pub fn renew(&self) {
        self.runtime.block_on(self.auth.refresh()).unwrap();
    }

    /// Requests of this thread may start a refresh from now on.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// Has a refresh that is under way go on until the guard is dropped.
    #[must_use]
    pub fn hold(&self) -> OwnedRwLockWriteGuard<()> {
        let mint = Arc::clone(&self.mint);
        self.runtime.block_on(mint.write_owned())
    }
}

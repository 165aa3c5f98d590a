//! Tenants that are on their way out.

use std::future::pending;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::auto_refreshing_token::{AutoRefreshingToken, ShutdownReport};
use crate::clock;

/// How long an evicted tenant's tokens are kept for the requests that are under way with them.
pub(super) const LONGEST_USE: Duration = Duration::from_secs(30);

/// How often it is looked at whether any are.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Shuts evicted tenants down, each in a task of its own, in nobody's way.
#[derive(Default)]
pub(super) struct Departures {
    tasks: Mutex<JoinSet<ShutdownReport>>,
    /// Whether nothing under way is waited for any more.
    hurry: watch::Sender<bool>,
}

impl Departures {
    /// Has a tenant shut down once nothing uses its tokens. Without a runtime, they are left to expire.
    pub(super) fn begin(&self, auth: AutoRefreshingToken) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let departure = depart(auth, self.hurry.subscribe());
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn_on(departure, &runtime);
    }

    /// Waits for those that have begun, which from now on wait for nobody.
    pub(super) async fn end(&self) -> ShutdownReport {
        let mut report = ShutdownReport::default();
        let mut tasks = {
            let mut tasks = self.tasks();
            // These are a matter of the past.
            while tasks.try_join_next().is_some() {}
            mem::take(&mut *tasks)
        };
        self.hurry.send_replace(true);
        while let Some(departed) = tasks.join_next().await {
            add(&mut report, departed.unwrap_or_default());
        }
        report
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<ShutdownReport>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Departures {
    fn drop(&mut self) {
        self.tasks().detach_all();
    }
}

pub(super) fn add(sum: &mut ShutdownReport, report: ShutdownReport) {
    sum.revoked += report.revoked;
    sum.left += report.left;
}

async fn depart(auth: AutoRefreshingToken, mut hurry: watch::Receiver<bool>) -> ShutdownReport {
    let deadline = clock::now().monotonic + LONGEST_USE;
    while auth.is_in_use() && !*hurry.borrow() && clock::now().monotonic < deadline {
        let hurried = async {
            if hurry.changed().await.is_err() {
                // The registry is gone, and its tenants leave as they would have.
                pending::<()>().await;
            }
        };
        // Either way there is something to look at again.
        let _ = timeout(LOOK_AGAIN_AFTER, hurried).await;
    }
    auth.shutdown().await
}

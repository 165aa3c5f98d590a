//! Runs futures to their end under a clock that stands still unless everybody waits for it.

use tokio::runtime::{Builder, Runtime};

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.with(|runtime| runtime.block_on(future))
}

thread_local! {
    /// One for all inputs of a thread: to make one takes longer than most inputs do.
    static RUNTIME: Runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing of the system");
}

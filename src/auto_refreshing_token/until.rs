//! A wait with an end that goes on when its future moves to another runtime.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

/// There is no runtime to tell the time.
#[derive(Debug)]
pub(super) struct NoRuntime;

/// Waits for a future, until a time at most.
///
/// A timer of tokio's ends with its runtime and panics when it is polled after that, so each runtime that this is polled
/// on gets one of its own (R16).
pub(super) async fn until(end: Instant, future: impl Future) -> Result<(), NoRuntime> {
    let mut future = pin!(future);
    let mut timer = pin!(None::<Sleep>);
    let mut runtime = None;
    poll_fn(|cx| {
        if future.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let here = Handle::try_current().map_err(|_| NoRuntime)?.id();
        if runtime.replace(here) != Some(here) {
            timer.set(Some(sleep_until(end)));
        }
        let timer = timer.as_mut().as_pin_mut();
        timer.map_or(Poll::Pending, |timer| timer.poll(cx)).map(Ok)
    })
    .await
}

//! Many requests under way in one task.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use tokio::time::{Instant, sleep_until};

type Request = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The requests of one client, polled in the order in which they began.
///
/// In tasks of their own they would be woken in an order that tokio draws, and no run would be like another.
pub(crate) struct Herd {
    requests: Vec<Request>,
    bell: Arc<Bell>,
    /// Who goes first where something new is due at the moment at which requests may go on. Both happen.
    newcomers_first: bool,
}

/// Tells which wake-ups are for the requests and not for the client itself.
#[derive(Default)]
struct Bell {
    rung: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Herd {
    pub(crate) fn new(newcomers_first: bool) -> Self {
        Self {
            requests: Vec::new(),
            bell: Arc::default(),
            newcomers_first,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// Drops all that is under way, as a caller does who has lost interest.
    pub(crate) fn cancel(&mut self) {
        self.requests.clear();
    }

    /// Begins a request, which may be over at once.
    pub(crate) fn begin(&mut self, request: impl Future<Output = ()> + Send + 'static) {
        let mut request: Request = Box::pin(request);
        let waker = Waker::from(Arc::clone(&self.bell));
        if request
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
        {
            self.requests.push(request);
        }
    }

    /// Lets the requests go on until then.
    pub(crate) async fn run_until(&mut self, at: Instant) {
        self.during(sleep_until(at)).await;
    }

    /// Lets the requests go on while something else does.
    pub(crate) async fn during<F: Future>(&mut self, other: F) -> F::Output {
        let mut other = Box::pin(other);
        poll_fn(|cx| {
            if !self.newcomers_first {
                self.go_on(cx);
            }
            let polled = other.as_mut().poll(cx);
            if self.newcomers_first && polled.is_pending() {
                self.go_on(cx);
            }
            polled
        })
        .await
    }

    /// Lets the requests go on until none is left, or it gets too late. Says whether none is.
    pub(crate) async fn run_out(&mut self, at: Instant) -> bool {
        let mut time = Box::pin(sleep_until(at));
        poll_fn(|cx| {
            self.go_on(cx);
            if self.requests.is_empty() {
                return Poll::Ready(true);
            }
            time.as_mut().poll(cx).map(|()| false)
        })
        .await
    }

    fn go_on(&mut self, cx: &Context<'_>) {
        *self.bell.task.lock().unwrap() = Some(cx.waker().clone());
        if !self.bell.rung.swap(false, Ordering::Relaxed) {
            return;
        }
        let waker = Waker::from(Arc::clone(&self.bell));
        let mut inner = Context::from_waker(&waker);
        self.requests
            .retain_mut(|request| request.as_mut().poll(&mut inner).is_pending());
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Relaxed);
        if let Some(task) = &*self.task.lock().unwrap() {
            task.wake_by_ref();
        }
    }
}

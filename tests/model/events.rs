//! The words in which the handle under test and the reference model are compared.

use std::time::Duration;

/// Numbers the calls of a case.
pub(super) type Id = u32;

/// What the handle was built with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rules {
    pub(super) lifetime: Duration,
    pub(super) request_limit: u64,
    pub(super) standby: u32,
    /// The soft point, as a share of the lifetime.
    pub(super) soft_point: f64,
    pub(super) max_wait: Duration,
    pub(super) max_waiting: usize,
    pub(super) revoke_replaced_after: Option<Duration>,
    pub(super) shutdown_within: Duration,
    /// Whether `ReplayRejected` stands outside of the layer.
    pub(super) replay: bool,
}

/// What was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Lease,
    Refresh,
    Shutdown,
}

/// What the remedy of an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Transient,
    RateLimited,
    Rejected,
    PlanRequired,
    ShutDown,
}

/// An error, as its caller may act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) class: Class,
    pub(super) retry_after: Option<Duration>,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// A request, with the status of its response.
    Response(u16),
    Lease {
        text: String,
        generation: u64,
    },
    Refreshed,
    ShutDown {
        revoked: usize,
        left: usize,
    },
    Failed(Failure),
}

/// A token that the source made.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) text: String,
    /// What it says itself, as is the limit; as long as can be if it does not.
    pub(super) lifetime: Duration,
    pub(super) request_limit: u64,
}

/// What the source gave in the end. A panic, and an answer that never came, are transient failures.
#[derive(Debug, Clone)]
pub(super) enum Given {
    Tokens(Vec<Made>),
    Nothing(Failure),
}

/// What can be seen of the handle from outside, in the order in which it happened.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Began(Id, Kind),
    /// A request arrived at the server, with this token.
    Arrived(Id, String),
    /// The server answered it with this status.
    Answered(Id, u16),
    Ended(Id, End),
    /// A call was dropped by its caller.
    Dropped(Id),
    /// The source was asked to create this many tokens, and answers after this time if it answers.
    Asked(u32, Option<Duration>),
    Created(Given),
    Revoked(String),
}

/// What `status()` says. What was created and revoked needs no comparison: each event of either was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View {
    pub(super) generation: u64,
    pub(super) requests_left: Option<u64>,
    pub(super) standby: usize,
    pub(super) refreshing: bool,
    pub(super) waiting: usize,
    pub(super) last_error: Option<Class>,
    pub(super) next_attempt_in: Option<Duration>,
}

/// What a call finds that needs a token.
#[derive(Debug, PartialEq)]
pub(super) enum Look {
    Token,
    Wait,
    Fail(Failure),
}

/// Whether what happened was for the model to happen; if not, why.
pub(super) type Verdict<T = ()> = Result<T, String>;

pub(super) fn holds(it: bool, else_say: &str) -> Verdict {
    if it { Ok(()) } else { Err(else_say.to_owned()) }
}

pub(super) const NO_TOKEN: Failure = Failure::new(Class::Transient);
pub(super) const SHUT_DOWN: Failure = Failure::new(Class::ShutDown);

impl Failure {
    pub(super) const fn new(class: Class) -> Self {
        Self {
            class,
            retry_after: None,
        }
    }

    pub(super) fn again_in(self, wait: Duration) -> Self {
        Self {
            retry_after: Some(wait),
            ..self
        }
    }
}

/// Timers go by whole milliseconds, upwards.
pub(super) fn whole_milliseconds(time: Duration) -> Duration {
    let nanoseconds = time.as_nanos().div_ceil(1_000_000);
    Duration::from_millis(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

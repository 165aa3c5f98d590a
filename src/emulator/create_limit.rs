//! The creation limit: at most 5 create requests a minute for each key.

use std::{collections::VecDeque, time::Duration};

use super::{CountedCreates, CreateWindow};

/// The create requests of one key, as far back as the limit looks; times since the Unix epoch.
///
/// The rule is docs.mobula.io/rest-api-reference/endpoint/auth-tokens; what it leaves open is decided by two switches.
#[derive(Debug)]
pub(super) struct CreateLimit {
    counted: CountedCreates,
    window: Window,
    /// Every arrival, whatever the switches say: for the record of violations.
    arrivals: SlidingLog,
}

/// What the limit says of one request that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    /// More than 5 requests in 60 seconds, whether it is refused or not.
    pub(super) too_many: bool,
    /// How long the caller would have to wait, if attempts count and there is no room for this one.
    wait: Option<Duration>,
}

impl CreateLimit {
    pub(super) fn new(counted: CountedCreates, window: CreateWindow) -> Self {
        let window = match window {
            CreateWindow::Sliding => Window::Sliding(SlidingLog::default()),
            CreateWindow::Fixed => Window::Fixed {
                opened: None,
                used: 0,
            },
        };
        Self {
            counted,
            window,
            arrivals: SlidingLog::default(),
        }
    }

    /// Counts a request that has arrived.
    pub(super) fn arrive(&mut self, now: Duration) -> Arrival {
        let too_many = self.arrivals.wait(now).is_some();
        self.arrivals.push(now);
        let wait = match self.counted {
            CountedCreates::Attempts => self.window.attempt(now),
            CountedCreates::Successes => None,
        };
        Arrival { too_many, wait }
    }

    /// How long the caller has to wait, if its request is refused now that it is being handled.
    pub(super) fn wait(&self, arrival: Arrival, now: Duration) -> Option<Duration> {
        match self.counted {
            CountedCreates::Attempts => arrival.wait,
            CountedCreates::Successes => self.window.wait(now),
        }
    }

    /// Counts a success.
    pub(super) fn succeed(&mut self, now: Duration) {
        if self.counted == CountedCreates::Successes {
            self.window.push(now);
        }
    }
}

#[derive(Debug)]
enum Window {
    Sliding(SlidingLog),
    Fixed {
        opened: Option<Duration>,
        used: usize,
    },
}

impl Window {
    /// Counts an attempt; says how long to wait if there was no room for it.
    fn attempt(&mut self, now: Duration) -> Option<Duration> {
        let full = self.wait(now).is_some();
        self.push(now);
        // asked again because the attempt itself can have moved the next opening
        if full { self.wait(now) } else { None }
    }

    fn wait(&self, now: Duration) -> Option<Duration> {
        match self {
            Self::Sliding(log) => log.wait(now),
            Self::Fixed { opened, used } => opened
                .filter(|_| *used >= LIMIT)
                .and_then(|opened| remaining(opened, now)),
        }
    }

    fn push(&mut self, now: Duration) {
        match self {
            Self::Sliding(log) => log.push(now),
            Self::Fixed { opened, used } => {
                if opened.is_none_or(|opened| remaining(opened, now).is_none()) {
                    (*opened, *used) = (Some(now), 0);
                }
                *used += 1;
            }
        }
    }
}

/// The last 5 times: all that it takes to know whether 5 lie within the window.
#[derive(Debug, Default)]
struct SlidingLog {
    last: VecDeque<Duration>,
}

impl SlidingLog {
    fn wait(&self, now: Duration) -> Option<Duration> {
        if self.last.len() < LIMIT {
            return None;
        }
        self.last.front().and_then(|oldest| remaining(*oldest, now))
    }

    fn push(&mut self, now: Duration) {
        if self.last.len() == LIMIT {
            self.last.pop_front();
        }
        self.last.push_back(now);
    }
}

/// What is left of the window that began at `from`; `None` once it is over.
fn remaining(from: Duration, now: Duration) -> Option<Duration> {
    from.saturating_add(WINDOW)
        .checked_sub(now)
        .filter(|left| !left.is_zero())
}

const LIMIT: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);

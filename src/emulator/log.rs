//! Keeps the newest records, and counts them all.

use std::{borrow::Cow, collections::VecDeque, sync::Arc, time::Duration};

use http::StatusCode;

use super::{
    Counts, Endpoint, SeenRequest, Violation, ViolationKind, clock::system_time, data,
    endpoint::Route, random::UUID_LENGTH,
};

/// The newest requests and violations, in bounded memory.
#[derive(Debug, Default)]
pub(super) struct Log {
    requests: VecDeque<SeenRequest>,
    /// The number of the first one in `requests`.
    first: RequestNumber,
    /// The first number since the records were cleared.
    cleared: RequestNumber,
    violations: VecDeque<Violation>,
    counts: Counts,
}

/// Numbers requests in the order of their arrival.
pub(super) type RequestNumber = u64;

impl Log {
    pub(super) fn push(&mut self, request: SeenRequest) -> RequestNumber {
        if self.requests.len() == KEPT {
            self.requests.pop_front();
            self.first += 1;
        }
        self.counts.tally(request.endpoint).received += 1;
        self.requests.push_back(request);
        self.first + self.requests.len() as u64 - 1
    }

    /// Notes the answer of an earlier request.
    pub(super) fn answered(
        &mut self,
        number: RequestNumber,
        endpoint: Option<Endpoint>,
        status: StatusCode,
    ) {
        if number < self.cleared {
            return;
        }
        let tally = self.counts.tally(endpoint);
        if status.is_success() {
            tally.ok += 1;
        } else {
            tally.denied += 1;
        }
        let place = number
            .checked_sub(self.first)
            .and_then(|place| usize::try_from(place).ok());
        if let Some(request) = place.and_then(|place| self.requests.get_mut(place)) {
            request.status = Some(status);
        }
    }

    pub(super) fn violation(
        &mut self,
        kind: ViolationKind,
        at: Duration,
        token_id: Option<Arc<str>>,
    ) {
        if self.violations.len() == KEPT {
            self.violations.pop_front();
        }
        self.counts.violations += 1;
        self.violations.push_back(Violation {
            kind,
            at: system_time(at),
            token_id,
        });
    }

    pub(super) fn created(&mut self, tokens: u64) {
        self.counts.tokens += tokens;
    }

    pub(super) fn requests(&self) -> Vec<SeenRequest> {
        self.requests.iter().cloned().collect()
    }

    pub(super) fn violations(&self) -> Vec<Violation> {
        self.violations.iter().cloned().collect()
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// Forgets everything; answers to requests that are forgotten are not noted.
    pub(super) fn clear(&mut self) {
        self.first += self.requests.len() as u64;
        self.cleared = self.first;
        self.requests.clear();
        self.violations.clear();
        self.counts = Counts::default();
    }
}

/// The path as it is recorded: allocated only where it is none of the usual ones.
pub(super) fn recorded_path(route: Route<'_>, path: &str) -> Cow<'static, str> {
    match route {
        Route::Create | Route::List => Cow::Borrowed("/api/2/auth/tokens"),
        Route::Inspect => Cow::Borrowed("/api/2/auth/token"),
        Route::Revoke(_) => Cow::Borrowed("/api/2/auth/tokens/:id"),
        Route::Data(path) => data::known_path(path).map_or_else(|| redacted(path), Cow::Borrowed),
        Route::WrongMethod(_) | Route::Unknown => redacted(path),
    }
}

/// Bounded, and without segments that could be a key or a token.
fn redacted(path: &str) -> Cow<'static, str> {
    let mut kept = String::new();
    for segment in path.split('/').skip(1).take(MAX_SEGMENTS) {
        let secret = segment.len() >= MAX_SEGMENT || holds_uuid(segment) || segment.contains('%');
        kept.push('/');
        kept.push_str(if secret { "..." } else { segment });
    }
    Cow::Owned(kept)
}

/// A key is a UUID, and may stand within other text.
fn holds_uuid(segment: &str) -> bool {
    segment.as_bytes().windows(UUID_LENGTH).any(|window| {
        window.iter().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
    })
}

/// Requests and violations kept, of each.
const KEPT: usize = 100_000;
const MAX_SEGMENTS: usize = 12;
/// Longer than any blockchain's addresses, shorter than any token, in bytes.
const MAX_SEGMENT: usize = 90;

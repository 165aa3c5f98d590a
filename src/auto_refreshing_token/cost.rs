//! What a request costs of a token's request limit.

use std::fmt;
use std::sync::Arc;

use crate::http_request::{HttpRequest, RequestHead};

/// One of the limit for each request, unless a function of the request's head says otherwise.
#[derive(Clone, Default)]
pub(super) struct Cost(Option<Arc<CostOf>>);

type CostOf = dyn Fn(RequestHead<'_>) -> u64 + Send + Sync;

impl Cost {
    pub(super) const OF_ONE_REQUEST: i64 = 1;

    pub(super) fn by(cost: impl Fn(RequestHead<'_>) -> u64 + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(cost)))
    }

    pub(super) fn of<R: HttpRequest>(&self, request: &R) -> i64 {
        match &self.0 {
            None => Self::OF_ONE_REQUEST,
            Some(cost) => i64::try_from(cost(request.head())).unwrap_or(i64::MAX),
        }
    }
}

impl fmt::Debug for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() {
            "by the request's head"
        } else {
            "1"
        })
    }
}

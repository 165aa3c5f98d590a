//! Faults on demand: what can go wrong between a client and the service.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Endpoint;

/// Something that goes wrong with the next request, or with the next few, or with all.
///
/// A fault strikes once, at the first request for any endpoint, instead of the request being handled, unless told otherwise:
///
/// ```
/// use std::time::Duration;
/// use http::StatusCode;
/// use mobula_auth::emulator::{Emulator, Endpoint, Fault};
///
/// let emulator = Emulator::new();
/// // two refused mints, then an answer that gets lost although the tokens were made
/// emulator.fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE).on(Endpoint::Create).times(2));
/// emulator.fault(Fault::reset().on(Endpoint::Create).after_handling());
/// // and everything is slow
/// emulator.fault(Fault::latency(Duration::from_millis(80)).always());
/// ```
///
/// Faults queue up in the order in which they were given. One request meets at most one latency and at most one other fault.
/// A create request that meets a fault counts against the creation limit all the same.
#[derive(Clone)]
#[must_use = "pass it to `Emulator::fault`"]
pub struct Fault {
    pub(super) kind: FaultKind,
    pub(super) endpoint: Option<Endpoint>,
    /// `None` for always.
    pub(super) times: Option<u64>,
    pub(super) after_handling: bool,
    pub(super) status: Option<StatusCode>,
    pub(super) headers: HeaderMap,
}

#[derive(Clone)]
pub(super) enum FaultKind {
    Latency(Duration),
    Hang,
    Reset,
    Status,
    Truncated,
    Oversized(u64),
    Body {
        bytes: Bytes,
        content_type: HeaderValue,
    },
}

impl Fault {
    /// The request is answered with this status, and an error in the usual envelope.
    pub fn status(status: StatusCode) -> Self {
        Self {
            status: Some(status),
            ..Self::new(FaultKind::Status)
        }
    }

    /// The request takes this much longer to arrive or, [after handling](Self::after_handling), its answer does.
    pub fn latency(latency: Duration) -> Self {
        Self::new(FaultKind::Latency(latency))
    }

    /// No answer ever comes.
    pub fn hang() -> Self {
        Self::new(FaultKind::Hang)
    }

    /// The connection is reset before the answer: TCP RST over a socket, [`ConnectionLost`](super::ConnectionLost) in process.
    pub fn reset() -> Self {
        Self::new(FaultKind::Reset)
    }

    /// The body ends before the length that `Content-Length` promises, and the connection with it.
    ///
    /// [After handling](Self::after_handling) it is the real answer that is cut in half.
    pub fn truncated_body() -> Self {
        Self::new(FaultKind::Truncated)
    }

    /// The body is this many bytes of blanks, of unannounced length; `u64::MAX` never ends.
    pub fn oversized_body(bytes: u64) -> Self {
        Self::new(FaultKind::Oversized(bytes))
    }

    /// The body is this one, with status 200 unless [set](Self::with_status).
    ///
    /// For wrong JSON, HTML of a proxy, nothing at all.
    pub fn body(bytes: impl Into<Bytes>, content_type: HeaderValue) -> Self {
        Self::new(FaultKind::Body {
            bytes: bytes.into(),
            content_type,
        })
    }

    /// Strikes only at requests for this endpoint (default: any request at all).
    pub fn on(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Strikes this many times (default 1).
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Strikes until the faults are cleared.
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    /// The request takes effect first (tokens are made, requests are counted), and then its answer is lost.
    pub fn after_handling(mut self) -> Self {
        self.after_handling = true;
        self
    }

    /// Sets the status of the faulty answer; latency, hang and reset have none.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// Adds a header to the faulty answer, such as `Retry-After`; the service's own of that name gives way.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            endpoint: None,
            times: Some(1),
            after_handling: false,
            status: None,
            headers: HeaderMap::new(),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("kind", &self.kind)
            .field("endpoint", &self.endpoint)
            .field("times", &self.times)
            .field("after_handling", &self.after_handling)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency(latency) => write!(f, "Latency({latency:?})"),
            Self::Hang => f.write_str("Hang"),
            Self::Reset => f.write_str("Reset"),
            Self::Status => f.write_str("Status"),
            Self::Truncated => f.write_str("Truncated"),
            Self::Oversized(bytes) => write!(f, "Oversized({bytes})"),
            Self::Body { bytes, .. } => write!(f, "Body({} bytes)", bytes.len()),
        }
    }
}

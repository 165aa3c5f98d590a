//! What the network and the service do wrong, and when: decided before a run begins.

use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use mobula_auth::emulator::{Endpoint, Fault};

use super::random::Random;

/// The time since the world began.
pub(crate) type At = Duration;

pub(crate) fn nanoseconds(at: At) -> u64 {
    u64::try_from(at.as_nanos()).unwrap()
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// All that goes wrong for one client.
#[derive(Debug, Clone)]
pub(crate) struct Weather {
    /// How long a request, or an answer, is under way on a good day, at most.
    pub(crate) usual_delay: Duration,
    pub(crate) windows: Vec<Window>,
    /// When all of it is over: a request that hangs is reset then, and one that is under way arrives.
    pub(crate) calm_at: At,
}

/// A stretch of bad weather.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) from: At,
    pub(crate) to: At,
    pub(crate) data: bool,
    pub(crate) tokens: bool,
    /// The share of requests that it strikes.
    pub(crate) share: f64,
    pub(crate) trouble: Trouble,
}

/// The kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Requests are lost before the service sees them.
    Partition,
    /// Each request meets one or another of the network's faults.
    Flaky,
    /// Everything is under way for much longer.
    Slow { longest: Duration },
    /// The service answers with this status.
    Status {
        status: u16,
        retry_after: Option<u64>,
    },
    /// The service answers with 200 and nonsense.
    Nonsense,
}

/// What becomes of one request.
#[derive(Debug, Clone)]
pub(crate) struct Fate {
    pub(crate) there: Duration,
    pub(crate) back: Duration,
    pub(crate) mishap: Mishap,
}

#[derive(Debug, Clone)]
pub(crate) enum Mishap {
    None,
    LostRequest,
    LostAnswer,
    ResetBefore,
    ResetAfter,
    Service {
        fault: Box<Fault>,
        told: Option<StatusCode>,
        retry_after: Option<u64>,
    },
}

impl Weather {
    /// What becomes of a request that is sent now.
    pub(crate) fn fate(&self, now: At, endpoint: Endpoint, random: &mut Random) -> Fate {
        let mut fate = Fate {
            there: drawn(self.usual_delay, random),
            back: drawn(self.usual_delay, random),
            mishap: Mishap::None,
        };
        let is_data = endpoint == Endpoint::Data;
        let window = self.windows.iter().find(|window| {
            window.from <= now
                && now < window.to
                && if is_data { window.data } else { window.tokens }
        });
        if let Some(window) = window.filter(|window| random.chance(window.share)) {
            window.trouble.strike(&mut fate, endpoint, random);
        }
        fate
    }
}

impl Trouble {
    fn strike(self, fate: &mut Fate, endpoint: Endpoint, random: &mut Random) {
        match self {
            Self::Partition => {
                fate.mishap = if random.chance(0.5) {
                    Mishap::LostRequest
                } else {
                    Mishap::ResetBefore
                }
            }
            Self::Slow { longest } => {
                // H2: what takes longer than the margin of 3 seconds may expire under way, and is nobody's fault.
                let longest_there = if endpoint == Endpoint::Data {
                    longest.min(2_900 * SECOND / 1_000)
                } else {
                    longest
                };
                fate.there = drawn(longest_there, random);
                fate.back = drawn(longest, random);
            }
            Self::Status {
                status,
                retry_after,
            } => fate.mishap = answered(status, retry_after, endpoint),
            Self::Nonsense => fate.mishap = nonsense(endpoint, random),
            Self::Flaky => {
                fate.mishap = match random.between(0, 6) {
                    0 => Mishap::LostRequest,
                    1 => Mishap::LostAnswer,
                    2 => Mishap::ResetBefore,
                    3 => Mishap::ResetAfter,
                    4 => answered(*random.pick(&[500, 502, 503, 504]), None, endpoint),
                    5 => nonsense(endpoint, random),
                    _ => Mishap::None,
                };
            }
        }
    }
}

fn drawn(longest: Duration, random: &mut Random) -> Duration {
    let longest = u64::try_from(longest.as_millis()).unwrap();
    random.milliseconds(0, longest)
}

fn answered(status: u16, retry_after: Option<u64>, endpoint: Endpoint) -> Mishap {
    let status = StatusCode::from_u16(status).unwrap();
    let mut fault = Fault::status(status).on(endpoint);
    if let Some(seconds) = retry_after {
        fault = fault.header(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Mishap::Service {
        fault: Box::new(fault),
        told: Some(status),
        retry_after,
    }
}

fn nonsense(endpoint: Endpoint, random: &mut Random) -> Mishap {
    let json = HeaderValue::from_static("application/json");
    let html = HeaderValue::from_static("text/html");
    let fault = match random.between(0, 8) {
        0 => Fault::truncated_body(),
        1 => Fault::truncated_body().after_handling(),
        2 => Fault::oversized_body(10 << 30),
        3 => Fault::body("", json),
        4 => Fault::body("{}", json),
        5 => Fault::body(r#"{"createApiTokens":[]}"#, json),
        6 => Fault::body(
            r#"{"createApiTokens":[{"id":"x","token":"not-of-here","expiresIn":1}"#,
            json,
        ),
        7 => Fault::body(Bytes::from_static(&[0, 159, 146, 150]), json),
        _ => Fault::body("<html>Bad Gateway</html>", html),
    };
    Mishap::Service {
        fault: Box::new(fault.on(endpoint)),
        told: None,
        retry_after: None,
    }
}

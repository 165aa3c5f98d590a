//! Which endpoint a request is for.

use http::Method;

/// A group of endpoints of the emulated service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// `POST /api/2/auth/tokens`
    Create,
    /// `GET /api/2/auth/tokens`
    List,
    /// `GET /api/2/auth/token?token=<jwt>`
    Inspect,
    /// `DELETE /api/2/auth/tokens/:id`
    Revoke,
    /// Anything else under `/api/1/` and `/api/2/`, with any method.
    Data,
    /// A message on a websocket; no fault strikes there.
    Stream,
}

/// A request's place among the endpoints (docs.mobula.io/rest-api-reference/endpoint/auth-tokens).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Create,
    List,
    Inspect,
    /// Holds the token's id.
    Revoke(&'a str),
    /// Holds the path.
    Data(&'a str),
    /// A management path with another method; holds the methods that it has.
    WrongMethod(&'static str),
    Unknown,
}

impl<'a> Route<'a> {
    pub(super) fn of(method: &Method, path: &'a str) -> Self {
        let Some(rest) = path.strip_prefix(MANAGEMENT_PREFIX) else {
            let is_data = ["/api/1/", "/api/2/"]
                .iter()
                .any(|prefix| path.len() > prefix.len() && path.starts_with(prefix));
            return if is_data {
                Self::Data(path)
            } else {
                Self::Unknown
            };
        };
        match rest.split_once('/') {
            None if rest == "tokens" => match *method {
                Method::POST => Self::Create,
                Method::GET => Self::List,
                _ => Self::WrongMethod("GET, POST"),
            },
            None if rest == "token" => match *method {
                Method::GET => Self::Inspect,
                _ => Self::WrongMethod("GET"),
            },
            Some(("tokens", id)) if !id.is_empty() && !id.contains('/') => match *method {
                Method::DELETE => Self::Revoke(id),
                _ => Self::WrongMethod("DELETE"),
            },
            _ => Self::Unknown,
        }
    }

    pub(super) fn endpoint(self) -> Option<Endpoint> {
        match self {
            Self::Create => Some(Endpoint::Create),
            Self::List => Some(Endpoint::List),
            Self::Inspect => Some(Endpoint::Inspect),
            Self::Revoke(_) => Some(Endpoint::Revoke),
            Self::Data(_) => Some(Endpoint::Data),
            Self::WrongMethod(_) | Self::Unknown => None,
        }
    }
}

const MANAGEMENT_PREFIX: &str = "/api/2/auth/";

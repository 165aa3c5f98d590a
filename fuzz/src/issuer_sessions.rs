//! The backend around the issuer: whom it knows, and what its hook says.

use std::future::pending;
use std::time::Duration;

use http::HeaderMap;
use http::header::COOKIE;
use http::request::Parts;
use mobula_auth::issuer::{Grant, Refusal};

const KNOWN: [&str; 5] = ["ann", "bob", "cid", "dan", "eve"];

/// What the backend makes of a request's `x-user`, or of its session cookie, and of its `x-lifetime`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Session {
    Of {
        who: &'static str,
        lifetime: Duration,
    },
    Unknown,
    Banned,
    /// A mistake of the hook's: a subject that is none, or a lifetime that cannot be.
    Mistaken,
    /// The session store is down.
    Unavailable,
    /// The session store never answers.
    Silent,
}

impl Session {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let cookies = text(COOKIE.as_str()).unwrap_or_default();
        let mut sessions = cookies
            .split(';')
            .filter_map(|pair| pair.trim().strip_prefix("session="));
        let name = text("x-user").or_else(|| sessions.next());
        let who = match name.unwrap_or_default() {
            "banned" => return Self::Banned,
            "nobody" => return Self::Mistaken,
            "down" => return Self::Unavailable,
            "silent" => return Self::Silent,
            name => KNOWN.into_iter().find(|known| *known == name),
        };
        let Some(who) = who else {
            return Self::Unknown;
        };
        match text("x-lifetime").map(str::parse) {
            None => Self::Of {
                who,
                lifetime: Duration::from_secs(300),
            },
            Some(Ok(seconds @ 60..=86_400)) => Self::Of {
                who,
                lifetime: Duration::from_secs(seconds),
            },
            Some(_) => Self::Mistaken,
        }
    }
}

/// The hook.
pub(crate) async fn authorize(head: Parts) -> Result<Grant, Refusal> {
    match Session::of(&head.headers) {
        Session::Of { who, lifetime } => Ok(Grant::new(who)?.lifetime(lifetime)?),
        Session::Unknown => Err(Refusal::unauthenticated()),
        Session::Banned => Err(Refusal::forbidden()),
        Session::Mistaken => Ok(Grant::new("")?),
        Session::Unavailable => Err(Refusal::unavailable(Duration::from_secs(5))),
        Session::Silent => pending().await,
    }
}

//! Who is signed in: your own login goes here. This one keeps sessions in memory, and knows two users.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Made up, like the prices; the page shows the password.
const USERS: [&str; 2] = ["ann", "bob"];
const PASSWORD: &str = "to the moon";

/// A day of visitors of an example; then the oldest has to sign in again.
const MOST: usize = 1_000;

/// Sessions by the hash of their cookie: who reads the map cannot take one over, and how long a lookup takes tells nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<[u8; 32], Session>>>);

#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) user: &'static str,
    number: u64,
}

impl Session {
    /// A name that is no secret, for limits, logs and revocations.
    pub(crate) fn name(&self) -> String {
        format!("{} #{}", self.user, self.number)
    }
}

impl Sessions {
    /// The cookie of a new session, if that is somebody's password.
    pub(crate) fn open(&self, name: &str, password: &str) -> Option<HeaderValue> {
        let user = USERS.into_iter().find(|user| *user == name)?;
        if Sha256::digest(password) != Sha256::digest(PASSWORD) {
            return None;
        }
        let mut id = [0; 32];
        getrandom::fill(&mut id).ok()?;
        let id = HEXLOWER.encode(&id);
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = sessions.values().map(|it| it.number).max().unwrap_or(0) + 1;
        if sessions.len() >= MOST {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.number);
            let oldest = oldest.map(|(hash, _)| *hash);
            oldest.and_then(|hash| sessions.remove(&hash));
        }
        sessions.insert(hash(&id), Session { user, number });
        // With TLS, add `Secure`.
        cookie(&format!(
            "session={id}; HttpOnly; SameSite=Strict; Path=/; Max-Age=86400"
        ))
    }

    pub(crate) fn find(&self, headers: &HeaderMap) -> Option<Session> {
        let id = id(headers)?;
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&hash(id)).cloned()
    }

    /// The session that is over now, and the cookie that takes its cookie away.
    pub(crate) fn close(&self, headers: &HeaderMap) -> Option<(Session, HeaderValue)> {
        let id = id(headers)?;
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.remove(&hash(id))?;
        let cookie = cookie("session=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0")?;
        Some((session, cookie))
    }
}

fn id(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(COOKIE).into_iter();
    cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix("session="))
}

fn hash(id: &str) -> [u8; 32] {
    Sha256::digest(id).into()
}

fn cookie(text: &str) -> Option<HeaderValue> {
    let mut cookie = HeaderValue::from_str(text).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

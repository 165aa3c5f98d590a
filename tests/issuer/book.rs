//! What callers were told, and whether it was right.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use http::{Response, StatusCode};
use mobula_auth::emulator::Emulator;
use serde_json::Value;
use tokio::time::Instant;

const LIFETIME: Duration = Duration::from_secs(300);
const MAX_WAIT: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) breaches: Vec<String>,
    pub(crate) issued: u64,
    /// By status and `error`.
    pub(crate) refused: BTreeMap<(u16, String), u64>,
    holders: HashMap<String, String>,
}

/// An answer, as far as a caller cares.
#[derive(Debug)]
pub(crate) enum Told {
    Token,
    /// And when to come back.
    NotNow(Duration),
    Nothing,
}

impl Book {
    pub(crate) fn note(
        &mut self,
        emulator: &Emulator,
        subject: &str,
        asked_at: Instant,
        answer: &Response<Bytes>,
    ) -> Told {
        let waited = asked_at.elapsed();
        if waited > MAX_WAIT {
            self.breach(format!("{subject} waited for {waited:?}"));
        }
        let status = answer.status();
        let json: Value = serde_json::from_slice(answer.body()).unwrap();
        if status == StatusCode::OK {
            self.note_token(emulator, subject, &json);
            return Told::Token;
        }
        let error = json["error"].as_str().unwrap_or_default().to_owned();
        let retry_after = answer.headers().get("retry-after");
        let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
        let is_honest = matches!(
            (status.as_u16(), &*error),
            (
                429,
                "rate_limited" | "globally_rate_limited" | "already_waiting"
            ) | (503, "over_capacity" | "upstream_unavailable")
        );
        if !is_honest || !retry_after.is_some_and(|seconds| (1..=600).contains(&seconds)) {
            self.breach(format!(
                "{subject} was told {} {error}, to come back after {retry_after:?} s",
                status.as_u16()
            ));
        }
        *self.refused.entry((status.as_u16(), error)).or_default() += 1;
        retry_after.map_or(Told::Nothing, |seconds| {
            Told::NotNow(Duration::from_secs(seconds))
        })
    }

    fn note_token(&mut self, emulator: &Emulator, subject: &str, json: &Value) {
        self.issued += 1;
        let token = json["token"].as_str().unwrap().to_owned();
        let told = Duration::from_millis(json["expiresIn"].as_u64().unwrap());
        let left =
            expiry(&token).saturating_sub(emulator.now().duration_since(UNIX_EPOCH).unwrap());
        // The token says it in whole seconds.
        if told > left + Duration::from_secs(1) {
            self.breach(format!("U7: told {told:?} of a token that has {left:?}"));
        }
        if told < LIFETIME * 4 / 5 {
            self.breach(format!("U7: a token with {told:?} left was handed out"));
        }
        if let Some(other) = self.holders.insert(token, subject.to_owned()) {
            self.breach(format!("U6: {other} and {subject} got the same token"));
        }
    }

    /// H3: no more than five create requests in any minute.
    pub(crate) fn judge_creates(&mut self, creates: &[Instant]) {
        for six in creates.windows(6) {
            let within = six[5] - six[0];
            if within < Duration::from_secs(60) {
                self.breach(format!("H3: six create requests within {within:?}"));
            }
        }
    }

    pub(crate) fn breach(&mut self, breach: String) {
        self.breaches.push(breach);
    }

    pub(crate) fn subjects_served(&self) -> usize {
        let mut subjects: Vec<_> = self.holders.values().collect();
        subjects.sort_unstable();
        subjects.dedup();
        subjects.len()
    }

    pub(crate) fn tokens_of(&self, subject: &str) -> usize {
        self.holders.values().filter(|it| *it == subject).count()
    }
}

/// `exp` of a JWT (RFC 7519, section 4.1.4), since the epoch.
fn expiry(token: &str) -> Duration {
    let claims = token.split('.').nth(1).unwrap();
    let claims = BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    Duration::from_secs(claims["exp"].as_u64().unwrap())
}

//! What the messages on a websocket mean, and who may send them.

use std::{sync::Arc, time::Duration};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    CredentialKind, Endpoint, SeenRequest, ViolationKind,
    api_key::KeyIndex,
    caller::{Caller, Identity},
    clock::{Now, system_time},
    credential::Credential,
    data,
    refusal::Refusal,
    state::{Rules, State},
    token_store::Standing,
};

/// The streams of one socket.
#[derive(Debug, Default)]
pub(super) struct Streams(Vec<Stream>);

/// Prices of some assets, every so often, for as long as whoever asked for them may have them.
#[derive(Debug)]
struct Stream {
    of: Identity,
    assets: Vec<String>,
    interval: Duration,
    next_at: Duration,
}

/// What the service says on a socket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Text(String),
    /// The last word, and why.
    End(String),
}

impl State {
    /// Takes in one message, and says what is wrong with it.
    pub(super) fn hear(
        &mut self,
        rules: &Rules,
        streams: &mut Streams,
        message: &Value,
        credential: &Credential<'_>,
    ) -> Option<Said> {
        let now = self.clock.now();
        let (number, caller) = self.arrives_on_a_socket(rules, credential, now);
        let result = self
            .admit(caller)
            .and_then(|()| streams.change(caller, message, now));
        let status = result
            .as_ref()
            .map_or_else(|refusal| refusal.status, |()| StatusCode::OK);
        self.log.answered(number, Some(Endpoint::Stream), status);
        result.err().map(|refusal| error(&refusal.message))
    }

    /// What there is to say by now, unasked.
    pub(super) fn speak(&self, streams: &mut Streams) -> Vec<Said> {
        let now = self.clock.now();
        let dead = streams
            .0
            .iter()
            .find_map(|stream| self.end_of(stream.of, now));
        if let Some(reason) = dead {
            streams.0.clear();
            return vec![
                error(&reason.message),
                Said::End(reason.message.into_owned()),
            ];
        }
        streams.due(now.true_time)
    }

    fn arrives_on_a_socket(
        &mut self,
        rules: &Rules,
        credential: &Credential<'_>,
        now: Now,
    ) -> (u64, Identity) {
        let at = now.true_time;
        let Caller {
            identity,
            kind,
            violations,
        } = self.identify(rules, credential, now);
        let token_id = match &kind {
            CredentialKind::Token { id, .. } => Some(Arc::clone(id)),
            _ => None,
        };
        let mut over_limit = None;
        if let Identity::Token(index, standing) = identity {
            if let Some(token) = self.tokens.get_mut(index) {
                token.requests += 1;
            }
            over_limit = (standing == Standing::Exhausted).then_some(ViolationKind::OverLimitToken);
        }
        for kind in violations.into_iter().flatten().chain(over_limit) {
            self.log.violation(kind, at, token_id.clone());
        }
        let number = self.log.push(SeenRequest {
            at: system_time(at),
            method: Method::GET,
            path: "/".into(),
            endpoint: Some(Endpoint::Stream),
            credential: kind,
            status: None,
        });
        (number, identity)
    }

    fn admit(&mut self, caller: Identity) -> Result<(), Refusal> {
        let key = match caller {
            Identity::Nobody => return Err(Refusal::no_credential()),
            Identity::Refused(reason) => return Err(Refusal::bad_credential(reason)),
            Identity::Key(key) => key,
            Identity::Token(index, standing) => {
                if let Some(refusal) = Refusal::bad_standing(standing) {
                    return Err(refusal);
                }
                match self.tokens.get_mut(index) {
                    Some(token) => {
                        token.remaining = token.remaining.saturating_sub(1);
                        token.key
                    }
                    None => return Err(Refusal::no_credential()),
                }
            }
        };
        self.has_websockets(key)
    }

    fn has_websockets(&self, key: KeyIndex) -> Result<(), Refusal> {
        if self.keys.get(key).plan.has_websockets() {
            Ok(())
        } else {
            Err(Refusal::plan_without_websockets())
        }
    }

    /// Why a stream that was let in has to end; its token's request limit is no reason.
    fn end_of(&self, of: Identity, now: Now) -> Option<Refusal> {
        let key = match of {
            Identity::Key(key) if !self.keys.is_live(key) => return Some(Refusal::deleted_key()),
            Identity::Key(key) => key,
            Identity::Token(index, _) => {
                let Some(token) = self.tokens.get(index) else {
                    return Refusal::bad_standing(Standing::Expired);
                };
                match token.standing(now.true_time) {
                    Standing::Good | Standing::Exhausted => token.key,
                    dead => return Refusal::bad_standing(dead),
                }
            }
            Identity::Nobody | Identity::Refused(_) => return Some(Refusal::no_credential()),
        };
        self.has_websockets(key).err()
    }
}

/// The answer to a message that is no more than a sign of life.
pub(super) fn pong(message: &Value) -> Option<Said> {
    (message["event"] == "ping").then(|| Said::Text(json!({ "event": "pong" }).to_string()))
}

impl Streams {
    fn change(&mut self, of: Identity, message: &Value, now: Now) -> Result<(), Refusal> {
        let payload = &message["payload"];
        match message["type"].as_str() {
            Some("market") if self.0.len() < MAX_STREAMS => self.0.push(Stream {
                of,
                assets: assets(payload)?,
                interval: interval(payload)?,
                next_at: now.true_time,
            }),
            Some("market") => return Err(Refusal::invalid("too many subscriptions on one socket")),
            Some("unsubscribe") => self.0.clear(),
            _ => return Err(Refusal::invalid("type must be market or unsubscribe")),
        }
        Ok(())
    }

    fn due(&mut self, now: Duration) -> Vec<Said> {
        let due = self.0.iter_mut().filter(|stream| stream.next_at <= now);
        due.map(|stream| {
            stream.next_at = now + stream.interval;
            Said::Text(data::market_update(&stream.assets, now))
        })
        .collect()
    }
}

/// `[{"name":"Bitcoin"}]`, or an address or a symbol in the place of the name.
fn assets(payload: &Value) -> Result<Vec<String>, Refusal> {
    let name = |asset: &Value| {
        let mut names = ["name", "symbol", "address"].into_iter();
        names.find_map(|member| asset[member].as_str().map(ToOwned::to_owned))
    };
    let assets = payload["assets"]
        .as_array()
        .filter(|assets| (1..=data::MAX_ASSETS).contains(&assets.len()));
    assets
        .and_then(|assets| assets.iter().map(name).collect())
        .ok_or_else(|| {
            Refusal::invalid("payload.assets must list 1 to 500 assets by name, symbol or address")
        })
}

fn interval(payload: &Value) -> Result<Duration, Refusal> {
    match &payload["interval"] {
        Value::Null => Ok(INTERVAL),
        interval => interval
            .as_u64()
            .filter(|seconds| (1..=86_400).contains(seconds))
            .map(Duration::from_secs)
            .ok_or_else(|| Refusal::invalid("payload.interval must be a number of seconds")),
    }
}

pub(super) fn error(message: &str) -> Said {
    Said::Text(json!({ "event": "error", "message": message }).to_string())
}

/// Where none is said: as in the example of the documentation.
const INTERVAL: Duration = Duration::from_secs(15);
const MAX_STREAMS: usize = 100;

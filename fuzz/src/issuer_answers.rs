//! What holds for every answer of the issuer, and for each kind of them.

use http::HeaderMap;
use http_body_util::BodyExt;
use mobula_auth::issuer::RevokeReport;
use serde_json::{Map, Value};

use super::canary::{KEY, assert_absent};
use super::issuer_mint;
use super::issuer_oracle::Verdict;
use super::issuer_request::{Answer, Visit};

impl Visit {
    pub(crate) async fn look_at(
        &mut self,
        answer: Answer,
        verdict: &Verdict,
        aside: Option<usize>,
    ) {
        let (head, body) = answer.into_parts();
        let Ok(body) = body.collect().await;
        let body = body.to_bytes();
        assert_safe(&head.headers);
        let text = std::str::from_utf8(&body).expect("JSON is UTF-8");
        assert_absent(&[KEY], &format!("{:?} {text}", head.headers));
        let json: Map<String, Value> = serde_json::from_slice(&body).expect("JSON");
        let status = head.status.as_u16();
        if verdict.faults.is_empty() {
            let possible = if verdict.is_revocation {
                matches!((status, &verdict.id), (200 | 429 | 502, _) | (404, Some(_)))
            } else {
                matches!(status, 200 | 401 | 429 | 502 | 503)
            };
            assert!(possible, "{status} {text}");
        } else {
            assert!(
                verdict.faults.contains(&status),
                "{status} {text}, not {:?}",
                verdict.faults
            );
        }
        let is_token = status == 200 && !verdict.is_revocation;
        assert_eq!(json.contains_key("token"), is_token);
        let told_secrets = text.matches(issuer_mint::TOKEN).count();
        let told_ids = text.matches(issuer_mint::ID).count();
        assert_eq!(
            [told_secrets, told_ids],
            [usize::from(is_token); 2],
            "{text}"
        );
        assert_eq!(head.headers.contains_key("allow"), status == 405);
        assert_eq!(head.headers.contains_key("www-authenticate"), status == 401);
        if is_token {
            assert!(!self.is_shut_down || aside.is_some(), "after the shutdown");
            self.take(&json, verdict, aside);
        } else if json.contains_key("revoked") {
            self.look_at_report(status, &json, verdict, aside.is_some());
        } else {
            self.look_at_failure(status, &head.headers, &json, verdict, aside.is_some());
        }
    }

    fn take(&mut self, json: &Map<String, Value>, verdict: &Verdict, aside: Option<usize>) {
        assert_eq!(json.len(), 5, "no more than is documented");
        assert!(json["expiresAt"].is_string());
        let told = Value::Object(json.clone());
        let asked_in = aside.unwrap_or(self.steps);
        self.books.deliver(&self.mint, verdict, asked_in, &told);
        if aside.is_none() {
            assert!(self.books.is_as_good_as_told(&self.mint, &told), "{told}");
            let [of_each, of_all] = self.limits;
            self.books.check_limits(of_each, of_all);
        }
    }

    fn look_at_report(
        &self,
        status: u16,
        json: &Map<String, Value>,
        verdict: &Verdict,
        is_aside: bool,
    ) {
        let number = |name: &str| json[name].as_u64().expect("a number");
        let (revoked, left) = (number("revoked"), number("left"));
        assert_eq!((json.len(), status), (2, if left == 0 { 200 } else { 502 }));
        let who = verdict.who.expect("an unknown caller was refused");
        match verdict.id.as_deref() {
            Some(id) => {
                assert_eq!(revoked + left, 1);
                let number = issuer_mint::number(id).expect("an id that was given");
                assert_eq!(self.mint.books().made[number].is_revoked, revoked == 1);
            }
            None if left == 0 && !is_aside => self.is_logged_out(who, RevokeReport::default()),
            None => {}
        }
    }

    fn look_at_failure(
        &self,
        status: u16,
        headers: &HeaderMap,
        json: &Map<String, Value>,
        verdict: &Verdict,
        is_aside: bool,
    ) {
        assert_ne!(status, 200);
        let code = json["error"].as_str().expect("a text");
        let message = json["message"].as_str().expect("a text");
        assert!(!code.is_empty() && !message.is_empty());
        let told = headers.get("retry-after");
        let told = told.map(|value| value.to_str().expect("digits").parse().expect("digits"));
        assert_eq!(
            json.get("retryAfter")
                .map(|it| it.as_u64().expect("a number")),
            told
        );
        let has_end = matches!(status, 429 | 502 | 503) && code != "shut_down";
        assert_eq!(told.is_some(), has_end, "{status} {code}");
        assert!(told.is_none_or(|seconds| (1..=600).contains(&seconds)));
        if verdict.faults.is_empty() {
            assert_ne!((status, code), (401, "unauthenticated"));
            assert_eq!(
                status == 503 && code == "shut_down",
                self.is_shut_down && status == 503
            );
        }
        if let (404, Some(who), Some(id), false) = (status, verdict.who, &verdict.id, is_aside) {
            let number = issuer_mint::number(id);
            let is_own = number
                .is_some_and(|number| self.books.good_ones(&self.mint, who).contains(&number));
            assert!(!is_own || !self.asides.is_empty(), "{who} has {id}");
        }
    }
}

/// U2: on every answer, whatever its status, once each.
fn assert_safe(headers: &HeaderMap) {
    for (name, expected) in [
        ("cache-control", "no-store"),
        ("pragma", "no-cache"),
        ("vary", "Origin"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("content-type", "application/json"),
    ] {
        let values: Vec<_> = headers.get_all(name).into_iter().collect();
        assert_eq!(values, [expected], "{name}");
    }
}

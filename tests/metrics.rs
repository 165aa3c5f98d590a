//! V9: what is counted, under which names, with labels from closed sets alone.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use mobula_auth::emulator::{Emulator, Endpoint, Fault, Plan};
use mobula_auth::issuer::{Grant, Refusal, TokenIssuer};
use mobula_auth::{ApiKey, AutoRefreshingToken, TokenClient};
use serde_json::Value;
use tower::{Layer, ServiceExt};

#[test]
fn counters_and_gauges_tell_what_happened() {
    let (lines, secrets) = counted(live());
    assert_eq!(
        lines,
        [
            "mobula_auth_shutdown_total{} 1",
            "mobula_auth_standby_promoted_total{} 1",
            "mobula_auth_token_expires_in_seconds{} 3597",
            "mobula_auth_token_refresh_total{outcome=created} 1",
            "mobula_auth_token_refresh_total{outcome=transient} 1",
            "mobula_auth_token_rejected_total{} 1",
            "mobula_auth_token_standby{} 0",
        ]
    );
    let all = lines.join("\n");
    assert!(secrets.iter().all(|secret| !all.contains(secret.as_str())));
}

#[test]
fn an_issuer_counts_what_it_answers_and_by_no_name() {
    let (lines, secrets) = counted(issue());
    assert_eq!(
        lines,
        [
            "mobula_auth_issuer_answers_total{outcome=forbidden} 2",
            "mobula_auth_issuer_answers_total{outcome=issued} 2",
            "mobula_auth_issuer_answers_total{outcome=rate_limited} 1",
            "mobula_auth_issuer_answers_total{outcome=upstream_refused} 1",
            "mobula_auth_issuer_created_total{} 2",
            "mobula_auth_issuer_failed_total{outcome=plan_required} 1",
            "mobula_auth_issuer_revoked_total{outcome=left} 2",
            "mobula_auth_issuer_revoked_total{outcome=revoked} 2",
        ]
    );
    let all = lines.join("\n");
    assert!(secrets.iter().all(|secret| !all.contains(secret.as_str())));
}

/// What was counted while this ran, and what it gives.
fn counted<T>(what: impl Future<Output = T>) -> (Vec<String>, T) {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let output = metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(what)
    });

    let mut lines: Vec<String> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| {
            let labels: Vec<_> = key
                .key()
                .labels()
                .map(|label| format!("{}={}", label.key(), label.value()))
                .collect();
            let value = match value {
                DebugValue::Counter(count) => count.to_string(),
                DebugValue::Gauge(value) => format!("{:.0}", value.into_inner()),
                DebugValue::Histogram(_) => "a histogram".to_owned(),
            };
            format!("{}{{{}}} {value}", key.key().name(), labels.join(","))
        })
        .collect();
    lines.sort();
    (lines, output)
}

/// Tokens, refusals of each kind, a revocation that fails and one that does not. Gives what must be in no label.
async fn issue() -> Vec<String> {
    let emulator = Emulator::new();
    let tokens = TokenClient::new(emulator.clone(), ApiKey::new(emulator.api_key()).unwrap());
    let hook = async |head: Parts| match head.uri.path() {
        "/ann" => Ok(Grant::new("ann")?),
        "/bob" => Ok(Grant::new("bob")?),
        _ => Err(Refusal::forbidden()),
    };
    let issuer = TokenIssuer::builder(tokens, hook)
        .capacity(0)
        .subject_limit(2, Duration::from_secs(60));
    let issuer = issuer.build().unwrap();
    let ask = async |path: &str| {
        let request = Request::post(path).body(Full::<Bytes>::default()).unwrap();
        let Ok(answer) = issuer.clone().oneshot(request).await;
        answer.into_body().collect().await.unwrap().to_bytes()
    };
    let mut said = Vec::new();
    for path in ["/ann", "/ann", "/ann", "/eve", "/eve"] {
        said.push(ask(path).await);
    }
    for _ in 0..2 {
        emulator.fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE).on(Endpoint::Revoke));
    }
    issuer.revoke_subject("ann").await;
    issuer.revoke_subject("ann").await;
    assert!(emulator.set_plan(&emulator.api_key(), Plan::Free));
    said.push(ask("/bob").await);

    let mut secrets = vec![emulator.api_key(), "ann".to_owned(), "bob".to_owned()];
    for answer in said {
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        for name in ["token", "id"] {
            secrets.extend(answer[name].as_str().map(str::to_owned));
        }
    }
    assert_eq!(secrets.len(), 3 + 4);
    secrets
}

/// A token, its rejection, a failed refresh, a shutdown. Gives the secrets that took part.
async fn live() -> Vec<String> {
    let emulator = Emulator::new();
    let tokens = TokenClient::new(emulator.clone(), ApiKey::new(emulator.api_key()).unwrap());
    let auth = AutoRefreshingToken::builder(tokens)
        .revoke_replaced_after(None)
        .build()
        .unwrap();
    let get = async || {
        let request = Request::get("https://api.mobula.io/api/1/all")
            .body(Full::<Bytes>::default())
            .unwrap();
        auth.layer(emulator.clone())
            .oneshot(request)
            .await
            .unwrap()
            .status()
    };
    let lease = auth.lease().await.unwrap();
    assert!(emulator.revoke_token(lease.token().id().unwrap()));
    assert_eq!(get().await, StatusCode::UNAUTHORIZED);
    assert_eq!(get().await, StatusCode::OK);
    emulator.fault(Fault::status(StatusCode::SERVICE_UNAVAILABLE).on(Endpoint::Create));
    auth.refresh().await.unwrap_err();
    auth.shutdown().await;
    vec![emulator.api_key(), lease.token().expose_secret().to_owned()]
}

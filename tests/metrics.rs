//! V9: what is counted, under which names, with labels from closed sets alone.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use mobula_auth::emulator::{Emulator, Endpoint, Fault};
use mobula_auth::{ApiKey, AutoRefreshingToken, TokenClient};
use tower::{Layer, ServiceExt};

#[test]
fn counters_and_gauges_tell_what_happened() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let secrets = metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(live())
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

//! V1, V3, V6: no key and no token shows in what this crate formats or says. What it traces is in `tests/log`.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt::Debug;
use std::time::Duration;

use crate::canaries::Canaries;
use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use mobula_auth::emulator::{Emulator, ErrorEnvelope, Fault, Plan};
use mobula_auth::{
    ApiKey, ApiKeyAuth, ApiToken, AutoRefreshingToken, BearerAuth, CreateTokens, Error, KeyHeader,
    Measured, Origins, PerRequestAuth, RefreshPolicy, ReplayRejected, TokenClient, TokenRegistry,
};
use tower::{Layer, Service, ServiceExt};

/// Everything that was formatted, and the names of the types that it came from.
#[derive(Default)]
struct Formatted {
    texts: Vec<(String, String)>,
    types: BTreeSet<String>,
}

impl Formatted {
    fn add<T: Debug>(&mut self, value: &T) {
        let path = std::any::type_name::<T>();
        let name = path.split('<').next().unwrap().rsplit("::").next().unwrap();
        self.types.insert(name.to_owned());
        self.texts
            .push((name.to_owned(), format!("{value:?}\n{value:#?}")));
    }

    fn add_error(&mut self, error: &(dyn StdError + 'static)) {
        let mut link = Some(error);
        while let Some(error) = link {
            self.texts.push((
                "an error".to_owned(),
                format!("{error}\n{error:?}\n{error:#?}"),
            ));
            link = error.source();
        }
        self.types.insert("Error".to_owned());
    }
}

/// The types that `lib.rs` exports, by its own text: a new one must be formatted here too.
fn exported_types() -> BTreeSet<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).unwrap();
    let traits = ["CloneRequest", "HttpRequest", "HttpResponse", "TokenSource"];
    text.split("pub use ")
        .skip(1)
        .map(|rest| rest.split(';').next().unwrap())
        .flat_map(|list| list.split(|c: char| !c.is_alphanumeric() && c != '_'))
        .filter(|word| word.starts_with(char::is_uppercase) && !traits.contains(word))
        .map(ToOwned::to_owned)
        .collect()
}

#[tokio::test]
async fn v1_no_public_type_shows_a_secret() {
    let emulator = Emulator::new();
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let tokens = TokenClient::new(emulator.clone(), key.clone());
    let builder = AutoRefreshingToken::builder(tokens.clone());
    let mut formatted = Formatted::default();
    formatted.add(&builder);
    let auth = builder.build().unwrap();
    let lease = auth.lease().await.unwrap();
    let token = lease.token().clone();
    let canaries = Canaries::new([key.expose_secret(), token.expose_secret()]);

    formatted.add(&ApiKeyAuth::new(key.clone()).layer(emulator.clone()));
    formatted.add(&ApiKeyAuth::new(key.clone()));
    formatted.add(&BearerAuth::new(token.clone()));
    formatted.add(&PerRequestAuth::new());
    formatted.add(&PerRequestAuth::new().layer(emulator.clone()));
    let mut service = auth.layer(emulator.clone());
    formatted.add(&service);
    let request = Request::get("https://api.mobula.io/api/1/all")
        .body(Full::<Bytes>::default())
        .unwrap();
    formatted.add(&service.call(request));
    formatted.add(&auth);
    formatted.add(&auth.status());
    let registry = TokenRegistry::new({
        let tokens = tokens.clone();
        move |_| AutoRefreshingToken::builder(tokens.clone()).build()
    });
    drop(registry.get(&key).unwrap());
    formatted.add(&registry);
    formatted.add(&registry.layer(emulator.clone()));
    let without_key = Request::get("https://api.mobula.io/").body(Full::<Bytes>::default());
    let missing_key = registry
        .layer(emulator.clone())
        .oneshot(without_key.unwrap());
    formatted.add_error(&*missing_key.await.unwrap_err());
    formatted.add(&tokens.list().await.unwrap()[0]);
    formatted.add(&tokens);
    formatted.add(&TokenClient::reqwest(key.clone()).unwrap());
    let transport = std::any::type_name_of_val(&TokenClient::reqwest(key.clone()).unwrap())
        .contains("ReqwestTransport");
    assert!(transport);
    formatted.types.insert("ReqwestTransport".to_owned());
    formatted.add(&lease);
    formatted.add(&key);
    formatted.add(&token);
    formatted.add(&CreateTokens::default());
    formatted.add(&Origins::default());
    formatted.add(&mobula_auth::HttpRequest::origin(
        &Request::get("https://api.mobula.io/").body(()).unwrap(),
    ));
    formatted.add(&KeyHeader::default());
    formatted.add(&ReplayRejected::default());
    let windows = RefreshPolicy::default().windows(Duration::from_secs(60), 1, 0.5);
    formatted.add(&RefreshPolicy::default());
    formatted.add(&windows);
    formatted.add(&windows.freshness(Duration::ZERO, 1, Measured::default()));
    formatted.add(&Measured::default());
    let mut with_secrets = Request::get("https://api.mobula.io/").body(()).unwrap();
    *with_secrets.uri_mut() = format!("https://api.mobula.io/?token={}", token.expose_secret())
        .parse()
        .unwrap();
    with_secrets
        .headers_mut()
        .insert("authorization", key.expose_secret().parse().unwrap());
    formatted.add(&mobula_auth::HttpRequest::head(&with_secrets));
    let mut events = auth.subscribe();
    formatted.add(&events);
    formatted.add(&auth.keep_warm());
    auth.refresh().await.unwrap();
    formatted.add(&events.next().await.unwrap());
    formatted.add(&events.next().await.unwrap());
    formatted.add(&auth.shutdown().await);
    formatted.add_error(&auth.refresh().await.unwrap_err());

    for (place, text) in &formatted.texts {
        canaries.assert_absent(place, text);
    }
    let forgotten: Vec<_> = exported_types()
        .difference(&formatted.types)
        .cloned()
        .collect();
    assert!(
        forgotten.is_empty(),
        "these exported types are not formatted here: {forgotten:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn v3_no_error_shows_a_secret() {
    let envelopes = [
        ErrorEnvelope::Detailed,
        ErrorEnvelope::ErrorOnly,
        ErrorEnvelope::PlainText,
    ];
    let mut errors: Vec<Error> = Vec::new();
    let mut secrets: Vec<String> = Vec::new();
    for envelope in envelopes {
        let emulator = Emulator::builder().error_envelope(envelope).build();
        let key = ApiKey::new(emulator.api_key()).unwrap();
        let tokens = TokenClient::new(emulator.clone(), key.clone());
        let token = tokens
            .create(CreateTokens::default())
            .await
            .unwrap()
            .remove(0);
        secrets.extend([
            key.expose_secret().to_owned(),
            token.expose_secret().to_owned(),
        ]);

        // A server that echoes what it was sent, in each of its faults.
        let echo = format!(
            "you sent {} and {}",
            key.expose_secret(),
            token.expose_secret()
        );
        let echo_json = format!(r#"{{"message":"{echo}","error":"{echo}"}}"#);
        let html = HeaderValue::from_static("text/html");
        let json = HeaderValue::from_static("application/json");
        let mut faults = vec![
            Fault::hang(),
            Fault::reset(),
            Fault::truncated_body(),
            Fault::oversized_body(1 << 20),
            Fault::body(echo.clone(), html),
            Fault::body(echo_json.clone(), json.clone()),
            Fault::body(format!(r#"["{echo}"]"#), json.clone()),
        ];
        for status in [302, 400, 401, 403, 404, 418, 429, 500, 503] {
            let status = StatusCode::from_u16(status).unwrap();
            faults.push(Fault::status(status));
            faults.push(Fault::body(echo_json.clone(), json.clone()).with_status(status));
        }
        for fault in faults {
            emulator.fault(fault.always());
            errors.extend(tokens.create(CreateTokens::default()).await.err());
            errors.extend(tokens.list().await.err());
            errors.extend(tokens.inspect(&token).await.err());
            errors.extend(tokens.revoke(token.id().unwrap()).await.err());
            emulator.clear_faults();
            tokio::time::sleep(Duration::from_secs(61)).await;
        }
        assert!(emulator.set_plan(&emulator.api_key(), Plan::Free));
        errors.extend(tokens.create(CreateTokens::default()).await.err());
        assert!(emulator.delete_api_key(&emulator.api_key()));
        errors.extend(tokens.list().await.err());
        errors.extend(tokens.revoke(token.expose_secret()).await.err());
        let auth = AutoRefreshingToken::new(tokens);
        errors.extend(auth.lease().await.err());
    }
    // What is refused as a credential is not repeated either.
    let bad = "a refused-secret-of-somebody\n";
    errors.extend([
        ApiKey::new(bad).unwrap_err(),
        ApiToken::new(bad).unwrap_err(),
    ]);
    errors.extend(ApiKey::new(&secrets[1]).err());
    secrets.push(bad[2..].trim().to_owned());

    assert!(errors.len() > 200, "{} errors", errors.len());
    let canaries = Canaries::new(secrets.iter().map(String::as_str));
    let mut formatted = Formatted::default();
    for error in &errors {
        formatted.add_error(error);
    }
    for (place, text) in &formatted.texts {
        canaries.assert_absent(place, text);
    }
}

/// A header value that is not marked sensitive would print, and would be indexed by HTTP/2.
#[tokio::test]
async fn every_credential_is_marked_sensitive_on_its_way() {
    let seen = tower::service_fn(|request: Request<()>| async move {
        Ok::<_, std::convert::Infallible>(http::Response::new(request.into_parts().0.headers))
    });
    let request = || Request::get("https://api.mobula.io/").body(()).unwrap();
    let key = || ApiKey::new("key").unwrap();
    for header in [
        KeyHeader::Authorization,
        KeyHeader::AuthorizationBearer,
        KeyHeader::XApiKey,
    ] {
        let response = ApiKeyAuth::new(key())
            .header(header)
            .layer(seen)
            .oneshot(request())
            .await
            .unwrap();
        assert!(response.body().values().all(HeaderValue::is_sensitive));
    }
    let per_request = PerRequestAuth::new().layer(seen);
    let mut own_key = request();
    own_key.extensions_mut().insert(key());
    let mut own_token = request();
    let token = ApiToken::new("token").unwrap();
    own_token.extensions_mut().insert(token.clone());
    for own in [own_key, own_token] {
        let response = per_request.clone().oneshot(own).await.unwrap();
        assert!(response.body()["authorization"].is_sensitive());
    }
    let token = BearerAuth::new(token);
    let response = token.layer(seen).oneshot(request()).await.unwrap();
    assert!(response.body().values().all(HeaderValue::is_sensitive));
}

/// A secret has one way out, and it is not one that is taken by accident.
#[test]
fn credentials_cannot_be_shown_or_borrowed_as_text() {
    use static_assertions::assert_not_impl_any;
    assert_not_impl_any!(ApiKey: std::fmt::Display, AsRef<str>, AsRef<[u8]>, std::ops::Deref, Into<String>, PartialEq);
    assert_not_impl_any!(ApiToken: std::fmt::Display, AsRef<str>, AsRef<[u8]>, std::ops::Deref, Into<String>, PartialEq);
}

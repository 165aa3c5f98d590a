//! V3: no error shows the key or the token, in whatever form the other side threw them back.

use std::error::Error as StdError;
use std::fmt::Write;
use std::iter;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};
use http::{Request, Response};
use http_body_util::Full;
use mobula_auth::{CreateTokens, Error, TokenClient};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::scripted_server::{Answer, ScriptedServer, Then};
use super::{AnyClient, ID, KEY, TOKEN, key, token};

/// All the forms of a secret that somebody may have reason to write.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap();
    let percent = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let hex = HEXLOWER_PERMISSIVE.encode(secret.as_bytes());
    let all_percent = hex
        .as_bytes()
        .chunks(2)
        .fold(String::new(), |mut all, pair| {
            let _ = write!(all, "%{}{}", char::from(pair[0]), char::from(pair[1]));
            all
        });
    let encodings = [BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD];
    let base64 = encodings.map(|encoding| encoding.encode(secret.as_bytes()));
    let others = [
        secret.to_owned(),
        json.trim_matches('"').to_owned(),
        percent.to_lowercase(),
        percent,
        all_percent,
    ];
    others.into_iter().chain(base64).collect()
}

/// Everything that can be printed of an error, and of all that is under it.
fn shown(error: &Error) -> String {
    let mut shown = String::new();
    let chain = iter::successors(Some(error as &dyn StdError), |&error| error.source());
    for error in chain {
        write!(shown, "{error}\n{error:?}\n{error:#?}\n").unwrap();
    }
    shown
}

fn assert_no_canary(error: &Error) {
    let shown = shown(error);
    for form in [KEY, TOKEN].into_iter().flat_map(forms) {
        assert!(!shown.contains(&form), "{form} in {shown}");
        // `Debug` escapes once more.
        assert!(
            !shown.contains(&form.escape_debug().to_string()),
            "{form} in {shown}"
        );
    }
    assert!(
        !shown.contains("://") && !shown.contains("token="),
        "{shown}"
    );
}

#[tokio::test]
async fn what_the_server_throws_back_is_redacted() {
    for form in forms(KEY) {
        let bodies = [
            serde_json::json!({ "message": format!("bad key '{form}' for 'x'") }).to_string(),
            serde_json::json!({ "message": ["bad", form] }).to_string(),
            serde_json::json!({ "error": form }).to_string(),
            serde_json::json!({ "detail": { "key": form } }).to_string(),
            format!("<p>{form}</p>"),
            format!("{}{form}", "x".repeat(250)),
        ];
        for body in bodies {
            for status in [307, 400, 401, 403, 404, 429, 500, 503] {
                let server = ScriptedServer::start(Answer::json(status, &body)).await;
                for client in AnyClient::both(&server.url) {
                    for error in client.all_fail().await {
                        assert_no_canary(&error);
                    }
                }
            }
        }
    }
    for form in forms(TOKEN) {
        let body = serde_json::json!({ "message": format!("no token {form}!") }).to_string();
        let server = ScriptedServer::start(Answer::json(404, body)).await;
        for client in AnyClient::both(&server.url) {
            let error = client.inspect(&token()).await.unwrap_err();
            assert_no_canary(&error);
            assert!(error.to_string().contains("no token [redacted]"), "{error}");
        }
    }
}

/// Also what a good status came with: it may be a token that is nobody's yet.
#[tokio::test]
async fn an_answer_that_cannot_be_used_is_not_quoted() {
    for answer in [
        Answer::json(
            200,
            format!(r#"{{"createApiTokens":[{{"jwt":"{TOKEN}"}}]}}"#),
        ),
        Answer::new(200, &["content-type: text/html"], TOKEN),
        Answer::json(200, format!(r#"{{"token":"{TOKEN}""#)),
        Answer::json(200, TOKEN.repeat(10_000)),
    ] {
        let server = ScriptedServer::start(answer).await;
        for client in AnyClient::both(&server.url) {
            assert_no_canary(&client.create(1).await.unwrap_err());
            assert_no_canary(&client.list().await.unwrap_err());
            assert_no_canary(&client.inspect(&token()).await.unwrap_err());
        }
    }
}

#[tokio::test]
async fn a_broken_connection_tells_nothing() {
    for answer in [
        Answer::raw("", Then::Close),
        Answer::raw("", Then::Reset),
        Answer::raw("", Then::Hang),
        Answer::raw(format!("HTTP/1.1 {KEY} {TOKEN}\r\n\r\n"), Then::Close),
        Answer::raw(
            format!("HTTP/1.1 500 No\r\n{KEY} {TOKEN}\r\n\r\n"),
            Then::Close,
        ),
        Answer::head(500, &["content-length: 9"], Then::Close),
    ] {
        let server = ScriptedServer::start(answer).await;
        for client in AnyClient::both_within(&server.url, Duration::from_millis(50)) {
            for error in client.all_fail().await {
                assert_no_canary(&error);
            }
        }
    }
}

/// An HTTP client whose errors quote all that it knows, as some do.
#[tokio::test]
async fn a_transport_error_is_flattened_and_redacted() {
    #[derive(Debug)]
    struct Outer(Inner);
    #[derive(Debug)]
    struct Inner(String);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("not sent")
        }
    }
    impl std::fmt::Display for Inner {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(&self.0)
        }
    }
    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }
    impl StdError for Inner {}

    for form in forms(KEY).into_iter().chain(forms(TOKEN)) {
        let http_client = tower::service_fn(move |request: Request<Full<Bytes>>| {
            let said = format!("{form}\n{} {form}", request.uri());
            async move { Err::<Response<Full<Bytes>>, _>(Outer(Inner(said))) }
        });
        let client = TokenClient::new(http_client, key());
        let inspected = client.inspect(&token()).await.unwrap_err();
        assert_no_canary(&inspected);
        assert!(inspected.source().is_none());
    }
    for form in forms(KEY) {
        let http_client = tower::service_fn(move |request: Request<Full<Bytes>>| {
            let said = format!("{form}\n{} {form}", request.uri());
            async move { Err::<Response<Full<Bytes>>, _>(Outer(Inner(said))) }
        });
        let client = TokenClient::new(http_client, key());
        for error in [
            client.create(CreateTokens::default()).await.unwrap_err(),
            client.list().await.unwrap_err(),
            client.revoke(ID).await.unwrap_err(),
        ] {
            assert_no_canary(&error);
            let source = error.source().unwrap().to_string();
            assert!(source.starts_with("not sent: [redacted]"), "{source}");
        }
    }
}

#[test]
fn debug_shows_no_key() {
    let client = TokenClient::new((), key())
        .base_url("http://localhost:3000")
        .unwrap();
    let debug = format!("{client:?}");
    assert!(
        forms(KEY).iter().all(|form| !debug.contains(form)),
        "{debug}"
    );
    assert!(debug.contains("[redacted]") && debug.contains("http://localhost:3000"));
}

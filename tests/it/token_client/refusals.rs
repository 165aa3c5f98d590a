//! Which error each status code is.

use std::error::Error as _;
use std::time::Duration;

use super::scripted_server::{Answer, ScriptedServer};
use super::{AnyClient, ID, token};

#[tokio::test]
async fn each_status_has_its_error() {
    for (status, predicates) in [
        (400, "......"),
        (401, "R....."),
        (402, "......"),
        (403, ".P...."),
        (404, "..N..."),
        (405, "......"),
        (408, "....T."),
        (413, "......"),
        (418, "......"),
        (422, "......"),
        (429, "...L.."),
        (499, "......"),
        (500, "....T."),
        (502, "....T."),
        (503, "....T."),
        (599, "....T."),
        (999, "....T."),
    ] {
        let server = ScriptedServer::start(Answer::json(status, r#"{"message":"why"}"#)).await;
        for client in AnyClient::both(&server.url) {
            for error in client.all_fail().await {
                let found: String = [
                    (error.is_rejected(), 'R'),
                    (error.is_plan_required(), 'P'),
                    (error.is_not_found(), 'N'),
                    (error.is_rate_limited(), 'L'),
                    (error.is_transient(), 'T'),
                    (error.is_invalid_credential(), 'I'),
                ]
                .map(|(is, letter)| if is { letter } else { '.' })
                .iter()
                .collect();
                assert_eq!(found, predicates, "{status}");
                assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
                let ending = format!("({status}): why");
                assert!(error.to_string().ends_with(&ending), "{error}");
                assert!(error.source().is_none());
            }
        }
    }
}

#[tokio::test]
async fn the_words_of_a_refusal() {
    for (status, body, words) in [
        (
            401,
            include_str!("../../fixtures/error_string.json"),
            "Mobula does not accept the API key (401): Invalid API key",
        ),
        (
            403,
            "",
            "Mobula does not let this API key use short-lived tokens: they need the Startup, Growth or \
             Enterprise plan (403)",
        ),
        (
            400,
            include_str!("../../fixtures/error_messages.json"),
            "Mobula's token API refused the request (400): expiresIn must be a number, count must not be \
             greater than 25",
        ),
        (
            400,
            include_str!("../../fixtures/error_fastify.json"),
            "Mobula's token API refused the request (400): body/expiresIn must be >= 60000",
        ),
        (
            502,
            include_str!("../../fixtures/error_page.html"),
            "Mobula's token API is in trouble (502): <html><body><h1>502 Bad Gateway</h1></body></html>",
        ),
        (
            500,
            "{\"message\":\"\\u001b[31mred\\n\u{202e}\"}",
            "Mobula's token API is in trouble (500): \\u{1b}[31mred\\n\\u{202e}",
        ),
    ] {
        let server = ScriptedServer::start(Answer::json(status, body)).await;
        for client in AnyClient::both(&server.url) {
            let error = client.create(1).await.unwrap_err();
            assert_eq!(error.to_string(), words);
        }
    }
    let server = ScriptedServer::start(Answer::json(404, "")).await;
    for client in AnyClient::both(&server.url) {
        let say = [
            client.create(1).await.unwrap_err().to_string(),
            client.revoke(ID).await.unwrap_err().to_string(),
        ];
        let expected = [
            "there is no token API at this base URL (404)",
            "Mobula knows no such token (404)",
        ];
        assert_eq!(say, expected);
    }
}

#[tokio::test]
async fn the_wait_that_a_server_asks_for_is_told() {
    let date = "date: Sun, 06 Nov 1994 08:49:37 GMT";
    for (status, headers, expected) in [
        (429, &["retry-after: 30"][..], Some(30)),
        (429, &["retry-after: 99999999999999999999"], Some(600)),
        (
            429,
            &["retry-after: Sun, 06 Nov 1994 08:50:07 GMT", date],
            Some(30),
        ),
        (429, &["retry-after: soon"], None),
        (429, &[date], None),
        (503, &["retry-after: 30"], Some(30)),
        (401, &["retry-after: 30"], None),
    ] {
        let server = ScriptedServer::start(Answer::new(status, headers, "")).await;
        for client in AnyClient::both(&server.url) {
            let error = client.create(1).await.unwrap_err();
            assert_eq!(error.retry_after(), expected.map(Duration::from_secs));
        }
    }
}

/// N10: a 307 would send the key, and the body, once more.
#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = ScriptedServer::start(Answer::json(200, r#"{"token":"stolen"}"#)).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}/api/2/auth/tokens", elsewhere.url);
        let server = ScriptedServer::start(Answer::new(status, &[&location], "")).await;
        for client in AnyClient::both(&server.url) {
            for error in client.all_fail().await {
                assert!(error.is_transient());
                assert!(error.to_string().contains("never followed"), "{error}");
            }
        }
        let loops = Answer::new(status, &["location: /api/2/auth/tokens"], "");
        let server = ScriptedServer::start(loops).await;
        for client in AnyClient::both(&server.url) {
            client.inspect(&token()).await.unwrap_err();
        }
        assert_eq!(server.requests().len(), 2);
    }
    assert!(elsewhere.requests().is_empty());
}

//! What comes back and is taken.

use std::time::Duration;

use mobula_auth::{ApiToken, TokenInfo};

use super::scripted_server::{Answer, ScriptedServer, Then};
use super::{AnyClient, ID, token};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../fixtures/", $name))
    };
}

#[tokio::test]
async fn every_2xx_with_tokens_is_tokens() {
    for body in [
        fixture!("create_documented.json"),
        fixture!("create_bare_array.json"),
        fixture!("create_data_array.json"),
        fixture!("create_graphql.json"),
        fixture!("create_numbers.json"),
        fixture!("create_null_remaining.json"),
        fixture!("create_unknown_members.json"),
        fixture!("create_one_in_data.json"),
        fixture!("create_one_bare.json"),
        fixture!("create_one_wrapped.json"),
    ] {
        for status in [200, 201, 202, 299] {
            let date = "date: Mon, 10 Mar 2025 11:00:00 GMT";
            let answer = Answer::new(status, &["content-type: application/json", date], body);
            let server = ScriptedServer::start(answer).await;
            for client in AnyClient::both(&server.url) {
                let tokens = client.create(1).await.unwrap();
                let [token] = <[_; 1]>::try_from(tokens).unwrap();
                assert_eq!(token.id(), Some(ID));
                assert_eq!(token.lifetime(), Some(Duration::from_secs(3_600)));
                assert_eq!(token.request_limit(), Some(1_000));
                assert!(token.expires_at().is_some());
            }
        }
    }
}

#[tokio::test]
async fn lists_and_single_tokens_are_read() {
    for (body, ids) in [
        (fixture!("list_documented.json"), 2),
        (fixture!("list_bare_array.json"), 2),
        (fixture!("list_data.json"), 2),
        (fixture!("list_graphql.json"), 2),
        (fixture!("list_numbers.json"), 2),
        (fixture!("list_empty.json"), 0),
        (fixture!("inspect_documented.json"), 1),
        (fixture!("inspect_bare.json"), 1),
        (fixture!("inspect_data.json"), 1),
        (fixture!("inspect_graphql.json"), 1),
    ] {
        let server = ScriptedServer::start(Answer::json(200, body)).await;
        for client in AnyClient::both(&server.url) {
            let infos = client.list().await.unwrap();
            assert_eq!(infos.len(), ids, "{body}");
            let remaining = client.inspect(&token()).await.map(|info| info.remaining());
            let first = infos.first().map(TokenInfo::remaining);
            assert_eq!(remaining.ok(), first, "{body}");
        }
    }
}

#[tokio::test]
async fn every_2xx_is_a_revocation_whatever_it_says() {
    for answer in [
        Answer::raw("HTTP/1.1 204 No Content\r\n\r\n", Then::Hang),
        Answer::json(200, r#"{"deleteApiToken":"1"}"#),
        Answer::json(202, r#"{"deleted":true}"#),
        Answer::new(200, &["content-type: text/html"], "<html></html>"),
        Answer::json(200, ""),
        Answer::head(200, &["content-length: 10"], Then::Hang),
        Answer::head(200, &[], Then::Endless),
    ] {
        let server = ScriptedServer::start(answer).await;
        for client in AnyClient::both(&server.url) {
            client.revoke(ID).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_answer_is_json_or_of_no_type() {
    let body = fixture!("create_one_bare.json");
    for (good, headers) in [
        (true, &[][..]),
        (true, &["content-type: application/json; charset=utf-8"]),
        (true, &["Content-Type: Application/JSON"]),
        (true, &["content-type: application/vnd.mobula+json"]),
        (true, &["content-type: text/json"]),
        (false, &["content-type: text/html"]),
        (false, &["content-type: text/plain; charset=utf-8"]),
        (false, &["content-type: application/jsonp"]),
        (false, &["content-type:"]),
    ] {
        let server = ScriptedServer::start(Answer::new(200, headers, body)).await;
        for client in AnyClient::both(&server.url) {
            let tokens = client.create(1).await;
            assert_eq!(tokens.is_ok(), good, "{headers:?}");
            assert!(tokens.is_ok() || tokens.is_err_and(|error| error.is_transient()));
        }
    }
}

#[tokio::test]
async fn a_chunked_answer_is_whole() {
    let body = fixture!("create_documented.json");
    let mut answer = Answer::head(
        200,
        &[
            "content-type: application/json",
            "transfer-encoding: chunked",
        ],
        Then::Close,
    );
    for byte in body.bytes() {
        answer
            .bytes
            .extend_from_slice(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']);
    }
    answer.bytes.extend_from_slice(b"0\r\n\r\n");
    let server = ScriptedServer::start(answer).await;
    for client in AnyClient::both(&server.url) {
        let tokens = client.create(25).await.unwrap();
        assert_eq!(tokens.iter().filter_map(ApiToken::id).count(), 2);
    }
}

/// N6: whatever a good status comes with, it is a token or an error.
#[tokio::test]
async fn nonsense_is_a_transient_error() {
    for answer in [
        Answer::json(200, ""),
        Answer::json(200, "{}"),
        Answer::json(200, r#"{"createApiTokens":[]}"#),
        Answer::json(200, r#"{"errors":[{"message":"no"}]}"#),
        Answer::json(200, &fixture!("create_documented.json")[..200]),
        Answer::new(
            200,
            &["content-type: text/html"],
            fixture!("error_page.html"),
        ),
        Answer::raw("HTTP/1.1 204 No Content\r\n\r\n", Then::Hang),
        // Longer than it is: the connection ends first.
        Answer::raw(
            "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}",
            Then::Close,
        ),
        Answer::raw("SSH-2.0-OpenSSH_9.6\r\n", Then::Close),
        Answer::raw("", Then::Close),
        // An hour's token that is dead on arrival by the server's own clock.
        Answer::new(
            200,
            &["date: Mon, 10 Mar 2025 12:00:00 GMT"],
            fixture!("create_documented.json"),
        ),
    ] {
        let server = ScriptedServer::start(answer.clone()).await;
        for client in AnyClient::both(&server.url) {
            let error = client.create(1).await.unwrap_err();
            assert!(error.is_transient(), "{answer:?}");
        }
    }
}

/// No part of this crate asks for a compressed answer, so none is decompressed, though reqwest could.
#[tokio::test]
async fn a_compressed_answer_is_nonsense() {
    // An empty gzip stream.
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0";
    let headers = ["content-type: application/json", "content-encoding: gzip"];
    let server = ScriptedServer::start(Answer::new(200, &headers, gzip)).await;
    for client in AnyClient::both(&server.url) {
        let error = client.list().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the answer of Mobula's token API cannot be used (200): it holds no list of tokens"
        );
    }
}

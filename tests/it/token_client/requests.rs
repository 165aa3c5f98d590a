//! What goes out, byte for byte.

use super::scripted_server::{Answer, Recorded, ScriptedServer};
use super::{AnyClient, ID, KEY, token};

async fn sent<F: AsyncFn(&AnyClient)>(call: F) -> [(Recorded, String); 2] {
    let mut recorded = Vec::new();
    for nth in 0..2 {
        let server = ScriptedServer::start(Answer::json(200, "{}")).await;
        // A trailing slash makes no difference.
        let client = &AnyClient::both(&format!("{}/", server.url))[nth];
        call(client).await;
        let [request] = <[_; 1]>::try_from(server.requests()).unwrap();
        let host = server.url.replace("http://", "host: ");
        recorded.push((request, host));
    }
    recorded.try_into().unwrap()
}

fn authorization() -> String {
    format!("authorization: {KEY}")
}

#[tokio::test]
async fn create_sends_all_three_fields_as_json() {
    let requests = sent(async |client| {
        client.create(3).await.unwrap_err();
    });
    for (request, host) in requests.await {
        assert_eq!(request.line, "POST /api/2/auth/tokens HTTP/1.1");
        let headers = [
            "accept: application/json",
            &authorization(),
            "content-length: 53",
            "content-type: application/json",
            &host,
        ];
        assert_eq!(request.headers, headers);
        assert_eq!(
            request.body,
            r#"{"expiresIn":3600000,"count":3,"requestLimit":"5000"}"#
        );
    }
}

/// Mobula's server may refuse a `Content-Type` that nothing follows.
#[tokio::test]
async fn a_request_without_a_body_has_no_content_type() {
    let list = sent(async |client| {
        client.list().await.unwrap_err();
    });
    let revoke = sent(async |client| client.revoke(ID).await.unwrap());
    let inspect = sent(async |client| {
        client.inspect(&token()).await.unwrap_err();
    });
    for (requests, line) in [
        (list.await, "GET /api/2/auth/tokens HTTP/1.1".to_owned()),
        (
            revoke.await,
            format!("DELETE /api/2/auth/tokens/{ID} HTTP/1.1"),
        ),
        (
            inspect.await,
            "GET /api/2/auth/token?token=eyJjYW5hcnkiOjF9.dG9rZW4.s1gn4tur3-%2B%2F%3Dcanary HTTP/1.1"
                .to_owned(),
        ),
    ] {
        for (request, host) in requests {
            assert_eq!(request.line, line);
            let headers = ["accept: application/json", &authorization(), &host];
            assert_eq!(request.headers, headers);
            assert_eq!(request.body, "");
        }
    }
}

#[tokio::test]
async fn an_id_leads_to_no_other_path() {
    let requests = sent(async |client| client.revoke("../token?a#b").await.unwrap());
    for (request, _) in requests.await {
        assert_eq!(
            request.line,
            "DELETE /api/2/auth/tokens/..%2Ftoken%3Fa%23b HTTP/1.1"
        );
    }
    let server = ScriptedServer::start(Answer::json(200, "{}")).await;
    for client in AnyClient::both(&server.url) {
        for id in ["", ".", "..", &"x".repeat(200)] {
            let error = client.revoke(id).await.unwrap_err();
            assert!(error.is_invalid_configuration(), "{id}");
        }
    }
    assert!(server.requests().is_empty());
}

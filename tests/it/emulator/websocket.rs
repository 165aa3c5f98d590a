//! Websockets, over real sockets.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use mobula_auth::emulator::{
    CredentialKind, Emulator, Endpoint, KeyHeader, Plan, Server, ViolationKind,
};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, protocol::frame::coding::CloseCode},
};

use super::client::{ONE, create_request, create_text, minted, send};

struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn open(server: &Server) -> Self {
        let url = server.url().replace("http", "ws");
        let (socket, response) = connect_async(url).await.expect("it opens");
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["server"], "mobula-auth-emulator");
        Self(socket)
    }

    async fn say(&mut self, message: &Value) {
        self.say_text(&message.to_string()).await;
    }

    async fn say_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("it is sent");
    }

    async fn hear_any(&mut self) -> Message {
        let heard = timeout(Duration::from_secs(20), self.0.next()).await;
        let message = heard.expect("in time").expect("before the end");
        message.expect("in order")
    }

    async fn hear(&mut self) -> Value {
        let message = self.hear_any().await;
        serde_json::from_str(message.to_text().expect("it is text")).expect("it is JSON")
    }

    /// Says something with a credential, and gives the error that comes back.
    async fn refused(&mut self, authorization: &Value) -> String {
        self.say(&market(authorization)).await;
        let answer = self.hear().await;
        assert_eq!(answer["event"], "error", "{answer}");
        answer["message"].as_str().expect("a message").to_owned()
    }

    /// Nothing was said so far that was not heard.
    async fn is_silent(&mut self) {
        // What is due is said after the first answer and before the second.
        for _ in 0..2 {
            self.say(&json!({ "event": "ping" })).await;
            assert_eq!(self.hear().await, json!({ "event": "pong" }));
        }
    }

    /// The error and the end that come when a credential dies under a stream.
    async fn hear_the_end(&mut self) -> String {
        let last = self.hear().await;
        assert_eq!(last["event"], "error");
        let Message::Close(Some(frame)) = self.hear_any().await else {
            panic!("the socket stays open")
        };
        assert_eq!(frame.code, CloseCode::Policy);
        assert_eq!(last["message"], frame.reason.as_str());
        frame.reason.to_string()
    }
}

/// A request for the prices of two assets, with the longest interval, so that they come once.
fn market(authorization: &Value) -> Value {
    let payload =
        json!({ "assets": [{ "name": "Bitcoin" }, { "symbol": "ETH" }], "interval": 86_400 });
    json!({ "type": "market", "authorization": authorization, "payload": payload })
}

async fn token(emulator: &Emulator) -> (String, String) {
    let minted = minted(&create_text(emulator, ONE).await).remove(0);
    (minted.id, minted.token)
}

#[tokio::test]
async fn a_key_and_a_token_get_prices_at_once() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.expect("it serves");
    let (id, token) = token(&emulator).await;
    for credential in [emulator.api_key(), token] {
        let mut socket = Socket::open(&server).await;
        socket.say(&market(&json!(credential))).await;
        let prices = socket.hear().await;
        let names: Vec<_> = prices.as_array().expect("a list").iter().collect();
        assert_eq!(names.len(), 2);
        for (price, name) in names.iter().zip(["Bitcoin", "ETH"]) {
            assert_eq!(
                (&price["baseSymbol"], &price["quoteSymbol"]),
                (&json!(name), &json!("USD"))
            );
            assert!(price["price"].as_f64().expect("a number") > 0.0);
            assert!(price["timestamp"].is_u64());
        }
        socket.is_silent().await;
    }
    let seen: Vec<_> = emulator
        .requests()
        .into_iter()
        .filter(|request| request.endpoint == Some(Endpoint::Stream))
        .map(|request| {
            (
                request.credential,
                request.status.expect("it is answered").as_u16(),
            )
        })
        .collect();
    let header = KeyHeader::Message;
    let kinds = [
        (CredentialKind::ApiKey { header }, 200),
        (
            CredentialKind::Token {
                id: id.into(),
                header,
            },
            200,
        ),
    ];
    assert_eq!(seen, kinds);
    assert_eq!(
        (emulator.counts().stream.ok, emulator.violations()),
        (2, Vec::new())
    );
    assert_eq!(
        emulator.tokens()[0].remaining,
        4_999,
        "a message is a request"
    );
}

#[tokio::test]
async fn prices_come_again_after_each_interval_until_they_are_unsubscribed() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.expect("it serves");
    let mut socket = Socket::open(&server).await;
    let authorization = json!(emulator.api_key());
    socket.say(&market(&authorization)).await;
    let mut last = socket.hear().await[0]["timestamp"]
        .as_u64()
        .expect("a number");
    for _ in 0..3 {
        socket.is_silent().await;
        emulator.advance(Duration::from_secs(86_400));
        let now = socket.hear().await[0]["timestamp"]
            .as_u64()
            .expect("a number");
        assert!(
            (86_400_000..86_430_000).contains(&(now - last)),
            "{last} {now}"
        );
        last = now;
    }
    let unsubscribe = |authorization| json!({ "type": "unsubscribe", "authorization": authorization, "payload": {} });
    socket.say(&unsubscribe(json!("nobody's"))).await;
    assert_eq!(
        socket.hear().await["event"],
        "error",
        "it takes a credential too"
    );
    socket.say(&unsubscribe(authorization)).await;
    emulator.advance(Duration::from_secs(86_400));
    socket.is_silent().await;
}

#[tokio::test]
async fn no_credential_and_wrong_ones_are_refused_in_the_known_form() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.expect("it serves");
    let (_, good) = token(&emulator).await;
    let (revoked_id, revoked) = token(&emulator).await;
    assert!(emulator.revoke_token(&revoked_id));
    let (_, forged) = token(&Emulator::new()).await;
    let mut socket = Socket::open(&server).await;
    for (authorization, words) in [
        (Value::Null, "no API key or API token was sent"),
        (json!(17), "no API key or API token was sent"),
        (json!(""), "unknown API key or API token"),
        (json!("fa15e000-not-a-key"), "unknown API key or API token"),
        (json!(forged), "unknown API key or API token"),
        (
            json!(format!("Bearer {good}")),
            "unknown API key or API token",
        ),
        (json!(revoked), "the API token was revoked"),
    ] {
        let message = socket.refused(&authorization).await;
        assert!(message.contains(words), "{message}");
        assert!(
            !message.contains("eyJ"),
            "no error says the credential again"
        );
    }
    emulator.advance(Duration::from_secs(3_600));
    assert!(socket.refused(&json!(good)).await.contains("has expired"));
    let violations: Vec<_> = emulator.violations().iter().map(|seen| seen.kind).collect();
    assert_eq!(violations, [ViolationKind::ExpiredToken]);
    assert_eq!(
        (emulator.counts().stream.ok, emulator.counts().stream.denied),
        (0, 8)
    );
    // Nothing was subscribed, and the socket is as good as before.
    socket.is_silent().await;
    socket.say(&market(&json!(emulator.api_key()))).await;
    assert!(socket.hear().await.is_array());
}

#[tokio::test]
async fn the_plan_must_have_websockets() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.expect("it serves");
    let mut socket = Socket::open(&server).await;
    for (plan, may) in [
        (Plan::Free, false),
        (Plan::Startup, false),
        (Plan::Growth, true),
        (Plan::Enterprise, true),
    ] {
        let key = emulator.add_api_key(plan);
        let mut credentials = vec![key.clone()];
        if plan.has_tokens() {
            let created = send(&emulator, create_request(&key, ONE)).await;
            credentials.push(minted(&created).remove(0).token);
        }
        for credential in credentials {
            if may {
                socket.say(&market(&json!(credential))).await;
                assert!(socket.hear().await.is_array());
            } else {
                let message = socket.refused(&json!(credential)).await;
                assert!(message.contains("Growth or Enterprise"), "{message}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_is_used_up_by_messages_and_its_stream_goes_on() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.expect("it serves");
    let created = create_text(&emulator, r#"{"requestLimit":"1"}"#).await;
    let token = minted(&created).remove(0).token;
    let mut socket = Socket::open(&server).await;
    socket.say(&market(&json!(token))).await;
    assert!(socket.hear().await.is_array());
    assert!(socket.refused(&json!(token)).await.contains("is used up"));
    emulator.advance(Duration::from_secs(3_000));
    socket.is_silent().await;
}

#[tokio::test]
async fn a_credential_that_dies_ends_its_streams_and_the_socket() {
    type Kill = fn(&Emulator, &str);
    let deaths: [(Kill, &str); 4] = [
        (|emulator, id| assert!(emulator.revoke_token(id)), "revoked"),
        (
            |emulator, _| emulator.advance(Duration::from_secs(3_600)),
            "has expired",
        ),
        (
            |emulator, _| assert!(emulator.delete_api_key(&emulator.api_key())),
            "revoked",
        ),
        (
            |emulator, _| assert!(emulator.set_plan(&emulator.api_key(), Plan::Startup)),
            "Growth or Enterprise",
        ),
    ];
    for (kill, words) in deaths {
        let emulator = Emulator::new();
        let server = emulator.serve().await.expect("it serves");
        let (id, token) = token(&emulator).await;
        let mut idle = Socket::open(&server).await;
        let mut socket = Socket::open(&server).await;
        socket.say(&market(&json!(token))).await;
        assert!(socket.hear().await.is_array());
        kill(&emulator, &id);
        let reason = socket.hear_the_end().await;
        assert!(reason.contains(words), "{reason}");
        idle.is_silent().await;
    }
    let emulator = Emulator::new();
    let server = emulator.serve().await.expect("it serves");
    let mut socket = Socket::open(&server).await;
    socket.say(&market(&json!(emulator.api_key()))).await;
    assert!(socket.hear().await.is_array());
    assert!(emulator.delete_api_key(&emulator.api_key()));
    assert!(socket.hear_the_end().await.contains("key was deleted"));
}

#[tokio::test]
async fn messages_that_make_no_sense_are_refused() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.expect("it serves");
    let mut socket = Socket::open(&server).await;
    socket.say_text("{").await;
    assert_eq!(
        socket.hear().await["message"],
        "the message is not valid JSON"
    );
    let key = emulator.api_key();
    for (member, value) in [
        ("type", json!("pulse")),
        ("type", Value::Null),
        ("payload", Value::Null),
        ("payload", json!({ "assets": [] })),
        ("payload", json!({ "assets": ["Bitcoin"] })),
        (
            "payload",
            json!({ "assets": [{ "name": "a" }], "interval": 0 }),
        ),
        (
            "payload",
            json!({ "assets": [{ "name": "a" }], "interval": "15" }),
        ),
    ] {
        let mut message = market(&json!(key));
        message[member] = value;
        socket.say(&message).await;
        assert_eq!(socket.hear().await["event"], "error", "{message}");
    }
    for text in ["[]", "null", "\"market\""] {
        socket.say_text(text).await;
        assert_eq!(socket.hear().await["event"], "error", "{text}");
    }
    socket.is_silent().await;
    socket.say_text(&" ".repeat(65 * 1_024)).await;
    let heard = timeout(Duration::from_secs(20), socket.0.next()).await;
    assert!(
        !matches!(heard, Ok(Some(Ok(Message::Text(_)))) | Err(_)),
        "it ends the socket"
    );
}

#[tokio::test]
async fn only_a_handshake_opens_a_socket() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.expect("it serves");
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let plain = client
        .get(server.url())
        .send()
        .await
        .expect("it is answered");
    assert_eq!(plain.status(), 404);
    let half = client.get(server.url()).header("upgrade", "websocket");
    assert_eq!(half.send().await.expect("it is answered").status(), 404);
    let url = server.url().replace("http", "ws");
    connect_async(format!("{url}/api/1/market/data"))
        .await
        .expect_err("that is no stream");
}

#[tokio::test]
async fn sockets_end_with_their_server() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.expect("it serves");
    let mut socket = Socket::open(&server).await;
    socket.is_silent().await;
    drop(server);
    let heard = timeout(Duration::from_secs(20), socket.0.next()).await;
    assert!(!matches!(heard, Ok(Some(Ok(_))) | Err(_)), "{heard:?}");
}

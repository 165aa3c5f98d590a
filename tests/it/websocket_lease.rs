//! `TokenLease` on real websockets: they are opened anew before their tokens die.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::{Emulator, Server};
use mobula_auth::{ApiKey, AutoRefreshingToken, TokenClient, TokenLease};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const IN_TIME: Duration = Duration::from_secs(25);

fn auth(emulator: &Emulator, server: &Server) -> AutoRefreshingToken {
    let http_client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let key = ApiKey::new(emulator.api_key()).unwrap();
    let tokens = TokenClient::new(http_client, key).base_url(server.url());
    AutoRefreshingToken::builder(tokens.unwrap())
        .lifetime(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// Opens a socket, subscribes with the lease, and hears the first price.
async fn open(server: &Server, lease: &TokenLease) -> Socket {
    let (mut socket, _) = connect_async(server.url().replace("http", "ws"))
        .await
        .unwrap();
    let subscribe = json!({
        "type": "market",
        "authorization": lease.token().expose_secret(),
        "payload": { "assets": [{ "name": "Bitcoin" }], "interval": 5 },
    });
    socket
        .send(Message::text(subscribe.to_string()))
        .await
        .unwrap();
    hear_a_price(&mut socket).await;
    socket
}

/// What the service says next; `None` at the end.
async fn hear(socket: &mut Socket) -> Option<Value> {
    let message = time::timeout(IN_TIME, socket.next()).await.unwrap()?;
    let Ok(Message::Text(text)) = message else {
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

async fn hear_a_price(socket: &mut Socket) {
    let said = hear(socket).await.unwrap();
    assert!(said[0]["price"].is_number(), "{said}");
}

/// The clock of tokio, of the crate and of the emulator.
async fn pass(time: Duration) {
    time::pause();
    time::advance(time).await;
    time::resume();
}

async fn expired(lease: &TokenLease) {
    time::timeout(IN_TIME, lease.expired())
        .await
        .expect("it expires");
}

#[tokio::test]
async fn c25_a_socket_is_opened_anew_before_its_token_dies() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let auth = auth(&emulator, &server);
    let mut lease = auth.lease().await.unwrap();
    let mut socket = open(&server, &lease).await;
    for generation in 1..=4 {
        assert_eq!(lease.generation(), generation);
        // The soft point is at 50 to 75 % of a life.
        pass(Duration::from_secs(46)).await;
        expired(&lease).await;
        // A price was due meanwhile: the old socket works for as long as it takes to open the new one.
        hear_a_price(&mut socket).await;
        lease = auth.lease().await.unwrap();
        socket = open(&server, &lease).await;
    }
    let counts = emulator.counts();
    assert_eq!((counts.stream.ok, counts.stream.denied), (5, 0));
    assert_eq!(emulator.violations(), []);
}

#[tokio::test]
async fn c25_a_token_that_is_replaced_keeps_its_socket_for_the_grace_and_no_longer() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let auth = auth(&emulator, &server);
    let lease = auth.lease().await.unwrap();
    let mut socket = open(&server, &lease).await;

    auth.refresh().await.unwrap();
    expired(&lease).await;
    pass(Duration::from_secs(20)).await;
    hear_a_price(&mut socket).await;
    pass(Duration::from_secs(11)).await;
    // A price may be on its way yet.
    let error = loop {
        let said = hear(&mut socket).await.unwrap();
        if said["event"] == "error" {
            break said["message"].to_string();
        }
    };
    assert!(error.contains("revoked"), "{error}");
    assert_eq!(hear(&mut socket).await, None);

    let next = auth.lease().await.unwrap();
    assert_ne!(next.token().expose_secret(), lease.token().expose_secret());
    drop(open(&server, &next).await);
}

#[tokio::test]
async fn a_shutdown_tells_who_holds_a_lease() {
    let emulator = Emulator::new();
    let server = emulator.serve().await.unwrap();
    let auth = auth(&emulator, &server);
    let lease = auth.lease().await.unwrap();
    let mut socket = open(&server, &lease).await;
    auth.shutdown().await;
    expired(&lease).await;
    let error = hear(&mut socket).await.unwrap();
    assert_eq!(error["event"], "error");
}

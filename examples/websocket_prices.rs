//! Prices over a websocket whose messages carry a short-lived token: it is opened anew before its token dies.
//!
//! ```sh
//! cargo run --example websocket_prices
//! ```
//!
//! It needs nothing: Mobula is emulated in this process, behind a real socket, and tokio's clock is turned forward, so that
//! the minute that a token lives is over in a moment. For the real service: `ApiKey::from_env()?` on plan Growth or
//! Enterprise, no `base_url`, `wss://api.mobula.io`, and a TLS feature of tokio-tungstenite.
#![expect(clippy::print_stdout, reason = "an example prints what it does")]

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use mobula_auth::emulator::Emulator;
use mobula_auth::{ApiKey, AutoRefreshingToken, TokenClient, TokenLease};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type AnyError = Box<dyn Error + Send + Sync>;

const LIFETIME: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_secs(15);
const SOCKETS: usize = 3;

/// A socket, and the token that its messages carry.
struct Feed {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    lease: TokenLease,
}

// Turning the clock needs a runtime of one thread.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), AnyError> {
    let emulator = Emulator::new();
    let server = emulator.serve().await?;
    let http_client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let tokens =
        TokenClient::new(http_client, ApiKey::new(emulator.api_key())?).base_url(server.url())?;
    let auth = AutoRefreshingToken::builder(tokens)
        .lifetime(LIFETIME)
        .build()?;
    let url = server.url().replace("http", "ws");

    let mut prices = 0;
    let mut feed = Feed::open(&url, auth.lease().await?).await?;
    for left in (0..SOCKETS).rev() {
        prices += feed.print_until_expired().await?;
        if left > 0 {
            // First the new socket, then the end of the old one: a replaced token works for 30 seconds more.
            let next = Feed::open(&url, auth.lease().await?).await?;
            feed.socket.close(None).await?;
            feed = next;
        }
    }
    feed.socket.close(None).await?;

    auth.shutdown().await;
    println!(
        "{prices} prices over {SOCKETS} sockets, each with a token of its own; the server saw {} messages refused and {} violations",
        emulator.counts().stream.denied,
        emulator.counts().violations,
    );
    Ok(())
}

impl Feed {
    /// Nobody asks for a credential when the socket opens: the message that subscribes has it, raw.
    async fn open(url: &str, lease: TokenLease) -> Result<Self, AnyError> {
        let (mut socket, _) = connect_async(url).await?;
        let subscribe = json!({
            "type": "market",
            "authorization": lease.token().expose_secret(),
            "payload": { "assets": [{ "name": "Bitcoin" }], "interval": INTERVAL.as_secs() },
        });
        socket.send(Message::text(subscribe.to_string())).await?;
        println!(
            "a socket with token #{}, which may be sent for {:.0?}",
            lease.generation(),
            lease.expires_in()
        );
        Ok(Self { socket, lease })
    }

    async fn print_until_expired(&mut self) -> Result<u32, AnyError> {
        let mut prices = 0;
        loop {
            let message = tokio::select! {
                () = self.lease.expired() => {
                    println!("  its token was replaced: time to open the next socket");
                    return Ok(prices);
                }
                message = self.socket.next() => message.ok_or("the socket is closed")??,
            };
            let Message::Text(text) = message else {
                continue;
            };
            let said: Value = serde_json::from_str(&text)?;
            if said["event"] == "error" {
                return Err(format!("Mobula says: {}", said["message"]).into());
            }
            prices += 1;
            println!("  {} {} USD", said[0]["baseSymbol"], said[0]["price"]);
            until_the_next_price().await;
        }
    }
}

/// Turns tokio's clock forward, and with it the emulator's and the crate's.
async fn until_the_next_price() {
    time::pause();
    time::advance(INTERVAL).await;
    time::resume();
}

//! One websocket.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{
    Method, Request, Response,
    header::{SERVER, UPGRADE},
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::server::create_response_with_body,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    Body, Emulator,
    credential::Credential,
    reply,
    streams::{Said, Streams, error, pong},
};

/// The answer to a request that opens a websocket (RFC 6455 section 4.2.2); `None` for any other request.
pub(super) fn handshake<B>(request: &Request<B>) -> Option<Response<Body>> {
    if request.method() != Method::GET
        || request.uri().path() != "/"
        || !request.headers().contains_key(UPGRADE)
    {
        return None;
    }
    let mut head = Request::new(());
    head.headers_mut().clone_from(request.headers());
    *head.uri_mut() = request.uri().clone();
    *head.version_mut() = request.version();
    let mut response = create_response_with_body(&head, || Body::whole(Bytes::new())).ok()?;
    response.headers_mut().insert(SERVER, reply::SERVER_NAME);
    Some(response)
}

/// Serves a socket until either side ends it.
pub(super) async fn serve(emulator: Emulator, io: Upgraded) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_LIMIT))
        .max_frame_size(Some(MESSAGE_LIMIT));
    let io = TokioIo::new(io);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let mut streams = Streams::default();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let said = tokio::select! {
            biased;
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let answer = emulator.hear(&mut streams, &text);
                    answer.into_iter().chain(emulator.speak(&mut streams)).collect()
                }
                // pings are answered by the protocol, and the service has no other messages
                Some(Ok(message)) if !message.is_close() => Vec::new(),
                _ => return,
            },
            _ = looks.tick() => emulator.speak(&mut streams),
        };
        for said in said {
            let message = match said {
                Said::Text(text) => Message::text(text),
                Said::End(reason) => Message::Close(Some(CloseFrame {
                    code: CloseCode::Policy,
                    reason: reason.into(),
                })),
            };
            let is_last = message.is_close();
            if socket.send(message).await.is_err() || is_last {
                return;
            }
        }
    }
}

impl Emulator {
    /// Signatures are checked before the lock is taken.
    fn hear(&self, streams: &mut Streams, text: &str) -> Option<Said> {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            return Some(error("the message is not valid JSON"));
        };
        if let Some(pong) = pong(&message) {
            return Some(pong);
        }
        let rules = &self.shared.rules;
        let credential = Credential::of_message(message["authorization"].as_str(), &rules.jwt_key);
        self.state().hear(rules, streams, &message, &credential)
    }

    fn speak(&self, streams: &mut Streams) -> Vec<Said> {
        self.state().speak(streams)
    }
}

/// How often it is looked at whether there is something to say, so that also
/// [`advance`](Emulator::advance) is noticed.
const LOOK: Duration = Duration::from_millis(20);

/// In bytes; no documented message is near it.
const MESSAGE_LIMIT: usize = 64 * 1024;

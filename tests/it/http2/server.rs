//! A server that speaks just enough HTTP/2 (RFC 9113) to be sent requests, and keeps the bytes of their header blocks.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::hpack::{self, Field};

#[derive(Debug, Clone)]
pub(super) struct Capture {
    url: String,
    /// The header blocks of each connection.
    blocks: Arc<Mutex<Vec<Vec<Vec<u8>>>>>,
}

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

impl Capture {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let capture = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            blocks: Arc::default(),
        };
        let blocks = Arc::clone(&capture.blocks);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                blocks.lock().unwrap().push(Vec::new());
                let connection = blocks.lock().unwrap().len() - 1;
                tokio::spawn(serve(stream, Arc::clone(&blocks), connection));
            }
        });
        capture
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The fields of each request of each connection since the last look.
    pub(super) fn take(&self) -> Vec<Vec<Vec<Field>>> {
        let taken: Vec<_> = self
            .blocks
            .lock()
            .unwrap()
            .iter_mut()
            .map(std::mem::take)
            .collect();
        let decoded =
            |blocks: Vec<Vec<u8>>| blocks.iter().map(|block| hpack::decode(block)).collect();
        taken
            .into_iter()
            .filter(|blocks| !blocks.is_empty())
            .map(decoded)
            .collect()
    }
}

struct Frame {
    kind: u8,
    flags: u8,
    stream: [u8; 4],
    payload: Vec<u8>,
}

async fn serve(
    mut stream: TcpStream,
    blocks: Arc<Mutex<Vec<Vec<Vec<u8>>>>>,
    connection: usize,
) -> Option<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.ok()?;
    assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    write(&mut stream, SETTINGS, 0, [0; 4], &[]).await?;
    let mut block = Vec::new();
    loop {
        let frame = read(&mut stream).await?;
        match frame.kind {
            SETTINGS if frame.flags & ACK == 0 => {
                write(&mut stream, SETTINGS, ACK, [0; 4], &[]).await?;
            }
            PING if frame.flags & ACK == 0 => {
                write(&mut stream, PING, ACK, [0; 4], &frame.payload).await?;
            }
            HEADERS | CONTINUATION => {
                block.extend(fragment(&frame));
                if frame.flags & END_HEADERS != 0 {
                    let whole = std::mem::take(&mut block);
                    blocks.lock().unwrap()[connection].push(whole);
                    // `:status: 200`, by its place in the static table.
                    write(
                        &mut stream,
                        HEADERS,
                        END_HEADERS | END_STREAM,
                        frame.stream,
                        &[0x88],
                    )
                    .await?;
                }
            }
            _ => {}
        }
    }
}

/// The part of a header block in a frame, without padding and priority.
fn fragment(frame: &Frame) -> &[u8] {
    let mut fragment = &frame.payload[..];
    if frame.kind == HEADERS && frame.flags & PADDED != 0 {
        let padding = usize::from(fragment[0]);
        fragment = &fragment[1..fragment.len() - padding];
    }
    if frame.kind == HEADERS && frame.flags & PRIORITY != 0 {
        fragment = &fragment[5..];
    }
    fragment
}

async fn read(stream: &mut TcpStream) -> Option<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let [a, b, c, kind, flags, stream_id @ ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some(Frame {
        kind,
        flags,
        stream: stream_id,
        payload,
    })
}

async fn write(
    stream: &mut TcpStream,
    kind: u8,
    flags: u8,
    stream_id: [u8; 4],
    payload: &[u8],
) -> Option<()> {
    let [_, len @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let frame = [&len[..], &[kind, flags], &stream_id, payload].concat();
    stream.write_all(&frame).await.ok()
}

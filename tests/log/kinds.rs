//! The kinds of failure: all the ways in which we could think of breaking a connection. Those of HTTP/2 are in
//! `http2_kinds.rs`.

use std::time::Duration;

use Speaks::{Http1, Tls, ToNoName, ToNobody};
use Step::{Echo, Hang, Read, Reset, Send, SendForEver};

use crate::faulty_server::{Certificate, Step};

/// How the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaks {
    Http1,
    Http2,
    Tls,
    /// And nobody listens.
    ToNobody,
    /// And no name is found.
    ToNoName,
}

/// Its name, the client, and what the server does.
pub(crate) type Failure = (&'static str, Speaks, &'static [Step]);

pub(crate) const OVER_HTTP1: &[Failure] = &[
    ("refused", ToNobody, &[]),
    ("no such name", ToNoName, &[]),
    ("closed at once", Http1, &[]),
    ("reset at once", Http1, &[Reset]),
    ("hung at once", Http1, &[Hang]),
    ("closed after the request", Http1, &[Read]),
    ("reset after the request", Http1, &[Read, Reset]),
    ("hung after the request", Http1, &[Read, Hang]),
    (
        "garbage",
        Http1,
        &[Read, Send(b"\x00\xff\xfe garbage \x1b[31m\r\n\r\n")],
    ),
    (
        "another protocol",
        Http1,
        &[Send(b"SSH-2.0-OpenSSH_9.9\r\n"), Hang],
    ),
    (
        "no such version",
        Http1,
        &[Read, Send(b"HTTP/9.9 200 OK\r\n\r\n")],
    ),
    (
        "no status",
        Http1,
        &[Read, Send(b"HTTP/1.1 abc OK\r\n\r\n")],
    ),
    (
        "a status of one digit",
        Http1,
        &[Read, Send(b"HTTP/1.1 2 OK\r\n\r\n")],
    ),
    (
        "no colon",
        Http1,
        &[Read, Send(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n")],
    ),
    (
        "a bad header name",
        Http1,
        &[Read, Send(b"HTTP/1.1 200 OK\r\nb(d: 1\r\n\r\n")],
    ),
    (
        "a NUL in a header",
        Http1,
        &[Read, Send(b"HTTP/1.1 200 OK\r\na: \x00\r\n\r\n")],
    ),
    (
        "headers without end",
        Http1,
        &[Read, Send(b"HTTP/1.1 200 OK\r\n"), SendForEver(b"a: b\r\n")],
    ),
    (
        "one header without end",
        Http1,
        &[
            Read,
            Send(b"HTTP/1.1 200 OK\r\na: "),
            SendForEver(&[b'x'; 4096]),
        ],
    ),
    (
        "half a head",
        Http1,
        &[Read, Send(b"HTTP/1.1 200 OK\r\ncontent-")],
    ),
    (
        "half a head, then reset",
        Http1,
        &[Read, Send(b"HTTP/1.1 200 OK\r\ncontent-"), Reset],
    ),
    (
        "half a head, then nothing",
        Http1,
        &[Read, Send(b"HTTP/1.1 200 OK\r\ncontent-"), Hang],
    ),
    (
        "a length that is none",
        Http1,
        &[Read, Send(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n")],
    ),
    (
        "two lengths",
        Http1,
        &[
            Read,
            Send(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}"),
        ],
    ),
    (
        "half a body",
        Http1,
        &[Read, Send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{")],
    ),
    (
        "half a body, then reset",
        Http1,
        &[
            Read,
            Send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"),
            Reset,
        ],
    ),
    (
        "half a body, then nothing",
        Http1,
        &[
            Read,
            Send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"),
            Hang,
        ],
    ),
    (
        "a body without end",
        Http1,
        &[
            Read,
            Send(b"HTTP/1.1 200 OK\r\n\r\n"),
            SendForEver(&[b'x'; 4096]),
        ],
    ),
    (
        "a chunk without size",
        Http1,
        &[
            Read,
            Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"),
        ],
    ),
    (
        "a chunk of any size",
        Http1,
        &[
            Read,
            Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n"),
        ],
    ),
    (
        "half a chunk",
        Http1,
        &[
            Read,
            Send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{"),
        ],
    ),
    (
        "continue and no more",
        Http1,
        &[Read, Send(b"HTTP/1.1 100 Continue\r\n\r\n")],
    ),
    ("the request for an answer", Http1, &[Echo(b"")]),
    ("the request for a status", Http1, &[Echo(b"HTTP/1.1 ")]),
    (
        "the request for a header",
        Http1,
        &[Echo(b"HTTP/1.1 200 OK\r\n")],
    ),
    (
        "the request for a chunk",
        Http1,
        &[Echo(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        )],
    ),
    (
        "an unknown certificate",
        Tls,
        &[Step::Tls(Certificate::OfNobodyKnown)],
    ),
    (
        "a certificate of another name",
        Tls,
        &[Step::Tls(Certificate::OfAnotherName)],
    ),
    (
        "an expired certificate",
        Tls,
        &[Step::Tls(Certificate::Expired)],
    ),
    ("half a body over TLS", Tls, &[Step::Tls(Certificate::Good)]),
    (
        "no TLS spoken",
        Tls,
        &[Read, Send(b"HTTP/1.1 400 Bad Request\r\n\r\n")],
    ),
    (
        "a handshake refused",
        Tls,
        &[Read, Send(b"\x15\x03\x03\x00\x02\x02\x28")],
    ),
    ("a handshake closed", Tls, &[Read]),
    ("a handshake reset", Tls, &[Read, Reset]),
    ("a handshake hung", Tls, &[Read, Hang]),
    (
        "half a handshake",
        Tls,
        &[Read, Send(b"\x16\x03\x03\x00\x7a\x02"), Hang],
    ),
];

/// These end by a deadline, and the others long before one.
pub(crate) const HANG: [&str; 8] = [
    "hung at once",
    "hung after the request",
    "half a head, then nothing",
    "half a body, then nothing",
    "a handshake hung",
    "half a handshake",
    "HTTP/2 and no settings",
    "an answer that hangs",
];

pub(crate) fn deadline(name: &str) -> Duration {
    let millis = if HANG.contains(&name) { 300 } else { 20_000 };
    Duration::from_millis(millis)
}

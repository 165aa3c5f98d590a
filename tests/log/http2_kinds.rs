//! The kinds of failure that HTTP/2 has of its own, written as frames (RFC 9113).

use Step::{Hang, Read, ReadRequest, Reset, Send};

use crate::faulty_server::Step;
use crate::kinds::Failure;
use crate::kinds::Speaks::Http2;

/// No setting is set.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";

pub(crate) const OVER_HTTP2: &[Failure] = &[
    ("HTTP/2 closed at once", Http2, &[]),
    ("HTTP/2 reset at once", Http2, &[Read, Reset]),
    ("HTTP/2 and no settings", Http2, &[Read, Hang]),
    (
        "HTTP/1 for an answer",
        Http2,
        &[Read, Send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Hang],
    ),
    (
        "settings of a wrong size",
        Http2,
        &[Send(b"\0\0\x05\x04\0\0\0\0\0xxxxx"), Hang],
    ),
    (
        "a frame too large",
        Http2,
        &[Send(SETTINGS), Send(b"\xff\xff\xff\0\0\0\0\0\x01"), Hang],
    ),
    (
        "going away at once",
        Http2,
        &[
            Send(SETTINGS),
            Send(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0"),
            Hang,
        ],
    ),
    (
        "going away for an error",
        Http2,
        &[
            Send(SETTINGS),
            ReadRequest,
            Send(b"\0\0\x0c\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0bcalm"),
            Hang,
        ],
    ),
    (
        "a stream refused",
        Http2,
        &[
            Send(SETTINGS),
            ReadRequest,
            Send(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07"),
        ],
    ),
    (
        "a stream reset for an error",
        Http2,
        &[
            Send(SETTINGS),
            ReadRequest,
            Send(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02"),
            Hang,
        ],
    ),
    (
        "a stream reset in its body",
        Http2,
        &[
            Send(SETTINGS),
            ReadRequest,
            Send(b"\0\0\x01\x01\x04\0\0\0\x01\x88"),
            Send(b"\0\0\x04\x03\0\0\0\0\x01\0\0\0\x02"),
            Hang,
        ],
    ),
    (
        "headers of no stream",
        Http2,
        &[
            Send(SETTINGS),
            ReadRequest,
            Send(b"\0\0\x01\x01\x04\0\0\0\0\x88"),
            Hang,
        ],
    ),
    (
        "headers that are no HPACK",
        Http2,
        &[
            Send(SETTINGS),
            ReadRequest,
            Send(b"\0\0\x02\x01\x04\0\0\0\x01\xff\xff"),
            Hang,
        ],
    ),
    (
        "headers without a status",
        Http2,
        &[
            Send(SETTINGS),
            ReadRequest,
            Send(b"\0\0\0\x01\x05\0\0\0\x01"),
            Hang,
        ],
    ),
    (
        "a body before its headers",
        Http2,
        &[
            Send(SETTINGS),
            ReadRequest,
            Send(b"\0\0\x01\0\0\0\0\0\x01{"),
            Hang,
        ],
    ),
    (
        "an answer that hangs",
        Http2,
        &[
            Send(SETTINGS),
            ReadRequest,
            Send(b"\0\0\x01\x01\x04\0\0\0\x01\x88"),
            Hang,
        ],
    ),
    (
        "a window of no size",
        Http2,
        &[
            Send(SETTINGS),
            ReadRequest,
            Send(b"\0\0\x04\x08\0\0\0\0\0\0\0\0\0"),
            Hang,
        ],
    ),
];

//! The bodies of the emulator's answers.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{ConnectionLost, connection_lost::When};

/// The body of an emulated answer.
///
/// It is whole, unless a [`Fault`](super::Fault) cut it short or made it too long.
pub struct Body {
    kind: Kind,
}

enum Kind {
    /// Empty once it was sent.
    Whole(Bytes),
    Truncated(Cut),
    /// Blanks, of which this many bytes are left.
    Oversized(u64),
}

/// How far a body got that ends with an error.
enum Cut {
    Sending(Bytes),
    /// Pauses for one turn, in which a server sends on what it has: headers would be lost otherwise.
    Pausing,
    Failing,
    Failed,
}

impl Body {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self {
            kind: Kind::Whole(bytes),
        }
    }

    pub(super) fn truncated(sent: Bytes) -> Self {
        Self {
            kind: Kind::Truncated(Cut::Sending(sent)),
        }
    }

    pub(super) fn oversized(length: u64) -> Self {
        Self {
            kind: Kind::Oversized(length),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = ConnectionLost;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ConnectionLost>>> {
        Poll::Ready(match &mut self.kind {
            Kind::Whole(bytes) if bytes.is_empty() => None,
            Kind::Whole(bytes) => Some(Ok(Frame::data(std::mem::take(bytes)))),
            Kind::Truncated(cut) => return cut.poll_frame(cx.waker()),
            Kind::Oversized(0) => None,
            Kind::Oversized(left) => {
                let chunk =
                    usize::try_from(*left).map_or(BLANKS.len(), |left| left.min(BLANKS.len()));
                *left -= chunk as u64;
                Some(Ok(Frame::data(Bytes::from_static(&BLANKS[..chunk]))))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Truncated(cut) => matches!(cut, Cut::Failed),
            Kind::Oversized(left) => *left == 0,
        }
    }

    /// Exact for whole bodies only: the others do not say how long they are.
    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Truncated(_) | Kind::Oversized(_) => SizeHint::default(),
        }
    }
}

impl Cut {
    fn poll_frame(&mut self, waker: &Waker) -> Poll<Option<Result<Frame<Bytes>, ConnectionLost>>> {
        match self {
            Self::Sending(bytes) if !bytes.is_empty() => {
                let bytes = std::mem::take(bytes);
                *self = Self::Pausing;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Sending(_) | Self::Pausing => {
                *self = Self::Failing;
                waker.wake_by_ref();
                Poll::Pending
            }
            Self::Failing => {
                *self = Self::Failed;
                Poll::Ready(Some(Err(ConnectionLost {
                    when: When::WithinBody,
                })))
            }
            Self::Failed => Poll::Ready(None),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // its bytes can hold a token
        f.write_str(match self.kind {
            Kind::Whole(_) => "Body(whole)",
            Kind::Truncated(_) => "Body(truncated)",
            Kind::Oversized(_) => "Body(oversized)",
        })
    }
}

/// Blanks are a legal beginning of JSON: a reader that streams has no reason to stop.
static BLANKS: [u8; 16 * 1024] = [b' '; 16 * 1024];

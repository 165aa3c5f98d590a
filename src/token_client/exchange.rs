//! One request and its answer, within bounds of time and size.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use tokio::time::{Sleep, sleep};
use tower_service::Service;
use zeroize::Zeroizing;

use crate::error::BoxError;

/// The most that is read of an answer, in bytes (N2). 25 tokens are a tenth of it.
pub(super) const MAX_BODY: usize = 256 * 1024;

/// An answer's head, and its body if that came whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Result<Zeroizing<Vec<u8>>, Broken>,
}

/// Why there is no answer, or no body.
pub(crate) enum Broken {
    TooSlow,
    TooLarge,
    Transport(BoxError),
}

impl Answer {
    /// Whether it is JSON by its `Content-Type`, or has none.
    pub(crate) fn is_json(&self) -> bool {
        let Some(content_type) = self.headers.get(CONTENT_TYPE) else {
            return true;
        };
        let essence = content_type.to_str().unwrap_or_default().split(';').next();
        let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
        essence.ends_with("/json") || essence.ends_with("+json")
    }
}

/// Sends a request and reads the answer, all of it before the deadline. What is under way then is dropped.
///
/// N3: an answer whose head came in time is an answer: a 401 stays one, however slowly its body drips.
pub(crate) async fn exchange<C, B>(
    mut http_client: C,
    request: Request<Full<Bytes>>,
    deadline: Duration,
    reads_success: bool,
) -> Result<Answer, Broken>
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>>,
    C::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut deadline = pin!(sleep(deadline));
    let head = async {
        poll_fn(|cx| http_client.poll_ready(cx))
            .await
            .map_err(|error| Broken::Transport(error.into()))?;
        let response = http_client.call(request).await;
        response.map_err(|error| Broken::Transport(error.into()))
    };
    let (head, body) = before(deadline.as_mut(), head).await??.into_parts();
    let body = if reads_success || !head.status.is_success() {
        before(deadline, read(body)).await.and_then(|body| body)
    } else {
        Ok(Zeroizing::default())
    };
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        body,
    })
}

/// Frames are copied as they come: a `collect` would keep each in a box of its own, however small it is.
async fn read<B>(body: B) -> Result<Zeroizing<Vec<u8>>, Broken>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > MAX_BODY {
        return Err(Broken::TooLarge);
    }
    let mut whole = Zeroizing::new(Vec::with_capacity(announced));
    let mut room = MAX_BODY;
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|error| Broken::Transport(error.into()))?;
        let data = frame.into_data().ok();
        // An empty frame takes room too: an endless row of them ends.
        let len = data.as_ref().map_or(0, Buf::remaining);
        room = room.checked_sub(len.max(1)).ok_or(Broken::TooLarge)?;
        let Some(mut data) = data else {
            continue;
        };
        while data.has_remaining() {
            let chunk = data.chunk();
            whole = appended(whole, chunk);
            let len = chunk.len();
            data.advance(len);
        }
    }
    Ok(whole)
}

/// A vector that grows leaves its old bytes where they were; this one wipes them.
fn appended(mut whole: Zeroizing<Vec<u8>>, chunk: &[u8]) -> Zeroizing<Vec<u8>> {
    let len = whole.len() + chunk.len();
    if len > whole.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(len.next_power_of_two()));
        larger.extend_from_slice(&whole);
        whole = larger;
    }
    whole.extend_from_slice(chunk);
    whole
}

async fn before<F: Future>(mut deadline: Pin<&mut Sleep>, future: F) -> Result<F::Output, Broken> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx).map(Ok) {
        ready if ready.is_ready() => ready,
        _ => deadline.as_mut().poll(cx).map(|()| Err(Broken::TooSlow)),
    })
    .await
}

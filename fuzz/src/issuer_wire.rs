//! A request to the issuer as an input writes it, with what HTTP/1 has no words for.
//!
//! Lines of the head that begin with `@` are not sent. `@frames 1 0 20`: the body comes in frames of so many bytes, the rest in
//! one. `@empty 3`: so many empty frames come first. `@blanks 9`: so many blanks follow the body. `@announced 9`: the body says
//! that it has so many bytes. `@trailers`: it has trailers. `@breaks`, `@stalls`: it breaks off, or never ends. `@patience 50`:
//! the caller hangs up after so many milliseconds. `@aside`: nobody waits for the answer before the next step.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use http_body::{Body, Frame, SizeHint};

use super::scripted::header;
use super::split_once::split_once;

/// More than the issuer reads, and an end.
const MOST: usize = 8 * 1024;

#[derive(Clone)]
pub(crate) struct Written {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: WrittenBody,
    pub(crate) patience: Option<Duration>,
    pub(crate) is_aside: bool,
}

#[derive(Clone, Default)]
pub(crate) struct WrittenBody {
    pub(crate) frames: VecDeque<Bytes>,
    pub(crate) has_trailers: bool,
    pub(crate) announced: u64,
    pub(crate) end: End,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Comes,
    BreaksOff,
    NeverComes,
}

impl Written {
    /// `None` for what is no request in any way.
    pub(crate) fn parse(text: &[u8], fill_in: impl Fn(&str) -> String) -> Option<Self> {
        let (head, body) = split_once(text, b"\n\n");
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split('\n');
        let (method, target) = lines.next()?.split_once(' ')?;
        let mut written = Self {
            method: Method::from_bytes(method.as_bytes()).ok()?,
            uri: fill_in(target).parse().ok()?,
            headers: HeaderMap::new(),
            body: WrittenBody::default(),
            patience: None,
            is_aside: false,
        };
        let mut rest = match std::str::from_utf8(body) {
            Ok(text) => fill_in(text).into_bytes(),
            Err(_) => body.to_vec(),
        };
        let (mut empty, mut sizes) = (0, Vec::new());
        for line in lines {
            let Some(word) = line.strip_prefix('@') else {
                if let Some((name, value)) = header(fill_in(line).as_bytes()) {
                    written.headers.append(name, value);
                }
                continue;
            };
            let mut words = word.split(' ');
            let word = words.next().unwrap_or_default();
            let numbers: Vec<u64> = words.map(|word| word.parse().unwrap_or(0)).collect();
            let number = numbers.first().copied().unwrap_or(0);
            let size = usize::try_from(number).unwrap_or(MOST).min(MOST);
            match word {
                "frames" => sizes = numbers,
                "empty" => empty = size,
                "blanks" => rest.extend(std::iter::repeat_n(b' ', size)),
                "announced" => written.body.announced = number,
                "trailers" => written.body.has_trailers = true,
                "breaks" => written.body.end = End::BreaksOff,
                "stalls" => written.body.end = End::NeverComes,
                "patience" => written.patience = Some(Duration::from_millis(number)),
                "aside" => written.is_aside = true,
                _ => {}
            }
        }
        let mut rest = Bytes::from(rest);
        let frames = &mut written.body.frames;
        frames.extend(std::iter::repeat_n(Bytes::new(), empty));
        for size in sizes {
            let size = usize::try_from(size).unwrap_or(MOST);
            frames.push_back(rest.split_to(size.min(rest.len())));
        }
        if !rest.is_empty() {
            frames.push_back(rest);
        }
        Some(written)
    }

    pub(crate) fn request(&self) -> Request<WrittenBody> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

impl Body for WrittenBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(data) = self.frames.pop_front() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        match self.end {
            End::NeverComes => Poll::Pending,
            End::BreaksOff => Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
            End::Comes if self.has_trailers => {
                self.has_trailers = false;
                Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new()))))
            }
            End::Comes => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_lower(self.announced);
        hint
    }
}

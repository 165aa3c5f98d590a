//! All that a layer needs of a request and of a response.

use std::fmt;

use http::uri::Authority;
use http::{Extensions, HeaderMap, Method, StatusCode};

use crate::request_origin::RequestOrigin;

/// The head of an HTTP request: its headers, and the origin that it is for.
///
/// Implemented for [`http::Request<B>`] with any body, and with feature `reqwest` for `reqwest::Request`, so that the
/// same layers wrap both kinds of client without a conversion. Sealed: it may gain methods.
pub trait HttpRequest: sealed::Sealed {
    /// The header fields.
    fn headers_mut(&mut self) -> &mut HeaderMap;

    /// The origin that the request is for, by its own target alone.
    fn origin(&self) -> RequestOrigin<'_>;

    /// The authority of a target whose scheme is `https`, as it is written there: user information, host and port.
    fn https_authority(&self) -> Option<&str>;

    /// All of the head, to read.
    fn head(&self) -> RequestHead<'_>;
}

/// The head of a request, to read: what a cost is worked out from.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    method: &'a Method,
    path: &'a str,
    query: Option<&'a str>,
    headers: &'a HeaderMap,
    extensions: Option<&'a Extensions>,
}

impl<'a> RequestHead<'a> {
    /// The method.
    #[must_use]
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The path, from its slash on.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The query, without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// The header fields.
    #[must_use]
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// The extensions; `None` for a reqwest request, which has none to show.
    #[must_use]
    pub fn extensions(&self) -> Option<&'a Extensions> {
        self.extensions
    }
}

/// The head of an HTTP response: its status, and room for a mark.
///
/// Implemented for [`http::Response<B>`] with any body, and with feature `reqwest` for `reqwest::Response`. Sealed: it
/// may gain methods.
pub trait HttpResponse: sealed::Sealed {
    /// The status code.
    fn status(&self) -> StatusCode;

    /// The extensions.
    fn extensions(&self) -> &Extensions;

    /// The extensions, to write to.
    fn extensions_mut(&mut self) -> &mut Extensions;
}

/// Headers and queries may hold secrets of anybody's.
impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, .. } = self;
        f.debug_struct("RequestHead")
            .field("method", method)
            .field("path", path)
            .finish_non_exhaustive()
    }
}

impl<B> HttpRequest for http::Request<B> {
    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    fn origin(&self) -> RequestOrigin<'_> {
        RequestOrigin::of_uri(self.uri())
    }

    #[inline]
    fn https_authority(&self) -> Option<&str> {
        let uri = self.uri();
        if uri.scheme_str() != Some("https") {
            return None;
        }
        uri.authority().map(Authority::as_str)
    }

    fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: self.method(),
            path: self.uri().path(),
            query: self.uri().query(),
            headers: self.headers(),
            extensions: Some(self.extensions()),
        }
    }
}

impl<B> HttpResponse for http::Response<B> {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn extensions(&self) -> &Extensions {
        self.extensions()
    }

    fn extensions_mut(&mut self) -> &mut Extensions {
        self.extensions_mut()
    }
}

#[cfg(feature = "reqwest")]
impl HttpRequest for reqwest::Request {
    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.headers_mut()
    }

    fn origin(&self) -> RequestOrigin<'_> {
        RequestOrigin::of_url(self.url())
    }

    fn https_authority(&self) -> Option<&str> {
        let url = self.url();
        (url.scheme() == "https").then(|| url.authority())
    }

    fn head(&self) -> RequestHead<'_> {
        RequestHead {
            method: self.method(),
            path: self.url().path(),
            query: self.url().query(),
            headers: self.headers(),
            extensions: None,
        }
    }
}

#[cfg(feature = "reqwest")]
impl HttpResponse for reqwest::Response {
    fn status(&self) -> StatusCode {
        self.status()
    }

    fn extensions(&self) -> &Extensions {
        self.extensions()
    }

    fn extensions_mut(&mut self) -> &mut Extensions {
        self.extensions_mut()
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "a sealed trait's seal")]
    pub trait Sealed {}

    impl<B> Sealed for http::Request<B> {}
    impl<B> Sealed for http::Response<B> {}
    #[cfg(feature = "reqwest")]
    impl Sealed for reqwest::Request {}
    #[cfg(feature = "reqwest")]
    impl Sealed for reqwest::Response {}
}

//! The requests that are sent, and the credentials that they get.

use http::{HeaderName, HeaderValue, Request};

/// Headers besides a credential's: none, or these.
pub(crate) const NAMES: [&str; 8] = [
    "accept",
    "accept-encoding",
    "cache-control",
    "content-type",
    "user-agent",
    "x-request-id",
    "traceparent",
    "tracestate",
];

/// An opaque token's length, and a JWT's.
pub const TOKEN_LENGTHS: [usize; 2] = [40, 1_200];

/// A request with so many headers besides a credential's.
pub fn request(headers: usize) -> Request<()> {
    let mut request = Request::get("https://api.mobula.io/api/1/market/data?asset=bitcoin")
        .body(())
        .unwrap();
    // As a client would that expects some of its layers to add more.
    request.headers_mut().reserve(headers + 4);
    fill(&mut request, headers);
    request
}

/// Puts the headers into a request that has none.
pub fn fill(request: &mut Request<()>, headers: usize) {
    for name in NAMES.iter().take(headers) {
        let name = HeaderName::from_static(name);
        let value = HeaderValue::from_static("a value of some length");
        request.headers_mut().insert(name, value);
    }
}

/// So many of them, for one run.
pub fn requests(number: usize, headers: usize) -> Vec<Request<()>> {
    (0..number).map(|_| request(headers)).collect()
}

/// A token, or key, of this length.
pub fn secret(length: usize) -> String {
    "eyJhbGciOiJIUzI1NiJ9"
        .chars()
        .cycle()
        .take(length)
        .collect()
}

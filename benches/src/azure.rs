//! azure_core's bearer token policy with a cached token, over the end of a pipeline that answers at once. Its requests are
//! of its own type, and so is its `bare`.

use std::collections::HashMap;
use std::mem;
use std::pin::pin;
use std::sync::Arc;
use std::task;

use async_trait::async_trait;
use azure_core::Bytes;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::http::headers::{HeaderName, HeaderValue, Headers};
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{AsyncRawResponse, Context, Method, Request, StatusCode, Url};
use azure_core::time::{Duration, OffsetDateTime};

use crate::requests::NAMES;

/// Policies, the last of which answers.
#[derive(Debug)]
pub struct Pipeline(Vec<Arc<dyn Policy>>);

/// No policy but the end.
#[must_use]
pub fn bare(_secret: &str) -> Pipeline {
    Pipeline(vec![Arc::new(End)])
}

#[must_use]
pub fn bearer_token_policy(secret: &str) -> Pipeline {
    let credential = Arc::new(StaticCredential(secret.to_owned()));
    let policy =
        BearerTokenAuthorizationPolicy::new(credential, ["https://api.mobula.io/.default"]);
    Pipeline(vec![Arc::new(policy), Arc::new(End)])
}

impl Pipeline {
    /// Sends it, drops its headers, and has its response before it returns.
    pub fn send(&self, request: &mut Request) {
        let mut cx = task::Context::from_waker(task::Waker::noop());
        let context = Context::new();
        let response = pin!(self.0[0].send(&context, request, &self.0[1..]));
        assert!(response.poll(&mut cx).is_ready());
    }
}

/// The same request as those of the other stacks.
#[must_use]
pub fn request(headers: usize) -> Request {
    let url = Url::parse("https://api.mobula.io/api/1/market/data?asset=bitcoin").unwrap();
    let mut request = Request::new(url, Method::Get);
    *request.headers_mut() = HashMap::with_capacity(headers + 4).into();
    for name in NAMES.iter().take(headers) {
        let value = HeaderValue::from_static("a value of some length");
        request.insert_header(HeaderName::from_static(name), value);
    }
    request
}

#[derive(Debug)]
struct End;

#[async_trait]
impl Policy for End {
    async fn send(
        &self,
        _: &Context,
        request: &mut Request,
        _: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        drop(mem::take(request.headers_mut()));
        let (headers, body) = (Headers::new(), Bytes::new());
        Ok(AsyncRawResponse::from_bytes(StatusCode::Ok, headers, body))
    }
}

#[derive(Debug)]
struct StaticCredential(String);

#[async_trait]
impl TokenCredential for StaticCredential {
    async fn get_token(
        &self,
        _: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let expires_on = OffsetDateTime::now_utc() + Duration::hours(10);
        Ok(AccessToken::new(self.0.clone(), expires_on))
    }
}

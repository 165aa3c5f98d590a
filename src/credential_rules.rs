//! Which requests get a credential, and what becomes of those that are there already.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::http_request::HttpRequest;
use crate::observe;
use crate::origins::{Origins, RequestOrigin};

/// To be borrowed from a local copy, which the compiler sees through; it does not see through a static's.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Up to so many fields, a look at each name is quicker than to hash one and to look it up.
const FEW: usize = 12;

/// The settings that all layers share.
#[derive(Debug, Clone, Default)]
pub(crate) struct CredentialRules {
    pub(crate) origins: Origins,
    pub(crate) pinned_origin: bool,
    pub(crate) keep_existing: bool,
}

/// The header that the credential goes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CredentialHeader {
    Authorization,
    XApiKey,
}

/// What the rules say of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It gets the credential.
    Add,
    /// It goes out with the credential that the caller put there.
    Keep,
    /// Its origin may not have a credential.
    Withhold,
}

impl CredentialRules {
    pub(crate) fn judge<R: HttpRequest>(&self, request: &mut R) -> Verdict {
        let authority = request.https_authority();
        if !authority.is_some_and(|authority| self.origins.names(authority)) {
            let origin = request.origin();
            let allowed = match origin {
                RequestOrigin::Absent => self.pinned_origin,
                _ => self.origins.allows(origin),
            };
            if !allowed {
                observe::credential_withheld(origin);
                return Verdict::Withhold;
            }
        }
        if self.keep_existing && keep_one(request.headers_mut()) {
            return Verdict::Keep;
        }
        Verdict::Add
    }
}

/// L5: whatever was there before, exactly one credential leaves.
#[inline]
pub(crate) fn add(headers: &mut HeaderMap, header: CredentialHeader, value: HeaderValue) {
    match header {
        CredentialHeader::Authorization => add_authorization(headers, value),
        CredentialHeader::XApiKey => add_x_api_key(headers, value),
    }
}

#[inline]
pub(crate) fn add_authorization(headers: &mut HeaderMap, value: HeaderValue) {
    let sibling = X_API_KEY;
    if may_have(headers, &sibling) {
        headers.remove(&sibling);
    }
    headers.insert(&AUTHORIZATION, value);
}

#[inline]
fn add_x_api_key(headers: &mut HeaderMap, value: HeaderValue) {
    if may_have(headers, &AUTHORIZATION) {
        headers.remove(&AUTHORIZATION);
    }
    headers.insert(X_API_KEY, value);
}

#[inline]
fn may_have(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.keys_len() > FEW || headers.keys().any(|it| it == name)
}

/// Keeps the caller's credential, the first one of `Authorization` before `x-api-key`, and says whether there is one.
fn keep_one(headers: &mut HeaderMap) -> bool {
    let x_api_key = X_API_KEY;
    for (header, name) in [
        (CredentialHeader::Authorization, &AUTHORIZATION),
        (CredentialHeader::XApiKey, &x_api_key),
    ] {
        if let Some(value) = headers.get(name) {
            let mut value = value.clone();
            value.set_sensitive(true);
            add(headers, header, value);
            return true;
        }
    }
    false
}

//! Which requests get a credential, and what becomes of those that are there already.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::http_request::HttpRequest;
use crate::observe;
use crate::origins::Origins;
use crate::request_origin::RequestOrigin;

/// To be borrowed from a local copy, which the compiler sees through; it does not see through a static's.
pub(crate) const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

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
    #[expect(
        clippy::inline_always,
        reason = "a few instructions, in each service's `call`"
    )]
    #[inline(always)]
    pub(crate) fn judge<R: HttpRequest>(&self, request: &mut R) -> Verdict {
        let named = match request.https_authority() {
            Some(authority) => self.origins.names(authority),
            None => false,
        };
        if named && !self.keep_existing {
            return Verdict::Add;
        }
        self.judge_closely(request, named)
    }

    /// Apart from the rest, which is all that nearly every request takes.
    #[cold]
    fn judge_closely<R: HttpRequest>(&self, request: &mut R, named: bool) -> Verdict {
        if !named {
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

// Both look at each name that is there: that is quicker than to hash one that is not. And each finds its place in the map by
// a name of another type, so that the compiler puts the map's code for that type in here, with the hash worked out.
pub(crate) fn add_authorization(headers: &mut HeaderMap, value: HeaderValue) {
    let x_api_key = X_API_KEY;
    if headers.keys().any(|name| *name == x_api_key) {
        remove_both(headers);
    }
    headers.insert(AUTHORIZATION, value);
}

fn add_x_api_key(headers: &mut HeaderMap, value: HeaderValue) {
    let x_api_key = X_API_KEY;
    let is_either = |name: &HeaderName| *name == x_api_key || *name == AUTHORIZATION;
    if headers.keys().any(is_either) {
        remove_both(headers);
    }
    headers.append(&x_api_key, value);
}

#[cold]
fn remove_both(headers: &mut HeaderMap) {
    headers.remove(AUTHORIZATION.as_str());
    headers.remove(X_API_KEY.as_str());
}

/// Keeps the caller's credential, the first one of `Authorization` before `x-api-key`, and says whether there is one.
fn keep_one(headers: &mut HeaderMap) -> bool {
    for (header, name) in [
        (CredentialHeader::Authorization, AUTHORIZATION),
        (CredentialHeader::XApiKey, X_API_KEY),
    ] {
        if let Some(value) = headers.get(name.as_str()) {
            let mut value = value.clone();
            value.set_sensitive(true);
            add(headers, header, value);
            return true;
        }
    }
    false
}

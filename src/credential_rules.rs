//! Which requests get a credential, and what becomes of those that are there already.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::http_request::HttpRequest;
use crate::observe;
use crate::origins::{Origins, RequestOrigin};

pub(crate) static X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

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
pub(crate) fn add(headers: &mut HeaderMap, header: CredentialHeader, value: HeaderValue) {
    match header {
        CredentialHeader::Authorization => {
            headers.insert(&AUTHORIZATION, value);
            headers.remove(&X_API_KEY);
        }
        CredentialHeader::XApiKey => {
            headers.insert(&X_API_KEY, value);
            headers.remove(&AUTHORIZATION);
        }
    }
}

/// Keeps the caller's credential, the first one of `Authorization` before `x-api-key`, and says whether there is one.
fn keep_one(headers: &mut HeaderMap) -> bool {
    for (header, name) in [
        (CredentialHeader::Authorization, &AUTHORIZATION),
        (CredentialHeader::XApiKey, &X_API_KEY),
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

//! L1, L3, L7, L11: a credential leaves only for an origin that the `url` crate reads out of the same text.
//!
//! The first line of an input is one more allowed origin, or empty; the second is the target of a request.

use http::{HeaderMap, HeaderValue, Uri};
use mobula_auth::{ApiKey, ApiKeyAuth, HttpRequest, Origins, TokenClient};
use url::{Host, ParseError, Url};

use super::wire_view::{headers_sent, headers_sent_by_reqwest};

const MOBULA: [&str; 4] = [
    "api.mobula.io",
    "api-2.mobula.io",
    "pulse-v2-api.mobula.io",
    "graphql.mobula.io",
];

/// Takes an origin and a target.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let (added, target) = text.split_once('\n').unwrap_or(("", text));
    let (origins, added) = with_origin(added);
    if let Ok(uri) = target.parse::<Uri>() {
        check_uri(&origins, added.as_ref(), target, &uri);
    }
    if let Ok(url) = Url::parse(target) {
        check_url(&origins, added.as_ref(), url);
    }
}

/// The default origins and this one, if it is one: then `url` must read the same out of it.
fn with_origin(added: &str) -> (Origins, Option<Url>) {
    let base_url = TokenClient::new((), key()).base_url(added);
    match Origins::default().and(added) {
        Ok(origins) => {
            let url = match Url::parse(added) {
                Ok(url) => url,
                // A name that nobody can own is the user's own affair: it was named, and is compared to the letter.
                Err(
                    ParseError::IdnaError
                    | ParseError::InvalidDomainCharacter
                    | ParseError::InvalidIpv4Address,
                ) => return (Origins::default(), None),
                Err(error) => panic!("{added:?} is an origin, and url reads: {error}"),
            };
            assert!(names_nobody(&url), "{added:?} has user information");
            assert!(
                matches!(url.path(), "" | "/") && url.query().is_none(),
                "{added:?}"
            );
            assert!(
                url.scheme() == "https" || is_loopback(&url),
                "{added:?} is open to all on the way"
            );
            assert!(base_url.is_ok(), "{added:?} is an origin and no base URL");
            (origins, Some(url))
        }
        Err(error) => {
            assert!(error.is_invalid_configuration());
            assert!(base_url.is_err(), "{added:?} is a base URL and no origin");
            (Origins::default(), None)
        }
    }
}

fn check_uri(origins: &Origins, added: Option<&Url>, target: &str, uri: &Uri) {
    let request = http::Request::get(uri.clone())
        .body(())
        .expect("a target and nothing else");
    let allows = origins.allows(request.origin());
    // What a client connects to is told by the parsed target, what a user meant by the text.
    for text in [target, &uri.to_string()] {
        assert!(
            !allows || Url::parse(text).is_ok_and(|url| may_have_credential(&url, added)),
            "{text:?} gets a credential, and url reads {:?}",
            Url::parse(text)
        );
    }
    let layer = ApiKeyAuth::new(key()).origins(origins.clone());
    let mut before = HeaderMap::new();
    before.insert("accept", HeaderValue::from_static("*/*"));
    before.insert("x-api-key", HeaderValue::from_static("of-the-caller"));
    let headers = headers_sent(&layer, uri.clone(), before);
    // L5: one credential, ours in place of the caller's.
    assert_eq!(headers.contains_key("authorization"), allows);
    assert_eq!(headers.contains_key("x-api-key"), !allows);
    assert_eq!(headers.len(), 2);
}

fn check_url(origins: &Origins, added: Option<&Url>, url: Url) {
    let expected = may_have_credential(&url, added);
    // Written out by `url`, a good target has no tricks left: to withhold the credential there would be a bug too.
    if let (true, Ok(uri)) = (expected, url.as_str().parse::<Uri>()) {
        let request = http::Request::get(uri)
            .body(())
            .expect("a target and nothing else");
        assert!(origins.allows(request.origin()), "{url} gets no credential");
    }
    let request = reqwest::Request::new(http::Method::GET, url);
    let allows = origins.allows(request.origin());
    assert_eq!(allows, expected, "{}", request.url());
    let layer = ApiKeyAuth::new(key()).origins(origins.clone());
    let headers = headers_sent_by_reqwest(&layer, request);
    assert_eq!(headers.contains_key("authorization"), expected);
}

fn may_have_credential(url: &Url, added: Option<&Url>) -> bool {
    let is_of_mobula = url.scheme() == "https"
        && url.port_or_known_default() == Some(443)
        && url.host_str().is_some_and(|host| MOBULA.contains(&host));
    let is_added = added.is_some_and(|added| added.origin() == url.origin());
    let is_local = matches!(url.scheme(), "http" | "https") && is_loopback(url);
    names_nobody(url) && (is_of_mobula || is_local || is_added)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn names_nobody(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

fn key() -> ApiKey {
    ApiKey::new("fuzzed-origins-key").expect("visible ASCII")
}

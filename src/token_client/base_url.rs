//! Where Mobula's API is.

use std::fmt;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::error::{Error, Kind};
use crate::origins::Origins;

/// The scheme, host and port that every call goes to; the paths are fixed.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
}

impl BaseUrl {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let uri: Uri = text.parse().map_err(|_| not_a_base_url())?;
        if uri.scheme().is_some() && (uri.query().is_some() || !matches!(uri.path(), "" | "/")) {
            return Err(Error::new(
                Kind::InvalidConfiguration,
                "the base URL has a path: leave it off, as in https://api.mobula.io, the client adds its own",
            ));
        }
        // The same rules as for any place that a credential goes to: https or loopback, no user information.
        Origins::only([text])?;
        let parts = uri.into_parts();
        match (parts.scheme, parts.authority) {
            (Some(scheme), Some(authority)) => Ok(Self { scheme, authority }),
            _ => Err(not_a_base_url()),
        }
    }

    pub(super) fn join(&self, path_and_query: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(path_and_query);
        Uri::from_parts(parts).expect("a scheme, an authority and a path are a whole URI")
    }
}

impl Default for BaseUrl {
    fn default() -> Self {
        Self {
            scheme: Scheme::HTTPS,
            authority: Authority::from_static("api.mobula.io"),
        }
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

fn not_a_base_url() -> Error {
    Error::new(
        Kind::InvalidConfiguration,
        "a base URL is a scheme, a host and perhaps a port, such as https://api.mobula.io",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_https_or_loopback_without_a_path() {
        for url in [
            "https://api.mobula.io",
            "https://api.mobula.io/",
            "https://mobula.example.com:8443",
            "http://localhost:3000",
            "http://127.0.0.1:3000/",
            "http://[::1]:3000",
        ] {
            let joined = BaseUrl::parse(url)
                .unwrap()
                .join(PathAndQuery::from_static("/path?query"));
            let expected = format!("{}/path?query", url.trim_end_matches('/'));
            assert_eq!(joined.to_string(), expected);
        }
        for url in [
            "",
            "/",
            "api.mobula.io",
            "http://api.mobula.io",
            "ftp://api.mobula.io",
            "https://user@api.mobula.io",
            "https://user:pass@api.mobula.io",
            "https://api.mobula.io:port",
            "https://",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1@evil.example",
            " https://api.mobula.io",
        ] {
            let error = BaseUrl::parse(url).unwrap_err();
            assert!(error.is_invalid_configuration(), "{url}");
        }
        for url in [
            "https://api.mobula.io/api/1",
            "https://api.mobula.io/?a=b",
            "https://api.mobula.io//",
        ] {
            let message = BaseUrl::parse(url).unwrap_err().to_string();
            assert!(message.contains("leave it off"), "{url}: {message}");
        }
        assert_eq!(
            BaseUrl::default(),
            BaseUrl::parse("https://api.mobula.io").unwrap()
        );
    }
}
